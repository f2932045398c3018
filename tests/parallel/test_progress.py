"""Progress is a bar on a terminal, lines in a file, and nothing if it is unwanted."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from sordino import progress
from sordino.cli import main
from sordino.progress import LINE_SECONDS, MOST_LINES, NO_PROGRESS, NOTE, SILENT_SECONDS, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass with each unit."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def units(self, seconds: list[float]) -> Iterator[float]:
        for length in seconds:
            self.now += length
            yield length


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    for name, seconds in (("LINE_SECONDS", LINE_SECONDS), ("SILENT_SECONDS", SILENT_SECONDS)):
        monkeypatch.setattr(progress, name, seconds)
    return clock


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


def test_every_long_unit_has_a_line_with_the_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(track(clock.units([60.0, 60.0, 30.0]), "units", 3)) == [60.0, 60.0, 30.0]
    assert capsys.readouterr().err.splitlines() == [
        "units: 1 of 3, 0:02:00 left",
        "units: 2 of 3, 0:01:00 left",
        "units: 3 of 3, took 0:02:30",
    ]


def test_many_short_units_share_lines(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    list(track(clock.units([1.0] * 5000), "files", 5000))
    lines = capsys.readouterr().err.splitlines()
    assert MOST_LINES <= len(lines) <= 5000 / SILENT_SECONDS + 2
    assert lines[0] == "files: 5 of 5,000, 1:23:15 left"
    assert lines[-1] == "files: 5,000 of 5,000, took 1:23:20"
    list(track(clock.units([0.01] * 5000), "files", 5000))
    assert len(capsys.readouterr().err.splitlines()) == 10


def test_short_work_and_quiet_work_print_nothing(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(track(clock.units([1.0] * 4), "units", 4))
    token = NO_PROGRESS.set(True)
    try:
        list(track(clock.units([60.0] * 4), "units", 4))
        monkeypatch.setattr("sys.stderr", Terminal())
        assert list(track(clock.units([60.0]), "units", 1)) == [60.0]
    finally:
        NO_PROGRESS.reset(token)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["--quiet", "budget"], ["budget", "--quiet"]])
def test_quiet_may_stand_anywhere_and_ends_with_the_command(arguments: list[str]) -> None:
    for words, quiet in ((arguments, True), (["budget"], False)):
        with pytest.raises(SystemExit):
            main(words)
        assert NO_PROGRESS.get() is quiet
