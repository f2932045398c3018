"""Recordings in tar files, in the layout of WebDataset, as hostile input.

    0001.wav    a sound: the suffix of a format of sound
    0001.json   labels: the values of its top level
    0001.txt    a label of the name `txt`
    0001.cls    a label of the name `cls`

Members beside each other with one name up to its first dot in the last part belong to one
utterance. Nothing is written to disk and no path of a member is opened: a worker reads the bytes at
the member's place in the tar. The headers of a member have a limit in bytes, and the members of a
tar a limit in number. Links, devices and sparse files are refused by name.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from sordino import textfile
from sordino.errors import FeatureError
from sordino.features.shards.rows import (
    FilePart,
    Needed,
    SoundRow,
    check_columns,
    check_size,
    file_text,
    label_text,
    sizes,
)

SOUND_SUFFIXES: Final = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".aif", ".aiff", ".aifc", ".au", ".sph"),
)
"""The suffixes of sounds in a tar."""

LABEL_SUFFIXES: Final = (".json", ".txt", ".cls")
"""The suffixes of labels in a tar."""

MOST_MEMBERS: Final = 1 << 20
"""Members of a tar that are read."""

LARGEST_HEADER: Final = 1 << 16
"""Bytes of all headers of one member: long names and extended attributes."""

LARGEST_LABELS: Final = 1 << 20
"""Bytes of a member with labels."""

LARGEST_PADDING: Final = 1 << 24
"""Bytes of zeros after the end of a tar."""

_EXPECTED: Final = "a tar with recordings"
_DAMAGED: Final = "damaged or cut short, and not read from there on: copy it anew"
_TRAILING: Final = "has bytes after its end, which are not read, expected zeros: write it anew"


@dataclass(frozen=True)
class TarRows:
    """The utterances of tar files, in the order of the files and of their members."""

    paths: tuple[Path, ...]

    @property
    def identity(self) -> dict[str, object]:
        """The paths and sizes of the files."""
        return {"tar": sizes(self.paths)}

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise `FeatureError` for a column that the first utterance does not have."""
        for path in self.paths if labels else ():
            for sample in _samples(path):
                if isinstance(sample, _Sample) and sample.sounds:
                    values, problem = _labels(path, sample)
                    if not problem:
                        check_columns(f"the first recording of {path}", labels, list(values))
                    return

    def rows(self, labels: Sequence[str], needed: Needed) -> Iterator[SoundRow | None]:
        """Each utterance; a member that cannot be read has a row with a problem."""
        position = 0
        for path in self.paths:
            for sample in _samples(path):
                yield _row(path, sample, labels) if needed(position) else None
                position += 1


class _Member(NamedTuple):
    """The place of a member in its tar."""

    name: str
    offset: int
    size: int


class _Problem(NamedTuple):
    """A part of a tar that cannot be read."""

    name: str
    reason: str


@dataclass
class _Sample:
    """The members of one utterance."""

    key: str
    sounds: list[_Member] = field(default_factory=list)
    labels: dict[str, _Member] = field(default_factory=dict)

    def add(self, suffix: str, member: _Member) -> None:
        """Add a member; of several sounds two are enough to refuse them."""
        if suffix in LABEL_SUFFIXES:
            self.labels.setdefault(suffix, member)
        elif len(self.sounds) < 2:
            self.sounds.append(member)


