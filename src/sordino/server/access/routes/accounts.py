"""The API of accounts: one's own tokens, invitations, and the accounts of a study."""

from __future__ import annotations

from typing import Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from sordino.server.access.arguments import AccessOf, AfterRow, Person, RowNumber, Staff, StoreOf
from sordino.server.access.invitation import (
    INVITATION_SECONDS,
    end_access,
    end_invitations,
    invite,
    invite_again,
)
from sordino.server.access.principal import Principal, Scope
from sordino.server.access.routes.account import revoke_token, valid_tokens
from sordino.server.database.account_tables import Account, Invitation
from sordino.server.database.tables import Participant
from sordino.server.errors import Problem, absent
from sordino.server.registry.studies import participant_of, study_of
from sordino.server.rights.audit import Action, record

router = APIRouter(prefix="/v1", tags=["accounts"])
MOST: Final = 1000  # accounts of a page


class OwnAccount(BaseModel):
    """The account of the request."""

    role: str
    login: str


class TokenInfo(BaseModel):
    """A token; the token itself is not stored."""

    number: int
    name: str
    read_only: bool
    created: int
    expires: int


class InvitationRequest(BaseModel):
    """Whom to invite. A researcher invites to the study of the token alone."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "researcher", "operator"]
    study: str | None = Field(default=None, max_length=100)
    participant: str | None = Field(default=None, max_length=64)
    """The pseudonym of a user."""


class InvitationLink(BaseModel):
    """An invitation; its address is shown once."""

    address: str
    expires: int


class InvitationInfo(BaseModel):
    """An open invitation; its address is not stored."""

    number: int
    role: str
    participant: str | None
    """The pseudonym of a user."""
    account: int | None
    """The account that gets a new password; null where the invitation makes one."""
    inviter: int | None
    """The account that invited; null for the person at the machine."""
    created: int
    expires: int


class AccountInfo(BaseModel):
    """An account. The login of a user is not shown, as it may be a name."""

    number: int
    role: str
    login: str | None
    participant: str | None
    created: int
    disabled: int | None


@router.get("/account")
def own_account(principal: Person, store: StoreOf) -> OwnAccount:
    """The role and login of the token."""
    with store.reading() as session:
        account = session.get_one(Account, principal.account_id)
    return OwnAccount(role=account.role, login=account.login)


@router.get("/account/tokens")
def own_tokens(principal: Person, store: StoreOf) -> list[TokenInfo]:
    """The valid tokens of the account. They are made on the page of the account."""
    assert principal.account_id is not None
    with store.reading() as session:
        return [
            TokenInfo(
                number=token.id,
                name=token.name,
                read_only=token.read_only,
                created=token.created,
                expires=token.expires,
            )
            for token in valid_tokens(session, principal.account_id, store.now())
        ]


@router.delete("/account/tokens/{number}", status_code=204)
def delete_own_token(principal: Person, store: StoreOf, number: RowNumber) -> Response:
    """Revoke a token."""
    assert principal.account_id is not None
    with store.transaction() as session:
        revoke_token(session, store, principal.account_id, number)
    return Response(status_code=204)


@router.post("/invitations", status_code=201)
def create_invitation(
    principal: Staff, store: StoreOf, access: AccessOf, request: InvitationRequest
) -> InvitationLink:
    """Invite a user or a researcher; an earlier invitation of the user ends."""
    if principal.scope is Scope.RESEARCH and request.role == "operator":
        raise Problem("scope", 403, "a token of scope research, expected operate: ask an operator")
    if (request.role == "user") != (request.participant is not None):
        raise Problem("invalid", 422, "a participant belongs to role user, and to no other")
    now = store.now()
    with store.transaction() as session:
        study_id = _study_id(session, principal, request)
        participant = None
        if request.participant is not None and study_id is not None:
            participant = participant_of(session, study_id, request.participant)
            taken = select(Account.id).where(Account.participant_id == participant.id)
            if session.scalar(taken) is not None:
                raise Problem(
                    "exists",
                    409,
                    "a participant with an account, expected one without: recover the account",
                )
        participant_id = None if participant is None else participant.id
        token = invite(session, now, request.role, study_id, participant_id, principal.account_id)
        _record(session, now, principal, "invitation", study_id, participant_id)
    return _link(access, token, now)


@router.get("/invitations")
def list_invitations(principal: Staff, store: StoreOf, after: AfterRow = 0) -> list[InvitationInfo]:
    """Open invitations, the oldest first, at most 1,000 after a number. A researcher sees those of
    their study, without links with which researchers recover their accounts.
    """
    rows = (
        select(Invitation, Participant.pseudonym)
        .outerjoin(Account, Account.id == Invitation.account_id)
        .outerjoin(
            Participant,
            Participant.id == func.coalesce(Invitation.participant_id, Account.participant_id),
        )
        .where(Invitation.id > after, Invitation.expires > store.now())
        .where(*_visible(principal))
        .order_by(Invitation.id)
        .limit(MOST)
    )
    with store.reading() as session:
        return [
            InvitationInfo(
                number=invitation.id,
                role=invitation.role,
                participant=pseudonym,
                account=invitation.account_id,
                inviter=invitation.inviter_id,
                created=invitation.created,
                expires=invitation.expires,
            )
            for invitation, pseudonym in session.execute(rows)
        ]


@router.delete("/invitations/{number}", status_code=204)
def delete_invitation(principal: Staff, store: StoreOf, number: RowNumber) -> Response:
    """End an open invitation: its address opens nothing from now on."""
    now = store.now()
    with store.transaction() as session:
        row = session.scalar(
            select(Invitation).where(Invitation.id == number, *_visible(principal))
        )
        if row is None:
            raise absent("invitation")
        session.delete(row)
        _record(session, now, principal, "invitation ended", row.study_id, row.participant_id)
    return Response(status_code=204)


@router.get("/accounts")
def list_accounts(principal: Staff, store: StoreOf, after: AfterRow = 0) -> list[AccountInfo]:
    """Accounts, the oldest first, at most 1,000 after a number. A researcher sees their study."""
    rows = (
        select(Account, Participant.pseudonym)
        .outerjoin(Participant, Participant.id == Account.participant_id)
        .where(Account.id > after)
        .order_by(Account.id)
        .limit(MOST)
    )
    if principal.scope is Scope.RESEARCH:
        rows = rows.where(Account.study_id == principal.study_id)
    with store.reading() as session:
        return [
            AccountInfo(
                number=account.id,
                role=account.role,
                login=None if account.role == "user" else account.login,
                participant=pseudonym,
                created=account.created,
                disabled=account.disabled,
            )
            for account, pseudonym in session.execute(rows)
        ]


@router.post("/accounts/{number}/recovery", status_code=201)
def recover_account(
    principal: Staff, store: StoreOf, access: AccessOf, number: RowNumber
) -> InvitationLink:
    """A link with which the person sets a new password. Its use removes codes, passkeys and
    tokens. A researcher recovers users of their study alone.
    """
    now = store.now()
    with store.transaction() as session:
        account = _account(session, principal, number)
        token = invite_again(session, now, account, principal.account_id)
        _record(session, now, principal, "recovery", account.study_id, account.participant_id)
    return _link(access, token, now)


@router.post("/accounts/{number}/disable", status_code=204)
def disable_account(principal: Staff, store: StoreOf, number: RowNumber) -> Response:
    """Disable an account at once: its sessions, its tokens and its open invitations end."""
    now = store.now()
    with store.transaction() as session:
        account = _account(session, principal, number)
        account.disabled = account.disabled or now
        end_access(session, account.id, now)
        end_invitations(session, account.id)
        _record(session, now, principal, "disabled", account.study_id, account.participant_id)
    return Response(status_code=204)


@router.post("/accounts/{number}/enable", status_code=204)
def enable_account(principal: Staff, store: StoreOf, number: RowNumber) -> Response:
    """Enable a disabled account."""
    now = store.now()
    with store.transaction() as session:
        account = _account(session, principal, number)
        account.disabled = None
        _record(session, now, principal, "enabled", account.study_id, account.participant_id)
    return Response(status_code=204)


def _account(session: Session, principal: Principal, number: int) -> Account:
    """An account that the principal administers, and is not their own: 404 for any other."""
    account = session.get(Account, number)
    if account is None or account.id == principal.account_id:
        raise absent("account")
    if principal.scope is Scope.RESEARCH and (
        account.role != "user" or account.study_id != principal.study_id
    ):
        raise absent("account")
    return account


def _visible(principal: Principal) -> list[ColumnElement[bool]]:
    """The conditions of the invitations that the principal administers."""
    if principal.scope is not Scope.RESEARCH:
        return []
    return [
        Invitation.study_id == principal.study_id,
        Invitation.account_id.is_(None) | (Invitation.role == "user"),
    ]


def _study_id(session: Session, principal: Principal, request: InvitationRequest) -> int | None:
    """The study of an invitation: that of a researcher, or the one that an operator names."""
    if principal.scope is Scope.RESEARCH:
        if request.study is not None and study_of(session, request.study).id != principal.study_id:
            raise absent("study")
        return principal.study_id
    if (request.role == "operator") != (request.study is None):
        raise Problem("invalid", 422, "a study belongs to roles user and researcher alone")
    return None if request.study is None else study_of(session, request.study).id


def _link(access: AccessOf, token: str, now: int) -> InvitationLink:
    return InvitationLink(
        address=f"{access.origin}/invitation/{token}", expires=now + INVITATION_SECONDS
    )


def _record(
    session: Session,
    now: int,
    principal: Principal,
    change: str,
    study_id: int | None,
    participant_id: int | None,
) -> None:
    record(
        session,
        now,
        f"account {principal.account_id}",
        Action.ACCOUNT,
        study_id=study_id,
        participant_id=participant_id,
        details={"change": change},
    )
