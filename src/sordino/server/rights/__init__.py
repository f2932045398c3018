"""The rights of a user: consent, export, deletion, retention, and the log of every use."""
