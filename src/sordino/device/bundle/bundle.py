"""A bundle: models, prototypes, policies and a card of their origin, as one folder or one file.

    manifest.json     the format, the SHA-256 of every other file, and the digest of every policy
    card.json         for people: data, licences and audit; also the feature set of the models
    policies.json     for each policy the model, the arrays, and the keyed random draw
    encoder.onnx      samples to features, if the feature set needs an encoder
    preprocess.onnx   features to the scaled space, shared by all policies
    release-0.onnx    one for each policy with a model, release-0.npz for one with arrays
    vectors.npz       test vectors: inputs from synthetic sound, and the outputs that must follow
    signature.json    only in a signed bundle; not listed in the manifest
                      (`sordino.device.trust.signature`)

A name that ends in `.sordino` is one file (a zip without compression), any other name a folder; a
folder may have further files, which are ignored. Loading never executes content. Checksums detect
accidents only, since an attacker can compute them anew. Therefore the structure of each policy is
checked against its family (`sordino.device.bundle.families`), and a signature proves the maker.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from sordino import storage
from sordino.device.bundle.archive import (
    Source,
    json_bytes,
    open_source,
    pack,
    parse_json,
    sha256,
)
from sordino.errors import BundleError, PolicyError
from sordino.onnx.structure import check_models
from sordino.policy import Policy, from_dict
from sordino.types import Arrays

FORMAT: Final = 1
"""The version of the format: an older sordino cannot read a later one."""

SUFFIX: Final = ".sordino"
"""The suffix of a bundle that is one file."""

LARGEST_BYTES: Final = 1 << 26
"""The limit of a bundle in bytes, sixty times the usual size: a larger one is not read."""

MOST_POLICIES: Final = 64
"""The limit of policies in a bundle: each is checked on reading."""

DEEPEST: Final = 32
"""The limit of nested lists and objects in a card."""

MANIFEST_FILE: Final = "manifest.json"
CARD_FILE: Final = "card.json"
POLICIES_FILE: Final = "policies.json"
ENCODER_FILE: Final = "encoder.onnx"
PREPROCESS_FILE: Final = "preprocess.onnx"
VECTORS_FILE: Final = "vectors.npz"
SIGNATURE_FILE: Final = "signature.json"

_NAME: Final = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


@dataclass(frozen=True)
class PolicyEntry:
    """One entry of policies.json: a policy and its files."""

    name: str
    policy: Policy
    family: str
    width: int
    """Dimensions of a released vector."""
    chance: Mapping[str, Any]
    """The keyed random draw (`chance` in the format): `kind` is one of
    `sordino.device.serving.RELEASE_KINDS`, other keys are its settings.
    """
    preprocess: str | None = None
    """The file of the model from features to the scaled space; None for scaled features."""
    model: str | None = None
    """The file of the release's model; None if the scaled vector is released or drawn from."""
    arrays: str | None = None
    """The file of the prototypes."""

    @property
    def releases_prototypes(self) -> bool:
        """Whether a released vector is a prototype, bit for bit."""
        return self.chance.get("kind") in ("drawn", "clip-drawn")


