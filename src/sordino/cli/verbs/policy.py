"""`sordino policy`: what a policy file says, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import Json, write_json
from sordino.progress import printable

app = typer.Typer(no_args_is_help=True, help="Read a policy.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy as TOML.")]


@app.callback()
def _policy() -> None:
    """Each thing to do with a policy is a verb of its own."""


@app.command("check")
def check(file: File, json: Json = None) -> None:
    """Explain in words what a policy lets out and what it hides; status 2 where it asks for what
    cannot be.

    \b
    Example:
      sordino policy check policy.toml
    """
    from dataclasses import asdict

    from sordino.policy import explain, read

    policy = read(file)
    lines = explain(policy)
    if policy.release or policy.knobs:
        from sordino import release

        lines += release.explain(policy)
    if json:
        write_json(json, {"policy": asdict(policy), "hash": policy.hash, "in_words": lines})
    if json != "-":
        typer.echo("\n".join(map(printable, lines)))
