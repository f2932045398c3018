"""Sound on a device: the microphone, the stream, its utterances, and synthetic sound for tests."""

from __future__ import annotations
