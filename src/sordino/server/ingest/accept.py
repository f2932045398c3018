"""Stores a batch whole or not at all: one transaction checks, encrypts, counts and answers.

The rows of the user and of the device are locked first. Batches of a user are therefore stored one
after another, and a withdrawal of consent that was answered precedes every later batch.
"""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from sordino.device.sending.wire import BATCH_FORMAT, signed_message
from sordino.errors import StorageError
from sordino.server.access.principal import Principal
from sordino.server.database.keys import Cipher
from sordino.server.database.payloads import (
    decrypt_counts,
    encrypt_counts,
    pack_index,
    pack_vector,
    release_place,
)
from sordino.server.database.tables import Device, Participant, Purpose
from sordino.server.days import check_day
from sordino.server.errors import Problem
from sordino.server.ingest import statements
from sordino.server.ingest.batch import (
    DevicePolicy,
    DeviceState,
    ReleaseBatch,
    Stored,
    parse_batch,
)
from sordino.server.ingest.ciphers import CipherCache
from sordino.server.ingest.policies import IngestPolicy, PolicyCache, policies_of
from sordino.server.ingest.signatures import BatchSignature, check_signature
from sordino.server.rights.consent import consents
from sordino.server.store import Store

_REVOKED: Final = "a token that was revoked, expected a valid one: ask for a new token"


@dataclass(frozen=True)
class Request:
    """A request that stores a batch."""

    key: str
    """The idempotency key."""
    body: bytes
    signature: BatchSignature | None


class DeviceOf(NamedTuple):
    """The row numbers of a device, of its user and of their study."""

    device_id: int
    """The device."""
    participant_id: int
    """Its user."""
    study_id: int
    """The study of the user."""

    @classmethod
    def of(cls, principal: Principal) -> DeviceOf:
        """The device of a principal of scope `release`."""
        assert principal.device_id is not None
        assert principal.participant_id is not None
        assert principal.study_id is not None
        return cls(principal.device_id, principal.participant_id, principal.study_id)


class Ingest:
    """Accepts the batches of all devices.

    - `count`: takes the number of releases of each new batch.
    """

    def __init__(self, store: Store, count: Callable[[int], None] = lambda _: None) -> None:
        self._store, self._count = store, count
        self._policies = PolicyCache()
        self._ciphers = CipherCache(store.keys)

    def accept(self, principal: Principal, request: Request) -> tuple[Stored, bool]:
        """The answer to a batch, and whether it was new. Raises `Problem` as the contract says."""
        device = DeviceOf.of(principal)
        message = parse_batch(request.body)
        with suppress(Problem):  # the answer to an earlier batch does not depend on the clock
            check_day(message.day, self._store.now())
            self._store.partitions.ensure(message.day)
        try:
            cipher = self._ciphers.cipher(device.participant_id)
        except StorageError:  # the user was deleted since the token was read
            raise Problem("token", 401, _REVOKED) from None
        with self._store.engine.begin() as connection:
            storing = _Storing(connection, device, cipher)
            stored, new = storing.run(request, message, self._policies, self._store.now())
        if new:
            self._count(stored.stored)
        return stored, new

    def state(self, principal: Principal) -> DeviceState:
        """What a device may send, and its last number."""
        device = DeviceOf.of(principal)
        with self._store.reading() as session:
            row = session.execute(
                select(Device.last_number, Participant.paused)
                .join(Participant, Participant.id == Device.participant_id)
                .where(Device.id == device.device_id, Device.revoked.is_(None))
            ).one_or_none()
            if row is None:  # the user was deleted since the token was read
                raise Problem("token", 401, _REVOKED)
            policies = [
                DevicePolicy(
                    bundle=bundle,
                    policy=name,
                    consent=not row.paused
                    and consents(session, device.participant_id, Purpose.STORAGE, digest),
                )
                for bundle, name, digest in policies_of(session, device.study_id)
            ]
        return DeviceState(last_number=row.last_number, policies=policies)


