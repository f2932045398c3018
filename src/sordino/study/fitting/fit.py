"""From policies and recordings to releases: chosen on validation speakers, measured on test
speakers, fitted on all.

    draws, each speaker tested once ── choose: validation speakers of the draws     (where a budget is set)
                                    ├─ measure: test speakers of the draws          the figures of the card
                                    └─ fit: everybody                               what ships, and its bounds

What ships is fitted on every speaker by the procedure whose figures stand on the card: those of
each draw are of a release that had two fifths of the speakers, attacked by two fifths, on the rest.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sordino import attack, release
from sordino.corpora.split import Part, Parts
from sordino.corpora.table import Corpus, checksums
from sordino.errors import PolicyError, ReleaseError
from sordino.features import CACHE, Preprocess, PreprocessFitter
from sordino.metrics.bound import Bound
from sordino.policy import Policy
from sordino.release import DrawnFitter
from sordino.report.estimate_table import Estimates
from sordino.report.estimates import measure
from sordino.study import protocol
from sordino.study.fitting import selection
from sordino.study.fitting.card import Fitted, Muted
from sordino.study.fitting.selection import Reached
from sordino.study.units import Options, predictions, remembered, space
from sordino.types import Vectors

STUDY: Final = "fit"

OPTIONS: Final = Options(scale="zscore")
"""Scales of what ships are means and deviations: a minimum or a maximum is one person's."""


def fit(
    corpus: Corpus,
    policies: Mapping[str, Policy],
    *,
    features: str = "mel",
    budget: float | None = None,
    options: Options = OPTIONS,
    cache: str | Path | None = CACHE,
    jobs: int = 0,
) -> Fitted:
    """A release for each policy, by the policy's name, and what attackers get of each.

    - `budget`: the largest AUC that is accepted, before that of the policies; where none is set,
      none is refused.
    - `features`: a feature set or a table of vectors made elsewhere (`sordino.features.extract`).
    - `options`: how it is run; which releases is not looked at.
    - `cache`: where features and finished units are kept, so that a killed run goes on.

    Raises `PolicyError` for a policy that cannot be, or several that name different emotions,
    `SplitError` where the speakers do not suffice.
    """
    emotions = _emotions(corpus, policies)
    study = corpus.with_emotions(emotions)
    sums = checksums(study)
    _require_splits(study, sums, policies, budget, options)  # before the features, which take long
    x = protocol.vectors(features, corpus, emotions, cache, jobs)
    with tempfile.TemporaryDirectory() as temporary:
        run = _Run(study, x, sums, features, options, Path(cache or temporary) / "fit", jobs)
        muted = {
            name: run.policy(policy, budget, place)
            for place, (name, policy) in enumerate(policies.items())
        }
    table = study.table.groupby("corpus", sort=False)
    counts = {str(name): (int(rows["speaker"].nunique()), len(rows)) for name, rows in table}
    found = Fitted(run.preprocess, muted, protocol.name_of(features), options.seed, counts)
    made = {name: one for name, one in muted.items() if one.release is not None}
    return (
        replace(found, together=run.together(made), joint=run.joint(made))
        if len(made) > 1
        else found
    )


def _emotions(corpus: Corpus, policies: Mapping[str, Policy]) -> tuple[str, ...]:
    """The emotions of all policies, which name the same ones."""
    if not policies:
        raise PolicyError("no policy, expected one or more: pass --policy FILE")
    first, *others = policies.values()
    for policy in policies.values():
        release.check(policy)
        if policy.release == "none":
            raise PolicyError(
                'release "none" hides nothing, expected another: name one, or set a budget'
            )
        policy.check_against(corpus.table["emotion"])
    for other in others:
        if differ := sorted(set(first.emotions) ^ set(other.emotions)):
            raise PolicyError(
                f"{', '.join(differ)}: named by some policies of a bundle and not by all, expected "
                "the same emotions "
                "in each: give every emotion a role, or fit two bundles"
            )
    return first.emotions


def _require_splits(
    corpus: Corpus,
    sums: NDArray[np.str_],
    policies: Mapping[str, Policy],
    budget: float | None,
    options: Options,
) -> None:
    """Raise `SplitError` where a draw lacks an emotion or a gender in a part that some policy needs:
    its test speakers, and with a budget its validation speakers.
    """
    for policy in policies.values():
        protocol.deal(corpus, options, sums, policy.emotions)
        if budget is not None or policy.budget.auc is not None:
            validation = replace(options, measured_on="validation")
            protocol.deal(corpus, validation, sums, policy.emotions)


