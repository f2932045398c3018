"""No file of the working folder runs in a process that sordino starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sordino import parallel

ROOT = Path(__file__).parents[2]

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
from sordino import parallel
assert list(parallel.map(abs, (-1, 2), jobs=2, ordered=True)) == [1, 2]
"""

CLUSTER = """
from sordino import parallel
if __name__ == "__main__":
    with parallel.use("local:1"):
        assert list(parallel.map(abs, (-1, 2), ordered=True)) == [1, 2]
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
@pytest.mark.parametrize(
    "code", [PARALLEL, CLUSTER, EXTRACT, BENCH], ids=["library", "cluster", "extract", "bench"]
)
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


def test_only_the_seam_imports_joblib_and_dask() -> None:
    imports = {
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if re.match(r"\s*(import|from) (joblib|dask|distributed)\b", line)
    }
    plugins = "src/sordino/plugins.py"  # it tells their pickler about a user's modules
    assert {path for path in imports if path != plugins} == {
        "src/sordino/parallel/cluster.py",
        "src/sordino/parallel/processes.py",
        "src/sordino/parallel/prompt_end.py",
    }


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_follow_the_units_where_asked(jobs: int) -> None:
    assert list(parallel.map(abs, range(-9, 0), jobs=jobs, ordered=True)) == [*range(9, 0, -1)]


def test_threads_write_to_this_process() -> None:
    written: list[int] = []
    list(parallel.map(written.append, range(9), jobs=2, threads=True))
    assert sorted(written) == [*range(9)]