@dataclass(frozen=True)
class _Storing:
    """One transaction."""

    connection: Connection
    device: DeviceOf
    cipher: Cipher

    def run(
        self, request: Request, message: ReleaseBatch, policies: PolicyCache, now: int
    ) -> tuple[Stored, bool]:
        row = self.connection.execute(
            statements.LOCKED,
            {"device_id": self.device.device_id, "participant_id": self.device.participant_id},
        ).one_or_none()
        if row is None or row.revoked is not None:
            raise Problem("token", 401, _REVOKED)
        if earlier := self.earlier(request):
            return earlier, False
        check_day(message.day, now, row.retention_days)
        policy = policies.policy(
            self.connection, self.device.study_id, message.bundle, message.policy
        )
        self.check_consent(row.paused, policy)
        payloads = self.payloads(request, message, policy, row.token_sha256)
        if message.releases[0].number <= row.last_number:
            raise Problem(
                "number",
                409,
                "a number that is not above the last stored one, expected new numbers: drop what "
                "is stored",
                last_number=row.last_number,
            )
        self.store(request, message, policy, payloads)
        return Stored(stored=len(payloads), last_number=message.releases[-1].number), True

    def earlier(self, request: Request) -> Stored | None:
        """The answer to the same request before. Raises `Problem` 409 for another body."""
        batch = self.connection.execute(
            statements.EARLIER_BATCH, {"device_id": self.device.device_id, "key": request.key}
        ).one_or_none()
        if batch is None:
            return None
        if not hmac.compare_digest(batch.body_mac, self.cipher.mac(request.body)):
            raise Problem(
                "idempotency",
                409,
                "the idempotency key of another batch, expected a new one: draw one for each batch",
            )
        return Stored(stored=batch.stored, last_number=batch.last_number)

    def check_consent(self, paused: bool, policy: IngestPolicy) -> None:
        if paused or not consents(
            self.connection, self.device.participant_id, Purpose.STORAGE, policy.digest
        ):
            raise Problem(
                "consent",
                403,
                "no consent of the user to this policy now, expected one that is neither withdrawn "
                "nor paused: keep the releases on the device, and ask the user",
            )

    def payloads(
        self, request: Request, message: ReleaseBatch, policy: IngestPolicy, token_sha256: bytes
    ) -> list[tuple[bytes, int]]:
        """The payload and the bin of each release; a signature must be one for this device."""
        if policy.prototypes is None or request.signature is not None:
            signed = signed_message(token_sha256, request.key, request.body)
            check_signature(self.connection, self.device.study_id, request.signature, signed)
        if policy.bins is None:
            return [(pack_vector(policy.vector(release)), 0) for release in message.releases]
        indices = [policy.index(release) for release in message.releases]
        return [(pack_index(index), int(policy.bins[index])) for index in indices]

    def store(
        self,
        request: Request,
        message: ReleaseBatch,
        policy: IngestPolicy,
        payloads: list[tuple[bytes, int]],
    ) -> None:
        day, last_number = message.day, message.releases[-1].number
        self.connection.execute(
            statements.ADD_BATCH,
            {
                "device_id": self.device.device_id,
                "idempotency_key": request.key,
                "body_mac": self.cipher.mac(request.body),
                "stored": len(payloads),
                "last_number": last_number,
                "day": day,
            },
        )
        numbers = [release.number for release in message.releases]
        statements.add_releases(
            self.connection,
            {
                "device_id": self.device.device_id,
                "participant_id": self.device.participant_id,
                "bundle_policy_id": policy.id,
                "format": BATCH_FORMAT,
                "day": day,
            },
            numbers,
            self.cipher.encrypt_all(
                [
                    (payload, release_place(self.device.device_id, number))
                    for number, (payload, _) in zip(numbers, payloads, strict=True)
                ]
            ),
        )
        self.count(day, policy, [bin for _, bin in payloads])
        self.connection.execute(
            statements.SET_LAST,
            {"device": self.device.device_id, "last_number": last_number, "last_day": day},
        )

    def count(self, day: datetime.date, policy: IngestPolicy, bins: list[int]) -> None:
        """Add the releases to the count of their day; the lock of the user's row covers it."""
        user = self.device.participant_id
        row = {"participant_id": user, "day": day, "bundle_policy_id": policy.id}
        counts = np.bincount(bins, minlength=policy.bin_count)
        payload = self.connection.scalar(statements.COUNTED, row)
        if payload is not None:
            counts = counts + decrypt_counts(self.cipher, payload, user, day, policy.id)
        encrypted = encrypt_counts(self.cipher, counts, user, day, policy.id)
        if payload is None:
            self.connection.execute(statements.ADD_COUNT, row | {"payload": encrypted})
            return
        key = {"of_participant": user, "of_day": day, "of_policy": policy.id}
        self.connection.execute(statements.SET_COUNT, key | {"payload": encrypted})
