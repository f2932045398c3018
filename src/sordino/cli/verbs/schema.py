"""`sordino schema`: the JSON Schemas of files that other programs read."""

from __future__ import annotations

import json as json_format
from importlib import resources
from typing import Any

import typer

from sordino.cli.options import JsonOption
from sordino.cli.output import write_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _schema() -> None:
    """Verbs below `sordino schema`, one per kind of file."""


@app.command("audit")
def audit(json: JsonOption = None) -> None:
    """Print the JSON Schema of run.json and of --json of `sordino audit`.

    Example:
      sordino schema audit --json audit.schema.json
    """
    schema = audit_schema()
    write_json("-", schema)
    if json not in (None, "-"):
        write_json(json, schema)


def audit_schema() -> dict[str, Any]:
    """The JSON Schema of the record of an audit (draft 2020-12).

    >>> audit_schema()["title"]
    'Record of an audit by sordino'
    """
    # `sordino.report` is read, not imported: it needs packages of the lab
    file = resources.files("sordino").joinpath("report", "audit.schema.json")
    content: dict[str, Any] = json_format.loads(file.read_text("utf-8"))
    return content
