"""The command line: one verb a file, loaded when it is called."""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Final

import typer

import sordino
from sordino.cli import failures
from sordino.cli.processes import Listener, Terminated, end_children
from sordino.cli.streams import Streams, prepare
from sordino.errors import StorageError
from sordino.progress import printable, printable_warnings

__all__ = ["VERBS", "main"]

DIFFERS: Final = 1
CANNOT_RUN: Final = 2
INTERRUPTED: Final = 130

VERBS: Final = {
    "audit": "Ask what an attacker learns from a table of vectors.",
    "bench": "Measure the speed and size of a bundle.",
    "budget": "Show or reset the count of released vectors.",
    "bundle": "Look into a bundle, sign and verify it.",
    "carry": "Fit on one corpus, use on another.",
    "demo": "Run the main job on speech made on the spot.",
    "compare": "Compare every release on your recordings.",
    "corpus": "Check the recordings and labels of a corpus.",
    "extract": "Turn recordings into feature vectors.",
    "fit": "Fit a release for a policy and write a bundle for a device.",
    "personalise": "Measure what knowing the user brings.",
    "policy": "Explain a policy in words.",
    "release": "Turn recordings into released vectors.",
    "reproduce": "Run a paper's study on your recordings.",
    "words": "Train word vectors on transcripts.",
}
"""Every verb and its line in `sordino --help`. The verb lives in `sordino/cli/verbs/VERB.py` as a
function of its name, or, when it has verbs of its own, as a typer application named `app`.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `sordino` with these arguments (those of the process when `None`) and leave with its exit
    status.

    0 fine, 1 checked and differs, 2 cannot run, 130 interrupted, 143 terminated (128 and the
    signal's number). What goes wrong is one line on standard error; `--debug`, anywhere, puts the
    traceback before it. Where the reader of standard output leaves early, as `head` does, the verb
    goes on and its status stays.
    """
    if arguments is not None:
        sys.exit(_status(list(arguments)))
    streams, signals = prepare(), Listener()
    signals.start()
    try:
        status = _status(sys.argv[1:], streams)
        if lost := streams.failure():
            _say(lost[0])
            status = CANNOT_RUN if lost[1] else status
        signals.quiet = True
    except Terminated:
        signals.leave(_say)
    if signals.number:  # a worker that ended first may have raised an error of its own
        signals.leave(_say)
    if status not in (0, DIFFERS):
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (libraries miss their workers)
        end_children()
    sys.exit(status)


def _status(arguments: list[str], streams: Streams | None = None) -> int:
    """The exit status of these arguments; errors are said here."""
    debug = "--debug" in arguments
    arguments = [_at_home(argument) for argument in arguments if argument != "--debug"]
    try:
        _check_surroundings(arguments, streams)
        status = _run(arguments or ["--help"])
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        if debug:
            print(
                "\n".join(map(printable, "".join(traceback.format_exception(error)).splitlines())),
                file=sys.stderr,
            )
        _say(failures.line(error, debug))
        return CANNOT_RUN
    if status == INTERRUPTED:
        _say("interrupted: run the same command again to go on from what is finished")
    return status


def _check_surroundings(arguments: list[str], streams: Streams | None) -> None:
    """Raise `StorageError` where the process stands in no folder, or a stream that it needs is
    closed.
    """
    try:
        os.getcwd()  # noqa: PTH109 (libraries abort the process where this fails)
    except OSError as error:
        raise StorageError(
            "the working folder was removed: change to a folder that exists, then run it again"
        ) from error
    if os.environ.get("HOME") == "":
        del os.environ["HOME"]  # or the home would be taken to be the root folder
    if streams:
        streams.check(arguments)


def _at_home(argument: str) -> str:
    """An argument whose path starts with `~`, as the user's folder: not every shell replaces it
    behind `=`.

    >>> _at_home("--out=~/x") == f"--out={os.path.expanduser('~')}/x", _at_home("a~b")
    (True, 'a~b')
    """
    match = re.fullmatch(r"((?:--[\w-]+=)?(?:[\w.+-]+=)?)(~(?:/.*)?)", argument, re.DOTALL)
    return f"{match[1]}{os.path.expanduser(match[2])}" if match else argument  # noqa: PTH111


def _run(arguments: list[str]) -> int:
    """The exit status of one verb; errors pass through."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, help=sordino.__doc__)
    app.callback()(_global_options)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, line in VERBS.items():
        if name == called:
            _register(app, name)
        else:
            app.command(name, help=line)(lambda: None)
    with printable_warnings():
        result = typer.main.get_command(app).main(
            arguments, prog_name="sordino", standalone_mode=False
        )
    return result if isinstance(result, int) else 0


def _register(app: typer.Typer, name: str) -> None:
    """Load one verb: the others stay a line of help, so that `sordino --help` need not import what
    they need.
    """
    module = importlib.import_module(f"sordino.cli.verbs.{name}")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name, no_args_is_help=False)
    else:
        app.command(name)(getattr(module, name))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sordino {sordino.__version__}")
        raise typer.Exit


def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Stand in the help; `_version` and `main` act on them."""


def _say(line: str) -> None:
    typer.secho(printable(" ".join(line.split())), fg="red", err=True)
