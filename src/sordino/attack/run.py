"""The audit of a release on a corpus: guesses of every attacker on every test utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack import row_sampling
from sordino.attack.attackers.families import QUICK, available
from sordino.attack.attackers.ignorant import RiskAttacker, RiskFitter
from sordino.attack.attackers.kernels import check_families
from sordino.attack.release_audit import SENSITIVE_TARGET, AttackSetting
from sordino.columns import PREDICTION_COLUMNS
from sordino.corpora.hidden import unlabelled_entries
from sordino.corpora.split import Part, Parts
from sordino.corpora.table import Corpus
from sordino.define import GENDERS, ROLES
from sordino.errors import AttackError
from sordino.policy import Policy
from sordino.release.protocol import Release
from sordino.types import Codes, Rows, Vectors


@dataclass(frozen=True)
class AttackResult:
    """One row per utterance, attacker and target (`PREDICTION_COLUMNS`), and the configuration."""

    predictions: pd.DataFrame
    config: Mapping[str, Any]
    patient_null: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    """For each number of utterances of one speaker: the AUCs of the patient attacker on gender when
    gender is shuffled over speakers. Attackers with labels that can be shuffled cheaply pool their
    scores.
    """


def run(
    release: Release,
    z: NDArray[np.float32],
    corpus: Corpus,
    parts: Parts,
    policy: Policy,
    *,
    ignorant: RiskAttacker | None = None,
    families: Sequence[str] = QUICK,
    seed: int = 0,
    informed: bool = True,
    released: NDArray[np.float32] | None = None,
) -> AttackResult:
    """Predictions for released test utterances by attackers of the risk party.

    - *ignorant*: the risk model, which was never trained on released vectors. It is fitted here if
      `ignorant` is None.
    - *semi-informed*: attackers that apply the release to their own speakers, the risk party, and
      retrain. If the release has bins, one of them reads the bin (`bin`). They also distinguish
      each sensitive emotion from neutral (`EMOTION-vs-neutral`).
    - *informed*: attackers that also have the labelled speakers of the release's fit.
    - *patient*: semi-informed attackers with 5, 20 or 100 utterances of one test speaker, as far as
      there are so many.

    The same models measure utility: they recover the required emotion against the rest; of several,
    all together and each by itself.

    `informed=False` leaves out the informed attackers and membership inference.

    Membership inference predicts whether a speaker was in the transform party. It is cross-fitted
    over all speakers. For the release `none` it measures the memory of the scaled space itself. Age
    and every value of a hidden column are attacked like gender, and identity by attackers with
    utterances of the tested speakers, if the policy hides them. Hidden attributes without labels,
    or with a value of too few speakers, are listed in the config, `unlabelled`.

    `z` is `(utterances, d)` in the scaled space, in the corpus' row order. `released`, of the same
    shape, are the released vectors of a release that changes recordings and maps no vector. Of a
    party with more than 4,000 rows, attackers have 2,000, drawn evenly over its speakers
    (`sordino.attack.row_sampling`); the risk model has all. The config says so, `drawn_rows`.

    Raises `AttackError` if the test part lacks a role or a gender, the risk party has too few
    speakers for a value of a secret, or vectors are missing.
    """
    hidden = corpus.attributes(policy, parts.risk.rows)
    drawn = _DrawnRows.of(parts, corpus.speaker, corpus.genders(), seed, [*hidden.values()])
    _check_inputs(z, corpus.roles(policy), corpus.genders(), parts.test, families)
    ignorant = ignorant or RiskFitter(policy, seed=seed).fit(z, corpus, parts.risk)
    setting = drawn.setting(release, z, corpus, policy, families, seed, released)
    targets, unlabelled = _targets(setting, policy)
    retraining = [block for target in targets for block in setting.retraining(target, informed)]
    retraining += setting.emotions()
    blocks = [*setting.ignorant(ignorant), *retraining, *setting.utility()]
    blocks += [setting.membership()] if informed else []
    identity = setting.identity() if "speaker" in policy.hide else []
    return _collect(drawn, setting, [*blocks, *setting.detail(), *identity], policy, unlabelled)


def run_joint(
    joint: Release,
    z: NDArray[np.float32],
    corpus: Corpus,
    parts: Parts,
    policy: Policy,
    *,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> AttackResult:
    """Predictions by retrained attackers that have several releases of each utterance, under one
    policy.

    For each row, `joint` returns the vectors of all releases side by side
    (`sordino.release.Joint`). Secrets and retrained attackers are those of `run`. The risk model is
    left out, because its width differs, and so are the targets beside secrets.
    """
    hidden = corpus.attributes(policy, parts.risk.rows)
    drawn = _DrawnRows.of(parts, corpus.speaker, corpus.genders(), seed, [*hidden.values()])
    _check_inputs(z, corpus.roles(policy), corpus.genders(), parts.test, families)
    setting = drawn.setting(joint, z, corpus, policy, families, seed)
    targets, unlabelled = _targets(setting, policy)
    blocks = [block for target in targets for block in setting.retraining(target)]
    blocks += setting.emotions()
    return _collect(drawn, setting, blocks, policy, unlabelled)


def _targets(setting: AttackSetting, policy: Policy) -> tuple[list[str], list[str]]:
    """The secrets of retrained attackers, and the hidden attributes without labels."""
    attributes = [*setting.attributes]
    targets = ["gender", SENSITIVE_TARGET, *filter(setting.is_labelled, attributes)]
    missing = [name for name in attributes if name not in targets]
    return targets, [*missing, *unlabelled_entries(setting.table, policy)]


@dataclass(frozen=True)
class _DrawnRows:
    """The rows of a study that its attackers have, numbered from 0; all rows if no party is
    large.
    """

    parts: Parts
    rows: Rows | None = None
    """The row of the study of each row."""
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """For each party that was drawn from: the rows that attackers have, and all rows."""

    @classmethod
    def of(
        cls,
        parts: Parts,
        speaker: NDArray[np.str_],
        gender: Rows,
        seed: int,
        attributes: Sequence[Codes],
    ) -> _DrawnRows:
        counts = row_sampling.drawn_counts(parts)
        if not counts:
            return cls(parts)
        drawn = row_sampling.sample_parts(parts, speaker, gender, seed, attributes)
        rows = np.sort(np.concatenate([drawn.risk.rows, drawn.transform.rows, drawn.test]))

        def place(part: Rows) -> Rows:
            return np.searchsorted(rows, part)

        risk, transform = (
            Part(place(part.train), place(part.validation))
            for part in (drawn.risk, drawn.transform)
        )
        return cls(Parts(risk, transform, place(drawn.test), parts.draw), rows, counts)

    def setting(
        self,
        release: Release,
        z: Vectors,
        corpus: Corpus,
        policy: Policy,
        families: Sequence[str],
        seed: int,
        released: Vectors | None = None,
    ) -> AttackSetting:
        """The attack on these rows of a study; `released` are its released vectors."""
        if self.rows is not None:
            z, corpus = z[self.rows], corpus.select(self.rows)
            released = None if released is None else released[self.rows]
        return AttackSetting(release, z, corpus, self.parts, policy, families, seed, released)


def _collect(
    drawn: _DrawnRows,
    setting: AttackSetting,
    blocks: Sequence[pd.DataFrame],
    policy: Policy,
    unlabelled: Sequence[str],
) -> AttackResult:
    table, release = pd.concat(blocks, ignore_index=True), setting.release
    table.insert(0, "release", release.name)
    table.insert(1, "required", policy.required_name)
    table["draw"] = setting.parts.draw
    if drawn.rows is not None:
        table["row"] = drawn.rows[table["row"]]
    config = {
        "release": release.name,
        "hash": release.hash,
        "config": dict(release.config),
        "policy": policy.hash,
        "families": list(setting.families),
        "seed": setting.seed,
        "chosen": setting.chosen,
    }
    if drawn.counts:
        config["drawn_rows"] = {party: [*sizes] for party, sizes in drawn.counts.items()}
    if unlabelled:
        config["unlabelled"] = list(unlabelled)
    return AttackResult(table[list(PREDICTION_COLUMNS)], config, setting.patient_null)


def _check_inputs(
    z: NDArray[np.float32], role: Rows, gender: Rows, test: Rows, families: Sequence[str]
) -> None:
    check_families(families, available())
    if len(z) != len(role):
        raise AttackError(
            f"{len(z)} vectors for {len(role)} utterances, expected one for each: extract them anew"
        )
    for names, codes in ((ROLES, role), (GENDERS, gender)):
        missing = [name for code, name in enumerate(names) if code not in codes[test]]
        if missing:
            raise AttackError(
                f"no {', '.join(missing)} utterance in the test part, expected {', '.join(names)}: "
                "add speakers, or change the policy or the seed"
            )
