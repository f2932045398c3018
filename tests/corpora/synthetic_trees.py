"""Small corpora in official layouts, written for a test."""

from __future__ import annotations

import csv
import io
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path


def recording(path: Path, content: int = 0, samples: int = 1600) -> Path:
    """A tenth of a second of quiet mono sound at 16 kHz; equal `content` gives equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(content.to_bytes(2, "little") * samples)
    return path


def table(path: Path, rows: Iterable[Sequence[str]], encoding: str = "utf-8") -> Path:
    """A CSV file with these rows."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def text(path: Path, content: str) -> Path:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path
