"""The tables of people: accounts, passkeys, sessions, tokens and invitations.

    account 1--n passkey, 1--n browser_session, 1--n api_token      participant 1--n invitation

Tokens are 256 random bits and stored as SHA-256. Deleting a participant deletes the account, and
deleting an account deletes everything that opens it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from sordino.server.database.tables import IDENTIFIER, Base


class Account(Base):
    """A person who signs in."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("(role = 'operator') = (study_id IS NULL)", "role_study"),
        CheckConstraint("(role = 'user') = (participant_id IS NOT NULL)", "role_participant"),
    )

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"), index=True)
    """None for an operator."""
    participant_id: Mapped[int | None] = mapped_column(
        ForeignKey("participant.id", ondelete="CASCADE"), unique=True
    )
    """The pseudonym of a user; None for researchers and operators."""
    role: Mapped[str] = mapped_column(String(16))
    """`user`, `researcher` or `operator`."""
    login: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    """argon2id, as its library writes it; None for an account that has no password."""
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Encrypted with the key of the server."""
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The last accepted time step: a code is accepted once."""
    open_id_subject: Mapped[str | None] = mapped_column(String(255), unique=True)
    """`sub` at the provider of the settings."""
    created: Mapped[int] = mapped_column(BigInteger)
    disabled: Mapped[int | None] = mapped_column(BigInteger)


class Passkey(Base):
    """A credential of WebAuthn."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(64), default="")
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """COSE, RFC 9052."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[int] = mapped_column(BigInteger)
    last_use: Mapped[int | None] = mapped_column(BigInteger)


class BrowserSession(Base):
    """A browser that is signed in."""

    __tablename__ = "browser_session"

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created: Mapped[int] = mapped_column(BigInteger)
    last_use: Mapped[int] = mapped_column(BigInteger)
    """Accurate to a minute, so that reading pages writes seldom."""
    expires: Mapped[int] = mapped_column(BigInteger)


class ApiToken(Base):
    """A token of an account for programs. It has the scope of the account."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(64))
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    read_only: Mapped[bool]
    """A token that may only GET."""
    created: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int] = mapped_column(BigInteger)
    revoked: Mapped[int | None] = mapped_column(BigInteger)


class Invitation(Base):
    """A token, valid once, with which a person makes an account or sets a new password."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(IDENTIFIER, primary_key=True)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"))
    participant_id: Mapped[int | None] = mapped_column(
        ForeignKey("participant.id", ondelete="CASCADE"), index=True
    )
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    """The account that gets a new password; None where the invitation makes one."""
    inviter_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    """The account that invites: disabling it ends the invitation. None at the machine."""
    role: Mapped[str] = mapped_column(String(16))
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int] = mapped_column(BigInteger)
