"""Recordings named in a CSV table of any length, which is read line by line.

    file,start,end,speaker
    sounds/a.wav,,,anna
    sounds/b.wav,1.5,4,ben

`file` is relative to the table; `start` and `end` are seconds, and both columns may be absent. All
other columns are labels, which do not change. In contrast, a corpus `manifest` is read and checked
whole, with common names for emotions and genders.
"""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from sordino import storage, textfile
from sordino.errors import FeatureError
from sordino.features.shards.folder import digest_of
from sordino.features.shards.rows import Needed, SoundRow, check_columns, encodable, label_text
from sordino.features.sounds import Recording
from sordino.progress import quoted

LONGEST_LINE: Final = 1 << 16
"""Characters of a line of the table."""

_EXPECTED: Final = "a CSV table of paths"


@dataclass(frozen=True)
class PathRows:
    """The utterances of a CSV table, in its order."""

    path: Path

    @property
    def identity(self) -> dict[str, object]:
        """The path and the digest of the table."""
        with storage.as_storage_error(self.path), self.path.open("rb") as file:
            return {"paths": str(self.path), "table": digest_of(file)}

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise `FeatureError` for a column that the table does not have, and for another file."""
        textfile.regular(self.path, _EXPECTED, FeatureError)
        names: list[str] = []
        with storage.as_storage_error(self.path):
            with self.path.open("rb") as file:
                head = file.read(textfile.HEAD_BYTES)
            textfile.check_text(self.path, head, _EXPECTED, FeatureError)
            with _opened(self.path) as stream, contextlib.suppress(csv.Error):
                names = next(csv.reader(_lines(stream)), names)
        if names.count("file") != 1:
            raise FeatureError(
                f"{self.path}: no column `file`, or several, expected {_EXPECTED} with one, "
                "separated by commas: correct its first line"
            )
        available = [name for name in names if name not in ("file", "start", "end")]
        check_columns(str(self.path), labels, available)

    def rows(self, labels: Sequence[str], needed: Needed) -> Iterator[SoundRow | None]:
        """Each utterance; a line that cannot be read has a row with a problem."""
        with storage.as_storage_error(self.path), _opened(self.path) as stream:
            reader = csv.reader(_lines(stream))
            names, position = next(reader), 0
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    reason = f"{error}, and not read from line {reader.line_num} on: correct it"
                    yield SoundRow(str(self.path), None, reason) if needed(position) else None
                    return
                if cells:
                    where = f"line {reader.line_num}"
                    yield self._row(where, names, cells, labels) if needed(position) else None
                    position += 1

    def _row(
        self, where: str, names: Sequence[str], cells: Sequence[str], labels: Sequence[str]
    ) -> SoundRow:
        """The utterance of a line."""
        if len(cells) != len(names):
            count = f"{where}: {len(cells)} cells, expected {len(names)}: correct it"
            return SoundRow(str(self.path), None, count)
        values = dict(zip(names, cells, strict=True))
        path = self.path.parent / values["file"]
        file = encodable(str(path))
        try:
            start = float(values.get("start") or 0)
            end = float(values.get("end") or math.nan)
        except ValueError:
            times = quoted((values.get("start"), values.get("end")))
            reason = f"{where}: start and end {times}, expected seconds: correct them"
            return SoundRow(file, None, reason)
        texts = tuple(label_text(values[name]) if values[name] else None for name in labels)
        sound = Recording(str(path.absolute()), start, end, "")
        return SoundRow(file, sound, "", texts, start, end)


def _opened(path: Path) -> TextIO:
    """A table as text; bytes that are no UTF-8 stay, as they do in paths of the system."""
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _lines(stream: TextIO) -> Iterator[str]:
    """The lines of a table. Raises `csv.Error` for a line that is too long."""
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise csv.Error(f"a line of over {LONGEST_LINE:,} characters")
        yield line
