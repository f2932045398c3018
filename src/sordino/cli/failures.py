"""An error in one line, for a reader who did not write this program."""

from __future__ import annotations

import errno
from typing import Final

import typer

from sordino.errors import SordinoError

__all__ = ["line"]

EXTRAS: Final = {"onnxruntime": "device"}
"""The extra that brings a package, where it is another than `lab`."""

NO_MEMORY: Final = (
    "out of memory: use --jobs 1, fewer recordings or rows, or a machine with more memory"
)
WORKER_KILLED: Final = (
    "a worker process was killed, most likely for memory: use --jobs 1, or a machine with more "
    "memory, "
    "and run the same command again to go on from what is finished"
)
NO_HOME: Final = (
    "no home folder is known for this user, expected one for the cache and the device's state: "
    "set HOME, or XDG_CACHE_HOME and XDG_STATE_HOME"
)


def line(error: Exception, debug: bool) -> str:
    """What went wrong and what to do next. `debug` leaves out the hint to run again with --debug."""
    if isinstance(error, SordinoError):
        return str(error)
    if (
        isinstance(error, ModuleNotFoundError)
        and (package := (error.name or "sordino").split(".")[0]) != "sordino"
    ):
        return f"{package} is not installed, expected it for this: pip install sordino[{EXTRAS.get(package, 'lab')}]"
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "sordino"
        return f"{error.format_message().rstrip('.')}: see `{command} --help`"
    if sentence := _of_the_machine(error):
        return sentence
    hint = (
        ""
        if debug
        else ": this should not happen, run it again with --debug and report what it prints"
    )
    return f"{type(error).__name__}: {error}{hint}"


def _of_the_machine(error: Exception) -> str:
    """The sentence for an error of the machine rather than of the program; empty for any other."""
    message = str(error)
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return NO_MEMORY
    if isinstance(error, RuntimeError) and "can't allocate memory" in message:  # PyTorch
        return NO_MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in message:
        return "the system allows no further thread: use --jobs 1, or raise the limit (ulimit -u)"
    if type(error).__name__ == "TerminatedWorkerError":  # joblib's, which is not imported here
        return WORKER_KILLED
    if isinstance(error, RuntimeError) and message.startswith("Could not determine home directory"):
        return NO_HOME
    return ""
