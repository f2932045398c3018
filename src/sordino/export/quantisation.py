"""The audit again, of what a bundle really does: rounded to 8 bits it is another release, and may
leak otherwise.

An attacker who has the bundle sees what comes out of it, so that is what is attacked: the bundle's
own way into the scaled space, its models, its chance.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics, release, storage
from sordino.attack import QUICK, run
from sordino.corpora.split import Parts, every_fourth
from sordino.corpora.table import Corpus
from sordino.define import Knowledge
from sordino.device.bundle.bundle import Bundle, read
from sordino.device.serving import Table
from sordino.errors import BundleError
from sordino.export.bundle import write
from sordino.features import PreprocessFitter
from sordino.metrics import Interval
from sordino.policy import Policy
from sordino.release.archive import digest
from sordino.release.protocol import Release, as_vectors
from sordino.signal import keyed_random
from sordino.types import Vectors

SECRETS = ("gender", "sensitive-vs-neutral")


class Bundled:
    """One policy of a bundle as a release of its own scaled space, which any attack and any audit
    takes.

    Its `key` is that of an attacker's device: chance is drawn anew for each key.
    """

    def __init__(self, bundle: Bundle | str | Path, policy: str, key: int = 0) -> None:
        self._bundle = bundle if isinstance(bundle, Bundle) else read(bundle)
        self._served = self._bundle.policies[policy]
        if "streams" in self._bundle.card["features"]:
            raise BundleError(
                f"policy {policy} reads clips, expected one of vectors: audit what its runtime "
                "releases"
            )
        self._table = Table(self._bundle, self._served, key)
        self.name = self._served.family

    @property
    def policy(self) -> Policy:
        """What its user agreed to share."""
        return self._served.policy

    @property
    def config(self) -> Mapping[str, Any]:
        """What the bundle says of the policy."""
        return {
            "policy": self._served.name,
            "width": self._served.width,
            "chance": dict(self._served.chance),
        }

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with any byte of the bundle's models and arrays."""
        files = (self._served.preprocess, self._served.model, self._served.arrays)
        bytes_of = {
            name: np.frombuffer(self._bundle.files[name], np.uint8) for name in files if name
        }
        return digest(self.name, self.config, bytes_of)

    def scaled(self, x: NDArray[np.floating]) -> Vectors:
        """The scaled space as the bundle sees it, `(n, dims)` to `(n, d)`, row by row as a device
        does.
        """
        return np.concatenate([self._table.scaled(x[row : row + 1]) for row in range(len(x))])

    def __call__(self, z: Vectors) -> Vectors:
        """The released vectors of the scaled space, `(n, d)`."""
        z = as_vectors(z, self._served.width)
        return np.concatenate([self._table.released(z[row : row + 1]) for row in range(len(z))])

    def save(self, path: str | Path) -> None:
        """Write the bundle's files to a folder."""
        for name, content in self._bundle.files.items():
            storage.write(Path(path) / name, content)


class Reading(Bundled):
    """A bundle that draws prototypes: whoever has it reads which decision a released vector stands
    for.
    """

    @property
    def bins(self) -> int:
        """How many decisions there are."""
        return int(self._table.arrays["bin"].max()) + 1

    def read(self, out: Vectors) -> NDArray[np.intp]:
        """The decision that each released vector stands for, `(n,)`."""
        return keyed_random.read(out, self._table.arrays["prototypes"], self._table.arrays["bin"])


def as_release(bundle: Bundle | str | Path, policy: str, key: int = 0) -> Bundled:
    """One policy of a bundle as a release."""
    whole = bundle if isinstance(bundle, Bundle) else read(bundle)
    kind = Reading if whole.policies[policy].chance["kind"] == "drawn" else Bundled
    return kind(whole, policy, key)


@dataclass(frozen=True)
class Change:
    """What the best semi-informed attacker learns of a secret before and after rounding, as AUC
    over speakers.
    """

    secret: str
    full: Interval
    rounded: Interval

    @property
    def holds(self) -> bool:
        """Whether leakage rises by no more than its interval; not where the interval cannot be
        told.
        """
        return self.rounded.value <= self.full.high


