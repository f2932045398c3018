"""The page of the study of Feng and Narayanan (2021): verdict, the paper's tables, and more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.define import ROLES, Knowledge, Role
from sordino.report import figures, glossary, release_page, verdict
from sordino.report.estimate_table import SECRET_NAMES, Estimate, Estimates
from sordino.report.estimates import pooled
from sordino.report.figures import Panel, Point
from sordino.report.page import Block, Page, Picture, Section, Terms, Text, settings
from sordino.study.feng2021 import informed_tables, tables

DESCRIPTIONS: Final = {
    "rae": "the paper's transform without gradient reversal",
    "rae-grl": "the paper's transform with gradient reversal",
    "rae-grl+": "our variant, designed for utility on the required emotion",
}
"""The releases in words."""

UTILITY: Final = {"f1": "F1 of the required emotion", "unchanged": "U of the required emotion"}
LEAKAGE: Final = {metric: f"AUC, {name}" for metric, name in SECRET_NAMES.items()}


def page(
    predictions: pd.DataFrame,
    estimates: pd.DataFrame,
    run: Mapping[str, Any],
    notices: Sequence[str] = (),
) -> Page:
    """The page of one run of the study. Its large figure is also the file `figure.svg`.

    `predictions` are those of all units (`sordino.attack.PREDICTION_COLUMNS`), `estimates` follow
    from them (`measure`), and `run` is the content of `run.json`. `notices` stand below the title.
    """
    look = Estimates(estimates, pooled(predictions))
    front = figures.front(
        [
            [
                Panel(LEAKAGE[leakage], UTILITY[utility], list(_points(look, leakage, utility)))
                for leakage in LEAKAGE
            ]
            for utility in UTILITY
        ],
        look.releases,
    )
    paper = tables.FengTables()
    sections = [
        Section("Verdict", _verdict(look)),
        Section("Utility against leakage", [Picture(front, _FRONT)]),
        Section("Emotions: the paper's Table III", _emotions(look, paper)),
        Section("Gender: the paper's Table IV", _gender(look, paper)),
        Section("What else is lost", [Text(_DETAIL), informed_tables.detail_table(look)]),
        Section("Confusion matrices: the paper's Fig. 3", _confusions(look, predictions)),
        *(
            [Section("Each corpus alone", [Text(_CORPORA), *informed_tables.corpora_tables(look)])]
            if len(look.corpora) > 1
            else []
        ),
        Section("Every attacker", _attackers(look, predictions)),
        glossary.section(),
        Section("How it was run", [Terms(_run(run))]),
    ]
    title = "Feng 2021, run again: hiding emotions and gender"
    return Page(
        title,
        _lead(look, predictions, estimates, run),
        sections,
        [*_measured_on(run), *notices],
        {"figure.svg": front},
    )


def _lead(
    look: Estimates, predictions: pd.DataFrame, estimates: pd.DataFrame, run: Mapping[str, Any]
) -> str:
    """The run in one paragraph."""
    emotions = predictions[predictions["target"] == "emotion"]
    rows, speakers = emotions["row"].nunique(), emotions["speaker"].nunique()
    draws, dims = emotions["draw"].nunique(), run.get("config", {}).get("dims")
    vectors = f"{estimates['features'].iloc[0] or 'given'} features" + (
        f" ({dims:,} numbers an utterance)" if dims else ""
    )
    return (
        "A replacement autoencoder turns sensitive emotions into neutral ones and preserves the "
        "required one. A gradient reversal layer is intended to hide gender. This run is on "
        f"**{look.corpora[0].replace('+', ' and ')}**: {rows:,} neutral, happy, sad and angry test "
        f"utterances of {speakers} speakers, {vectors}, {len(look.required)} required emotions, "
        f"{draws} {'draw' if draws == 1 else 'draws'} of speakers for the attacker, the transform "
        "and the test. No speaker is in two of these parts in one draw. Every figure is a mean "
        "over "
        "draws, on test speakers. The attacker of the paper never saw a released vector; here a "
        "second attacker retrains on released vectors."
    )


def _measured_on(run: Mapping[str, Any]) -> list[str]:
    where = run.get("config", {}).get("options", {}).get("measured_on", "test")
    return (
        []
        if where == "test"
        else [f"Measured on the {where} speakers of the transform, not on test speakers."]
    )


def _verdict(look: Estimates) -> list[Block]:
    words = (
        f"Means over the required emotions {', '.join(look.required)}. In brackets: 95 % intervals "
        "over speakers."
    )
    releases = [release for release in look.releases if release != verdict.NONE] or look.releases
    return [
        Text(words),
        *(
            release_page.card(look, release, "", DESCRIPTIONS.get(release, ""))
            for release in releases
        ),
    ]


def _points(look: Estimates, leakage: str, utility: str) -> Iterator[Point]:
    """For every release, the mean of the policies for both attackers, and each policy."""
    for release in look.releases:
        for required in ("", *look.required):
            y = look(utility, release, required, Role.REQUIRED)
            if release == verdict.NONE and utility == "unchanged":
                y = Estimate(y.value, chance=y.chance)  # 1 by definition: no interval
            x = look(leakage, release, required, knowledge=Knowledge.SEMI_INFORMED)
            yield Point(release, x, y, "policy" if required else "retrained")
            if not required:
                yield Point(release, look(leakage, release), y, "ignorant")


def _emotions(look: Estimates, paper: tables.FengTables) -> list[Block]:
    roles = [tables.table_three(look, paper, required) for required in (*look.required, "")]
    return [Text(_EMOTIONS), *roles, Text(_DISTINGUISH), informed_tables.distinguish_table(look)]


def _gender(look: Estimates, paper: tables.FengTables) -> list[Block]:
    return [
        Text(_GENDER),
        tables.table_four(look, paper),
        Text(_RETRAINED),
        informed_tables.gender_table(look),
    ]


def _attackers(look: Estimates, predictions: pd.DataFrame) -> list[Block]:
    return [
        release_page.attackers(look),
        informed_tables.families_table(look, _chosen(predictions)),
        Text(_FAMILIES),
        release_page.stronger_attackers(look),
    ]


def _confusions(look: Estimates, predictions: pd.DataFrame) -> list[Block]:
    emotions = predictions[predictions["target"] == "emotion"]
    first = emotions["draw"].min()
    titles = [tables.RELEASE_LABELS.get(release, release) for release in look.releases]
    roles, policies = (
        [str(role) for role in ROLES],
        [f"required {required}" for required in look.required],
    )
    blocks: list[Block] = [Text(_CONFUSIONS)]
    for words, rows in (
        (
            f"One draw of test speakers, as in the paper (draw {first}).",
            emotions[emotions["draw"] == first],
        ),
        ("All draws together.", emotions),
    ):
        grid = [
            [_counts(rows, release, required) for release in look.releases]
            for required in look.required
        ]
        blocks.append(Picture(figures.confusions(grid, policies, titles, roles, words), words))
    return blocks


def _counts(emotions: pd.DataFrame, release: str, required: str) -> NDArray[np.intp]:
    """Counts of true role by predicted role, `(3, 3)`."""
    rows = emotions[(emotions["release"] == release) & (emotions["required"] == required)]
    counts = np.zeros((len(ROLES), len(ROLES)), dtype=np.intp)
    np.add.at(
        counts, (rows["truth"].to_numpy(dtype=int), rows["prediction"].to_numpy(dtype=int)), 1
    )
    return counts


def _chosen(predictions: pd.DataFrame) -> pd.Series:
    """The number of units in which each family was the best, by target, release and attacker."""
    semi = predictions[
        (predictions["knowledge"] == str(Knowledge.SEMI_INFORMED)) & predictions["best"]
    ]
    units = semi.drop_duplicates(["target", "release", "attacker", "required", "draw"])
    return units.groupby(["target", "release", "attacker"]).size()


def _run(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings, checksums and versions. Only `run.json` has the speakers of each part."""
    rows = settings(
        {key: value for key, value in run.get("config", {}).items() if key != "policies"}
    )
    rows += settings(
        {key: run[key] for key in ("config_hash", "data_checksum", "unknown_gender") if key in run}
    )
    if "identical_recordings" in run:
        count = len(run["identical_recordings"])
        rows.append(
            (
                "identical_recordings",
                f"{count} {'group' if count == 1 else 'groups'}, each kept in one part",
            )
        )
    if "parts" in run:
        apart = all(parts["disjoint"] for parts in run["parts"])
        once = (
            "nor tested twice"
            if run.get("test_parts_disjoint", True)
            else "some measured in several draws"
        )
        rows.append(
            ("parts", f"no speaker in two parts of a draw, {once}" if apart else "parts overlap")
        )
    return [*rows, release_page.installed(run.get("versions", {}))]


