"""Sign-in at a provider: the right answer of the pinned issuer signs in, every other is refused."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from sordino.server.access.context import CALLBACK
from sordino.server.access.invitation import invite
from sordino.server.access.open_id import OpenId
from sordino.server.database.account_tables import Account
from sordino.server.registry.studies import create_participant
from sordino.server.settings import OpenIdProvider
from tests.server.access.conftest import ADDRESS, Browser
from tests.server.access.provider import CLIENT, SECRET, Provider, serve


@pytest.fixture(scope="module")
def served():
    provider = Provider(ADDRESS + CALLBACK, None)
    with serve(provider):
        yield provider


@pytest.fixture
def provider(served, access, people, clock):
    served.clock, served.claims, served.metadata = clock, {}, {}
    served.subject, served.signing_key = "subject-1", served.key
    settings = OpenIdProvider(served.issuer, CLIENT, SECRET)
    access.open_id = OpenId(settings, ADDRESS + CALLBACK)
    with people.store.transaction() as session:
        session.get_one(Account, people.accounts["ada"]).open_id_subject = "subject-1"
    yield served
    access.open_id.close()


def go(browser, path="/sign-in/provider"):
    """The address, on this server, to which the provider sends the browser back."""
    away = browser.get(path)
    assert away.status_code == 303, away.text
    return httpx.get(away.headers["location"]).headers["location"].removeprefix(ADDRESS)


def test_a_subject_signs_in(browser, provider):
    assert provider
    answer = browser.get(go(browser, "/sign-in/provider?next=/me"), headers={"Origin": ""})
    assert answer.status_code == 200
    assert "url=/me" in answer.text
    assert "ada" in browser.get("/account").text


def test_an_unknown_subject_is_refused(browser, provider):
    provider.subject = "subject-2"
    assert browser.get(go(browser)).status_code == 403
    assert browser.get("/account").status_code == 401


def test_a_disabled_account_is_refused(browser, provider, people):
    assert provider
    with people.store.transaction() as session:
        session.get_one(Account, people.accounts["ada"]).disabled = 1
    assert browser.get(go(browser)).status_code == 403


def test_an_answer_to_another_browser_is_refused(app, browser, provider):
    assert provider
    back, other = go(browser), Browser(app)
    assert other.get(back).status_code == 403
    other.get("/sign-in/provider")
    assert other.get(back).status_code == 403


def test_an_answer_is_accepted_once(app, browser, provider):
    assert provider
    back = go(browser)
    thief = Browser(app)
    thief.cookies.set("sordino_provider", browser.cookies["sordino_provider"])
    assert browser.get(back).status_code == 200
    assert thief.get(back).status_code == 403


def test_an_injected_code_is_refused(app, browser, provider):
    assert provider
    stolen = parse_qs(urlsplit(go(Browser(app))).query)["code"][0]
    state = parse_qs(urlsplit(go(browser)).query)["state"][0]
    assert browser.get(f"{CALLBACK}?code={stolen}&state={state}").status_code == 403


def test_another_issuer_in_the_answer_is_refused(browser, provider):
    back = go(browser).replace(provider.issuer.replace(":", "%3A").replace("/", "%2F"), "x")
    assert browser.get(back).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"exp": 1},
        {"exp": None},
        {"iat": 9_999_999_999},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"sub": 5},
        {"sub": ""},
        {"azp": "another"},
    ],
    ids=str,
)
def test_an_id_token_with_other_claims_is_refused(browser, provider, claims):
    provider.claims = claims
    assert browser.get(go(browser)).status_code == 403


def test_an_id_token_of_another_key_is_refused(browser, provider):
    provider.signing_key = ECKey.generate_key("P-256", {"kid": "1"})
    assert browser.get(go(browser)).status_code == 403


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
def test_metadata_of_another_issuer_are_refused(browser, provider, metadata):
    provider.metadata = metadata
    assert browser.get("/sign-in/provider").status_code == 403


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1:1/", "", 3])
def test_other_addresses_are_refused(browser, provider, name, address):
    provider.metadata = {name: address}
    assert browser.get(go(browser)).status_code == 403


def test_a_person_is_invited_through_the_provider(browser, provider, people):
    provider.subject = "subject-new"
    with people.store.transaction() as session:
        study = session.get_one(Account, people.accounts["mood-lab"]).study_id
        person = create_participant(session, people.store, study, "p-zoe")
        token = invite(session, people.store.now(), "user", study, person.id)
    back = go(browser, f"/sign-in/provider?invitation={token}")
    assert browser.get(back).status_code == 200
    with people.store.reading() as session:
        rows = select(Account).where(Account.open_id_subject == "subject-new")
        account = session.scalar(rows)
    assert account is not None
    assert account.participant_id == person.id
    assert browser.get(go(browser)).status_code == 200


def test_without_a_provider_there_is_none(browser, people):
    assert people
    assert browser.get("/sign-in/provider").status_code == 404
    assert browser.get(CALLBACK).status_code == 404


def test_the_client_secret_is_not_printed():
    assert SECRET not in repr(OpenIdProvider("https://x", CLIENT, SECRET))
