"""Fits the release `drawn`: scorer, threshold and prototypes; and the bound that holds for it.

Scores by which anything is chosen are those of speakers whom the scorer never saw: speakers are
dealt to folds, and each fold is scored by who learnt from the others.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.errors import ReleaseError
from sordino.metrics.bound import Bound, bound
from sordino.nn.fit import Plan, run
from sordino.policy import Policy
from sordino.release.drawn import fit_scorer
from sordino.release.drawn.calibration import calibrated
from sordino.release.drawn.prototypes import REFUSED, prototypes
from sordino.release.drawn.release import Drawn
from sordino.release.drawn.scorer import Scorer, required
from sordino.release.drawn.speaker_offset import People
from sordino.release.protocol import checked
from sordino.release.training_rows import TrainingRows, secrets
from sordino.types import Codes, Matrix, Vectors

FOLDS: Final = 8
"""Of speakers, for scores of speakers whom the scorer never saw."""

INTENSITY: Final = 0.6
"""Shrinkage of the covariance of the discriminant that tells intensity."""


@dataclass(frozen=True)
class DrawnFitter:
    """Fits a drawn release on all rows of the transform party.

    - `rate`: how often neutral and sensitive utterances may pass for the required emotion; more
      keeps more of it. By default as often as it is missed, which is another rate for each emotion.
    - `shrinkage`: of the scorer's covariance towards a sphere, 0 to 1; more trusts the means of the
      emotions alone.
    - `epsilon`: of randomised response over the bins, a promise of local differential privacy for
      one utterance; infinite for none. Where the bins are to say much it must be 2 or more, which
      is a weak promise.
    - `detail`: whether the required side is split by intensity, where the corpus labels it.
    - `alone`: whether the decision goes out alone, as the one mean vector of its bin: release
      `label`.

    Speakers who take part: `ReleaseError` where fewer than four sound like the neutral or the
    required emotion.
    """

    policy: Policy
    rate: float | None = None
    shrinkage: float = fit_scorer.SHRINKAGE
    epsilon: float = float("inf")
    detail: bool = False
    alone: bool = False
    seed: int = 0

    @property
    def name(self) -> str:
        return "label" if self.alone else "drawn+detail" if self.detail else "drawn"

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Drawn:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run(self.plan(z, corpus, part))

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
        yield from ()  # a plan is a generator
        own = _Own(z, corpus, part, self.policy, self.shrinkage)
        posterior = own.crossfitted(self.seed)
        tilt, threshold = calibrated(posterior, own.role, self.rate)
        arrays: dict[str, NDArray[Any]] = dict(own.scorer(np.arange(len(own.z))).arrays)
        arrays["people"] = own.people(required(posterior, tilt))
        strong = own.strong(posterior) if self.detail else None
        if strong is not None:
            arrays |= {"strong.w": strong[0], "strong.b": strong[1]}
        made = [own.prototypes(posterior, *side, self.seed) for side in own.sides(strong)]
        made = [one.mean(axis=0, keepdims=True) for one in made] if self.alone else made
        arrays["prototypes"] = np.concatenate(made)
        arrays["bin"] = np.repeat(np.arange(len(made)), [len(one) for one in made]).astype(np.int64)
        found = {"width": int(z.shape[1]), "tilt": tilt, "threshold": threshold, "key": self.seed}
        epsilon = "inf" if np.isinf(self.epsilon) else self.epsilon  # JSON has no infinity
        config = json.loads(json.dumps({**asdict(self), "epsilon": epsilon, **found}))
        return Drawn(self.name, config, arrays)


class _Own:
    """The rows of the party that fits: vectors, labels, speakers."""

    def __init__(
        self, z: Vectors, corpus: Corpus, part: Part, policy: Policy, shrinkage: float
    ) -> None:
        rows = TrainingRows(checked(z, z.shape[-1]), corpus, policy).require(part.rows).numpy()
        self.z, self.speaker = np.asarray(z[rows], np.float64), corpus.speaker[rows]
        self.role, self.gender = corpus.roles(policy)[rows], corpus.genders()[rows]
        self.emotion = np.array(
            [policy.emotions.index(one) for one in corpus.column("emotion")[rows]], np.intp
        )
        self.intensity = corpus.column("intensity")[rows]
        self.policy, self.shrinkage = policy, shrinkage
        self.hidden = self.gender if "gender" in policy.hide else None

    def scorer(self, rows: Codes) -> Scorer:
        """Fitted on some of them."""
        gender = None if self.hidden is None else self.hidden[rows]
        return fit_scorer.fit(
            self.z[rows], self.emotion[rows], self.speaker[rows], gender, self.shrinkage
        )

    def crossfitted(self, seed: int) -> Matrix:
        """Posteriors of speakers whom the scorer never saw, `(n, emotions)`."""
        fold = folds(self.speaker, seed)
        posterior = np.empty((len(self.z), self.emotion.max() + 1))
        for one in np.unique(fold):
            own = np.flatnonzero(fold != one)
            if len(np.unique(self.emotion[own])) <= self.emotion.max():
                raise ReleaseError(
                    "an emotion of the policy is that of one speaker alone, expected more: add "
                    "speakers"
                )
            posterior[fold == one] = self.scorer(own)(self.z[fold == one])
        return posterior

    def people(self, score: Matrix) -> Matrix:
        """How scores of speakers whom the scorer never saw spread."""
        return People.of(score[:, None], self.speaker, self.emotion, self.policy.emotions).table

    def strong(self, posterior: Matrix) -> tuple[Matrix, Matrix] | None:
        """Weights and threshold of intensity among required rows.

        None where fewer than two are labelled, or too few people sound like the required emotion on
        one side.
        """
        asked = (self.role == Role.REQUIRED) & (self.intensity != "")
        known = np.unique(self.intensity[asked])
        if len(known) < 2:
            return None
        strong, labelled = self.intensity == known[-1], self.intensity != ""
        w = fit_scorer.direction(
            self.z[labelled], strong[labelled], self.emotion[labelled], INTENSITY
        )
        ends = [self.z[asked & (strong == value)].mean(axis=0) for value in (False, True)]
        told = w, np.array(float(w @ (ends[0] + ends[1]) / 2))
        few = [
            what
            for role, among, what in self.sides(told)[1:]
            if len(np.unique(self.speaker[self.eligible(posterior, role, among)])) < REFUSED
        ]
        if few:
            warnings.warn(
                f"fewer than {REFUSED} speakers sound like {few[0]}: it is not split by intensity, "
                "add speakers",
                stacklevel=2,
            )
        return None if few else told

    def sides(
        self, strong: tuple[Matrix, Matrix] | None
    ) -> list[tuple[Role, NDArray[np.bool_], str]]:
        """Of each bin: the role whose utterances make its prototypes, which of them, and its name."""
        everything = np.ones(len(self.z), np.bool_)
        if strong is None:
            return [
                (Role.NEUTRAL, everything, "neutral"),
                (Role.REQUIRED, everything, "the required emotion"),
            ]
        labelled = self.intensity != ""
        above = np.where(
            labelled,
            self.intensity == max(self.intensity[labelled]),
            self.z @ strong[0] > strong[1],
        )
        return [
            (Role.NEUTRAL, everything, "neutral"),
            (Role.REQUIRED, ~above, "the required emotion, weakly"),
            (Role.REQUIRED, above, "the required emotion, strongly"),
        ]

    def prototypes(
        self, posterior: Matrix, role: Role, among: NDArray[np.bool_], what: str, seed: int
    ) -> Vectors:
        """The prototypes of one bin."""
        rows = self.eligible(posterior, role, among)
        z = self.z[rows].astype(np.float32)
        return prototypes(
            z, posterior[rows, role], self.speaker[rows], self.gender[rows], seed, what
        )

    def eligible(self, posterior: Matrix, role: Role, among: NDArray[np.bool_]) -> Codes:
        """The rows among some that have a role and sound like it."""
        rows: Codes = np.flatnonzero(
            (self.role == role) & among & (posterior.argmax(axis=1) == role)
        )
        return rows


def folds(speaker: NDArray[Any], seed: int, count: int = FOLDS) -> Codes:
    """The fold of each row, `(n,)`: speakers dealt at random."""
    people, codes = np.unique(speaker, return_inverse=True)
    fold: Codes = (np.random.default_rng(seed).permutation(len(people)) % min(count, len(people)))[
        codes
    ]
    return fold


Space = Callable[[Codes], Vectors]
"""From rows to the vectors of all utterances, `(utterances, d)`, in the scaled space that those
rows decide.
"""


def crossfitted(
    fitter: DrawnFitter, space: Space, corpus: Corpus, rows: Codes
) -> tuple[Codes, int]:
    """The bin of each of `rows`, `(rows,)`, by a release fitted on other speakers; and how many
    bins there are.

    Raises `ReleaseError` where the speakers without an eighth of them do not suffice to fit a
    release, or one of as many bins.
    """
    fold = folds(corpus.speaker[rows], fitter.seed)
    bins, counts = np.zeros(len(rows), np.intp), set[int]()
    for one in np.unique(fold):
        others = rows[fold != one]
        z = space(others)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes: they move no decision
            release = fitter.fit(z, corpus, Part(others, rows[:0]))
        bins[fold == one] = release.decide(z[rows[fold == one]])
        counts.add(release.bins)
    if len(counts) > 1:
        raise ReleaseError(
            f"{counts} bins by who is left out, expected one number: add speakers, or leave detail "
            "out"
        )
    return bins, counts.pop()


def bounds(
    fitter: DrawnFitter, space: Space, corpus: Corpus, part: Part
) -> dict[tuple[str, str], Bound]:
    """The bounds of a drawn release: what no attacker exceeds who sees one released vector.

    The whole procedure is cross-fitted, the scaled space included: each speaker's bins come from a
    release fitted on the others, in the space that they decide. Keys are the secret (`gender`,
    `sensitive-vs-neutral`, `age` where it is hidden) and what the attacker knows beside it:
    nothing, or for gender the true role. A secret whose speakers are too few has a limit that is
    NaN. Raises `ReleaseError` where the speakers without an eighth of them do not suffice to fit a
    release.
    """
    rows = np.sort(part.rows)
    bins, count = crossfitted(fitter, space, corpus, rows)
    found = {}
    for key, secret in secrets(fitter.policy, corpus, rows).items():
        known = secret >= 0
        if set(secret[known].tolist()) == {0, 1}:
            one = bound(bins[known], secret[known], corpus.speaker[rows][known], count)
            found[key] = one.randomised(fitter.epsilon)
    return found