class _Headers(io.RawIOBase):
    """A tar for the parser of headers, which reads at most `LARGEST_HEADER` bytes a member."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.left = LARGEST_HEADER

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("headers too long")
        self.left -= size
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _samples(path: Path) -> Iterator[_Sample | _Problem]:
    """The utterances and the problems of a tar, by its headers alone."""
    sample = _Sample("")
    for member in _members(path):
        if isinstance(member, _Problem):
            yield member
            continue
        folder, _, name = member.name.rpartition("/")
        stem, _, extension = name.partition(".")
        suffix = f".{extension.rpartition('.')[2].lower()}"
        if not stem or suffix not in (*SOUND_SUFFIXES, *LABEL_SUFFIXES):
            continue
        if (key := f"{folder}/{stem}") != sample.key:
            if sample.key:
                yield sample
            sample = _Sample(key)
        sample.add(suffix, member)
    if sample.key:
        yield sample


def _members(path: Path) -> Iterator[_Member | _Problem]:
    """The regular files of a tar, and what is refused in it."""
    try:
        textfile.regular(path, _EXPECTED, FeatureError)
        with path.open("rb") as stream:
            yield from _walk(stream, path.stat().st_size)
    except (OSError, FeatureError) as error:
        yield _Problem("", f"cannot be read ({error}): check the path")


def _walk(stream: BinaryIO, size: int) -> Iterator[_Member | _Problem]:
    headers = _Headers(stream)
    try:
        archive = tarfile.TarFile(fileobj=headers, errors="surrogateescape")
    except Exception:  # the parser raises any exception for damaged headers
        stream.seek(0)
        kind = textfile.disguise(stream.read(textfile.HEAD_BYTES)) or "no tar: copy it anew"
        yield _Problem("", kind.replace(": ", f", expected {_EXPECTED}: ", 1))
        return
    before = 0
    for _ in range(MOST_MEMBERS):
        headers.left = LARGEST_HEADER
        try:
            member = archive.next()
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep every header
        except Exception:  # as above
            member = None
        if member is None or archive.offset <= before:  # a negative size would lead back
            if member is not None or not _ends(stream, archive.offset, size):
                yield _Problem("", _DAMAGED)
            elif not _only_zeros(stream):
                yield _Problem("", _TRAILING)
            return
        before = archive.offset
        if refusal := _refusal(member, size):
            yield _Problem(member.name, refusal)
        elif member.isreg():
            yield _Member(member.name, member.offset_data, member.size)
    yield _Problem("", f"more than {MOST_MEMBERS:,} members, and not read from there on: split it")


def _ends(stream: BinaryIO, offset: int, size: int) -> bool:
    """Whether a tar has its mark of the end at an offset, a block of zeros."""
    if offset + tarfile.BLOCKSIZE > size:
        return False
    stream.seek(offset)
    return stream.read(tarfile.BLOCKSIZE) == tarfile.NUL * tarfile.BLOCKSIZE


def _only_zeros(stream: BinaryIO) -> bool:
    """Whether the rest of a tar is padding: no member is hidden in it."""
    rest = stream.read(LARGEST_PADDING + 1)
    return len(rest) <= LARGEST_PADDING and not rest.strip(tarfile.NUL)


def _refusal(member: tarfile.TarInfo, size: int) -> str:
    """Why a member is not read, empty for a file and a folder."""
    expected = "expected a regular file: store the recording itself"
    if member.issym() or member.islnk():
        return f"a link, {expected}"
    if member.issparse():
        return f"a sparse file, {expected}"
    if not (member.isreg() or member.isdir()):
        return f"a device, a pipe or another kind of member, {expected}"
    if member.size < 0 or member.offset_data + member.size > size:
        return "longer than its tar: copy the tar anew"
    return ""


def _row(path: Path, sample: _Sample | _Problem, labels: Sequence[str]) -> SoundRow:
    """An utterance for a worker."""
    if isinstance(sample, _Problem):
        file = file_text(str(path), sample.name) if sample.name else str(path)
        return SoundRow(file, None, sample.reason)
    if len(sample.sounds) != 1:
        amount = "two sounds" if sample.sounds else "no sound"
        reason = f"{amount} of this name, expected one beside its labels: correct the tar"
        return SoundRow(file_text(str(path), sample.key.lstrip("/")), None, reason)
    member = sample.sounds[0]
    file = file_text(str(path), member.name)
    values, problem = _labels(path, sample) if labels else ({}, "")
    problem = check_size(member.size) or problem
    if problem:
        return SoundRow(file, None, problem)
    texts = tuple(values.get(name) for name in labels)
    return SoundRow(
        file, FilePart(str(path.absolute()), member.offset, member.size, file), "", texts
    )


def _labels(path: Path, sample: _Sample) -> tuple[dict[str, str | None], str]:
    """The labels of an utterance by column, and the problem with them."""
    values: dict[str, str | None] = {}
    for suffix, member in sample.labels.items():
        if member.size > LARGEST_LABELS:
            limit = f"expected at most {LARGEST_LABELS:,}: shorten it"
            return {}, f"its {suffix} has {member.size:,} bytes, {limit}"
        try:
            with path.open("rb") as stream:
                stream.seek(member.offset)
                text = stream.read(member.size).decode("utf-8-sig")
            if suffix == ".json":
                content = json.loads(text)
                values |= {str(name): label_text(value) for name, value in content.items()}
            else:
                values[suffix[1:]] = label_text(text.strip())
        except (OSError, ValueError, AttributeError, RecursionError):
            return {}, f"its {suffix} is no text or no JSON object, expected labels: correct it"
    return values, ""
