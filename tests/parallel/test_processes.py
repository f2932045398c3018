"""No file of the working folder runs in a process that sordino starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "sordino"

HOSTILE = """
import importlib, os, sys
with open(os.environ["MARK"], "a") as file:
    print(*sys.orig_argv[:3], file=file)
path, sys.path = sys.path, [entry for entry in sys.path if entry not in ("", os.getcwd())]
del sys.modules[__name__]
sys.modules[__name__] = importlib.import_module(__name__)
sys.path = path
"""
"""A module that leaves a mark, then behaves as the module of the standard library."""

PARALLEL = """
import joblib
from sordino import workers
assert workers.parallel(2)(joblib.delayed(abs)(number) for number in (-1, 2)) == [1, 2]
"""

EXTRACT = """
from sordino.cli import main
main(["extract", "--corpus", "manifest=m.csv", "--features", "mel", "--out", "x.csv",
      "--cache", "cache", "--jobs", "2"])
"""

BENCH = """
from sordino.cli.verbs.bench import _run_program
_run_program("import queue", [])
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [PARALLEL, EXTRACT, BENCH], ids=["library", "extract", "bench"])
def test_a_file_of_the_working_folder_is_not_imported(code: str, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / "queue.py").write_text(HOSTILE)
    rows = [f"{number}.wav,s{number},female,sad" for number in range(2)]
    (downloads / "m.csv").write_text("\n".join(["file,speaker,gender,emotion", *rows, ""]))
    _write_sounds(downloads, len(rows))
    (tmp_path / "program.py").write_text(code)
    environment = {name: os.environ[name] for name in os.environ if name != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        cwd=downloads,
        env={**environment, "MARK": str(tmp_path / "mark")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "mark").exists(), (tmp_path / "mark").read_text()


def _write_sounds(folder: Path, count: int) -> None:
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    for number in range(count):
        soundfile.write(folder / f"{number}.wav", rng.normal(0, 0.1, 16_000), 16_000)


def test_worker_processes_start_in_one_module() -> None:
    starts = {
        path.name
        for path in SOURCE.rglob("*.py")
        for line in path.read_text().splitlines()
        if "joblib.Parallel(" in line and 'prefer="threads"' not in line
    }
    assert starts == {"workers.py"}
