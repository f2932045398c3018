"""Who made a bundle: an Ed25519 signature beside the manifest, and the keys that a device trusts.

    signature.json   {"expires": DATE or null, "key": KEY ID, "manifest": SHA-256, "signature": 128 digits,
                     "version": N}
    signed           b"sordino bundle v1" and a zero byte, then the same without `signature`: JSON without spaces, its
                     keys in order

The manifest holds the SHA-256 of every other file, so all of a bundle is signed. A key id is the
first 16 hexadecimal digits of the SHA-256 of the 32 bytes of a public key. The version counts what
a maker signs; a device refuses one below the highest that it has run of that key and policy
(`sordino.device.trust.versions`). An expiry is the last day on which a device may load the bundle,
by the device's own clock: a clock that is set back extends it, one that is set ahead ends it early,
and neither changes the version.
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
from sordino.device.bundle import archive, bundle
from sordino.device.bundle.bundle import SIGNATURE, Bundle
from sordino.device.trust import ed25519, versions
from sordino.errors import BundleError, SignatureError

DOMAIN: Final = b"sordino bundle v1\0"
"""Stands before what is signed, so that a signature of anything else is none of a bundle."""

MOST: Final = 1 << 53
"""The largest version: any language counts as far."""

_LARGEST: Final = 4096  # bytes of signature.json
_LARGEST_LIST: Final = 1 << 20  # bytes of a file of revoked keys: one that is cut would revoke less
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]*")


@dataclass(frozen=True)
class Signature:
    """What a signature file says; nothing of it is true before a `Trust` has verified it."""

    key: str
    """The id of the key."""
    version: int
    expires: date | None
    manifest: str
    """The SHA-256 of the manifest."""
    signature: bytes = b""

    def statement(self) -> dict[str, Any]:
        """All but the signature itself, as plain JSON."""
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
    return archive.digest(public)[:16]


def parse(content: bytes) -> Signature:
    """The signature in a file. Raises `SignatureError` for a file that `Signature.file` did not
    write.
    """
    try:
        if len(content) > _LARGEST:
            raise ValueError("too large")
        found = archive.parsed(content)
        expires = None if found["expires"] is None else date.fromisoformat(found["expires"])
        signature = Signature(
            found["key"],
            found["version"],
            expires,
            found["manifest"],
            bytes.fromhex(found["signature"]),
        )
        plain = type(signature.version) is int and 1 <= signature.version <= MOST
        sizes = (len(signature.manifest), len(signature.signature)) == (
            archive.DIGEST,
            ed25519.SIGNATURE,
        )
        digits = _KEY_ID.fullmatch(signature.key) and _HEXADECIMAL.fullmatch(signature.manifest)
        if not (plain and sizes and digits) or content != signature.file():
            raise ValueError("not as it is written")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignatureError(
            f"{SIGNATURE} is damaged, expected a signature of sordino: copy the bundle anew, or "
            "sign it again"
        ) from error
    return signature


def of(found: Bundle) -> Signature | None:
    """The signature of a bundle, not verified; None where it is unsigned. Raises `SignatureError`
    for a damaged one.
    """
    return None if found.signature is None else parse(found.signature)


def described(found: Bundle, verified: bool = False) -> str:
    """Whether a bundle is signed, by which key, and whether that was checked: one line for people."""
    try:
        signature = of(found)
    except SignatureError:
        return "signature damaged, not checked"
    if signature is None:
        return "unsigned"
    return f"{signature}, {'verified' if verified else 'signature not checked'}"


def report(found: Bundle, verified: bool = False) -> dict[str, Any]:
    """The same as plain JSON."""
    try:
        signature = of(found)
    except SignatureError:
        return {"signed": False, "verified": False, "damaged": True}
    stated = {} if signature is None else signature.statement()
    return {"signed": signature is not None, "verified": verified, **stated}


def sign(
    path: str | Path, key: str | Path, *, version: int, expires: date | None = None
) -> Signature:
    """Sign the bundle at a path with the private key in a file; an older signature of it is
    replaced.

    - `version`: 1 or more; raise it with every bundle that is to take the place of another one.
    - `expires`: the last day on which a device may load the bundle; None for no end.

    No other byte of the bundle changes. Raises `SignatureError` for a file that is no private key,
    `BundleError` for a bundle that `read` refuses, `DependencyError` without cryptography,
    `StorageError`.
    """
    if type(version) is not int or not 1 <= version <= MOST:
        raise SignatureError(
            f"version {version}, expected a whole number from 1 to {MOST}: count up"
        )
    whole = bundle.read(path)
    public = ed25519.public_of(key)
    unsigned = Signature(key_id(public), version, expires, archive.digest(whole.manifest))
    signature = replace(unsigned, signature=ed25519.sign(key, unsigned.message())[1])
    if Path(path).is_dir():
        storage.write(Path(path) / SIGNATURE, signature.file())
    else:
        files = {name: whole.files[name] for name in sorted(whole.files)}
        bundle.put(path, {**files, bundle.MANIFEST: whole.manifest, SIGNATURE: signature.file()})
    return signature


@dataclass(frozen=True)
class PublicKey:
    """A key that a device trusts."""

    raw: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.raw, bytes) or len(self.raw) != ed25519.SIZE:
            raise SignatureError(
                f"a public key of {len(self.raw)} bytes, expected {ed25519.SIZE}: read it from its "
                "file"
            )

    @property
    def id(self) -> str:
        """16 hexadecimal digits."""
        return key_id(self.raw)

    @classmethod
    def read(cls, path: str | Path) -> PublicKey:
        """The key in a PEM file. Raises `SignatureError` for another file, `StorageError`."""
        return cls(ed25519.read_public(path))


Key = PublicKey | str | Path
"""A public key, or the path of its file."""


@dataclass(frozen=True)
class Trust:
    """Whose bundles a device runs.

    - `keys`: public keys or paths of their files, one or more.
    - `revoked`: ids of keys that are no longer trusted, whatever is in `keys`.
    - `today`: the device's clock, as of `DailyBudget`. Without one, a bundle that expires is
      refused.
    - `versions`: the file that keeps the highest version of each key and policy that has run.
      Without one an older bundle runs again.
    """

    keys: tuple[Key, ...]
    revoked: frozenset[str] = frozenset()
    today: Callable[[], date] | None = None
    versions: Path | None = None

    def __post_init__(self) -> None:
        keys = (self.keys,) if isinstance(self.keys, PublicKey | str | Path) else tuple(self.keys)
        if not keys:
            raise SignatureError(
                "no trusted key, expected one or more: name the public key of the bundle's maker"
            )
        read = [key if isinstance(key, PublicKey) else PublicKey.read(key) for key in keys]
        object.__setattr__(self, "keys", tuple(read))
        revoked: Any = self.revoked
        if isinstance(revoked, str) or not all(
            isinstance(one, str) and _KEY_ID.fullmatch(one) for one in revoked
        ):
            raise SignatureError(
                f"revoked {revoked!r}, expected a set of key ids of 16 hexadecimal digits: correct "
                "it"
            )
        object.__setattr__(self, "revoked", frozenset(revoked))

    def verify(self, found: Bundle) -> Signature:
        """The signature of a bundle. Raises `SignatureError` where it is not one to trust now; the
        message says why.

        Every file is compared with the manifest anew, so that a `Bundle` made by other code is
        verified too.
        """
        signature = of(found)
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
                f"{' or '.join(key.id for key in self._public())}: "
                "ask the maker for the right public key"
            )
        valid = ed25519.verifies(public, signature.signature, signature.message())
        if not valid or signature.manifest != archive.digest(found.manifest) or not _whole(found):
            raise SignatureError(
                f"the signature is not that of this bundle by key {signature.key}: do not use the "
                "bundle"
            )
        self._expired(signature)
        return signature

    def admit(self, signature: Signature, policy: str) -> None:
        """Keep the version of a bundle that runs a policy. Raises `SignatureError` for one that
        goes back.
        """
        if self.versions is not None:
            versions.admit(self.versions, signature.key, policy, signature.version)

    def _public(self) -> Sequence[PublicKey]:
        return [key for key in self.keys if isinstance(key, PublicKey)]

    def _expired(self, signature: Signature) -> None:
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


Trusted = Trust | Key | Iterable[Key]
"""What `Runtime` takes as `trusted`."""


def trust(trusted: Trusted) -> Trust:
    """Keys as a `Trust`, one as it is. Raises `SignatureError` where there is no key."""
    if isinstance(trusted, Trust):
        return trusted
    return Trust((trusted,) if isinstance(trusted, PublicKey | str | Path) else tuple(trusted))


def read_revoked(path: str | Path) -> frozenset[str]:
    """The key ids in a text file, one a line; what follows a # is a remark. Raises `SignatureError`
    for other lines.
    """
    with storage.told(path), Path(path).open("rb") as file:
        content = file.read(_LARGEST_LIST + 1)
    if len(content) > _LARGEST_LIST:
        raise SignatureError(
            f"{path}: larger than {_LARGEST_LIST >> 20} MB, expected a list of key ids: shorten it"
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


def _whole(found: Bundle) -> bool:
    """Whether the files of a bundle are those that its manifest lists."""
    try:
        listed = archive.parsed(found.manifest)["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            "a manifest that cannot be read, expected that of the bundle: read it again"
        ) from error
    return bool(listed == {name: archive.digest(content) for name, content in found.files.items()})
