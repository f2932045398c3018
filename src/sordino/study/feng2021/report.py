"""The page of the study of Feng 2021: what it showed, what it hides, and how far ours is from the
paper's.
"""

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
from sordino.study.feng2021 import informed_tables as beyond
from sordino.study.feng2021 import tables

RELEASES: Final = {
    "rae": "the paper's transform without gradient reversal",
    "rae-grl": "the paper's transform with gradient reversal",
    "rae-grl+": "our variant, made to keep the required emotion",
}
"""What each release is, in words."""

UTILITY: Final = {"f1": "F1 of the required emotion", "unchanged": "U of the required emotion"}
LEAKAGE: Final = {metric: f"AUC, {name}" for metric, name in SECRET_NAMES.items()}


def page(
    predictions: pd.DataFrame,
    estimates: pd.DataFrame,
    run: Mapping[str, Any],
    notices: Sequence[str] = (),
) -> Page:
    """The page of one run of the study; its large figure is also the file `figure.svg`.

    `predictions` are those of all units (`sordino.attack.PREDICTION_COLUMNS`), `estimates` what
    `measure` made of them and `run` the content of `run.json`. `notices` stand below the title, in large letters.
    """
    look = Estimates(estimates, pooled(predictions))
    front = figures.front(
        [
            [
                Panel(LEAKAGE[leak], UTILITY[keep], list(_points(look, leak, keep)))
                for leak in LEAKAGE
            ]
            for keep in UTILITY
        ],
        look.releases,
    )
    paper = tables.Published()
    sections = [
        Section("Verdict", _verdict(look)),
        Section("Utility against leakage", [Picture(front, _FRONT)]),
        Section("Emotions: the paper's Table III", _emotions(look, paper)),
        Section("Gender: the paper's Table IV", _gender(look, paper)),
        Section("What else is lost", [Text(_DETAIL), beyond.detail(look)]),
        Section("Confusion matrices: the paper's Fig. 3", _confusions(look, predictions)),
        *(
            [Section("Each corpus alone", [Text(_CORPORA), *beyond.corpora(look)])]
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
    """What was run, in one paragraph."""
    emotions = predictions[predictions["target"] == "emotion"]
    rows, speakers = emotions["row"].nunique(), emotions["speaker"].nunique()
    draws, dims = emotions["draw"].nunique(), run.get("config", {}).get("dims")
    vectors = f"{estimates['features'].iloc[0] or 'given'} features" + (
        f" ({dims:,} numbers an utterance)" if dims else ""
    )
    return (
        "A replacement autoencoder turns sensitive emotions into neutral ones and keeps the "
        "required one; a gradient "
        "reversal layer is to hide gender. Here it is on "
        f"**{look.corpora[0].replace('+', ' and ')}**: {rows:,} "
        f"neutral, happy, sad and angry test utterances of {speakers} speakers, {vectors}, "
        f"{len(look.required)} "
        f"required emotions, {draws} {'draw' if draws == 1 else 'draws'} of who trains the "
        "attacker, who trains the "
        "transform and who is tested. No speaker has two of these parts in one draw. Every figure "
        "is a mean over "
        "draws, on test speakers. The paper attacks with a model that never saw the release; here "
        "a second attacker "
        "retrains."
    )


def _measured_on(run: Mapping[str, Any]) -> list[str]:
    where = run.get("config", {}).get("options", {}).get("measured_on", "test")
    return (
        []
        if where == "test"
        else [f"Measured on the {where} speakers of the transform, not on test speakers."]
    )


def _verdict(look: Estimates) -> list[Block]:
    words = f"Means over the required emotions {', '.join(look.required)}. In brackets: 95 % intervals over speakers."
    releases = [release for release in look.releases if release != verdict.NONE] or look.releases
    return [
        Text(words),
        *(release_page.card(look, release, "", RELEASES.get(release, "")) for release in releases),
    ]


def _points(look: Estimates, leakage: str, utility: str) -> Iterator[Point]:
    """For every release: the mean of the policies for both attackers, and each policy faint."""
    for release in look.releases:
        for required in ("", *look.required):
            kept = look(utility, release, required, Role.REQUIRED)
            if release == verdict.NONE and utility == "unchanged":
                kept = Estimate(kept.value, chance=kept.chance)  # 1 by definition: no interval
            taken = look(leakage, release, required, knowledge=Knowledge.SEMI_INFORMED)
            yield Point(release, taken, kept, "policy" if required else "retrained")
            if not required:
                yield Point(release, look(leakage, release), kept, "ignorant")


def _emotions(look: Estimates, paper: tables.Published) -> list[Block]:
    roles = [tables.table_three(look, paper, required) for required in (*look.required, "")]
    return [Text(_EMOTIONS), *roles, Text(_DISTINGUISH), beyond.distinguish(look)]


def _gender(look: Estimates, paper: tables.Published) -> list[Block]:
    return [Text(_GENDER), tables.table_four(look, paper), Text(_RETRAINED), beyond.gender(look)]


def _attackers(look: Estimates, predictions: pd.DataFrame) -> list[Block]:
    return [
        release_page.attackers(look),
        beyond.families(look, _chosen(predictions)),
        Text(_FAMILIES),
        release_page.stronger_attackers(look),
    ]


def _confusions(look: Estimates, predictions: pd.DataFrame) -> list[Block]:
    emotions = predictions[predictions["target"] == "emotion"]
    first = emotions["draw"].min()
    titles = [tables.LABELS.get(release, release) for release in look.releases]
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
    """True role by the role called: (3, 3)."""
    rows = emotions[(emotions["release"] == release) & (emotions["required"] == required)]
    counts = np.zeros((len(ROLES), len(ROLES)), dtype=np.intp)
    np.add.at(
        counts, (rows["truth"].to_numpy(dtype=int), rows["prediction"].to_numpy(dtype=int)), 1
    )
    return counts


def _chosen(predictions: pd.DataFrame) -> pd.Series:
    """In how many draws and policies each family was the best: (target, release, attacker) to a
    count.
    """
    semi = predictions[
        (predictions["knowledge"] == str(Knowledge.SEMI_INFORMED)) & predictions["best"]
    ]
    units = semi.drop_duplicates(["target", "release", "attacker", "required", "draw"])
    return units.groupby(["target", "release", "attacker"]).size()


def _run(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings, checksums and versions; the speakers of each part stand in `run.json` alone."""
    rows = settings(
        {key: value for key, value in run.get("config", {}).items() if key != "policies"}
    )
    rows += settings(
        {key: run[key] for key in ("config_hash", "data_checksum", "unknown_gender") if key in run}
    )
    if "identical_recordings" in run:
        many = len(run["identical_recordings"])
        rows.append(
            (
                "identical_recordings",
                f"{many} {'group' if many == 1 else 'groups'}, each kept in one part",
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
    "Up is more useful, left is more private. Filled: the mean of the required emotions for an "
    "attacker who retrains,"
    " with 95 % intervals over speakers. Hollow: what an attacker gets who never saw the release; "
    "the dotted line "
    "leads from what the paper measures to what retraining adds. Faint: one required emotion "
    "alone. Dashed: the "
    "original features. Grey: chance (for U each release has its own, a dash)."
)
_EMOTIONS: Final = (
    "How the risk model, which never saw the release, tells the roles apart: F1 of each, and U, "
    "the share of what it "
    "called by that role before that it still calls so. The paper's figures are of IEMOCAP, "
    "RAVDESS and CREMA-D "
    "together, ours of the recordings named above: a difference is not an error of either. Where "
    "the paper's text and "
    "its tables disagree, the tables stand here."
)
_DISTINGUISH: Final = (
    "A low F1 of the sensitive role says that the risk model now calls those utterances something "
    "else. It does not "
    "say that they look like neutral ones: that is asked here, of the risk model's own scores and "
    "of attackers who "
    "retrain on released vectors of their own speakers. “Original” is the second attack on the "
    "original features."
)
_GENDER: Final = (
    "L is the accuracy of the risk model's gender head on what is released, P is 1 minus its "
    "unweighted average "
    "recall. P above 0.5 would be a reliably wrong attacker, who can be inverted: min(P, 1 − P) "
    "counts that."
)
_RETRAINED: Final = (
    "The same question to attackers who retrain on released vectors of their own speakers."
)
_DETAIL: Final = (
    "What the policy does not ask to hide and still survives inside the required emotion. A "
    "release may hide well by "
    "flattening everything; this is that price."
)
_CONFUSIONS: Final = (
    "TableRows are the true role, columns what the risk model calls it. In each cell the share of its "
    "row, below it how "
    "many utterances."
)
_CORPORA: Final = (
    "Trained on all corpora together, measured on the test speakers of one; means over the "
    "required emotions. A "
    "corpus with few speakers in a draw has wide intervals."
)
_FAMILIES: Final = (
    "The best is chosen in each draw and policy by cross-validation on the attacker's own "
    "speakers, so it can come "
    "out a little below the family that did best on the test. A family that is weak on the release "
    "`none` cannot "
    "vouch for another."
)
