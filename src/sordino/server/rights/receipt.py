"""The receipt of a deletion, signed by the server.

The signature is Ed25519 of the canonical JSON of all other fields (sorted keys, no spaces). The
receipt names the user by their random number, which their export shows too.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from sordino.device.trust import ed25519
from sordino.errors import SignatureError
from sordino.server.access.server_key import ServerKey
from sordino.server.rights.audit import Head

RECEIPT_FORMAT: Final = 1
PURPOSE: Final = "receipts of deletions"
"""The purpose of the derived signing key."""

_CONTEXT: Final = b"sordino deletion 1\n"


def sign_receipt(content: Mapping[str, Any], key: ServerKey) -> dict[str, Any]:
    """A receipt: the content with format, public key and signature."""
    public = key.public_key(PURPOSE)
    receipt = {"format": RECEIPT_FORMAT, **content, "public_key": public.hex()}
    signature = key.sign(PURPOSE, _message(receipt))
    return {**receipt, "signature": base64.b64encode(signature).decode()}


def verify_receipt(receipt: Mapping[str, Any], public_key: bytes) -> None:
    """Raise `SignatureError` for a receipt that the server of a public key did not sign."""
    content = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        signature = base64.b64decode(str(receipt.get("signature")), validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if not ed25519.verifies(public_key, signature, _message(content)):
        raise SignatureError(
            "a receipt with another signature, expected that of the server: compare the public key "
            "with the one that the server publishes, and the receipt with the original file"
        )


def log_end(receipt: Mapping[str, Any]) -> Head:
    """The end of the audit log that a verified receipt names."""
    end = receipt["log"]
    return Head(int(end["number"]), bytes.fromhex(end["digest"]))


def _message(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return _CONTEXT + text.encode()