class _Run:
    """Recordings and settings that all policies share."""

    def __init__(
        self,
        corpus: Corpus,
        x: Vectors,
        sums: NDArray[np.str_],
        features: str,
        options: Options,
        folder: Path,
        jobs: int,
    ) -> None:
        self.corpus, self.x, self.options, self.jobs = corpus, x, options, jobs
        self.sums, self.folder, self.features = sums, folder, features
        self.preprocess = self.fitted(np.arange(len(x)))
        self.z = self.preprocess(x)
        self.space = remembered(
            lambda rows: self.fitted(rows)(x)
        )  # bounds of each policy, and of all together

    def fitted(self, rows: NDArray[np.intp]) -> Preprocess:
        """Scaling that these rows decide."""
        return PreprocessFitter(self.options.scale, self.options.components).fit(self.x[rows])

    def draws(self, policy: Policy, measured_on: Any = "test") -> tuple[Parts, ...]:
        """The draws of test speakers, or of validation speakers."""
        return protocol.deal(
            self.corpus, replace(self.options, measured_on=measured_on), self.sums, policy.emotions
        )

    @property
    def everybody(self) -> Part:
        """All rows; the validation speakers of the first draw's transform stop what has to be
        stopped.
        """
        held = protocol.deal(
            self.corpus, self.options, self.sums, sorted(set(self.corpus.table["emotion"]))
        )
        kept = held[0].transform.validation
        return Part(np.setdiff1d(np.arange(len(self.corpus)), kept), kept)

    def policy(self, policy: Policy, budget: float | None, place: int) -> Muted:
        """Choose, measure and fit for one policy."""
        budget = policy.budget.auc if budget is None else budget
        candidates, found = selection.families(policy, budget), tuple[Reached, ...]()
        if budget is not None:
            _, found, _ = self.attacked(policy, candidates, "validation")
            winner = selection.best(found, budget)
            if winner is None:
                return Muted(policy, "", budget, found)
            candidates = [
                one for one in candidates if release.name_of(policy, one) == winner.release
            ]
        estimates, measured, unlabelled = self.attacked(policy, candidates, "test")
        fitter = release.fitter(policy, candidates[0], self.seed(0, place))
        made = fitter.fit(self.z, self.corpus, self.everybody)
        bounds = self.bounds(fitter)
        return Muted(
            policy, candidates[0], budget, found, made, measured, estimates, bounds, unlabelled
        )

    def seed(self, draw: int, place: int) -> int:
        """Every policy has chance of its own, or what several let out would be flipped together."""
        return 1000 * (self.options.seed + 1000 * place) + draw

    def attacked(
        self, policy: Policy, families: Sequence[str], measured_on: str
    ) -> tuple[pd.DataFrame, tuple[Reached, ...], tuple[str, ...]]:
        """Estimates of these families and of `none`, what each reached, and what is not labelled."""
        options = replace(self.options, releases=("none", *families), measured_on=measured_on)  # type: ignore[arg-type]
        draws = self.draws(policy, measured_on)
        guesses, record = predictions(
            self.x, self.corpus, draws, self.folder, options, self.jobs, [policy]
        )
        estimates = self.measured(guesses)
        unlabelled = tuple(
            sorted({name for unit in record.values() for name in unit["unlabelled"]})
        )
        return estimates, tuple(selection.reached(Estimates(estimates), policy)), unlabelled

    def measured(self, guesses: pd.DataFrame) -> pd.DataFrame:
        return measure(
            guesses, study=STUDY, features=protocol.name_of(self.features), seed=self.options.seed
        )

    def bounds(self, fitter: Any) -> Mapping[tuple[str, str], Bound]:
        """Of a drawn release; none where speakers are too few to do without some."""
        try:
            everybody, space = self.everybody, self.space
            return (
                release.bounds(fitter, space, self.corpus, everybody)
                if isinstance(fitter, DrawnFitter)
                else {}
            )
        except ReleaseError:
            return {}

    def together(self, made: Mapping[str, Muted]) -> pd.DataFrame:
        """What attackers get who see each utterance as released under every policy, in every draw."""
        draws = self.draws(next(iter(made.values())).policy)
        calls = [joblib.delayed(self._together)(parts, made) for parts in draws]
        found = [
            table for tables in joblib.Parallel(n_jobs=self.jobs or -1)(calls) for table in tables
        ]
        guesses = pd.concat(found, ignore_index=True)
        tables = [
            self.measured(rows).assign(condition=f"policy={name}")
            for name, rows in guesses.groupby("policy", sort=False)
        ]
        return pd.concat(tables, ignore_index=True)

    def _together(self, parts: Parts, made: Mapping[str, Muted]) -> list[pd.DataFrame]:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", ".* sound like "
            )  # few prototypes: those that ship say how many
            z = space(parts, self.x, self.options)
            releases = [
                release.fitter(one.policy, one.family, self.seed(parts.draw, place)).fit(
                    z, self.corpus, parts.transform
                )
                for place, one in enumerate(made.values())
            ]
            several, families = release.joint(releases), self.options.families
            return [
                attack.run_joint(
                    several, z, self.corpus, parts, one.policy, families=families, seed=parts.draw
                ).predictions.assign(policy=name)
                for name, one in made.items()
            ]

    def joint(self, made: Mapping[str, Muted]) -> Mapping[tuple[str, str, str], Bound]:
        """What no such attacker exceeds; nothing where a release is not drawn."""
        fitters = {
            name: release.fitter(one.policy, one.family, self.seed(0, place))
            for place, (name, one) in enumerate(made.items())
        }
        if not all(isinstance(one, DrawnFitter) for one in fitters.values()):
            return {}
        try:
            return release.joint_bounds(fitters, self.space, self.corpus, self.everybody)  # type: ignore[arg-type]
        except ReleaseError:
            return {}
