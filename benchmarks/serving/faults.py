"""Whether the central store loses or doubles a release when something fails, over many faults.

Devices with real queues send without pause. A fault is followed by the next one only after each
device stored a further batch. At the end all queues are sent, and every release is compared with
the database: its number, its prototype, and the counts of its day.

    server        SIGKILL of `sordino serve`
    postgresql    SIGKILL or an immediate stop of the cluster
    network       connections cut before, within and after a request
    disk          a file system of 16 MB (SQLite) or 160 MB (PostgreSQL) that is full; needs root

    python benchmarks/serving/faults.py --database postgresql --fault postgresql --times 20 --json -
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' rig and cluster

from tests.server.faults import rig as faults
from tests.server.postgresql import cluster, find_command

from sordino.server.settings import ServerSettings

FAULTS: Final = ("server", "postgresql", "network", "disk")
MEGABYTES: Final = {"sqlite": 16, "postgresql": 160}
CUT_SECONDS: Final = 2.0  # of the network for each of `--times`


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--fault", choices=FAULTS, default="server")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--devices", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="FILE", help="- is standard output")
    options = parser.parse_args()
    if options.database == "postgresql" and find_command("initdb") is None:
        sys.exit("no PostgreSQL here, expected initdb: install Debian's package postgresql")
    if options.fault == "postgresql" and options.database == "sqlite":
        sys.exit("--fault postgresql on SQLite, expected a cluster: pass --database postgresql")
    results = run(options)
    for name, value in results.items():
        print(f"{name:10} {value}")
    if options.json:
        text = json.dumps(results, indent=2)
        if options.json == "-":
            print(text)
        else:
            Path(options.json).write_text(text)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The comparison after all faults of one kind."""
    start = time.perf_counter()
    loss = 0.5 if options.fault == "network" else 0.05
    with ExitStack() as stack:
        queues = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk = None
        if options.fault == "disk":
            disk = stack.enter_context(small_disk(MEGABYTES[options.database]))
        server, folder = None, (disk or queues) / "server"
        if options.database == "postgresql":
            folder = queues / "server"
            server = stack.enter_context(cluster(durable=True, place=disk))
        folder.mkdir(mode=0o700)
        settings = ServerSettings(folder, server.create("store") if server else "")
        sending = faults.sending(
            settings, queues, devices=options.devices, loss=loss, seed=options.seed
        )
        rig = stack.enter_context(sending)
        for _ in range(options.times):
            if options.fault == "server":
                faults.kill_server(rig)
            elif options.fault == "network":
                time.sleep(CUT_SECONDS)
            elif server is not None and disk is None:
                faults.kill_postgresql(rig, server)
            elif disk is not None:
                faults.fill_disk(rig, disk / "ballast", server)
        result = asdict(rig.end())
        cuts, unavailable = rig.proxy.cuts, rig.unavailable
    return {
        "database": options.database,
        "fault": options.fault,
        "times": options.times,
        "cuts": cuts,
        "unavailable": unavailable,
        **result,
        "seconds": round(time.perf_counter() - start, 1),
    }


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of some megabytes in memory."""
    with tempfile.TemporaryDirectory() as folder:
        size = f"size={megabytes}m,mode=0755"
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit("no file system could be mounted, expected the rights of root: run as root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


if __name__ == "__main__":
    main()
