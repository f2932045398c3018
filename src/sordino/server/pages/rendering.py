"""HTML from templates. Every value is escaped; no template marks a value as safe."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sordino import __version__

FOLDER: Final = Path(__file__).parent
_FIXED: Final = "\u00a0"
"""A space that breaks no line."""

STATIC: Final = FOLDER / "static"


@dataclass(frozen=True)
class Viewer:
    """The reader of a page. `role` is user, researcher or operator."""

    name: str
    role: str


def page(
    request: Request,
    template: str,
    *,
    viewer: Viewer | None = None,
    csrf: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page as a response.

    `template` is a file of `templates/`. `csrf` is the token of the session, which every form of
    the page sends as field `csrf` and every script as header `X-CSRF-Token`. `values` are those
    that the first comment of the template lists; a missing value raises `UndefinedError`.
    """
    text = (
        _environment()
        .get_template(template)
        .render(viewer=viewer, csrf=csrf, path=request.url.path, **values)
    )
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=asset, span=span, version=__version__)
    environment.filters.update(
        day=day, moment=moment, percent=percent, thousands=thousands, plural=plural
    )
    return environment


@cache
def asset(name: str) -> str:
    """The address of a static file. It changes with the content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


def day(value: datetime.date | None) -> str:
    """A date as 28 November 2026."""
    return f"{value.day} {value:%B %Y}" if value else "never"


def span(first: datetime.date, last: datetime.date) -> str:
    """A time of days, without what both ends share.

    >>> span(datetime.date(2026, 9, 28), datetime.date(2026, 10, 4))
    '28 September to 4 October 2026'
    """
    if first == last:
        return day(first)
    start = f"{first.day}"
    if first.month != last.month or first.year != last.year:
        start += f" {first:%B}"
    if first.year != last.year:
        start += f" {first.year}"
    return f"{start} to {day(last)}"


def moment(value: int | None) -> str:
    """Seconds since 1970 as 28 November 2026, 14:05 UTC."""
    if value is None:
        return "never"
    time = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return f"{day(time.date())}, {time:%H:%M} UTC"


def percent(value: float | None) -> str:
    """A share of 0 to 1 as a percentage; a share that is not known as a dash."""
    return "–" if value is None else f"{100 * value:.0f}{_FIXED}%"


def thousands(value: float) -> str:
    """A count with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def plural(count: int, singular: str, several: str = "") -> str:
    """A count with its noun: 1 device, 2 devices."""
    return f"{thousands(count)} {singular if count == 1 else several or singular + 's'}"
