"""Pages: escaping, headers, errors, files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient

from sordino.server.app import create_app
from sordino.server.errors import Problem
from sordino.server.pages.error_pages import WORDS
from sordino.server.pages.rendering import STATIC, Viewer, asset, page
from sordino.server.pages.security_headers import HEADERS
from sordino.server.settings import ServerSettings

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"
SIGN_IN: dict[str, dict[str, Any]] = {
    "sign_in.html": {"login": MARKUP, "next": MARKUP, "error": MARKUP, "provider": MARKUP},
    "sign_in_code.html": {"next": MARKUP, "error": MARKUP},
    "invitation.html": {
        "token": MARKUP,
        "study": MARKUP,
        "role": "user",
        "login": MARKUP,
        "named": False,
        "error": MARKUP,
        "provider": MARKUP,
    },
    "to_provider.html": {"address": MARKUP, "provider": MARKUP},
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application, with routes that show a template or raise an error."""
    app = create_app(
        ServerSettings(tmp_path_factory.mktemp("store"), address="https://sordino.test")
    )

    @app.get("/shown/{template}")
    def shown(template: str, request: Request) -> HTMLResponse:
        viewer = Viewer(MARKUP, "user")
        return page(request, template, viewer=viewer, csrf=MARKUP, **SIGN_IN[template])

    @app.post("/error/{status}")
    def error(status: int) -> None:
        raise Problem("some", status, MARKUP, headers={"Retry-After": "7"} if status == 429 else {})

    yield TestClient(app, headers={"Accept": "text/html"}, follow_redirects=False)
    app.state.store.close()


@pytest.mark.parametrize("template", SIGN_IN)
def test_markup_in_a_value_stays_text(pages: TestClient, template: str) -> None:
    text = pages.get(f"/shown/{template}").text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "{{ 7 * 7 }}" in text


@pytest.mark.parametrize("path", ["/shown/sign_in.html", "/static/page.css", "/x", "/v1/x", "/me"])
def test_every_answer_has_the_security_headers(pages: TestClient, path: str) -> None:
    headers = pages.get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize("status", WORDS)
def test_an_error_page_has_its_status_and_words(pages: TestClient, status: int) -> None:
    answer = pages.post(f"/error/{status}")
    assert answer.status_code == status
    assert WORDS[status][0] in answer.text
    assert "alert" not in answer.text
    assert ("7 seconds" in answer.text) == (status == 429)


def test_a_program_gets_problems_as_json(pages: TestClient) -> None:
    for path, accept in (("/v1/x", "text/html"), ("/x", "application/json"), ("/x", "*/*")):
        answer = pages.get(path, headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_page_without_a_session_leads_to_sign_in(pages: TestClient) -> None:
    answer = pages.get("/me/data?done=x")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=%2Fme%2Fdata")
    assert pages.post("/me/pause").status_code == 401


def test_static_files_are_those_of_the_folder_only(pages: TestClient) -> None:
    answer = pages.get(asset("htmx.min.js"))
    assert answer.content == (STATIC / "htmx.min.js").read_bytes()
    assert "immutable" in answer.headers["Cache-Control"]
    assert pages.get("/static/..%2Frendering.py").status_code == 404
    assert pages.get("/static/rendering.py").status_code == 404


@pytest.mark.parametrize(
    "path", sorted((STATIC.parent / "templates").iterdir()), ids=lambda p: p.name
)
def test_templates_hold_no_inline_script_or_style(path: Path) -> None:
    inline = re.compile(r"\sstyle=|<style|<script>|\son\w+=|\|\s*safe|javascript:|https?://", re.I)
    assert inline.findall(path.read_text()) == []
