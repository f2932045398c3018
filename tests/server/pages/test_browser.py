"""Pages in Chromium: rights of a user, accessibility, no JavaScript, print, no foreign request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from sordino.server.database.tables import Purpose
from sordino.server.groups.statistics import compute_statistics
from tests.chromium import RULES, chromium
from tests.server.conftest import set_consent
from tests.server.pages.site import DAYS, PASSWORD, RELEASES_A_DAY, STEP, Site, running_site

pytestmark = pytest.mark.slow

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
PAGES = {
    "": ["/sign-in", "/absent"],
    "moss": [
        "/me",
        "/me?days=90",
        "/me?days=365",
        "/me/data",
        "/me/delete",
        "/account",
        "/operator",
    ],
    "lab": ["/study", "/study/participants/p-moss", "/study/add", "/study/rates", "/study/groups"],
    "root": ["/operator"],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as running:
        running.account("root", "operator")
        running.account("lab", "researcher")
        running.user("moss")
        for number in range(12):  # a closed week, for groups
            _, token = running.participant(f"p-{number}")
            running.release(token, [DAYS - 20, DAYS - 3])
        compute_statistics(running.store, running.scene.study.id)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Opens a page of a new browser profile; checks requests, errors and messages at the end."""
    contexts: list[BrowserContext] = []
    requests: list[str] = []
    faults: list[str] = []

    def opened(login: str = "", **options: Any) -> Page:
        context = browser.new_context(base_url=site.address, **options)
        contexts.append(context)
        context.on("request", lambda request: requests.append(request.url))
        context.on("console", lambda message: faults.append(message.text))
        context.on("weberror", lambda error: faults.append(str(error.error)))
        page = context.new_page()
        if login:
            sign_in(page, login)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert requests
    assert [url for url in requests if not url.startswith((site.address + "/", "blob:"))] == []
    assert [text for text in faults if "status of 4" not in text] == []


