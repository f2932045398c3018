"""The columns of the tables of predictions and of estimates: the contracts of several rooms.

>>> len(ESTIMATE_COLUMNS), ESTIMATE_COLUMNS[0], ESTIMATE_COLUMNS[-1]
(20, 'study', 'chance')
"""

from __future__ import annotations

from typing import Final

RELEASED: Final = "released"
"""The audited vectors of a table, in the column `release`."""

REFERENCE: Final = "none"
"""The unprotected vectors of a table, in the column `release`: the release that changes nothing."""

_MEANING: Final = {
    "features": "feature set, or the streams of an embedding: audio, text or both",
    "task": "the primary task of an embedding",
    "release": "name of the release or embedding",
    "required": "the policy's required emotion",
    "condition": "the setting that a sweep varies",
    "knowledge": "the attacker's knowledge (`sordino.define.Knowledge`)",
    "attacker": "attacker family; risk-model for the ignorant attacker; the pooling method of a "
    "patient attacker; empty for predictions without an attacker",
    "best": "whether this attacker had the highest AUC on the attacker's own speakers; never "
    "decided on the predicted rows",
    "target": "emotion, decision, gender, age, speaker, sensitive-vs-neutral, EMOTION-vs-neutral, "
    "required-vs-rest, membership, intensity or reconstruction",
    "asked": "emotion, leakage, privacy, privacy-d1, patient, membership, control, likelihood, "
    "likelihood-training, likelihood-control, retrained, retrained-clean, retrained-age, "
    "verification or decision",
    "k": "number of utterances of one speaker that a patient attacker pools, else 1",
    "draw": "the three-party split, or the tested fold with its seed",
    "row": "row of the utterance in the table of vectors or the corpus; the first row if pooled",
    "corpus": "corpus of the utterance",
    "speaker": "speaker of the utterance",
    "gender": "gender of the speaker: 0 female, 1 male, -1 unknown",
    "role": "true role: 0 neutral, 1 required, 2 sensitive",
    "side": "number of the split in which the utterance was scored; its attackers never saw the "
    "speaker",
    "truth": "true value of the secret or class: the role, the gender, the intensity; 1 for "
    "sensitive, for a member, for a speaker older than the median, for a true claim of identity; "
    "for reconstruction see `sordino.attack.utility_probes`",
    "before": "emotion: the predicted role of the original utterance; decision: the decision on "
    "the clean recording",
    "prediction": "predicted value of the released utterance",
    "score": "score of the second of two values, above 0 if predicted; else NaN",
}


def _columns(*names: str) -> dict[str, str]:
    return {name: _MEANING[name] for name in names}


PREDICTION_COLUMNS: Final = _columns(
    "release",
    "required",
    "knowledge",
    "attacker",
    "best",
    "target",
    "k",
    "draw",
    "row",
    "corpus",
    "speaker",
    "gender",
    "role",
    "truth",
    "before",
    "prediction",
    "score",
)
"""Audits of releases: one row per utterance, attacker and target."""

GUESS_COLUMNS: Final = _columns(
    "row", "speaker", "side", "attacker", "best", "truth", "prediction", "score", "k"
)
"""Attacks on vectors: one row per utterance and attacker."""

EMBEDDING_COLUMNS: Final = _columns(
    "features",
    "task",
    "release",
    "condition",
    "asked",
    "attacker",
    "draw",
    "row",
    "truth",
    "prediction",
    "score",
    "k",
)
"""Studies of embeddings: one row per utterance, attacker and question."""

ESTIMATE_COLUMNS: Final = (
    "study",
    "corpus",
    "features",
    "release",
    "condition",
    "required",
    "knowledge",
    "attacker",
    "target",
    "metric",
    "group",
    "k",
    "split",
    "seed",
    "value",
    "low",
    "high",
    "n",
    "speakers",
    "chance",
)
"""`estimates.csv`: one row per estimate. A cell is empty where its column does not apply."""
