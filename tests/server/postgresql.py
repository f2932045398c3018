"""A cluster of PostgreSQL on a unix socket in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

_FOLDERS: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_USER: Final = "postgres"


def _command(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([*map(str, _FOLDERS), os.environ["PATH"]]))


class Cluster:
    """A cluster that a test can stop, kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        initdb, control = _command("initdb"), _command("pg_ctl")
        if initdb is None or control is None:
            reason = "no PostgreSQL here: install Debian's package postgresql"
            if os.environ.get("CI") == "true":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        self._control = control
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, _USER)
        self._run(initdb, "-D", str(folder / "data"), "-A", "trust", "-U", _USER, "--no-sync")

    def _run(self, *command: str) -> None:
        user = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            subprocess.run([*user, *command], check=True, stdout=log, stderr=log, cwd="/")

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c unix_socket_permissions=0777"
        self._run(
            self._control, "-D", str(self.folder / "data"), "-o", options, "-w", "start",
            "-l", str(self.folder / "log"),
        )  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop; `immediate` is a crash."""
        self._run(self._control, "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={self.folder}"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that runs."""
    with tempfile.TemporaryDirectory(prefix="pg") as name:  # a socket's path is short
        Path(name).chmod(0o755)
        folder = Path(name) / "c"
        folder.mkdir()
        server = Cluster(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
