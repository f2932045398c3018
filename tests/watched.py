"""A process whose files and sockets are watched: it has a home, a temporary folder and a working
folder of its own.

Python's own audit events are recorded in the process and in those that it starts. Where strace is
installed, it records the system calls of native libraries as well.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HOOK: Final = """
import os, sys
_log = os.open(os.environ["WATCHED_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
             "socket.getnameinfo"}
_ADDRESSED = ("socket.connect", "socket.sendto", "socket.bind")
def _watch(event, arguments):
    internet = event == "socket.__new__" and int(arguments[1]) in (2, 10)
    address = event in _ADDRESSED and isinstance(arguments[1], tuple)
    if internet or address or event in _LOOK_UPS:
        os.write(_log, f"{event} {arguments[1:]!r}\\n".encode())
sys.addaudithook(_watch)
"""

CALLS: Final = (
    "trace=socket,connect,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,"
    "symlink"
)
_NETWORK: Final = re.compile(r"AF_INET6?\b|PF_INET|resolv\.conf|/etc/hosts|nss_dns")
_CREATED: Final = re.compile(r"O_CREAT|^\d+ +(?:creat|mkdir|rename|link|symlink)\w*\(")
_PATH: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Watched:
    """What a process did: how it ended, what it asked of the network, what it left, what it created
    elsewhere.
    """

    status: int
    errors: str
    network: list[str]
    remaining: set[str]
    elsewhere: list[str]


def run(
    folder: Path, code: str, *, seconds: float = 0.0, environment: dict[str, str] | None = None
) -> Watched:
    """Run Python code in `folder/work`; `seconds` is how long the process lives on after it, for
    late threads.

    The code may write to `folder/named`; `remaining` are the files of home, temporary and working
    folder, and `elsewhere` the system calls that created a file outside `folder`.
    """
    for name in ("home", "temporary", "work", "named", "hook"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "hook" / "sitecustomize.py").write_text(_HOOK)
    log, calls = folder / "hook" / "events", folder / "hook" / "calls"
    script = f"import time\ntry:\n    exec({code!r})\nfinally:\n    time.sleep({seconds})\n"
    tracer = shutil.which("strace")
    traced = [tracer, "-f", "--seccomp-bpf", "-qq", "-e", CALLS, "-o", str(calls)] if tracer else []
    done = subprocess.run(
        [*traced, sys.executable, "-c", script],
        cwd=folder / "work",
        capture_output=True,
        text=True,
        env=_environment(folder, log) | (environment or {}),
        check=False,
    )
    lines = calls.read_text(errors="replace").splitlines() if tracer else []
    events = log.read_text().splitlines()
    remaining = {
        str(path.relative_to(folder))
        for name in ("home", "temporary", "work")
        for path in (folder / name).rglob("*")
        if not path.is_dir()
    }
    network = events + [line for line in lines if _NETWORK.search(line)]
    return Watched(
        done.returncode,
        done.stderr,
        network,
        remaining,
        [line for line in lines if _elsewhere(line, folder)],
    )


def _environment(folder: Path, log: Path) -> dict[str, str]:
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "ORT_", "MPL"))
    }
    paths = [str(folder / "hook"), *filter(None, sys.path)]
    return variables | {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "temporary"),
        "WATCHED_LOG": str(log),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _elsewhere(line: str, folder: Path) -> bool:
    """Whether a call created a file outside the folder, other than devices and shared memory."""
    if " = -1 " in line or not _CREATED.search(line):
        return False
    paths = [path for path in _PATH.findall(line) if path.startswith("/")]
    return any(not path.startswith((str(folder), "/dev/", "/proc/")) for path in paths)
