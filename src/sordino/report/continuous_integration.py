"""Verdicts of an audit for the CI of another project: SARIF 2.1.0 and JUnit XML."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import sordino
from sordino import storage
from sordino.errors import StorageError
from sordino.progress import printable
from sordino.storage import Location, Remote

_KINDS: Final = {"leak": "fail", "cannot tell": "open", "no leak found": "pass"}
"""Kinds of SARIF 2.1.0 (section 3.27.9)."""


def check_path(path: Location) -> None:
    """Raise `StorageError` for a name that ends in neither `.sarif` nor `.xml`."""
    if path.suffix.lower() not in _WRITERS:
        raise StorageError(f"{path}: expected {' or '.join(_WRITERS)}: rename it")


def write(record: Mapping[str, Any], table: str, path: Location) -> None:
    """Write the verdicts of a record to `path`; `table` is the path of the audited vectors.

    Raises `StorageError` as `check_path`, and for a file that cannot be written.
    """
    check_path(path)
    storage.write(path, _WRITERS[path.suffix.lower()](record, table))


def sarif(record: Mapping[str, Any], table: str) -> str:
    """One result for each secret, at the table: a leak is an error.

    A result that is no failure has the level `none`, as SARIF requires.
    """
    rules = [
        {
            "id": f"sordino/{name}",
            "shortDescription": {"text": _message(f"A retrained attacker must not infer {name}.")},
            "defaultConfiguration": {"level": "error"},
        }
        for name in record["verdict"]
    ]
    results = [
        {
            "ruleId": f"sordino/{name}",
            "kind": _KINDS[verdict["verdict"]],
            "level": "error" if verdict["verdict"] == "leak" else "none",
            "message": {"text": _message(verdict_sentence(record, name))},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(table)}}}],
        }
        for name, verdict in record["verdict"].items()
    ]
    driver = {"name": "sordino audit", "version": sordino.__version__, "rules": rules}
    content = {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _message(text: str) -> str:
    """Text without links: a bracket would begin one (SARIF 2.1.0, section 3.11.6)."""
    return re.sub(r"([\\\[\]])", r"\\\1", printable(text))


def _uri(table: str) -> str:
    """The path of the table as a relative or absolute URI."""
    url = storage.location(table)
    if isinstance(url, Remote):
        address = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", url.address)
        return f"{url.scheme}://{quote(address, safe='/@:%')}"
    return quote(table.replace("\\", "/"))


def junit(record: Mapping[str, Any], table: str) -> str:
    """One test case for each secret: a leak fails, an audit without an answer is skipped."""
    answers = [verdict["verdict"] for verdict in record["verdict"].values()]
    suite = ET.Element(
        "testsuite",
        name=f"sordino audit {printable(table)}",
        tests=str(len(answers)),
        failures=str(answers.count("leak")),
        errors="0",
        skipped=str(answers.count("cannot tell")),
        **({"timestamp": record["date"].removesuffix("Z")} if record["date"] else {}),
    )
    for name, verdict in record["verdict"].items():
        text = printable(verdict_sentence(record, name))
        case = ET.SubElement(suite, "testcase", classname="sordino.audit", name=printable(name))
        if verdict["verdict"] == "leak":
            ET.SubElement(case, "failure", message=text, type="leak").text = text
        elif verdict["verdict"] == "cannot tell":
            ET.SubElement(case, "skipped", message=text)
        else:
            ET.SubElement(case, "system-out").text = text
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def verdict_sentence(record: Mapping[str, Any], name: str) -> str:
    """The verdict on a secret with its figures."""
    verdict, figure = record["verdict"][name], record["estimates"][name]
    interval = f" [{figure['low']:.2f}, {figure['high']:.2f}]" if figure["low"] is not None else ""
    reason = f" Reason: {verdict['why']}." if verdict["why"] else ""
    # the interval does not correct for the choice of the best attacker; the test does
    size = f": {figure['grade']}" if verdict["verdict"] == "leak" else ""
    return (
        f"{name}: {verdict['verdict']}, p {verdict['p']:.3g}. A retrained attacker with one "
        f"utterance reaches {figure['metric'].upper()} {figure['value']:.2f}{interval} (chance "
        f"{figure['chance']:.2f}){size}.{reason}"
    )


_WRITERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], str]]] = {
    ".sarif": sarif,
    ".xml": junit,
}
