"""Sign-in at a provider: the right answer of the pinned issuer signs in, every other is refused."""

from __future__ import annotations

import html
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from sordino.errors import SordinoError
from sordino.server.access.context import CALLBACK, Access
from sordino.server.access.invitation import invite
from sordino.server.access.open_id import OpenId
from sordino.server.database.account_tables import Account
from sordino.server.errors import Problem
from sordino.server.registry.studies import create_participant
from sordino.server.settings import OpenIdProvider
from tests.server.access.conftest import ADDRESS, Browser
from tests.server.access.provider import CLIENT, SECRET, Provider, serve

HTTP = httpx.Client(timeout=5)
"""Making a client reads the certificates of the system, which takes long."""


class WatchedProvider(Provider):
    """A provider whose client forgets the metadata when they change."""

    access: Access

    def forget(self, metadata) -> None:
        self.metadata = metadata
        settings = OpenIdProvider(self.issuer, CLIENT, SECRET)
        self.access.open_id = OpenId(settings, self.redirect, HTTP)


@pytest.fixture(scope="module")
def served():
    provider = WatchedProvider(ADDRESS + CALLBACK, None)
    with serve(provider), HTTP:
        yield provider


@pytest.fixture
def provider(served, access, people, clock):
    served.clock, served.claims = clock, {}
    served.subject, served.signing_key = "subject-1", served.key
    served.access = access
    served.forget({})
    with people.store.transaction() as session:
        session.get_one(Account, people.accounts["ada"]).open_id_subject = "subject-1"
    return served


def problem(answer) -> str:
    return str(answer.json()["type"].removeprefix("urn:sordino:"))


def go(browser, path="/sign-in/provider"):
    """The address, on this server, to which the provider sends the browser back."""
    away = browser.get(path)
    assert away.status_code == 303, away.text
    return HTTP.get(away.headers["location"]).headers["location"].removeprefix(ADDRESS)


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


def test_an_id_token_with_other_claims_is_refused(browser, provider):
    for claims in (
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
    ):
        provider.claims = claims
        answer = browser.get(go(browser))
        assert (answer.status_code, problem(answer)) == (403, "provider"), claims
    provider.claims = {}
    assert browser.get(go(browser)).status_code == 200


def test_an_id_token_of_another_key_is_refused(browser, provider):
    provider.signing_key = ECKey.generate_key("P-256", {"kid": "1"})
    assert browser.get(go(browser)).status_code == 403


def test_metadata_of_another_issuer_are_refused(browser, provider):
    for metadata in (
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ):
        provider.forget(metadata)
        assert browser.get("/sign-in/provider").status_code == 403, metadata


def test_other_addresses_are_refused(browser, provider):
    addresses = ("file:///etc/passwd", "http://127.0.0.1:1/", "", 3)
    for name, address in product(("token_endpoint", "jwks_uri"), addresses):
        provider.forget({name: address})
        assert browser.get(go(browser)).status_code == 403, (name, address)


@pytest.fixture
def invited(people):
    """The number of an invited participant, and the path of the invitation."""
    with people.store.transaction() as session:
        study = session.get_one(Account, people.accounts["mood-lab"]).study_id
        person = create_participant(session, people.store, study, "p-zoe")
        token = invite(session, people.store.now(), "user", study, person.id)
    return person.id, f"/invitation/{token}"


def test_a_person_is_invited_through_the_provider(browser, provider, people, invited):
    provider.subject = "subject-new"
    participant, path = invited
    assert f'action="{path}/provider"' in browser.get(path).text
    page = browser.post(f"{path}/provider").text
    [address] = re.findall(r'href="(http[^"]+/authorize[^"]+)"', page)
    address = html.unescape(address)
    back = HTTP.get(address).headers["location"].removeprefix(ADDRESS)
    assert browser.get(back).status_code == 200
    with people.store.reading() as session:
        rows = select(Account).where(Account.open_id_subject == "subject-new")
        account = session.scalar(rows)
    assert account is not None
    assert account.participant_id == participant
    assert browser.get(go(browser)).status_code == 200


def test_another_site_binds_no_subject_to_an_invitation(browser, provider, people, invited):
    provider.subject = "subject-victim"
    path = invited[1]
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = browser.post(f"{path}/provider", headers=foreign)
    assert (answer.status_code, problem(answer)) == (403, "csrf")
    assert browser.get(f"{path}/provider", headers=foreign).status_code == 405
    link = f"/sign-in/provider?invitation={path.rsplit('/', 1)[1]}"
    assert browser.get(go(browser, link), headers=foreign).status_code == 403
    with people.store.reading() as session:
        rows = select(Account.id).where(Account.open_id_subject == "subject-victim")
        assert session.scalar(rows) is None


def test_without_a_provider_there_is_none(browser, people):
    assert people
    assert browser.get("/sign-in/provider").status_code == 404
    assert browser.get(CALLBACK).status_code == 404


@pytest.mark.parametrize("issuer", ["http://provider.example", "provider.example", ""])
def test_an_issuer_needs_tls(issuer):
    with pytest.raises(SordinoError, match="https"):
        OpenId(OpenIdProvider(issuer, CLIENT, SECRET), ADDRESS + CALLBACK)


def test_the_client_secret_is_not_printed():
    assert SECRET not in repr(OpenIdProvider("https://x", CLIENT, SECRET))


def test_a_provider_that_fails_is_asked_once_in_a_while():
    """No thread waits while another one asks, and a failure is kept for some seconds."""
    asked, answers = [], threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        answers.wait(60)
        return httpx.Response(500)

    settings = OpenIdProvider("https://provider.example", CLIENT, SECRET)
    http = httpx.Client(transport=httpx.MockTransport(answer), verify=False)
    client = OpenId(settings, ADDRESS + CALLBACK, http)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.begin, 0.0)
        while not asked:
            time.sleep(0.001)
        with pytest.raises(Problem):
            client.begin(1.0)
        answers.set()
        assert isinstance(first.exception(), Problem)
    with pytest.raises(Problem):
        client.begin(9.0)
    assert len(asked) == 1
    with pytest.raises(Problem):
        client.begin(11.0)
    assert len(asked) == 2
