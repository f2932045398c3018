"""Pages for the user, the researcher and the operator, rendered on the server."""
