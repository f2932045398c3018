"""Utterances as sequences: frames of sound and words of text, padded to batches of like length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sordino.errors import FeatureError
from sordino.nn.fit import Batch

STREAMS = ("audio", "text")
"""The streams of an utterance, in the order in which embeddings are joined."""

Positions = Sequence[int] | NDArray[np.integer[Any]] | Tensor


@dataclass(frozen=True)
class Sequences:
    """Rows of one stream or two: `{"audio": frames of each row, "text": vectors of its words}`.

    Each row of each stream is a `(steps, width)` float32 tensor with one or more steps and the
    width of the stream. The results of `select` and `only` share these tensors; no code writes to
    them.

    >>> rows = Sequences.of(audio=[np.ones((5, 40)), np.ones((2, 40))])
    >>> batch = rows.pad([1, 0])
    >>> batch["audio"].shape, batch["audio_length"]
    (torch.Size([2, 5, 40]), tensor([2, 5]))
    """

    streams: Mapping[str, tuple[Tensor, ...]]

    def __post_init__(self) -> None:
        if not self.streams or not set(self.streams) <= set(STREAMS):
            raise FeatureError(
                f"streams {sorted(self.streams)} came, expected audio, text or both: name them so"
            )
        object.__setattr__(
            self, "streams", {name: self.streams[name] for name in STREAMS if name in self.streams}
        )
        counts = {name: len(rows) for name, rows in self.streams.items()}
        if len(set(counts.values())) > 1 or not all(counts.values()):
            came = ", ".join(f"{count} of {name}" for name, count in counts.items())
            raise FeatureError(
                f"rows: {came}; expected one row or more, equally many a stream: align the streams"
            )
        for name, rows in self.streams.items():
            _check(name, rows)

    @classmethod
    def of(cls, **streams: Iterable[NDArray[np.floating[Any]] | Tensor] | None) -> Sequences:
        """Sequences from arrays `(steps, width)` of any float type, which are copied; a stream that
        is None is left out.
        """
        arrays = {name: rows for name, rows in streams.items() if rows is not None}
        return cls({name: tuple(map(_copied, rows)) for name, rows in arrays.items()})

    def __len__(self) -> int:
        return len(next(iter(self.streams.values())))

    @property
    def widths(self) -> dict[str, int]:
        """Dimensions of a step, by stream."""
        return {name: rows[0].shape[1] for name, rows in self.streams.items()}

    @property
    def lengths(self) -> dict[str, Tensor]:
        """Steps of each row, `(n,)`, by stream."""
        return {
            name: torch.tensor([len(row) for row in rows]) for name, rows in self.streams.items()
        }

    def select(self, rows: Positions) -> Sequences:
        """The rows at these positions, in this order."""
        chosen = _positions(rows)
        return Sequences(
            {name: tuple(values[row] for row in chosen) for name, values in self.streams.items()}
        )

    def only(self, *names: str) -> Sequences:
        """These streams of all rows. Raises `FeatureError` for an absent stream."""
        if missing := sorted(set(names) - set(self.streams)):
            raise FeatureError(
                f"no {' and '.join(missing)} here, expected {', '.join(self.streams)}: add the "
                "stream"
            )
        return Sequences({name: self.streams[name] for name in names})

    def pad(self, rows: Positions) -> Batch:
        """Some rows as a batch: by stream, `audio` `(n, longest, width)` with zeros at the end of
        short rows and `audio_length` `(n,)`; `text` likewise.
        """
        chosen = _positions(rows)
        batch: dict[str, Tensor] = {}
        for name, values in self.streams.items():
            picked = [values[row] for row in chosen]
            batch[name] = pad_sequence(picked, batch_first=True)
            batch[f"{name}_length"] = torch.tensor([len(row) for row in picked])
        return batch


def mask(lengths: Tensor, longest: int) -> Tensor:
    """1 where a row has a step and 0 where it is padded: `(n,)` to `(n, longest)` float32.

    >>> mask(torch.tensor([1, 3]), 3)
    tensor([[1., 0., 0.],
            [1., 1., 1.]])
    """
    return (torch.arange(longest, device=lengths.device) < lengths[:, None]).float()


def bucketed(
    rows: Sequences, size: int, generator: torch.Generator, jitter: float = 0.2
) -> list[Tensor]:
    """Row positions of one epoch's batches: each row once, rows of similar length together, batches
    in random order.

    Rows are sorted by their length (of the first stream) times a new random number from 1 to 1 +
    `jitter` for every epoch, and cut into batches of `size`. So a row is padded to little more than
    1 + `jitter` times its length, and its batch changes from epoch to epoch. More jitter mixes more
    and pads more.
    """
    lengths = next(iter(rows.lengths.values()))
    order = (lengths * (1 + jitter * torch.rand(len(rows), generator=generator))).argsort(
        stable=True
    )
    batches = torch.split(order, size)
    return [batches[index] for index in torch.randperm(len(batches), generator=generator).tolist()]


def by_length(rows: Sequences, size: int) -> list[Tensor]:
    """Row positions of batches of `size` rows, shortest first: the least padding, for inference."""
    return list(torch.split(next(iter(rows.lengths.values())).argsort(stable=True), size))


def _positions(rows: Positions) -> list[int]:
    return [int(row) for row in rows]


def _copied(row: NDArray[np.floating[Any]] | Tensor) -> Tensor:
    return (
        row.detach().clone().float()
        if isinstance(row, Tensor)
        else torch.tensor(np.asarray(row, dtype=np.float32))
    )


def _check(name: str, rows: Sequence[Tensor]) -> None:
    """Raise `FeatureError` for the first row of wrong shape or with values that are not finite."""
    for index, row in enumerate(rows):
        if row.ndim != 2 or row.shape[1] != rows[0].shape[-1] or not row.numel():
            came, width = tuple(row.shape), rows[0].shape[-1]
            raise FeatureError(
                f"row {index} of {name} is {came}, expected (1 step or more, {width}): drop the "
                "row, or extract it anew"
            )
        if row.dtype != torch.float32 or not bool(row.isfinite().all()):
            raise FeatureError(
                f"row {index} of {name} is not all finite float32: drop or correct it"
            )
