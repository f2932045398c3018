"""Release `drawn`: of an utterance only one decision goes out, in the shape of a vector that
existing models read.

    score    how much it sounds like the required emotion, rather than like neutral or a sensitive one (`scorer`)
    bin      not required | required, at a threshold where the required emotion is missed as often as others pass, and
             neutral and sensitive utterances pass alike
    flip     with randomised response, now and then, another bin
    draw     one of the prototypes of that bin at random (`prototypes`)

A replacement autoencoder is a smooth function of its input, so what it was told to hide is still in
there. Here what goes out depends on the input through the bin alone, and every attacker is bounded
by how differently the bins fall (`sordino.metrics.bound`). What is lost is all detail within the
required emotion; with `detail` its side is split by how strongly it is meant.

Randomness follows from the vector and a key that stays with its owner: asking twice tells nothing
new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.policy import Policy, from_dict
from sordino.release.drawn.calibration import calibrated
from sordino.release.drawn.scorer import NUMPY, Operations, Scorer, required
from sordino.release.drawn.speaker_offset import People
from sordino.release.frozen import Frozen
from sordino.release.protocol import checked
from sordino.signal import keyed_random
from sordino.types import Codes, Matrix, Vectors


class Drawn(Frozen):
    """A frozen drawn release: the scorer's weights, `prototypes` `(count, d)`, and the `bin` that
    each stands for.
    """

    @property
    def bins(self) -> int:
        """How many decisions there are."""
        return int(self.arrays["bin"].max()) + 1

    def __call__(self, z: Vectors) -> Vectors:
        z = checked(z, self._config["width"])
        return self.drawn(z, self.decide(z))

    def decide(self, z: Vectors, offset: Matrix | float = 0.0) -> Codes:
        """The bin of each vector before anything is drawn, `(n,)`. It stays on the device.

        `offset`, of all or of each vector, is taken off the score: what the user adds
        (`sordino.release.drawn.speaker_offset`).
        """
        tilt, threshold = self._config["tilt"], self._config["threshold"]
        return decide(np.asarray(z, np.float64), self.arrays, tilt, threshold + offset)

    def score(self, z: Vectors) -> Matrix:
        """How much each vector sounds like the required emotion, `(n,)`; the threshold is one of
        it.
        """
        return required(Scorer(self.arrays)(np.asarray(z, np.float64)), self._config["tilt"])

    def shifted(self, by: float) -> Drawn:
        """The same release for a user whose scores are so much higher
        (`sordino.release.drawn.speaker_offset`).
        """
        return Drawn(
            self.name, self._config | {"threshold": self._config["threshold"] + by}, self.arrays
        )

    def calibrated(self, z: Vectors, corpus: Corpus) -> Drawn:
        """The same release for another place, by labelled recordings of a few speakers there, `z`
        `(utterances, d)`.

        Tilt and threshold are chosen anew as in fitting, where neutral and sensitive utterances
        pass equally often, and so is how scores spread over people. What the score has lost it does
        not get back. Raises `ReleaseError` where neutral or sensitive utterances are missing,
        without a rate required ones, or speakers are fewer than two.
        """
        z, policy = checked(z, self._config["width"]), self.policy
        role = corpus.roles(policy)
        needed = {0, 1, 2} if self._config["rate"] is None else {0, 2}
        if not needed <= set(role.tolist()) or len(role) != len(z):
            raise ReleaseError(
                f"{len(z)} vectors for {len(role)} utterances, expected one each, neutral and "
                "sensitive ones, and "
                "without a rate required ones: label more"
            )
        posterior = Scorer(self.arrays)(np.asarray(z, np.float64))
        tilt, threshold = calibrated(posterior, role, self._config["rate"])
        emotion = np.array(
            [policy.emotions.index(one) for one in corpus.column("emotion")], np.intp
        )
        people = People.of(
            required(posterior, tilt)[:, None], corpus.speaker, emotion, policy.emotions
        )
        config = self._config | {"tilt": tilt, "threshold": threshold}
        return Drawn(self.name, config, {**self.arrays, "people": people.table})

    @property
    def policy(self) -> Policy:
        """What it keeps and hides."""
        return from_dict(self._config["policy"])

    @property
    def people(self) -> People:
        """How scores of the people fitted on spread, of whom one user is one."""
        return People(self.policy.emotions, self.arrays["people"])

    def drawn(self, z: Vectors, bins: Codes) -> Vectors:
        """A prototype for each bin; `z` and the key decide which, and whether the bin is flipped."""
        key, epsilon = self._config["key"], float(self._config["epsilon"])
        return keyed_random.draw(
            z, bins, key, self.arrays["prototypes"], self.arrays["bin"], epsilon
        )

    def read(self, out: Vectors) -> Codes:
        """The bin that a released vector stands for, `(n,)`: all that anybody can learn from it."""
        return keyed_random.nearest_bins(out, self.arrays["prototypes"], self.arrays["bin"])

    def keyed(self, key: int) -> Drawn:
        """The same release on another device: other draws."""
        return Drawn(self.name, self._config | {"key": key}, self.arrays)

    @classmethod
    def restore(
        cls, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Drawn:
        """The release that `save` wrote."""
        for needed in ("bin", "prototypes", "scorer.w", "scorer.b", "people"):
            arrays[needed]
        for needed in ("width", "tilt", "threshold", "key", "epsilon"):
            config[needed]
        return cls(name, config, arrays)


def decide(
    z: Matrix,
    arrays: Mapping[str, NDArray[Any]],
    tilt: float,
    threshold: Matrix | float,
    operations: Operations = NUMPY,
) -> Codes:
    """The bin of each vector, `(n,)`: 0, 1, and 2 for the required emotion where it is meant
    strongly.
    """
    passes = required(Scorer(arrays, operations)(z), tilt, operations) > threshold
    bins: Codes = passes * 1
    if "strong.w" in arrays:
        bins = bins + (passes & (z @ arrays["strong.w"] > arrays["strong.b"])) * 1
    return bins
