"""From policies and recordings to releases.

    draws ─┬─ choose: on validation speakers of the draws    if there is a budget
           ├─ measure: on test speakers of the draws         the figures of the card
           └─ fit: on all speakers                           the release that ships, and its bounds

The release that ships is fitted on all speakers. The figures of the card are those of the same
procedure in each draw: fitted on two fifths of the speakers, attacked by two fifths, tested on the
rest.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from sordino import attack, parallel, release, storage
from sordino.corpora.split import DRAWS, Part, Parts
from sordino.corpora.table import Corpus
from sordino.errors import PolicyError, ReleaseError
from sordino.features import CACHE, Preprocess, large
from sordino.metrics.bound import Bound
from sordino.nn.fit import run_plan
from sordino.policy import Policy
from sordino.release import DrawnFitter, Fitter, MixtureFitter
from sordino.release.drawn.prototypes import LONGEST_NOISE
from sordino.report.estimate_table import Estimates
from sordino.report.estimates import measure
from sordino.signal.feature_sets import AUTOMATIC, check_device, resolve
from sordino.storage import Location
from sordino.study import minimum, protocol, run_record
from sordino.study.fitting import selection
from sordino.study.fitting.card import FitResult, JointBounds, PolicyResult
from sordino.study.fitting.rates import card_rates
from sordino.study.fitting.rounding import round_to_int8
from sordino.study.fitting.selection import Tradeoff
from sordino.study.policies import common_emotions, resolve_policies
from sordino.study.protocol import Fitters, Inputs, Options
from sordino.study.units import cached, predictions
from sordino.types import Rows, Vectors

STUDY: Final = "fit"


def fit(
    corpus: Corpus,
    policies: Mapping[str, Policy],
    *,
    features: str = AUTOMATIC,
    budget: float | None = None,
    candidates: Sequence[str] = (),
    options: Options | None = None,
    fitters: Fitters | None = None,
    max_draws: int = DRAWS,
    int8: bool = False,
    noise: str | Path | None = None,
    public: Corpus | None = None,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> FitResult:
    """A release for each policy by the policy's name, and its audit.

    - `features`: a feature set, or a table of vectors (`sordino.features.extract`). The default
      is `speech` where its weights are installed, and `mel` otherwise.
    - `policies`: where one has `sensitive = "rest"`, the result has the emotions of the corpus.
    - `budget`: the largest accepted AUC of an attacker, in [0.5, 1]. It stands before the budgets
      of the policies. Without any budget, no release is refused.
    - `candidates`: families to choose from under a budget; those of `selection.families` if
      empty.
    - `options`: choices of the procedure; by default those of `protocol.bundle_options`. Its
      `releases` are not used.
    - `fitters`: settings of the risk model, and fitters of releases by name.
    - `max_draws`: at most so many draws of speakers; fewer are faster and have wider intervals.
    - `int8`: measure also the release with 8-bit weights (`FitResult.rounding`).
    - `noise`: a folder with recordings of noise for the copies, if `options` has conditions.
    - `public`: recordings of other people, which decide scaling and principal components in place
      of the fitting speakers (`sordino.study.protocol.prepare`).
    - `cache`: the folder of features and finished units. A killed run reuses them; the
      release that ships, its bounds and the attacks on several policies together start again.
    - `jobs`: processes, 0 for one per core. It changes no value.

    Raises `FeatureError` for features that no device computes; `PolicyError` for a policy that
    cannot be fitted, policies with different emotions, and a hidden column that the corpus lacks;
    `CorpusError` or `SplitError` if there are too few speakers.
    """
    features = resolve(features)
    check_device(features)
    corpus, resolved = resolve_policies(corpus, [*policies.values()])
    policies = dict(zip(policies, resolved, strict=True))
    emotions = _emotions(corpus.table["emotion"], policies)
    options = replace(options or protocol.bundle_options(features), measured_on="test")
    budgets = {
        name: policy.budget.auc if budget is None else budget for name, policy in policies.items()
    }
    families = {
        name: selection.families(policy, budgets[name], candidates)
        for name, policy in policies.items()
    }
    releases = tuple(dict.fromkeys(family for names in families.values() for family in names))
    released = replace(options, releases=releases)
    listed = [*policies.values()]
    minimum.check_minimum("fit", corpus, released, listed, fitters, max_draws)
    inputs = protocol.prepare(
        corpus,
        features,
        options,
        emotions=emotions,
        max_draws=max_draws,
        require_validation=any(auc is not None for auc in budgets.values()),
        noise=noise,
        public=public,
        cache=cache,
        jobs=jobs,
    )
    name, fitters = protocol.features_name(features), Fitters.with_registered(fitters)
    with tempfile.TemporaryDirectory() as temporary:
        folder = storage.location(cache or temporary) / "fit"
        procedure = _Procedure(inputs, name, options, fitters, folder, jobs)
        results = {
            name: procedure.policy(policy, budgets[name], families[name], index)
            for index, (name, policy) in enumerate(policies.items())
        }
    result = procedure.result(results)
    return round_to_int8(result, inputs, options) if int8 and result.within else result


def _emotions(labels: pd.Series, policies: Mapping[str, Policy]) -> tuple[str, ...]:
    """The emotions that all policies name (`common_emotions`). Raises `PolicyError` for a policy
    that hides nothing, and for an emotion that no label is.
    """
    emotions = common_emotions([*policies.values()])
    for policy in policies.values():
        if policy.release == "none":
            raise PolicyError(
                'release "none" hides nothing, expected another: name one, or set a budget'
            )
        policy.check_against(labels)
    return emotions


def _check_noise(fitter: Fitter, speakers: int) -> None:
    """Warn where the noise of differential privacy may decide the emotion of a prototype."""
    if not isinstance(fitter, DrawnFitter):
        return
    length = fitter.noise_length(speakers)
    if length > LONGEST_NOISE:
        warnings.warn(
            f"prototype_epsilon {fitter.prototype_epsilon:g} with {speakers} fitting speakers: the "
            f"noise has {length:.2f} times the greatest possible length of an emotion's mean, "
            f"expected at most {LONGEST_NOISE:g}. Prototypes may be of the wrong emotion: raise "
            "prototype_epsilon, or add speakers",
            stacklevel=2,
        )


class _Procedure:
    """Inputs and settings that all policies share."""

    def __init__(
        self,
        inputs: Inputs,
        features: str,
        options: Options,
        fitters: Fitters,
        folder: Location,
        jobs: int,
    ) -> None:
        self.inputs, self.features, self.options, self.fitters = inputs, features, options, fitters
        self.folder, self.jobs = folder, jobs
        self.fitting = inputs.fitting
        self.preprocess = self.scaling(np.arange(len(inputs.x)))
        self.z = large.scale_vectors(self.preprocess, inputs.x)
        # shared by all bounds
        self.space = cached(lambda rows: large.scale_vectors(self.scaling(rows), inputs.x))

    def scaling(self, rows: Rows) -> Preprocess:
        """The scaled space that these rows decide."""
        return self.inputs.scaling(rows, self.options)

    @cached_property
    def validation(self) -> Inputs:
        """The inputs with validation speakers in the place of the test."""
        corpus, sums, draws = self.inputs.corpus, self.inputs.checksums, self.inputs.draws
        options = replace(self.options, measured_on="validation")
        emotions = sorted(set(corpus.table["emotion"]))
        on_validation = protocol.draws(corpus, options, sums, emotions)[: len(draws)]
        return self.inputs._replace(draws=on_validation)

    @property
    def speakers(self) -> Part:
        """All recordings and copies. Early stopping uses the validation speakers of the first
        draw's transform.
        """
        validation = self.inputs.draws[0].transform.validation
        train = np.setdiff1d(np.arange(len(self.inputs.corpus)), validation)
        return self.inputs.with_copies(Part(train, validation))

    def policy(
        self, policy: Policy, budget: float | None, families: Sequence[str], index: int
    ) -> PolicyResult:
        """The release of one policy: chosen from families, measured and fitted."""
        validation: tuple[Tradeoff, ...] = ()
        if budget is not None:
            validation = self.tradeoffs(policy, families)
            winner = selection.best(validation, budget)
            if winner is None:
                return PolicyResult(policy, "", budget, validation)
            families = [
                family for family in families if release.name_of(policy, family) == winner.release
            ]
        fitter = self.fitter(policy, families[0], 0, index)
        _check_noise(fitter, len(set(self.inputs.corpus.speaker)))
        estimates, test, unlabelled = self.audit(policy, families)
        shipped = run_plan(with_secret_noise(fitter).plan(self.z, self.fitting, self.speakers))
        bounds, rates = self.cross_fitted(fitter)
        return PolicyResult(
            policy,
            families[0],
            budget,
            validation,
            shipped,
            test,
            estimates,
            bounds,
            unlabelled,
            rates,
        )

    def result(self, results: Mapping[str, PolicyResult]) -> FitResult:
        """The releases of all policies, with the audit of several policies together."""
        table = self.inputs.corpus.table
        complete = {name: item for name, item in results.items() if item.release is not None}
        result = FitResult(
            self.preprocess,
            results,
            self.features,
            self.options.seed,
            {
                str(name): (int(rows["speaker"].nunique()), len(rows))
                for name, rows in table.groupby("corpus", sort=False)
            },
            notices=tuple(run_record.data_notices(self.inputs)),
            conditions=self.inputs.conditions,
            public_space=self.inputs.space is not None,
        )
        if len(complete) < 2:
            return result
        return replace(result, combined=self.combined(complete), joint=self.joint(complete))

    def fitter(self, policy: Policy, family: str, draw: int, index: int) -> Fitter:
        """The fitter of a policy, the `index`-th of the bundle.

        Every policy has its own keyed random draws. Otherwise the draws of several releases of one
        utterance would be equal.
        """
        seed = 1000 * (self.options.seed + 1000 * index) + draw
        return self.fitters.release(policy, family, seed)

    def tradeoffs(self, policy: Policy, families: Sequence[str]) -> tuple[Tradeoff, ...]:
        """Utility and leakage of these families and of `none` on validation speakers."""
        guesses, _ = self.guesses(policy, families, self.validation, "validation", informed=False)
        estimates = self.estimates(guesses, breakdown=False)
        return tuple(selection.tradeoffs(Estimates(estimates), policy))

    def audit(
        self, policy: Policy, families: Sequence[str]
    ) -> tuple[pd.DataFrame, tuple[Tradeoff, ...], tuple[str, ...]]:
        """The estimates of these families and of `none` on test speakers, their tradeoffs, and
        hidden attributes that no draw could attack.
        """
        guesses, record = self.guesses(policy, families, self.inputs, "test")
        estimates = self.estimates(guesses)
        unlabelled = sorted(set.intersection(*({*u["unlabelled"]} for u in record.values())))
        tradeoffs = selection.tradeoffs(Estimates(estimates), policy)
        return estimates, tuple(tradeoffs), tuple(unlabelled)

    def guesses(
        self,
        policy: Policy,
        families: Sequence[str],
        inputs: Inputs,
        measured_on: Any,
        informed: bool = True,
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The guesses about these families and `none`, and the record of each unit."""
        options = replace(self.options, releases=("none", *families), measured_on=measured_on)
        return predictions(
            inputs,
            self.folder,
            options,
            policies=[policy],
            fitters=self.fitters,
            informed=informed,
            jobs=self.jobs,
        )

    def estimates(self, guesses: pd.DataFrame, breakdown: bool = True) -> pd.DataFrame:
        return measure(
            guesses,
            study=STUDY,
            features=self.features,
            seed=self.options.seed,
            breakdown=breakdown,
        )

    def cross_fitted(
        self, fitter: Fitter
    ) -> tuple[Mapping[tuple[str, str], Bound], Mapping[str, Any]]:
        """The bounds and the pass rates of a drawn release; empty for other releases and for too
        few speakers.
        """
        if not isinstance(fitter, DrawnFitter):
            return {}, {}
        try:
            decisions = release.crossfit_decisions(fitter, self.space, self.fitting, self.speakers)
        except ReleaseError:
            return {}, {}
        emotion = self.fitting.column("emotion")[decisions.rows]
        return release.bounds_of_decisions(decisions), card_rates(decisions, fitter.policy, emotion)

    def combined(self, results: Mapping[str, PolicyResult]) -> pd.DataFrame:
        """The estimates of attackers that have each utterance as released under every policy, over
        all draws.
        """
        draw = partial(self.combined_draw, results)
        tables = parallel.map(draw, self.inputs.draws, jobs=self.jobs, ordered=True)
        guesses = pd.concat([table for draw in tables for table in draw], ignore_index=True)
        estimates = [
            self.estimates(rows).assign(condition=f"policy={name}")
            for name, rows in guesses.groupby("policy", sort=False)
        ]
        return pd.concat(estimates, ignore_index=True)

    def combined_draw(
        self, results: Mapping[str, PolicyResult], parts: Parts
    ) -> list[pd.DataFrame]:
        """The guesses of these attackers in one draw, one table per policy."""
        with threadpool_limits(1), warnings.catch_warnings():
            # A release with few prototypes warns. The releases that ship warn once, in `policy`.
            warnings.filterwarnings("ignore", ".*( sound like |the scorer models at most)")
            z: Vectors = protocol.space(self.inputs, parts, self.options)
            corpus, families = self.inputs.corpus, self.options.families
            transform = self.inputs.with_copies(parts.transform)
            releases = [
                self.fitter(result.policy, result.family, parts.draw, index).fit(
                    z, self.fitting, transform
                )
                for index, result in enumerate(results.values())
            ]
            joint = release.joint(releases)
            return [
                attack.run_joint(
                    joint,
                    z[: len(corpus)],
                    corpus,
                    parts,
                    result.policy,
                    families=families,
                    seed=parts.draw,
                ).predictions.assign(policy=name)
                for name, result in results.items()
            ]

    def joint(self, results: Mapping[str, PolicyResult]) -> JointBounds:
        """The bounds on such attackers; empty unless every release is drawn."""
        fitters: dict[str, Any] = {
            name: self.fitter(result.policy, result.family, 0, index)
            for index, (name, result) in enumerate(results.items())
        }
        if not all(isinstance(fitter, DrawnFitter) for fitter in fitters.values()):
            return {}
        try:
            return release.joint_bounds(fitters, self.space, self.fitting, self.speakers)
        except ReleaseError:
            return {}


def with_secret_noise(fitter: Fitter) -> Fitter:
    """The same fitter with noise of the operating system in its prototypes: the seed of a fit is
    public, and with it the noise could be subtracted.

    No other random number below the command line is not an argument, except the key of a runtime
    and of a loaded release.
    """
    if isinstance(fitter, MixtureFitter):
        drawn: Any = with_secret_noise(fitter.drawn)
        return replace(fitter, drawn=drawn)
    if isinstance(fitter, DrawnFitter):
        return replace(fitter, secret_noise=True)
    return fitter
