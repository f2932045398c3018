"""Which rows are drawn from a large table, and that neither time nor memory is taken before it is
there.
"""

from __future__ import annotations

import numpy as np
import pytest

from sordino import memory
from sordino.attack import FULL, QUICK, Audit, row_sampling
from sordino.errors import AttackError

COLUMNS = {QUICK: 200, FULL: 40}


@pytest.mark.parametrize("families", [QUICK, FULL], ids=["quick", "full"])
@pytest.mark.parametrize("dimensions", [2, 64])
def test_a_large_table_is_predicted_to_end_in_two_minutes(
    families: tuple[str, ...], dimensions: int
) -> None:
    rows = row_sampling.count(200_000, dimensions, families, COLUMNS[families])
    assert row_sampling.LEAST < rows <= row_sampling.LARGE
    assert (
        row_sampling.seconds(rows, dimensions, families, COLUMNS[families])
        <= row_sampling.SECONDS
        <= 120
    )


def test_rows_of_more_dimensions_are_fewer() -> None:
    rows = [row_sampling.count(200_000, dimensions, QUICK, 200) for dimensions in (64, 1000, 5000)]
    assert rows == sorted(set(rows), reverse=True)


def test_a_family_of_unknown_cost_counts_as_the_dearest() -> None:
    known = max(row_sampling.seconds(1000, 64, (family,), 40) for family in row_sampling.COSTS)
    assert row_sampling.seconds(1000, 64, ("new",), 40) >= known
    assert row_sampling.count(200_000, 64, (*QUICK, "new"), 200) < row_sampling.count(
        200_000, 64, QUICK, 200
    )


def test_every_family_has_a_cost() -> None:
    assert set(FULL) - set(QUICK) == set(row_sampling.COSTS)


def test_a_small_table_is_audited_whole() -> None:
    assert row_sampling.count(1440, 6373, FULL, 40) == 1440


def test_rows_that_are_asked_for_are_taken_as_they_are() -> None:
    assert row_sampling.count(200_000, 64, FULL, 40, asked=3000) == 3000


def test_rows_are_fewer_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda: 200_000_000)
    rows = row_sampling.count(200_000, 64, QUICK, 200, processes=2)
    assert 200 <= rows < 1500
    assert row_sampling.needed(rows, 64, 200, 2) <= 200_000_000


def test_more_rows_than_memory_holds_are_refused_in_one_line() -> None:
    x, speaker = np.zeros((100_000, 1), np.float32), np.arange(100_000) % 50
    with pytest.raises(
        AttackError,
        match=r"100,000 rows of 1 dimensions take about 7\d+\.\d GB of memory in 1 process",
    ):
        Audit(QUICK, rows=100_000).run(x, speaker % 2, speaker)


def test_the_limit_of_the_address_space_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 20, 1 << 20))
    assert memory.free() == 0


def counts(speaker: np.ndarray, rows: np.ndarray) -> list[int]:
    return sorted(np.unique(speaker[rows], return_counts=True)[1].tolist())


def test_rows_are_drawn_evenly_and_every_speaker_stays() -> None:
    speaker = np.repeat(np.arange(300), np.arange(1, 301))
    rows = row_sampling.drawn(speaker, speaker % 2, 900, 0)
    assert len(rows) == 900
    assert len(np.unique(speaker[rows])) == 300
    assert set(counts(speaker, rows)) <= {1, 2, 3, 4}


def test_of_two_speakers_half_the_rows_are_each_ones() -> None:
    speaker = np.repeat(["a", "b"], [150_000, 50_000])
    assert counts(speaker, row_sampling.drawn(speaker, speaker == "a", 1000, 0)) == [500, 500]


def test_of_many_speakers_some_are_drawn_with_several_rows() -> None:
    speaker = np.repeat(np.arange(20_000), 10)
    rows = row_sampling.drawn(speaker, speaker % 2, 2500, 0)
    assert counts(speaker, rows) == [5] * 500


def test_a_rare_value_keeps_its_speakers() -> None:
    speaker = np.repeat(np.arange(20_000), 10)
    secret = np.where(speaker < 12, "rare", "usual")
    rows = row_sampling.drawn(speaker, secret, 2500, 0)
    assert len(np.unique(speaker[rows][secret[rows] == "rare"])) >= row_sampling.RAREST


def test_the_same_seed_draws_the_same_rows() -> None:
    speaker = np.repeat(np.arange(2000), 5)
    first, again, other = (
        row_sampling.drawn(speaker, speaker % 2, 1000, seed) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()
