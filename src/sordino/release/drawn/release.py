"""Release `drawn`: one decision per utterance is released, as a vector that existing models read.

    score    similarity to the required emotion, against neutral and sensitive ones (`scorer`)
    bin      not required | required, at a threshold where the required emotion is missed as often
             as the others fall in its bin, neutral and each sensitive emotion equally often; of
             several required emotions, the one that is furthest above its threshold
    flip     with randomised response, sometimes another bin
    draw     a keyed random draw of one prototype of the bin (`prototypes`)

A replacement autoencoder is a smooth function of its input, so its output still contains the hidden
attributes. A drawn release depends on the input through the bin alone, so the difference between
the distributions of the bin bounds every attacker (`sordino.metrics.bound`). The loss is all detail
within the required emotion; `detail` splits the required bin by intensity.

The draw follows from the vector and a key that stays with its owner: a repeated request reveals
nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.corpora.copies import copies_in
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.policy import Policy, from_dict
from sordino.release.array_release import ArrayRelease
from sordino.release.drawn.calibration import GAP_ERRORS, calibrate_each
from sordino.release.drawn.scorer import NUMPY, Boundary, Operations, Scorer, required_scores
from sordino.release.drawn.speaker_offset import SpeakerStatistics
from sordino.release.protocol import as_vectors
from sordino.types import Codes, Matrix, Vectors


class Drawn(ArrayRelease):
    """A frozen drawn release: the weights of the scorer, `prototypes` `(count, d)`, and the `bin`
    of each prototype `(count,)`.
    """

    @property
    def bins(self) -> int:
        """The number of bins."""
        return int(self.arrays["bin"].max()) + 1

    def __call__(self, z: Vectors) -> Vectors:
        z = as_vectors(z, self._config["width"])
        return self.draw(z, self.decide(z))

    def decide(self, z: Vectors, offset: Matrix | float = 0.0) -> Codes:
        """The bin of each vector before the draw, `(n,)`. It stays on the device.

        `offset`, one number or one per vector, is subtracted from every score: the contribution of
        the user (`sordino.release.drawn.speaker_offset`).
        """
        return decide(np.asarray(z, np.float64), self.arrays, boundaries(self._config, offset))

    def score(self, z: Vectors) -> Matrix:
        """The score of the required emotion, `(n,)`; the threshold applies to it. Of several
        required emotions, `(n, emotions)`.
        """
        posterior = Scorer(self.arrays)(np.asarray(z, np.float64))
        several = required_scores(posterior, boundaries(self._config), posterior.shape[1])
        return several[0] if len(several) == 1 else np.stack(several, axis=1)

    def shift(self, offset: float) -> Drawn:
        """The same release for a user with scores that are higher by `offset`
        (`sordino.release.drawn.speaker_offset`).
        """
        shifted = boundary_config(boundaries(self._config, offset))
        return Drawn(self.name, self._config | shifted, self.arrays)

    def calibrate(self, z: Vectors, corpus: Corpus) -> Drawn:
        """The same release for another environment, from labelled recordings of a few speakers
        there; `z` is `(utterances, d)`.

        Tilt, threshold and the statistics of the speakers are fitted again as in `DrawnFitter`. The
        scorer stays, so that errors of the score remain. Raises `ReleaseError` without neutral or
        sensitive utterances, without required ones where no rate is set, and for fewer than two
        speakers.
        """
        z, policy = as_vectors(z, self._config["width"]), self.policy
        role = corpus.roles(policy)
        needed = {0, 1, 2} if self._config["rate"] is None else {0, 2}
        if not needed <= set(role.tolist()) or len(role) != len(z):
            raise ReleaseError(
                f"{len(z)} vectors for {len(role)} utterances, expected one each, neutral and "
                "sensitive ones, and without a rate required ones: label more"
            )
        posterior = Scorer(self.arrays)(np.asarray(z, np.float64))
        emotion = np.array(
            [policy.emotions.index(label) for label in corpus.column("emotion")], np.intp
        )
        gap, copies = self._config.get("gap", GAP_ERRORS), copies_in(corpus.table)
        required, rate = len(policy.required_emotions), self._config["rate"]
        if rate is None and not {*range(1, 1 + required)} <= set(emotion.tolist()):
            raise ReleaseError(
                "a required emotion has no utterance, expected some without a rate: label more"
            )
        fitted = calibrate_each(posterior, emotion, required, rate, gap, copies)
        score = np.stack(required_scores(posterior, fitted, posterior.shape[1]), axis=1)
        statistics = SpeakerStatistics.fit(score, corpus.speaker, emotion, policy.emotions, copies)
        config = self._config | boundary_config(fitted)
        return Drawn(self.name, config, {**self.arrays, "people": statistics.table})

    @property
    def policy(self) -> Policy:
        """The policy of the release."""
        return from_dict(self._config["policy"])

    @property
    def people(self) -> SpeakerStatistics:
        """The statistics of the scores of the fitting speakers."""
        return SpeakerStatistics(self.policy.emotions, self.arrays["people"])

    def draw(self, z: Vectors, bins: Codes) -> Vectors:
        """A prototype for each bin. `z` and the key decide the prototype, and a flip of the bin."""
        key, epsilon = self._config["key"], float(self._config["epsilon"])
        return keyed_random.draw(
            z, bins, key, self.arrays["prototypes"], self.arrays["bin"], epsilon
        )

    def read(self, out: Vectors) -> Codes:
        """The bin of each released vector, `(n,)`: the only information in it."""
        return keyed_random.nearest_bins(out, self.arrays["prototypes"], self.arrays["bin"])

    def with_key(self, key: int) -> Drawn:
        """The same release with the key of another device."""
        return Drawn(self.name, self._config | {"key": key}, self.arrays)

    @classmethod
    def restore(
        cls, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Drawn:
        """The release that `save` wrote."""
        for key in ("bin", "prototypes", "scorer.w", "scorer.b", "people"):
            arrays[key]
        for key in ("width", "tilt", "threshold", "key", "epsilon"):
            config[key]
        return cls(name, config, arrays)


def boundaries(config: Mapping[str, Any], offset: Matrix | float = 0.0) -> list[Boundary]:
    """The boundary of each required emotion in the config of a release, with thresholds that are
    higher by `offset`.
    """
    tilt, threshold = config["tilt"], config["threshold"]
    if not isinstance(threshold, list | tuple):
        return [Boundary(tilt, threshold + offset)]
    pairs = zip(tilt, threshold, strict=True)
    return [Boundary(tilt, threshold + offset) for tilt, threshold in pairs]


def boundary_config(fitted: Sequence[Boundary]) -> dict[str, Any]:
    """Boundaries as the entries `tilt` and `threshold` of a config: of one required emotion the
    weights and a number, of several a list of them.
    """
    tilts = [tilt if isinstance(tilt, float | int) else list(tilt) for tilt, _ in fitted]
    thresholds = [threshold for _, threshold in fitted]
    if len(fitted) == 1:
        return {"tilt": tilts[0], "threshold": thresholds[0]}
    return {"tilt": tilts, "threshold": thresholds}


def decide(
    z: Matrix,
    arrays: Mapping[str, NDArray[Any]],
    boundaries: Sequence[Boundary],
    operations: Operations = NUMPY,
) -> Codes:
    """The bin of each vector, `(n,)`: 0, and from 1 on the required emotions; of a single one, 2
    where it is strong.

    Of several emotions above their thresholds, the one with the largest margin counts.
    """
    posterior = Scorer(arrays, operations)(z)
    several = required_scores(posterior, boundaries, len(arrays["scorer.b"]), operations)
    passes = [score > threshold for score, (_, threshold) in zip(several, boundaries, strict=True)]
    wins = list(passes)
    if len(boundaries) > 1:
        margins = [
            score - threshold for score, (_, threshold) in zip(several, boundaries, strict=True)
        ]
        for number, margin in enumerate(margins):
            for rival in (*margins[:number], *margins[number + 1 :]):
                wins[number] = wins[number] & (margin > rival)
    bins: Codes = wins[0] * 1
    for number, win in enumerate(wins[1:], 2):
        bins = bins + win * number
    if "strong.w" in arrays:
        bins = bins + (passes[0] & (z @ arrays["strong.w"] > arrays["strong.b"])) * 1
    return bins
