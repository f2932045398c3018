"""The reference of the command line: the help of every verb, as `sordino VERB --help` prints it."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout, suppress
from pathlib import Path

import typer
from sphinx.application import Sphinx

from sordino import cli

COLUMNS = 96


def helps() -> dict[str, str]:
    """The help of every verb and of every verb below it."""
    return {" ".join(words): _help(words) for words in _verbs()}


def _verbs() -> list[list[str]]:
    verbs = []
    for verb in sorted(cli.VERBS):
        verbs.append([verb])
        module = cli.verb_module(verb)
        if hasattr(module, "app"):
            verbs += [[verb, below] for below in typer.main.get_group(module.app).commands]
    return verbs


def _help(words: list[str]) -> str:
    output = io.StringIO()
    with redirect_stdout(output), suppress(SystemExit):
        cli.main([*words, "--help"])
    return output.getvalue().replace(str(Path.home()), "~").strip()


def write_page(app: Sphinx) -> None:
    """Write `reference/commands.md`."""
    os.environ |= {"COLUMNS": str(COLUMNS), "TERM": "dumb", "NO_COLOR": "1"}
    lines = ["# Commands", "", "Every verb of `sordino`, with its options.", ""]
    for verb, text in helps().items():
        lines += [f"## `sordino {verb}`", "", "```text", text, "```", ""]
    (Path(app.srcdir) / "reference" / "commands.md").write_text("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True}
