"""Release `drawn`: of an utterance only one decision goes out, in the shape of a vector that existing models read.

    score    how much it sounds like the required emotion, rather than like neutral or a sensitive one (`scorer`)
    bin      not required | required, at a threshold where the required emotion is missed as often as others pass, and
             neutral and sensitive utterances pass alike
    flip     with randomised response, now and then, another bin
    draw     one of the prototypes of that bin at random (`prototypes`)

A replacement autoencoder is a smooth function of its input, so what it was told to hide is still in there. Here what
goes out depends on the input through the bin alone, and every attacker is bounded by how differently the bins fall
(`sordino.metrics.bound`). What is lost is all detail within the required emotion; with `detail` its side is split by
how strongly it is meant.

Randomness follows from the vector and a key that stays with its owner: asking twice tells nothing new.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import ROLES, Role
from sordino.errors import ReleaseError
from sordino.metrics.bound import Bound, bound
from sordino.nn.fit import Plan, run
from sordino.policy import Policy
from sordino.release import fit_scorer
from sordino.release.draw import uniform
from sordino.release.frozen import Frozen
from sordino.release.protocol import Vectors, checked
from sordino.release.prototypes import REFUSED, prototypes
from sordino.release.rows import Rows, sensitive_or_neutral
from sordino.release.scorer import Scorer, log_sum, required

FOLDS: Final = 8
"""Of speakers, for scores of speakers whom the scorer never saw."""

TILTS: Final = np.linspace(-5, 5, 41)
"""How much more neutral than sensitive weighs against the required emotion, as a logarithm: what is chosen from."""

GAP: Final = 0.03
"""Between how often neutral and sensitive utterances pass: a smaller one is as good as none."""

OTHERS: Final = (Role.NEUTRAL, Role.SENSITIVE)
"""The roles whose utterances must not pass for the required emotion, and must pass alike."""

INTENSITY: Final = 0.6
"""Shrinkage of the covariance of the discriminant that tells intensity."""

Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]


class Drawn(Frozen):
    """A frozen drawn release: the scorer's weights, `prototypes` `(count, d)`, and the `bin` that each stands for."""

    @property
    def bins(self) -> int:
        """How many decisions there are."""
        return int(self.arrays["bin"].max()) + 1

    def __call__(self, z: Vectors) -> Vectors:
        z = checked(z, self._config["width"])
        return self.drawn(z, self.decide(z))

    def decide(self, z: Vectors) -> Codes:
        """The bin of each vector before anything is drawn, `(n,)`. It stays on the device."""
        bins: Codes = (self.score(z) > self._config["threshold"]).astype(np.intp)
        if "strong.w" in self.arrays:
            bins[(bins == 1) & (np.asarray(z, np.float64) @ self.arrays["strong.w"] > self.arrays["strong.b"])] = 2
        return bins

    def score(self, z: Vectors) -> Matrix:
        """How much each vector sounds like the required emotion, `(n,)`."""
        return required(Scorer(self.arrays)(z), self._config["tilt"])

    def drawn(self, z: Vectors, bins: Codes) -> Vectors:
        """A prototype for each bin; `z` and the key decide which, and whether the bin is flipped."""
        chance = uniform(z, self._config["key"], 3)
        if np.isfinite(epsilon := float(self._config["epsilon"])):
            kept = chance[:, 0] < np.exp(epsilon) / (np.exp(epsilon) + self.bins - 1)
            other = (bins + 1 + (chance[:, 1] * (self.bins - 1)).astype(np.intp)) % self.bins
            bins = np.where(kept, bins, other)
        out = np.empty((len(z), self._config["width"]), np.float32)
        for one in range(self.bins):
            rows, own = np.flatnonzero(bins == one), np.flatnonzero(self.arrays["bin"] == one)
            out[rows] = self.arrays["prototypes"][own[(chance[rows, 2] * len(own)).astype(np.intp)]]
        return out

    def read(self, out: Vectors) -> Codes:
        """The bin that a released vector stands for, `(n,)`: all that anybody can learn from it."""
        distance = ((out[:, None, :] - self.arrays["prototypes"][None]) ** 2).sum(axis=2)
        read: Codes = self.arrays["bin"][distance.argmin(axis=1)].astype(np.intp)
        return read

    def keyed(self, key: int) -> Drawn:
        """The same release on another device: other draws."""
        return Drawn(self.name, self._config | {"key": key}, self.arrays)

    @classmethod
    def restore(cls, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Drawn:
        """The release that `save` wrote."""
        for needed in ("bin", "prototypes", "scorer.w", "scorer.b"):
            arrays[needed]
        for needed in ("width", "tilt", "threshold", "key", "epsilon"):
            config[needed]
        return cls(name, config, arrays)


@dataclass(frozen=True)
class DrawnFitter:
    """Fits a drawn release on all rows of the transform party.

    - `rate`: how often neutral and sensitive utterances may pass for the required emotion; more keeps more of it. By
      default as often as it is missed, which is another rate for each emotion.
    - `shrinkage`: of the scorer's covariance towards a sphere, 0 to 1; more trusts the means of the emotions alone.
    - `epsilon`: of randomised response over the bins, a promise of local differential privacy for one utterance;
      infinite for none. Where the bins are to say much it must be 2 or more, which is a weak promise.
    - `detail`: whether the required side is split by intensity, where the corpus labels it.
    - `alone`: whether the decision goes out alone, as the one mean vector of its bin: release `label`.

    Speakers who take part: `ReleaseError` where fewer than four sound like the neutral or the required emotion.
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
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row order."""
        return run(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Drawn]:
        """The release; no network is trained."""
        if not (0 < (0.5 if self.rate is None else self.rate) < 1 and self.epsilon > 0):
            raise ReleaseError(f"rate {self.rate} and epsilon {self.epsilon}, expected 0 < rate < 1 and a positive one")
        if not 0 < self.shrinkage <= 1:
            raise ReleaseError(f"shrinkage {self.shrinkage}, expected a share: more than 0, at most 1")
        yield from ()  # a plan is a generator
        own = _Own(z, corpus, part, self.policy, self.shrinkage)
        joint = own.crossfitted(self.seed)
        posterior = np.exp(log_sum(joint))
        tilt, threshold = _calibrated(joint, own.role, self.rate)
        arrays: dict[str, NDArray[Any]] = dict(own.scorer(np.arange(len(own.z))).arrays)
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

    def __init__(self, z: Vectors, corpus: Corpus, part: Part, policy: Policy, shrinkage: float) -> None:
        rows = Rows(checked(z, z.shape[-1]), corpus, policy).require(part.rows).numpy()
        self.z, self.speaker = np.asarray(z[rows], np.float64), corpus.speaker[rows]
        self.role, self.gender = corpus.roles(policy)[rows], corpus.genders()[rows]
        self.emotion = np.array([policy.emotions.index(one) for one in corpus.column("emotion")[rows]], np.intp)
        self.intensity = corpus.column("intensity")[rows]
        self.shrinkage = shrinkage
        self.hidden = self.gender if "gender" in policy.hide else None

    def scorer(self, rows: Codes) -> Scorer:
        """Fitted on some of them."""
        gender = None if self.hidden is None else self.hidden[rows]
        return fit_scorer.fit(self.z[rows], self.emotion[rows], self.speaker[rows], gender, self.shrinkage)

    def crossfitted(self, seed: int) -> Matrix:
        """Log posteriors of speakers whom the scorer never saw, `(n, emotions, genders)`."""
        fold = _folds(self.speaker, seed)
        found: dict[int, Matrix] = {}
        for one in np.unique(fold):
            own = np.flatnonzero(fold != one)
            if len(np.unique(self.emotion[own])) <= self.emotion.max():
                raise ReleaseError("an emotion of the policy is that of one speaker alone, expected more: add speakers")
            found[one] = self.scorer(own)(self.z[fold == one])
        told = min(one.shape[2] for one in found.values())  # where a fold leaves one gender alone, it is told by none
        joint = np.empty((len(self.z), self.emotion.max() + 1, told))
        for one, of in found.items():
            joint[fold == one] = of if of.shape[2] == told else log_sum(of)[..., None]
        return joint

    def strong(self, posterior: Matrix) -> tuple[Matrix, Matrix] | None:
        """Weights and threshold of intensity among required rows.

        None where fewer than two are labelled, or too few people sound like the required emotion on one side.
        """
        asked = (self.role == ROLES.index(Role.REQUIRED)) & (self.intensity != "")
        known = np.unique(self.intensity[asked])
        if len(known) < 2:
            return None
        strong, labelled = self.intensity == known[-1], self.intensity != ""
        w = fit_scorer.direction(self.z[labelled], strong[labelled], self.emotion[labelled], INTENSITY)
        ends = [self.z[asked & (strong == value)].mean(axis=0) for value in (False, True)]
        told = w, np.array(float(w @ (ends[0] + ends[1]) / 2))
        few = [what for role, among, what in self.sides(told)[1:]
               if len(np.unique(self.speaker[self.eligible(posterior, role, among)])) < REFUSED]  # fmt: skip
        if few:
            warnings.warn(
                f"fewer than {REFUSED} speakers sound like {few[0]}: it is not split by intensity, add speakers",
                stacklevel=2,
            )
        return None if few else told

    def sides(self, strong: tuple[Matrix, Matrix] | None) -> list[tuple[Role, NDArray[np.bool_], str]]:
        """Of each bin: the role whose utterances make its prototypes, which of them, and its name."""
        everything = np.ones(len(self.z), np.bool_)
        if strong is None:
            return [(Role.NEUTRAL, everything, "neutral"), (Role.REQUIRED, everything, "the required emotion")]
        labelled = self.intensity != ""
        above = np.where(labelled, self.intensity == max(self.intensity[labelled]), self.z @ strong[0] > strong[1])
        return [(Role.NEUTRAL, everything, "neutral"), (Role.REQUIRED, ~above, "the required emotion, weakly"),
                (Role.REQUIRED, above, "the required emotion, strongly")]  # fmt: skip

    def prototypes(self, posterior: Matrix, role: Role, among: NDArray[np.bool_], what: str, seed: int) -> Vectors:
        """The prototypes of one bin."""
        label, rows = ROLES.index(role), self.eligible(posterior, role, among)
        z = self.z[rows].astype(np.float32)
        return prototypes(z, posterior[rows, label], self.speaker[rows], self.gender[rows], seed, what)

    def eligible(self, posterior: Matrix, role: Role, among: NDArray[np.bool_]) -> Codes:
        """The rows among some that have a role and sound like it."""
        label = ROLES.index(role)  # neutral is the first emotion of a policy, the required one its second
        rows: Codes = np.flatnonzero((self.role == label) & among & (posterior.argmax(axis=1) == label))
        return rows


def _folds(speaker: NDArray[np.str_], seed: int) -> Codes:
    """The fold of each row, `(n,)`: speakers dealt at random."""
    people, codes = np.unique(speaker, return_inverse=True)
    fold: Codes = (np.random.default_rng(seed).permutation(len(people)) % min(FOLDS, len(people)))[codes]
    return fold


def _calibrated(joint: Matrix, role: Codes, rate: float | None) -> tuple[float, float]:
    """Tilt and threshold at which neutral and sensitive rows pass alike; of alike tilts the smallest."""
    tried = []
    for tilt in TILTS.tolist():
        score = required(joint, tilt)
        threshold = _threshold(score, role, rate)
        neutral, sensitive = (float(np.mean(score[role == ROLES.index(one)] > threshold)) for one in OTHERS)
        gap = max(abs(sensitive - neutral) - GAP, 0)
        tried.append((round(gap * int((role == ROLES.index(Role.SENSITIVE)).sum())), abs(tilt), tilt, threshold))
    return min(tried)[2:]


def _threshold(score: Matrix, role: Codes, rate: float | None) -> float:
    """That at which neutral or sensitive rows, whichever do so more often, pass at this rate.

    Without a rate, as often as required rows are missed: the equal error rate.
    """
    tried = np.quantile(score, np.linspace(0, 1, 201))
    others, kept = (np.stack([np.mean(score[role == ROLES.index(one)][:, None] > tried, axis=0) for one in some])
                    for some in (OTHERS, (Role.REQUIRED,)))  # fmt: skip
    allowed = 1 - kept[0] if rate is None else rate
    return float(tried[np.argmax(others.max(axis=0) <= allowed)])  # the lowest: it keeps most


def bounds(fitter: DrawnFitter, z: Vectors, corpus: Corpus, part: Part) -> dict[tuple[str, str], Bound]:
    """The bounds of a drawn release: what no attacker exceeds who sees one released vector.

    The whole procedure is cross-fitted: each speaker's bins come from a release fitted on the others. Keys are the
    secret (`gender`, `sensitive-vs-neutral`) and what the attacker knows beside it: nothing, or for gender the true
    role. A secret whose speakers are too few has a limit that is NaN. Raises `ReleaseError` where the speakers without
    an eighth of them do not suffice to fit a release.
    """
    rows = np.sort(part.rows)
    fold = _folds(corpus.speaker[rows], fitter.seed)
    bins, count = np.zeros(len(rows), np.intp), 2
    for one in np.unique(fold):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes: they move no decision
            release = fitter.fit(z, corpus, Part(rows[fold != one], rows[:0]))
        bins[fold == one] = release.decide(z[rows[fold == one]])
        count = max(count, release.bins)
    role, gender = corpus.roles(fitter.policy)[rows], corpus.genders()[rows]
    secrets: dict[tuple[str, str], Codes] = {("gender", ""): gender}
    secrets |= {("gender", str(name)): np.where(role == place, gender, -1) for place, name in enumerate(ROLES)}
    secrets["sensitive-vs-neutral", ""] = sensitive_or_neutral(role)
    found = {}
    for key, secret in secrets.items():
        known = secret >= 0
        if set(secret[known].tolist()) == {0, 1}:
            one = bound(bins[known], secret[known], corpus.speaker[rows][known], count)
            found[key] = one.randomised(fitter.epsilon)
    return found
