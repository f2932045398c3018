"""Requests and answers of the routes of rights: their contract."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sordino.server.database.tables import Purpose

PolicyDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StrictModel(BaseModel):
    """A request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=False)


class ConsentDecision(StrictModel):
    """A decision about a purpose and a policy."""

    purpose: Purpose
    policy: PolicyDigest
    """`digest` of a policy of a bundle of the study."""
    given: bool
    on_paper: bool = False
    """A researcher must say true: the user signed it on paper."""


class StoredDecision(BaseModel):
    """A version of a decision."""

    purpose: Purpose
    policy: str
    version: int
    given: bool
    time: int
    newest: bool
    """Whether it counts."""


class Consents(BaseModel):
    """All decisions of a user."""

    paused: bool
    decisions: list[StoredDecision]


class PauseState(BaseModel):
    """Whether a user is paused."""

    paused: bool


class LogEntry(BaseModel):
    """An entry of the audit log about a user."""

    number: int
    time: int
    actor: str
    """Scope and number of an account, or a command."""
    action: str
    details: dict[str, Any]


class Log(BaseModel):
    """The newest entries first."""

    entries: list[LogEntry]


class ReceiptKey(BaseModel):
    """The key that verifies receipts."""

    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str
    """Hex."""


class LogState(BaseModel):
    """The audit log after a check of every entry."""

    entries: int
    digest: str
    intact: bool
    fault: str = ""


class GroupTable(BaseModel):
    """A statistic of a cohort, or of the whole study, in a week."""

    policy: str
    week: datetime.date
    whole: bool
    cohort: str
    users: int | None
    passes: float | None
    """Mean share of passes over users."""
    standard_error: float | None
    share: float | None
    """Estimated share of the required emotion, from the rates of the card."""
    low: float | None
    high: float | None
    epsilon: float | None
    withheld: str
    """Why it has no numbers: few-users, complement, budget or deletion."""


class GroupTables(BaseModel):
    """The statistics of a study."""

    statistics: list[GroupTable]


class BudgetRequest(StrictModel):
    """The budget of differential privacy of a study, for each user."""

    epsilon: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    epsilon_per_table: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class BudgetState(BaseModel):
    """The budget, and what was spent."""

    epsilon: float | None
    epsilon_per_table: float | None
    spent: float
