"""Rows are padded and dealt into batches without loss, double or mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sordino.errors import FeatureError
from sordino.nn.sequences import Sequences, bucketed, by_length, mask


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(lengths: list[int], width: int = 2) -> Sequences:
    """Rows that can be told by their first number."""
    return Sequences.of(
        audio=[np.full((length, width), index + 1.0) for index, length in enumerate(lengths)]
    )


def two_streams() -> Sequences:
    return Sequences.of(
        text=[np.ones((n, 3)) * n for n in (4, 1, 2)],
        audio=[np.ones((n, 2)) * n for n in (5, 9, 7)],
    )


def test_a_batch_has_the_requested_rows_padded_with_zeros() -> None:
    batch = two_streams().pad([2, 0])
    assert {name: tuple(values.shape) for name, values in batch.items()} == {
        "audio": (2, 7, 2),
        "audio_length": (2,),
        "text": (2, 4, 3),
        "text_length": (2,),
    }
    assert batch["audio_length"].tolist() == [7, 5]
    assert batch["text_length"].tolist() == [2, 4]
    assert batch["audio"][..., 0].tolist() == [[7] * 7, [5] * 5 + [0] * 2]
    assert batch["text"][..., 2].tolist() == [[2, 2, 0, 0], [4] * 4]


def test_selected_rows_are_those_rows_in_that_order() -> None:
    chosen = two_streams().select(np.array([2, 0, 2]))
    assert len(chosen) == 3
    assert {name: lengths.tolist() for name, lengths in chosen.lengths.items()} == {
        "audio": [7, 5, 7],
        "text": [2, 4, 2],
    }
    assert torch.equal(chosen.pad([1])["text"], two_streams().pad([0])["text"])


def test_a_single_stream_is_selected_and_audio_stands_first() -> None:
    assert list(two_streams().widths.items()) == [("audio", 2), ("text", 3)]
    assert two_streams().only("text").widths == {"text": 3}
    assert Sequences.of(audio=None, text=[np.ones((1, 3))]).widths == {"text": 3}


def test_arrays_are_copied() -> None:
    array, tensor = np.zeros((2, 2), dtype=np.float32), torch.zeros(2, 2)
    copied = Sequences.of(audio=[array, tensor])
    array[:], tensor[:] = 7, 7
    assert not copied.pad([0, 1])["audio"].any()


def test_arrays_that_may_not_be_written_to_are_taken() -> None:
    array = np.zeros((2, 2), dtype=np.float16)
    array.flags.writeable = False
    assert Sequences.of(audio=[array]).pad([0])["audio"].dtype == torch.float32


def test_the_mask_is_one_for_steps_and_zero_for_padding() -> None:
    assert mask(torch.tensor([2, 0, 3]), 4).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]]


LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=60)


@given(LENGTHS, st.integers(1, 9), st.floats(0, 5), st.integers(0, 2**31))
def test_every_row_is_in_one_batch_of_an_epoch(
    lengths: list[int], size: int, jitter: float, seed: int
) -> None:
    batches = bucketed(rows(lengths), size, seeded(seed), jitter)
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == math.ceil(len(lengths) / size)
    assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)


@given(LENGTHS, st.integers(1, 9))
def test_batches_by_length_have_each_row_once_in_rising_length(
    lengths: list[int], size: int
) -> None:
    order = torch.cat(by_length(rows(lengths), size)).tolist()
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[row] for row in order] == sorted(lengths)


def test_epochs_differ_and_a_seed_repeats_them() -> None:
    sequences, first, second = rows(list(range(1, 101))), seeded(0), seeded(0)
    epochs = [[batch.tolist() for batch in bucketed(sequences, 8, first)] for _ in range(3)]
    assert epochs == [
        [batch.tolist() for batch in bucketed(sequences, 8, second)] for _ in range(3)
    ]
    partners = [{frozenset(batch) for batch in epoch} for epoch in epochs]
    assert len(partners[0] & partners[1]) <= 2  # the very shortest always meet
    assert epochs[0][0] != epochs[1][0]


def test_batches_are_not_in_order_of_length() -> None:
    sequences = rows(list(range(1, 101)))
    means = [
        float(sequences.lengths["audio"][batch].float().mean())
        for batch in bucketed(sequences, 10, seeded(0))
    ]
    assert means != sorted(means)


def test_bucketing_pads_a_fraction_of_what_random_batches_pad() -> None:
    lengths = np.exp(np.random.default_rng(0).normal(5, 0.6, size=400)).astype(int) + 1
    sequences = rows(lengths.tolist(), width=1)

    def padding(batches: Sequence[Tensor]) -> float:
        frames = sum(len(batch) * int(lengths[batch.numpy()].max()) for batch in batches)
        return frames / int(lengths.sum()) - 1

    assert (
        padding(torch.randperm(400, generator=seeded(1)).split(16)) > 1
    )  # twice the frames and more
    assert padding(bucketed(sequences, 16, seeded(1))) < 0.25


@given(LENGTHS, st.integers(1, 9), st.floats(0, 2), st.integers(0, 2**31))
def test_a_batch_holds_no_row_that_jitter_could_not_bring_there(
    lengths: list[int], size: int, jitter: float, seed: int
) -> None:
    batches = [
        [lengths[row] for row in batch]
        for batch in bucketed(rows(lengths), size, seeded(seed), jitter)
    ]
    for first, second in combinations(
        batches, 2
    ):  # all jittered lengths of one lie below those of the other
        reach = 1.001 * (1 + jitter)
        assert max(first) <= reach * min(second) or max(second) <= reach * min(first)


def test_both_streams_are_bucketed_by_the_audio() -> None:
    sequences = Sequences.of(
        audio=[np.ones((n, 1)) for n in range(1, 41)],
        text=[np.ones((41 - n, 1)) for n in range(1, 41)],
    )
    spread = [
        int(sequences.lengths["audio"][batch].max() - sequences.lengths["audio"][batch].min())
        for batch in by_length(sequences, 8)
    ]
    assert spread == [7] * 5


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ({}, r"streams \[\] came"),
        ({"video": [np.ones((2, 2))]}, r"streams \['video'\] came"),
        ({"audio": []}, "0 of audio; expected one row or more"),
        (
            {"audio": [np.ones((2, 2))], "text": [np.ones((1, 2))] * 2},
            "1 of audio, 2 of text; expected",
        ),
        (
            {"audio": [np.ones((2, 2)), np.ones((0, 2))]},
            r"row 1 of audio is \(0, 2\), expected \(1 step or more, 2\)",
        ),
        ({"audio": [np.ones((2, 2)), np.ones((2, 3))]}, r"row 1 of audio is \(2, 3\)"),
        ({"text": [np.ones(2)]}, r"row 0 of text is \(2,\)"),
        (
            {"audio": [np.ones((2, 2)), np.array([[1.0, np.nan]])]},
            "row 1 of audio is not all finite",
        ),
        ({"audio": [np.array([[1.0, np.inf]])]}, "row 0 of audio is not all finite"),
    ],
)
def test_what_no_network_can_read_is_refused(
    streams: dict[str, list[np.ndarray]], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        Sequences.of(**streams)


def test_a_stream_that_is_not_there_cannot_be_taken() -> None:
    with pytest.raises(FeatureError, match="no text here, expected audio"):
        rows([1, 2]).only("audio", "text")


def test_no_rows_cannot_be_selected() -> None:
    with pytest.raises(FeatureError, match="0 of audio"):
        rows([1, 2]).select([])
