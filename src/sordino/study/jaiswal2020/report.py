"""The page of the study of Jaiswal and Mower Provost (2020): the paper's tables and questions, and
further attacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from sordino.report import figures, release_page
from sordino.report.estimate_table import Estimate
from sordino.report.page import Block, Page, Picture, Section, Terms, Text, settings
from sordino.study.jaiswal2020 import further_tables, questions
from sordino.study.jaiswal2020.estimates import ON_D1
from sordino.study.jaiswal2020.tables import (
    FIGURES,
    Comparisons,
    JaiswalTables,
    Look,
    PaperFigure,
    bounds_table,
    compare_embeddings,
    held_out,
    paper_table,
)
from sordino.study.jaiswal2020.variants import BESIDE_GENERAL, LAMBDAS, MAIN

DESCRIPTIONS: Final = {
    "general": "trained for the primary task alone",
    "private": "the paper's: gradient reversal before a head of gender, on the joint embedding "
    "(Priv-C)",
    "private+": "ours: eight dimensions on one scale, with noise that is drawn once per clip; no "
    "adversary",
    "dp": "trained for the primary task with DP-SGD, differentially private for each training "
    "speaker",
    "drawn": "ours: one of the three classes of the task, as a mean embedding of several speakers",
    "private-streams": "the paper's Priv-E: one head of gender on each stream",
    "private-speaker": "the paper's: a head of the speaker's identity",
    "private-multiple": "the paper's: heads of identity and gender",
    "leace": "a rival: `general` after linear erasure of gender (LEACE), in the directions that "
    "distinguish the classes of the task",
    "vib": "a rival: variational information bottleneck; a sample is released, drawn once per clip",
    "aibt": "a rival: `vib` with gradient reversal before a head of gender",
}
"""The embeddings in words."""

LAST_FIGURES: Final = FIGURES[3:]
"""The columns of Tables 2 and 3."""


def page(estimates: pd.DataFrame, run: Mapping[str, Any], notices: Sequence[str] = ()) -> Page:
    """The page of one run: `estimates` of `jaiswal2020.estimates.measure_embeddings`, and `run`,
    the content of `run.json`.
    """
    look, paper = Look(estimates), JaiswalTables()
    comparisons = compare_embeddings(look)
    sections = [
        Section("Retrained attackers", [Text(_HELD_OUT), *_held_out(look)]),
        *_further(look, comparisons),
        Section("Bounds on every attacker", _bounds(estimates)),
        Section("The seven questions", [Terms(questions.answers(look))]),
        Section("Table 1", _tables(look, paper, comparisons, run, "1", MAIN, "general", FIGURES)),
        Section(
            "Table 2",
            _tables(
                look,
                paper,
                comparisons,
                run,
                "2",
                ("private", "private-streams"),
                "private",
                LAST_FIGURES,
            ),
        ),
        Section(
            "Table 3",
            _tables(
                look,
                paper,
                comparisons,
                run,
                "3",
                ("general", "private-speaker", "private-multiple"),
                "general",
                LAST_FIGURES,
            ),
        ),
        Section("The strength of the reversal", _sweep(look)),
        Section("Several primary tasks", _tasks(look)),
        Section("The choice of the grid", _grid(run)),
        Section("Did the adversaries learn?", _health(run)),
        Section("How to read this page", [Terms((*_TERMS, *DESCRIPTIONS.items()))]),
        Section("How it was run", [Terms(_run(run))]),
    ]
    title = "Jaiswal 2020, run again: embeddings that hide gender and speaker"
    sections = [section for section in sections if section.blocks]
    return Page(title, _lead(look, run), sections, [*_notes(run), *notices])


def _lead(look: Look, run: Mapping[str, Any]) -> str:
    return (
        "A network turns sound, words or both into an embedding for activation or valence. "
        "Gradient "
        "reversal is intended to remove gender from it. This run is on "
        f"**{run['config']['corpus'].replace('+', ' and ')}**: {run['utterances']:,} utterances of "
        f"{run['speakers']} speakers, {_PROTOCOLS[run['protocol']]} Every attacker knows the "
        f"network and retrains.{_normalisation(look, run)}"
    )


def _normalisation(look: Look, run: Mapping[str, Any]) -> str:
    """The normalisation of the sound, if there is sound."""
    unit = run["config"]["options"]["normalise"]
    return f" Audio is normalised by {unit}." if {"audio", "both"} & set(look.features) else ""


def _notes(run: Mapping[str, Any]) -> list[str]:
    """Notes on labels and on sampled rows, for the top of the page."""
    notes = dict.fromkeys(note for note in run["config"]["labels"].values() if note)
    labels = [
        f"{note[0].upper()}{note[1:]}: a stand-in, not a rating by listeners." for note in notes
    ]
    counts = [
        tuple(record["attacker_rows"][key] for key in ("drawn", "of"))
        for record in run["units"].values()
        if "attacker_rows" in record
    ]
    if not counts:
        return labels
    rows, every = max(counts)
    return [
        *labels,
        f"Attackers were trained on {rows:,} of up to {every:,} rows, drawn evenly over speakers.",
    ]


def _held_out(look: Look) -> list[Block]:
    tables = [held_out(look, task, ("general", *BESIDE_GENERAL)) for task in look.tasks]
    return [table for table in tables if table.groups]


def _tables(
    look: Look,
    paper: JaiswalTables,
    comparisons: Comparisons,
    run: Mapping[str, Any],
    table_number: str,
    releases: Sequence[str],
    reference: str,
    columns: Sequence[PaperFigure],
) -> list[Block]:
    blocks: list[Block] = []
    for task, letter in zip(look.tasks, "ab", strict=False):
        names = [
            name
            for name in releases
            if any(look.has(stream, task, name) for stream in look.features)
        ]
        if not set(names) - {reference} or (table_number != "1" and len(names) < 2):
            continue
        caption = f"Table {table_number}{letter if table_number == '1' else ''}: {task}"
        blocks.append(
            paper_table(
                look,
                paper,
                comparisons,
                run["config"]["corpus"],
                caption,
                task,
                names,
                reference,
                columns,
            )
        )
    return [Text(_TABLES), *blocks] if blocks else []


def _further(look: Look, comparisons: Comparisons) -> list[Section]:
    """The sections beyond the paper that this run has figures for."""
    sections = (
        (
            "Membership by likelihood ratios",
            further_tables.LIKELIHOOD_TEXT,
            further_tables.likelihood_table(look),
        ),
        (
            "Differential privacy for each speaker",
            further_tables.PRIVACY_TEXT,
            further_tables.privacy_table(look),
        ),
        (
            "A legitimate user with a retrained head",
            further_tables.RETRAINED_TEXT,
            further_tables.retrained_table(look),
        ),
        (
            "Tests of differences",
            further_tables.COMPARISONS_TEXT,
            further_tables.comparisons_table(comparisons),
        ),
    )
    return [Section(title, [Text(text), table]) for title, text, table in sections if table.groups]


def _bounds(estimates: pd.DataFrame) -> list[Block]:
    """The bounds of drawn embeddings."""
    table = bounds_table(estimates)
    return [Text(_BOUND), table] if table.groups else []


def _sweep(look: Look) -> list[Block]:
    """U and P as functions of lambda."""
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
    return [
        Picture(
            drawn, "P does not always rise with lambda. Whiskers: 95 % intervals over speakers."
        )
    ]


def _with(at: float, condition: str) -> str:
    return f"lambda={at:g} {condition}".strip()


def _grid(run: Mapping[str, Any]) -> list[Block]:
    """The chosen points, if the grid was searched."""
    chosen = run.get("grid", [])
    return [Text(further_tables.GRID_TEXT), further_tables.grid_table(chosen)] if chosen else []


def _tasks(look: Look) -> list[Block]:
    table = further_tables.tasks_table(look)
    return [Text(further_tables.TASKS_TEXT), table] if table.groups else []


def _health(run: Mapping[str, Any]) -> list[Block]:
    """The number of training warnings. `run.json` has the training curves."""
    networks = [
        (unit, network) for unit, record in run["units"].items() for network in record["networks"]
    ]
    warnings = [(unit, warning) for unit, network in networks for warning in network["warnings"]]
    if not networks:
        return []
    failures = (
        f"{len(warnings)} heads of {len(networks)} networks were worse than a new linear probe on "
        "the same embedding. They did not learn, so their leakage is no evidence of privacy."
    )
    none = (
        f"No head of the {len(networks)} networks was worse than a new linear probe on the same "
        "embedding."
    )
    text = f"{failures if warnings else none} `run.json` has the UAR of every head by epoch."
    return [Text(text), *([Terms(warnings[:12])] if warnings else [])]


def _run(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = settings(run["config"])
    rows += [
        (unit, f"not answered: {record['not_asked']}")
        for unit, record in run["units"].items()
        if "not_asked" in record
    ]
    rows += settings({key: run[key] for key in ("config_hash", "data_checksum")})
    return [*rows, release_page.installed(run["versions"])]


_PROTOCOLS: Final = {
    "five folds": "in five folds of speakers: three train the network, the fourth is for early "
    "stopping, the fifth is the test.",
    "pairs": "too few for five folds: each woman is tested with each man, the other speakers train "
    "the network, and a quarter of their utterances is for early stopping. So few speakers are "
    "weak "
    "evidence.",
}
_HELD_OUT: Final = (
    "P is 1 − UAR of gender, by the best attacker, chosen on the attacker's own speakers. Chance "
    "is "
    "0.5. min(P, 1 − P) also counts a reliably wrong attacker. The **null** is P of the same "
    "attackers under gender that is shuffled over speakers: a P inside it is consistent with no "
    "information. The patient attacker pools several utterances of one speaker. MI infers "
    "membership in the training set. Its control is the same attack on a network that was trained "
    "without the candidates: 0.5, because each selection of speakers has its complement."
)
_TABLES: Final = (
    "Paper: its figure for this corpus, or the mean over its corpora (MSP-Improv, MSP-Podcast, "
    "IEMOCAP and MuSE): a difference is then no error of either. P is measured as in the paper, on "
    "the training speakers of the network. `*`: significant by the paper's paired t-test over "
    "folds, Benjamini-Hochberg at 5 %; `**`: by the corrected resampled t-test too."
)
_BOUND: Final = (
    "A drawn embedding depends on a clip through its bin only, one of three. The distributions of "
    "the bins of women and men therefore bound every attacker that has one released vector and no "
    "other data. “Given” is an attacker that also knows the true class. Each speaker was binned by "
    "a release that was fitted on other speakers. Of several seeds, the largest figures stand "
    "here. "
    "In pairs, several networks bin a speaker, and there is no bound. The upper limit is a limit "
    "over speakers: with few speakers it is wide. It assumes that the speakers of a fold are "
    "independent, although one network binned them all: it covers the expectation of the "
    "procedure, "
    "not the deviation of a single network. If test speakers also took part in the design of "
    "`drawn` (RAVDESS), its figures are slightly optimistic. The bound of identity is that of "
    "three "
    "bins among the speakers of a fold. It does not cover several vectors of one speaker: see the "
    "patient attacker."
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
        "Privacy: 1 − unweighted average recall of gender by a retrained attacker. Chance 0.5.",
    ),
    ("MI", "Membership inference: was this speaker in the training set? Chance 0.5."),
    (
        "D1, D2",
        "The training speakers of the network; the other speakers, on which the attacker is "
        "trained.",
    ),
    ("[0.80, 0.90]", "95 % interval over speakers; of a null, the range of 95 % of the shuffles."),
)
