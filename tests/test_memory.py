"""Free memory is the least of what machine, control group and address space have left."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from sordino import memory


def limited(folder: Path, limit: str, usage: int) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{usage}\n")
    return folder


def test_a_control_group_limits_free_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_GROUP", limited(tmp_path, "5000000", 1_000_000))
    assert memory.free() == int(memory.SPARE * 4_000_000)


def test_a_control_group_beyond_its_limit_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_GROUP", limited(tmp_path, "5000000", 6_000_000))
    assert memory.free() == 0


def test_a_control_group_without_limit_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_GROUP", limited(tmp_path, "max", 1_000_000))
    free = memory.free()
    assert free is not None
    assert free > 1_000_000


def test_a_limit_of_the_address_space_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (used + 1_000_000, used + 1_000_000))
    free = memory.free()
    assert free is not None
    assert free < memory.SPARE * 1_100_000


def test_a_platform_without_such_limits_has_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    free = memory.free()
    assert free is not None
    assert free > 0
