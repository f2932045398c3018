"""Tests of access to the server."""
