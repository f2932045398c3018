"""The token of a device: 256 random bits that a server made for it, in a file or a variable.

A token is a password. It is never an argument of a command, which other users of a machine can
read, and never a part of an error, a log or a representation.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from sordino import storage, system
from sordino.errors import StorageError

_TOKEN: Final = re.compile(r"sordino_device_[A-Za-z0-9_-]{43}")
_LARGEST: Final = 1000  # bytes of a file with a token


class SenderToken:
    """A token; `str` of it shows a part that identifies nothing.

    Raises `StorageError` for another text, without the text.

    >>> SenderToken("sordino_device_" + 43 * "A")
    sordino_device_...
    """

    def __init__(self, text: str, source: str = "the token") -> None:
        if not _TOKEN.fullmatch(text):
            raise StorageError(
                f"{source}: {len(text)} characters that are no token, expected sordino_device_ and "
                "43 letters or digits: ask the operator of the server for a new one"
            )
        self._text = text

    def __repr__(self) -> str:
        return "sordino_device_..."

    @property
    def header(self) -> str:
        """The value of the header `Authorization`."""
        return f"Bearer {self._text}"

    @property
    def sha256(self) -> bytes:
        """SHA-256 of the token, 32 bytes: the part of a signature that names the device."""
        return hashlib.sha256(self._text.encode("ascii")).digest()


def read(path: str | Path) -> SenderToken:
    """The token in a file that only its owner may read.

    Raises `StorageError` where it cannot be read, for another content, and for a file that other
    users may read.
    """
    content = storage.read_regular(path, _LARGEST)
    if system.is_exposed(Path(path).stat()):
        raise StorageError(
            f"{path}: other users may read the token, expected mode 600: run `chmod 600` on it, "
            "and ask for a new token if any did"
        )
    return SenderToken(content.decode("ascii", "replace").strip(), str(path))