_FRONT: Final = (
    "Up is more utility, left is less leakage. Filled: the mean of the required emotions for a "
    "retrained attacker, with 95 % intervals over speakers. Hollow: the attacker that never saw a "
    "released vector; the dotted line leads from the paper's measure to the retrained attacker. "
    "Faint: one required emotion alone. Dashed: the original features. Grey: chance (for U each "
    "release has its own, a dash)."
)
_EMOTIONS: Final = (
    "The risk model never saw a released vector. F1 of each role, and U, the share of its "
    "predictions of a role that are unchanged after release. The figures of the paper are of "
    "IEMOCAP, RAVDESS and CREMA-D together, ours of the recordings named above: a difference is no "
    "error of either. Where text and tables of the paper disagree, the tables stand here."
)
_DISTINGUISH: Final = (
    "A low F1 of the sensitive role means that the risk model now predicts another role. It does "
    "not mean that these utterances resemble neutral ones. This table tests that, with the scores "
    "of the risk model and with attackers that are retrained on released vectors of their own "
    "speakers. “Original” is the second attack on the original features."
)
_GENDER: Final = (
    "L is the accuracy of the risk model's gender head on released vectors, P is 1 minus its "
    "unweighted average recall. P above 0.5 would be a reliably wrong attacker, and its "
    "predictions "
    "can be inverted: min(P, 1 − P) corrects for that."
)
_RETRAINED: Final = (
    "Gender under attackers that are retrained on released vectors of their own speakers."
)
_DETAIL: Final = (
    "Detail inside the required emotion that survives the release, although the policy does not "
    "hide it. A release may hide attributes by flattening all information; this is the cost."
)
_CONFUSIONS: Final = (
    "Rows are the true role, columns the role that the risk model predicts. Each cell has the "
    "share "
    "of its row, and below it the number of utterances."
)
_CORPORA: Final = (
    "Trained on all corpora together, measured on the test speakers of one. Means over the "
    "required "
    "emotions. A corpus with few speakers in a draw has wide intervals."
)
_FAMILIES: Final = (
    "The best family is chosen in each draw and policy by cross-validation on the attacker's own "
    "speakers. It can therefore be slightly worse than the best family on the test. A family that "
    "is weak on the release `none` is no evidence for another release."
)
