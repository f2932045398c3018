"""Channel centring: the running mean of a device's utterances, in the place of the fitted mean.

A microphone, a room and a language shift all features of a device in the same way. The scaled space
has its origin at the mean of the fitting rows, so the shift is the mean of the device's utterances:

    z' = z - sum(z_1 ... z_n) / (n + PRIOR)

z is the utterance in the scaled space, z_1 ... z_n are earlier utterances. With few of them the
fitted mean counts more. After `MEMORY` utterances the oldest fade: a device may move to another
room.

The mean is never released. It is in memory, or in a file of mode 600 that names its scaled space;
to forget it, remove the file. The keyed random draw follows from the features: the same utterance
draws the same number, whatever the mean is. But its bin may change, and then depends on earlier
utterances. Bounds that were estimated without centring do not hold with it
(`docs/operator/device.md`).

    file of another bundle, damaged, with NaN, a link, of another user    nothing is released
    utterance far outside speech, or too wide for a file                 as above; the mean stays
    two processes                                                        take turns by two locks
    no file locks (Windows), full disk                                   nothing is released
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage, system
from sordino.device.budget import lock_count
from sordino.device.result import NotCentredError, Reason
from sordino.errors import ReleaseError, StorageError
from sordino.types import Vectors

PRIOR: Final = 10
"""The weight of the fitted mean, in utterances."""

MEMORY: Final = 500
"""The number of utterances that the mean covers; beyond it the oldest fade."""

LARGEST_CENTRED: Final = 1e6
"""The largest value of an utterance in the scaled space. Speech stays far below it. A larger value
would outweigh all others in the mean.
"""

LARGEST_SUM: Final = 2 * MEMORY * LARGEST_CENTRED
"""The largest sum in a file. A sum of the largest values stays below it, whatever the rounding."""

_STATE_BYTES: Final = 1 << 20  # a larger file is not a state


@dataclass(frozen=True)
class ChannelMean:
    """The sum of `count` utterances in one scaled space, `(d,)`."""

    space: str
    count: int
    total: tuple[float, ...]

    @property
    def offset(self) -> NDArray[np.float64]:
        """The shift of the device, `(d,)`: 0 without an utterance."""
        return np.array(self.total) / (self.count + PRIOR)

    def plus(self, z: NDArray[np.floating]) -> ChannelMean:
        """The same mean with one further utterance `(d,)`. Raises `ValueError` for one that no
        speech has: no file may hold its sum.
        """
        kept = min(self.count, MEMORY - 1)
        total = np.array(self.total) * (kept / max(1, self.count)) + z
        if not np.abs(total).max() <= LARGEST_SUM:
            raise ValueError("an utterance far beyond speech")
        return ChannelMean(self.space, kept + 1, tuple(total.tolist()))

    @property
    def text(self) -> str:
        """One line of JSON."""
        return json.dumps({"space": self.space, "count": self.count, "total": self.total}) + "\n"


def parse_mean(text: str, space: str, dims: int) -> ChannelMean:
    """The mean of a file that `ChannelMean.text` wrote. Raises `ValueError` for any other text, and
    for the mean of another space or width.
    """
    mean = _parse(text)
    valid = (
        mean.space == space
        and type(mean.count) is int
        and 0 <= mean.count <= MEMORY
        and len(mean.total) == dims
        and all(type(x) is float and math.fabs(x) <= LARGEST_SUM for x in mean.total)
    )
    if not valid or text != mean.text:
        raise ValueError("damaged, or of another bundle")
    return mean


def _parse(text: str) -> ChannelMean:
    """The mean of a text, its values not checked. Raises `ValueError` or `TypeError`."""
    content: Any = json.loads(text)
    if not isinstance(content, dict) or set(content) != {"space", "count", "total"}:
        raise ValueError("not a mean")
    return ChannelMean(content["space"], content["count"], tuple(content["total"]))


class Channel:
    """Centres the utterances of one device, in the order in which they come.

    - `path`: the file of the mean, one for each bundle and device; None keeps it in memory.
    - `warm_up`: utterances that are withheld at first, while the mean is that of few; 0 releases
      the first one with the fitted mean.

    Raises `ReleaseError` for a negative `warm_up`.

    >>> channel = Channel()
    >>> shifted = np.array([[1.0, 2.0]], np.float32)
    >>> [channel.centre(shifted, "space")[0, 1].item() for _ in range(2)]
    [2.0, 1.8181818723678589]
    """

    def __init__(self, path: str | Path | None = None, warm_up: int = 0) -> None:
        if not 0 <= warm_up <= MEMORY:
            raise ReleaseError(f"warm_up {warm_up}, expected 0 to {MEMORY}: choose another number")
        self._path = None if path is None else Path(path).absolute()
        self._warm_up, self._lock = warm_up, threading.Lock()
        self._mean: ChannelMean | None = None

    def centre(self, z: Vectors, space: str) -> Vectors:
        """The centred vector of one utterance, `(1, d)`, which then becomes part of the mean.

        - `space`: the hash of the scaled space.

        Raises `NotCentredError` during the warm-up, where the mean cannot be read or written, and
        for values beyond `LARGEST_CENTRED`, which the mean then does not contain.
        """
        if not (np.abs(z) <= LARGEST_CENTRED).all():
            raise NotCentredError(Reason.MODEL)
        try:
            with self._exclusive() as path:
                before = self._load(path, space, z.shape[1])
                after = before.plus(z[0])
                if path is not None:
                    storage.write(path, _fitting(after.text), mode=storage.PRIVATE)
                self._mean = after
        except (OSError, StorageError, ValueError, TypeError, RecursionError) as error:
            raise NotCentredError(Reason.CHANNEL_UNKNOWN) from error
        if before.count < self._warm_up:
            raise NotCentredError(Reason.WARM_UP)
        return (z - before.offset).astype(np.float32)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[Path | None]:
        """The real path of the file, or None, while no other thread or process has the mean."""
        with self._lock:
            if self._path is None:
                yield None
                return
            with lock_count(self._path) as path:
                _refuse_link(self._path)
                yield path

    def _load(self, path: Path | None, space: str, dims: int) -> ChannelMean:
        empty = ChannelMean(space, 0, (0.0,) * dims)
        if path is None:
            mean = self._mean or empty
            if (mean.space, len(mean.total)) != (space, dims):
                raise ValueError("the mean of another bundle")
            return mean
        text = _content(path)
        return empty if text is None else parse_mean(text, space, dims)


def forget(path: str | Path) -> None:
    """Remove the file of a mean, if there is one; an empty file counts as one.

    Raises `StorageError` where that fails, for a link, and for a file without a mean.
    """
    with storage.as_storage_error(path), lock_count(Path(path).absolute()) as real:
        _refuse_link(Path(path))
        try:
            if text := _content(real, private=False):
                _parse(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise StorageError(
                f"{path}: not the mean of a device, expected the file of --centring: check the "
                "path; remove a damaged mean yourself"
            ) from error
        real.unlink(missing_ok=True)


def _refuse_link(path: Path) -> None:
    """Raise `OSError` for a symbolic link, which may lead to any file of the user."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, "a link, expected a file")


def _fitting(text: str) -> str:
    """The text of a mean that can be read again. Raises `ValueError` for one that is too long."""
    if len(text) > _STATE_BYTES:
        raise ValueError("a mean of too many numbers for a file")
    return text


def _content(path: Path, private: bool = True) -> str | None:
    """The text of a file, None for a missing file. Raises `OSError`, and `ValueError` for a file
    that is no state of this user; if `private`, also for one that other users may read.
    """
    try:
        handle = storage.open_file(path)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _STATE_BYTES:
            raise ValueError("not a file of this size")
        if private and not system.is_private(status):
            raise ValueError("a file that other users may read or own")
        return os.read(handle, _STATE_BYTES).decode()
    finally:
        os.close(handle)
