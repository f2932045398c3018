"""Pages of a researcher: cohorts, missing days, pass rates against the card, groups, one trend."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from sordino.server.access.arguments import AccessOf, ResearchPrincipal, StoreOf
from sordino.server.access.principal import Principal
from sordino.server.access.routes.accounts import InvitationRequest, create_invitation
from sordino.server.database.tables import Purpose, StudyRow
from sordino.server.days import utc_day
from sordino.server.errors import Problem, absent
from sordino.server.groups.routes import read_statistics
from sordino.server.groups.statistics import WEEK
from sordino.server.pages.shown import show
from sordino.server.pages.stored import bundle_labels
from sordino.server.pages.trend_views import plotted, policies_with_decisions, user_trends
from sordino.server.pages.views import CohortRow, GroupRow
from sordino.server.registry.messages import DeviceRequest, ParticipantRequest
from sordino.server.registry.routes import post_device, post_participant
from sordino.server.rights import audit
from sordino.server.rights.consent import consents
from sordino.server.rights.subject import actor, subject
from sordino.server.store import Store
from sordino.server.trends.cohort import CohortTable, CohortUser, cohort_table
from sordino.server.trends.routes import permit_research

router = APIRouter(prefix="/study", include_in_schema=False)

DAYS: Final = 28
"""Days of the tables: four weeks."""
MOST_PARTICIPANTS: Final = 200
"""Participants of a page."""
TREND_DAYS: Final = 90
_IN_USE: Final = "This pseudonym is in use: choose another."
_NO_PSEUDONYM: Final = (
    "A pseudonym has 1 to 64 letters, digits, hyphens and underscores, and a cohort at most 64 "
    "characters."
)
WITHHELD: Final = {
    "few-users": "withheld: too few users",
    "complement": "withheld: too few users outside of the cohorts shown",
    "budget": "withheld: the privacy budget is spent",
    "deletion": "withdrawn for good: a user was deleted",
}


@router.get("")
def study_page(
    request: Request, principal: ResearchPrincipal, store: StoreOf, after: str = ""
) -> HTMLResponse:
    """Cohorts and participants, without any trend."""
    table = _table(principal, store)
    users = [user for user in table.users if user.pseudonym > after]
    with store.reading() as session:
        study = session.get_one(StudyRow, principal.study_id).name
    return show(
        request,
        principal,
        "study.html",
        study=study,
        days=DAYS,
        cohorts=cohort_rows(table.users),
        participants=[(user, state(user)) for user in users[:MOST_PARTICIPANTS]],
        next=users[MOST_PARTICIPANTS - 1].pseudonym if len(users) > MOST_PARTICIPANTS else "",
        alarms=sum(row.is_alarm for row in table.drifts),
    )


@router.get("/participants/{participant}")
def participant_page(
    request: Request, principal: ResearchPrincipal, store: StoreOf, participant: str
) -> HTMLResponse:
    """The trends that a participant lets researchers see. The log says that they were read."""
    with store.transaction() as session:
        user = subject(session, principal, participant)
        permitted = {
            digest: name
            for digest, name in policies_with_decisions(session, user.study_id).items()
            if consents(session, user.id, Purpose.RESEARCH, digest)
        }
        if not permitted:
            raise absent("trend")
        for digest in permitted:
            permit_research(session, store, principal, user, digest)
    with store.reading() as session:
        trends = user_trends(session, store, user, TREND_DAYS, permitted)
    return show(
        request,
        principal,
        "participant.html",
        pseudonym=user.pseudonym,
        trends=plotted(trends),
    )


@router.get("/rates")
def rates_page(request: Request, principal: ResearchPrincipal, store: StoreOf) -> HTMLResponse:
    """Pass rates against the cards of the bundles."""
    table = _table(principal, store)
    with store.reading() as session:
        bundles = bundle_labels(session, principal.study_id or -1)
    return show(request, principal, "rates.html", days=DAYS, rows=table.drifts, bundles=bundles)


@router.get("/groups")
def groups_page(request: Request, principal: ResearchPrincipal, store: StoreOf) -> HTMLResponse:
    """The stored statistics of groups."""
    tables = read_statistics(principal, store).statistics
    with store.reading() as session:
        study = session.get_one(StudyRow, principal.study_id)
        policies = policies_with_decisions(session, study.id)
    rows = [
        GroupRow(
            policy=policies.get(table.policy, table.policy[:12]),
            cohort="all" if table.whole else table.cohort or "without a cohort",
            first=table.week,
            last=table.week + WEEK - datetime.timedelta(1),
            users=table.users,
            share=table.share,
            low=table.low,
            high=table.high,
            epsilon=table.epsilon,
            reason=WITHHELD.get(table.withheld, table.withheld),
        )
        for table in tables
    ]
    return show(request, principal, "groups.html", rows=rows, smallest=study.smallest_group)


@router.get("/add")
def add_page(request: Request, principal: ResearchPrincipal) -> HTMLResponse:
    """The form of a new participant."""
    return show(request, principal, "add.html", pseudonym="", cohort="", error="")


@router.post("/add")
def add_participant(
    request: Request,
    principal: ResearchPrincipal,
    store: StoreOf,
    access: AccessOf,
    pseudonym: Annotated[str, Form(max_length=100)] = "",
    cohort: Annotated[str, Form(max_length=100)] = "",
) -> HTMLResponse:
    """Make a participant and a device, and show the invitation and the token, once."""
    with store.reading() as session:
        study = session.get_one(StudyRow, principal.study_id).name
    try:
        new = ParticipantRequest(pseudonym=pseudonym.strip(), cohort=cohort.strip())
        post_participant(principal, store, study, new)
    except (ValidationError, Problem) as error:
        fault = _IN_USE if isinstance(error, Problem) else _NO_PSEUDONYM
        shown = {"pseudonym": pseudonym, "cohort": cohort, "error": fault}
        return show(request, principal, "add.html", status=422, **shown)
    device = post_device(principal, store, study, new.pseudonym, DeviceRequest(name="device 1"))
    invited = InvitationRequest(role="user", study=study, participant=new.pseudonym)
    invitation = create_invitation(principal, store, access, invited)
    return show(
        request,
        principal,
        "added.html",
        pseudonym=new.pseudonym,
        invitation=invitation,
        token=device.token,
    )


def cohort_rows(users: Sequence[CohortUser]) -> list[CohortRow]:
    """Sums of the participants of each cohort, by its name."""
    cohorts: dict[str, list[CohortUser]] = {}
    for user in users:
        cohorts.setdefault(user.cohort, []).append(user)
    return [
        CohortRow(
            name=name,
            participants=len(group),
            active=sum(user.stores and not user.paused for user in group),
            devices=sum(user.devices for user in group),
            days=sum(user.days for user in group),
            missing=_share(
                sum(user.missing_days for user in group),
                sum(user.missing_days + user.days for user in group),
            ),
        )
        for name, group in sorted(cohorts.items())
    ]


def state(user: CohortUser) -> str:
    """Whether anything of a participant is stored."""
    if not user.stores:
        return "no consent"
    return "paused" if user.paused else "active"


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _table(principal: Principal, store: Store) -> CohortTable:
    """The table of the last days; the audit log says that it was read."""
    assert principal.study_id is not None
    last = utc_day(store.now())
    with store.transaction() as session:
        audit.record(
            session,
            store.now(),
            actor(principal),
            audit.Action.COHORT,
            study_id=principal.study_id,
        )
    first = last - datetime.timedelta(DAYS - 1)
    with store.reading() as session:
        return cohort_table(session, store, principal.study_id, first, last)
