"""What leaves the lab, as one folder or one file: models, prototypes, policies, and a card that
says where it is from.

    manifest.json     the format, the SHA-256 of every other file, and the digest of every policy
    card.json         for people: fitted on what, licences, audit; and the feature set that the models read
    policies.json     what each policy lets out: its model, its arrays, and how chance comes in
    preprocess.onnx   features to the scaled space, shared by all policies
    release-0.onnx    one for each policy that needs a model, release-0.npz where it needs arrays
    vectors.npz       inputs made from synthetic sound and the outputs that must follow from them
    signature.json    where the bundle is signed; the manifest does not list it (`sordino.device.trust.signature`)

A name that ends in `.sordino` is one file (a zip, stored as it is), any other a folder, whose other
files are ignored. Nothing in it is ever executed on loading. Checksums tell accidents; an attacker
computes them anew. Therefore the structure of each policy is checked against its family on reading
(`sordino.device.bundle.families`), and a signature says who made the bundle.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.device.bundle.archive import TORN, Source, parsed, source, stored
from sordino.device.bundle.archive import digest as _digest
from sordino.device.bundle.archive import json_bytes as _json
from sordino.device.bundle.archive import packed as _packed
from sordino.device.onnx.structure import check_files
from sordino.errors import BundleError, PolicyError
from sordino.policy import Policy, from_dict

FORMAT: Final = 1
"""Counts the changes after which an older sordino cannot read a bundle."""

SUFFIX: Final = ".sordino"
"""The end of the name of a bundle that is one file."""

LARGEST: Final = 1 << 26
"""Bytes of a whole bundle, sixty times those of a usual one: a larger one is not read."""

MOST_POLICIES: Final = 64
"""Policies of one bundle: each is checked on reading."""

DEEPEST: Final = 32
"""Lists and objects within each other in a card."""

MANIFEST: Final = "manifest.json"
CARD: Final = "card.json"
POLICIES: Final = "policies.json"
PREPROCESS: Final = "preprocess.onnx"
VECTORS: Final = "vectors.npz"
SIGNATURE: Final = "signature.json"

_NAME: Final = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


@dataclass(frozen=True)
class Served:
    """One policy of a bundle and what serves it."""

    name: str
    policy: Policy
    family: str
    width: int
    """Numbers in a released vector."""
    chance: Mapping[str, Any]
    """How chance comes in: `kind` is one of `sordino.device.serving.CHANCE`, the rest its settings.
    """
    preprocess: str | None = None
    """The file of the model from features to the scaled space; None where features are in it
    already.
    """
    model: str | None = None
    """The file of the release's model; None where the scaled space itself goes out, or goes into
    chance.
    """
    arrays: str | None = None
    """The file of the prototypes."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """What a bundle holds, as it was written: nothing else comes out of `read`."""

    files: Mapping[str, bytes]
    card: Mapping[str, Any]
    policies: Mapping[str, Served]
    manifest: bytes = b""
    """What a signature is of."""
    signature: bytes | None = None
    """The file of the signature; None where the bundle is unsigned."""

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of one NPZ file in it. Raises `BundleError` where it is none, or one that is
        packed.
        """
        try:
            stored(self.files[name])
            with np.load(io.BytesIO(self.files[name]), allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            if not all(
                isinstance(array, np.ndarray) for array in arrays.values()
            ):  # numpy gives other parts as bytes
                raise ValueError("a part that is no array")
            return arrays
        except (ValueError, KeyError, MemoryError, *TORN) as error:
            raise BundleError(
                f"{name}: not an array file, expected one: write the bundle again"
            ) from error

    def example(self) -> Any:
        """Features of synthetic sound, one utterance, as `Runtime.release` takes them."""
        vectors = self.arrays(VECTORS)
        streams = self.card["features"].get("streams")
        return [{name: vectors[name] for name in streams}] if streams else vectors["x"][:1]


def write(
    path: str | Path, card: Mapping[str, Any], policies: list[Served], files: Mapping[str, bytes]
) -> Path:
    """Write a bundle; the path. The same content gives the same bytes.

    A file is there whole or not at all; a folder is a bundle from the moment that its manifest is
    there, the last file. A bundle is unsigned until `sordino.device.trust.signature.sign` signs it.
    Raises `StorageError`.
    """
    whole = {**files, CARD: _json(card), POLICIES: _json([asdict(served) for served in policies])}
    hashes = {served.name: served.policy.digest for served in policies}
    digests = {name: _digest(whole[name]) for name in sorted(whole)}
    manifest = _json({"format": FORMAT, "files": digests, "policies": hashes})
    return put(path, {name: whole[name] for name in sorted(whole)} | {MANIFEST: manifest})


def put(path: str | Path, files: Mapping[str, bytes]) -> Path:
    """Write the files of a bundle in their order; the path. Raises `StorageError`."""
    path = Path(path)
    if path.suffix == SUFFIX:
        return storage.write(path, _packed(files))
    if SIGNATURE not in files:
        with storage.told(path):  # that of the bundle which stood there before
            (path / SIGNATURE).unlink(missing_ok=True)
    for name, content in files.items():
        storage.write(path / name, content)
    return path


def read(path: str | Path) -> Bundle:
    """The bundle at a path: every byte is checked, and the structure of each policy.

    Raises `BundleError` where something is missing, a link, too large, was changed, is of another
    format or does not fit the family of its policy, `StorageError` where it cannot be read.
    """
    from sordino.device.bundle import families  # it knows `Bundle`

    path = Path(path)
    if not path.exists():
        raise BundleError(
            f"{path}: no such bundle, expected a folder or a {SUFFIX} file: check the path"
        )
    files = source(path, LARGEST)
    bundle = _parsed(
        path, *_checked(path, files), files.read(SIGNATURE) if files.has(SIGNATURE) else None
    )
    try:
        families.check(bundle)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error
    return bundle


def _parsed(
    path: Path, manifest: bytes, files: dict[str, bytes], signature: bytes | None
) -> Bundle:
    try:
        card, policies = (parsed(files[name]) for name in (CARD, POLICIES))
        if (
            not isinstance(policies, list)
            or len(policies) > MOST_POLICIES
            or _depth(card) > DEEPEST
        ):
            raise ValueError("more than a bundle may hold")
        served = [
            Served(**{**policy, "policy": from_dict(policy["policy"])}) for policy in policies
        ]
        files_of = [
            name for policy in served for name in (policy.preprocess, policy.model, policy.arrays)
        ]
        if (
            not served
            or {name for name in files_of if name is not None} - set(files)
            or not isinstance(card["features"], dict)
        ):
            raise ValueError("parts are missing")
        plain = all(
            isinstance(text, str) for policy in served for text in (policy.name, policy.family)
        )
        plain = plain and all(name is None or isinstance(name, str) for name in files_of)
        if not plain or not all(
            type(policy.width) is int and isinstance(policy.chance, dict) for policy in served
        ):
            raise ValueError("parts are of other types")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PolicyError) as error:
        raise BundleError(
            f"{path}: parts of the bundle are missing or do not fit together: write it again"
        ) from error
    models = {name for policy in served for name in (policy.preprocess, policy.model) if name}
    check_files(files, models, str(path))
    names = [policy.name for policy in served]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BundleError(
            f"{path}: two policies of the name {twice[0]!r}, expected one each: write it again"
        )
    _agree(
        path,
        parsed(manifest).get("policies"),
        {policy.name: policy.policy.digest for policy in served},
    )
    return Bundle(files, card, {policy.name: policy for policy in served}, manifest, signature)