@dataclass(frozen=True, eq=False)
class Bundle:
    """The content of a bundle, as it was written."""

    files: Mapping[str, bytes]
    card: Mapping[str, Any]
    policies: Mapping[str, PolicyEntry]
    manifest: bytes = b""
    """The signed file."""
    signature: bytes | None = None
    """The file of the signature; None for an unsigned bundle."""
    _arrays: dict[str, Arrays] = field(default_factory=dict, init=False, repr=False)

    def arrays(self, name: str) -> Arrays:
        """The arrays of one NPZ file, read-only; the file is parsed once.

        Raises `BundleError` for another file, or a compressed one.
        """
        if name not in self._arrays:
            self._arrays[name] = self._parsed_arrays(name)
        return self._arrays[name]

    def _parsed_arrays(self, name: str) -> Arrays:
        try:
            storage.open_stored(self.files[name])
            with np.load(io.BytesIO(self.files[name]), allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            # numpy returns other parts as bytes
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("a part that is not an array")
            for array in arrays.values():
                array.flags.writeable = False
            return MappingProxyType(arrays)
        except Exception as error:  # numpy parses a header as Python: a forged one raises any error
            raise BundleError(
                f"{name}: not an array file, expected one: write the bundle again"
            ) from error

    def entry(self, policy: str | None = None) -> PolicyEntry:
        """The policy of a name; None is the only one. Raises `BundleError` for any other name."""
        names = ", ".join(self.policies)
        if policy is None and len(self.policies) > 1:
            raise BundleError(f"policies {names}, expected the name of one of them: choose one")
        name = next(iter(self.policies)) if policy is None else policy
        if name not in self.policies:
            raise BundleError(
                f"policy {name!r}, expected one of {names}: choose one of the bundle's"
            )
        return self.policies[name]

    def release_digest(self, name: str) -> str:
        """The SHA-256 of the release of a policy: of its policy, its draw and the content of its
        files. Names of files and of the policy do not count, and the other policies do not.
        """
        entry = self.policies[name]
        parts = (ENCODER_FILE, entry.preprocess, entry.model, entry.arrays)
        digests = [
            sha256(self.files[part]) if part and part in self.files else "" for part in parts
        ]
        draw = dict(entry.chance)
        return sha256(json_bytes([entry.policy.digest, entry.family, entry.width, draw, digests]))

    def example(self) -> Any:
        """Features of synthetic sound, one utterance, as `Runtime.release` takes them."""
        vectors = self.arrays(VECTORS_FILE)
        streams = self.card["features"].get("streams")
        return [{name: vectors[name] for name in streams}] if streams else vectors["x"][:1]


def write(
    path: str | Path,
    card: Mapping[str, Any],
    policies: list[PolicyEntry],
    files: Mapping[str, bytes],
) -> Path:
    """Write a bundle; the path. The same content gives the same bytes.

    A file is complete or absent. The manifest is the last file of a folder, which is no bundle
    before. `sordino.device.trust.signature.sign` signs a bundle. Raises `StorageError`.
    """
    contents = {
        **files,
        CARD_FILE: json_bytes(card),
        POLICIES_FILE: json_bytes([asdict(entry) for entry in policies]),
    }
    hashes = {entry.name: entry.policy.digest for entry in policies}
    digests = {name: sha256(contents[name]) for name in sorted(contents)}
    manifest = json_bytes({"format": FORMAT, "files": digests, "policies": hashes})
    return put(
        path, {name: contents[name] for name in sorted(contents)} | {MANIFEST_FILE: manifest}
    )


def put(path: str | Path, files: Mapping[str, bytes]) -> Path:
    """Write the files of a bundle in their order; the path. Raises `StorageError`."""
    path = Path(path)
    if path.suffix == SUFFIX:
        return storage.write(path, pack(files))
    if SIGNATURE_FILE not in files:
        with storage.as_storage_error(path):  # the signature of a previous bundle
            (path / SIGNATURE_FILE).unlink(missing_ok=True)
    for name, content in files.items():
        storage.write(path / name, content)
    return path


def read(path: str | Path) -> Bundle:
    """The bundle at a path: every byte is checked, and the structure of each policy.

    Raises `BundleError` for a part that is missing, a link, too large, changed, of another format
    or does not fit the family of its policy, `StorageError` for an unreadable path.
    """
    from sordino.device.bundle import families  # it imports `Bundle`

    path = Path(path)
    if not path.exists():
        raise BundleError(
            f"{path}: no such bundle, expected a folder or a {SUFFIX} file: check the path"
        )
    files = open_source(path, LARGEST_BYTES)
    bundle = _parse(
        path,
        *_check_files(path, files),
        files.read(SIGNATURE_FILE) if files.has(SIGNATURE_FILE) else None,
    )
    try:
        families.check_structure(bundle)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error
    return bundle


def _parse(path: Path, manifest: bytes, files: dict[str, bytes], signature: bytes | None) -> Bundle:
    try:
        card, policies = (parse_json(files[name]) for name in (CARD_FILE, POLICIES_FILE))
        if (
            not isinstance(policies, list)
            or len(policies) > MOST_POLICIES
            or _depth(card) > DEEPEST
        ):
            raise ValueError("more than a bundle may hold")
        entries = [
            PolicyEntry(**{**policy, "policy": from_dict(policy["policy"])}) for policy in policies
        ]
        files_of = [
            name for policy in entries for name in (policy.preprocess, policy.model, policy.arrays)
        ]
        if (
            not entries
            or {name for name in files_of if name is not None} - set(files)
            or not isinstance(card["features"], dict)
        ):
            raise ValueError("parts are missing")
        plain = all(
            isinstance(text, str) for policy in entries for text in (policy.name, policy.family)
        )
        plain = plain and all(name is None or isinstance(name, str) for name in files_of)
        if not plain or not all(
            type(policy.width) is int and isinstance(policy.chance, dict) for policy in entries
        ):
            raise ValueError("parts are of other types")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PolicyError) as error:
        raise BundleError(
            f"{path}: parts of the bundle are missing or do not fit together: write it again"
        ) from error
    models = {name for policy in entries for name in (policy.preprocess, policy.model) if name}
    check_models(files, models, str(path))
    names = [policy.name for policy in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BundleError(
            f"{path}: two policies of the name {twice[0]!r}, expected one each: write it again"
        )
    _check_digests(
        path,
        parse_json(manifest).get("policies"),
        {policy.name: policy.policy.digest for policy in entries},
    )
    return Bundle(files, card, {policy.name: policy for policy in entries}, manifest, signature)


def _depth(content: Any) -> int:
    """The depth of nested lists and objects in JSON."""
    if not isinstance(content, dict | list):
        return 0
    return 1 + max(
        map(_depth, content.values() if isinstance(content, dict) else content), default=0
    )


def _check_digests(path: Path, stated: Any, digests: Mapping[str, str]) -> None:
    """Raise where the manifest states other policies; older bundles state none."""
    if stated is None or stated == digests:
        return
    changed = (
        sorted(set(digests) ^ set(stated))
        or [name for name in digests if digests[name] != stated[name]]
        if isinstance(stated, dict)
        else []
    )
    raise BundleError(
        f"{path}: policy {', '.join(map(repr, changed))} was changed, its hash differs from that "
        f"in {MANIFEST_FILE}: copy the bundle anew"
    )


def _check_files(path: Path, files: Source) -> tuple[bytes, dict[str, bytes]]:
    """The manifest and the files that it lists; their checksums are right."""
    manifest = files.read(MANIFEST_FILE)
    try:
        content = parse_json(manifest)
        if content["format"] != FORMAT:
            raise BundleError(
                f"{path}: format {content['format']!r}, expected {FORMAT}: update sordino or write "
                "it again"
            )
        digests: dict[str, str] = content["files"]
        if (
            not isinstance(digests, dict)
            or manifest != json_bytes(content)
            or set(content) - {"format", "files", "policies"}
            or not all(map(_NAME.fullmatch, digests))
            or {MANIFEST_FILE, SIGNATURE_FILE} & set(digests)
        ):
            raise ValueError("not as `write` writes it")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(
            f"{path}: {MANIFEST_FILE} was changed, expected it as it was written: copy it anew"
        ) from error
    contents = {name: files.read(name) for name in digests}
    for name, file in contents.items():
        if sha256(file) != digests[name]:
            raise BundleError(
                f"{path}: {name} was changed, expected it as it was written: copy the bundle anew"
            )
    return manifest, contents
