"""The routes of studies, bundles, participants, devices and signing keys.

A researcher reaches the study of their token alone; an operator reaches all, and sees no release.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sordino.server.access.arguments import OperatePrincipal, Person, RowNumber, Staff, StoreOf
from sordino.server.access.principal import Principal, Scope
from sordino.server.database.tables import (
    BundlePolicy,
    BundleRow,
    Device,
    Participant,
    SigningKey,
    StudyRow,
)
from sordino.server.errors import Problem, absent
from sordino.server.registry import messages
from sordino.server.registry.bundles import parse_bundle, register_bundle
from sordino.server.registry.devices import create_device, rotate_token
from sordino.server.registry.signing_keys import register_signing_key
from sordino.server.registry.studies import (
    create_participant,
    create_study,
    participant_of,
    study_of,
)
from sordino.server.rights.audit import Action, record
from sordino.server.store import Store

ANSWER_ROWS: Final = 1000
"""Rows of one answer; the next ones follow after the last name."""

router = APIRouter(prefix="/v1/studies", tags=["registry"])

NamePath = Annotated[str, Path(pattern=r"^[^\x00]{1,100}$")]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
After = Annotated[str, Query(pattern=r"^[^\x00]{0,64}$")]

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


async def file_body(
    request: Request, content_type: Annotated[str, Header(include_in_schema=False)] = ""
) -> bytes:
    """The bytes of a file. Raises `Problem` 415 for another type."""
    if content_type.strip().lower() != "application/octet-stream":
        raise Problem(
            "media-type", 415, "expected Content-Type application/octet-stream: send the file"
        )
    return await request.body()


@router.post("", status_code=201)
def post_study(
    principal: OperatePrincipal, store: StoreOf, request: messages.StudyRequest
) -> messages.StudyInfo:
    """Make a study, a tenant apart from all others."""
    with store.transaction() as session:
        study = create_study(
            session, store, request.name, request.retention_days, request.smallest_group
        )
        _record(session, store, principal, Action.STUDY, study.id)
        return messages.StudyInfo.of(study)


@router.get("")
def get_studies(principal: Staff, store: StoreOf, after: After = "") -> list[messages.StudyInfo]:
    """Studies by name, at most 1,000 after a name. A researcher sees their own."""
    rows = select(StudyRow).where(StudyRow.name > after).order_by(StudyRow.name).limit(ANSWER_ROWS)
    if principal.study_id is not None:
        rows = rows.where(StudyRow.id == principal.study_id)
    with store.reading() as session:
        return [messages.StudyInfo.of(study) for study in session.scalars(rows)]


@router.get("/{study}")
def get_study(principal: Staff, store: StoreOf, study: NamePath) -> messages.StudyInfo:
    """One study."""
    with store.reading() as session:
        return messages.StudyInfo.of(_study(session, principal, study))


@router.post("/{study}/bundles", status_code=201, openapi_extra=_BODY)
def post_bundle(
    principal: Staff, store: StoreOf, study: NamePath, body: Annotated[bytes, Depends(file_body)]
) -> messages.BundleInfo:
    """Register the `.sordino` file of a bundle: releases of its policies are accepted."""
    with store.reading() as session:
        _study(session, principal, study)  # before the costly parser
    file = parse_bundle(body)
    with store.transaction() as session:
        tenant = _study(session, principal, study)
        bundle = register_bundle(session, store, tenant.id, file)
        _record(session, store, principal, Action.BUNDLE, tenant.id, bundle=bundle.digest)
        return _bundle_info(session, bundle)


@router.get("/{study}/bundles")
def get_bundles(principal: Staff, store: StoreOf, study: NamePath) -> list[messages.BundleInfo]:
    """The bundles of a study, the newest first, at most 1,000."""
    with store.reading() as session:
        tenant = _study(session, principal, study)
        rows = (
            select(BundleRow).where(BundleRow.study_id == tenant.id).order_by(BundleRow.id.desc())
        )
        return [_bundle_info(session, row) for row in session.scalars(rows.limit(ANSWER_ROWS))]


@router.post("/{study}/bundles/{bundle}/retire", status_code=204)
def retire_bundle(principal: Staff, store: StoreOf, study: NamePath, bundle: Digest) -> Response:
    """Accept no further release of a bundle. Stored ones stay."""
    with store.transaction() as session:
        tenant = _study(session, principal, study)
        row = session.scalar(
            select(BundleRow).where(BundleRow.study_id == tenant.id, BundleRow.digest == bundle)
        )
        if row is None:
            raise absent("bundle")
        row.retired = row.retired or store.now()
        _record(session, store, principal, Action.BUNDLE, tenant.id, retired=bundle)
    return Response(status_code=204)


@router.post("/{study}/participants", status_code=201)
def post_participant(
    principal: Staff, store: StoreOf, study: NamePath, request: messages.ParticipantRequest
) -> messages.ParticipantInfo:
    """Make a participant under a pseudonym. Nothing is stored before they consent."""
    with store.transaction() as session:
        tenant = _study(session, principal, study)
        participant = create_participant(
            session, store, tenant.id, request.pseudonym, request.cohort
        )
        _record(session, store, principal, Action.PARTICIPANT, tenant.id, participant.id)
        return messages.ParticipantInfo.of(participant)


@router.get("/{study}/participants")
def get_participants(
    principal: Staff, store: StoreOf, study: NamePath, after: After = ""
) -> list[messages.ParticipantInfo]:
    """Participants by pseudonym, at most 1,000 after a pseudonym."""
    with store.reading() as session:
        tenant = _study(session, principal, study)
        rows = (
            select(Participant)
            .where(Participant.study_id == tenant.id, Participant.pseudonym > after)
            .order_by(Participant.pseudonym)
            .limit(ANSWER_ROWS)
        )
        return [messages.ParticipantInfo.of(row) for row in session.scalars(rows)]


@router.post("/{study}/participants/{participant}/devices", status_code=201)
def post_device(
    principal: Staff,
    store: StoreOf,
    study: NamePath,
    participant: NamePath,
    request: messages.DeviceRequest,
) -> messages.DeviceToken:
    """Make a device of a participant. Its token is shown once."""
    with store.transaction() as session:
        user = _participant(session, principal, study, participant)
        device, token = create_device(session, store, user.id, request.name, request.expires)
        _record(session, store, principal, Action.DEVICE, user.study_id, user.id, made=device.id)
        return messages.DeviceToken(number=device.id, token=token)


@router.get("/{study}/participants/{participant}/devices")
def get_devices(
    principal: Person, store: StoreOf, study: NamePath, participant: NamePath
) -> list[messages.DeviceInfo]:
    """The devices of a participant, at most 1,000."""
    with store.reading() as session:
        user = _participant(session, principal, study, participant)
        rows = select(Device).where(Device.participant_id == user.id).order_by(Device.id)
        return [messages.DeviceInfo.of(row) for row in session.scalars(rows.limit(ANSWER_ROWS))]


@router.post("/{study}/participants/{participant}/devices/{number}/rotate", status_code=201)
def rotate_device(
    principal: Staff, store: StoreOf, study: NamePath, participant: NamePath, number: RowNumber
) -> messages.DeviceToken:
    """A new token of a device, shown once. The previous one ends at once."""
    with store.transaction() as session:
        user = _participant(session, principal, study, participant)
        device = _device(session, user, number)
        if device.revoked is not None:
            raise Problem(
                "revoked", 409, "a device that was revoked, expected one in use: make a new device"
            )
        token = rotate_token(session, device)
        _record(session, store, principal, Action.DEVICE, user.study_id, user.id, rotated=number)
        return messages.DeviceToken(number=device.id, token=token)


@router.post("/{study}/participants/{participant}/devices/{number}/revoke", status_code=204)
def revoke_device(
    principal: Person, store: StoreOf, study: NamePath, participant: NamePath, number: RowNumber
) -> Response:
    """End the token of a device for good."""
    with store.transaction() as session:
        user = _participant(session, principal, study, participant)
        device = _device(session, user, number)
        device.revoked = device.revoked or store.now()
        _record(session, store, principal, Action.DEVICE, user.study_id, user.id, revoked=number)
    return Response(status_code=204)


@router.post("/{study}/signing-keys", status_code=201)
def post_signing_key(
    principal: Staff, store: StoreOf, study: NamePath, request: messages.SigningKeyRequest
) -> messages.SigningKeyInfo:
    """Register the key of a runtime or gateway that may send continuous vectors."""
    with store.transaction() as session:
        tenant = _study(session, principal, study)
        public_key = bytes.fromhex(request.public_key)
        key = register_signing_key(session, store, tenant.id, public_key)
        _record(session, store, principal, Action.DEVICE, tenant.id, signing_key=key.key_id)
        return messages.SigningKeyInfo.of(key)


@router.get("/{study}/signing-keys")
def get_signing_keys(
    principal: Staff, store: StoreOf, study: NamePath
) -> list[messages.SigningKeyInfo]:
    """The signing keys of a study, at most 1,000."""
    with store.reading() as session:
        tenant = _study(session, principal, study)
        rows = select(SigningKey).where(SigningKey.study_id == tenant.id).order_by(SigningKey.id)
        return [messages.SigningKeyInfo.of(row) for row in session.scalars(rows.limit(ANSWER_ROWS))]


@router.post("/{study}/signing-keys/{key}/revoke", status_code=204)
def revoke_signing_key(principal: Staff, store: StoreOf, study: NamePath, key: Digest) -> Response:
    """Accept no further batch that a key signed."""
    with store.transaction() as session:
        tenant = _study(session, principal, study)
        row = session.scalar(
            select(SigningKey).where(SigningKey.study_id == tenant.id, SigningKey.key_id == key)
        )
        if row is None:
            raise absent("signing key")
        row.revoked = row.revoked or store.now()
        _record(session, store, principal, Action.DEVICE, tenant.id, revoked_key=key)
    return Response(status_code=204)


def _study(session: Session, principal: Principal, name: str) -> StudyRow:
    """A study that a principal may see. Raises `Problem` 404 for any other."""
    study = study_of(session, name)
    if principal.study_id not in (None, study.id):
        raise absent("study")
    return study


def _participant(session: Session, principal: Principal, study: str, name: str) -> Participant:
    """A participant that a principal may see. Raises `Problem` 404 for any other."""
    participant = participant_of(session, _study(session, principal, study).id, name)
    if principal.scope == Scope.OWN and principal.participant_id != participant.id:
        raise absent("participant")
    return participant


def _device(session: Session, participant: Participant, number: int) -> Device:
    device = session.scalar(
        select(Device)
        .where(Device.id == number, Device.participant_id == participant.id)
        .with_for_update()
    )
    if device is None:
        raise absent("device")
    return device


def _bundle_info(session: Session, bundle: BundleRow) -> messages.BundleInfo:
    policies = session.execute(
        select(
            BundlePolicy.name,
            BundlePolicy.digest,
            BundlePolicy.required,
            BundlePolicy.family,
            BundlePolicy.width,
            func.length(BundlePolicy.prototypes).label("prototypes"),
        )
        .where(BundlePolicy.bundle_id == bundle.id)
        .order_by(BundlePolicy.id)
    )
    return messages.BundleInfo.of(bundle, list(policies))


def _record(
    session: Session,
    store: Store,
    principal: Principal,
    action: Action,
    study_id: int,
    participant_id: int | None = None,
    **details: Any,
) -> None:
    record(
        session,
        store.now(),
        f"account {principal.account_id}",
        action,
        study_id=study_id,
        participant_id=participant_id,
        details=details,
    )
