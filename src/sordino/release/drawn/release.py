"""Release `drawn`: one decision per utterance is released, as a vector that existing models read.

    score    similarity to the required emotion, against neutral and sensitive ones (`scorer`)
    bin      not required | required, at a threshold where the required emotion is missed as often
             as the others fall in its bin, neutral and each sensitive emotion equally often
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
from sordino.release.drawn.calibration import GAP_ERRORS, calibrate
from sordino.release.drawn.scorer import NUMPY, Operations, Scorer, required, weights
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

        `offset`, one number or one per vector, is subtracted from the score: the contribution of
        the user (`sordino.release.drawn.speaker_offset`).
        """
        tilt, threshold = self._config["tilt"], self._config["threshold"]
        return decide(np.asarray(z, np.float64), self.arrays, tilt, threshold + offset)

    def score(self, z: Vectors) -> Matrix:
        """The score of the required emotion, `(n,)`; the threshold applies to it."""
        posterior = Scorer(self.arrays)(np.asarray(z, np.float64))
        return required(posterior, weights(self._config["tilt"], posterior.shape[1]))

    def shift(self, offset: float) -> Drawn:
        """The same release for a user with scores that are higher by `offset`
        (`sordino.release.drawn.speaker_offset`).
        """
        threshold = self._config["threshold"] + offset
        return Drawn(self.name, self._config | {"threshold": threshold}, self.arrays)

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
        tilt, threshold = calibrate(posterior, emotion, self._config["rate"], gap, copies)
        score = required(posterior, weights(tilt, posterior.shape[1]))
        statistics = SpeakerStatistics.fit(
            score[:, None], corpus.speaker, emotion, policy.emotions, copies
        )
        config = self._config | {"tilt": list(tilt), "threshold": threshold}
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


def decide(
    z: Matrix,
    arrays: Mapping[str, NDArray[Any]],
    tilt: float | Sequence[float],
    threshold: Matrix | float,
    operations: Operations = NUMPY,
) -> Codes:
    """The bin of each vector, `(n,)`: 0, 1 for the required emotion, and 2 where it is strong."""
    against = weights(tilt, len(arrays["scorer.b"]))
    passes = required(Scorer(arrays, operations)(z), against, operations) > threshold
    bins: Codes = passes * 1
    if "strong.w" in arrays:
        bins = bins + (passes & (z @ arrays["strong.w"] > arrays["strong.b"])) * 1
    return bins
