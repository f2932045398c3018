"""The options that verbs share."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sordino.cli import options, output
from sordino.errors import CorpusError, StorageError
from sordino.signal import audio


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A manifest of two speakers, and beside it a small EMO-DB."""
    for name in ("a.wav", "wav/03a01Fa.wav", "wav/08a01Wa.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        audio.write(tmp_path / name, np.random.default_rng(len(name)).normal(0, 0.1, 1600))
    (tmp_path / "mine.csv").write_text(
        "file,speaker,gender,emotion\na.wav,one,female,sad\nwav/03a01Fa.wav,two,,joy\n"
    )
    return tmp_path


def test_corpora_are_joined_in_the_order_of_the_command(recordings: Path) -> None:
    mine, emodb = f"manifest={recordings / 'mine.csv'}", f"emodb={recordings}"
    joined = options.corpora_from([emodb, mine])
    assert joined.name == "emodb+manifest"
    assert list(joined.table["corpus"]) == ["emodb", "emodb", "manifest", "manifest"]
    assert options.corpora_from([mine, emodb]).name == "manifest+emodb"


def test_one_corpus_keeps_its_name(recordings: Path) -> None:
    assert options.corpora_from([f"emodb={recordings}"]).name == "emodb"


def test_a_path_may_hold_an_equals_sign(recordings: Path) -> None:
    folder = recordings.rename(recordings.parent / "x=y")
    assert len(options.corpora_from([f"manifest={folder / 'mine.csv'}"])) == 2


def test_a_tilde_behind_an_equals_sign_is_the_home_folder(
    recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(recordings))
    assert len(options.corpora_from(["manifest=~/mine.csv"])) == 2


def test_what_a_user_should_know_of_labels_is_told(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options.corpora_from([f"manifest={recordings / 'mine.csv'}"])
    captured = " ".join(capsys.readouterr().err.split())
    assert "warning: manifest: 1 of 2 utterances are neither female nor male (1 empty)" in captured


@pytest.mark.parametrize("option", ["ravdess", "ravdess=", "=data/ravdess", "=", ""])
def test_an_option_without_name_or_path_is_refused(option: str) -> None:
    with pytest.raises(
        CorpusError, match=r"--corpus .*: expected NAME=PATH, as in --corpus ravdess=data/ravdess"
    ):
        options.corpora_from([option])


def test_no_corpus_is_refused() -> None:
    with pytest.raises(
        CorpusError, match="no corpus given, expected at least one: add --corpus NAME=PATH"
    ):
        options.corpora_from([])


def test_an_unknown_corpus_is_refused_with_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"'ravdes' is not known, expected one of .*ravdess.*emodb.*manifest"
    ):
        options.corpora_from([f"ravdes={tmp_path}"])


@pytest.mark.parametrize("name", ["ravdess", "emodb", "cremad", "iemocap", "manifest"])
def test_a_place_that_does_not_exist_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CorpusError, match=r"nowhere.*: no such f(older|ile), expected"):
        options.corpora_from([f"{name}={tmp_path / 'nowhere.csv'}"])


def test_one_corpus_twice_is_refused(recordings: Path) -> None:
    with pytest.raises(CorpusError, match="corpus emodb comes twice"):
        options.corpora_from([f"emodb={recordings}"] * 2)


def test_json_goes_to_a_file_and_to_standard_output_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {"release": "rae-grl+", "values": (1, 0.25, None), "µ": True}
    output.write_json(str(tmp_path / "new" / "result.json"), content)
    output.write_json("-", content)
    text = (tmp_path / "new" / "result.json").read_text()
    assert text == capsys.readouterr().out
    assert json.loads(text) == {**content, "values": [1, 0.25, None]}


def test_what_is_not_a_finite_number_becomes_null(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_json("-", [{"low": float("nan"), "high": [float("inf"), -float("inf")]}])
    assert json.loads(capsys.readouterr().out) == [{"low": None, "high": [None, None]}]


def test_json_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="expected a folder: choose another place"):
        output.write_json(str(tmp_path / "file" / "result.json"), {})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_told() -> None:
    code = "from sordino.cli.output import write_json; write_json('-', {})"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "StorageError: standard output: the disk is full" in done.stderr


@pytest.mark.parametrize(
    "verb", ["audit", "compare", "demo", "extract", "fit", "reproduce", "study"]
)
def test_a_verb_with_a_cluster_takes_a_device(verb: str) -> None:
    source = Path(options.__file__).parent / "verbs" / f"{verb}.py"
    text = source.read_text(encoding="utf-8")
    assert text.count("cluster: ClusterOption") == text.count("device: DeviceOption") > 0
