"""Values that a browser keeps between two requests: encrypted, and valid for a time and purpose."""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections import OrderedDict
from typing import Any, Final

from sordino.errors import StorageError
from sordino.server.access.server_key import ServerKey

_LARGEST: Final = 4096  # characters, as of a cookie


def seal(key: ServerKey, purpose: str, expires: int, **values: Any) -> str:
    """Values as a text that its holder can neither read nor change."""
    content = json.dumps({**values, "expires": expires}).encode()
    return base64.urlsafe_b64encode(key.cipher(purpose).encrypt(content, purpose)).decode()


def unseal(key: ServerKey, purpose: str, now: int, text: str) -> dict[str, Any] | None:
    """The values; None for a text that is changed, expired or of another purpose.

    Values have one text alone: other spellings of the same bytes are refused.
    """
    if not text or len(text) > _LARGEST:
        return None
    try:
        content = base64.b64decode(text.encode("ascii"), b"-_", validate=True)
        if base64.urlsafe_b64encode(content).decode() != text:
            return None
        values: dict[str, Any] = json.loads(key.cipher(purpose).decrypt(content, purpose))
    except (StorageError, UnicodeEncodeError, binascii.Error):
        return None
    return values if values["expires"] > now else None


class Once:
    """Values that are accepted once. Only a value that was right enters, so strangers cannot fill
    the memory; the oldest of `largest` is forgotten.
    """

    def __init__(self, largest: int = 10_000) -> None:
        self._values: OrderedDict[str, None] = OrderedDict()
        self._largest = largest
        self._lock = threading.Lock()

    def use(self, value: str) -> bool:
        """Whether a value is new; it is not from now on."""
        with self._lock:
            if value in self._values:
                return False
            self._values[value] = None
            if len(self._values) > self._largest:
                self._values.popitem(last=False)
            return True
