"""Devices that send through faults, a server in its own process, and the check of every release."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select

from sordino.device import Bundle, Sender, SenderToken
from sordino.server.database.payloads import decrypt_counts, index_of, release_place
from sordino.server.database.tables import DailyCount, ReleaseRow
from sordino.server.database.tables import Device as DeviceRow
from sordino.server.settings import ServerSettings
from sordino.server.store import Store
from tests.server.synthetic_bundle import prototypes

START_SECONDS: Final = 90.0
BURST: Final = 5
"""Releases between two attempts to send."""
PAUSE_SECONDS: Final = 0.15
"""Between two attempts, below the limit of requests of a device."""


class ServerProcess:
    """`sordino serve` on one port, which a test kills and starts again."""

    def __init__(self, settings: ServerSettings, port: int) -> None:
        self.port = port
        self._command = [
            sys.executable, "-m", "sordino", "serve", "--folder", str(settings.folder),
            "--port", str(port), *(["--database", settings.database] if settings.database else []),
        ]  # fmt: skip
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and return when it listens."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        assert re.search(r"http://127\.0\.0\.1:\d+", first), first

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(START_SECONDS)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()


class SendingDevice:
    """A device with a queue on the disk, which releases and sends in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        url: str,
        token: str,
        bundle: Bundle,
        policy: str = "drawn",
        day: datetime.date | None = None,
    ) -> None:
        self.rows: list[int] = []
        """The prototype of each release, in the order of their numbers."""
        self.unavailable = 0
        """Attempts that the server answered with 503."""
        self.today = day or datetime.datetime.now(datetime.UTC).date()
        self._sender = Sender(
            folder / "queue", url, SenderToken(token), bundle, policy,
            day=lambda: self.today, batch=20, wait=lambda seconds: time.sleep(min(seconds, 0.2)),
        )  # fmt: skip
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def pending(self) -> int:
        """Releases that wait in the queue."""
        return self._sender.pending

    @property
    def aside(self) -> int:
        """Releases that the server refused; the queue keeps them."""
        return sum(self._sender.refusals.values())

    @property
    def acknowledged(self) -> int:
        """Releases that the server said it has stored."""
        return len(self.rows) - self.pending - self.aside

    def start(self) -> None:
        """Release and send until `end`."""
        self._thread.start()

    def add(self, count: int = BURST) -> None:
        """Queue some releases."""
        for _ in range(count):
            row = (7 * len(self.rows) + len(self.rows) // 6) % len(prototypes())
            self._sender.add(prototypes()[row])
            self.rows.append(row)

    def send(self) -> str:
        """Send what waits, with one attempt; why releases still wait."""
        reason = self._sender.send(attempts=1).reason
        self.unavailable += "503" in reason
        return reason

    def end(self, seconds: float = START_SECONDS) -> None:
        """Stop releasing, and send until the queue is empty or the time is over."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(START_SECONDS)
        end = time.monotonic() + seconds
        while self.pending and time.monotonic() < end:
            self.send()
            time.sleep(PAUSE_SECONDS)

    def _run(self) -> None:
        while not self._ending.is_set():
            self.add()
            self.send()
            self._ending.wait(PAUSE_SECONDS)


@dataclass(frozen=True)
class Outcome:
    """All releases of all devices after the faults."""

    added: int
    stored: int
    pending: int
    """Left in queues."""
    aside: int
    """Refused, kept in queues."""
    lost: int
    """Neither stored nor in a queue."""
    doubled: int
    """Stored twice, or counted in a day and not stored."""
    changed: int
    """Stored with another prototype than the device released."""

    @property
    def is_exact(self) -> bool:
        """Whether the server has each release once and the queues are empty."""
        exact = (self.lost, self.doubled, self.changed, self.pending, self.aside) == (0,) * 5
        return exact and self.stored == self.added > 0


def acknowledged(devices: Sequence[SendingDevice]) -> int:
    """Releases of all devices that the server said it has stored."""
    return sum(device.acknowledged for device in devices)


def wait_for_progress(devices: Sequence[SendingDevice], seconds: float = START_SECONDS) -> None:
    """Return when a batch of each device was stored after this call. Raises `TimeoutError`."""
    before = [device.acknowledged for device in devices]
    end = time.monotonic() + seconds
    while any(device.acknowledged <= old for device, old in zip(devices, before, strict=True)):
        if time.monotonic() > end:
            raise TimeoutError(f"a device stored nothing within {seconds:g} s after a fault")
        time.sleep(0.05)


def outcome(store: Store, devices: Sequence[SendingDevice], tokens: Sequence[bytes]) -> Outcome:
    """Compare the queues with the database, release by release.

    - `tokens`: SHA-256 of the token of each device.
    """
    added = stored = doubled = changed = lost = 0
    for device, token in zip(devices, tokens, strict=True):
        with store.reading() as session:
            row = session.query(DeviceRow).filter_by(token_sha256=token).one()
            cipher = store.keys.cipher(row.participant_id)
            of_device = select(ReleaseRow.number, ReleaseRow.payload).where(
                ReleaseRow.device_id == row.id
            )
            payloads = session.execute(of_device).all()
            of_user = select(DailyCount).where(DailyCount.participant_id == row.participant_id)
            days = session.scalars(of_user).all()
        indices = {
            number: index_of(cipher.decrypt(payload, release_place(row.id, number)))
            for number, payload in payloads
        }
        counted = sum(
            int(decrypt_counts(cipher, day.payload, day.participant_id, day.day,
                               day.bundle_policy_id).sum())
            for day in days
        )  # fmt: skip
        unknown = sum(number > len(device.rows) for number in indices)
        doubled += len(payloads) - len(indices) + unknown + abs(counted - len(payloads))
        changed += sum(
            index != device.rows[number - 1]
            for number, index in indices.items()
            if number <= len(device.rows)
        )
        added, stored = added + len(device.rows), stored + len(indices)
        lost += max(0, device.acknowledged - len(indices))
    pending = sum(device.pending for device in devices)
    aside = sum(device.aside for device in devices)
    return Outcome(added, stored, pending, aside, lost, doubled, changed)
