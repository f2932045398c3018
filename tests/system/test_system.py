"""Each system behaves as the table of `sordino.system` says: fakes of macOS and Windows."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from sordino import memory, storage, system
from sordino.cli.processes import Listener, descendants
from sordino.device import DailyBudget, Reason
from sordino.device.key import read_or_create
from sordino.device.sending import token
from sordino.device.trust.versions import admit
from sordino.errors import StorageError
from sordino.server.folder_lock import lock_folder
from sordino.system import MACOS, WINDOWS, System

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fakes stand on a POSIX system")

LINUX = system.CURRENT
SYSTEMS = [LINUX, MACOS, WINDOWS]


@pytest.fixture(params=SYSTEMS, ids=["linux", "macos", "windows"])
def here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setattr(system, "CURRENT", request.param)
    kind: System = request.param
    return kind


def test_a_count_without_locks_releases_nothing(here: System, tmp_path: Path) -> None:
    reason = DailyBudget(tmp_path / "budget", lambda: date(2026, 1, 1)).spend(1)
    assert reason is (Reason.BUDGET_UNKNOWN if here is WINDOWS else None)


def test_a_second_lock_waits_where_there_are_locks(here: System, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"")
    first, second = (system.open_itself(path, os.O_RDWR, 0o600) for _ in range(2))
    if here is WINDOWS:
        with pytest.raises(OSError, match="no locks") as error:
            system.lock(first)
        assert error.value.errno == errno.ENOTSUP
    else:
        assert [system.lock(first), system.lock(second)] == [True, False]
        os.close(first)
        assert [system.lock(second, shared=True), system.lock(second, wait=True)] == [True, True]
        return
    os.close(first)
    os.close(second)


def test_a_restoration_is_alone_where_there_are_locks(here: System, tmp_path: Path) -> None:
    messages = list[str]()
    with lock_folder(tmp_path), lock_folder(tmp_path):
        try:
            with lock_folder(tmp_path, alone=True):
                messages.append("alone")
        except StorageError as error:
            messages.append(str(error).partition(": ")[2][:13])
    assert messages == (["alone"] if here is WINDOWS else ["a server runs"])


def test_versions_are_stored_with_or_without_locks(here: System, tmp_path: Path) -> None:
    admit(tmp_path / "versions", "a" * 16, "sad", 2)
    assert json.loads((tmp_path / "versions").read_text()) == {f"{'a' * 16} sad": 2}
    assert (tmp_path / "versions.lock").exists() is (here is not WINDOWS)


def test_a_link_is_refused_on_every_system(here: System, tmp_path: Path) -> None:
    read_or_create(tmp_path / "key")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    with pytest.raises(StorageError, match="a link, expected the key itself"):
        read_or_create(tmp_path / "link")
    with pytest.raises(OSError, match="link") as error:
        storage.open_file(tmp_path / "link")
    assert error.value.errno == errno.ELOOP
    assert here in SYSTEMS


def test_modes_count_where_files_have_them(here: System, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"sordino_device_{'a' * 43}")
    key = read_or_create(tmp_path / "key")
    for name in ("token", "key"):
        (tmp_path / name).chmod(0o644)
    if here is WINDOWS:
        assert read_or_create(tmp_path / "key") == key
        assert token.read(tmp_path / "token").header.startswith("Bearer ")
        return
    with pytest.raises(StorageError, match="other users may read the key"):
        read_or_create(tmp_path / "key")
    with pytest.raises(StorageError, match="other users may read the token"):
        token.read(tmp_path / "token")


def test_a_durable_file_is_whole_on_every_system(here: System, tmp_path: Path) -> None:
    storage.write(tmp_path / "x", b"whole", durable=True, mode=storage.PRIVATE)
    storage.append(tmp_path / "x", b" and longer")
    assert (tmp_path / "x").read_bytes() == b"whole and longer"
    assert here in SYSTEMS


def test_processes_below_are_found_where_they_can_be(here: System) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert (child.pid in descendants()) is (here is not WINDOWS)
        system.end_process(child.pid)
        expected = signal.SIGTERM if here is WINDOWS else signal.SIGKILL
        assert child.wait(5) == -expected


def test_a_listener_changes_no_signal_of_windows(here: System) -> None:
    code = (
        "import signal; from sordino import system; from sordino.cli.processes import Listener\n"
        f"system.CURRENT = system.System({here.name!r}, None, None, None); Listener().start()\n"
        "print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(here is WINDOWS)
    assert Listener().number == 0


def test_figures_of_the_process_are_there_or_absent(here: System) -> None:
    peak = system.peak_bytes()
    assert (peak is None) is (here is WINDOWS)
    assert system.address_space() is None or here is not WINDOWS
    assert memory.free() is None or memory.free() > 0  # type: ignore[operator]


def test_core_dumps_are_off_where_there_is_a_limit(
    here: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[tuple[int, tuple[int, int]]]()
    limits = SimpleNamespace(RLIMIT_CORE=4, setrlimit=lambda *call: calls.append(call))
    fake = None if here is WINDOWS else limits
    monkeypatch.setattr(system, "CURRENT", System(here.name, None, fake, None))
    system.forbid_core_dumps()
    assert calls == ([] if here is WINDOWS else [(4, (0, 0))])


def test_no_other_module_asks_for_the_system() -> None:
    package = Path(system.__file__).parent
    words = re.compile(
        r"import (fcntl|resource|msvcrt)\b|os\.name\b|sys\.platform|O_NOFOLLOW|os\.geteuid"
    )
    users = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if words.search(path.read_text().replace("import resource_tracker", ""))
    }
    assert users == {"system.py"}