def sign_in(page: Page, login: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Name of your account").fill(login)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def no_overflow(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def violations(page: Page, kind: str, values: list[str]) -> list[str]:
    report = Axe().run(page, options={"runOnly": {"type": kind, "values": values}}).response
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in report["violations"]
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_user_sees_a_trend_pauses_exports_and_deletes(
    open_page: Open, site: Site, size: dict[str, int], tmp_path: Path
) -> None:
    login = f"user-{size['width']}"
    site.user(login)
    page = open_page(login, viewport=size)
    assert page.get_by_role("img", name="Share of sad speech").is_visible()
    page.get_by_role("link", name="90 days").click()
    page.wait_for_url("**/me?days=90")
    page.get_by_text("The share changed on").first.wait_for()
    page.get_by_text("The numbers as a table").click()
    assert page.get_by_role("table").is_visible()

    page.get_by_role("link", name="My data").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused.").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("Resumed. This server").wait_for()
    page.get_by_role("button", name="Revoke watch").click()
    page.get_by_role("cell", name="revoked").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as JSON").click()
    download.value.save_as(tmp_path / "export.json")
    assert (
        len(json.loads((tmp_path / "export.json").read_text())["tables"]["release"])
        == DAYS // STEP * RELEASES_A_DAY
    )

    page.get_by_role("link", name="Delete everything").first.click()
    page.get_by_label("Type DELETE").fill("no")
    page.get_by_role("button", name="Delete everything").click()
    page.get_by_text("Type the word DELETE.").wait_for()
    page.get_by_label("Type DELETE").fill("DELETE")
    page.get_by_role("button", name="Delete everything").click()
    page.get_by_role("heading", name="Everything is deleted").wait_for()
    assert '"key": "destroyed"' in page.locator("pre").inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    download.value.save_as(tmp_path / "receipt.json")
    assert json.loads((tmp_path / "receipt.json").read_text())["key"] == "destroyed"
    page.goto("/me")
    assert "/sign-in" in page.url


@pytest.mark.parametrize(
    ("kind", "rules", "options"),
    [
        ("tag", RULES, {"viewport": DESKTOP}),
        ("rule", ["color-contrast", "target-size"], {"viewport": PHONE, "color_scheme": "dark"}),
    ],
    ids=["desktop", "phone"],
)
def test_every_page_is_accessible_and_fits_the_screen(
    open_page: Open, kind: str, rules: list[str], options: dict[str, Any]
) -> None:
    for login, paths in PAGES.items():
        page = open_page(login, **options)
        for path in paths:
            page.goto(path)
            for details in page.locator("summary").all():
                details.click()
            assert violations(page, kind, rules) == [], path
            assert no_overflow(page), path


def test_a_researcher_sees_groups_rates_and_shared_trends_only(open_page: Open, site: Site) -> None:
    page = open_page("lab")
    assert page.get_by_role("row", name="p-moss").get_by_role("link").is_visible()
    with site.store.transaction() as session:
        for policy in site.scene.policies.values():
            set_consent(
                site.store,
                session,
                site.scene.participant.id,
                policy.digest,
                Purpose.RESEARCH,
                given=False,
            )
    page.reload()
    assert page.get_by_role("row", name="p1").get_by_text("not shared").is_visible()
    answer = page.goto("/study/participants/p1")
    assert answer is not None
    assert answer.status == 404
    page.goto("/study/participants/p-moss")
    assert page.get_by_role("img", name="Share of sad speech").is_visible()
    page.goto("/study/rates")
    assert page.get_by_role("row", name="drawn").get_by_text("as expected").is_visible()
    page.goto("/study/groups")
    assert page.get_by_role("row", name="2026").first.is_visible()


def test_a_person_is_invited_makes_an_account_and_agrees(open_page: Open) -> None:
    page = open_page("lab")
    page.get_by_role("link", name="Add a participant").click()
    page.get_by_label("Pseudonym").fill("p moss")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("A pseudonym has 1 to 64").wait_for()
    page.get_by_label("Pseudonym").fill("p-fern")
    page.get_by_role("button", name="Add").click()
    address = page.locator("code.secret").first.inner_text()
    person = open_page()
    person.goto(address)
    person.get_by_label("Name of your account").fill("fern")
    for label in ("Password", "The same password again"):
        person.get_by_label(label, exact=True).fill(PASSWORD)
    person.get_by_role("button", name="Make my account").click()
    person.get_by_role("link", name="My data").click()
    assert person.get_by_text("You did not decide yet.").count() == 9
    person.get_by_role("button", name="Agree to: Store what my devices release").first.click()
    person.get_by_text("Your decision counts from now on.").wait_for()
    assert person.get_by_text("You did not decide yet.").count() == 8


def test_pages_and_forms_work_without_javascript(open_page: Open) -> None:
    page = open_page("moss", java_script_enabled=False)
    page.get_by_role("link", name="A year").click()
    assert page.get_by_role("img", name="Share of sad speech").is_visible()
    page.get_by_role("link", name="My data").click()
    page.get_by_role("button", name="Withdraw to: I count in statistics").first.click()
    page.get_by_text("Your decision counts from now on.").wait_for()
    page.get_by_role("button", name="Agree to: I count in statistics").first.click()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("button", name="Sign in with a passkey").is_hidden()


def test_print_leaves_out_what_paper_cannot_do(open_page: Open) -> None:
    page = open_page("moss")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.get_by_role("img", name="Share of sad speech").is_visible()
    assert page.get_by_role("link", name="My data").is_hidden()
    assert page.get_by_role("button", name="Sign out").is_hidden()
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    assert page.get_by_role("table").is_visible()


def test_the_keyboard_reaches_the_content_and_the_table(open_page: Open) -> None:
    page = open_page("moss")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.locator(":focus").evaluate("element => element.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("role") == "region"


def test_no_passkey_is_offered_at_an_address_in_numbers(browser: Browser, site: Site) -> None:
    for host, is_number in (("127.0.0.1", True), ("localhost", False)):
        context = browser.new_context(base_url=site.address.replace("localhost", host))
        page = context.new_page()
        page.goto("/sign-in")
        passkey = page.get_by_role("button", name="Sign in with a passkey")
        assert passkey.is_hidden() == is_number
        sign_in(page, "moss")
        page.goto("/account")
        assert page.get_by_text("Passkeys need a host name").is_visible() == is_number
        context.close()


def test_a_passkey_is_added_and_opens_the_account(open_page: Open) -> None:
    page = open_page("moss")
    protocol = page.context.new_cdp_session(page)
    protocol.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    protocol.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    page.goto("/account")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("Passkey 1", exact=True).wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/me")
