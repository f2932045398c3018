"""Synthetic predictions in the columns of an audit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sordino.attack import PREDICTION_COLUMNS

FAMILIES = ("logistic", "mlp")


def rows(**columns: Any) -> pd.DataFrame:
    """Predictions of one release under one policy; the defaults are those of the ignorant
    attacker.
    """
    values = {
        "release": "rae",
        "required": "sad",
        "knowledge": "ignorant",
        "attacker": "risk-model",
        "best": True,
        "target": "emotion",
        "draw": 0,
        "corpus": "one",
        "gender": 0,
        "role": 0,
        "truth": 0.0,
        "before": np.nan,
        "prediction": np.nan,
        "score": np.nan,
        **columns,
    }
    table = pd.DataFrame(values)
    table["row"] = columns.get("row", np.arange(len(table)))
    return table.assign(k=1)[list(PREDICTION_COLUMNS)]


def utterances_of(speakers: Iterable[str], **columns: Sequence[Any]) -> dict[str, list[Any]]:
    """The same utterances for every speaker, as columns."""
    names = list(speakers)
    length = len(next(iter(columns.values())))
    return {
        "speaker": [name for name in names for _ in range(length)],
        **{name: list(values) * len(names) for name, values in columns.items()},
    }


def study(
    *,
    speakers: int = 12,
    utterances: int = 12,
    draws: int = 2,
    corpora: Sequence[str] = ("ravdess", "emodb"),
    releases: Sequence[str] = ("none", "rae", "rae-grl", "rae-grl+"),
    required: Sequence[str] = ("happy", "sad", "angry"),
    seed: int = 0,
) -> pd.DataFrame:
    """Random predictions of all attackers of a study, correct more often than by chance.

    Each corpus has `speakers`. Each speaker is tested in one draw, with `utterances` of all roles.
    The first corpus labels intensity.
    """
    rng = np.random.default_rng(seed)
    people = [
        (f"{corpus}/Xanthippe{i:02d}", corpus, i % 2, i // 2 % draws)
        for corpus in corpora
        for i in range(speakers)
    ]
    base = pd.DataFrame(
        [(*person, k % 3) for person in people for k in range(utterances)],
        columns=["speaker", "corpus", "gender", "draw", "role"],
    )
    base["row"] = np.arange(len(base))
    parts = [
        part
        for position, release in enumerate(releases)
        for policy in required
        for part in _audit(rng, base, release, policy, strength=2.0 / (1 + position))
    ]
    return pd.concat(parts, ignore_index=True).assign(k=1)[list(PREDICTION_COLUMNS)]


def _audit(
    rng: np.random.Generator, base: pd.DataFrame, release: str, required: str, strength: float
) -> list[pd.DataFrame]:
    fixed: dict[str, Any] = {
        "release": release,
        "required": required,
        "best": True,
        "before": np.nan,
    }
    ignorant: dict[str, Any] = {**fixed, "knowledge": "ignorant", "attacker": "risk-model"}

    def guess(truth: pd.Series, classes: int) -> Any:
        return np.where(
            rng.random(len(truth)) < 0.4 + 0.2 * strength,
            truth,
            rng.integers(classes, size=len(truth)),
        )

    before = guess(base["role"], 3)
    after = before if release == "none" else guess(base["role"], 3)
    emotion = {
        "target": "emotion",
        "truth": base["role"],
        "before": before,
        "prediction": after,
        "score": np.nan,
    }
    parts = [base.assign(**ignorant | emotion)]
    two = base[base["role"] != 1]
    for target, table, truth in (
        ("gender", base, base["gender"]),
        ("sensitive-vs-neutral", two, two["role"] // 2),
    ):
        for knowledge, names in (("ignorant", ("risk-model",)), ("semi-informed", FAMILIES)):
            for draw, name in enumerate(names):
                score = strength * truth + rng.normal(size=len(truth))
                best = (table["draw"] % len(names) == draw).to_numpy()
                parts.append(
                    table.assign(
                        release=release,
                        required=required,
                        knowledge=knowledge,
                        attacker=name,
                        best=best,
                        target=target,
                        truth=truth,
                        before=np.nan,
                        prediction=(score > 0.5) * 1,
                        score=score,
                    )
                )
    detail = {**fixed, "knowledge": "ignorant", "attacker": "", "score": np.nan}
    inside = base[base["role"] == 1]
    labelled = inside[inside["corpus"] == base["corpus"].iloc[0]]
    loud = pd.Series(np.arange(len(labelled)) % 2 + 1, labelled.index)
    prediction = guess(loud, 3)
    scores = detail | {"score": prediction + rng.normal(size=len(prediction))}
    parts.append(labelled.assign(**scores, target="intensity", truth=loud, prediction=prediction))
    parts.append(
        inside.assign(
            **detail, target="reconstruction", truth=4.0, prediction=rng.random(len(inside))
        )
    )
    return parts
