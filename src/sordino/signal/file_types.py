"""The kind of a file that is no sound, by its first bytes, and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sordino.errors import install_step

MAGIC_BYTES: Final = 512
"""Bytes at the start of a file that identify its kind."""

_CONVERT: Final = "convert it to WAV or FLAC"

_AAC: Final = "STEP reads it, or convert it: `ffmpeg -i NAME.m4a NAME.wav`"
"""The advice for AAC; `STEP` stands for the installation of its decoder."""

_STARTS: Final[tuple[tuple[int, bytes, str, str], ...]] = (
    (
        0,
        b"version https://git-lfs",
        "a git-lfs pointer",
        "fetch the recordings with `git lfs pull`",
    ),
    (0, b"/annex/objects/", "a git-annex pointer", "fetch the recordings with `git annex get`"),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it"),
    (0, b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (0, b"Rar!", "a RAR archive", "unpack it"),
    (257, b"ustar", "a tar archive", "unpack it"),
    (4, b"ftyp", "MP4 or M4A", _AAC),
    (0, b"\xff\xf1", "AAC", _AAC),
    (0, b"\xff\xf9", "AAC", _AAC),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM", _CONVERT),
    (0, b"\x30\x26\xb2\x75", "WMA or ASF", _CONVERT),
    (0, b"#!AMR", "AMR", _CONVERT),
    (0, b"\x00\x05\x16\x07", "a side file of macOS (its name starts with `._`)", "leave it out"),
    (0, b"%PDF", "a PDF document", "copy or download it anew"),
    (0, b"\x89PNG", "a PNG picture", "copy or download it anew"),
    (0, b"\xff\xd8\xff", "a JPEG picture", "copy or download it anew"),
    (0, b"GIF8", "a GIF picture", "copy or download it anew"),
)
_TEXT: Final = frozenset({*range(32, 127), *b"\t\n\r\f", *range(128, 256)})


def content(head: bytes) -> str:
    """The kind of a file that no decoder reads, as the part of a message with the next step.

    >>> content(b"PK\\x03\\x04")
    'not a sound file that can be read, but a ZIP archive: unpack it'
    """
    for offset, start, kind, advice in _STARTS:
        if head[offset:].startswith(start):
            advice = advice.replace("STEP", install_step("aac"))
            return f"not a sound file that can be read, but {kind}: {advice}"
    if head and not any(head):
        return f"not a sound file that can be read, but zero bytes: copy it anew, or {_CONVERT}"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<error")):
        return "not a sound file that can be read, but a web page: download the recording anew"
    if head and set(head) <= _TEXT:
        return f"not a sound file that can be read, but text: {_CONVERT}, or copy it anew"
    return f"not a sound file that can be read: {_CONVERT}"


def no_file(path: Path) -> str:
    """The reason for a path without a regular file, as the part of a message with the next step."""
    if path.is_symlink() and not path.exists():
        return (
            "no such file, but a link to one that is absent: fetch the recordings (`git annex "
            "get`), or copy them"
        )
    if path.is_dir():
        return "no such file, but a folder: name a recording in it"
    if path.exists():
        return "no such file, but a pipe or a device: copy the sound into a file"
    return "no such file: check the path"
