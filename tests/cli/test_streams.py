"""Standard streams that are closed, full, narrow or without a reader; no home, no folder, no
memory, and signals.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sordino.cli import failures, processes
from tests.cli.process_groups import running_in, seconds_until_no_worker, start, workers_of

SORDINO = f"{sys.executable} -m sordino"
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
pytestmark = [POSIX, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of one recording with a speaker's name outside Latin-1, and a policy."""
    path = tmp_path_factory.mktemp("streams")
    soundfile.write(path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    (path / "m.csv").write_text(
        "file,speaker,gender,emotion\na.wav,Ирина 😀,f,sad\n", encoding="utf-8"
    )
    (path / "p.toml").write_text(
        'required = "sad"\nneutral = "neutral"\nsensitive = ["angry"]\nhide = ["gender"]\n'
    )
    return path


def shell(folder: Path, command: str, **variables: str) -> tuple[int, str, list[str]]:
    """Status, standard output and the lines of standard error of a command; `sordino` in it is
    ours.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("sordino ", f"{SORDINO} ")],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8").splitlines()


CHECK = "sordino corpus check manifest m.csv --quiet"
DIFFERS = "sordino corpus check emodb . --quiet"
"""What differs from the published corpus: the folder holds one recording of it."""


@pytest.mark.parametrize("command", [CHECK, "sordino policy check p.toml", "sordino --help"])
def test_a_reader_that_leaves_changes_no_status(folder: Path, command: str) -> None:
    status, _, lines = shell(folder, f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert (status, lines) == (0, [])


def test_a_reader_that_leaves_keeps_status_1(folder: Path) -> None:
    (folder / "wav").mkdir(exist_ok=True)
    (folder / "wav" / "03a01Fa.wav").write_bytes((folder / "a.wav").read_bytes())
    complete, _, _ = shell(folder, f"{DIFFERS} > /dev/null")
    status, _, lines = shell(folder, f"{DIFFERS} | true; exit ${{PIPESTATUS[0]}}")
    assert (complete, status, lines) == (1, 1, [])


def test_a_verb_finishes_its_files_without_a_reader(folder: Path, tmp_path: Path) -> None:
    status, _, lines = shell(
        folder, f"{CHECK} --out {tmp_path}/o --json - | true; exit ${{PIPESTATUS[0]}}"
    )
    assert (status, [line for line in lines if "rror" in line]) == (0, [])
    assert (tmp_path / "o" / "counts.csv").stat().st_size > 0


@pytest.mark.parametrize("command", [CHECK, "sordino policy check p.toml --json -"])
def test_a_full_disk_under_standard_output_is_told(folder: Path, command: str) -> None:
    status, _, lines = shell(folder, f"{command} > /dev/full")
    assert status == 2
    assert lines == ["standard output: the disk is full: free some space, or choose another place"]


def test_files_are_written_though_standard_output_is_full(folder: Path, tmp_path: Path) -> None:
    assert shell(folder, f"{CHECK} --out {tmp_path}/o > /dev/full")[0] == 2
    assert (tmp_path / "o" / "counts.csv").stat().st_size > 0


@pytest.mark.parametrize("option", ["--json -", "--json=-"])
def test_json_to_a_closed_standard_output_is_refused(folder: Path, option: str) -> None:
    status, _, lines = shell(folder, f"{CHECK} {option} >&-")
    assert status == 2
    assert lines == [
        "standard output is closed, expected an open one for --json -: name a file instead"
    ]


@pytest.mark.parametrize("command", [CHECK, "sordino --version"])
def test_text_for_a_closed_standard_output_is_dropped(folder: Path, command: str) -> None:
    status, _, lines = shell(folder, f"{command} >&-")
    assert status == 0
    assert lines == [
        "standard output is closed and the text is lost: redirect it to a file or to /dev/null"
    ]


@pytest.mark.parametrize("closed", ["2> /dev/full", "<&- 2>&-"])
def test_a_verb_does_without_the_other_streams(folder: Path, closed: str) -> None:
    status, out, _ = shell(folder, f"{CHECK} --json - {closed}")
    assert status == 0
    assert json.loads(out)["corpus"] == "manifest"


@pytest.mark.parametrize("closed", ["2> /dev/full", ">&- 2>&- <&-"])
def test_a_mistake_has_status_2_where_no_line_fits(folder: Path, closed: str) -> None:
    assert shell(folder, f"sordino policy check absent.toml {closed}")[0] == 2


def test_no_file_takes_the_place_of_a_closed_stream(folder: Path, tmp_path: Path) -> None:
    assert shell(folder, f"{CHECK} --out {tmp_path}/o <&- >&- 2>&-")[0] == 0
    assert (tmp_path / "o" / "counts.csv").read_text().startswith("part,name,found")


def test_a_closed_standard_input_is_told(folder: Path, tmp_path: Path) -> None:
    status, _, lines = shell(folder, f"sordino release absent.sordino - --out {tmp_path}/o.csv <&-")
    assert status == 2
    assert lines == ["standard input is closed, expected an open one for -: name a file instead"]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_json_is_valid_in_every_encoding(folder: Path, tmp_path: Path, encoding: str) -> None:
    status, _, _ = shell(
        folder, f"{CHECK} --json - > {tmp_path}/j 2> /dev/null", PYTHONIOENCODING=encoding
    )
    result = json.loads((tmp_path / "j").read_bytes().decode(encoding))
    speakers = [row["name"] for row in result["counts"]]
    assert status == 0
    assert "Ирина 😀" in " ".join(speakers)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii:replace"])
def test_text_is_escaped_in_a_narrow_encoding(folder: Path, encoding: str) -> None:
    status, out, lines = shell(folder, CHECK, PYTHONIOENCODING=encoding)
    assert (status, lines) == (0, [])
    assert ("\\u0418" in out) or ("????" in out and "replace" in encoding)


@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1", "COLUMNS": "1"}, {"TERM": "dumb", "COLUMNS": "x"}]
)
def test_an_odd_terminal_is_no_matter(folder: Path, variables: dict[str, str]) -> None:
    assert shell(folder, f"{CHECK} && sordino corpus check --help", **variables)[::2] == (0, [])


HOMELESS = """
import pwd, sys
def getpwuid(number):
    raise KeyError(number)
pwd.getpwuid = getpwuid
from sordino.cli import main; main()
"""
"""The command line of a user whom the password file lacks."""


@pytest.mark.parametrize("home", ["-u HOME", "HOME="])
def test_no_home_is_one_line(folder: Path, tmp_path: Path, home: str) -> None:
    (tmp_path / "program.py").write_text(HOMELESS)
    command = (
        f"env -u XDG_CACHE_HOME {home} {sys.executable} {tmp_path}/program.py extract --jobs 1"
    )
    status, _, lines = shell(
        folder, f"{command} --corpus manifest=m.csv --features mel --out {tmp_path}/o.npz"
    )
    assert (status, lines) == (2, [failures.NO_HOME])


def test_a_home_that_cannot_be_written_is_one_line(folder: Path, tmp_path: Path) -> None:
    command = (
        f"sordino extract --corpus manifest=m.csv --features mel --jobs 1 --out {tmp_path}/o.npz"
    )
    status, _, lines = shell(folder, f"env -u XDG_CACHE_HOME HOME=/dev/null {command}")
    assert (status, len(lines)) == (2, 1)
    assert "should not happen" not in lines[0]


@pytest.mark.parametrize("verb", ["audit t.parquet --secret x", "--version"])
def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path, verb: str) -> None:
    (tmp_path / "gone").mkdir()
    status, _, lines = shell(tmp_path, f"cd gone && rmdir ../gone && sordino {verb}")
    assert status == 2
    assert lines == [
        "the working folder was removed: change to a folder that exists, then run it again"
    ]


def test_sordino_is_a_module_to_run(folder: Path) -> None:
    status, out, lines = shell(folder, "sordino --version")
    assert (status, lines) == (0, [])
    assert out.startswith("sordino ")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("4 GiB"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("x: can't allocate memory: y"),
    ],
)
def test_no_memory_is_one_plain_line(error: Exception) -> None:
    assert failures.line(error, debug=False) == failures.NO_MEMORY


def test_a_full_gpu_is_one_plain_line() -> None:
    error = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    assert failures.line(error, debug=False) == failures.NO_DEVICE_MEMORY


WORKING = """
import sys, time, types, joblib
from sordino import cli

def trial() -> None:
    tasks = (joblib.delayed(time.sleep)(60) for _ in range(4))
    print(*joblib.Parallel(n_jobs=2, return_as="generator")(tasks))

module = types.ModuleType("sordino.cli.verbs.trial")
module.trial = trial
sys.modules[module.__name__] = module
cli.VERBS["trial"] = "Try."
sys.argv = ["sordino", "trial"]
cli.main()
"""
COUNTING = WORKING.replace("joblib.delayed(time.sleep)(60)", "joblib.delayed(sum)(range(10**11))")
"""Workers in a computation that no Python code interrupts."""
IGNORING = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + WORKING
ALONE = """
import sys, types, numpy as np
from sordino import cli

def trial() -> None:
    np.linalg.svd(np.random.default_rng(0).normal(size=(6000, 6000)))

module = types.ModuleType("sordino.cli.verbs.trial")
module.trial = trial
sys.modules[module.__name__] = module
cli.VERBS["trial"] = "Try."
sys.argv = ["sordino", "trial"]
cli.main()
"""
"""The main thread in such a computation."""


@pytest.mark.parametrize(
    ("code", "number"),
    [(WORKING, signal.SIGHUP), (COUNTING, signal.SIGTERM)],
    ids=["waiting", "computing"],
)
def test_a_signal_ends_every_worker(code: str, number: signal.Signals) -> None:
    process = start([sys.executable, "-c", code])
    process.send_signal(number)
    seconds = seconds_until_no_worker(process.pid)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err == "terminated: run the same command again, which starts from the beginning\n"
    assert running_in(process.pid) == {}
    assert seconds < 3  # a third of a second on an idle machine


def test_a_signal_ends_a_long_computation() -> None:
    process = start([sys.executable, "-c", ALONE], workers=0)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode in (143, -signal.SIGTERM)  # the second before it listens


def test_an_ignored_hangup_stays_ignored() -> None:
    process = start([sys.executable, "-c", IGNORING])
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def test_a_killed_worker_is_told_in_plain_words() -> None:
    process = start([sys.executable, "-c", WORKING])
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, f"{failures.WORKER_KILLED}\n")


def test_an_error_is_one_line_though_a_library_lost_its_worker() -> None:
    refusing = """
    import subprocess, threading
    worker = subprocess.Popen(["sleep", "60"])
    def watch():
        worker.wait()
        raise RuntimeError("worker lost")
    threading.Thread(target=watch).start()
    raise ValueError("refused")
"""
    code = re.sub(r"    print\(.*\n", lambda _: refusing, WORKING)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert run.stderr.startswith("ValueError: refused")
    assert run.stderr.count("\n") == 1


def test_a_grandchild_is_a_descendant() -> None:
    with subprocess.Popen(["bash", "-c", "sleep 60 & wait"]) as running:
        time.sleep(0.5)
        below = processes.descendants()
        processes.end_children()
        assert len([identifier for identifier in below if identifier >= running.pid]) >= 2
    assert running.returncode == -signal.SIGKILL
