"""A queue of released vectors on the disk, and the sender that brings it to a server."""
