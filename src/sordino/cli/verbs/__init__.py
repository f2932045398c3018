"""The verbs of the command line: one a file, loaded when it is called."""

from __future__ import annotations
