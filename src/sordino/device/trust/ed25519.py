"""Ed25519 signatures (Bernstein et al. 2011, RFC 8032), and keys in files as openssl writes them.

A device checks signatures with PyNaCl (extra `verify`), the smaller and faster library, or with
cryptography if PyNaCl is missing. The lab makes keys and signs with cryptography (extra `sign`).
Both are imported in this module alone, when needed.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sordino import storage
from sordino.errors import DependencyError, SignatureError, install_step

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_KEY_BYTES: Final = 32
"""Bytes of a public key."""

SIGNATURE_BYTES: Final = 64
"""Bytes of a signature."""

_SPKI: Final = bytes.fromhex("302a300506032b6570032100")  # prefix of a public key (RFC 8410)
_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
_LARGEST: Final = 10_000  # bytes of a file with one key


def read_public(path: str | Path) -> bytes:
    """The bytes of the public key in a PEM file.

    Raises `SignatureError` for another file, `StorageError`.
    """
    text = _content(path)
    if "PRIVATE KEY" in text:
        raise SignatureError(
            f"{path}: a private key, expected a public one: keep it off devices, pass the .pub.pem "
            "file"
        )
    lines = [line.strip() for line in text.strip().splitlines()]
    try:
        content = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    fits = content.startswith(_SPKI) and len(content) == len(_SPKI) + PUBLIC_KEY_BYTES
    if not lines or lines[0] != _BEGIN or lines[-1] != _END or not fits:
        raise SignatureError(
            f"{path}: not a public key of Ed25519, expected PEM as `sordino bundle key` writes it: "
            "check the path"
        )
    return content[len(_SPKI) :]


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the private key of `public` signed a message. Raises `DependencyError` without a
    library.
    """
    try:
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey
    except ModuleNotFoundError:
        return _verifies(public, signature, message)
    try:
        VerifyKey(public).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def _verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """The same with cryptography."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ModuleNotFoundError as error:
        raise DependencyError(
            "neither PyNaCl nor cryptography is installed, expected one to check a signature: "
            f"{install_step('verify')}"
        ) from error
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign(key: str | Path, message: bytes) -> tuple[bytes, bytes]:
    """The public key of a private key file, and its signature of a message.

    Raises `SignatureError` for a file without a private key of Ed25519, `DependencyError`,
    `StorageError`.
    """
    private = _private(key)
    return private.public_key().public_bytes_raw(), private.sign(message)


def public_of(key: str | Path) -> bytes:
    """The bytes of the public key of a private key file. Raises as `sign` does."""
    return _private(key).public_key().public_bytes_raw()


def generate() -> tuple[bytes, bytes]:
    """A new private key (PKCS8) and its public key (SubjectPublicKeyInfo), each as a PEM file."""
    _require_cryptography()
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption())
    return secret, private.public_key().public_bytes(
        to.Encoding.PEM, to.PublicFormat.SubjectPublicKeyInfo
    )


def _private(path: str | Path) -> Ed25519PrivateKey:
    _require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key: object
    try:
        key = load_pem_private_key(_content(path).encode(), None)
    except TypeError as error:
        raise SignatureError(
            f"{path}: a key with a passphrase, expected one without: openssl pkey -in KEY -out "
            "PLAIN"
        ) from error
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(
            f"{path}: not a private key of Ed25519, expected PEM as `sordino bundle key` writes "
            "it: check the path"
        )
    return key


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"cryptography is not installed, expected it to sign: {install_step('sign')}"
        ) from error


def _content(path: str | Path) -> str:
    """The text of a small file."""
    content = storage.read_regular(path, _LARGEST + 1)
    try:
        return content[: _LARGEST * (len(content) <= _LARGEST)].decode("ascii")
    except UnicodeDecodeError:
        return ""
