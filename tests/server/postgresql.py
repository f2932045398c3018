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

import psycopg
import pytest

_FOLDERS: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_USER: Final = "postgres"
_OPTIONS: Final = "-c listen_addresses='' -c unix_socket_permissions=0777"
_FAST: Final = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"


def find_command(name: str) -> str | None:
    """The path of a program of PostgreSQL; None where it is not installed."""
    return shutil.which(name, path=os.pathsep.join([*map(str, _FOLDERS), os.environ["PATH"]]))


class Cluster:
    """A cluster that a test can stop, kill and start again."""

    def __init__(self, folder: Path, durable: bool) -> None:
        self.folder, self.durable = folder, durable
        initdb, control = find_command("initdb"), find_command("pg_ctl")
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
        options = f"-k {self.folder} {_OPTIONS} " + ("" if self.durable else _FAST)
        self._run(
            self._control, "-D", str(self.folder / "data"), "-o", options, "-w", "start",
            "-l", str(self.folder / "log"),
        )  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop; `immediate` is a crash."""
        self._run(self._control, "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def runs(self) -> bool:
        """Whether it accepts connections."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def create(self, database: str, template: str = "template0") -> str:
        """The URL of a new database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}".encode())
        return self.url(database)

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={self.folder}"


@contextmanager
def cluster(*, durable: bool = False, place: Path | None = None) -> Iterator[Cluster]:
    """A cluster that runs; a durable one keeps what it acknowledged when it is killed.

    - `place`: the folder of its files, of a short path.
    """
    memory = Path("/dev/shm")
    fast = not durable and memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    # the path of a socket is short
    with tempfile.TemporaryDirectory(prefix="pg", dir=memory if fast else place) as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "c"
        folder.mkdir()
        server = Cluster(folder, durable)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
