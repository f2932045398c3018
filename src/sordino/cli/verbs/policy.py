"""`sordino policy`: the meaning of a policy file in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import JsonOption
from sordino.cli.output import write_json
from sordino.progress import printable

app = typer.Typer(no_args_is_help=True)

PolicyFileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A policy as TOML.")]


@app.callback()
def _policy() -> None:
    """Verbs below `sordino policy`, one per action."""


@app.command("check")
def check(file: PolicyFileArgument, json: JsonOption = None) -> None:
    """Explain which attributes a policy releases and which it hides.

    Status 2 if the policy is not valid.

    Example:
      sordino policy check policy.toml
    """
    from dataclasses import asdict

    from sordino.policy import explain, read

    policy = read(file)
    lines = explain(policy)
    if policy.release or policy.knobs:
        from sordino import release

        lines += release.explain_release(policy)
    elif policy.budget.auc is None and {*policy.hide} - {"gender", "speaker"}:
        from sordino import release

        lines += release.explain_hiding(policy, "drawn")  # which `fit` takes
    if json:
        write_json(json, {"policy": asdict(policy), "hash": policy.hash, "in_words": lines})
    if json != "-":
        typer.echo("\n".join(map(printable, lines)))
