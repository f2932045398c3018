"""The page in Chromium: test vectors, vectors of a recording, no request, no network, and its use
without a mouse.
"""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from sordino.device import read
from sordino.signal import audio
from tests.chromium import RULES, chromium
from tests.device.synthetic_bundles import bundled, talking
from tests.device.synthetic_sound_bundle import SECONDS, bundle_path, speech
from tests.ports import port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(port.reason()), reason=port.reason() or "it runs"),
]

MICROPHONE = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
READY = "The bundle is ready: its test vectors were reproduced here."


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audio.write(tmp_path_factory.mktemp("sound") / "speech.wav", speech())


@pytest.fixture(scope="module")
def browser(recording: Path) -> Iterator[Browser]:
    with chromium(*MICROPHONE, f"--use-file-for-fake-audio-capture={recording}") as browser:
        yield browser


class Site:
    """A server of the built page, and the paths that were asked of it."""

    def __init__(self) -> None:
        self.paths = list[str]()
        asked = self.paths

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                asked.append(self.path)

        handler = functools.partial(Handler, directory=str(port.page()))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    running = Site()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture(scope="module")
def page(browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(permissions=["microphone"])
    opened = context.new_page()
    opened.set_default_timeout(40_000)
    load(opened, site.url)
    yield opened
    context.close()


def load(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_text("It sends nothing from now on.").wait_for()


def choose(page: Page, bundle: Path) -> str:
    """Choose a bundle; the status of the page after it."""
    page.get_by_label("Bundle file").set_input_files([])
    page.get_by_label("Bundle file").set_input_files(bundle)
    page.locator("#status:not(:has-text('is checked')):not(:has-text('are computed'))").wait_for()
    return page.locator("#status").inner_text()


def drop(page: Page, recording: Path) -> None:
    """Drop a file on the page."""
    files = page.evaluate_handle(
        """([content, name]) => {
            const files = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            files.items.add(new File([bytes], name));
            return files;
        }""",
        [base64.b64encode(recording.read_bytes()).decode(), recording.name],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": files})


def test_chromium_reproduces_the_test_vectors(page: Page, tmp_path: Path) -> None:
    assert choose(page, bundle_path()) == READY
    assert choose(page, talking()) == READY
    for name in ("drawn", "leace", "noise-gauss"):
        assert choose(page, bundled(name)).startswith("The test vectors were reproduced")
    changed = bytearray(bundle_path().read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / "changed.sordino").write_bytes(changed)
    assert "that was changed" in choose(page, tmp_path / "changed.sordino")
    assert page.get_by_role("button", name="Speak").is_disabled()


def test_a_recording_gives_vectors_and_no_request(page: Page, site: Site, recording: Path) -> None:
    requests, asked = list[str](), len(site.paths)
    page.context.on("request", lambda request: requests.append(request.url))
    assert choose(page, bundle_path()) == READY
    page.locator("#recording").set_input_files(recording)
    expected = f"{len(SECONDS)} of {len(SECONDS)} utterances would be sent"
    page.get_by_text(expected).wait_for()
    vectors = read(bundle_path()).arrays("release-0.npz")["prototypes"]
    rows = page.locator("#results li").all_inner_texts()
    assert len(rows) == len(SECONDS)
    assert all(f"of the {len(vectors)} in the bundle" in row for row in rows)
    assert (requests, site.paths[asked:]) == ([], [])
    assert page.evaluate("fetch('page.css').then(() => 'sent', () => 'refused')") == "refused"
    assert page.evaluate("import('./page.css').then(() => 'sent', () => 'refused')") == "refused"
    assert site.paths[asked:] == []


def test_speech_gives_vectors(page: Page) -> None:
    assert choose(page, bundle_path()) == READY
    page.get_by_role("button", name="Speak").click()
    page.get_by_text("would be sent", exact=False).and_(page.locator("#summary")).wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator("#speak[aria-pressed=false]").wait_for()
    assert page.locator("#results li").count() >= 1


def test_a_policy_with_a_limit_withholds(page: Page, recording: Path) -> None:
    page.get_by_role("button", name="Remove key and count").click()
    assert choose(page, bundle_path(per_day=2)) == READY
    drop(page, recording)
    page.get_by_text(f"2 of {len(SECONDS)} utterances would be sent").wait_for()
    assert "more tomorrow" in page.locator("#summary").inner_text()


def test_the_page_works_without_a_network(page: Page, site: Site, recording: Path) -> None:
    page.context.set_offline(True)
    asked = len(site.paths)
    try:
        load(page, site.url)
        assert choose(page, bundle_path()) == READY
        page.locator("#recording").set_input_files(recording)
        page.get_by_text("utterances would be sent").wait_for()
    finally:
        page.context.set_offline(False)
    assert site.paths[asked:] == []


def test_the_page_is_accessible(page: Page, recording: Path) -> None:
    assert choose(page, bundle_path()) == READY
    page.locator("#recording").set_input_files(recording)
    page.locator("#results li").nth(len(SECONDS) - 1).wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        assert [problem["id"] for problem in found.response["violations"]] == []
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
