"""The progress bar has the workers of a cluster at its end."""

from __future__ import annotations

import io

import pytest

from sordino.progress import NOTE, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_ends_with_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    token = NOTE.set(lambda: "2 workers, 1 failed")
    try:
        assert list(track(range(3), "units", 3)) == [0, 1, 2]
    finally:
        NOTE.reset(token)
    bar = terminal.getvalue()
    assert "units" in bar
    assert "3/3" in bar
    assert "2 workers, 1 failed" in bar
