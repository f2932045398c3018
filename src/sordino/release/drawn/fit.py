"""Fits the release `drawn`: scorer, threshold and prototypes; and computes its bound.

All choices use cross-fitted scores: speakers are assigned to folds, and each fold is scored by a
scorer that was fitted on the others.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora.copies import copies_in, recorded
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.errors import ReleaseError
from sordino.metrics.bound import Bound, contraction
from sordino.nn.fit import Plan, run_plan
from sordino.policy import Policy
from sordino.release.drawn import fit_scorer
from sordino.release.drawn.calibration import GAP_ERRORS, calibrate_each
from sordino.release.drawn.factors import scorer_factors
from sordino.release.drawn.prototypes import (
    COUNT,
    EPSILON,
    FEWEST_SPEAKERS,
    mean_noise,
    prototypes,
)
from sordino.release.drawn.release import Drawn, boundary_config
from sordino.release.drawn.scorer import Scorer, required_scores
from sordino.release.drawn.secret_bounds import secret_bounds
from sordino.release.drawn.speaker_offset import SpeakerStatistics
from sordino.release.training_rows import TrainingRows
from sordino.types import Codes, Matrix, Rows, Vectors

FOLDS: Final = 8
"""Folds of speakers, for cross-fitted scores."""

INTENSITY: Final = 0.6
"""Shrinkage of the covariance of the discriminant of intensity."""


@dataclass(frozen=True)
class DrawnFitter:
    """Fits a drawn release on all rows of the transform party.

    - `rate`: share of neutral utterances, and of each sensitive emotion, that may fall in the
      required bin; more preserves more of the required emotion. The default is the equal error
      rate, which differs between emotions.
    - `shrinkage`: shrinkage of the scorer's covariance towards a sphere, 0 to 1; more relies on the
      means of the emotions alone.
    - `gap`: standard errors up to which neutral and a sensitive emotion may differ in their shares
      of the required bin; more preserves recall on recordings unlike those of the fit.
    - `epsilon`: parameter of randomised response over the bins, which gives local differential
      privacy per utterance; infinite for none. Informative bins need 2 or more, which is a weak
      guarantee. It holds with a secret key (`sordino.device`, `release.load`): the key of the
      fitted release is its seed.
    - `detail`: whether the bin of the only required emotion is split by intensity, where the corpus
      labels it.
    - `alone`: whether each bin has one mean vector as its only prototype: release `label`.
    - `prototype_epsilon`: the differential privacy of the prototypes for a fitting speaker, given
      the model of speech (`sordino.release.drawn.prototypes`); less adds noise, and
      prototypes are less often classified as their emotion.
    - `secret_noise`: whether the noise of the prototypes is that of the operating system, as in
      `sordino fit` and as their privacy requires. Otherwise it follows from the seed, which is
      public, so that an estimate can be repeated.

    Several required emotions have a bin each. Raises `ReleaseError` where fewer than four speakers
    have the neutral or a required emotion.
    """

    policy: Policy
    rate: float | None = None
    shrinkage: float = fit_scorer.SHRINKAGE
    gap: float = GAP_ERRORS
    epsilon: float = float("inf")
    detail: bool = False
    alone: bool = False
    seed: int = 0
    prototype_epsilon: float = EPSILON
    secret_noise: bool = False

    @property
    def name(self) -> str:
        return "label" if self.alone else "drawn+detail" if self.detail else "drawn"

    def noise_length(self, speakers: int) -> float:
        """The root mean square length of the noise on the mean of a bin, which has a length of at
        most 1, with so many fitting speakers.
        """
        split = int(
            self.detail and len(self.policy.required_emotions) == 1
        )  # one more bin and one more direction
        bins = 1 + len(self.policy.required_emotions) + split
        scale = mean_noise(self.prototype_epsilon, speakers, bins)
        return scale * float(np.sqrt(len(self.policy.emotions) - 1 + split))

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Drawn:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Drawn]:
        """The release; no network is trained."""
        if not (0 < (0.5 if self.rate is None else self.rate) < 1 and self.epsilon > 0):
            raise ReleaseError(
                f"rate {self.rate} and epsilon {self.epsilon}, expected 0 < rate < 1 and a "
                "positive one"
            )
        if not 0 < self.shrinkage <= 1:
            raise ReleaseError(
                f"shrinkage {self.shrinkage}, expected a share: more than 0, at most 1"
            )
        if not 0 <= self.gap < float("inf"):
            raise ReleaseError(f"gap {self.gap}, expected 0 or more standard errors: lower it")
        yield from ()  # a plan is a generator
        role, gender = corpus.roles(self.policy), corpus.genders()
        rows = TrainingRows(z, role, gender)
        fitting = rows.require(part.rows).numpy()
        labels, role, gender = corpus.table.iloc[fitting], role[fitting], gender[fitting]
        data = _FittingData(z[fitting], labels, role, gender, self.policy, self.shrinkage)
        posterior = data.crossfit(self.seed)
        required = len(self.policy.required_emotions)
        boundaries = calibrate_each(
            posterior, data.emotion, required, self.rate, self.gap, data.copies
        )
        arrays: dict[str, NDArray[Any]] = dict(data.scorer(np.arange(len(data.z))).arrays)
        score = np.stack(required_scores(posterior, boundaries, posterior.shape[1]), axis=1)
        arrays["people"] = data.statistics(score)
        strong = data.strong() if self.detail and required == 1 else None
        if strong is not None:
            arrays |= {"strong.w": strong[0], "strong.b": strong[1]}
        noise = None if self.secret_noise else np.random.default_rng(self.seed)
        groups = data.prototypes(strong, self.prototype_epsilon, noise)
        if self.alone:
            groups = groups.mean(axis=1, keepdims=True)
        arrays["prototypes"] = np.concatenate(groups)
        arrays["bin"] = np.repeat(np.arange(len(groups)), groups.shape[1]).astype(np.int64)
        result = {"width": int(z.shape[1]), **boundary_config(boundaries), "key": self.seed}
        settings = {**asdict(self), **result}
        del settings["secret_noise"]
        for name in ("epsilon", "prototype_epsilon"):  # JSON has no infinity
            settings[name] = "inf" if np.isinf(settings[name]) else settings[name]
        return Drawn(self.name, json.loads(json.dumps(settings)), arrays)


class _FittingData:
    """The rows of the fitting party: vectors, labels, speakers."""

    def __init__(
        self,
        z: Vectors,
        labels: pd.DataFrame,
        role: Codes,
        gender: Codes,
        policy: Policy,
        shrinkage: float,
    ) -> None:
        self.z, self.role, self.gender = np.asarray(z, np.float64), role, gender
        self.speaker = labels["speaker"].to_numpy(dtype=str)
        self.emotion = np.array(
            [policy.emotions.index(label) for label in labels["emotion"]], np.intp
        )
        self.corpus = labels["corpus"].to_numpy(dtype=str)
        self.intensity = labels["intensity"].to_numpy(dtype=str)
        self.recorded, self.copies = recorded(labels), copies_in(labels)
        self.policy, self.shrinkage = policy, shrinkage
        self.factors = scorer_factors(policy, labels, gender)

    def scorer(self, rows: Codes) -> Scorer:
        """A scorer that is fitted on some of the rows."""
        return fit_scorer.fit(
            self.z[rows],
            self.emotion[rows],
            self.speaker[rows],
            [codes[rows] for codes in self.factors],
            self.shrinkage,
            self.corpus[rows],
        )

    def crossfit(self, seed: int) -> Matrix:
        """Cross-fitted posteriors, `(n, emotions)`."""
        fold = speaker_folds(self.speaker, seed)
        posterior = np.empty((len(self.z), self.emotion.max() + 1))
        for number in np.unique(fold):
            train, test = np.flatnonzero(fold != number), fold == number
            if len(np.unique(self.emotion[train])) <= self.emotion.max():
                raise ReleaseError(
                    "only one speaker has an emotion of the policy, expected more: add speakers"
                )
            posterior[test] = self.scorer(train)(self.z[test])
        return posterior

    def statistics(self, score: Matrix) -> Matrix:
        """The table of `SpeakerStatistics` of cross-fitted scores `(n, required emotions)`."""
        emotions = self.policy.emotions
        return SpeakerStatistics.fit(score, self.speaker, self.emotion, emotions, self.copies).table

    def strong(self) -> tuple[Matrix, Matrix] | None:
        """Weights and threshold of intensity among required rows.

        None where fewer than two intensities are labelled, or where too few speakers have the
        required emotion on one side.
        """
        labelled = self.intensity != ""
        rows = (self.role == Role.REQUIRED) & labelled
        intensities = np.unique(self.intensity[rows])
        if len(intensities) < 2:
            return None
        strong = self.intensity == intensities[-1]
        w = fit_scorer.direction(
            self.z[labelled], strong[labelled], self.emotion[labelled], INTENSITY
        )
        ends = [self.z[rows & (strong == value)].mean(axis=0) for value in (False, True)]
        boundary = w, np.array(float(w @ (ends[0] + ends[1]) / 2))
        above = self.above(boundary)
        for side, name in ((~above, "weakly"), (above, "strongly")):
            speakers = self.speaker[(self.role == Role.REQUIRED) & self.recorded & side]
            if len(np.unique(speakers)) < FEWEST_SPEAKERS:
                warnings.warn(
                    f"fewer than {FEWEST_SPEAKERS} speakers sound like the required emotion, "
                    f"{name}: the required bin is not split by intensity, add speakers",
                    stacklevel=2,
                )
                return None
        return boundary

    def above(self, strong: tuple[Matrix, Matrix]) -> NDArray[np.bool_]:
        """Whether each row is intense: by its label, or by the boundary without one."""
        labelled = self.intensity != ""
        most = max(self.intensity[labelled])
        above: NDArray[np.bool_] = np.where(
            labelled, self.intensity == most, self.z @ strong[0] > strong[1]
        )
        return above

    def prototypes(
        self,
        strong: tuple[Matrix, Matrix] | None,
        epsilon: float,
        random: np.random.Generator | None,
    ) -> Vectors:
        """The prototypes of each bin, `(bins, COUNT, d)`."""
        # neutral is the first emotion of a policy, the required ones follow
        label, required = self.emotion, self.policy.required_emotions
        names = ["neutral", *(required if len(required) > 1 else ["the required emotion"])]
        if strong is not None:
            after_weak = (label > 1) | ((label == 1) & self.above(strong))
            label = label + after_weak
            names[1:] = [f"{names[1]}, weakly", f"{names[1]}, strongly"]
        rows = self.recorded
        vectors = prototypes(self.z[rows], label[rows], self.speaker[rows], names, random, epsilon)
        return vectors.reshape(len(names), COUNT, -1)


def speaker_folds(speaker: NDArray[Any], seed: int, count: int = FOLDS) -> Codes:
    """The fold of each row, `(n,)`: speakers are assigned at random."""
    names, codes = np.unique(speaker, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    fold: Codes = (order % min(count, len(names)))[codes]
    return fold


Space = Callable[[Rows], Vectors]
"""From rows to the vectors of all utterances, `(utterances, d)`, in the scaled space that is fitted
on those rows.
"""


def crossfit_bins(
    fit_on: Callable[[Vectors, Part], Drawn],
    space: Space,
    speaker: NDArray[np.str_],
    rows: Rows,
    seed: int,
) -> tuple[Codes, int]:
    """The cross-fitted bin of each of `rows`, `(rows,)`, and the number of bins.

    `fit_on` fits a release on a part of vectors in the scaled space. `speaker` has the speaker of
    each of `rows`.

    Raises `ReleaseError` where seven eighths of the speakers do not suffice to fit a release, or
    where the releases differ in their number of bins.
    """
    fold = speaker_folds(speaker, seed)
    bins, counts = np.zeros(len(rows), np.intp), set[int]()
    for number in np.unique(fold):
        train, test = rows[fold != number], fold == number
        z = space(train)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes do not change a bin
            release = fit_on(z, Part(train, rows[:0]))
        bins[test] = release.decide(z[rows[test]])
        counts.add(release.bins)
    if len(counts) > 1:
        raise ReleaseError(
            f"{counts} bins in different folds, expected one number: add speakers, or set "
            "`detail = false`"
        )
    return bins, counts.pop()


class Decisions(NamedTuple):
    """Cross-fitted decisions about recordings, before randomised response."""

    rows: Rows
    """Positions of the recordings."""
    bins: Codes
    """The bin of each of `rows`; from 1 on, the utterance passes as a required emotion."""
    bin_count: int
    """The number of bins."""
    factor: float
    """The contraction of differences by randomised response; 1 without it."""
    speaker: NDArray[np.str_]
    """The speaker of each of `rows`."""
    secrets: Mapping[tuple[str, str], Codes]
    """The secrets that have a bound (`Corpus.secrets`)."""


def crossfit_decisions(fitter: DrawnFitter, space: Space, corpus: Corpus, part: Part) -> Decisions:
    """The cross-fitted decisions of a drawn release about the recordings of a part.

    The whole procedure is cross-fitted, including the scaled space: the bins of a speaker come from
    a release that was fitted on other speakers, in the space of those speakers. Copies take part in
    the fits and are not counted. Raises `ReleaseError` where seven eighths of the speakers do not
    suffice to fit a release.
    """
    rows = np.sort(part.rows)
    bins, count = crossfit_bins(
        lambda z, fold: run_plan(fitter.plan(z, corpus, fold)),
        space,
        corpus.speaker[rows],
        rows,
        fitter.seed,
    )
    measured = recorded(corpus.table)[rows]
    rows, factor = rows[measured], contraction(fitter.epsilon, count)
    secrets = corpus.secrets(fitter.policy, rows)
    return Decisions(rows, bins[measured], count, factor, corpus.speaker[rows], secrets)


def bounds(
    fitter: DrawnFitter, space: Space, corpus: Corpus, part: Part
) -> dict[tuple[str, str], Bound]:
    """The bounds of a drawn release by its cross-fitted decisions, with the errors of
    `crossfit_decisions`.
    """
    return bounds_of_decisions(crossfit_decisions(fitter, space, corpus, part))


def bounds_of_decisions(decisions: Decisions) -> dict[tuple[str, str], Bound]:
    """The bounds that cross-fitted decisions give; they hold for every attacker with one released
    vector.

    Keys are the secret (`gender`, `sensitive-vs-neutral`, `EMOTION-vs-neutral`, `age` where it is
    hidden) and the side information of the attacker: none, for gender the true role or one of
    several required emotions, or for an emotion the gender. The limit is NaN for a secret with
    too few speakers.
    """
    _, bins, count, factor, speaker, secrets = decisions
    return secret_bounds(bins, count, secrets, speaker, factor)
