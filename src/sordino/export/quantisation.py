"""An audit of a bundle: rounded to 8 bits it is another release, and may leak more.

The attack uses the released vectors of the bundle itself, with its scaled space, its models and its
random draws, because an attacker with the bundle sees the same vectors.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import keyed_random, metrics, release, storage
from sordino.attack import QUICK, run
from sordino.corpora.copies import copies_in, part_with_copies, recorded
from sordino.corpora.split import Parts, every_fourth
from sordino.corpora.table import Corpus
from sordino.define import Knowledge
from sordino.device.bundle.bundle import Bundle, read
from sordino.device.serving import VectorServing
from sordino.errors import BundleError
from sordino.export.bundle import write
from sordino.features import Preprocess
from sordino.metrics import Interval
from sordino.policy import Policy
from sordino.release.archive import digest
from sordino.release.protocol import Release, as_vectors
from sordino.types import Rows, Vectors

AUDITED_SECRETS = ("gender", "sensitive-vs-neutral")


class BundleRelease:
    """One policy of a bundle as a release of its scaled space, for any attack and any audit.

    Its `key` is that of the attacker's device: random draws differ between keys.
    """

    def __init__(self, bundle: Bundle | str | Path, policy: str, key: int = 0) -> None:
        self._bundle = bundle if isinstance(bundle, Bundle) else read(bundle)
        self._entry = self._bundle.policies[policy]
        if "streams" in self._bundle.card["features"]:
            raise BundleError(
                f"policy {policy} reads clips, expected one of vectors: audit what its runtime "
                "releases"
            )
        self._serving = VectorServing(self._bundle, self._entry, key)
        self.name = self._entry.family

    @property
    def policy(self) -> Policy:
        """The policy: what its user agreed to share."""
        return self._entry.policy

    @property
    def config(self) -> Mapping[str, Any]:
        """The entry of the policy in the bundle."""
        return {
            "policy": self._entry.name,
            "width": self._entry.width,
            "chance": dict(self._entry.chance),
        }

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with any byte of the bundle's models and arrays."""
        files = (self._entry.preprocess, self._entry.model, self._entry.arrays)
        bytes_of = {
            name: np.frombuffer(self._bundle.files[name], np.uint8) for name in files if name
        }
        return digest(self.name, self.config, bytes_of)

    def scaled(self, x: NDArray[np.floating]) -> Vectors:
        """The scaled space of the bundle, `(n, dims)` to `(n, d)`, row by row as on a device."""
        return np.concatenate([self._serving.scaled(x[row : row + 1]) for row in range(len(x))])

    def __call__(self, z: Vectors) -> Vectors:
        """The released vectors of the scaled space, `(n, d)`."""
        z = as_vectors(z, self._entry.width)
        return np.concatenate([self._serving.released(z[row : row + 1]) for row in range(len(z))])

    def save(self, path: str | Path) -> None:
        """Write the bundle's files to a folder."""
        for name, content in self._bundle.files.items():
            storage.write(Path(path) / name, content)


class ReadableBundleRelease(BundleRelease):
    """A bundle that draws prototypes. An attacker with the bundle can read the decision behind a
    released vector.
    """

    @property
    def bins(self) -> int:
        """The number of decisions."""
        return int(self._serving.arrays["bin"].max()) + 1

    def read(self, out: Vectors) -> NDArray[np.intp]:
        """The decision behind each released vector, `(n,)`."""
        return keyed_random.nearest_bins(
            out, self._serving.arrays["prototypes"], self._serving.arrays["bin"]
        )


def as_release(bundle: Bundle | str | Path, policy: str, key: int = 0) -> BundleRelease:
    """One policy of a bundle as a release."""
    bundle = bundle if isinstance(bundle, Bundle) else read(bundle)
    draws_prototypes = bundle.policies[policy].chance["kind"] == "drawn"
    kind = ReadableBundleRelease if draws_prototypes else BundleRelease
    return kind(bundle, policy, key)


@dataclass(frozen=True)
class LeakageChange:
    """AUC of the best semi-informed attacker on a secret, before and after rounding; intervals are
    over speakers.
    """

    secret: str
    full: Interval
    rounded: Interval

    @property
    def holds(self) -> bool:
        """Whether leakage stays within its interval before rounding; False without an interval."""
        return self.rounded.value <= self.full.high


