"""What `sordino serve` prepares on an empty database: an operator, and with a bundle a first study.

Each secret is returned once, and stored as a hash alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.device.bundle.bundle import SUFFIX
from sordino.errors import BundleError
from sordino.server.access.invitation import first_operator, invite
from sordino.server.database.tables import BundlePolicy, BundleRow, Purpose, StudyRow
from sordino.server.errors import Problem
from sordino.server.registry.bundles import LARGEST_BUNDLE, parse_bundle, register_bundle
from sordino.server.registry.devices import create_device
from sordino.server.registry.studies import create_participant, create_study
from sordino.server.rights.audit import Action, record
from sordino.server.rights.consent import add_decision
from sordino.server.store import Store

FIRST_STUDY: Final = "first"
USER: Final = "user-1"
DEVICE: Final = "first device"
ACTOR: Final = "sordino serve"


@dataclass(frozen=True)
class FirstUser:
    """The first user of the first study, who consented to the storage of their releases."""

    device_token: str = field(repr=False)
    invitation: str = field(repr=False)
    """For the browser: sets the password of the user."""


@dataclass(frozen=True)
class FirstStart:
    """The secrets of a first start; None for what existed before."""

    operator_token: str | None = field(default=None, repr=False)
    operator_invitation: str | None = field(default=None, repr=False)
    user: FirstUser | None = None


def first_start(store: Store, bundle: Path | None = None) -> FirstStart:
    """Prepare a server. A second call makes nothing, but registers a new bundle.

    - `bundle`: the `.sordino` file of a bundle that the first study accepts.

    Raises `BundleError` for a file that is no bundle.
    """
    operator = first_operator(store)
    user = None if bundle is None else _add_bundle(store, bundle)
    if operator is None:
        return FirstStart(user=user)
    return FirstStart(operator.token, operator.invitation, user)


def _add_bundle(store: Store, path: Path) -> FirstUser | None:
    """The first user, where the first study is new."""
    try:
        file = parse_bundle(_content(path))
    except Problem as problem:
        raise BundleError(f"{path}: {problem.detail}") from problem
    with store.transaction() as session:
        study = session.scalar(select(StudyRow).where(StudyRow.name == FIRST_STUDY))
        new = study is None
        study = study or create_study(session, store, FIRST_STUDY)
        try:
            bundle = register_bundle(session, store, study.id, file)
        except Problem:  # the bundle is registered already
            return None
        details = {"bundle": bundle.digest}
        record(session, store.now(), ACTOR, Action.BUNDLE, study_id=study.id, details=details)
        return _add_user(session, store, study, bundle) if new else None


def _add_user(session: Session, store: Store, study: StudyRow, bundle: BundleRow) -> FirstUser:
    participant = create_participant(session, store, study.id, USER)
    policies = select(BundlePolicy.digest).where(BundlePolicy.bundle_id == bundle.id).distinct()
    for digest in session.scalars(policies).all():
        add_decision(
            session,
            participant,
            Purpose.STORAGE,
            digest,
            given=True,
            time=store.now(),
            actor=ACTOR,
        )
    _, token = create_device(session, store, participant.id, DEVICE)
    return FirstUser(token, invite(session, store.now(), "user", study.id, participant.id))


def _content(path: Path) -> bytes:
    """The bytes of a bundle that is one file."""
    try:
        size = path.stat().st_size
        if path.suffix != SUFFIX or not path.is_file() or size > LARGEST_BUNDLE:
            raise BundleError(
                f"{path}: not a {SUFFIX} file of up to {LARGEST_BUNDLE >> 20} MB, expected one: "
                "write the bundle with `sordino fit --out NAME.sordino`"
            )
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}, expected a bundle: check the path") from error
