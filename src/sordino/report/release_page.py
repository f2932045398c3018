"""The report of audits: estimates, a record of how they came about, and a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sordino import storage
from sordino.attack import AttackResult
from sordino.define import ROLES, Knowledge
from sordino.errors import AttackError
from sordino.report import figures, glossary, verdict
from sordino.report.estimates import measure
from sordino.report.page import Card, Page, Picture, Section, Terms, Text, settings
from sordino.report.record import settled, versions
from sordino.report.tables import FURTHER, Cell, Estimate, Estimates, Table, chance, with_interval

ATTACKS: Final = {"distinguish": "sensitive against neutral", "auc": "gender"}
"""The measure of each secret, and what an attack on it is called."""

_NO_REFERENCE: Final = (
    "The unprotected features were not attacked, so nobody sees what there was to hide: pass the "
    "audit of the release "
    "`none` too."
)


def write(audits: AttackResult | Sequence[AttackResult], folder: str | Path) -> Path:
    """Write `estimates.csv`, `run.json` and `report.html` of one audit or several; returns the path
    of the page.

    Several audits are those of other releases, policies or draws: with that of the release `none`
    beside it, every figure has its reference. Raises `AttackError` without an audit, `StorageError`
    where files cannot be written.
    """
    several = [audits] if isinstance(audits, AttackResult) else list(audits)
    if not several:
        raise AttackError("no audit came, expected at least one: pass what `attack.run` returned")
    predictions = pd.concat([audit.predictions for audit in several], ignore_index=True)
    estimates = measure(predictions)
    run = {
        **settled([dict(audit.config) for audit in several]),
        "versions": versions(),
        "test_speakers": sorted(
            set(predictions.loc[predictions["target"] == "emotion", "speaker"])
        ),
    }
    folder = storage.folder(folder)
    storage.write(folder / "estimates.csv", csv(estimates))
    storage.write(folder / "run.json", json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    return page(predictions, estimates, run).write(folder)


def csv(estimates: pd.DataFrame) -> str:
    """Estimates as the text of `estimates.csv`: six significant digits, empty where a column does
    not apply.

    Text that a spreadsheet would run as a formula has a quote mark before it.
    """
    text = estimates.select_dtypes(exclude="number").map(
        lambda value: storage.cell(value) if isinstance(value, str) else value
    )
    return estimates.assign(**{str(name): text[name] for name in text}).to_csv(
        index=False, float_format="%.6g", lineterminator="\n"
    )


def page(predictions: pd.DataFrame, estimates: pd.DataFrame, run: dict[str, Any]) -> Page:
    """The page of some audits: a verdict for each release under each policy, then what it rests on."""
    look = Estimates(estimates)
    secrets = predictions[predictions["target"] == "emotion"]
    utterances, speakers = secrets.drop_duplicates(["draw", "row"]), secrets["speaker"].nunique()
    draws = secrets["draw"].nunique()
    lead = (
        f"What attackers learn from released vectors of {len(utterances):,} test utterances of "
        f"{speakers} speakers "
        f"({look.corpora[0].replace('+', ' and ')}), {draws} {'draw' if draws == 1 else 'draws'} "
        "of test speakers. "
        "Every figure is of speakers that neither the release nor an attacker was fitted on."
    )
    notices = [] if verdict.NONE in look.releases else [_NO_REFERENCE]
    unlabelled = {name for config in run["config"] for name in config.get("unlabelled", ())}
    notices += [
        f"The policy hides {name}, which is not labelled: it could not be checked."
        for name in sorted(unlabelled)
    ]
    sections = [
        Section("Verdict", cards(look)),
        *[
            Section(f"Required: {required}", [*_figures(look, required)])
            for required in look.required
        ],
        Section(
            "How to read this page",
            [Terms((*glossary.MEASURES, *glossary.READING)), *map(Text, glossary.UNTESTED)],
        ),
        Section("How it was run", [Terms(_record(run))]),
    ]
    return Page(f"Audit of {', '.join(look.releases)}", lead, sections, notices)


def cards(look: Estimates) -> list[Card]:
    """The verdict on every release but `none`, under every policy; on `none` where it stands alone."""
    releases = [release for release in look.releases if release != verdict.NONE] or look.releases
    return [
        card(look, release, required, f"required: {required}")
        for release in releases
        for required in look.required
    ]


def card(look: Estimates, release: str, required: str, subtitle: str) -> Card:
    """The verdict on one release: what both attackers get, and what is kept."""
    return Card(
        release,
        subtitle,
        verdict.headline(look, release, required),
        (
            (
                "Does not retrain (ignorant)",
                verdict.attacks(look, release, Knowledge.IGNORANT, required),
            ),
            (
                "Retrains (semi-informed)",
                verdict.attacks(look, release, Knowledge.SEMI_INFORMED, required),
            ),
            ("What is kept", verdict.kept(look, release, required)),
        ),
    )


def attackers(look: Estimates, required: str = "") -> Picture:
    """The AUC of every attacker on every release, drawn."""
    panels = {}
    for metric, title in ATTACKS.items():
        panels[title] = {
            release: {
                "risk-model": look(metric, release, required),
                **{
                    family: look(
                        metric,
                        release,
                        required,
                        knowledge=Knowledge.SEMI_INFORMED,
                        attacker=family,
                    )
                    for family in look.families
                },
                "best": look(metric, release, required, knowledge=Knowledge.SEMI_INFORMED),
            }
            for release in look.releases
        }
    caption = "Grey line: chance. Dashed line: the best attacker on the original features. Whiskers: 95 % over speakers."
    return Picture(figures.dots(panels), caption)


def _figures(look: Estimates, required: str) -> Iterator[Picture | Table]:
    yield from (attackers(look, required), _attacks(look, required), knows_more(look, required))
    if look.further:
        yield further(look, required)
    yield _utility(look, required)


def further(look: Estimates, required: str = "") -> Table:
    """What is told of attributes that a policy hides beside gender: older or younger, and who
    speaks.
    """
    groups = []
    for target in look.further:
        found = [
            (one, look("auc", one, required, knowledge=Knowledge.SEMI_INFORMED, target=target))
            for one in look.releases
        ]
        groups.append(
            [
                [
                    Cell(FURTHER[target], "name"),
                    Cell(release, "name"),
                    *with_interval(one),
                    chance(one),
                ]
                for release, one in found
            ]
        )
    heads = [("secret", 1), ("release", 1), ("AUC", 1), ("95 % interval", 1), ("chance", 1)]
    return Table("Other attributes that are to be hidden", [heads], groups)


def knows_more(look: Estimates, required: str = "") -> Table:
    """What attackers get who know more than the semi-informed one, or see more, and what is told of
    membership.
    """
    groups = []
    for metric, secret in ATTACKS.items():
        for place, release in enumerate(look.releases):
            more = [
                (
                    "semi-informed",
                    look(metric, release, required, knowledge=Knowledge.SEMI_INFORMED),
                ),
                ("informed", look(metric, release, required, knowledge=Knowledge.INFORMED)),
            ]
            for k in look.patience if metric == "auc" else ():
                waits = look(metric, release, required, knowledge=Knowledge.PATIENT, k=k)
                more.append((f"patient, {k} utterances", waits))
            names = [(secret if place == 0 else "", release), *[("", "")] * (len(more) - 1)]
            groups.append([_asked(*name, *one) for name, one in zip(names, more, strict=True)])
    rows = []
    for place, release in enumerate(look.releases):
        found = look("membership", release, required, knowledge=Knowledge.SEMI_INFORMED)
        rows.append(
            _asked("membership (UAR)" if place == 0 else "", release, "semi-informed", found)
        )
    groups.append(rows)
    heads = [
        ("secret", 1),
        ("release", 1),
        ("who", 1),
        ("AUC", 1),
        ("95 % interval", 1),
        ("chance", 1),
    ]
    return Table("Who knows more, or sees more", [heads], groups)


def _asked(secret: str, release: str, who: str, found: Estimate) -> list[Cell]:
    return [
        Cell(secret, "name"),
        Cell(release, "name"),
        Cell(who, "name"),
        *with_interval(found),
        chance(found),
    ]


def _attacks(look: Estimates, required: str) -> Table:
    """Every attacker's AUC on every release."""
    groups = []
    for metric, secret in ATTACKS.items():
        for release in look.releases:
            found = [("risk-model", Knowledge.IGNORANT, look(metric, release, required))]
            for name in ("best", *look.families):
                estimate = look(
                    metric, release, required, knowledge=Knowledge.SEMI_INFORMED, attacker=name
                )
                found.append((name, Knowledge.SEMI_INFORMED, estimate))
            groups.append(
                [
                    [
                        *(Cell(text, "name") for text in (secret, release, str(knowledge), name)),
                        *with_interval(estimate),
                        chance(estimate),
                    ]
                    for name, knowledge, estimate in found
                ]
            )
    heads = [
        ("secret", 1),
        ("release", 1),
        ("knowledge", 1),
        ("attacker", 1),
        ("AUC", 1),
        ("95 % interval", 1),
        ("chance", 1),
    ]
    return Table("What attackers get", [heads], groups)


def _utility(look: Estimates, required: str) -> Table:
    """What is kept of every role by every release."""
    groups = []
    for role in ROLES:
        rows = []
        for release in look.releases:
            f1, u = (look(metric, release, required, role) for metric in ("f1", "unchanged"))
            rows.append(
                [
                    Cell(str(role), "name"),
                    Cell(release, "name"),
                    *with_interval(f1),
                    chance(f1),
                    *with_interval(u),
                    chance(u),
                ]
            )
        groups.append(rows)
    heads = [
        ("role", 1),
        ("release", 1),
        *[(text, 1) for name in ("F1", "U") for text in (name, "95 % interval", "chance")],
    ]
    return Table("What is kept", [heads], groups)


def installed(versions: Mapping[str, str]) -> tuple[str, str]:
    """Versions as one row.

    >>> installed({"python": "3.11", "sordino": "0.1.0"})
    ('versions', 'python 3.11, sordino 0.1.0')
    """
    return "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _record(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings and versions; speakers stand in `run.json` alone."""
    rows = [("config_hash", run["config_hash"])]
    for place, config in enumerate(run["config"]):
        rows.extend(settings(config, f"{place}." if len(run["config"]) > 1 else ""))
    return [*rows, installed(run["versions"])]
