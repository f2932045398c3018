"""Tables, their migrations, and the separate store of the users' keys."""
