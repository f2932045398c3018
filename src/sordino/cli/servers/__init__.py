"""The verbs that run or keep a server, one per module."""
