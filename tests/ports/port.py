"""The package in ports/js, compiled, and what its scripts answer."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

PORT: Final = Path(__file__).parents[2] / "ports" / "js"
TIMEOUT_SECONDS: Final = 120


@cache
def reason() -> str:
    """Why the package cannot run here; empty where it can."""
    if shutil.which("node") is None or int(run("node", "--version").stdout[1:3]) < 20:
        return "no Node 20 or newer: the JavaScript port is not tested"
    if not (PORT / "node_modules" / ".package-lock.json").is_file():
        return "ports/js has no packages: run scripts/install-ports"
    return ""


def run(*command: str | Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The end of a command in the folder of the package; a failure shows its output.

    - `home`: the home folder of the command; None for that of the tests.
    """
    environment = {name: value for name, value in os.environ.items() if name[:4] != "XDG_"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=PORT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=environment | {"HOME": str(home)} if home else None,
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr)
    return done


@cache
def compiled() -> Path:
    """The compiled package; a test is skipped where it cannot be compiled."""
    if reason():
        pytest.skip(reason())
    _build("node_modules/typescript/bin/tsc", "-p", "tsconfig.json")
    return PORT / "dist"


@cache
def page() -> Path:
    """The folder of the built page, after its types were checked."""
    compiled()
    _build("node_modules/typescript/bin/tsc", "-p", "page/tsconfig.json")
    _build("page/build.mjs")
    return PORT / "dist" / "page"


def _build(*command: str) -> None:
    """Run a step of the build; two processes of tests do not build at once."""
    lock = PORT / "node_modules" / ".build.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        run("node", *command)


def answers(script: str, *arguments: str | Path, home: Path | None = None) -> list[dict[str, Any]]:
    """The lines of JSON that a script of ports/js/test prints."""
    compiled()
    lines = run("node", f"test/{script}", *arguments, home=home).stdout.splitlines()
    return [json.loads(line) for line in lines]


def bundles(
    paths: Sequence[Path], key: int = 7, sounds: Sequence[Path] = (), home: Path | None = None
) -> list[dict[str, Any]]:
    """The digest and the vectors of each policy of bundles, or the error of a bundle."""
    digits = key.to_bytes(16, "little").hex()
    return answers("bundles.mjs", digits, *sounds, "--", *paths, home=home)
