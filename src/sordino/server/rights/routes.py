"""Routes of a user's rights: consent, pause, export, deletion and the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from sordino.errors import StorageError
from sordino.server.access.arguments import AccessOf, StoreOf, UserOrResearcher, UserPrincipal
from sordino.server.access.principal import Principal, Scope, public, user_session
from sordino.server.database.rights_tables import AuditEvent
from sordino.server.database.tables import Purpose
from sordino.server.errors import Problem, absent
from sordino.server.rights import audit, receipt
from sordino.server.rights.consent import add_decision, consents_of, set_paused
from sordino.server.rights.deletion import delete_user
from sordino.server.rights.download import Download
from sordino.server.rights.export import JSON_TYPE, ZIP_TYPE, json_export, parquet_export
from sordino.server.rights.models import (
    ConsentDecision,
    Consents,
    Log,
    LogEntry,
    PauseState,
    ReceiptKey,
    StoredDecision,
)
from sordino.server.rights.subject import actor, subject
from sordino.server.store import Store

router = APIRouter(prefix="/v1", tags=["rights"])

MOST_ENTRIES: Final = 1000

Export = Callable[[Store, int], Generator[bytes]]

_FORMATS: Final[dict[str, tuple[Export, str, str]]] = {
    "json": (json_export, JSON_TYPE, "json"),
    "parquet": (parquet_export, ZIP_TYPE, "zip"),
}


@router.get("/participants/{name}/consents")
def read_consents(name: str, principal: UserOrResearcher, store: StoreOf) -> Consents:
    """Every decision of a user, in versions."""
    with store.reading() as session:
        user = subject(session, principal, name)
        decisions = consents_of(session, user.id)
    newest = {(row.purpose, row.policy): row.version for row in decisions}
    return Consents(
        paused=user.paused,
        decisions=[
            StoredDecision(
                purpose=Purpose(row.purpose),
                policy=row.policy,
                version=row.version,
                given=row.given,
                time=row.time,
                newest=newest[row.purpose, row.policy] == row.version,
            )
            for row in decisions
        ],
    )


@router.put("/participants/{name}/consents")
def write_consent(
    name: str, decision: ConsentDecision, principal: UserOrResearcher, store: StoreOf
) -> Consents:
    """Record a decision. It counts for every batch that is not stored yet."""
    if decision.on_paper != (principal.scope is Scope.RESEARCH):
        raise Problem(
            "consent",
            403,
            "a decision that the user did not take here, expected one: a researcher records only "
            "what a user signed, with on_paper true",
        )
    with store.transaction() as session:
        add_decision(
            session,
            subject(session, principal, name),
            decision.purpose,
            decision.policy,
            given=decision.given,
            time=store.now(),
            actor=actor(principal),
            on_paper=decision.on_paper,
        )
    return read_consents(name, principal, store)


@router.post("/participants/{name}/pause")
def pause(name: str, principal: UserPrincipal, store: StoreOf) -> PauseState:
    """Store nothing of a user until they resume."""
    return _set_paused(name, principal, store, paused=True)


@router.post("/participants/{name}/resume")
def resume(name: str, principal: UserPrincipal, store: StoreOf) -> PauseState:
    """Store releases of a user again."""
    return _set_paused(name, principal, store, paused=False)


def _set_paused(name: str, principal: Principal, store: Store, *, paused: bool) -> PauseState:
    with store.transaction() as session:
        user = subject(session, principal, name)
        set_paused(session, user, paused=paused, time=store.now(), actor=actor(principal))
    return PauseState(paused=paused)


@router.get("/participants/{name}/export", response_class=StreamingResponse)
def export(
    name: str,
    principal: UserPrincipal,
    store: StoreOf,
    format: Literal["json", "parquet"] = "json",
) -> StreamingResponse:
    """Everything that is stored about a user, one export at once: 429 `rate` for a second one."""
    with store.reading() as session:
        user = subject(session, principal, name)
    with ExitStack() as held:
        held.enter_context(store.downloads.place(user.id))
        with store.transaction() as session:
            audit.record(
                session,
                store.now(),
                actor(principal),
                audit.Action.EXPORT,
                study_id=user.study_id,
                participant_id=user.id,
                details={"format": format},
            )
        write, kind, suffix = _FORMATS[format]
        file = held.enter_context(store.downloads.file(_parts(write, store, user.id)))
        name = f"sordino-export.{suffix}"
        return Download(file, held.pop_all(), media_type=kind, name=name)


def _parts(write: Export, store: Store, participant_id: int) -> Generator[bytes]:
    """The parts of an export. Raises the problem 503 `keys` for a user without a key."""
    try:
        return write(store, participant_id)
    except StorageError:
        raise Problem(
            "keys",
            503,
            "the key of the user is missing here, expected it in the store of keys: the operator "
            "restores it",
        ) from None


@router.delete("/participants/{name}")
def delete(
    name: str,
    principal: Annotated[Principal, Depends(user_session)],
    store: StoreOf,
    access: AccessOf,
) -> dict[str, Any]:
    """Delete a user and everything about them. The answer is a signed receipt: keep it.

    A user needs a session that began in the last 15 minutes; a token of theirs is refused.
    """
    with store.reading() as session:
        user = subject(session, principal, name)
    content = delete_user(store, access.key, user.id, actor(principal))
    if content is None:
        raise absent("participant")
    return content


@router.get("/participants/{name}/log")
def read_log(name: str, principal: UserPrincipal, store: StoreOf) -> Log:
    """Who did what with the data of a user, the newest first."""
    with store.reading() as session:
        user = subject(session, principal, name)
        events = session.scalars(
            select(AuditEvent)
            .where(AuditEvent.participant_id == user.id)
            .order_by(AuditEvent.number.desc())
            .limit(MOST_ENTRIES)
        ).all()
    return Log(
        entries=[
            LogEntry(
                number=event.number,
                time=event.time,
                actor=event.actor,
                action=event.action,
                details=json.loads(event.details),
            )
            for event in events
        ]
    )


@router.get("/receipt-key", dependencies=[Depends(public)])
def receipt_key(access: AccessOf) -> ReceiptKey:
    """The key that verifies receipts. Compare it with the one in your receipt."""
    return ReceiptKey(public_key=access.key.public_key(receipt.PURPOSE).hex())
