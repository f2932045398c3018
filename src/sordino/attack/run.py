"""An audit: every attacker's guess on every test utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack.attackers.families import FULL, QUICK
from sordino.attack.attackers.ignorant import RiskAttacker, RiskFitter
from sordino.attack.attackers.kernels import known_families
from sordino.attack.release_audit import Scene
from sordino.columns import RELEASE_PREDICTIONS
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.define import GENDERS, ROLES
from sordino.errors import AttackError
from sordino.policy import Policy
from sordino.release.protocol import Release


@dataclass(frozen=True)
class Attacked:
    """The predictions (`columns.RELEASE_PREDICTIONS`) and the configuration of an audit."""

    predictions: pd.DataFrame
    config: Mapping[str, Any]


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
) -> Attacked:
    """What attackers of the risk party learn from released test utterances.

    - *ignorant*: the risk model (fitted here where none is given), which never saw a release;
    - *semi-informed*: those who run the release on their own speakers, the risk party, and retrain;
      of a release that says one of a few things, one of them reads which (`bin`);
    - *informed*: those who also have the labelled speakers that the release was fitted on;
    - *patient*: semi-informed ones who see 5, 20 or 100 utterances of one test speaker, as far as
      there are so many.

    Whoever may use it retrains as well: the same attackers tell the required emotion from the rest.
    And membership is asked: whether a speaker was in the transform party. It is cross-fitted over
    all speakers; of the release `none` it tells what the scaled space itself remembers of them. Of
    what the policy hides beside gender, age is asked likewise and who speaks of attackers who know
    the people; what is not labelled is named in the config, `unlabelled`.

    `z` is `(utterances, d)` in the scaled space, in the corpus' row order. Raises `AttackError`
    when the test part lacks a role or a gender, the risk party has too few speakers for a value of
    a secret, or vectors are missing.
    """
    _check(z, corpus, parts, policy, families)
    ignorant = ignorant or RiskFitter(policy, seed=seed).fit(z, corpus, parts.risk)
    scene = Scene(release, z, corpus, parts, policy, families, seed)
    asked, unlabelled = _asked(scene, policy)
    retraining = [block for target in asked for block in scene.retraining(target)]
    blocks = [*scene.ignorant(ignorant), *retraining, scene.kept(), scene.membership()]
    identity = scene.identity() if "speaker" in policy.hide else []
    return _attacked(scene, [*blocks, *scene.detail(), *identity], policy, unlabelled)


def together(
    several: Release,
    z: NDArray[np.float32],
    corpus: Corpus,
    parts: Parts,
    policy: Policy,
    *,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> Attacked:
    """What attackers who retrain learn of an utterance when several releases of it came to them,
    under one policy.

    `several` gives for each row what all of them let out, side by side (`sordino.release.Joint`).
    The secrets and attackers are those of `run` but for the risk model, which no longer fits, and
    what is asked beside secrets.
    """
    _check(z, corpus, parts, policy, families)
    scene = Scene(several, z, corpus, parts, policy, families, seed)
    asked, unlabelled = _asked(scene, policy)
    return _attacked(
        scene, [block for target in asked for block in scene.retraining(target)], policy, unlabelled
    )


def _asked(scene: Scene, policy: Policy) -> tuple[list[str], list[str]]:
    """The secrets that attackers retrain for, and those that the policy hides but that are not
    labelled.
    """
    age = "age" in policy.hide
    labelled = age and scene.labelled("age")
    return ["gender", "sensitive-vs-neutral", *(["age"] if labelled else [])], [
        "age"
    ] if age and not labelled else []


def _attacked(
    scene: Scene, blocks: Sequence[pd.DataFrame], policy: Policy, unlabelled: Sequence[str]
) -> Attacked:
    table, release = pd.concat(blocks, ignore_index=True), scene.release
    table.insert(0, "release", release.name)
    table.insert(1, "required", policy.required)
    table["draw"] = scene.parts.draw
    config = {
        "release": release.name,
        "hash": release.hash,
        "config": dict(release.config),
        "policy": policy.hash,
        "families": list(scene.families),
        "seed": scene.seed,
        "chosen": scene.chosen,
    }
    return Attacked(
        table[list(RELEASE_PREDICTIONS)],
        config | ({"unlabelled": list(unlabelled)} if unlabelled else {}),
    )


def _check(
    z: NDArray[np.float32], corpus: Corpus, parts: Parts, policy: Policy, families: Sequence[str]
) -> None:
    known_families(families, FULL)
    if len(z) != len(corpus):
        raise AttackError(
            f"{len(z)} vectors for {len(corpus)} utterances, expected one for each: extract them "
            "anew"
        )
    for names, codes in ((ROLES, corpus.roles(policy)), (GENDERS, corpus.genders())):
        missing = [name for place, name in enumerate(names) if place not in codes[parts.test]]
        if missing:
            raise AttackError(
                f"no {', '.join(missing)} utterance in the test part, expected {', '.join(names)}: "
                "add speakers, or change the policy or the seed"
            )
