"""A missing microphone is an error with a next step; its blocks are a stream."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sordino.device.sound import microphone
from sordino.errors import DependencyError


def test_without_sounddevice_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DependencyError, match=r'pip install "\.\[microphone\]"'):
        microphone.listen()


def test_without_portaudio_the_error_names_the_system_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`sounddevice` raises OSError on import where the library is missing."""
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DependencyError, match="libportaudio2"):
        microphone.listen()
