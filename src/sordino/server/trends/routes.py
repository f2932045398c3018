"""Routes of trends: of a user, and of a study."""

from __future__ import annotations

import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from sordino.server.access.arguments import ResearchPrincipal, StoreOf, UserOrResearcher
from sordino.server.access.principal import Principal, Scope
from sordino.server.database.tables import Participant, Purpose
from sordino.server.days import utc_day
from sordino.server.errors import Problem
from sordino.server.rights import audit
from sordino.server.rights.consent import consents
from sordino.server.rights.models import PolicyDigest
from sordino.server.rights.subject import actor, subject
from sordino.server.store import Store
from sordino.server.trends.cohort import cohort_table
from sordino.server.trends.models import CohortAnswer, TrendAnswer
from sordino.server.trends.user import LONGEST_DAYS, Step, newest_policy, user_trend

USUAL_DAYS: Final = 90
"""Days of an answer without a first day."""

router = APIRouter(prefix="/v1", tags=["trends"])

FirstDay = Annotated[datetime.date | None, Query(description="Default: the last 90 days.")]
LastDay = Annotated[datetime.date | None, Query(description="Default: today, UTC.")]
AskedPolicy = Annotated[
    PolicyDigest | None,
    Query(description="`digest` of the policy. Default: the newest one with decisions."),
]
StepLength = Annotated[Step | None, Query(description="Default: weeks beyond 92 days.")]


@router.get("/participants/{name}/trend")
def read_trend(
    name: str,
    principal: UserOrResearcher,
    store: StoreOf,
    policy: AskedPolicy = None,
    first: FirstDay = None,
    last: LastDay = None,
    step: StepLength = None,
) -> TrendAnswer:
    """The trend of a user. Researchers see it with the user's consent, and the log says so."""
    start, end = days(store, first, last)
    if principal.scope is Scope.RESEARCH:
        with store.transaction() as session:
            user = subject(session, principal, name)
            policy = policy or newest_policy(session, user.study_id)
            permit_research(session, store, principal, user, policy)
    with store.reading() as session:
        user = subject(session, principal, name)
        policy = policy or newest_policy(session, user.study_id)
        return TrendAnswer.model_validate(
            user_trend(session, store, user, policy, start, end, step)
        )


def permit_research(
    session: Session, store: Store, principal: Principal, user: Participant, policy: str
) -> None:
    """Record that a researcher reads a trend. Raises `Problem` 403 `consent` without consent."""
    if not consents(session, user.id, Purpose.RESEARCH, policy):
        raise Problem(
            "consent",
            403,
            "no consent of the user that researchers see this trend, expected one: ask the user",
        )
    audit.record(
        session,
        store.now(),
        actor(principal),
        audit.Action.TREND,
        study_id=user.study_id,
        participant_id=user.id,
        details={"policy": policy},
    )


@router.get("/cohort")
def read_cohort(
    principal: ResearchPrincipal, store: StoreOf, first: FirstDay = None, last: LastDay = None
) -> CohortAnswer:
    """Users, devices and missing days of the study, and the drift of pass rates."""
    assert principal.study_id is not None
    start, end = days(store, first, last)
    with store.transaction() as session:
        audit.record(
            session,
            store.now(),
            actor(principal),
            audit.Action.COHORT,
            study_id=principal.study_id,
        )
    with store.reading() as session:
        return CohortAnswer.model_validate(
            cohort_table(session, store, principal.study_id, start, end)
        )


def days(
    store: Store, first: datetime.date | None, last: datetime.date | None
) -> tuple[datetime.date, datetime.date]:
    """The first and the last day that are asked for. Raises `Problem` 422 for too many or none."""
    end = last or utc_day(store.now())
    start = first or end - datetime.timedelta(days=min(USUAL_DAYS, (end - datetime.date.min).days))
    if not 0 <= (end - start).days < LONGEST_DAYS:
        raise Problem(
            "invalid",
            422,
            f"a time of {(end - start).days + 1} days, expected 1 to {LONGEST_DAYS}: choose "
            "`first` and `last` in ascending order",
        )
    return start, end
