"""One budget whatever its file is called, who removes its lock, and what the clock shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino.device import DailyBudget, Reason, budget
from sordino.device.day_count import NO_COUNT, parse_count
from sordino.errors import ReleaseError, StorageError

FIRST = date(2026, 1, 31)
FAR = date(9999, 12, 30)

SPENDER = """
import sys
from datetime import date
from sordino.device import DailyBudget
budgets = [DailyBudget(path, lambda: date(2026, 1, 31)) for path in sys.argv[3:]]
results = [budgets[turn % len(budgets)].spend(int(sys.argv[1])) for turn in range(int(sys.argv[2]))]
print(results.count(None))
"""


def on(day: date) -> Callable[[], date]:
    return lambda: day


def released(path: Path, day: date, per_day: int = 10) -> int:
    """How many vectors a new process still releases that day."""
    daily = DailyBudget(path, on(day))
    return [daily.spend(per_day) for _ in range(2 * per_day)].count(None)


def processes(names: list[list[Path]], per_day: int, turns: int) -> int:
    """How many vectors several processes release at once, each under names of its own."""
    commands = [
        [sys.executable, "-c", SPENDER, str(per_day), str(turns), *map(str, paths)]
        for paths in names
    ]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    return sum(int(process.communicate(timeout=120)[0]) for process in started)


@contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[None]:
    """Repeat an action in a thread, without a pause, as long as this lasts."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.slow
def test_a_removed_lock_gives_no_more(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    with meanwhile(lambda: path.with_name("budget.lock").unlink(missing_ok=True)):
        total = processes([[path]] * 4, per_day=20, turns=15)
    assert 0 < total <= 20


def test_links_and_relative_names_are_one_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "budget")
    monkeypatch.chdir(tmp_path)
    names = [
        tmp_path / "real" / "budget",
        tmp_path / "link",
        tmp_path / "folder" / "budget",
        Path("real/../link"),
    ]
    assert sum(released(name, FIRST) for name in [*names, *reversed(names)]) == 10
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "budget").stat().st_mode & 0o777 == 0o600


def test_processes_under_two_names_share_a_budget(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "budget")
    assert processes([[tmp_path / "budget"], [tmp_path / "link"]], per_day=10, turns=12) == 10


def test_a_link_replaced_by_a_file_gives_no_more(tmp_path: Path) -> None:
    real, link = tmp_path / "budget", tmp_path / "link"
    link.symlink_to(real)
    running = DailyBudget(link, on(FIRST))
    assert [running.spend(10) for _ in range(9)] == [None] * 9
    link.unlink()  # as a program did that renamed over the link
    link.write_bytes(real.read_bytes())
    real.unlink()
    real.symlink_to(link)
    assert running.spend(10) is None
    assert running.spend(10) is Reason.BUDGET_SPENT
    assert released(link, FIRST) + released(real, FIRST) == 0


def test_a_working_folder_that_changes_moves_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    running = DailyBudget("budget", on(FIRST))
    assert running.spend(1) is None
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert running.spend(1) is Reason.BUDGET_SPENT
    assert not list(Path.cwd().iterdir())


def test_a_second_hard_link_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    assert DailyBudget(path, on(FIRST)).spend(10) is None
    (tmp_path / "copy").hardlink_to(path)
    for name in (path, tmp_path / "copy"):
        assert DailyBudget(name, on(FIRST)).spend(10) is Reason.BUDGET_UNKNOWN
    (tmp_path / "copy").unlink()
    assert released(path, FIRST) == 9


