"""Routes of group statistics, of their budget, and of the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from sordino.errors import StorageError
from sordino.server.access.arguments import OperatePrincipal, ResearchPrincipal, StoreOf
from sordino.server.access.principal import Scope, require
from sordino.server.database.rights_tables import GroupStatistic, PrivacyBudget
from sordino.server.errors import Problem
from sordino.server.groups.statistics import set_budget, spent, statistics_of
from sordino.server.registry.studies import study_of
from sordino.server.rights import audit
from sordino.server.rights.models import (
    BudgetRequest,
    BudgetState,
    GroupTable,
    GroupTables,
    LogState,
    PolicyDigest,
)
from sordino.server.rights.subject import actor
from sordino.server.rights.upkeep import verify_log
from sordino.server.store import Store
from sordino.server.trends.group_share import GroupShare, group_share
from sordino.server.trends.rates import newest_rates

router = APIRouter(prefix="/v1", tags=["statistics"])

MOST_TABLES: Final = 5000
"""Statistics of an answer, the newest ones."""

KnownNumber = Annotated[int | None, Query(ge=1, le=2**62, description="`log.number` of a receipt.")]
KnownDigest = Annotated[PolicyDigest | None, Query(description="`log.digest` of a receipt.")]


@router.get("/statistics")
def read_statistics(principal: ResearchPrincipal, store: StoreOf) -> GroupTables:
    """The stored statistics of the study, the newest week first. Asking again changes nothing."""
    assert principal.study_id is not None
    with store.reading() as session:
        rows = statistics_of(session, principal.study_id)[:MOST_TABLES]
        policies = {row.policy for row in rows}
        rates = {policy: newest_rates(session, principal.study_id, policy) for policy in policies}
    tables = []
    for row in rows:
        numbers = row.table or {}
        share = GroupShare()
        if row.table:
            share = group_share(numbers["passes"], numbers["standard_error"], rates[row.policy])
        tables.append(_table(row, numbers, share))
    return GroupTables(statistics=tables)


def _table(row: GroupStatistic, numbers: dict[str, Any], share: GroupShare) -> GroupTable:
    return GroupTable(
        policy=row.policy,
        week=row.week,
        whole=row.whole,
        cohort=row.cohort,
        users=numbers.get("users"),
        passes=numbers.get("passes"),
        standard_error=numbers.get("standard_error"),
        share=share.share,
        low=share.low,
        high=share.high,
        epsilon=numbers.get("epsilon"),
        withheld=row.withheld,
    )


@router.put("/studies/{study}/budget")
def write_budget(
    study: str,
    budget: BudgetRequest,
    principal: OperatePrincipal,
    store: StoreOf,
) -> BudgetState:
    """Give the statistics of a study noise, and end them when the budget is spent."""
    if budget.epsilon_per_table > budget.epsilon:
        raise Problem(
            "invalid",
            422,
            "an epsilon per table above the budget, expected at most the budget: choose it smaller",
        )
    with store.transaction() as session:
        number = study_of(session, study).id
        set_budget(session, number, budget.epsilon, budget.epsilon_per_table)
        audit.record(
            session,
            store.now(),
            actor(principal),
            audit.Action.BUDGET,
            study_id=number,
            details=budget.model_dump(),
        )
    return _budget(store, number)


@router.get("/budget")
def read_budget(principal: ResearchPrincipal, store: StoreOf) -> BudgetState:
    """The budget of the study, and what was spent."""
    assert principal.study_id is not None
    return _budget(store, principal.study_id)


def _budget(store: Store, study_id: int) -> BudgetState:
    with store.reading() as session:
        budget = session.get(PrivacyBudget, study_id)
        return BudgetState(
            epsilon=budget.epsilon if budget else None,
            epsilon_per_table=budget.epsilon_per_table if budget else None,
            spent=spent(session, study_id),
        )


@router.get("/audit", dependencies=[Depends(require(Scope.OPERATE))])
def read_audit(store: StoreOf, number: KnownNumber = None, digest: KnownDigest = None) -> LogState:
    """Check every entry of the audit log, and that it contains the end that a receipt names."""
    known = audit.Head(number, bytes.fromhex(digest)) if number and digest else None
    try:
        head = verify_log(store, known)
    except StorageError as error:
        with store.reading() as session:
            head = audit.head(session)
        return LogState(
            entries=head.number, digest=head.digest.hex(), intact=False, fault=str(error)
        )
    return LogState(entries=head.number, digest=head.digest.hex(), intact=True)
