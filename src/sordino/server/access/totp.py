"""One-time passwords of an authenticator app (TOTP, RFC 6238): six digits, thirty seconds."""

from __future__ import annotations

import re
from typing import Final

import pyotp
from sqlalchemy import update
from sqlalchemy.orm import Session

from sordino.server.access.server_key import ServerKey
from sordino.server.database.account_tables import Account

CODE_SECONDS: Final = 30
_CODE: Final = re.compile(r"[0-9]{6}")
_PURPOSE: Final = "totp"


def new_secret() -> str:
    """A secret of 160 random bits, base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, login: str, host: str) -> str:
    """The address that opens an authenticator app, `otpauth://totp/...`."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=f"sordino {host}")


def matching_step(secret: str, code: str, now: int) -> int | None:
    """The time step of a code: now, one step earlier or one later. None for a wrong code."""
    digits = code.replace(" ", "")
    if not _CODE.fullmatch(digits):
        return None
    steps = [now // CODE_SECONDS + difference for difference in (-1, 0, 1)]
    totp = pyotp.TOTP(secret)
    right = [pyotp.utils.strings_equal(totp.generate_otp(step), digits) for step in steps]
    return steps[right.index(True)] if any(right) else None


def store_secret(session: Session, key: ServerKey, account: Account, secret: str) -> None:
    """Encrypt a secret for an account and store it."""
    account.totp_secret = key.cipher(_PURPOSE).encrypt(secret.encode(), str(account.id))
    session.add(account)


def use_code(session: Session, key: ServerKey, account: Account, code: str, now: int) -> bool:
    """Whether a code of an account is right and new: each is accepted once, in whichever process
    of the server.
    """
    if account.totp_secret is None:
        return False
    secret = key.cipher(_PURPOSE).decrypt(account.totp_secret, str(account.id)).decode()
    step = matching_step(secret, code, now)
    if step is None:
        return False
    used = session.execute(
        update(Account)
        .where(Account.id == account.id, Account.totp_step < step)
        .values(totp_step=step)
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    return used.first() is not None
