"""The daily budget: never more vectors than the policy says, whatever happens to process, clock,
disk and file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import storage
from sordino.device import DailyBudget, Reason, Runtime
from sordino.errors import ReleaseError
from tests.device.synthetic_sound_bundle import bundle

FIRST = date(2026, 1, 31)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A budget with two vectors spent on the first day."""
    assert spent(DailyBudget(tmp_path / "budget", on(FIRST)), 2) == [None, None]
    return tmp_path / "budget"


def on(day: date) -> Callable[[], date]:
    return lambda: day


def spent(budget: DailyBudget, times: int, per_day: int | None = 10) -> list[Reason | None]:
    return [budget.spend(per_day) for _ in range(times)]


def left(path: Path, day: date, per_day: int = 10) -> int:
    """The number of vectors that are still released that day."""
    return spent(DailyBudget(path, on(day)), 2 * per_day, per_day).count(None)


def test_the_limit_of_the_policy_holds(tmp_path: Path) -> None:
    budget = DailyBudget(tmp_path / "new" / "budget", on(FIRST))
    assert spent(budget, 5, 3) == [None] * 3 + [Reason.BUDGET_SPENT] * 2


def test_a_limit_of_zero_releases_nothing(tmp_path: Path) -> None:
    assert DailyBudget(tmp_path / "budget", on(FIRST)).spend(0) is Reason.BUDGET_SPENT


def test_a_policy_without_a_limit_is_counted_all_the_same(tmp_path: Path) -> None:
    budget = DailyBudget(tmp_path / "budget", on(FIRST))
    assert spent(budget, 12, None) == [None] * 12
    assert budget.spend(12) is Reason.BUDGET_SPENT


def test_it_survives_a_restart_and_is_new_on_the_next_day(file: Path) -> None:
    assert left(file, FIRST) == 8
    assert left(file, FIRST + timedelta(1)) == 10


def test_a_clock_set_back_gives_nothing_again(file: Path) -> None:
    assert left(file, FIRST - timedelta(1)) == 8
    assert left(file, date.min) == 0
    assert left(file, FIRST) == 0


def test_a_clock_set_ahead_spends_the_budget_of_that_day(file: Path) -> None:
    assert left(file, FIRST + timedelta(5)) == 10
    assert [left(file, FIRST + timedelta(days)) for days in range(7)] == [0, 0, 0, 0, 0, 0, 10]


def test_a_clock_that_was_ahead_gives_a_reason_of_its_own(file: Path) -> None:
    assert left(file, FIRST + timedelta(300)) == 10
    assert DailyBudget(file, on(FIRST + timedelta(300))).spend(10) is Reason.BUDGET_SPENT
    assert DailyBudget(file, on(FIRST + timedelta(299))).spend(10) is Reason.CLOCK_BEHIND
    assert DailyBudget(file, on(FIRST + timedelta(299))).spend(11) is None


def test_a_clock_with_hours_counts_by_day(file: Path) -> None:
    assert DailyBudget(file, lambda: datetime(2026, 1, 31, 23, tzinfo=UTC)).spend(3) is None
    assert (
        DailyBudget(file, lambda: datetime(2026, 1, 31, 1, tzinfo=UTC)).spend(3)
        is Reason.BUDGET_SPENT
    )


