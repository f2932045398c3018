"""The command line: one module per verb, imported when the verb is called."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Annotated, Final

import typer
from typer.models import CommandInfo

import sordino
from sordino import progress
from sordino.cli import failures
from sordino.cli.processes import Listener, Terminated, end_children
from sordino.cli.streams import Streams, open_streams
from sordino.errors import StorageError
from sordino.parallel import exclude_working_folder
from sordino.progress import printable, printable_warnings

__all__ = ["USERS", "VERBS", "main", "verb_module"]

CANNOT_RUN: Final = 2
INTERRUPTED: Final = 130

HELP: Final = """Share speech features for emotion recognition.

Hide gender, identity and sensitive emotions.

Every verb has its own help with an example: `sordino VERB --help`.
"""

VERBS: Final = {
    "demo": "Fit, attack and report on synthetic speech.",
    "corpus": "Check the recordings and labels of a corpus, or convert it.",
    "extract": "Extract feature vectors from recordings.",
    "words": "Train word vectors on transcripts.",
    "reproduce": "Reproduce the study of a paper on your recordings.",
    "compare": "Compare all releases on your recordings.",
    "study": "Study releases in noise, on another corpus, or adapted to a user.",
    "audit": "Test if an attacker infers a secret from a table of vectors.",
    "schema": "Print the JSON Schema of a result.",
    "policy": "Check and explain a policy file.",
    "fit": "Fit a release for a policy and write a bundle for a device.",
    "bundle": "Show, sign and verify a bundle.",
    "release": "Release vectors of recordings or of a stream.",
    "budget": "Show or reset the daily count of released vectors.",
    "gateway": "Run a bundle for devices of a user that cannot run it.",
    "bench": "Measure the speed and size of a bundle.",
    "serve": "Store released vectors of many users on a server.",
    "store": "Back up, restore and check the database of a server.",
}
"""Every verb and its line in `sordino --help`. `verb_module` imports it: a function
with its name, or a typer application `app` if it has verbs of its own.
"""

SERVERS: Final = ("gateway", "serve", "store")
"""The verbs in `sordino/cli/servers/`; all others are in `sordino/cli/verbs/`."""

USERS: Final = {
    "Researcher": ("demo", "corpus", "extract", "words", "reproduce", "compare", "study"),
    "Auditor": ("audit", "schema"),
    "Builder": ("policy", "fit", "bundle"),
    "Operator": ("release", "budget", "gateway", "bench", "serve", "store"),
}
"""The verbs by user, as `sordino --help` groups them."""

RESUMING: Final = ("demo", "extract", "reproduce", "compare", "study", "audit", "fit")
"""The verbs that store finished parts: units, audits or features. A repeated command reads them."""

SERVING: Final = ("serve", "gateway")
"""Verbs that run until they are interrupted."""

ANYWHERE: Final = ("--debug", "--quiet")
"""Options without a value that may stand anywhere in a command."""

RENAMED: Final = {"carry": "study cross-corpus", "personalise": "study personalisation"}
"""Verbs of earlier versions, and their names today."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `sordino` with these arguments (default: those of the process), then exit.

    Exit status: 0 success, 1 a check differs, 2 cannot run, 130 interrupted, 128 + n terminated by
    signal n. An error is one line on standard error; `--debug`, anywhere, prints the traceback
    before it, and `--quiet`, anywhere, omits progress. If the reader of standard output ends early,
    as `head` does, the verb continues and keeps its status.
    """
    if arguments is not None:
        sys.exit(_status(list(arguments)))
    streams, signals = open_streams(), Listener()
    signals.start()
    try:
        status = _status(sys.argv[1:], streams)
        if failure := streams.failure():
            line, failed = failure
            _print_error(line)
            status = CANNOT_RUN if failed else status
        signals.quiet = True
    except Terminated:
        signals.leave(_print_termination)
    if signals.number:  # a worker that ended first may have raised an error of its own
        signals.leave(_print_termination)
    if status not in (0, failures.DIFFERS):
        # Libraries complain on standard error that their workers are gone.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        end_children()
    sys.exit(status)


def _status(arguments: list[str], streams: Streams | None = None) -> int:
    """The exit status of these arguments; errors are printed here."""
    debug = "--debug" in arguments
    progress.NO_PROGRESS.set("--quiet" in arguments)
    arguments = [_expand_home(argument) for argument in arguments if argument not in ANYWHERE]
    try:
        _check_environment(arguments, streams)
        status = _run(arguments or ["--help"])
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        if debug:
            lines = "".join(traceback.format_exception(error)).splitlines()
            print("\n".join(map(printable, lines)), file=sys.stderr)
        _print_error(failures.line(error, debug))
        return CANNOT_RUN
    if status == INTERRUPTED:
        _print_ending("interrupted", arguments)
    return status


def _check_environment(arguments: list[str], streams: Streams | None) -> None:
    """Raise `StorageError` if the working folder is gone or a required stream is closed.

    Variables on which libraries would fail are corrected. No child process imports a file of the
    working folder.
    """
    try:
        os.getcwd()  # noqa: PTH109 (libraries abort the process if this fails)
    except OSError as error:
        raise StorageError(
            "the working folder was removed: change to a folder that exists, then run it again"
        ) from error
    exclude_working_folder()
    os.environ["MPLBACKEND"] = "agg"  # Jupyter passes its own to commands, which may be absent here
    if os.environ.get("HOME") == "":
        del os.environ["HOME"]  # an empty value would mean the root folder
    if streams:
        streams.check(arguments)


def _expand_home(argument: str) -> str:
    """Replace a leading `~` of a path, also after `=`, where not every shell replaces it.

    >>> _expand_home("--out=~/x") == f"--out={os.path.expanduser('~')}/x", _expand_home("a~b")
    (True, 'a~b')
    """
    match = re.fullmatch(r"((?:--[\w-]+=)?(?:[\w.+-]+=)?)(~(?:/.*)?)", argument, re.DOTALL)
    return f"{match[1]}{os.path.expanduser(match[2])}" if match else argument  # noqa: PTH111


def _run(arguments: list[str]) -> int:
    """The exit status of one verb; errors pass through."""
    app = typer.Typer(rich_markup_mode="rich", help=HELP)
    app.callback(epilog="Example:\n  sordino demo")(_global_options)
    verb = _verb_of(_command_line(arguments))
    if verb in RENAMED:
        raise typer.TyperException(f"`sordino {verb}` is now `sordino {RENAMED[verb]}`")
    for name, line in VERBS.items():
        if name == verb:
            register(app, name)
        else:
            app.command(name, help=line, rich_help_panel=_user_of(name))(lambda: None)
    with printable_warnings():
        result = typer.main.get_command(app).main(
            arguments, prog_name="sordino", standalone_mode=False
        )
    return result if isinstance(result, int) else 0


def _command_line(arguments: list[str]) -> list[str]:
    """The words after `sordino`: the arguments, or the words that a shell wants to complete."""
    if "_SORDINO_COMPLETE" not in os.environ:
        return arguments
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    return line.split()[1:]


def _verb_of(words: Sequence[str]) -> str | None:
    """The first word that is no option."""
    return next((word for word in words if not word.startswith("-")), None)


def _user_of(verb: str) -> str | None:
    return next((user for user, verbs in USERS.items() if verb in verbs), None)


def verb_module(name: str) -> ModuleType:
    """The module of one verb, `FOLDER/VERB.py`."""
    folder = "servers" if name in SERVERS else "verbs"
    return importlib.import_module(f"sordino.cli.{folder}.{name}")


def register(app: typer.Typer, name: str) -> None:
    """Import one verb. The others are a line of help, which needs no import."""
    module = verb_module(name)
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name, no_args_is_help=False)
        commands = module.app.registered_commands
    else:
        app.command(name)(getattr(module, name))
        commands = app.registered_commands[-1:]
    for command in commands:
        _set_help(command)
    for group in app.registered_groups:
        group.help, group.epilog = VERBS[name], commands[0].epilog


def _set_help(command: CommandInfo) -> None:
    """Take the help of a verb from its docstring; the example becomes the last part."""
    text, heading, example = inspect.cleandoc(command.callback.__doc__ or "").partition("Example:")
    command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    command.epilog = heading + example


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"sordino {sordino.__version__}")
        raise typer.Exit


def _global_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no progress.")] = False,
) -> None:
    """Appear in the help; `_print_version` and `main` implement them."""


def _print_error(line: str) -> None:
    typer.secho(printable(" ".join(line.split())), fg="red", err=True)


def _print_termination() -> None:
    """Print why this process ends on a signal."""
    _print_ending("terminated", sys.argv[1:])


def _print_ending(event: str, arguments: Sequence[str]) -> None:
    """Print that a command did not finish, and whether it resumes when it is repeated."""
    verb = _verb_of(arguments)
    if verb in SERVING:
        _print_error(f"{event}: stopped, and what was stored stays")
        return
    repeated = (
        "reuses the parts that it stored" if verb in RESUMING else "starts from the beginning"
    )
    _print_error(f"{event}: run the same command again, which {repeated}")
