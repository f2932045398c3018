"""An error as one line for the user."""

from __future__ import annotations

import difflib
import errno
from typing import Any, Final

import typer

from sordino.errors import SordinoError, install_step

__all__ = ["line"]

DIFFERS: Final = 1
"""The exit status of a check that differs."""

_SERVER: Final = (
    *("alembic", "argon2", "authlib", "cryptography", "fastapi", "httpx", "joserfc"),
    *("opentelemetry", "prometheus_client", "psycopg", "pydantic", "pyotp", "sqlalchemy"),
    *("starlette", "uvicorn", "webauthn"),
)
EXTRAS: Final = {"onnxruntime": "device", **dict.fromkeys(_SERVER, "server")}
"""The extra that installs a package; all others are in `lab`."""

LIKENESS: Final = 0.7
"""The least similarity of an option that a message suggests, 0 to 1. A misspelt option has 0.8 and
more; `--fit-on` and `--validation` have 0.6.
"""

NO_DEVICE_MEMORY: Final = (
    "the memory of the GPU is used up: use fewer processes (--jobs), or --device cpu"
)

NO_MEMORY: Final = (
    "out of memory: use --jobs 1, fewer recordings or rows, or a machine with more memory"
)
WORKER_KILLED: Final = (
    "a worker process was killed, most likely for memory: use --jobs 1, or a machine with more "
    "memory, and run the same command again, which reuses the parts that it stored"
)
NO_HOME: Final = (
    "no home folder is known for this user, expected one for the cache and the device's state: "
    "set HOME, or XDG_CACHE_HOME and XDG_STATE_HOME"
)


def line(error: Exception, debug: bool) -> str:
    """The error and the next step in one line; `debug` omits the hint to run with --debug."""
    if isinstance(error, SordinoError):
        return str(error)
    if (
        isinstance(error, ModuleNotFoundError)
        and (package := (error.name or "sordino").split(".")[0]) != "sordino"
    ):
        step = install_step(EXTRAS.get(package, "lab"))
        return f"{package} is not installed, expected it for this: {step}"
    if isinstance(error, typer.TyperException):
        _drop_far_suggestions(error)
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "sordino"
        return f"{error.format_message().rstrip('.')}: see `{command} --help`"
    if sentence := _machine_error(error):
        return sentence
    hint = (
        ""
        if debug
        else ": this should not happen, run it again with --debug and report what it prints"
    )
    return f"{type(error).__name__}: {error}{hint}"


def _drop_far_suggestions(error: Any) -> None:
    """Drop the options that an error suggests and that only share some letters with the typed
    one.
    """
    if getattr(error, "possibilities", None):
        error.possibilities = difflib.get_close_matches(
            error.option_name, error.possibilities, cutoff=LIKENESS
        )


def _machine_error(error: Exception) -> str:
    """The line for an error of the machine, not of the program; empty for any other error."""
    message = str(error)
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return NO_MEMORY
    if isinstance(error, RuntimeError) and "can't allocate memory" in message:  # PyTorch
        return NO_MEMORY
    if isinstance(error, RuntimeError) and "CUDA out of memory" in message:  # PyTorch
        return NO_DEVICE_MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in message:
        return "the system allows no further thread: use --jobs 1, or raise the limit (ulimit -u)"
    if type(error).__name__ == "TerminatedWorkerError":  # joblib's, which is not imported here
        return WORKER_KILLED
    if isinstance(error, RuntimeError) and message.startswith("Could not determine home directory"):
        return NO_HOME
    return ""
