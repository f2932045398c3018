"""The formats of other tools by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from sordino.corpora.formats import (
    audformat,
    audiofolder,
    emobox,
    kaldi,
    lhotse,
    nkululeko,
    parquet,
)
from sordino.corpora.formats.foreign_rows import Reading
from sordino.corpora.table import Corpus


class Adapter(Protocol):
    """From a path to the corpus in a format."""

    def __call__(
        self,
        path: Path,
        columns: Mapping[str, str] | None = None,
        sounds: str | Path | None = None,
        keep_absent: bool = False,
    ) -> Corpus:
        """The corpus; the options are those of `Reading`."""


def _adapter(load: Callable[[Path, Reading], Corpus]) -> Adapter:
    def read(
        path: Path,
        columns: Mapping[str, str] | None = None,
        sounds: str | Path | None = None,
        keep_absent: bool = False,
    ) -> Corpus:
        folder = None if sounds is None else Path(sounds)
        return load(path, Reading(columns or {}, folder, keep_absent))

    return read


FORMATS: Final[Mapping[str, Adapter]] = {
    "audformat": _adapter(audformat.load),
    "emobox": _adapter(emobox.load),
    "nkululeko": _adapter(nkululeko.load),
    "audiofolder": _adapter(audiofolder.load),
    "parquet": _adapter(parquet.load),
    "kaldi": _adapter(kaldi.load),
    "lhotse": _adapter(lhotse.load),
}
"""Name of a format to its adapter, a function from the path and the options of `Reading`."""

FORMAT_WRITERS: Final[Mapping[str, Callable[[Corpus, Path], Path]]] = {
    "audformat": audformat.write,
    "audiofolder": audiofolder.write,
}
"""Name of a format to the function that writes a corpus into a new folder."""
