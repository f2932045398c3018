"""The maker of a bundle: an Ed25519 signature of the manifest, and the trusted keys of a device.

    signature.json   {"expires": DATE or null, "key": KEY ID, "manifest": SHA-256,
                     "signature": 128 digits, "version": N}
    signed           b"sordino bundle v1" and a zero byte, then the same without `signature`: JSON
                     without spaces, its keys in order

The manifest holds the SHA-256 of every other file, so the whole bundle is signed. A key id is the
first 16 hexadecimal digits of the SHA-256 of the 32 bytes of a public key. The version counts the
bundles that a maker signs; a device refuses a version below the highest that it has run of that key
and policy, and a new policy below the highest of that key (`sordino.device.trust.versions`). An
expiry is the last day on which a device may load
the bundle, by the clock of the device: a clock that is set back extends it, and a clock that is set
ahead ends it early. Neither changes the version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from sordino import storage
from sordino.device.bundle import archive
from sordino.device.bundle.bundle import MANIFEST_FILE, SIGNATURE_FILE, Bundle, put, read
from sordino.device.trust import ed25519, versions
from sordino.errors import BundleError, SignatureError

DOMAIN: Final = b"sordino bundle v1\0"
"""The prefix of signed bytes, so that a signature of other data is never one of a bundle."""

LARGEST_VERSION: Final = 1 << 53
"""The largest version: integers are exact up to here in every programming language."""

_FILE_BYTES: Final = 4096  # bytes of signature.json
_LIST_BYTES: Final = 1 << 20  # bytes of a file of revoked keys: a cut file would revoke less
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]*")


@dataclass(frozen=True)
class Signature:
    """The content of a signature file, which a `Trust` must verify."""

    key: str
    """The id of the key."""
    version: int
    expires: date | None
    manifest: str
    """The SHA-256 of the manifest."""
    signature: bytes = b""

    def statement(self) -> dict[str, Any]:
        """All fields but the signature itself, as plain JSON."""
        expires = self.expires.isoformat() if self.expires else None
        return {
            "expires": expires,
            "key": self.key,
            "manifest": self.manifest,
            "version": self.version,
        }

    def message(self) -> bytes:
        """The bytes that are signed."""
        return DOMAIN + json.dumps(self.statement(), sort_keys=True, separators=(",", ":")).encode()

    def file(self) -> bytes:
        """The signature file."""
        return archive.json_bytes({**self.statement(), "signature": self.signature.hex()})

    def __str__(self) -> str:
        until = f", until {self.expires}" if self.expires else ""
        return f"signed by key {self.key}, version {self.version}{until}"


def key_id(public: bytes) -> str:
    """The id of a public key."""
    return archive.sha256(public)[:16]


def parse_signature(content: bytes) -> Signature:
    """The signature in a file. Raises `SignatureError` unless `Signature.file` wrote it."""
    try:
        if len(content) > _FILE_BYTES:
            raise ValueError("too large")
        stated = archive.parse_json(content)
        expires = None if stated["expires"] is None else date.fromisoformat(stated["expires"])
        signature = Signature(
            stated["key"],
            stated["version"],
            expires,
            stated["manifest"],
            bytes.fromhex(stated["signature"]),
        )
        plain = type(signature.version) is int and 1 <= signature.version <= LARGEST_VERSION
        sizes = (len(signature.manifest), len(signature.signature)) == (
            archive.DIGEST,
            ed25519.SIGNATURE_BYTES,
        )
        digits = _KEY_ID.fullmatch(signature.key) and _HEXADECIMAL.fullmatch(signature.manifest)
        if not (plain and sizes and digits) or content != signature.file():
            raise ValueError("not as it is written")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignatureError(
            f"{SIGNATURE_FILE} is damaged, expected a signature of sordino: copy the bundle anew, "
            "or sign it again"
        ) from error
    return signature


def signature_of(bundle: Bundle) -> Signature | None:
    """The signature of a bundle, not verified; None for an unsigned bundle.

    Raises `SignatureError` for a damaged signature.
    """
    return None if bundle.signature is None else parse_signature(bundle.signature)


def describe_signature(bundle: Bundle, verified: bool = False) -> str:
    """One line for people: the key of the signature, and whether it was checked."""
    try:
        signature = signature_of(bundle)
    except SignatureError:
        return "signature damaged, not checked"
    if signature is None:
        return "unsigned"
    return f"{signature}, {'verified' if verified else 'signature not checked'}"


def report(bundle: Bundle, verified: bool = False) -> dict[str, Any]:
    """The same as plain JSON."""
    try:
        signature = signature_of(bundle)
    except SignatureError:
        return {"signed": False, "verified": False, "damaged": True}
    stated = {} if signature is None else signature.statement()
    return {"signed": signature is not None, "verified": verified, **stated}


def sign(
    path: str | Path, key: str | Path, *, version: int, expires: date | None = None
) -> Signature:
    """Sign the bundle at a path with the private key in a file; an older signature is replaced.

    - `version`: 1 or more; increase it with every bundle that replaces another.
    - `expires`: the last day on which a device may load the bundle; None for no limit.

    No other byte of the bundle changes. Raises `SignatureError` for a file that is not a private
    key, `BundleError` for a bundle that `read` refuses, `DependencyError` without cryptography,
    `StorageError`.
    """
    if type(version) is not int or not 1 <= version <= LARGEST_VERSION:
        raise SignatureError(
            f"version {version}, expected a whole number from 1 to {LARGEST_VERSION}: count up"
        )
    bundle = read(path)
    public = ed25519.public_of(key)
    unsigned = Signature(key_id(public), version, expires, archive.sha256(bundle.manifest))
    signature = replace(unsigned, signature=ed25519.sign(key, unsigned.message())[1])
    if Path(path).is_dir():
        storage.write(Path(path) / SIGNATURE_FILE, signature.file())
    else:
        files = {name: bundle.files[name] for name in sorted(bundle.files)}
        put(path, {**files, MANIFEST_FILE: bundle.manifest, SIGNATURE_FILE: signature.file()})
    return signature


@dataclass(frozen=True)
class PublicKey:
    """A key that a device trusts."""

    raw: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.raw, bytes) or len(self.raw) != ed25519.PUBLIC_KEY_BYTES:
            raise SignatureError(
                f"a public key of {len(self.raw)} bytes, expected {ed25519.PUBLIC_KEY_BYTES}: read "
                "it from its file"
            )

    @property
    def id(self) -> str:
        """16 hexadecimal digits."""
        return key_id(self.raw)

    @classmethod
    def read(cls, path: str | Path) -> PublicKey:
        """The key in a PEM file. Raises `SignatureError` for another file, `StorageError`."""
        return cls(ed25519.read_public(path))


KeyLike = PublicKey | str | Path
"""A public key, or the path of its file."""


@dataclass(frozen=True)
class Trust:
    """The makers that a device trusts.

    - `keys`: public keys or paths of their files, one or more.
    - `revoked`: ids of keys that are no longer trusted, even if `keys` contains them.
    - `today`: the clock of the device, as of `DailyBudget`. Without it, a bundle with an expiry is
      refused.
    - `versions`: the file with the highest version of each key and policy that has run. Without it,
      an older bundle runs again.
    """

    keys: tuple[KeyLike, ...]
    revoked: frozenset[str] = frozenset()
    today: Callable[[], date] | None = None
    versions: Path | None = None

    def __post_init__(self) -> None:
        keys = (self.keys,) if isinstance(self.keys, PublicKey | str | Path) else tuple(self.keys)
        if not keys:
            raise SignatureError(
                "no trusted key, expected one or more: name the public key of the bundle's maker"
            )
        loaded = [key if isinstance(key, PublicKey) else PublicKey.read(key) for key in keys]
        object.__setattr__(self, "keys", tuple(loaded))
        revoked: Any = self.revoked
        if isinstance(revoked, str) or not all(
            isinstance(key, str) and _KEY_ID.fullmatch(key) for key in revoked
        ):
            raise SignatureError(
                f"revoked {revoked!r}, expected a set of key ids of 16 hexadecimal digits: correct "
                "it"
            )
        object.__setattr__(self, "revoked", frozenset(revoked))

    def verify(self, bundle: Bundle) -> Signature:
        """The verified signature of a bundle. Raises `SignatureError` with the reason otherwise.

        Every file is compared with the manifest again, so that a `Bundle` from other code is
        verified too.
        """
        signature = signature_of(bundle)
        if signature is None:
            raise SignatureError(
                "the bundle is unsigned, expected a signature by a trusted key: ask its maker to "
                "sign it"
            )
        if signature.key in self.revoked:
            raise SignatureError(
                f"key {signature.key} is revoked, expected another: ask the maker for a new bundle"
            )
        public = {key.id: key.raw for key in self.keys if isinstance(key, PublicKey)}.get(
            signature.key
        )
        if public is None:
            raise SignatureError(
                f"key {signature.key} is not trusted, expected "
                f"{' or '.join(key.id for key in self._public())}: ask the maker for the right "
                "public key"
            )
        valid = ed25519.verifies(public, signature.signature, signature.message())
        if (
            not valid
            or signature.manifest != archive.sha256(bundle.manifest)
            or not _matches_manifest(bundle)
        ):
            raise SignatureError(
                f"the signature is not that of this bundle by key {signature.key}: do not use the "
                "bundle"
            )
        self._check_expiry(signature)
        return signature

    def admit(self, signature: Signature, policy: str) -> None:
        """Store the version of a bundle and policy. Raises `SignatureError` for a lower one."""
        if self.versions is not None:
            versions.admit(self.versions, signature.key, policy, signature.version)

    def _public(self) -> Sequence[PublicKey]:
        return [key for key in self.keys if isinstance(key, PublicKey)]

    def _check_expiry(self, signature: Signature) -> None:
        if signature.expires is None:
            return
        if self.today is None:
            raise SignatureError(
                f"the bundle expires on {signature.expires} and no clock is given: pass "
                "Trust(KEYS, today=...)"
            )
        today = self.today()
        if date(today.year, today.month, today.day) > signature.expires:
            raise SignatureError(
                f"the bundle expired on {signature.expires}, today is {today:%Y-%m-%d}: get a "
                "newer one"
            )


TrustLike = Trust | KeyLike | Iterable[KeyLike]
"""The argument `trusted` of `Runtime`."""


def trust(trusted: TrustLike) -> Trust:
    """Keys as a `Trust`; a `Trust` is returned unchanged. Raises `SignatureError` without a key."""
    if isinstance(trusted, Trust):
        return trusted
    return Trust((trusted,) if isinstance(trusted, PublicKey | str | Path) else tuple(trusted))


def read_revoked(path: str | Path) -> frozenset[str]:
    """The key ids in a text file, one per line; a remark follows a #.

    Raises `SignatureError` for other lines.
    """
    content = storage.read_regular(path, _LIST_BYTES + 1)
    if len(content) > _LIST_BYTES:
        raise SignatureError(
            f"{path}: larger than {_LIST_BYTES >> 20} MB, expected a list of key ids: shorten it"
        )
    lines = [
        line.partition("#")[0].strip() for line in content.decode("utf-8", "replace").splitlines()
    ]
    ids = [line for line in lines if line]
    if wrong := [line for line in ids if not _KEY_ID.fullmatch(line)]:
        raise SignatureError(
            f"{path}: {wrong[0][:40]!r}, expected 16 hexadecimal digits a line: write the ids of "
            "keys"
        )
    return frozenset(ids)


def _matches_manifest(bundle: Bundle) -> bool:
    """Whether the files of a bundle are those in its manifest."""
    try:
        digests = archive.parse_json(bundle.manifest)["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            "a manifest that cannot be read, expected that of the bundle: read it again"
        ) from error
    return bool(
        digests == {name: archive.sha256(content) for name, content in bundle.files.items()}
    )
