"""`sordino words train` writes vectors that `signal.words.read` reads, and says in one line what it
cannot do.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.cli import main
from sordino.features.words import train
from sordino.signal import audio
from sordino.signal.words import read

TEXTS = ("The cup stands here", "the cup fell", "here it stands", "")


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    """Four recordings, three of them with a transcript."""
    files = [f"{row}.wav" for row in range(len(TEXTS))]
    for row, file in enumerate(files):
        audio.write(tmp_path / file, np.random.default_rng(row).normal(0, 0.1, 1600))
    rows = pd.DataFrame(
        {
            "file": files,
            "speaker": ["a", "a", "b", "b"],
            "gender": ["f", "f", "m", "m"],
            "emotion": "sad",
        }
    )
    rows.assign(transcript=TEXTS).to_csv(tmp_path / "manifest.csv", index=False)
    rows.assign(corpus="mute").to_csv(tmp_path / "mute.csv", index=False)
    return f"manifest={tmp_path / 'manifest.csv'}"


def run(*arguments: str | Path) -> object:
    with pytest.raises(SystemExit) as exit_info:
        main(["words", "train", *map(str, arguments)])
    return exit_info.value.code


def test_the_vectors_are_those_of_the_corpus(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, path = tmp_path / "new" / "words.kv", tmp_path / "words.json"
    options = ("--corpus", manifest, "--dims", "7", "--seed", "3")
    assert run(*options, "--out", out, "--json", path) == 0
    expected = train(TEXTS, dims=7, seed=3)
    assert read(out).hash == expected.hash
    captured = capsys.readouterr()
    assert captured.out == f"5 words of 3 transcripts, 7 dimensions: {out}\n"
    assert captured.err == ""
    result = json.loads(path.read_text())
    wanted = {
        "corpus": "manifest",
        "transcripts": 3,
        "words": 5,
        "dims": 7,
        "seed": 3,
        "hash": expected.hash,
    }
    assert result == {**wanted, "out": str(out)}
    first = [path.read_bytes() for path in sorted(out.parent.iterdir())]
    assert run(*options, "--out", out) == 0
    assert [path.read_bytes() for path in sorted(out.parent.iterdir())] == first


def test_json_on_standard_output_is_alone_there(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--corpus", manifest, "--out", tmp_path / "words.kv", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["dims"] == 100


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--out", "words.txt"), "words.txt: suffix .txt, expected .kv: choose such a name"),
        (
            ("--out", "words.kv", "--dims", "0"),
            "Invalid value for '--dims': Input should be greater than or equal to 1",
        ),
        (
            ("--out", "words.kv", "--corpus", "mute"),
            "mute: no transcripts, expected one for its utterances",
        ),
        ((), "Missing option '--out'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    manifest: str,
    tmp_path: Path,
    options: tuple[str, ...],
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [
        f"manifest={tmp_path / 'mute.csv'}" if option == "mute" else option for option in options
    ]
    assert run("--corpus", manifest, *arguments) == 2
    captured = capsys.readouterr().err
    assert line in captured
    assert len(captured.splitlines()) == 1
    assert not list(tmp_path.glob("words*"))


def test_without_gensim_it_says_what_to_install(
    manifest: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gensim", None)
    assert run("--corpus", manifest, "--out", tmp_path / "words.kv") == 2
    assert 'pip install ".[words]"' in capsys.readouterr().err
