"""The study from a manifest to its page: the files, their contract, the same bytes again, and what
stops it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from sordino import corpora
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, FeatureError, SordinoError, SplitError
from sordino.report.estimates import headline
from sordino.study import protocol
from tests.study import synthetic_study
from tests.study.synthetic_study import SMALL, Made, Relabel, Run, run
from tests.study.test_units import times

CONTRACT = [
    "study",
    "corpus",
    "features",
    "release",
    "condition",
    "required",
    "knowledge",
    "attacker",
    "target",
    "metric",
    "group",
    "k",
    "split",
    "seed",
    "value",
    "low",
    "high",
    "n",
    "speakers",
    "chance",
]
FIGURES = [
    *(
        ("ignorant", "emotion", metric, role)
        for metric in ("f1", "unchanged", "unchanged_among_true_positives")
        for role in ("neutral", "required", "sensitive")
    ),
    ("ignorant", "emotion", "detail", "required"),
    ("ignorant", "gender", "leakage", ""),
    ("ignorant", "gender", "privacy", ""),
    ("ignorant", "gender", "auc", ""),
    ("ignorant", "sensitive-vs-neutral", "distinguish", ""),
    *(
        (knowledge, *figure)
        for knowledge in ("semi-informed", "informed")
        for figure in (
            ("gender", "privacy", ""),
            ("gender", "auc", ""),
            ("sensitive-vs-neutral", "distinguish", ""),
        )
    ),
    ("semi-informed", "required-vs-rest", "utility_auc", ""),
    ("semi-informed", "membership", "membership", ""),
    ("semi-informed", "membership", "auc", ""),
]
"""Knowledge, target, metric and group of every figure of one release under one policy."""
KEY = ["release", "condition", "required", "knowledge", "target", "metric", "group", "k"]


def part(corpus: Corpus, name: str) -> Corpus:
    return Corpus(name, corpus.select(corpus.column("corpus") == name).table)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All three policies on two corpora, the second by the alphabet named first, with two notices.
    """
    folder = tmp_path_factory.mktemp("two")
    given = synthetic_study.study(folder, speakers=10, takes=1, names=("ape", "zoo"))
    joined = corpora.join([part(given.corpus, name) for name in ("zoo", "ape")])
    options = replace(SMALL, releases=("none", "rae"))
    return run(
        given,
        folder / "out",
        options,
        joined,
        policies=3,
        notices=["A first notice.", "A second notice."],
    )


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One policy on one corpus."""
    folder = tmp_path_factory.mktemp("one")
    return run(synthetic_study.study(folder, takes=1), folder / "out")


def test_what_is_written(two: Run) -> None:
    files = sorted(path.name for path in two.out.iterdir())
    assert files == ["estimates.csv", "figure.svg", "report.html", "run.json", "units"]
    units = [path.name for path in (two.out / "units").iterdir()]
    names = [
        f"{required}-{draw}" for required, draw in product(("angry", "happy", "sad"), range(5))
    ]
    for suffix in ("json", "parquet"):
        assert sorted(unit.rpartition("-")[0] for unit in units if unit.endswith(suffix)) == names
    assert (two.out / "figure.svg").read_text(encoding="utf-8") in two.page


def test_the_columns_are_those_of_the_contract(two: Run) -> None:
    estimates = two.estimates
    assert list(estimates) == CONTRACT
    assert set(estimates["study"]) == {"feng2021"}
    assert set(estimates["features"]) == {"vectors"}
    assert set(estimates["seed"]) == {"0"}
    assert set(estimates["condition"]) == {""}
    assert set(estimates.loc[estimates["knowledge"] != "patient", "k"]) == {""}
    assert set(estimates["group"]) == {"", "neutral", "required", "sensitive"}
    assert "nan" not in (two.out / "estimates.csv").read_text().lower()


def test_every_figure_has_one_headline_row_and_one_for_each_corpus(two: Run) -> None:
    estimates = two.estimates
    over_draws = estimates[(estimates["split"] == "all") & estimates["attacker"].isin(["", "best"])]
    expected = sorted(
        (release, "", required, *figure[:3], figure[3], "")
        for release, required, figure in product(
            ("none", "rae"), ("happy", "sad", "angry"), FIGURES
        )
    )
    for corpus in ("zoo+ape", "zoo", "ape"):
        rows = over_draws[over_draws["corpus"] == corpus]
        assert sorted(rows[KEY].itertuples(index=False, name=None)) == expected
        assert (rows["attacker"] == np.where(rows["target"] == "emotion", "", "best")).all()
    assert set(over_draws["corpus"]) == {"zoo+ape", "zoo", "ape"}


def test_the_corpora_of_one_table_are_named_as_the_record_names_them(tmp_path: Path) -> None:
    """Also where the recordings of the second by the alphabet come first."""

    def zoo_first(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(file=rows["file"].str.replace("zoo/", "aaa/"))

    given = synthetic_study.study(
        tmp_path, speakers=10, takes=1, names=("ape", "zoo"), relabel=zoo_first
    )
    done = run(given, tmp_path / "out", replace(SMALL, releases=("none",)), page=False)
    assert set(done.estimates["corpus"]) == {done.record["config"]["corpus"], "ape", "zoo"}


def test_each_attacker_and_each_draw_have_rows_of_their_own(two: Run) -> None:
    estimates = two.estimates
    each = estimates[estimates["attacker"] == "linear"]
    assert len(each) == 2 * 3 * (
        2 * 3 + 3
    )  # releases, policies; two kinds who retrain, three figures; what is kept; membership
    assert set(each["knowledge"]) == {"semi-informed", "informed"}
    draws = estimates[estimates["split"] != "all"]
    assert set(draws["corpus"]) == {"zoo+ape"}
    assert Counter(draws["split"]) == dict.fromkeys("01234", 2 * 3 * len(FIGURES))


def test_a_figure_is_the_mean_over_draws_of_what_the_guesses_say(two: Run) -> None:
    guesses, estimates = two.guesses, headline(numbers(two))
    for release, required in product(("none", "rae"), ("happy", "sad", "angry")):
        rows = guesses[(guesses["release"] == release) & (guesses["required"] == required)]
        emotion = [
            f1_score(draw["truth"], draw["prediction"], labels=[1], average="macro")
            for _, draw in rows[rows["target"] == "emotion"].groupby("draw")
        ]
        secret = (
            (rows["target"] == "gender") & (rows["knowledge"] == "semi-informed") & rows["best"]
        )
        gender = [
            roc_auc_score(draw["truth"], draw["score"]) for _, draw in rows[secret].groupby("draw")
        ]
        chosen = estimates[(estimates["release"] == release) & (estimates["required"] == required)]
        f1 = chosen[(chosen["metric"] == "f1") & (chosen["group"] == "required")]
        auc = chosen[
            (chosen["metric"] == "auc")
            & (chosen["knowledge"] == "semi-informed")
            & (chosen["target"] == "gender")
        ]
        assert f1["value"].item() == pytest.approx(np.mean(emotion), abs=1e-5)
        assert auc["value"].item() == pytest.approx(np.mean(gender), abs=1e-5)
        assert f1["n"].item() == len(two.given.corpus)
        assert f1["speakers"].item() == 20


def test_no_speaker_is_in_two_parts_or_tested_twice(two: Run) -> None:
    """From the names, not from what the record says of itself."""
    everyone = {f"{name}/{number:02d}" for name in ("ape", "zoo") for number in range(10)}
    parts = two.record["parts"]
    assert [draw["draw"] for draw in parts] == [0, 1, 2, 3, 4]
    for draw in parts:
        parties = [set(draw[name]) for name in ("risk", "transform", "test")]
        assert [a & b for a, b in combinations(parties, 2)] == [set(), set(), set()]
        assert set.union(*parties) == everyone
        assert all(
            {speaker.split("/")[0] for speaker in party} == {"ape", "zoo"} for party in parties
        )
    tests = [set(draw["test"]) for draw in parts]
    assert [a & b for a, b in combinations(tests, 2)] == [set()] * 10
    assert set.union(*tests) == everyone


def test_the_guesses_are_on_the_speakers_that_the_record_names(two: Run) -> None:
    guesses = two.guesses
    parts = two.record["parts"]
    tested = (
        guesses[guesses["target"] != "membership"]
        .groupby("draw")["speaker"]
        .unique()
        .map(sorted)
        .to_list()
    )
    assert tested == [draw["test"] for draw in parts]
    everyone = guesses.groupby("draw")["speaker"].unique().map(sorted).to_list()
    assert everyone == [sorted(draw["risk"] + draw["transform"] + draw["test"]) for draw in parts]
    table = corpora.join([part(two.given.corpus, name) for name in ("zoo", "ape")]).table
    assert (table["speaker"].to_numpy()[guesses["row"]] == guesses["speaker"]).all()


def test_the_record_says_what_was_run(two: Run) -> None:
    record = two.record
    assert record["config"]["corpus"] == "zoo+ape"
    assert (record["config"]["features"], record["config"]["dims"]) == (
        "vectors",
        synthetic_study.DIMS,
    )
    assert record["config"]["options"]["releases"] == ["none", "rae"]
    assert (record["utterances"], record["speakers"], record["unknown_gender"]) == (80, 20, 0)
    assert {"sordino", "torch", "scikit-learn", "numpy", "python"} <= set(record["versions"])
    assert len(record["data_checksum"]) == 64
    assert record["identical_recordings"] == []
    assert sorted(record["units"]) == sorted(
        f"{name}-{draw}" for name in ("happy", "sad", "angry") for draw in range(5)
    )
    assert record["units"]["sad-3"]["components"] == synthetic_study.DIMS


def test_the_page_has_the_notices_and_names_nobody(two: Run) -> None:
    page = two.page
    assert page.index("A first notice.") < page.index("A second notice.") < page.index("Verdict")
    assert "zoo and ape" in page
    assert not [name for name in set(two.given.corpus.speaker) if name in page]
    assert "no speaker in two parts of a draw, nor tested twice" in page


@pytest.mark.slow
def test_what_is_planted_is_found(tmp_path: Path) -> None:
    """Before: the original features give all away. After: who never saw the release finds no
    sensitive emotion.
    """
    done = run(
        synthetic_study.study(tmp_path),
        tmp_path / "out",
        replace(SMALL, releases=("none", "rae")),
        page=False,
    )
    before, after = (headlines(done, release) for release in ("none", "rae"))
    for name in (
        "ignorant f1",
        "ignorant auc",
        "ignorant distinguish",
        "semi-informed auc",
        "semi-informed distinguish",
    ):
        assert before[name]["low"] > before[name]["chance"]
        assert before[name]["value"] > 0.9
    assert after["ignorant distinguish"]["value"] < before["ignorant distinguish"]["low"]


@pytest.mark.slow
def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    given, options = (
        synthetic_study.study(tmp_path, strength=0.0),
        replace(SMALL, releases=("none",)),
    )
    done = run(given, tmp_path / "out", options, page=False)
    found = headlines(done, "none")
    for name in (
        "ignorant auc",
        "ignorant distinguish",
        "semi-informed auc",
        "semi-informed distinguish",
    ):
        assert found[name]["low"] < 0.5 < found[name]["high"]
        assert abs(found[name]["value"] - 0.5) < 0.15


def numbers(done: Run) -> pd.DataFrame:
    """The estimates with numbers as such."""
    return pd.read_csv(done.out / "estimates.csv").fillna({"attacker": "", "group": ""})


def headlines(done: Run, release: str) -> dict[str, pd.Series]:
    """The headline rows of a release in a run of one policy, by knowledge and metric (of the
    required role).
    """
    table = headline(numbers(done), release=release)
    table = table[table["group"].isin(["", "required"]) & (table["target"] != "membership")]
    return {f"{row['knowledge']} {row['metric']}": row for _, row in table.iterrows()}


def test_another_seed_gives_other_parts_and_figures(one: Run, tmp_path: Path) -> None:
    other = run(one.given, tmp_path, replace(SMALL, seed=1), page=False)
    assert (other.estimates["value"] != one.estimates["value"]).any()
    assert other.record["parts"] != one.record["parts"]


def test_a_second_call_reads_every_unit_and_writes_the_same(one: Run) -> None:
    before, first = times(one.out / "units"), (one.out / "estimates.csv").read_bytes()
    (one.out / "estimates.csv").unlink()
    run(one.given, one.out)
    assert times(one.out / "units") == before
    assert (one.out / "estimates.csv").read_bytes() == first


@pytest.mark.slow
def test_other_emotions_are_left_out(tmp_path: Path) -> None:
    def bored(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(emotion=rows["emotion"].where(rows.index % 7 != 3, "bored"))

    given = synthetic_study.study(tmp_path, takes=2, relabel=bored)
    with_them = run(given, tmp_path / "with", page=False)
    without = run(
        given,
        tmp_path / "without",
        corpus=given.corpus.with_emotions(protocol.EMOTIONS),
        page=False,
    )
    assert (with_them.out / "estimates.csv").read_bytes() == (
        without.out / "estimates.csv"
    ).read_bytes()
    assert with_them.record == without.record
    assert (
        with_them.record["utterances"]
        == (given.corpus.table["emotion"] != "bored").sum()
        < len(given.corpus)
    )


def test_speakers_of_unknown_gender_are_kept_for_emotion_alone(tmp_path: Path) -> None:
    people = {"made/04", "made/07", "made/11"}

    def unknown(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(
            gender=rows["gender"].where(~("made/" + rows["speaker"]).isin(people), "other")
        )

    done = run(
        synthetic_study.study(tmp_path, takes=1, relabel=unknown), tmp_path / "out", page=False
    )
    assert done.record["unknown_gender"] == len(people) * 4
    assert done.record["speakers"] == 20
    guesses = done.guesses
    speakers = guesses.groupby("target")["speaker"].unique().map(set)
    assert len(speakers["emotion"]) == len(speakers["sensitive-vs-neutral"]) == 20
    assert speakers["emotion"] - speakers["gender"] == people
    assert set(guesses.loc[guesses["speaker"].isin(people), "gender"]) == {-1}
    rows = done.estimates[
        (done.estimates["split"] == "all") & (done.estimates["attacker"] != "linear")
    ]
    assert set(rows.loc[rows["metric"] == "membership", "speakers"]) == {"20"}
    rows = rows[rows["target"] != "membership"]
    assert set(rows.loc[rows["metric"] == "auc", "speakers"]) == {"17"}
    assert set(rows.loc[rows["metric"] == "auc", "n"]) == {str(17 * 4)}
    assert set(rows.loc[rows["metric"] == "f1", "speakers"]) == {"20"}


def test_validation_speakers_are_said_to_be_such(one: Run, tmp_path: Path) -> None:
    done = run(one.given, tmp_path, replace(SMALL, measured_on="validation"))
    for usual, parts in zip(one.record["parts"], done.record["parts"], strict=True):
        assert parts["risk"] == usual["risk"]
        assert not set(parts["test"]) & {*usual["test"], *parts["risk"], *parts["transform"]}
        assert {*parts["test"], *parts["transform"]} == set(usual["transform"])
    assert (
        "Measured on the validation speakers of the transform, not on test speakers." in done.page
    )
    assert "no speaker in two parts of a draw, some measured in several draws" in done.page


def without(**cells: str) -> Relabel:
    """A manifest without the rows that have all of these cells."""
    return lambda rows: rows[(rows[list(cells)] != pd.Series(cells)).any(axis=1)]


def only_of(emotion: str, *speakers: str) -> Relabel:
    """A manifest in which only these speakers have an emotion."""
    return lambda rows: rows[(rows["emotion"] != emotion) | rows["speaker"].isin(speakers)]


@pytest.mark.parametrize(
    ("relabel", "speakers", "error", "line"),
    [
        (
            without(emotion="angry"),
            20,
            CorpusError,
            r"made: no angry utterance, expected neutral, happy, sad, angry: ",
        ),
        (
            without(gender="male"),
            20,
            CorpusError,
            r"all speakers of gender female, expected female and male: add",
        ),
        (
            lambda rows: rows.assign(gender=""),
            20,
            CorpusError,
            r"gender unknown, expected female and male: add",
        ),
        (
            only_of("sad", "03"),
            20,
            SplitError,
            r"no sad among \d+ speaker\(s\) of the (risk|transform|test) part, exp",
        ),
        (only_of("neutral"), 20, CorpusError, r"no neutral utterance"),
        (
            lambda rows: rows,
            4,
            SplitError,
            r"made, female: 2 speaker\(s\) or sessions, expected at least 3 ",
        ),
    ],
    ids=["no angry", "no men", "no gender", "one who is sad", "nobody neutral", "four speakers"],
)
def test_what_cannot_be_studied_is_said_at_once(
    tmp_path: Path, relabel: Relabel, speakers: int, error: type[SordinoError], line: str
) -> None:
    given = synthetic_study.study(tmp_path, speakers=speakers, takes=1, relabel=relabel)
    with pytest.raises(error, match=line):
        run(given, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.*"))


def test_a_side_of_a_party_that_lacks_an_emotion_is_named_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    """Every party has somebody who is sad, but the speakers that stop the transform are not."""
    given = synthetic_study.study(tmp_path)
    parts = protocol.deal(given.corpus, SMALL, given.corpus.column("file"))
    held = given.corpus.speaker[parts[0].transform.validation]
    mute = np.isin(given.corpus.speaker, held) & (given.corpus.column("emotion") == "sad")
    with pytest.raises(
        SplitError,
        match=r"no sad among 2 speaker\(s\) of the transform's validation part, expected",
    ):
        run(given, tmp_path / "out", corpus=given.corpus.select(~mute))
    assert not list((tmp_path / "out").rglob("*.*"))


def test_an_utterance_without_vector_is_an_error(tmp_path: Path) -> None:
    given = synthetic_study.study(tmp_path)
    rows = pd.read_parquet(given.vectors)
    rows.drop(index=5).to_parquet(given.vectors)
    with pytest.raises(
        FeatureError, match=r"no row for 1 of 240 utterances, .* the first is utterance 5: add it"
    ):
        run(given, tmp_path / "out")


RUN = """
import sys
from sordino import corpora
from sordino.study import feng2021
from tests.study import synthetic_study as made
manifest, vectors, out = sys.argv[1:]
with made.brisk(1):
    corpus = corpora.load("manifest", manifest)
    feng2021.reproduce(corpus, out, features=vectors, options=made.SMALL, cache=None, jobs=2)
"""


def killed(given: Made, out: Path) -> dict[str, int]:
    """The units that a run of two processes had finished when it was killed, and when: one at
    least, never all.
    """
    command = [sys.executable, "-c", RUN, str(given.manifest), str(given.vectors), str(out)]
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        command, cwd=root, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not times(out / "units") and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.communicate()[1] == ""
    return times(out / "units")


@pytest.mark.slow
def test_a_killed_run_of_two_processes_goes_on_and_writes_the_bytes_of_one_process(
    one: Run, tmp_path: Path
) -> None:
    before = killed(one.given, tmp_path)
    assert 1 <= len(before) < 5
    run(one.given, tmp_path, jobs=2)
    assert before.items() <= times(tmp_path / "units").items()
    for name in ("estimates.csv", "report.html", "figure.svg", "run.json"):
        assert (tmp_path / name).read_bytes() == (one.out / name).read_bytes()