def halves(parts: Parts, corpus: Corpus) -> list[Parts]:
    """Two draws that attack each speaker once, except those of the fit; attackers learn from the
    other half of the speakers.

    A test part alone usually has too few speakers of a gender for an interval.
    """
    rows = np.sort(np.concatenate([parts.risk.rows, parts.test]))
    speakers, first = np.unique(corpus.speaker[rows], return_index=True)
    order = np.argsort(corpus.genders()[rows[first]], kind="stable")  # genders are dealt in turn
    half = np.empty(len(speakers), np.intp)
    half[order] = np.arange(len(speakers)) % 2
    emotion = corpus.column("emotion")
    even, odd = (rows[np.isin(corpus.speaker[rows], speakers[half == code])] for code in (0, 1))
    return [
        Parts(every_fourth(even, emotion), parts.transform, odd, 0),
        Parts(every_fourth(odd, emotion), parts.transform, even, 1),
    ]


def attack_bundle(
    bundle: Bundle | str | Path,
    policy: str,
    x: NDArray[np.floating],
    corpus: Corpus,
    parts: Sequence[Parts],
    *,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> pd.DataFrame:
    """Predictions of attackers on the released vectors of a bundle, in
    `sordino.attack.PREDICTION_COLUMNS`.

    - `x`: features `(utterances, dims)` in the row order of the corpus.
    - `parts`: draws of the speakers, as from `halves`: no test part has a speaker of the fit.

    Raises the errors of `attack.run`, and `BundleError` for a bundle of embeddings.
    """
    bundle_release = as_release(bundle, policy)
    z, shared = bundle_release.scaled(x), bundle_release.policy
    target: Release = bundle_release
    runs = [run(target, z, corpus, draw, shared, families=families, seed=seed) for draw in parts]
    return pd.concat([result.predictions for result in runs], ignore_index=True)


def audit_rounding(
    x: NDArray[np.floating],
    corpus: Corpus,
    parts: Parts,
    policy: Policy,
    family: str,
    *,
    features: str,
    scaling: Callable[[Rows], Preprocess],
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> list[LeakageChange]:
    """The change of leakage by rounding to 8 bits, for one policy.

    A release is fitted, written with and without rounding, and both bundles are attacked. It is
    fitted on the transform speakers of `parts` only, so that other speakers can be attacked; `x`,
    `features`: as in `sordino.features.extract`. `scaling` gives the scaled space of some rows of
    `x`. If `corpus` is a fitting table, its copies take part in the fit alone
    (`sordino.corpora.copies`).
    """
    recordings = recorded(corpus.table)
    utterances, copies = int(recordings.sum()), copies_in(corpus.table)
    transform = part_with_copies(parts.transform, utterances, copies)
    preprocess = scaling(transform.rows)
    fitted = release.fitter(policy, family, seed).fit(preprocess(x), corpus, transform)
    x, corpus = x[recordings], corpus.select(recordings)
    predictions, draws = [], halves(parts, corpus)
    with tempfile.TemporaryDirectory() as folder:
        for int8 in (False, True):
            bundle = write(
                Path(folder) / f"{int8}.sordino",
                preprocess,
                {"policy": (policy, fitted)},
                features=features,
                card={},
                int8=int8,
                seed=seed,
            )
            predictions.append(
                attack_bundle(bundle, "policy", x, corpus, draws, families=families, seed=seed)
            )
    return compare_leakage(*predictions)


def compare_leakage(full: pd.DataFrame, rounded: pd.DataFrame) -> list[LeakageChange]:
    """The leakage of two bundles of one release by secret, from the predictions of `attack_bundle`
    or `attack.run`.

    If `holds` of each change is true, the second bundle may be shipped.
    """
    return [
        LeakageChange(secret, _auc(full, secret), _auc(rounded, secret))
        for secret in AUDITED_SECRETS
    ]


def _auc(predictions: pd.DataFrame, secret: str) -> Interval:
    best = (predictions["target"] == secret) & (
        predictions["knowledge"] == str(Knowledge.SEMI_INFORMED)
    )
    table = predictions[best & predictions["best"]]
    truth, score = table["truth"].to_numpy(dtype=int), table["score"].to_numpy()
    return metrics.interval(
        lambda rows: metrics.auc(truth[rows] == 1, score[rows]),
        table["speaker"].to_numpy(),
        draw=table["draw"].to_numpy(),
        stratum=table["gender"].to_numpy(),
        group=truth,
    )
