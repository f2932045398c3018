"""Standard streams that are closed, full, narrow or without a reader; no home, no folder, no memory, and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sordino.cli import failures, processes

SORDINO = f"{sys.executable} -m sordino"
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
pytestmark = POSIX


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of one recording with a speaker's name outside Latin-1, and a policy."""
    path = tmp_path_factory.mktemp("streams")
    soundfile.write(path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    (path / "m.csv").write_text("file,speaker,gender,emotion\na.wav,Ирина 😀,f,sad\n", encoding="utf-8")
    (path / "p.toml").write_text('required = "sad"\nneutral = "neutral"\nsensitive = ["angry"]\nhide = ["gender"]\n')
    return path


def shell(folder: Path, command: str, **variables: str) -> tuple[int, str, list[str]]:
    """Status, standard output and the lines of standard error of a command; `sordino` in it is ours."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("sordino ", f"{SORDINO} ")],
        cwd=folder, env=environment, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8").splitlines()


CHECK = "sordino corpus check manifest m.csv"
DIFFERS = "sordino corpus check emodb ."
"""What differs from the published corpus: the folder holds one recording of it."""


@pytest.mark.parametrize("command", [CHECK, "sordino policy check p.toml", "sordino --help"])
def test_a_reader_that_leaves_changes_no_status(folder: Path, command: str) -> None:
    status, _, lines = shell(folder, f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert (status, lines) == (0, [])


def test_a_reader_that_leaves_keeps_status_1(folder: Path) -> None:
    (folder / "wav").mkdir(exist_ok=True)
    (folder / "wav" / "03a01Fa.wav").write_bytes((folder / "a.wav").read_bytes())
    whole, _, _ = shell(folder, f"{DIFFERS} > /dev/null")
    status, _, lines = shell(folder, f"{DIFFERS} | true; exit ${{PIPESTATUS[0]}}")
    assert (whole, status, lines) == (1, 1, [])


def test_a_verb_finishes_its_files_without_a_reader(folder: Path, tmp_path: Path) -> None:
    status, _, lines = shell(folder, f"{CHECK} --out {tmp_path}/o --json - | true; exit ${{PIPESTATUS[0]}}")
    assert (status, lines) == (0, [])
    assert (tmp_path / "o" / "counts.csv").stat().st_size > 0


@pytest.mark.parametrize("command", [CHECK, f"{CHECK} --json -", "sordino policy check p.toml --json -"])
def test_a_full_disk_under_standard_output_is_told(folder: Path, command: str) -> None:
    status, _, lines = shell(folder, f"{command} > /dev/full 2> e; s=$?; grep -v '[│┃┏┡└┴━─]' e | tail -1 >&2; exit $s")
    assert status == 2
    assert lines == ["standard output: the disk is full: free some space, or choose another place"]


def test_files_are_written_though_standard_output_is_full(folder: Path, tmp_path: Path) -> None:
    assert shell(folder, f"{CHECK} --out {tmp_path}/o > /dev/full")[0] == 2
    assert (tmp_path / "o" / "counts.csv").stat().st_size > 0


@pytest.mark.parametrize("option", ["--json -", "--json=-"])
def test_json_to_a_closed_standard_output_is_refused(folder: Path, option: str) -> None:
    status, _, lines = shell(folder, f"{CHECK} {option} >&-")
    assert status == 2
    assert lines == ["standard output is closed, expected an open one for --json -: name a file instead"]


@pytest.mark.parametrize("command", [CHECK, "sordino policy check p.toml", "sordino --version"])
def test_text_for_a_closed_standard_output_is_dropped(folder: Path, command: str) -> None:
    status, _, lines = shell(folder, f"{command} >&-")
    assert status == 0
    assert lines == ["standard output is closed and the text is lost: redirect it to a file or to /dev/null"]


@pytest.mark.parametrize("closed", ["2>&-", "2> /dev/full", "<&-", "<&- 2>&-"])
def test_a_verb_does_without_the_other_streams(folder: Path, closed: str) -> None:
    status, out, _ = shell(folder, f"{CHECK} --json - {closed}")
    assert status == 0
    assert json.loads(out)["corpus"] == "manifest"


@pytest.mark.parametrize("closed", ["2>&-", "2> /dev/full", ">&- 2>&- <&-"])
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
def test_json_is_valid_in_every_encoding(folder: Path, encoding: str) -> None:
    command = f"{CHECK} --json - | {sys.executable} -c 'import sys; print(ascii(sys.stdin.buffer.read()))'"
    status, out, _ = shell(folder, command, PYTHONIOENCODING=encoding)
    speakers = [row["name"] for row in json.loads(eval(out).decode(encoding))["counts"]]
    assert status == 0
    assert "Ирина 😀" in " ".join(speakers)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "ascii:replace"])
def test_text_is_escaped_in_a_narrow_encoding(folder: Path, encoding: str) -> None:
    status, out, lines = shell(folder, CHECK, PYTHONIOENCODING=encoding)
    assert (status, lines) == (0, [])
    assert ("\\u0418" in out) or ("????" in out and "replace" in encoding)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "1"}, {"COLUMNS": "x"}])
def test_an_odd_terminal_is_no_matter(folder: Path, variables: dict[str, str]) -> None:
    assert shell(folder, f"{CHECK} && sordino corpus check --help", **variables)[::2] == (0, [])


def test_no_home_is_one_line(folder: Path, tmp_path: Path) -> None:
    # an unknown user has no entry in the password file
    code = "import os; os.setuid(54321)\nfrom sordino.cli import main; main()"
    if os.getuid() != 0:
        pytest.skip("only root may become an unknown user")
    tmp_path.chmod(0o777)
    command = f"env -u HOME -u XDG_CACHE_HOME {sys.executable} -c '{code}' extract --corpus manifest={folder}/m.csv"
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    status, _, lines = shell(folder, f"{command} --features mel --out {tmp_path}/o.npz")
    assert (status, lines) == (2, [failures.NO_HOME])


def test_a_home_that_cannot_be_written_is_one_line(folder: Path, tmp_path: Path) -> None:
    command = f"sordino extract --corpus manifest=m.csv --features mel --jobs 1 --out {tmp_path}/o.npz"
    status, _, lines = shell(folder, f"env -u XDG_CACHE_HOME HOME=/dev/null {command}")
    assert (status, len(lines)) == (2, 1)
    assert "should not happen" not in lines[0]


@pytest.mark.parametrize("verb", [f"audit {os.devnull} --secret x", "--version", "demo"])
def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path, verb: str) -> None:
    (tmp_path / "gone").mkdir()
    status, _, lines = shell(tmp_path, f"cd gone && rmdir ../gone && sordino {verb}")
    assert status == 2
    assert lines == ["the working folder was removed: change to a folder that exists, then run it again"]


def test_sordino_is_a_module_to_run(folder: Path) -> None:
    status, out, lines = shell(folder, "sordino --version")
    assert (status, lines) == (0, [])
    assert out.startswith("sordino ")


@pytest.mark.parametrize(
    "error", [MemoryError("4 GiB"), OSError(12, "Cannot allocate memory"), RuntimeError("x: can't allocate memory: y")]
)
def test_no_memory_is_one_plain_line(error: Exception) -> None:
    assert failures.line(error, debug=False) == failures.NO_MEMORY


WORKING = """
import sys, time, types, joblib
from sordino import cli

def trial() -> None:
    print(*joblib.Parallel(n_jobs=2, return_as="generator")(joblib.delayed(time.sleep)(60) for _ in range(4)))

module = types.ModuleType("sordino.cli.trial")
module.trial = trial
sys.modules[module.__name__] = module
cli.VERBS["trial"] = "Try."
sys.argv = ["sordino", "trial"]
cli.main()
"""
COUNTING = WORKING.replace("joblib.delayed(time.sleep)(60)", "joblib.delayed(sum)(range(10**11))")
"""A computation that no Python code interrupts."""
ALONE = WORKING.replace("n_jobs=2", "n_jobs=1").replace("joblib.delayed(time.sleep)(60)", "joblib.delayed(sum)([1])")


def group_of(leader: int) -> list[int]:
    """The processes of a group, those that ended and are still listed too."""
    listing = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=True).stdout
    rows = (map(int, row.split()) for row in listing.splitlines())
    return [identifier for identifier, group in rows if group == leader]


def started(code: str, workers: int) -> subprocess.Popen[str]:
    """A process in a group of its own, once it has this many children."""
    running = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 60
    while len(group_of(running.pid)) <= workers and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1)
    return running


TRACKERS_AND_WORKERS = 4


@pytest.mark.parametrize("code", [WORKING, COUNTING], ids=["waiting", "computing"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_every_worker_within_a_second(code: str, number: signal.Signals) -> None:
    running = started(code, TRACKERS_AND_WORKERS)
    running.send_signal(number)
    begin = time.monotonic()
    _, err = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    while group_of(running.pid) and time.monotonic() < begin + 10:
        time.sleep(0.05)
    assert time.monotonic() < begin + 3  # the processes of other tests may slow this one down
    assert err == "terminated: run the same command again to go on from what is finished\n"


def test_a_signal_ends_a_computation_without_workers() -> None:
    code = WORKING.replace("    print(*joblib", "    sum(range(10**11))\n    print(*joblib")
    running = started(code, 0)
    time.sleep(2)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert running.returncode == 143


def test_an_ignored_hangup_stays_ignored() -> None:
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + WORKING
    running = started(code, TRACKERS_AND_WORKERS)
    running.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)


def test_a_killed_worker_is_told_in_plain_words() -> None:
    running = started(WORKING, TRACKERS_AND_WORKERS)
    workers = subprocess.run(["ps", "-eo", "pid=,pgid=,args="], capture_output=True, text=True, check=True).stdout
    mine = [row for row in workers.splitlines() if f" {running.pid} " in row and "LokyProcess" in row]
    os.kill(int(mine[0].split()[0]), signal.SIGKILL)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (2, f"{failures.WORKER_KILLED}\n")


def test_a_grandchild_is_a_descendant() -> None:
    with subprocess.Popen(["bash", "-c", "sleep 60 & wait"]) as running:
        time.sleep(0.5)
        below = processes.descendants()
        processes.end_children()
        assert len([identifier for identifier in below if identifier >= running.pid]) >= 2
    assert running.returncode == -signal.SIGKILL
