"""Users with releases, and tokens of people."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.server.access.csrf import csrf_token
from sordino.server.access.session import SESSION_SECONDS
from sordino.server.access.token import ACCOUNT_PREFIX, new_token, token_digest
from sordino.server.database.account_tables import Account, ApiToken, BrowserSession
from sordino.server.database.payloads import (
    encrypt_counts,
    pack_index,
    pack_vector,
    release_place,
)
from sordino.server.database.tables import BatchRow, BundlePolicy, DailyCount, Device, ReleaseRow
from sordino.server.store import Store

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The mark of a test of which the database makes no difference."""
DAY = datetime.date(2026, 11, 27)
YEAR = 365 * 86_400


def add_releases(
    session: Session,
    store: Store,
    device_id: int,
    policy: BundlePolicy,
    indices: Sequence[int],
    day: datetime.date = DAY,
) -> None:
    """Store one batch as ingest does: prototypes of a policy, or vectors of a continuous one."""
    device = session.get_one(Device, device_id)
    cipher = store.keys.cipher(device.participant_id)
    first = device.last_number + 1
    for number, index in enumerate(indices, first):
        vector = np.full(policy.width, index, np.float32)
        payload = pack_index(index) if policy.prototypes else pack_vector(vector)
        place = release_place(device.id, number)
        session.add(
            ReleaseRow(
                device_id=device.id,
                number=number,
                participant_id=device.participant_id,
                bundle_policy_id=policy.id,
                format=1,
                day=day,
                payload=cipher.encrypt(payload, place),
            )
        )
    device.last_number += len(indices)
    bins = np.frombuffer(policy.bins, np.int64) if policy.bins else np.zeros(100, np.int64)
    counts = np.bincount(bins[list(indices)], minlength=int(bins.max()) + 1)
    session.add(
        DailyCount(
            participant_id=device.participant_id,
            day=day,
            bundle_policy_id=policy.id,
            payload=encrypt_counts(cipher, counts, device.participant_id, day, policy.id),
        )
    )
    session.add(
        BatchRow(
            device_id=device.id,
            idempotency_key=f"{device.last_number:032x}",
            body_mac=cipher.mac(b"body"),
            stored=len(indices),
            last_number=device.last_number,
            day=day,
        )
    )
    session.flush()


def sign_in(
    store: Store, role: str, study_id: int | None = None, participant_id: int | None = None
) -> dict[str, str]:
    """The headers of a new account."""
    token = new_token(ACCOUNT_PREFIX)
    with store.transaction() as session:
        logins = len(session.scalars(select(Account.id)).all())
        account = Account(
            study_id=study_id,
            participant_id=participant_id,
            role=role,
            login=f"login-{logins}",
            created=store.now(),
        )
        session.add(account)
        session.flush()
        session.add(
            ApiToken(
                account_id=account.id,
                name="test",
                token_sha256=token_digest(token),
                read_only=False,
                created=store.now(),
                expires=store.now() + YEAR,
            )
        )
    return {"Authorization": f"Bearer {token}"}


def open_session(store: Store, participant_id: int) -> dict[str, str]:
    """The headers of a new session of a user's account."""
    cookie, now = new_token(), store.now()
    with store.transaction() as session:
        account = session.scalars(
            select(Account.id).where(Account.participant_id == participant_id)
        ).one()
        session.add(
            BrowserSession(
                account_id=account,
                token_sha256=token_digest(cookie),
                created=now,
                last_use=now,
                expires=now + SESSION_SECONDS,
            )
        )
    return {
        "Cookie": f"sordino={cookie}",
        "X-CSRF-Token": csrf_token(cookie),
        "Sec-Fetch-Site": "same-origin",
    }
