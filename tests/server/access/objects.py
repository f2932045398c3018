"""Two studies with an object of every kind, and the credentials of everyone."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.server.access.context import Access
from sordino.server.access.invitation import add_api_token, find_invitation, invite
from sordino.server.access.limits import TokenBuckets
from sordino.server.access.principal import Scope
from sordino.server.access.session import IDLE_SECONDS, SESSION_SECONDS
from sordino.server.access.token import ACCOUNT_PREFIX, DEVICE_PREFIX, new_token, token_digest
from sordino.server.database.account_tables import Account, ApiToken, BrowserSession, Passkey
from sordino.server.database.metadata import TABLES_METADATA
from sordino.server.database.tables import (
    BundlePolicy,
    Consent,
    Device,
    Participant,
    Purpose,
    SigningKey,
    StudyRow,
)
from sordino.server.registry.bundles import parse_bundle, register_bundle
from sordino.server.registry.studies import create_participant, create_study
from sordino.server.store import Store
from tests.server.synthetic_bundle import bundle_file

DAY = 86_400


@dataclass
class Objects:
    """The objects of the user ada of the study mood, and tokens by name of the person."""

    store: Store
    study: str = "mood"
    participant: str = "p-ada"
    bundle: str = ""
    policy: str = ""
    device: int = 0
    signing_key: str = "ab" * 32
    token: int = 0
    passkey: int = 0
    account: int = 0
    invitation: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    """Valid tokens: of the device `watch`, and of accounts by login."""
    bad_tokens: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    bad_cookies: dict[str, str] = field(default_factory=dict)

    @property
    def owners(self) -> dict[Scope, str]:
        """Who may use the objects."""
        return {
            Scope.RELEASE: "watch",
            Scope.OWN: "ada",
            Scope.RESEARCH: "mood-lab",
            Scope.OPERATE: "root",
        }

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table, without the log: reading is logged."""
        with self.store.reading() as session:
            return {
                table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
                for table in TABLES_METADATA.sorted_tables
                if table.name != "audit_event"
            }


def make_objects(app: FastAPI) -> Objects:
    """The objects, on a server without limits of rates."""
    store: Store = app.state.store
    access: Access = app.state.access
    for name in ("requests", "strangers", "failures", "attempts", "logins", "codes"):
        setattr(access, name, TokenBuckets(1e9, 1e9, lambda: 0.0))
    objects = Objects(store)
    file = parse_bundle(bundle_file().read_bytes())
    with store.transaction() as session:
        studies = {name: create_study(session, store, name) for name in ("mood", "other")}
        bundle = register_bundle(session, store, studies["mood"].id, file)
        objects.bundle = bundle.digest
        rows = select(BundlePolicy.digest).where(BundlePolicy.bundle_id == bundle.id)
        objects.policy = session.scalars(rows).first() or ""
        session.add(
            SigningKey(
                study_id=studies["mood"].id,
                key_id=objects.signing_key,
                public_key=bytes.fromhex(objects.signing_key),
                created=1,
            )
        )
        maker = _Maker(session, store.now(), objects)
        maker.account("root", "operator")
        for name, study in studies.items():
            maker.account(f"{name}-lab", "researcher", study)
        for login, home in (("ada", "mood"), ("bob", "mood"), ("eve", "other"), ("off", "mood")):
            person = create_participant(session, store, studies[home].id, f"p-{login}")
            maker.account(login, "user", studies[home], person)
            if login in ("ada", "eve"):
                maker.devices(login, person)
            if login == "ada":
                maker.consent(person)
        maker.bad_credentials()
        invitation = invite(session, store.now(), "researcher", studies["mood"].id)
        objects.invitation = find_invitation(session, store.now(), invitation).id
    return objects


class _Maker:
    """Adds accounts, devices and credentials to the objects."""

    def __init__(self, session: Session, now: int, objects: Objects) -> None:
        self.session, self.now, self.objects = session, now, objects
        self.accounts: dict[str, int] = {}

    def account(
        self,
        login: str,
        role: str,
        study: StudyRow | None = None,
        person: Participant | None = None,
    ) -> None:
        """An account with a token and a session."""
        account = Account(role=role, login=login, created=self.now)
        account.study_id = None if study is None else study.id
        account.participant_id = None if person is None else person.id
        self.session.add(account)
        self.session.flush()
        self.accounts[login] = account.id
        self.objects.tokens[login] = add_api_token(self.session, self.now, account.id, "t", DAY)
        self.objects.cookies[login] = self.cookie(login, self.now, self.now)

    def consent(self, person: Participant) -> None:
        """Consent to every purpose: researchers may read every object of the user."""
        self.session.add_all(
            Consent(
                participant_id=person.id,
                purpose=purpose,
                policy=self.objects.policy,
                version=1,
                given=True,
                time=self.now,
            )
            for purpose in Purpose
        )

    def cookie(self, login: str, created: int, last_use: int) -> str:
        cookie = new_token()
        self.session.add(
            BrowserSession(
                account_id=self.accounts[login],
                token_sha256=token_digest(cookie),
                created=created,
                last_use=last_use,
                expires=created + SESSION_SECONDS,
            )
        )
        return cookie

    def devices(self, login: str, person: Participant) -> None:
        """A valid, an expired and a revoked device."""
        for kind, expires, revoked in (
            ("watch", None, None),
            ("expired device", self.now, None),
            ("revoked device", None, self.now),
        ):
            token = new_token(DEVICE_PREFIX)
            device = Device(
                participant_id=person.id,
                token_sha256=token_digest(token),
                created=self.now,
                expires=expires,
                revoked=revoked,
            )
            self.session.add(device)
            self.session.flush()
            if kind != "watch":
                self.objects.bad_tokens[kind] = token
            elif login == "ada":
                self.objects.device, self.objects.tokens[kind] = device.id, token

    def bad_credentials(self) -> None:
        """Everything that must open nothing."""
        account_id, objects = self.accounts["ada"], self.objects
        passkey = Passkey(account_id=account_id, credential_id=b"1", public_key=b"1", sign_count=0)
        passkey.created = self.now
        self.session.add(passkey)
        add_api_token(self.session, self.now, account_id, "object", DAY)
        revoked = add_api_token(self.session, self.now, account_id, "revoked", DAY)
        expired = add_api_token(self.session, self.now - DAY, account_id, "expired", DAY)
        rows = {
            row.name: row
            for row in self.session.query(ApiToken).filter(ApiToken.account_id == account_id)
        }
        rows["revoked"].revoked = self.now
        self.session.get_one(Account, self.accounts["off"]).disabled = self.now
        objects.account, objects.passkey = account_id, passkey.id
        objects.token = rows["object"].id
        objects.bad_tokens |= {
            "expired token": expired,
            "revoked token": revoked,
            "token of a disabled account": objects.tokens["off"],
            "wrong device": new_token(DEVICE_PREFIX),
            "wrong account": new_token(ACCOUNT_PREFIX),
            "malformed": "sordino_device_short",
            "empty": "",
            "device as account": objects.tokens["watch"].replace("device", "account"),
            "with a blank": objects.tokens["ada"] + " x",
        }
        objects.bad_cookies = {
            "expired session": self.cookie("ada", self.now - SESSION_SECONDS, self.now - 1),
            "idle session": self.cookie("ada", self.now - IDLE_SECONDS, self.now - IDLE_SECONDS),
            "session of a disabled account": objects.cookies["off"],
            "wrong session": new_token(),
            "token as session": objects.tokens["ada"],
        }
