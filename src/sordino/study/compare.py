"""Every release under one roof: what each keeps, what attackers who retrain get, and the front
between the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino import storage
from sordino.corpora.table import Corpus
from sordino.define import Knowledge, Role
from sordino.features import CACHE
from sordino.release import FITTERS
from sordino.report import figures, glossary, release_page
from sordino.report.estimates import bounded, measure, pooled
from sordino.report.figures import Panel, Point
from sordino.report.page import Page, Picture, Section, Terms, Text, settings
from sordino.report.tables import Cell, Estimate, Estimates, Table, number, with_interval
from sordino.report.verdict import NONE
from sordino.study import protocol
from sordino.study.feng2021.report import LEAKAGE, UTILITY
from sordino.study.units import Options

STUDY: Final = "compare"
RELEASES: Final = tuple(FITTERS)

ALIKE: Final = ("label",)
"""Releases that the figure leaves out, since they lie on another: `drawn`."""

KEPT: Final = UTILITY | {"detail": "detail within the required emotion"}
"""What is kept, in words: the rows of the figure."""

MIXTURES: Final = ("drawn", "drawn+rae-25", "rae")
"""The way from a decision to an autoencoder, which the figure draws as one line."""


def compare(
    corpus: Corpus,
    out: str | Path,
    *,
    features: str = "IS13",
    options: Options | None = None,
    cache: str | Path | None = CACHE,
    jobs: int = 0,
    notices: Sequence[str] = (),
) -> pd.DataFrame:
    """The estimates of every release; `estimates.csv`, `run.json`, `report.html` and the front are
    written to `out`.

    The protocol is that of `sordino.study.feng2021`: three policies, five draws, no shared speaker.
    A killed run goes on where it was. Raises what that study raises.
    """
    options, out = options or Options(releases=RELEASES), storage.folder(out)
    guesses, record = protocol.attacked(corpus, out, features, options, cache, jobs, STUDY)
    estimates = measure(
        guesses, study=STUDY, features=protocol.name_of(features), seed=options.seed
    )
    estimates = pd.concat([estimates, _bounds(estimates, record["units"])], ignore_index=True)
    protocol.write(estimates, record, page(guesses, estimates, record, notices), out)
    return estimates


def _bounds(estimates: pd.DataFrame, units: Mapping[str, Any]) -> pd.DataFrame:
    """Rows `bound_auc` and its kin of drawn releases: means over draws, `high` being the mean of
    the upper limits.
    """
    first = estimates.iloc[0]
    together = max(set(estimates["corpus"]), key=lambda name: name.count("+"))
    lines: list[dict[str, Any]] = []
    names = dict.fromkeys(
        (unit.rpartition("-")[0], release) for unit, of in units.items() for release in of["bounds"]
    )
    for required, release in names:
        of = [
            one["bounds"][release]
            for unit, one in units.items()
            if unit.rpartition("-")[0] == required and release in one["bounds"]
        ]
        for key in dict.fromkeys(key for one in of for key in one):
            target, _, given = key.partition(" given ")
            found = pd.DataFrame([one[key] for one in of if key in one]).mean(skipna=False)
            where = {
                "study": STUDY,
                "corpus": together,
                "features": first["features"],
                "seed": first["seed"],
                "release": release,
                "required": required,
                "knowledge": "",
                "attacker": "",
                "target": target,
                "group": given,
                "k": "",
                "condition": "",
                "split": "all",
                "low": np.nan,
                "n": "",
            }
            lines += [
                {**where, **line}
                for line in bounded(
                    found["tv"],
                    found["tv_high"],
                    found["auc"],
                    found["auc_high"],
                    found["speakers"],
                )
            ]
    return pd.DataFrame(lines, columns=list(estimates.columns))


def page(
    guesses: pd.DataFrame,
    estimates: pd.DataFrame,
    record: Mapping[str, Any],
    notices: Sequence[str] = (),
) -> Page:
    """The page of one run; its figure is also the file `figure.svg`."""
    attacks = estimates[~estimates["metric"].str.startswith("bound_")]
    look = Estimates(attacks, pooled(guesses))
    shown = [release for release in look.releases if release not in (*ALIKE, *MIXTURES[1:-1])]
    way = [release for release in MIXTURES if release in look.releases]
    panels = [
        [
            Panel(LEAKAGE[leak], KEPT[keep], list(_points(look, [*shown, *way[1:-1]], leak, keep)))
            for leak in LEAKAGE
        ]
        for keep in KEPT
    ]
    front = figures.front(panels, shown, way=way if len(way) > 2 else ())
    drawn = estimates[estimates["metric"] == "bound_auc"]
    sections = [
        Section("Utility against leakage", [Picture(front, _FRONT)]),
        Section("Every release", [table(look), Text(_TABLE)]),
        Section("Who knows more, or sees more", [release_page.knows_more(look)]),
        *(
            [Section("What no attacker exceeds", [Text(_BOUND), bounds(drawn)])]
            if len(drawn)
            else []
        ),
        Section(
            "What each is",
            [Terms([(name, FITTERS[name].description) for name in look.releases])],
        ),
        Section(
            "How to read this page",
            [Terms((*glossary.READING, *glossary.MEASURES)), *map(Text, glossary.UNTESTED)],
        ),
        Section(
            "How it was run",
            [
                Terms(
                    [*settings(dict(record["config"])), release_page.installed(record["versions"])]
                )
            ],
        ),
    ]
    emotions = guesses[guesses["target"] == "emotion"]
    lead = (
        f"{len(look.releases)} releases on **{look.corpora[0].replace('+', ' and ')}**: "
        f"{emotions['row'].nunique():,} "
        f"test utterances of {emotions['speaker'].nunique()} speakers, means over "
        f"{len(look.required)} required "
        f"emotions and {emotions['draw'].nunique()} draws of who trains the attacker, who the "
        "release, who is tested. "
        "In brackets and whiskers: 95 % over speakers."
    )
    return Page("Releases compared", lead, sections, list(notices), {"figure.svg": front})


def _points(look: Estimates, releases: Sequence[str], leak: str, keep: str) -> Iterator[Point]:
    for release in releases:
        kept = look(keep, release, "", Role.REQUIRED)
        if release == NONE and keep == "unchanged":
            kept = Estimate(kept.value, chance=kept.chance)  # 1 by definition: no interval
        yield Point(release, look(leak, release, knowledge=Knowledge.SEMI_INFORMED), kept)


def table(look: Estimates) -> Table:
    """One row a release: what is kept, and what is taken."""
    rows = []
    for release in look.releases:
        kept = [
            look("f1", release, "", Role.REQUIRED),
            look("unchanged", release, "", Role.REQUIRED),
            look("unchanged", release, "", Role.NEUTRAL),
            look("utility_auc", release, knowledge=Knowledge.SEMI_INFORMED),
            look("detail", release, "", Role.REQUIRED),
            look("detail_auc", release, "", Role.REQUIRED),
        ]
        taken = [look(metric, release, knowledge=Knowledge.SEMI_INFORMED) for metric in LEAKAGE]
        most = max(look.patience, default=0)
        patient = look("auc", release, knowledge=Knowledge.PATIENT, k=most)
        cells = [cell for one in (*kept[:3], *taken) for cell in with_interval(one)]
        rows.append(
            [
                Cell(release, "name"),
                *cells[:6],
                *(Cell(number(one.value)) for one in kept[3:]),
                *cells[6:],
                Cell(number(patient.value)),
            ]
        )
    sure = ("value", "95 % interval")
    heads = [
        [
            ("", 1),
            ("F1 of required", 2),
            ("U of required", 2),
            ("U of neutral", 2),
            ("retrained", 1),
            ("detail", 2),
            ("sensitive, AUC", 2),
            ("gender, AUC", 2),
            ("patient", 1),
        ],
        [
            (name, 1)
            for name in (
                "release",
                *sure,
                *sure,
                *sure,
                "AUC",
                "UAR",
                "AUC",
                *sure,
                *sure,
                "gender",
            )
        ],
    ]
    return Table("Means over required emotions and draws", heads, [rows])


def bounds(drawn: pd.DataFrame) -> Table:
    """The bound on the AUC of every drawn release, and its upper limit."""
    groups = []
    for release, of in drawn.groupby("release", sort=False):
        means = (
            of.groupby(["target", "group"], sort=False)[["value", "high"]]
            .mean(numeric_only=True)
            .reset_index()
        )
        rows = []
        for target, group, value, high in means.itertuples(index=False, name=None):
            names = [Cell(str(text), "name") for text in (release, target, group or "nothing")]
            rows.append([*names, Cell(number(value)), Cell(number(high))])
        groups.append(rows)
    heads = [
        [
            (name, 1)
            for name in ("release", "secret", "known beside it", "AUC at most", "upper limit")
        ]
    ]
    return Table("What no attacker exceeds who sees one released vector", heads, groups)


_FRONT: Final = (
    "Up keeps more, left tells less. Each mark is a release, attacked by whoever retrains on it; "
    "whiskers are 95 % "
    "over speakers. Dashed: features as they are. Grey: chance. A line with dots leads from "
    "`drawn` to `rae` by way of "
    "their mixtures. `label` lies where `drawn` does, and is in the table alone."
)
_TABLE: Final = (
    "“Retrained” is whoever may use what is released and trains a model of their own: AUC of the "
    "required emotion "
    "against the rest. “Detail” is what survives inside the required emotion (UAR and AUC of "
    "intensity where it is "
    "labelled, else R²), “patient” who sees the most utterances "
    "of one speaker that were asked for."
)
_BOUND: Final = (
    "A drawn release depends on an utterance through its decision alone, so how differently "
    "decisions fall bounds "
    "every attacker, known or not, who sees one released vector and nothing else. The upper limit "
    "is one over "
    "speakers: with few of them it is wide. It covers speakers like those fitted on; another "
    "language, microphone or "
    "mix of emotions voids it, and so does seeing several utterances of one speaker. No bound can "
    "be given for the "
    "other releases."
)
