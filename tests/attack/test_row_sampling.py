"""The sample of rows of a large table, within limits of time and memory."""

from __future__ import annotations

import numpy as np
import pytest

from sordino import memory
from sordino.attack import FULL, QUICK, QUICK_TABLE, Audit, row_sampling
from sordino.errors import AttackError

COLUMNS = {QUICK: 200, QUICK_TABLE: 200, FULL: 40}


@pytest.mark.parametrize("families", [QUICK, QUICK_TABLE, FULL], ids=["quick", "table", "full"])
@pytest.mark.parametrize("dimensions", [2, 64])
def test_a_large_table_is_predicted_to_end_in_two_minutes(
    families: tuple[str, ...], dimensions: int
) -> None:
    rows = row_sampling.count_rows(200_000, dimensions, families, COLUMNS[families])
    assert row_sampling.MIN_ROWS < rows <= row_sampling.MAX_ROWS
    assert (
        row_sampling.predict_seconds(rows, dimensions, families, COLUMNS[families])
        <= row_sampling.TIME_LIMIT_SECONDS
        <= 120
    )


def test_rows_of_more_dimensions_are_fewer() -> None:
    rows = [
        row_sampling.count_rows(200_000, dimensions, QUICK, 200) for dimensions in (64, 1000, 5000)
    ]
    assert rows == sorted(set(rows), reverse=True)


def test_a_family_of_unknown_cost_counts_as_the_dearest() -> None:
    dearest = max(
        row_sampling.predict_seconds(1000, 64, (family,), 40)
        for family in row_sampling.FAMILY_COSTS
    )
    assert row_sampling.predict_seconds(1000, 64, ("new",), 40) >= dearest
    assert row_sampling.count_rows(200_000, 64, (*QUICK, "new"), 200) < row_sampling.count_rows(
        200_000, 64, QUICK, 200
    )


def test_every_family_has_a_cost() -> None:
    assert set(FULL) - set(QUICK_TABLE) == set(row_sampling.FAMILY_COSTS)


def test_a_small_table_is_audited_whole() -> None:
    assert row_sampling.count_rows(1440, 6373, FULL, 40) == 1440


def test_a_requested_number_of_rows_is_used() -> None:
    assert row_sampling.count_rows(200_000, 64, FULL, 40, limit=3000) == 3000


def test_rows_are_fewer_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda: 200_000_000)
    rows = row_sampling.count_rows(200_000, 64, QUICK, 200, processes=2)
    assert 200 <= rows < 1500
    assert row_sampling.predict_bytes(rows, 64, 200, 2) <= 200_000_000


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
    rows = row_sampling.sample_rows(speaker, speaker % 2, 900, 0)
    assert len(rows) == 900
    assert len(np.unique(speaker[rows])) == 300
    assert set(counts(speaker, rows)) <= {1, 2, 3, 4}


def test_two_speakers_have_equal_numbers_of_rows() -> None:
    speaker = np.repeat(["a", "b"], [150_000, 50_000])
    assert counts(speaker, row_sampling.sample_rows(speaker, speaker == "a", 1000, 0)) == [500, 500]


def test_of_many_speakers_some_are_drawn_with_several_rows() -> None:
    speaker = np.repeat(np.arange(20_000), 10)
    rows = row_sampling.sample_rows(speaker, speaker % 2, 2500, 0)
    assert counts(speaker, rows) == [5] * 500


def test_a_rare_value_keeps_its_speakers() -> None:
    speaker = np.repeat(np.arange(20_000), 10)
    secret = np.where(speaker < 12, "rare", "usual")
    rows = row_sampling.sample_rows(speaker, secret, 2500, 0)
    assert (
        len(np.unique(speaker[rows][secret[rows] == "rare"])) >= row_sampling.MIN_SPEAKERS_PER_VALUE
    )


def test_a_rare_value_of_a_further_secret_keeps_its_speakers() -> None:
    speaker = np.repeat(np.arange(20_000), 10)
    rows = np.arange(len(speaker))
    constant, varying = (speaker < 12).astype(np.intp), (rows % 1000 == 7).astype(np.intp)
    unknown = np.full(len(speaker), -1)
    drawn = row_sampling.sample_rows(
        speaker, speaker % 2, 2500, 0, [constant, varying, unknown, np.arange(len(speaker)) % 24]
    )
    assert len(drawn) == 2500
    for secret in (constant, varying):
        with_value = np.unique(speaker[drawn][secret[drawn] == 1])
        assert len(with_value) >= row_sampling.MIN_SPEAKERS_PER_VALUE
    assert set(counts(speaker, drawn)) <= {4, 5, 6}


def test_further_secrets_without_values_change_no_row() -> None:
    speaker = np.repeat(np.arange(2000), 5)
    plain, same = (
        row_sampling.sample_rows(speaker, speaker % 2, 1000, 0, further)
        for further in ((), [np.full(len(speaker), -1)])
    )
    assert (plain == same).all()


def test_the_same_seed_draws_the_same_rows() -> None:
    speaker = np.repeat(np.arange(2000), 5)
    first, same, second = (
        row_sampling.sample_rows(speaker, speaker % 2, 1000, seed) for seed in (0, 0, 1)
    )
    assert (first == same).all()
    assert (first != second).any()
