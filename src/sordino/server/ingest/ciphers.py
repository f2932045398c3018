"""The ciphers of users who send often, so that a batch asks the store of keys only now and then.

A key that was destroyed leaves the memory of every server process within `SECONDS`. Until then it
encrypts nothing: ingest locks the rows of the user first, and they are gone.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from sordino.server.database.keys import Cipher, KeyStore

SECONDS: Final = 60.0
MOST_CIPHERS: Final = 10_000


class CipherCache:
    """The ciphers of the last `SECONDS`."""

    def __init__(self, keys: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys, self._clock = keys, clock
        self._ciphers: OrderedDict[int, tuple[float, Cipher]] = OrderedDict()  # oldest first
        self._lock = threading.Lock()

    def cipher(self, participant_id: int) -> Cipher:
        """The cipher of a participant. Raises `StorageError` for a destroyed key."""
        now = self._clock()
        with self._lock:
            self._forget(now)
            if participant_id in self._ciphers:
                return self._ciphers[participant_id][1]
        cipher = self._keys.cipher(participant_id)
        with self._lock:
            self._ciphers[participant_id] = (now, cipher)
            self._ciphers.move_to_end(participant_id)
        return cipher

    def _forget(self, now: float) -> None:
        """Drop what is too old or too much."""
        while self._ciphers:
            oldest, (read, _) = next(iter(self._ciphers.items()))
            if now - read < SECONDS and len(self._ciphers) <= MOST_CIPHERS:
                return
            del self._ciphers[oldest]
