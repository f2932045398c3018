"""Sends the released vectors of a device to a server, whole batches once each.

201, 200 with the stored count    the batch is removed from the queue
429, 5xx, no whole answer         the same bytes again, after an exponential wait with jitter
401 token, 403 consent            nothing more is sent; the queue stays
400, 409, 413, 415, 422           with a reason of this protocol: the batch is set aside (kept),
                                  and the next one follows
any other answer                  nothing more is sent; the queue stays: a redirect, a page of a
                                  hotel's network or a wrong address is no verdict on a batch
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.archive import sha256
from sordino.device.bundle.bundle import Bundle, PolicyEntry
from sordino.device.reader import Reader
from sordino.device.sending import wire
from sordino.device.sending.exchange import HttpAnswer, Server, UnreachableError
from sordino.device.sending.queue import Origin, Queue, QueuedBatch
from sordino.device.sending.token import SenderToken
from sordino.errors import ReleaseError

ATTEMPTS: Final = 5
"""Attempts of one request: with the waits between them, about half a minute."""

FIRST_WAIT_SECONDS: Final = 2.0
"""The wait after the first failure, with jitter; each further wait is twice as long."""

LONGEST_WAIT_SECONDS: Final = 60.0
"""The longest wait between two attempts. A server that asks for more ends this call of `send`."""

_RANDOM: Final = random.SystemRandom()

REFUSALS: Final = (400, 409, 413, 415, 422)
"""Statuses that concern one batch alone."""


@dataclass(frozen=True)
class Delivery:
    """The result of one call of `Sender.send`. It is for the user of the device."""

    stored: int
    """Releases that the server has stored."""
    pending: int
    """Releases that still wait."""
    aside: int
    """Releases that a server refused, of all time; they stay in the file."""
    reason: str = ""
    """Why releases still wait; empty where none do."""
    is_refused: bool = False
    """Whether a person must act first: token, consent, address or key."""
    wait_seconds: float = 0.0
    """The wait that the server asked for."""
    refused: int = 0
    """Releases that the server refused in this call; they are set aside."""


class _LaterError(Exception):
    """The same request may succeed later."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class _StopError(Exception):
    """No request succeeds before a person acts."""


