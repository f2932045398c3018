"""Passkeys (WebAuthn level 2). The authenticator verifies its user, so that one is two factors."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, generate_challenge
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from sordino.server.access.context import Access
from sordino.server.access.sealed import seal, unseal
from sordino.server.database.account_tables import Account, Passkey
from sordino.server.errors import Problem

CHALLENGE_SECONDS: Final = 300
MOST: Final = 20  # passkeys of an account
_PURPOSE: Final = "passkey challenge"


class Ceremony(NamedTuple):
    """Options for the browser, and the sealed challenge that it sends back as a cookie."""

    options: dict[str, Any]
    """Options of WebAuthn, as JSON."""
    challenge: str
    """The sealed challenge."""


def begin_registration(session: Session, access: Access, account: Account, now: int) -> Ceremony:
    """Options to make a passkey for an account."""
    ids = session.scalars(select(Passkey.credential_id).where(Passkey.account_id == account.id))
    options = generate_registration_options(
        rp_id=access.host,
        rp_name="sordino",
        user_name=account.login,
        user_id=user_handle(access, account.id),
        challenge=generate_challenge(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id) for id in ids],
    )
    return _ceremony(access, options, now, account.id)


def finish_registration(
    session: Session,
    access: Access,
    account: Account,
    credential: dict[str, Any],
    challenge: str,
    now: int,
) -> Passkey:
    """Store the passkey that a browser made. Raises the problem `passkey`."""
    values = _challenge(access, challenge, now, account.id)
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(values["challenge"]),
            expected_rp_id=access.host,
            expected_origin=access.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused() from error
    same = select(Passkey.id).where(Passkey.credential_id == verified.credential_id)
    number = len(session.scalars(select(Passkey.id).where(Passkey.account_id == account.id)).all())
    if (
        session.scalar(same) is not None
        or number >= MOST
        or not access.once.use(values["challenge"])
    ):
        raise _refused()
    passkey = Passkey(
        account_id=account.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        created=now,
    )
    session.add(passkey)
    return passkey


def begin_sign_in(access: Access, now: int) -> Ceremony:
    """Options to sign in with any passkey of this server."""
    options = generate_authentication_options(
        rp_id=access.host,
        challenge=generate_challenge(),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _ceremony(access, options, now, None)


def finish_sign_in(
    session: Session, access: Access, credential: dict[str, Any], challenge: str, now: int
) -> Account:
    """The account of a passkey. Raises the problem `passkey`; a challenge is accepted once."""
    values = _challenge(access, challenge, now, None)
    try:
        credential_id = base64url_to_bytes(credential["rawId"])
        passkey = session.scalar(select(Passkey).where(Passkey.credential_id == credential_id))
        if passkey is None:
            raise _refused()
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(values["challenge"]),
            expected_rp_id=access.host,
            expected_origin=access.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused() from error
    account = session.get_one(Account, passkey.account_id)
    handle = credential["response"].get("userHandle")
    if handle is not None and handle != bytes_to_base64url(user_handle(access, account.id)):
        raise _refused()
    if account.disabled is not None or not access.once.use(values["challenge"]):
        raise _refused()
    passkey.sign_count, passkey.last_use = verified.new_sign_count, now
    return account


def user_handle(access: Access, account_id: int) -> bytes:
    """The name of an account for authenticators, 32 bytes: no number and no login."""
    return bytes.fromhex(access.key.tag("passkey user", str(account_id)))


def _ceremony(access: Access, options: Any, now: int, account_id: int | None) -> Ceremony:
    challenge = seal(
        access.key,
        _PURPOSE,
        now + CHALLENGE_SECONDS,
        challenge=bytes_to_base64url(options.challenge),
        account=account_id,
    )
    return Ceremony(json.loads(options_to_json(options)), challenge)


def _challenge(access: Access, sealed: str, now: int, account_id: int | None) -> dict[str, Any]:
    values = unseal(access.key, _PURPOSE, now, sealed)
    if values is None or values["account"] != account_id:
        raise _refused()
    return values


def _refused() -> Problem:
    return Problem(
        "passkey",
        403,
        "a passkey that is not accepted, expected one of this server within five minutes: "
        "try again",
    )
