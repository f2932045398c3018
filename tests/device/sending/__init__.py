"""Tests of the queue and the sender, against a server of their own."""
