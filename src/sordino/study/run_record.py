"""Files of a finished study: `estimates.csv`, `run.json`, the page, and the figures of the
terminal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from sordino import storage
from sordino.attack.row_sampling import drawn_counts
from sordino.corpora.checks.confounding import confounding
from sordino.corpora.level_classes import level_notes
from sordino.corpora.split import Parts
from sordino.corpora.table import duplicates
from sordino.define import ROLES
from sordino.policy import Policy
from sordino.record import settled, versions
from sordino.report.estimates import headline
from sordino.report.page import Page
from sordino.report.release_page import csv
from sordino.storage import Location
from sordino.study.protocol import Inputs, Options, features_name, parties


def record(
    study: str,
    inputs: Inputs,
    features: str,
    options: Options,
    policies: Sequence[Policy],
    units: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that the figures follow from, as `run.json` holds it."""
    corpus, sums = inputs.corpus, inputs.checksums
    config = {
        "study": study,
        "corpus": corpus.name,
        "features": features_name(features),
        "dims": inputs.x.shape[1],
        "options": asdict(options),
        "conditions": inputs.conditions,
        "public_space": inputs.space.hash if inputs.space else None,
        "policies": [asdict(policy) for policy in policies],
    }
    return {
        **settled(config),
        "data_checksum": hashlib.sha256("".join(sums).encode()).hexdigest(),
        "versions": versions(),
        "utterances": len(corpus),
        "speakers": len(set(corpus.speaker)),
        "unknown_gender": int((corpus.column("gender") == "").sum()),
        "roles": [str(role) for role in ROLES],
        "identical_recordings": [rows.tolist() for rows in duplicates(sums)],
        "parts": [_speakers(inputs, parts) for parts in inputs.draws],
        "test_parts_disjoint": _disjoint(
            [sorted(set(corpus.speaker[parts.test])) for parts in inputs.draws]
        ),
        "units": units,
    }


def drawn_rows(inputs: Inputs) -> list[str]:
    """A sentence for a page where attackers have a sample of the rows of large parties."""
    counts: dict[str, tuple[int, int]] = {}
    for parts in inputs.draws:
        for party, sizes in drawn_counts(parts).items():
            counts[party] = max(counts.get(party, sizes), sizes)
    text = ", ".join(f"{rows:,} of {every:,} ({party})" for party, (rows, every) in counts.items())
    notice = f"Attackers have these rows, drawn evenly over the speakers of each party: {text}."
    return [notice] if counts else []


def data_notices(inputs: Inputs) -> list[str]:
    """Sentences for a page on drawn rows, confounded labels, and levels that are stand-ins."""
    corpus = inputs.corpus
    return [*drawn_rows(inputs), *confounding(corpus.table), *level_notes(corpus.notes)]


def write(
    estimates: pd.DataFrame,
    run: Mapping[str, Any],
    out: Location,
    page: Page | None = None,
    *,
    latex: bool = False,
) -> None:
    """Write `estimates.csv`, `run.json` and the page of a study that has one; with `latex` also its
    tables, `table.tex`.
    """
    storage.write(out / "estimates.csv", csv(estimates))
    storage.write(out / "run.json", json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    if page is not None:
        page.write(out)
        if latex:
            page.write_latex(out)


def summary(estimates: pd.DataFrame) -> pd.DataFrame:
    """Headline figures as means over the policies: one row per figure, one column per release, and
    `chance`.

    The name of a figure is its knowledge, target, metric, group and k. Chance is that of the
    original features.
    """
    table = headline(estimates).copy()
    words = table[["knowledge", "target", "metric", "group"]].astype(str)
    words["k"] = [f"{int(k)}" if k and k == k else "" for k in table["k"]]
    table["figure"] = [
        " ".join(filter(None, row)) for row in words.itertuples(index=False, name=None)
    ]
    means = table.pivot_table(index="figure", columns="release", values="value", sort=False)
    original = table[table["release"] == "none"]
    return means.assign(chance=original.groupby("figure")["chance"].mean())


def _speakers(inputs: Inputs, parts: Parts) -> dict[str, Any]:
    """The speakers of each party of a draw, and whether the parties are disjoint."""
    speakers = {
        name: sorted(set(inputs.corpus.speaker[rows].tolist()))
        for name, rows in parties(parts).items()
    }
    return {"draw": parts.draw, **speakers, "disjoint": _disjoint(list(speakers.values()))}


def _disjoint(groups: Sequence[Sequence[str]]) -> bool:
    speakers = [speaker for group in groups for speaker in group]
    return len(speakers) == len(set(speakers))
