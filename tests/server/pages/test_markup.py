"""Text from outside stays text on every page; a page of one study shows nothing of another."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from sordino.server.database.tables import BundlePolicy, BundleRow, Device, Participant, StudyRow
from sordino.server.registry.studies import create_study
from tests.server.pages.site import CARD, DAYS, PASSWORD, Site, prepared_site

MARKUP = "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>{{7*7}}"
PAGES = {
    "moss": ["/me", "/me/data", "/me/delete", "/account"],
    "lab": ["/study", "/study/rates", "/study/groups", "/study/participants/p-moss"],
    "root": ["/operator"],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Every name holds markup, as if its check had a gap."""
    with prepared_site(tmp_path_factory.mktemp("site")) as prepared:
        participant, token = prepared.participant("p-moss")
        prepared.release(token, range(DAYS - 6, DAYS))
        prepared.account("moss", "user", participant.id)
        for login, role in (("lab", "researcher"), ("root", "operator")):
            prepared.account(login, role)
        with prepared.store.transaction() as session:
            for study in session.query(StudyRow):
                study.name = MARKUP
            for user in session.query(Participant):
                user.cohort = MARKUP[:64]
            for device in session.query(Device):
                device.name = MARKUP[:64]
            for bundle in session.query(BundleRow):
                bundle.name = MARKUP
                bundle.card = copy.deepcopy(CARD)
                limits = bundle.card["audit"][MARKUP] = bundle.card["audit"]["drawn"]
                limits["bounds"][0]["secret"] = MARKUP
            for policy in session.query(BundlePolicy):
                policy.required = MARKUP[:64]
                policy.name = MARKUP if policy.name == "drawn" else f"{policy.name} {MARKUP}"
            create_study(session, prepared.store, "foreign-study")
        yield prepared


def browser(site: Site, login: str) -> TestClient:
    client = TestClient(site.app, site.address)
    client.headers.update({"Origin": site.address, "Accept": "text/html"})
    assert client.post("/sign-in", data={"login": login, "password": PASSWORD}).is_success
    return client


@pytest.mark.parametrize("login", PAGES)
def test_markup_in_every_name_stays_text(site: Site, login: str) -> None:
    client, found = browser(site, login), 0
    for path in PAGES[login]:
        text = client.get(path).text
        found += text.count("&lt;script&gt;")
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
        assert "onerror=alert(1)>" not in text, path
        assert "{49}" not in text, path
    assert found >= 1


def test_a_page_promises_what_the_server_does(site: Site) -> None:
    user, researcher = browser(site, "moss"), browser(site, "lab")
    words = {
        "/me/delete": "counted you are withdrawn for good",
        "/me/data": "They do not see the name of your account.",
    }
    for path, promise in words.items():
        assert promise in " ".join(user.get(path).text.split())
    assert "fewer than 3 users" in researcher.get("/study/rates").text


def test_a_researcher_sees_no_other_study(site: Site) -> None:
    client = browser(site, "lab")
    assert all("foreign-study" not in client.get(path).text for path in PAGES["lab"])
    assert "foreign-study" in browser(site, "root").get("/operator").text


@pytest.mark.parametrize(("login", "path"), [("moss", "/study"), ("lab", "/me"), ("root", "/me")])
def test_a_page_of_another_role_is_refused(site: Site, login: str, path: str) -> None:
    answer = browser(site, login).get(path)
    assert answer.status_code == 403
    assert "Not for this account" in answer.text


@pytest.mark.parametrize("query", ["days=31", "days=x", "days=<script>", "done=<script>alert(1)"])
def test_words_in_an_address_are_never_shown(site: Site, query: str) -> None:
    answer = browser(site, "moss").get(f"/me?{query}")
    assert answer.status_code in (200, 422)
    assert "<script>alert" not in answer.text
