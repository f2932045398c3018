"""The report of audits of releases: `estimates.csv`, `run.json` and `report.html`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from sordino import storage
from sordino.attack import AttackResult
from sordino.define import ROLES, Knowledge, required_title, secret_title
from sordino.errors import AttackError
from sordino.policy import ATTRIBUTES
from sordino.record import settled, versions
from sordino.report import figures, glossary, verdict
from sordino.report.estimate_table import SECRET_NAMES, Estimate, Estimates, attribute_name
from sordino.report.estimates import measure
from sordino.report.page import Card, Page, Picture, Section, Terms, settings
from sordino.report.tables import Cell, Table, chance, with_interval
from sordino.storage import Location

_NO_REFERENCE: Final = (
    "There is no reference: the audit does not include attacks on unprotected features. Pass the "
    "audit of the release `none` too."
)
_INTERVAL: Final = "95 % interval"


def write(audits: AttackResult | Sequence[AttackResult], folder: str | Location) -> Location:
    """Write `estimates.csv`, `run.json` and `report.html` of audits; returns the path of the page.

    The audits can cover several releases, policies and draws. If the release `none` is among them,
    every figure has its reference. Raises `AttackError` without an audit and `StorageError` if a
    file cannot be written.
    """
    audits = [audits] if isinstance(audits, AttackResult) else list(audits)
    if not audits:
        raise AttackError("no audit came, expected at least one: pass the result of `attack.run`")
    predictions = pd.concat([audit.predictions for audit in audits], ignore_index=True)
    table = measure(predictions)
    run = {
        **settled([dict(audit.config) for audit in audits]),
        "versions": versions(),
        "test_speakers": sorted(
            set(predictions.loc[predictions["target"] == "emotion", "speaker"])
        ),
    }
    folder = storage.folder(folder)
    storage.write(folder / "estimates.csv", csv(table))
    storage.write(folder / "run.json", json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    return page(predictions, table, run).write(folder)


def csv(table: pd.DataFrame) -> str:
    """Estimates as the text of `estimates.csv`, with six significant digits.

    A cell is empty if its column does not apply. Text that a spreadsheet would run as a formula
    starts with a quotation mark.
    """
    text = table.select_dtypes(exclude="number").map(
        lambda value: storage.cell(value) if isinstance(value, str) else value
    )
    return table.assign(**{str(name): text[name] for name in text}).to_csv(
        index=False, float_format="%.6g", lineterminator="\n"
    )


def page(predictions: pd.DataFrame, table: pd.DataFrame, run: dict[str, Any]) -> Page:
    """The page of audits: a verdict for each release under each policy, then all estimates."""
    estimates = Estimates(table)
    emotions = predictions[predictions["target"] == "emotion"]
    utterances, speakers = emotions.drop_duplicates(["draw", "row"]), emotions["speaker"].nunique()
    draws = emotions["draw"].nunique()
    lead = (
        f"This page shows the information that attackers recover from released vectors of "
        f"{len(utterances):,} test utterances of {speakers} speakers "
        f"({estimates.corpora[0].replace('+', ' and ')}; {draws} "
        f"{'draw' if draws == 1 else 'draws'} of test speakers). Neither the releases nor the "
        "attackers were fitted on these speakers."
    )
    notices = [] if verdict.NONE in estimates.releases else [_NO_REFERENCE]
    unlabelled = {name for config in run["config"] for name in config.get("unlabelled", ())}
    unlabelled -= {*estimates.attributes}  # of some draws alone
    notices += [
        f"The policy hides {secret_title(name)}. The corpus does not label it"
        f"{_or_scarce(name)}, so it was not attacked."
        for name in sorted(unlabelled)
    ]
    sections = [
        Section("Verdict", cards(estimates)),
        *[
            Section(
                f"Required emotion: {required_title(required)}", [*_figures(estimates, required)]
            )
            for required in estimates.required
        ],
        glossary.section(),
        Section("Settings and versions", [Terms(_record(run))]),
    ]
    return Page(f"Audit of {', '.join(estimates.releases)}", lead, sections, notices)


def cards(estimates: Estimates) -> list[Card]:
    """The verdict on every release under every policy; on `none` only if it is the only release."""
    releases = [name for name in estimates.releases if name != verdict.NONE] or estimates.releases
    return [
        card(estimates, release, required, f"required emotion: {required_title(required)}")
        for release in releases
        for required in estimates.required
    ]


def card(estimates: Estimates, release: str, required: str, subtitle: str) -> Card:
    """The verdict on one release: both attackers, and utility."""
    return Card(
        release,
        subtitle,
        verdict.conclusion(estimates, release, required),
        (
            *(
                (name, verdict.attacks(estimates, release, knowledge, required))
                for knowledge, name in verdict.ATTACKER_NAMES.items()
            ),
            ("utility", verdict.utility(estimates, release, required)),
        ),
    )


def attackers(estimates: Estimates, required: str = "") -> Picture:
    """A figure with the AUC of every attacker on every release."""
    panels = {
        title: {
            release: {
                name: estimate
                for name, _, estimate in _by_attacker(estimates, metric, release, required)
            }
            for release in estimates.releases
        }
        for metric, title in SECRET_NAMES.items()
    }
    caption = (
        "Grey line: chance. Dashed line: the best attacker on original features. Whiskers: 95 % "
        "interval over speakers."
    )
    return Picture(figures.dots(panels), caption)


def _by_attacker(
    estimates: Estimates, metric: str, release: str, required: str
) -> Iterator[tuple[str, Knowledge, Estimate]]:
    """Name, knowledge and estimate of the risk model, of each family and of the best family."""
    yield "risk-model", Knowledge.IGNORANT, estimates(metric, release, required)
    for name in (*estimates.families, "best"):
        knowledge = Knowledge.SEMI_INFORMED
        yield (
            name,
            knowledge,
            estimates(metric, release, required, knowledge=knowledge, attacker=name),
        )


def _figures(estimates: Estimates, required: str) -> Iterator[Picture | Table]:
    yield attackers(estimates, required)
    yield _attacks(estimates, required)
    yield stronger_attackers(estimates, required)
    if estimates.emotion_targets:
        yield emotions(estimates, required)
    if estimates.attributes:
        yield attributes(estimates, required)
    yield _utility(estimates, required)


def emotions(estimates: Estimates, required: str = "") -> Table:
    """The AUC of the retrained attacker on every sensitive emotion against neutral."""
    groups = [
        [
            _row((release, cell.required, cell.target, cell.group or "all"), estimate)
            for cell, estimate in estimates.emotions(release, required).items()
        ]
        for release in estimates.releases
    ]
    heads = _heads("release", "required", "secret", "speakers", "AUC", _INTERVAL, "chance")
    return Table("Every sensitive emotion against neutral", [heads], groups)


def attributes(estimates: Estimates, required: str = "") -> Table:
    """The AUC of the retrained attacker on the hidden attributes beside gender."""
    knowledge = Knowledge.SEMI_INFORMED
    groups = [
        [
            _row(
                (attribute_name(target), release),
                estimates("auc", release, required, knowledge=knowledge, target=target),
            )
            for release in estimates.releases
        ]
        for target in estimates.attributes
    ]
    heads = _heads("secret", "release", "AUC", _INTERVAL, "chance")
    return Table("Other hidden attributes", [heads], groups)


def stronger_attackers(estimates: Estimates, required: str = "") -> Table:
    """Attackers with more knowledge or more utterances than the semi-informed attacker, and
    membership inference.
    """
    groups = []
    for metric, secret in SECRET_NAMES.items():
        for position, release in enumerate(estimates.releases):
            attackers = {
                str(knowledge): estimates(metric, release, required, knowledge=knowledge)
                for knowledge in (Knowledge.SEMI_INFORMED, Knowledge.INFORMED)
            }
            for k in estimates.patience if metric == "auc" else ():
                attackers[f"patient, {k} utterances"] = estimates(
                    metric, release, required, knowledge=Knowledge.PATIENT, k=k
                )
            names = [(secret if position == 0 else "", release)]
            names += [("", "")] * (len(attackers) - 1)
            groups.append(
                [
                    _row((*labels, attacker), estimate)
                    for labels, (attacker, estimate) in zip(names, attackers.items(), strict=True)
                ]
            )
    groups.append(
        [
            _row(
                ("membership (UAR)" if position == 0 else "", release, "semi-informed"),
                estimates("membership", release, required, knowledge=Knowledge.SEMI_INFORMED),
            )
            for position, release in enumerate(estimates.releases)
        ]
    )
    heads = _heads("secret", "release", "attacker", "AUC", _INTERVAL, "chance")
    return Table("Informed and patient attackers, membership inference", [heads], groups)


def _row(names: Sequence[str], estimate: Estimate) -> list[Cell]:
    return [*(Cell(name, "name") for name in names), *with_interval(estimate), chance(estimate)]


def _heads(*texts: str) -> list[tuple[str, int]]:
    return [(text, 1) for text in texts]


def _attacks(estimates: Estimates, required: str) -> Table:
    """The AUC of every attacker on every release."""
    groups = [
        [
            _row((secret, release, str(knowledge), name), estimate)
            for name, knowledge, estimate in _by_attacker(estimates, metric, release, required)
        ]
        for metric, secret in SECRET_NAMES.items()
        for release in estimates.releases
    ]
    heads = _heads("secret", "release", "knowledge", "attacker", "AUC", _INTERVAL, "chance")
    return Table("Attacks", [heads], groups)


def _utility(estimates: Estimates, required: str) -> Table:
    """F1 and U of every role for every release, and of each of several required emotions."""
    groups = []
    emotions = required.split("+") if "+" in required else []
    for role in (*ROLES, *emotions):
        rows = []
        for release in estimates.releases:
            f1, u = (estimates(metric, release, required, role) for metric in ("f1", "unchanged"))
            rows.append([*_row((str(role), release), f1), *with_interval(u), chance(u)])
        groups.append(rows)
    columns = [text for name in ("F1", "U") for text in (name, _INTERVAL, "chance")]
    return Table("Utility", [_heads("role", "release", *columns)], groups)


def installed(packages: Mapping[str, str]) -> tuple[str, str]:
    """Versions as one row.

    >>> installed({"python": "3.11", "sordino": "0.1.0"})
    ('versions', 'python 3.11, sordino 0.1.0')
    """
    return "versions", ", ".join(f"{name} {version}" for name, version in packages.items())


def _record(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings and versions. The speakers are in `run.json` only."""
    rows = [("config_hash", run["config_hash"])]
    for position, config in enumerate(run["config"]):
        rows.extend(settings(config, f"{position}." if len(run["config"]) > 1 else ""))
    return [*rows, installed(run["versions"])]


def _or_scarce(name: str) -> str:
    if "=" in name:
        return ", or too few speakers have it"
    return "" if name in ATTRIBUTES else ", or has one value of it"
