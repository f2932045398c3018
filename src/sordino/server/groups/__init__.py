"""Statistics of groups: of at least ten users, released once, and private where asked."""