def test_several_policies_on_one_utterance_cost_one_each(tmp_path: Path) -> None:
    strict, lenient = (DailyBudget(tmp_path / "budget", on(FIRST)) for _ in range(2))
    assert [strict.spend(2), lenient.spend(5), strict.spend(2)] == [None, None, Reason.BUDGET_SPENT]
    assert spent(lenient, 4, 5) == [None] * 3 + [Reason.BUDGET_SPENT]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What is written from here on, and whether durably."""
    writes: list[tuple[str, bool]] = []
    write = storage.write

    def recording(
        path: Path, content: str, durable: bool = False, mode: int = storage.SHARED
    ) -> Path:
        writes.append((content, durable))
        return write(path, content, durable, mode)

    monkeypatch.setattr(storage, "write", recording)
    return writes


def test_several_vectors_are_released_together_or_not_at_all(
    tmp_path: Path, written: list[tuple[str, bool]]
) -> None:
    budget = DailyBudget(tmp_path / "budget", on(FIRST))
    assert [budget.spend(10, count) for count in (7, 4, 3)] == [None, Reason.BUDGET_SPENT, None]
    assert [text.split(" ")[1] for text, _ in written] == [
        "7",
        "10",
    ]  # one write for each, none for what stays
    assert left(tmp_path / "budget", FIRST) == 0


@pytest.mark.parametrize("count", [0, -3, 1.5, np.float64(2)])
def test_an_invalid_number_is_refused_and_not_counted(file: Path, count: int) -> None:
    with pytest.raises(
        ReleaseError, match=f"{count} vectors to count, expected a whole number, 1 or more"
    ):
        DailyBudget(file, on(FIRST)).spend(None, count)
    assert left(file, FIRST) == 8


def test_a_batch_over_the_limit_releases_and_costs_nothing(tmp_path: Path) -> None:
    runtime = Runtime(bundle(5), key=7, budget=DailyBudget(tmp_path / "budget", on(FIRST)))
    x = np.repeat(runtime.bundle.example(), 3, axis=0)
    assert len(runtime.release(x)) == 3
    with pytest.raises(
        ReleaseError,
        match="more vectors than the policy still allows today: more tomorrow: nothing",
    ):
        runtime.release(x)
    assert left(tmp_path / "budget", FIRST, 5) == 2


def test_a_running_process_remembers_the_count_of_a_removed_file(tmp_path: Path) -> None:
    budget = DailyBudget(tmp_path / "budget", on(FIRST))
    assert spent(budget, 2, 3) == [None, None]
    (tmp_path / "budget").unlink()
    assert spent(budget, 2, 3) == [None, Reason.BUDGET_SPENT]


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(days=st.lists(st.integers(0, 4), max_size=25), per_day=st.integers(0, 3))
def test_whatever_the_clock_does_no_day_has_more_than_its_budget(
    tmp_path_factory: pytest.TempPathFactory, days: list[int], per_day: int
) -> None:
    path = tmp_path_factory.mktemp("budget") / "budget"
    out: Counter[int] = Counter()
    for index, day in enumerate(days):  # a new process for every vector
        if DailyBudget(path, on(FIRST + timedelta(day))).spend(per_day) is None:
            out[max(days[: index + 1])] += 1
    assert all(count <= per_day for count in out.values())


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0" * 80,
        b"\xff\xfe",
        b"2026-01-31 2\n",
        b"2026-01-31 0 " + b"0" * 64 + b"\n",
        b"[" * 1000,
        b"2026-01-31 2 x" * 1000,
    ],
)
def test_a_damaged_file_releases_nothing_and_stays(file: Path, damage: bytes) -> None:
    file.write_bytes(damage)
    assert DailyBudget(file, on(FIRST + timedelta(1))).spend(10) is Reason.BUDGET_UNKNOWN
    assert file.read_bytes() == damage


def test_any_changed_byte_releases_nothing(file: Path) -> None:
    content = file.read_bytes()
    for index in range(len(content)):
        file.write_bytes(content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :])
        assert DailyBudget(file, on(FIRST)).spend(10) is Reason.BUDGET_UNKNOWN
        file.write_bytes(content[:index])
        assert DailyBudget(file, on(FIRST)).spend(10) is Reason.BUDGET_UNKNOWN


def test_an_unreadable_or_unwritable_path_releases_nothing(tmp_path: Path, file: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", file / "below_a_file", tmp_path / ("x" * 300)):
        assert DailyBudget(path, on(FIRST)).spend(10) is Reason.BUDGET_UNKNOWN


def test_a_full_disk_releases_nothing(file: Path) -> None:
    """The count is written before the release: without space, nothing is released."""
    code = f"""
import resource, signal
from datetime import date
from sordino.device import DailyBudget
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
print(DailyBudget({str(file)!r}, lambda: date(2026, 1, 31)).spend(10).name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "BUDGET_UNKNOWN\n"
    assert sorted(os.listdir(file.parent)) == ["budget", "budget.lock"]  # noqa: PTH208
    assert left(file, FIRST) == 8


@pytest.mark.slow
def test_two_processes_at_once_never_release_more(tmp_path: Path) -> None:
    code = f"""
from datetime import date
from sordino.device import DailyBudget
budget = DailyBudget({str(tmp_path / "budget")!r}, lambda: date(2026, 1, 31))
print([budget.spend(40) for _ in range(30)].count(None))
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 40


def test_a_lock_that_never_comes_lets_nothing_out(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sordino.device.budget.TRIES", 3)
    code = f"""
import fcntl, sys
lock = open({str(file) + ".lock"!r}, "ab")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert DailyBudget(file, on(FIRST)).spend(10) is Reason.BUDGET_UNKNOWN
        holder.communicate()
    assert left(file, FIRST) == 8  # its end let go of the lock


def test_the_count_is_on_the_disk_before_it_is_told(
    file: Path, written: list[tuple[str, bool]]
) -> None:
    assert DailyBudget(file, on(FIRST)).spend(10) is None
    assert [durable for _, durable in written] == [True]