class Sender:
    """Queues released vectors on the disk and sends them to a server.

    - `queue`: the file of the queue, one for each device (mode 600; see
      `sordino.device.sending.queue`).
    - `url`: the server; `insecure_http` also allows http to another machine.
    - `token`: the token of this device.
    - `bundle`, `policy`: the origin of the vectors of `add`; `policy` is None if there is only one.
      Without a bundle, the queue is sent and nothing is added.
    - `day`: the clock, read by `add`.
    - `batch`: the largest number of releases in a request, 20 to 1000. A larger one costs less
      energy, a smaller one less memory.
    - `signing_key`: the private key (PEM, Ed25519) of the device, which the server knows. Families
      other than `drawn` and `label` need it: their vectors cannot be told from features.
    - `wait`, `jitter`: wait for seconds; a random number in [0, 1).

    Raises `ReleaseError` for an address that is not https, a continuous family without a key and
    another size of batch; `BundleError` for an unknown policy; `StorageError`.
    """

    def __init__(
        self,
        queue: str | Path,
        url: str,
        token: SenderToken,
        bundle: Bundle | None = None,
        policy: str | None = None,
        *,
        day: Callable[[], date],
        batch: int = 100,
        signing_key: str | Path | None = None,
        insecure_http: bool = False,
        wait: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = _RANDOM.random,
    ) -> None:
        wire.check_batch_size(batch)
        self._server = Server(url, insecure_http=insecure_http)
        self._token, self._day, self._batch, self._key = token, day, batch, signing_key
        self._wait, self._jitter = wait, jitter
        self._source = None if bundle is None else _Source(bundle, bundle.entry(policy))
        if self._source is not None and self._source.is_continuous and signing_key is None:
            raise ReleaseError(
                f"policy {self._source.entry.name} of family {self._source.entry.family} without a "
                "signing key, expected one: its vectors cannot be told from features; pass "
                "--signing-key KEY, registered on the server"
            )
        self._queue = Queue(queue)

    @property
    def pending(self) -> int:
        """The number of releases that wait. It stays on the device."""
        return self._queue.count()[0]

    @property
    def refusals(self) -> dict[str, int]:
        """The number of releases that are set aside, by the reason of the server."""
        return self._queue.refusals()

    def add(self, vector: NDArray[np.float32]) -> None:
        """Queue one released vector, `(k,)`; it is on the disk when this returns.

        Raises `ReleaseError` for a vector that is not a release of the policy, `StorageError` where
        it cannot be written.
        """
        if self._source is None:
            raise ReleaseError("a sender without a bundle, expected one to add: pass the bundle")
        item = self._source.item(vector)
        day = self._day()
        origin = self._source.origin(date(day.year, day.month, day.day))
        self._queue.add(origin, item)

    def send(self, attempts: int = ATTEMPTS, *, resend: bool = False) -> Delivery:
        """Send all that waits, batch by batch, with up to `attempts` for each request.

        With `resend`, batches that were set aside are sent first, for example after a server had a
        wrong clock: the same bytes again, and with new numbers only where the server does not have
        them. Those that it refuses again stay aside.

        Raises `StorageError` where the queue cannot be read or written, and `SignatureError` for a
        file that is no key.
        """
        stored, failures, aside = 0, 0, self._queue.count()[1]
        again = sum(batch.size for batch in self._queue.refused()) if resend else 0
        while True:
            try:
                if resend:
                    stored += self._resend()
                    aside -= again
                    resend = False
                batch = self._next()
                if batch is None:
                    return self._delivery(stored, aside)
                stored += self._deliver(batch)
                failures = 0
            except _StopError as stop:
                return self._delivery(stored, aside, str(stop), is_refused=True)
            except _LaterError as later:
                failures += 1
                if failures >= attempts or later.seconds > LONGEST_WAIT_SECONDS:
                    seconds = later.seconds
                    return self._delivery(stored, aside, str(later), wait_seconds=seconds)
                self._wait(max(later.seconds, self._backoff(failures)))

    def _delivery(
        self,
        stored: int,
        before: int,
        reason: str = "",
        *,
        is_refused: bool = False,
        wait_seconds: float = 0.0,
    ) -> Delivery:
        """The result, from the releases that were aside before."""
        pending, aside = self._queue.count()
        refused = max(0, aside - before)
        return Delivery(stored, pending, aside, reason, is_refused, wait_seconds, refused)

    def _backoff(self, failures: int) -> float:
        """Seconds until the next attempt: a random part of a wait that doubles."""
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** (failures - 1))
        return longest * (0.5 + 0.5 * self._jitter())

    def _next(self) -> QueuedBatch | None:
        """The batch to send. The first one of a new queue needs the last number of the server."""
        if not self._queue.has_numbers():
            if not self._queue.count()[0]:
                return None
            answer = self._request("GET", wire.DEVICE_PATH)
            _raise_unless_ok(answer)
            try:
                number = wire.last_number(answer.kind, answer.body)
            except ValueError as error:
                raise _LaterError("an answer that is not one of a sordino server") from error
            self._queue.begin_after(number)
        return self._queue.next_batch(self._batch)

    def _resend(self) -> int:
        """Send each batch that is set aside once more; the number of releases that are stored."""
        stored = 0
        for batch in self._queue.refused():
            answer, problem = self._post(batch)
            if problem is not None and problem.code == "number":
                self._queue.renumber(batch)  # the server does not have its key, nor ever will
            elif problem is None or answer.status not in REFUSALS:
                stored += self._confirm(answer, batch)
        return stored

    def _post(self, batch: QueuedBatch) -> tuple[HttpAnswer, wire.Refusal | None]:
        """The answer to a batch, and the refusal in it."""
        headers = {
            "Content-Type": wire.BATCH_TYPE,
            "Idempotency-Key": batch.key,
            **self._signature(batch),
        }
        answer = self._request("POST", wire.RELEASES_PATH, headers, batch.body)
        return answer, wire.problem(answer.kind, answer.body)

    def _confirm(self, answer: HttpAnswer, batch: QueuedBatch) -> int:
        """Remove a batch that the server has stored; the number of its releases."""
        _raise_unless_ok(answer)
        if not wire.confirms(answer.kind, answer.body, batch.size, batch.last):
            raise _LaterError("an answer that is not one of a sordino server")
        self._queue.remove(batch)
        return batch.size

    def _deliver(self, batch: QueuedBatch) -> int:
        """Send one batch; the number of its releases if they are stored, 0 if it is set aside."""
        answer, problem = self._post(batch)
        if problem is not None and answer.status in REFUSALS:
            after = problem.last_number if problem.code == "number" else 0
            self._queue.set_aside(batch, problem.code, after)
            return 0
        return self._confirm(answer, batch)

    def _request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> HttpAnswer:
        headers = {"Authorization": self._token.header, **(headers or {})}
        try:
            return self._server.request(method, path, headers, body or None)
        except UnreachableError as error:
            raise _LaterError(f"the server cannot be reached ({error})") from error

    def _signature(self, batch: QueuedBatch) -> dict[str, str]:
        """The headers that sign a batch of a continuous family; none for any other.

        They are made for each attempt and never stored: a new token needs a new signature.
        """
        if not batch.signed:
            return {}
        if self._key is None:
            raise _StopError("a batch of a continuous family waits for its signature: pass the key")
        # imported here: most devices sign nothing
        from sordino.device.trust import ed25519

        message = wire.signed_message(self._token.sha256, batch.key, batch.body)
        public, signature = ed25519.sign(self._key, message)
        return {
            "Sordino-Key": sha256(public),
            "Sordino-Signature": base64.b64encode(signature).decode(),
        }


class _Source:
    """The bundle and the policy of the vectors that a sender adds."""

    def __init__(self, bundle: Bundle, entry: PolicyEntry) -> None:
        self.entry, self._bundle = entry, sha256(bundle.manifest)
        self.is_continuous = not entry.releases_prototypes
        self.item = Reader(bundle, entry.name).item

    def origin(self, day: date) -> Origin:
        return Origin(self._bundle, self.entry.name, day.isoformat(), self.is_continuous)


def _raise_unless_ok(answer: HttpAnswer) -> None:
    """Raise `_LaterError` for a failure that may pass, `_StopError` for one that needs a person."""
    if answer.status in (200, 201):
        return
    problem = wire.problem(answer.kind, answer.body)
    detail = f" ({problem.code}: {problem.detail})" if problem else ""
    if answer.status == 429 or answer.status >= 500:
        raise _LaterError(f"the server answers {answer.status}{detail}", answer.retry_seconds)
    if answer.status == 401:
        raise _StopError(
            f"the server does not accept the token{detail}: ask its operator for a new one"
        )
    if answer.status == 403:
        raise _StopError(f"the user has not consented, or has withdrawn or paused it{detail}")
    raise _StopError(
        f"status {answer.status}{detail}, expected that of a sordino server: check the address"
    )
