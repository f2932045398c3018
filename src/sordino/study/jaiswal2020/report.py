"""The page of the study of Jaiswal 2020: its tables, its seven questions, and what its tables do
not ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from sordino.report import figures, release_page
from sordino.report.estimate_table import Estimate
from sordino.report.page import Block, Page, Picture, Section, Terms, Text, settings
from sordino.report.tables import Cell, Table, with_interval
from sordino.study.jaiswal2020 import questions
from sordino.study.jaiswal2020.estimates import ON_D1
from sordino.study.jaiswal2020.tables import (
    FIGURES,
    Changes,
    Look,
    Published,
    bounds,
    changes,
    held_out,
    table,
)
from sordino.study.jaiswal2020.variants import EXTRA, LAMBDAS, MAIN

RELEASES: Final = {
    "general": "trained for the primary task alone",
    "private": "the paper's: gradient reversal before a head of gender, on the joint embedding (Priv-C)",
    "private+": "ours: eight dimensions on one scale, with noise drawn once a clip; no adversary",
    "drawn": "ours: of the task's three classes one goes out, as a mean embedding of several people",
    "private-streams": "the paper's Priv-E: one head of gender on each stream",
    "private-speaker": "the paper's: who speaks is to be forgotten",
    "private-multiple": "the paper's: who speaks and their gender",
}
"""What each embedding is, in words."""

LAST: Final = FIGURES[3:]


def page(estimates: pd.DataFrame, run: Mapping[str, Any], notices: Sequence[str] = ()) -> Page:
    """The page of one run: `estimates` of `jaiswal2020.estimates.measure`, `run` the content of
    `run.json`.
    """
    look, paper = Look(estimates), Published()
    tested = changes(look)
    sections = [
        Section("What an attacker who retrains learns", [Text(_HELD_OUT), *_held_out(look)]),
        Section("What no attacker exceeds", _bounds(estimates)),
        Section("The seven questions", [Terms(questions.answers(look))]),
        Section("Table 1", _tables(look, paper, tested, run, "1", MAIN, "general", FIGURES)),
        Section(
            "Table 2",
            _tables(look, paper, tested, run, "2", ("private", "private-streams"), "private", LAST),
        ),
        Section(
            "Table 3",
            _tables(
                look,
                paper,
                tested,
                run,
                "3",
                ("general", "private-speaker", "private-multiple"),
                "general",
                LAST,
            ),
        ),
        Section("The strength of the reversal", _sweep(look)),
        Section("Two tasks at once", _two_tasks(look)),
        Section("Are the adversaries alive?", _health(run)),
        Section("How to read this page", [Terms((*_TERMS, *RELEASES.items()))]),
        Section("How it was run", [Terms(_run(run))]),
    ]
    title = "Jaiswal 2020, run again: embeddings that are to forget gender and speaker"
    shown = [section for section in sections if section.blocks]
    return Page(title, _lead(look, run), shown, [*_notes(run), *notices])


def _lead(look: Look, run: Mapping[str, Any]) -> str:
    return (
        "A network turns sound, words or both into an embedding from which activation or valence "
        "can be told; gradient "
        "reversal is to take gender out of it. Here it is on "
        f"**{run['config']['corpus'].replace('+', ' and ')}**: "
        f"{run['utterances']:,} utterances of {run['speakers']} speakers, "
        f"{_DEALT[run['protocol']]} Every attacker "
        f"knows the network and retrains.{_scaled(look, run)}"
    )


def _scaled(look: Look, run: Mapping[str, Any]) -> str:
    """How the sound was brought to one scale, where there is sound."""
    by = run["config"]["options"]["normalise"]
    return f" Audio is normalised by {by}." if {"audio", "both"} & set(look.features) else ""


def _notes(run: Mapping[str, Any]) -> list[str]:
    """What a reader must know of the labels first."""
    notes = dict.fromkeys(note for note in run["config"]["labels"].values() if note)
    return [f"{note[0].upper()}{note[1:]}: a stand-in, not what listeners heard." for note in notes]


def _held_out(look: Look) -> list[Block]:
    every = [held_out(look, task, (*MAIN, *EXTRA.values())) for task in look.tasks]
    return [table for table in every if table.groups]


def _tables(
    look: Look,
    paper: Published,
    tested: Changes,
    run: Mapping[str, Any],
    number_of: str,
    releases: Sequence[str],
    other: str,
    figures_of: Sequence[Any],
) -> list[Block]:
    blocks: list[Block] = []
    for task, letter in zip(look.tasks, "ab", strict=False):
        there = [
            name for name in releases if any(look.has(one, task, name) for one in look.features)
        ]
        if not set(there) - {other} or (number_of != "1" and len(there) < 2):
            continue
        caption = f"Table {number_of}{letter if number_of == '1' else ''}: {task}"
        blocks.append(
            table(
                look,
                paper,
                tested,
                run["config"]["corpus"],
                caption,
                task,
                there,
                other,
                figures_of,
            )
        )
    return [Text(_TABLES), *blocks] if blocks else []


def _bounds(estimates: pd.DataFrame) -> list[Block]:
    """The bounds of what is drawn."""
    found = bounds(estimates)
    return [Text(_BOUND), found] if found.groups else []


def _sweep(look: Look) -> list[Block]:
    """U and P over lambda."""
    panels: dict[str, dict[str, Sequence[tuple[float, Estimate]]]] = {}
    for features in look.features:
        for task in look.tasks:
            if look.has(features, task, "private", f"lambda={LAMBDAS[0]:g}"):
                panels[f"{features}, {task}"] = {
                    sign: [
                        (
                            at,
                            look(features, task, "private", metric, condition=_with(at, condition)),
                        )
                        for at in LAMBDAS
                    ]
                    for sign, metric, condition in (
                        ("U", "uar", ""),
                        ("P on held-out speakers", "privacy", ""),
                        ("P on D1", "privacy", ON_D1),
                    )
                }
    if not panels:
        return []
    drawn = figures.curves(panels, "lambda", "U and P")
    return [Picture(drawn, "P need not rise with lambda. Whiskers: 95 % over speakers.")]


def _with(at: float, condition: str) -> str:
    return f"lambda={at:g} {condition}".strip()


def _two_tasks(look: Look) -> list[Block]:
    """The primary task, gender and speaker verification, alone and with speakers as a second
    primary task.
    """
    groups = []
    for features in look.features:
        for task in look.tasks:
            both = f"tasks={task}+speaker"
            if look.has(features, task, "general", both):
                rows = []
                for condition in ("", both):
                    found = [
                        look(features, task, "general", metric, condition=condition)
                        for metric in ("uar", "auc", "privacy")
                    ]
                    values = [cell for one in found for cell in with_interval(one)]
                    rows.append(
                        [
                            Cell(features, "name"),
                            Cell(task if not condition else f"{task} and speaker", "name"),
                            *values,
                        ]
                    )
                groups.append(rows)
    sure = ("ours", "95 % interval")
    heads = [
        [("", 2), ("U", 2), ("speaker verification, AUC", 2), ("P", 2)],
        [(name, 1) for name in ("stream", "trained for", *sure, *sure, *sure)],
    ]
    return (
        [Text(_TASKS), Table("Emotion, with and without speaker verification", heads, groups)]
        if groups
        else []
    )


def _health(run: Mapping[str, Any]) -> list[Block]:
    """Warnings of the training, counted; the curves stand in `run.json`."""
    networks = [
        (unit, network) for unit, record in run["units"].items() for network in record["networks"]
    ]
    warned = [(unit, warning) for unit, network in networks for warning in network["warnings"]]
    if not networks:
        return []
    behind = (
        f"Of the heads of {len(networks)} networks {len(warned)} fell behind a fresh linear probe "
        "on the same "
        "embedding: they stopped learning, or never began, so their leakage is no sign of privacy."
    )
    none = f"No head of the {len(networks)} networks fell behind a fresh linear probe on the same embedding."
    text = f"{behind if warned else none} Every epoch's UAR of every head stands in `run.json`."
    return [Text(text), *([Terms(warned[:12])] if warned else [])]


def _run(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = settings(run["config"])
    rows += [
        (unit, f"not asked: {one['not_asked']}")
        for unit, one in run["units"].items()
        if "not_asked" in one
    ]
    rows += settings({key: run[key] for key in ("config_hash", "data_checksum")})
    return [*rows, release_page.installed(run["versions"])]


_DEALT: Final = {
    "five folds": "in five folds of speakers: three train the network, the fourth stops it, the fifth is tested.",
    "pairs": "too few for five folds: each woman is tested with each man, the others train the network, and a quarter "
    "of their utterances stops it. A handful of people tells little.",
}
_HELD_OUT: Final = (
    "P is 1 − UAR of gender, by the best of the attackers, chosen on the attacker's own speakers; "
    "0.5 is chance, and "
    "min(P, 1 − P) counts a reliably wrong attacker too. The **null** is what the same attackers "
    "get when gender is "
    "shuffled over speakers: a P inside it cannot be told from nothing to learn. The patient "
    "attacker pools several "
    "utterances of one speaker. MI tells who was in the training set; its control is the same "
    "attack on a network that "
    "was trained without any of them: 0.5, as each selection of speakers comes with its complement."
)
_TABLES: Final = (
    "Paper: its figure for this corpus, or where it has none the mean over its corpora "
    "(MSP-Improv, MSP-Podcast, "
    "IEMOCAP and MuSE): a difference is then not an error of either. P is measured as the paper "
    "does, on the speakers "
    "whom the network was trained on. `*`: significant by the paper's paired t-test over folds, "
    "Benjamini-Hochberg at "
    "5 %; `**`: by the corrected resampled t-test too."
)
_BOUND: Final = (
    "What is drawn depends on a clip through its bin alone, one of three, so how differently the "
    "bins of women and men "
    "fall bounds every attacker, known or not, who sees one released vector and nothing else; "
    "“given” is one who knows "
    "the true class. Each speaker was binned by a release that was fitted on others; of several "
    "seeds the largest "
    "figures stand here, and in pairs, where several networks bin a speaker, there is none. The "
    "upper limit is one "
    "over speakers: with few of them it is wide. It takes those of a fold for independent, though "
    "one network binned "
    "them all: it covers what is to be expected of the procedure, not how far a single network may "
    "lie from that. "
    "Where some who are tested also helped to choose how `drawn` is made (RAVDESS), its figures "
    "flatter a little. Of "
    "who speaks it is what three bins can tell apart among the speakers of a fold. Several vectors "
    "of one speaker are "
    "not covered: the patient attacker's figure is of those."
)
_TASKS: Final = (
    "The paper leaves to later work what happens when an embedding is for two tasks that are not "
    "related: emotion, and "
    "telling speakers apart. Verification is measured on speakers whom the network never saw: the "
    "cosine of an "
    "utterance with the mean of a speaker's others."
)
_TERMS: Final = (
    (
        "U, U(M), U(F)",
        "Unweighted average recall of low, mid and high; of men alone, of women alone. Chance "
        "0.33.",
    ),
    (
        "L",
        "Leakage: unweighted average recall of the head of gender that was trained with the "
        "network. Chance 0.5.",
    ),
    (
        "P",
        "Privacy: 1 − unweighted average recall of gender by an attacker who retrains. Chance 0.5.",
    ),
    ("MI", "Membership identification: was this speaker in the training set? Chance 0.5."),
    ("D1, D2", "The speakers who trained the network; the others, whom the attacker learns from."),
    ("[0.80, 0.90]", "95 % interval over speakers; of a null, the range of 95 % of the shuffles."),
)
