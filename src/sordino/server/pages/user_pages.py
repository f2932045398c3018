"""Pages of a user: the trend, what is stored, pause, consent, export and deletion."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from sordino.server.access.arguments import AccessOf, RowNumber, StoreOf, UserPrincipal
from sordino.server.access.principal import Principal, fresh
from sordino.server.access.session import SESSION_COOKIE, clear_cookie
from sordino.server.database.tables import Purpose, StudyRow
from sordino.server.errors import absent
from sordino.server.pages.limits import sentence
from sordino.server.pages.rendering import page
from sordino.server.pages.shown import DONE, show
from sordino.server.pages.stored import limits_of_user, stored_of
from sordino.server.pages.trend_views import plotted, policies_with_decisions, user_trends
from sordino.server.registry.routes import revoke_device
from sordino.server.rights import audit
from sordino.server.rights.consent import add_decision, set_paused
from sordino.server.rights.deletion import delete_user
from sordino.server.rights.routes import export
from sordino.server.rights.subject import OWN_NAME, actor, subject
from sordino.server.store import Store

router = APIRouter(prefix="/me", include_in_schema=False)

CONFIRMATION: Final = "DELETE"
RECOVERY_SECONDS: Final = 90 * 86_400
"""For so long the first page tells of a recovery link."""
PURPOSES: Final = {
    Purpose.STORAGE: "Store what my devices release, and show me my trend",
    Purpose.RESEARCH: "Researchers of my study see my trend",
    Purpose.GROUP: "I count in statistics of groups",
}


@router.get("")
def trend_page(
    request: Request,
    principal: UserPrincipal,
    store: StoreOf,
    days: Literal["30", "90", "365"] = "30",
    done: str = "",
) -> HTMLResponse:
    """My trend: by day for a month, by week for longer."""
    with store.reading() as session:
        user = subject(session, principal, OWN_NAME)
        policies = policies_with_decisions(session, user.study_id)
        trends = user_trends(session, store, user, int(days), policies)
        recoveries = audit.recoveries(session, user.id, store.now() - RECOVERY_SECONDS)
    return show(
        request,
        principal,
        "user.html",
        trends=plotted(trends),
        days=int(days),
        paused=user.paused,
        recoveries=recoveries,
        message=DONE.get(done, ""),
    )


@router.get("/data")
def data_page(
    request: Request, principal: UserPrincipal, store: StoreOf, done: str = ""
) -> HTMLResponse:
    """What is stored, what cannot be known, and every choice."""
    with store.reading() as session:
        user = subject(session, principal, OWN_NAME)
        stored = stored_of(session, user.id, store.now())
        limits = limits_of_user(session, user.id)
    return show(
        request,
        principal,
        "user_data.html",
        stored=stored,
        limits=[(policy, [sentence(limit) for limit in policy.limits]) for policy in limits],
        purposes=PURPOSES,
        message=DONE.get(done, ""),
    )


@router.post("/pause")
def pause(principal: UserPrincipal, store: StoreOf) -> RedirectResponse:
    """Store nothing until the user resumes."""
    return _set_paused(principal, store, paused=True)


@router.post("/resume")
def resume(principal: UserPrincipal, store: StoreOf) -> RedirectResponse:
    """Store again."""
    return _set_paused(principal, store, paused=False)


@router.post("/consents")
def send_consent(
    principal: UserPrincipal,
    store: StoreOf,
    purpose: Annotated[Purpose, Form()],
    policy: Annotated[str, Form(max_length=64)],
    decision: Annotated[Literal["agree", "withdraw"], Form()],
) -> RedirectResponse:
    """Agree to a purpose and policy, or withdraw."""
    with store.transaction() as session:
        add_decision(
            session,
            subject(session, principal, OWN_NAME),
            purpose,
            policy,
            given=decision == "agree",
            time=store.now(),
            actor=actor(principal),
        )
    return _back("consent")


@router.post("/devices/{number}/revoke")
def revoke(principal: UserPrincipal, store: StoreOf, number: RowNumber) -> RedirectResponse:
    """End the token of a device for good."""
    with store.reading() as session:
        user = subject(session, principal, OWN_NAME)
        study = session.get_one(StudyRow, user.study_id).name
    revoke_device(principal, store, study, user.pseudonym, number)
    return _back("device")


@router.post("/export", response_class=StreamingResponse)
def send_export(
    principal: UserPrincipal, store: StoreOf, format: Annotated[Literal["json", "parquet"], Form()]
) -> StreamingResponse:
    """Everything that is stored, as a download."""
    return export(OWN_NAME, principal, store, format)


@router.get("/delete")
def delete_page(request: Request, principal: UserPrincipal, store: StoreOf) -> HTMLResponse:
    """The second step of a deletion."""
    return _delete_page(request, principal, store)


@router.post("/delete", dependencies=[Depends(fresh)])
def send_deletion(
    request: Request,
    principal: UserPrincipal,
    store: StoreOf,
    access: AccessOf,
    confirmation: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Delete everything, and show the receipt."""
    if confirmation.strip().upper() != CONFIRMATION:
        return _delete_page(request, principal, store, f"Type the word {CONFIRMATION}.")
    receipt = delete_user(store, access.key, principal.participant_id or -1, actor(principal))
    if receipt is None:
        raise absent("user")
    response = page(
        request,
        "receipt.html",
        time=receipt["time"],
        counts=receipt["deleted"],
        receipt=json.dumps(receipt, indent=2),
    )
    clear_cookie(access, response, SESSION_COOKIE)
    return response


def _delete_page(
    request: Request, principal: Principal, store: Store, error: str = ""
) -> HTMLResponse:
    with store.reading() as session:
        stored = stored_of(session, principal.participant_id or -1, store.now())
    values: dict[str, Any] = {"stored": stored, "error": error}
    return show(request, principal, "user_delete.html", status=422 if error else 200, **values)


def _set_paused(principal: Principal, store: Store, *, paused: bool) -> RedirectResponse:
    with store.transaction() as session:
        user = subject(session, principal, OWN_NAME)
        set_paused(session, user, paused=paused, time=store.now(), actor=actor(principal))
    return _back("" if paused else "resume")  # a page says all the time that it is paused


def _back(done: str) -> RedirectResponse:
    return RedirectResponse("/me/data" + (f"?done={done}" if done else ""), 303)
