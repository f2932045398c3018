"""The page of an audit of a table: a verdict a secret, what it rests on, and what was not tested."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino import metrics, storage
from sordino.attack.attackers.families import FULL
from sordino.attack.secret import Secret
from sordino.attack.selection import BEST
from sordino.attack.vector_audit import REFERENCE, RELEASED, AuditResult
from sordino.define import Knowledge
from sordino.report import figures, release_page, roc
from sordino.report.page import Block, Card, Page, Picture, Section, Terms, Text, settings
from sordino.report.record import settled, versions
from sordino.report.tables import Cell, Estimate, Table, limits, number, with_interval
from sordino.report.vector_estimates import WHOLE, People, estimates


class Found:
    """Estimates of an audit by name."""

    def __init__(self, table: pd.DataFrame) -> None:
        keys = ["target", "metric", "release", "attacker", "knowledge", "k", "condition"]
        names = table[keys].astype(str).itertuples(index=False, name=None)
        values = table[list(Estimate._fields)].itertuples(index=False, name=None)
        self._lines = {key: Estimate(*line) for key, line in zip(names, values, strict=True)}
        own = table[table["knowledge"] == str(Knowledge.SEMI_INFORMED)]
        self.families = [name for name in dict.fromkeys(own["attacker"]) if name != BEST]
        self.patience = sorted({int(k) for k in table["k"] if k != ""})

    def __call__(
        self,
        target: str,
        metric: str,
        release: str = RELEASED,
        attacker: str = BEST,
        k: int = 1,
        condition: str = "",
        ignorant: bool = False,
    ) -> Estimate:
        """The estimate, or NaN everywhere."""
        retrains = Knowledge.PATIENT if k > 1 or condition else Knowledge.SEMI_INFORMED
        knowledge = Knowledge.IGNORANT if ignorant else retrains
        key = (
            target,
            metric,
            release,
            attacker,
            str(knowledge),
            str(k) if k > 1 else "",
            condition,
        )
        return self._lines.get(key, Estimate())


def write(
    audits: Sequence[AuditResult],
    folder: str | Path,
    *,
    table: str,
    tasks: Sequence[AuditResult] = (),
    people: People | None = None,
    columns: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> pd.DataFrame:
    """Write `estimates.csv`, `run.json` and `report.html` of the audits of one table; the
    estimates.

    `table` names the vectors; `tasks` are audits of what is to be kept; `columns` say which were
    dimensions, and `warnings` what a reader must know of them. Raises `StorageError` where nothing
    can be written.
    """
    folder = storage.folder(folder)
    found = estimates([*audits, *tasks], table, people=people)
    run: dict[str, Any] = {
        **settled(
            {
                "table": table,
                **(columns or {}),
                "secrets": {one.secret.name: one.config for one in audits},
            }
        ),
        "warnings": list(warnings),
        "versions": versions(),
        "verdict": {one.secret.name: one.decision.answer for one in audits},
        "p": {one.secret.name: one.decision.p for one in audits},
    }
    storage.write(folder / "estimates.csv", release_page.csv(found))
    storage.write(folder / "run.json", json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    page(audits, tasks, found, run).write(folder)
    return found


def page(
    audits: Sequence[AuditResult],
    tasks: Sequence[AuditResult],
    table: pd.DataFrame,
    run: Mapping[str, Any],
) -> Page:
    """The page of some audits of one table."""
    look = Found(table)
    first = audits[0]
    lead = (
        f"What an attacker who retrains learns from **{len(first.rows):,}** vectors of "
        f"{first.config['dimensions']:,} "
        f"dimensions and {first.speakers} speakers in `{run['config']['table']}`. The attacker has "
        "labelled "
        "speakers of their own, and is measured on speakers it never saw. The verdict is a "
        "permutation test over "
        "speakers for the best of all attackers."
    )
    sections = [
        Section("Verdict", [card(one, look) for one in audits]),
        *([Section("What is kept", [Text(_kept(one, look)) for one in tasks])] if tasks else []),
        Section("Every attacker", _attackers(audits, look)),
        Section("The patient attacker", _patient(audits, look)),
        Section("Sure of few", _roc(audits)),
        Section("Who speaks, and what comes back", _people(look)),
        Section("What was not tested", [Terms([*_left_out(first), *_UNTESTED])]),
        Section("How to read this page", [Terms(_READING)]),
        Section(
            "How it was run",
            [Terms([*settings(run["config"]), release_page.installed(run["versions"])])],
        ),
    ]
    shown = [section for section in sections if section.blocks]
    notices = [*run.get("warnings", ()), *above_original(audits, look), *_notices(audits)]
    return Page(f"Audit of {run['config']['table']}", lead, shown, notices)


def card(audited: AuditResult, look: Found) -> Card:
    """The verdict on one secret, and what each attacker gets."""
    name, decision = audited.secret.name, audited.decision
    words = {
        "leak": f"**{name} leaks**",
        "no leak found": f"**no leak found** of {name}, which is no proof",
        "cannot tell": f"we **cannot tell** whether {name} leaks: {decision.why}",
    }[decision.answer]
    family, setting, pooled, _, _ = decision.by_attacker[0]
    seen = "all utterances of a speaker" if pooled else "one utterance"
    how = (
        f"Of {len(decision.by_attacker)} attackers the best was {family} ({setting}) with {seen}: "
        "p = "
        f"{decision.p:.3g}, the choice of the best accounted for. An AUC of single utterances "
        "above "
        f"{number(decision.needed)} would have been called a leak."
    )
    return Card(
        name,
        _values(audited),
        f"{words[0].upper()}{words[1:]}.",
        [
            ("One utterance", [_sentence(audited, look), *_unseen(audited, look)]),
            ("The test", [how]),
        ],
    )


def measure(secret: Secret) -> str:
    """The measure that tells most of a secret: `auc`, or `uar` of more than two classes."""
    return "auc" if len(secret.classes) in (0, 2) else "uar"


def _values(audited: AuditResult) -> str:
    secret = audited.secret
    where = "within speakers" if secret.within else "constant within speakers"
    if not secret.classes:
        return f"{secret.values.min():g} to {secret.values.max():g}, {where}"
    shown = ", ".join(secret.classes[:6]) + (", ..." if len(secret.classes) > 6 else "")
    return f"{shown}; {where}"


def _sentence(audited: AuditResult, look: Found) -> str:
    name = audited.secret.name
    metric = measure(audited.secret)
    words = metric.upper()
    found, before = look(name, metric), look(name, metric, REFERENCE)
    beside = [] if np.isnan(before.value) else [f"on the original vectors {number(before.value)}"]
    beside.append(f"chance {number(found.chance)}")
    return (
        f"An attacker who retrains on released vectors tells {name} with {words} "
        f"**{number(found.value)}** "
        f"{limits(found)}; {'; '.join(beside)}."
    )


def _unseen(audited: AuditResult, look: Found) -> list[str]:
    """The same of who never saw a release, where a reference of the same width was given."""
    name = audited.secret.name
    metric = measure(audited.secret)
    words = metric.upper()
    found = look(name, metric, ignorant=True)
    if np.isnan(found.value):
        return []
    return [
        f"One who learnt from original vectors and never saw a release gets {words} "
        f"**{number(found.value)}** "
        f"{limits(found)}. That is no measure of what leaks."
    ]


def _kept(audited: AuditResult, look: Found) -> str:
    name = audited.secret.name
    found, before = look(name, "uar"), look(name, "uar", REFERENCE)
    beside = "" if np.isnan(before.value) else f"; on the original vectors {number(before.value)}"
    return (
        f"{name} is told with UAR **{number(found.value)}** {limits(found)}{beside}; chance "
        f"{number(found.chance)}, by "
        "the best of the same attackers, here on the user's side."
    )


def _attackers(audits: Sequence[AuditResult], look: Found) -> list[Block]:
    panels = {}
    for one in audits:
        if len(one.secret.classes) in (0, 2):
            panels[one.secret.name] = {
                release: {
                    name: look(one.secret.name, "auc", release, name)
                    for name in (*look.families, BEST)
                }
                for release in (RELEASED, REFERENCE)
                if not np.isnan(look(one.secret.name, "auc", release).value)
            }
    blocks: list[Block] = []
    if panels and len({tuple(rows) for rows in panels.values()}) == 1:
        caption = "AUC of single utterances. Whiskers: 95 % over speakers. Dashed: the best on the original vectors."
        blocks.append(Picture(figures.dots(panels), caption))
    return [*blocks, _table(audits, look)]


def _table(audits: Sequence[AuditResult], look: Found) -> Table:
    """Every measure of the best attacker, with the reference and chance."""
    measures = ("auc", "uar", "privacy", "advantage", "tpr@fpr=0.01", "tpr@fpr=0.001", "bits")
    groups = []
    for one in audits:
        rows: list[list[Cell]] = []
        for metric in measures:
            found, before = (
                look(one.secret.name, metric, release) for release in (RELEASED, REFERENCE)
            )
            if not np.isnan(found.value):
                names = [Cell(one.secret.name if not rows else "", "name"), Cell(metric, "name")]
                chance = Cell(number(found.chance), "chance")
                rows.append([*names, *with_interval(found), *with_interval(before), chance])
        groups.append(rows)
    sure = ("value", "95 % interval")
    heads = [
        [("", 2), ("released", 2), ("original", 2), ("", 1)],
        [(name, 1) for name in ("secret", "measure", *sure, *sure, "chance")],
    ]
    return Table("The best attacker, chosen on other speakers", heads, groups)


def _patient(audits: Sequence[AuditResult], look: Found) -> list[Block]:
    panels: dict[str, dict[str, Sequence[tuple[float, Estimate]]]] = {}
    sentences = []
    for one in audits:
        name = one.secret.name
        if one.secret.within or len(one.secret.classes) != 2:
            continue
        panels[name] = {
            release: [
                (k, look(name, "auc", release, k=k))
                for k in (1, *look.patience)
                if not np.isnan(look(name, "auc", release, k=k).value)
            ]
            for release in (RELEASED, REFERENCE)
            if not np.isnan(look(name, "auc", release).value)
        }
        whole = look(name, "auc", condition=WHOLE)
        sentences.append(
            "Who sees all utterances of a speaker at once, and learns from whole speakers, tells "
            f"{name} with AUC "
            f"**{number(whole.value)}** {limits(whole)}."
        )
    if not panels:
        return []
    drawn = figures.curves(panels, "utterances of one speaker", "AUC", logarithmic=True)
    words = "Several utterances of one speaker: their scores pooled, or their vectors, whichever did better on others."
    return [Picture(drawn, words), *map(Text, sentences)]


def _people(look: Found) -> list[Block]:
    """Re-identification and reconstruction, in sentences."""
    sentences = []
    for metric, words in (
        (
            "uar",
            "An attacker who has labelled utterances of the very people names the speaker with UAR",
        ),
        ("eer", "Whether a claimed speaker is the right one is told with an equal error rate of"),
    ):
        found, before = look("speaker", metric), look("speaker", metric, REFERENCE)
        if not np.isnan(found.value):
            beside = (
                ""
                if np.isnan(before.value)
                else f"; on the original vectors {number(before.value)}"
            )
            sentences.append(
                f"{words} **{number(found.value)}** {limits(found)}{beside}; chance "
                f"{number(found.chance)}."
            )
    back = look("reconstruction", "reconstruction")
    if not np.isnan(back.value):
        sentences.append(
            "A linear regression that never saw the speaker gets back a share R² = "
            f"**{number(back.value)}** {limits(back)} of the original vectors' variance; chance 0."
        )
    return [*map(Text, sentences)]


def _roc(audits: Sequence[AuditResult]) -> list[Block]:
    panels = {}
    for one in audits:
        if len(one.secret.classes) == 2:
            semi = one.guesses["knowledge"] == str(Knowledge.SEMI_INFORMED)
            best = one.guesses[semi & one.guesses["best"]]
            panels[one.secret.name] = {
                str(release): metrics.roc_curve(
                    own["truth"].to_numpy() == 1, own["score"].to_numpy()
                )
                for release, own in best.groupby("release", sort=False)
            }
    if not panels:
        return []
    return [
        Picture(
            roc.roc(panels),
            "Right: the corner of few false alarms, where an attacker is sure of those it names.",
        )
    ]


def drawn(audits: Sequence[AuditResult]) -> list[str]:
    """A sentence for each number of rows that were drawn from a larger table."""
    lines = []
    for one in audits:
        if len(one.rows) < one.available:
            lines.append(
                f"{len(one.rows):,} of {one.available:,} rows of {one.speakers:,} speakers "
                "were audited, drawn evenly from the speakers: more rows (--rows) may find more, and take longer."
            )
    return list(dict.fromkeys(lines))


ABOVE: Final = 0.02
"""What chance in the choice of an attacker may add."""


def above_original(audits: Sequence[AuditResult], look: Found) -> list[str]:
    """A warning on each secret that is told better from released vectors than from the original
    ones.
    """
    told = []
    for one in audits:
        name, metric = one.secret.name, measure(one.secret)
        found, before = look(name, metric), look(name, metric, REFERENCE)
        if found.low > before.value and found.value > before.value + ABOVE:
            told.append(
                f"{name}: {metric.upper()} {number(found.value)} on released vectors, above "
                f"{number(before.value)} on "
                "the original ones: a release adds nothing of a secret, so the reference may be of "
                "other rows, or a "
                "label may stand among the dimensions."
            )
    return told


def _notices(audits: Sequence[AuditResult]) -> list[str]:
    notices = []
    first = audits[0]
    notices += drawn(audits)
    if REFERENCE not in set(first.guesses["release"]):
        notices.append(
            "The unprotected vectors were not given, so nobody sees what there was to hide, nor "
            "whether these "
            "attackers can find it at all: pass the reference."
        )
    for one in audits:
        if one.unable:
            notices.append(
                f"{', '.join(one.unable)}: much worse than the best on the original vectors, so "
                "unable to vouch that "
                f"{one.secret.name} is hidden."
            )
    return notices


def _left_out(audited: AuditResult) -> list[tuple[str, str]]:
    """Families of attackers that a quick audit does without."""
    absent = [family for family in FULL if family not in audited.config["families"]]
    if not absent:
        return []
    return [
        ("left out, being quick", f"{', '.join(absent)}: an audit without --quick asks them too.")
    ]


_UNTESTED: Final = (
    (
        "other attackers",
        "Much larger ones, and those with much more data, may do better.",
    ),
    (
        "informed",
        "Who has the speakers that the vectors' maker was fitted on, or reads what was fitted.",
    ),
    (
        "membership",
        "Whether a speaker was in that fitting set, unless a column says so and is the secret.",
    ),
    ("several releases", "What two releases of one utterance tell together."),
)
_READING: Final = (
    (
        "leak",
        "The best attacker did better than on all but a twentieth of the shuffles of the secret "
        "over speakers.",
    ),
    (
        "no leak found",
        "These attackers found none. An AUC above the one printed would have been called a leak.",
    ),
    ("cannot tell", "Speakers are too few for a useful answer. It does not mean private."),
    ("AUC", "How often a row of one value scores above a row of the other. Chance 0.5."),
    ("UAR, privacy", "Unweighted average recall of the guesses; privacy is 1 − UAR."),
    ("advantage", "How far the guesses are from chance: 0 is chance, 1 is always right."),
    (
        "tpr@fpr=0.01",
        "The share of one value that the attacker names while wrong about 1 % of the other.",
    ),
    ("bits", "What one utterance tells, in bits, by a calibrated attacker. Below 0 it misleads."),
    ("[0.80, 0.90]", "95 % interval over speakers."),
)