def _depth(content: Any) -> int:
    """How many lists and objects of JSON lie within each other."""
    if not isinstance(content, dict | list):
        return 0
    return 1 + max(
        map(_depth, content.values() if isinstance(content, dict) else content), default=0
    )


def _agree(path: Path, stated: Any, found: Mapping[str, str]) -> None:
    """Raise where the manifest states other policies than those found; older bundles state none."""
    if stated is None or stated == found:
        return
    other = (
        sorted(set(found) ^ set(stated)) or [name for name in found if found[name] != stated[name]]
        if isinstance(stated, dict)
        else []
    )
    raise BundleError(
        f"{path}: policy {', '.join(map(repr, other))} was changed, its hash differs from that in "
        f"{MANIFEST}: "
        "copy the bundle anew"
    )


def _checked(path: Path, files: Source) -> tuple[bytes, dict[str, bytes]]:
    """The manifest, and the files that it lists, each as it was written."""
    manifest = files.read(MANIFEST)
    try:
        content = parsed(manifest)
        if content["format"] != FORMAT:
            raise BundleError(
                f"{path}: format {content['format']!r}, expected {FORMAT}: update sordino or write "
                "it again"
            )
        digests: dict[str, str] = content["files"]
        if (
            manifest != _json(content)
            or set(content) - {"format", "files", "policies"}
            or not all(map(_NAME.fullmatch, digests))
            or {MANIFEST, SIGNATURE} & set(digests)
        ):
            raise ValueError("not as `write` writes it")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(
            f"{path}: {MANIFEST} was changed, expected it as it was written: copy it anew"
        ) from error
    contents = {name: files.read(name) for name in digests}
    for name, whole in contents.items():
        if _digest(whole) != digests[name]:
            raise BundleError(
                f"{path}: {name} was changed, expected it as it was written: copy the bundle anew"
            )
    return manifest, contents
