"""Networks and their training; nothing here knows of corpora or files."""