@pytest.mark.parametrize("name", ["budget", "budget.lock"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling link", "loop"])
def test_what_is_no_file_releases_nothing(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "loop" else tmp_path / "absent" / "x")
    if (name, kind) in (("budget", "dangling link"), ("budget.lock", "pipe")):
        assert (
            released(tmp_path / "budget", FIRST) == 10
        )  # the link's target is made; a pipe can be locked
    else:
        assert DailyBudget(tmp_path / "budget", on(FIRST)).spend(10) is Reason.BUDGET_UNKNOWN


def test_a_lock_never_waits_for_the_reader_of_a_folder(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        assert released(tmp_path / "budget", FIRST) == 10
    finally:
        os.close(handle)


@pytest.mark.slow
@pytest.mark.parametrize(("back", "silent"), [(0, 2), (1, 1), (2, 0), (40, 0)])
def test_a_clock_at_year_9999_costs_one_day(tmp_path: Path, back: int, silent: int) -> None:
    """The day after the first is spent in advance; the first one was spent already."""
    path = tmp_path / "budget"
    assert [released(path, day) for day in (FIRST, FAR)] == [10, 10]
    days = [FIRST + timedelta(back + later) for later in range(5)]
    assert [released(path, day) for day in days] == [0] * silent + [10] * (5 - silent)


def test_a_first_clock_at_year_9999_does_not_last(tmp_path: Path) -> None:
    assert [released(tmp_path / "budget", day) for day in (FAR, FIRST, FAR, FIRST)] == [
        10,
        10,
        10,
        0,
    ]


def test_a_clock_that_leaps_and_returns_gives_one_day(tmp_path: Path) -> None:
    days = [FIRST, FAR] * 20
    assert sum(released(tmp_path / "budget", day, 2) for day in days) == 4


def test_a_year_without_use_gives_no_budgets_afterwards(tmp_path: Path) -> None:
    days = [
        FIRST,
        FIRST + timedelta(366),
        *(FIRST + timedelta(day) for day in (5, 366, 200, 366, 365, 366)),
    ]
    assert [released(tmp_path / "budget", day) for day in days] == [10, 10, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("clock", [date.min, date(1970, 1, 1), date.max])
def test_a_clock_that_stands_still_gives_one_budget(tmp_path: Path, clock: date) -> None:
    assert [released(tmp_path / "budget", clock) for _ in range(3)] == [10, 0, 0]


def test_a_clock_at_1970_after_each_start_costs_nothing(tmp_path: Path) -> None:
    path, boot = tmp_path / "budget", date(1970, 1, 1)
    for day in range(4):
        today = FIRST + timedelta(day)
        assert [released(path, clock) for clock in (boot, today)][1] == 10
        assert [released(path, clock) for clock in (boot, boot + timedelta(3), today)] == [0, 0, 0]


DAYS = st.lists(st.integers(0, 12) | st.sampled_from([-3000, -1, 400, 401, 2_000_000]), max_size=40)


@settings(max_examples=200, deadline=None)
@given(days=DAYS)
def test_no_clock_gives_more_budgets_than_days_are_used(days: list[int]) -> None:
    count = NO_COUNT.on(FIRST).plus(1)
    budgets = 1
    for day in days:
        later = count.on(FIRST + timedelta(day))
        budgets += later.spent == 0
        assert (later.last_day > count.last_day) == (later.spent == 0)
        count = later.plus(1)
        assert budgets <= (count.last_day - FIRST).days + 1
        assert parse_count(count.text) == count


@settings(max_examples=200, deadline=None)
@given(days=DAYS)
def test_a_clock_that_is_right_again_begins_new_days(days: list[int]) -> None:
    count = NO_COUNT.on(FIRST)
    for day in days:
        count = count.on(FIRST + timedelta(day)).plus(1)
    for later in range(1, 4):
        count = count.on(max(count.last_day, FIRST) + timedelta(later)).plus(1)
        assert count.spent == 1


def test_a_reset_gives_the_day_back_and_keeps_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    running = DailyBudget(path, on(FIRST))
    assert released(path, FIRST) == 10
    assert running.spend(10) is Reason.BUDGET_SPENT
    before = path.read_text()
    log = budget.reset(path, FIRST, "a test\nof \x1b resets")
    assert running.spend(10) is Reason.BUDGET_SPENT  # until it starts again
    assert released(path, FIRST) == 10
    budget.reset(path, FIRST, "again")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["reason"] for line in lines] == ["a test\nof \x1b resets", "again"]
    assert (lines[0]["before"], log.stat().st_mode & 0o777) == (before, 0o600)


def test_a_reset_needs_a_reason_and_a_place(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no reason, expected one for the log"):
        budget.reset(tmp_path / "budget", FIRST, " ")
    (tmp_path / "budget.resets").mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        budget.reset(tmp_path / "budget", FIRST, "why")
    assert not (tmp_path / "budget").exists()


def test_a_damaged_file_is_reset_with_its_bytes_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    path.write_bytes(b"\xff026-01-01 3 damaged")
    with pytest.raises(
        StorageError, match="not a trusted count, expected the file that sordino wrote"
    ):
        budget.read(path)
    log = budget.reset(path, FIRST, "damaged")
    assert "026-01-01 3 damaged" in json.loads(log.read_text())["before"]
    assert budget.read(path).spent == 0


@pytest.mark.parametrize("text", ["thesis", "2026-01-01 3\n" * 2, "2026-01-01 3" + " " * 1000])
def test_a_reset_leaves_a_file_that_is_no_count(text: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(StorageError, match="not a count, expected the file of a budget"):
        budget.reset(path, FIRST, "a wrong path")
    assert (path.read_text(), (tmp_path / "notes.txt.resets").exists()) == (text, False)