def halves(parts: Parts, corpus: Corpus) -> list[Parts]:
    """Two draws in which all speakers but those fitted on are attacked once, by who learns from the
    other half.

    A test part alone has too few speakers of a gender, as a rule, for an interval.
    """
    others = np.sort(np.concatenate([parts.risk.rows, parts.test]))
    people, first = np.unique(corpus.speaker[others], return_index=True)
    order = np.argsort(
        corpus.genders()[others[first]], kind="stable"
    )  # each gender is dealt in turn
    half = np.empty(len(people), np.intp)
    half[order] = np.arange(len(people)) % 2
    one, other = (
        others[np.isin(corpus.speaker[others], people[half == which])] for which in (0, 1)
    )
    return [
        Parts(every_fourth(one), parts.transform, other, 0),
        Parts(every_fourth(other), parts.transform, one, 1),
    ]


def attacked(
    bundle: Bundle | str | Path,
    policy: str,
    x: NDArray[np.floating],
    corpus: Corpus,
    parts: Sequence[Parts],
    *,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> pd.DataFrame:
    """What attackers say of what a bundle lets out, in `sordino.attack.COLUMNS`: what estimates are
    made of.

    - `x`: features `(utterances, dims)` in the corpus' row order.
    - `parts`: draws of the speakers, as `halves` makes them: whom the release was fitted on is in
      no test part.

    Raises what `attack.run` raises, and `BundleError` for a bundle of embeddings.
    """
    bundled = as_release(bundle, policy)
    muted: Release = bundled
    z, asked = bundled.scaled(x), bundled.policy
    runs = [run(muted, z, corpus, draw, asked, families=families, seed=seed) for draw in parts]
    return pd.concat([one.predictions for one in runs], ignore_index=True)


def rounding(
    x: NDArray[np.floating],
    corpus: Corpus,
    parts: Parts,
    policy: Policy,
    family: str,
    *,
    features: str,
    scale: str = "zscore",
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> list[Change]:
    """What rounding to 8 bits changes for one policy: a release is fitted, written both ways, and
    both are attacked.

    It is fitted on the transform speakers of `parts` alone, so that there are others to attack;
    `x`, `features`: as in `sordino.features.extract`.
    """
    preprocess = PreprocessFitter(scale).fit(x[parts.transform.rows])
    made = release.fitter(policy, family, seed).fit(preprocess(x), corpus, parts.transform)
    said, draws = [], halves(parts, corpus)
    with tempfile.TemporaryDirectory() as folder:
        for int8 in (False, True):
            bundle = write(
                Path(folder) / f"{int8}.sordino",
                preprocess,
                {"asked": (policy, made)},
                features=features,
                card={},
                int8=int8,
                seed=seed,
            )
            said.append(attacked(bundle, "asked", x, corpus, draws, families=families, seed=seed))
    return changes(*said)


def changes(full: pd.DataFrame, rounded: pd.DataFrame) -> list[Change]:
    """What two bundles of one release leak, a line a secret, from what `attacked` or `attack.run`
    said of each.

    `holds` of every line says whether the second may ship.
    """
    return [Change(secret, _auc(full, secret), _auc(rounded, secret)) for secret in SECRETS]


def _auc(predictions: pd.DataFrame, secret: str) -> Interval:
    best = (predictions["target"] == secret) & (
        predictions["knowledge"] == str(Knowledge.SEMI_INFORMED)
    )
    found = predictions[best & predictions["best"]]
    truth, score = found["truth"].to_numpy(dtype=int), found["score"].to_numpy()
    return metrics.interval(
        lambda rows: metrics.auc(truth[rows] == 1, score[rows]),
        found["speaker"].to_numpy(),
        draw=found["draw"].to_numpy(),
        stratum=found["gender"].to_numpy(),
        group=truth,
    )
