"""What leaves the lab, as one folder or one file: models, prototypes, policies, and a card that says where it is from.

    manifest.json     the format, and the SHA-256 of every other file
    card.json         for people: fitted on what, licences, audit; and the feature set that the models read
    policies.json     what each policy lets out: its model, its arrays, and how chance comes in
    preprocess.onnx   features to the scaled space, shared by all policies
    release-0.onnx    one for each policy that needs a model, release-0.npz where it needs arrays
    vectors.npz       inputs made from synthetic sound and what must come of them, for whoever ports the runtime

A name that ends in `.sordino` is one file (a zip, stored as it is), any other a folder, whose other files are ignored.
Nothing in it is ever executed on loading. The checksums tell what was changed by accident, or by somebody who does not
know how to compute them: whoever must know who made a bundle signs it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.device.onnx_structure import check_files
from sordino.errors import BundleError, PolicyError
from sordino.policy import Policy, restored

FORMAT: Final = 1
"""Counts the changes after which an older sordino cannot read a bundle."""

SUFFIX: Final = ".sordino"
"""The end of the name of a bundle that is one file."""

LARGEST: Final = 1 << 28
"""Bytes of a whole bundle, a hundred times those of a usual one: what is larger is not read."""

MANIFEST: Final = "manifest.json"
CARD: Final = "card.json"
POLICIES: Final = "policies.json"
PREPROCESS: Final = "preprocess.onnx"
VECTORS: Final = "vectors.npz"

_NAME: Final = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_DIGEST: Final = 64  # hexadecimal digits of a SHA-256
_TORN: Final = (NotImplementedError, EOFError, RuntimeError, zipfile.BadZipFile)  # what a zip that is none raises


@dataclass(frozen=True)
class Served:
    """One policy of a bundle and what serves it."""

    name: str
    policy: Policy
    family: str
    width: int
    """Numbers in a released vector."""
    chance: Mapping[str, Any]
    """How chance comes in: `kind` is one of `sordino.device.runtime.CHANCE`, the rest its settings."""
    preprocess: str | None = None
    """The file of the model from features to the scaled space; None where features are in it already."""
    model: str | None = None
    """The file of the release's model; None where the scaled space itself goes out, or goes into chance."""
    arrays: str | None = None
    """The file of the prototypes."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """What a bundle holds, as it was written: nothing else comes out of `read`."""

    files: Mapping[str, bytes]
    card: Mapping[str, Any]
    policies: Mapping[str, Served]

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of one NPZ file in it. Raises `BundleError` where it is none, or one that is packed."""
        try:
            _stored(self.files[name])
            with np.load(io.BytesIO(self.files[name]), allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (ValueError, KeyError, MemoryError, *_TORN) as error:
            raise BundleError(f"{name}: not an array file, expected one: write the bundle again") from error

    def example(self) -> Any:
        """Features of synthetic sound, one utterance, as `Runtime.release` takes them."""
        vectors = self.arrays(VECTORS)
        streams = self.card["features"].get("streams")
        return [{name: vectors[name] for name in streams}] if streams else vectors["x"][:1]


def write(path: str | Path, card: Mapping[str, Any], policies: list[Served], files: Mapping[str, bytes]) -> Path:
    """Write a bundle; the path. The same content gives the same bytes.

    A file is there whole or not at all; a folder is a bundle from the moment that its manifest is there, the
    last file. Raises `StorageError`.
    """
    path = Path(path)
    whole = {**files, CARD: _json(card), POLICIES: _json([asdict(one) for one in policies])}
    manifest = _json({"format": FORMAT, "files": {name: _digest(whole[name]) for name in sorted(whole)}})
    ordered = {name: whole[name] for name in sorted(whole)} | {MANIFEST: manifest}
    if path.suffix == SUFFIX:
        return storage.write(path, _packed(ordered))
    for name, content in ordered.items():
        storage.write(path / name, content)
    return path


def read(path: str | Path) -> Bundle:
    """The bundle at a path, every byte of it checked.

    Raises `BundleError` where something is missing, a link, too large, was changed or is of another format,
    `StorageError` where it cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise BundleError(f"{path}: no such bundle, expected a folder or a {SUFFIX} file: check the path")
    files = _checked(path, _unpacked(path) if path.is_file() else _opened(path))
    try:
        card, policies = (json.loads(files[name]) for name in (CARD, POLICIES))
        served = [Served(**{**one, "policy": restored(one["policy"])}) for one in policies]
        named = {one.name: one for one in served}
        needed = {name for one in served for name in (one.preprocess, one.model, one.arrays) if name}
        bare = [one for one in served if not one.model and one.chance.get("kind") == "none" and one.family != "none"]
        if bare or not named or needed - set(files) or not isinstance(card["features"], dict):
            raise ValueError("parts are missing")
        plain = all(isinstance(text, str) for one in served for text in (one.name, one.family))
        if not plain or not all(type(one.width) is int and isinstance(one.chance, dict) for one in served):
            raise ValueError("parts are not what they should be")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PolicyError) as error:
        raise BundleError(f"{path}: parts of the bundle are missing or do not fit together: write it again") from error
    check_files(files, {name for one in served for name in (one.preprocess, one.model) if name}, str(path))
    return Bundle(files, card, named)


Opener = Callable[[str], bytes]


def _checked(path: Path, opened: Opener) -> dict[str, bytes]:
    """The files that the manifest names, each as it was written."""
    manifest = opened(MANIFEST)
    try:
        found = json.loads(manifest)
        if found["format"] != FORMAT:
            raise BundleError(f"{path}: format {found['format']}, expected {FORMAT}: update sordino or write it again")
        digests: dict[str, str] = found["files"]
        if manifest != _json(found) or not all(map(_NAME.fullmatch, digests)):
            raise ValueError("not as `write` writes it")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{path}: {MANIFEST} was changed, expected it as it was written: copy it anew") from error
    files = {name: opened(name) for name in digests}
    for name, content in files.items():
        if _digest(content) != digests[name]:
            raise BundleError(f"{path}: {name} was changed, expected it as it was written: copy the bundle anew")
    return files


def _opened(folder: Path) -> Opener:
    left = LARGEST

    def opened(name: str) -> bytes:
        nonlocal left
        path = folder / name
        with storage.told(path):
            if path.is_symlink():  # where it leads is no part of the bundle
                raise BundleError(f"{folder}: {name} is a link, expected a file: copy the bundle anew")
            if not path.is_file():
                raise BundleError(f"{folder}: {name} is missing, expected a whole bundle: copy it anew")
        content = _content(path, left)
        left -= len(content)
        return content

    return opened


def _content(path: Path, most: int) -> bytes:
    """The bytes of a file, which nobody has checked yet: it is not read where it is larger than a bundle may be."""
    with storage.told(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise BundleError(f"{path}: larger than a bundle may be, {LARGEST >> 20} MB in all: write it again")
        return file.read(size)


def _unpacked(path: Path) -> Opener:
    """Its last bytes, the archive's comment, are the checksum of all before them: no other archive is looked into."""
    content = _content(path, LARGEST)
    if hashlib.sha256(content[:-_DIGEST]).hexdigest().encode() != content[-_DIGEST:]:
        raise BundleError(f"{path}: no bundle, or one that was changed: copy it anew")
    try:
        with _stored(content) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except (ValueError, *_TORN) as error:
        raise BundleError(f"{path}: not a bundle, expected what `write` wrote: write it again") from error

    def opened(name: str) -> bytes:
        if name not in files:
            raise BundleError(f"{path}: {name} is missing, expected a whole bundle: copy it anew")
        return files[name]

    return opened


def _stored(content: bytes) -> zipfile.ZipFile:
    """A zip whose files are as they are, no larger together than it is. Raises `ValueError` for another."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    parts = archive.infolist()
    if any(one.compress_type != zipfile.ZIP_STORED for one in parts):
        raise ValueError("what is packed may be of any size")
    if sum(one.file_size for one in parts) > len(content):
        raise ValueError("and so may what lies over each other")
    return archive


def _packed(files: Mapping[str, bytes]) -> bytes:
    """A zip with a fixed time in it, whose comment is its checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
        archive.comment = b"0" * _DIGEST
    content = buffer.getvalue()[:-_DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def _json(content: Any) -> bytes:
    """As JSON, always in the same way; what is not a finite number becomes null."""
    content = json.loads(json.dumps(content), parse_constant=lambda name: None)  # noqa: ARG005
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
