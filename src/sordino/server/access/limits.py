"""Token buckets in bounded memory: how often a principal, an address or a login may ask."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

MOST_BUCKETS: Final = 100_000  # buckets


class TokenBuckets:
    """One bucket for each key. A bucket holds `burst` tokens at most and gains `rate` a second.

    At most `largest` buckets are in memory. The least recently used is forgotten first; it is the
    one that has gained most.
    """

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float], largest: int = MOST_BUCKETS
    ) -> None:
        self._rate, self._burst, self._clock, self._largest = rate, burst, clock, largest
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> float:
        """Take a token. Returns 0, or the seconds until the next token where there is none."""
        with self._lock:
            tokens = self._tokens(key)
            if tokens < 1:
                return (1 - tokens) / self._rate
            self._keep(key, tokens - 1)
            return 0.0

    def give_back(self, key: Hashable) -> None:
        """Return a token that an allowed request took."""
        with self._lock:
            if key in self._buckets:
                self._keep(key, min(self._burst, self._tokens(key) + 1))

    def __len__(self) -> int:
        return len(self._buckets)

    def _tokens(self, key: Hashable) -> float:
        tokens, time = self._buckets.get(key, (self._burst, 0.0))
        return min(self._burst, tokens + self._rate * max(0.0, self._clock() - time))

    def _keep(self, key: Hashable, tokens: float) -> None:
        self._buckets[key] = (tokens, self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._largest:
            self._buckets.popitem(last=False)


def network_of(address: str) -> str:
    """The network that shares a bucket: an IPv4 address, or the /64 of an IPv6 address.

    >>> network_of("2001:db8::1"), network_of("192.0.2.7")
    ('2001:db8::/64', '192.0.2.7')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
