"""`sordino schema`: the JSON Schemas of files that other programs read."""

from __future__ import annotations

from typing import Annotated

import typer

from sordino.cli.output import write_json

app = typer.Typer(no_args_is_help=True)

SchemaOption = Annotated[
    str, typer.Option("--json", metavar="FILE", help="Where to write the schema; `-`: here.")
]


@app.callback()
def _schema() -> None:
    """Verbs below `sordino schema`, one per kind of file."""


@app.command("audit")
def audit(json: SchemaOption = "-") -> None:
    """Print the JSON Schema of run.json and of --json of `sordino audit`.

    Example:
      sordino schema audit --json audit.schema.json
    """
    from sordino.report import audit_record

    write_json(json, audit_record.audit_schema())
