"""`sordino schema`: the JSON Schemas of files that other programs read."""

from __future__ import annotations

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
    from sordino.report import audit_record

    schema = audit_record.audit_schema()
    write_json("-", schema)
    if json not in (None, "-"):
        write_json(json, schema)
