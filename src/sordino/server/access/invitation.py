"""Invitations: a token, valid once, with which a person makes an account or recovers one."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sordino.errors import SordinoError
from sordino.server.access.password import (
    Passwords,
    check_login,
    check_password,
    normal_login,
)
from sordino.server.access.token import (
    ACCOUNT_PREFIX,
    INVITATION_PREFIX,
    is_token,
    new_token,
    token_digest,
)
from sordino.server.database.account_tables import (
    Account,
    ApiToken,
    BrowserSession,
    Invitation,
    Passkey,
)
from sordino.server.errors import Problem
from sordino.server.rights.audit import Action, record
from sordino.server.store import Store

INVITATION_SECONDS: Final = 7 * 86_400
FIRST_LOGIN: Final = "operator"
FIRST_TOKEN_SECONDS: Final = 7 * 86_400


def invite(
    session: Session,
    now: int,
    role: str,
    study_id: int | None,
    participant_id: int | None = None,
    inviter_id: int | None = None,
) -> str:
    """The token of an invitation, which is not stored. Earlier ones of the participant end.

    `inviter_id` is the account that invites, None for the person at the machine.
    """
    if participant_id is not None:
        session.execute(delete(Invitation).where(Invitation.participant_id == participant_id))
    return _add(
        session,
        now,
        Invitation(
            role=role, study_id=study_id, participant_id=participant_id, inviter_id=inviter_id
        ),
    )


def invite_again(
    session: Session, now: int, account: Account, inviter_id: int | None = None
) -> str:
    """The token with which the person of an account sets a new password.

    Using it removes the second factors and ends every session and token of the account.
    """
    session.execute(delete(Invitation).where(Invitation.account_id == account.id))
    return _add(
        session,
        now,
        Invitation(
            role=account.role,
            study_id=account.study_id,
            account_id=account.id,
            inviter_id=inviter_id,
        ),
    )


def find_invitation(session: Session, now: int, token: str) -> Invitation:
    """The invitation of a token. Raises the problem `absent` for one that is unknown, expired, or
    of a disabled account.
    """
    invitation = None
    if is_token(token, INVITATION_PREFIX):
        digest = token_digest(token)
        invitation = session.scalar(select(Invitation).where(Invitation.token_sha256 == digest))
    if invitation is None or invitation.expires <= now:
        raise _absent()
    if invitation.inviter_id is not None:
        inviter = session.get_one(Account, invitation.inviter_id)
        if inviter.disabled is not None:  # it invited while an operator disabled it
            raise _absent()
    return invitation


def accept_invitation(
    session: Session,
    now: int,
    token: str,
    login: str,
    *,
    password_hash: str | None = None,
    subject: str | None = None,
) -> Account:
    """The account of a used invitation, with a password or a subject of the OpenID provider.

    Raises the problem `absent` for an invitation that is unknown, used or expired, and `login`
    for a name that is taken.
    """
    invitation = find_invitation(session, now, token)
    used = session.execute(
        delete(Invitation).where(Invitation.id == invitation.id).returning(Invitation.id)
    )
    if used.first() is None:
        raise _absent()
    account_id = invitation.account_id
    if account_id is not None:
        _forget(session, account_id)
        account = session.get_one(Account, account_id)
    else:
        account = Account(
            study_id=invitation.study_id,
            participant_id=invitation.participant_id,
            role=invitation.role,
            login=login,
            created=now,
        )
        session.add(account)
    account.password_hash, account.open_id_subject = password_hash, subject
    try:
        session.flush()
        record(
            session,
            now,
            f"account {account.id}",
            Action.ACCOUNT,
            study_id=account.study_id,
            participant_id=account.participant_id,
            details={"change": "made" if account_id is None else "recovered"},
        )
    except IntegrityError as error:
        raise Problem(
            "login", 409, "a name or person that has an account, expected a new one: choose another"
        ) from error
    return account


def account_password(passwords: Passwords, login: str, password: str) -> tuple[str, str]:
    """The login and the hash of a password, both checked."""
    name = check_login(login)
    check_password(password, name)
    return name, passwords.hash(password)


class FirstOperator(NamedTuple):
    """The secrets of a new server: each is shown once."""

    token: str
    """For programs, valid for seven days."""
    invitation: str
    """For the browser: sets the password of the account `operator`."""


def first_operator(store: Store) -> FirstOperator | None:
    """Make the first account of a server; None where it has accounts."""
    now = store.now()
    with store.transaction() as session:
        if session.scalar(select(Account.id).limit(1)) is not None:
            return None
        account = Account(role="operator", login=FIRST_LOGIN, created=now)
        session.add(account)
        session.flush()
        token = add_api_token(session, now, account.id, "first token", FIRST_TOKEN_SECONDS)
        return FirstOperator(token, invite_again(session, now, account))


def recover_login(store: Store, login: str) -> str:
    """The token with which the person of a login sets a new password. Raises `SordinoError`."""
    with store.transaction() as session:
        name = normal_login(login) or ""
        account = session.scalar(select(Account).where(Account.login == name))
        if account is None:
            raise SordinoError("a login of no account, expected one of this server: check it")
        return invite_again(session, store.now(), account)


def add_api_token(
    session: Session, now: int, account_id: int, name: str, seconds: int, read_only: bool = False
) -> str:
    """A new token of an account for programs, which is not stored. Expired ones are deleted."""
    session.execute(
        delete(ApiToken).where(ApiToken.account_id == account_id, ApiToken.expires <= now)
    )
    token = new_token(ACCOUNT_PREFIX)
    session.add(
        ApiToken(
            account_id=account_id,
            name=name,
            token_sha256=token_digest(token),
            read_only=read_only,
            created=now,
            expires=now + seconds,
        )
    )
    session.flush()
    return token


def end_invitations(session: Session, inviter_id: int) -> None:
    """End every open invitation of an account that invited."""
    session.execute(delete(Invitation).where(Invitation.inviter_id == inviter_id))


def end_access(session: Session, account_id: int, now: int) -> None:
    """End every session of an account and revoke its tokens."""
    session.execute(delete(BrowserSession).where(BrowserSession.account_id == account_id))
    session.execute(
        update(ApiToken)
        .where(ApiToken.account_id == account_id, ApiToken.revoked.is_(None))
        .values(revoked=now)
    )


def _forget(session: Session, account_id: int) -> None:
    """Remove everything that opens an account."""
    for table in (BrowserSession, ApiToken, Passkey):
        session.execute(delete(table).where(table.account_id == account_id))
    session.execute(update(Account).where(Account.id == account_id).values(totp_secret=None))


def _add(session: Session, now: int, invitation: Invitation) -> str:
    session.execute(delete(Invitation).where(Invitation.expires <= now))
    token = new_token(INVITATION_PREFIX)
    invitation.token_sha256 = token_digest(token)
    invitation.created, invitation.expires = now, now + INVITATION_SECONDS
    session.add(invitation)
    session.flush()
    return token


def _absent() -> Problem:
    return Problem(
        "absent",
        404,
        "no such invitation, expected one that is neither used nor expired: ask for another",
    )
