"""All commands of `sordino`, and the examples in their help."""

from __future__ import annotations

from typing import Any

import typer

from sordino import cli


def commands() -> dict[str, Any]:
    """Every command by its words, such as `corpus check`."""
    table: dict[str, Any] = {}
    for verb in cli.VERBS:
        app = typer.Typer(add_completion=False)
        app.callback()(lambda: None)
        cli.register(app, verb)
        command = typer.main.get_group(app).commands[verb]
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            table[verb] = command
        else:
            table |= {f"{verb} {name}": subcommand for name, subcommand in subcommands.items()}
    return table


def examples(command: Any) -> list[str]:
    """The shell commands of the example in a help, with continued lines joined."""
    _, _, text = command.epilog.partition("Example:\n")
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
