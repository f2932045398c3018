"""The families of releases: each has one entry here, from which everything else looks it up.

To add a family, write its fitter and its release in one file and add one `Family` to `_BUILT_IN`.
A family that is defined outside this package is added with `register`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from sordino import keyed_random, plugins
from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.release import archive
from sordino.release.autoencoder.network import NetworkRelease
from sordino.release.autoencoder.replacement import ReplacementFitter
from sordino.release.autoencoder.retaining import RetainingFitter
from sordino.release.composed import Composed, ComposedFitter
from sordino.release.drawn.fit import DrawnFitter
from sordino.release.drawn.mixture import Mixture, MixtureFitter
from sordino.release.drawn.release import Drawn
from sordino.release.erasure import Erased, ErasureFitter
from sordino.release.family import Family
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.noise import Noise, NoiseFitter
from sordino.release.peers.families import PEERS
from sordino.release.protocol import Fitter, ForeignFitter, Release, errors_of_release


def restore(name: str, config: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Release:
    """The release of a family from its saved config and arrays. Raises `ReleaseError`."""
    return family(name).restore(name, config, arrays)


_REVERSAL: Final = (
    "strength of gradient reversal; more misleads attackers that do not retrain and lowers utility"
)
_ALPHA: Final = "weight of the gender loss against the reconstruction; more lowers utility"
_REPLACEMENT: Final = {
    "reversal": _REVERSAL,
    "alpha": _ALPHA,
    "embeddings": "candidate sizes of the embedding; larger ones preserve more and leak more",
    "redraw": "neutral targets are drawn once per run or again in each epoch",
    "schedule": "growth of the gradient reversal over the epochs",
}
_RETAINING: Final = {
    "reversal": _REVERSAL,
    "alpha": _ALPHA,
    "embedding": "size of the embedding; a larger one preserves more and leaks more",
    "required_weight": "weight of a required utterance; more preserves more and hides less",
    "surrogate_weight": "weight of the surrogate risk model in training; more hides more from "
    "similar models",
    "surrogate_size": "size of the surrogate risk model",
    "noise": "noise on the input in training; more keeps the gate from memorising utterances",
    "epochs": "training epochs; fewer let the gate pass more",
}
_DRAWN: Final = {
    "rate": "share of neutral and sensitive utterances that may fall in the required bin; more "
    "preserves more of the required emotion and makes the bin less informative",
    "shrinkage": "shrinkage of the scorer's covariance; more relies on the mean of each emotion "
    "alone, for few speakers",
    "gap": "standard errors up to which neutral and a sensitive emotion may differ in their shares "
    "of the required bin; more preserves recall on recordings unlike those of the fit",
    "epsilon": "parameter of randomised response; less flips more decisions, a guarantee for every "
    "utterance at the expense of the required emotion; 2 or more is a weak guarantee",
    "detail": "whether the bin of the only required emotion is split into strong and weak; one "
    "more distinction is released per utterance",
    "prototype_epsilon": "differential privacy of the prototypes for a fitting speaker, given the "
    "mean, spread and directions of speech; less adds noise, and with 1 and a dozen speakers "
    "prototypes may be of the wrong emotion; `sordino fit` warns",
}

_BUILT_IN: Final = (
    Family(
        "none",
        "the features, unchanged",
        lambda policy, seed: IdentityFitter(),  # noqa: ARG005
        Identity.restore,
        fits=(),
    ),
    Family(
        "rae",
        "the replacement autoencoder of Feng and Narayanan (2021)",
        lambda policy, seed: ReplacementFitter(policy, seed=seed),
        NetworkRelease.restore,
        _REPLACEMENT,
        fits=("gender",),
    ),
    Family(
        "rae-grl",
        "the replacement autoencoder with gradient reversal (Feng and Narayanan 2021)",
        lambda policy, seed: ReplacementFitter(policy, reversal=0.5, seed=seed),
        NetworkRelease.restore,
        _REPLACEMENT,
        fits=("gender",),
    ),
    Family(
        "rae-grl+",
        "a gated variant of rae-grl that preserves the required emotion",
        lambda policy, seed: RetainingFitter(policy, seed=seed),
        NetworkRelease.restore,
        _RETAINING,
        fits=("gender",),
    ),
    Family(
        "rae-leace",
        "the replacement autoencoder, then least-squares concept erasure of its output",
        lambda policy, seed: ComposedFitter(
            "rae-leace", ReplacementFitter(policy, seed=seed), ErasureFitter(policy, seed=seed)
        ),
        lambda name, config, arrays: Composed.restore(name, config, arrays, restore),
        fits=("gender", "age", "columns"),
    ),
    Family(
        "noise-gauss",
        "Gaussian noise, as much as hides gender from a linear classifier",
        lambda policy, seed: NoiseFitter(policy, seed=seed),
        Noise.restore,
        {"auc": "largest AUC of a linear classifier on fitting speakers; less adds more noise"},
        fits=("gender", "age", "columns"),
    ),
    Family(
        "leace",
        "least-squares concept erasure (Belrose et al. 2023) of gender and of sensitive against "
        "neutral",
        lambda policy, seed: ErasureFitter(policy, seed=seed),
        Erased.restore,
        fits=("gender", "age", "columns"),
    ),
    Family(
        "drawn",
        "one decision per utterance, as a prototype drawn for it",
        lambda policy, seed: DrawnFitter(policy, seed=seed),
        Drawn.restore,
        _DRAWN,
        fits=("gender", "columns"),
    ),
    Family(
        "drawn+detail",
        "drawn with the required bin split by intensity",
        lambda policy, seed: DrawnFitter(policy, detail=True, seed=seed),
        Drawn.restore,
        _DRAWN,
        fits=("gender", "columns"),
    ),
    Family(
        "drawn+rae-25",
        "drawn plus a quarter of the residual of the autoencoder, with noise for the remainder",
        lambda policy, seed: MixtureFitter(
            DrawnFitter(policy, seed=seed), ReplacementFitter(policy, seed=seed), 0.25, seed
        ),
        lambda name, config, arrays: Mixture.restore(name, config, arrays, restore),
        fits=("gender", "columns"),
    ),
    Family(
        "label",
        "the decision alone, as one mean vector per bin",
        lambda policy, seed: DrawnFitter(policy, alone=True, seed=seed),
        Drawn.restore,
        _DRAWN,
        fits=("gender", "columns"),
    ),
)

FITTERS: Final[dict[str, Family]] = {family.name: family for family in _BUILT_IN}
"""Every family by name, in the order of the tables. `FITTERS[name](policy, seed)` is a fitter."""

_NAMES: Final = frozenset(FITTERS)


def family(name: str) -> Family:
    """The family of this name. Raises `ReleaseError` for an unknown name.

    >>> family("label").description
    'the decision alone, as one mean vector per bin'
    """
    if name not in FITTERS:
        raise ReleaseError(
            f"release {name!r}, expected one of {', '.join({**FITTERS, **PEERS})}, or "
            "MODULE:FITTER: correct the spelling"
        )
    return FITTERS[name]


def resolve(method: str | Family | Callable[[Policy, int], Any]) -> Family:
    """The family of a name, of a reference `module:Fitter`, or of a fitter's class.

    A family from outside this package is registered, and so is one of `PEERS`. A fitter's class
    needs a `name`, the name of its releases; the first line of its docstring describes it. Raises
    `ReleaseError` for an unknown name and for a class that is no fitter, `PluginError` for a
    reference that cannot be imported.
    """
    if isinstance(method, str) and method in PEERS:
        return register(PEERS[method])
    if isinstance(method, str):
        if method in FITTERS or not plugins.has("releases", method):
            return family(method)
        method = plugins.import_name("releases", method)
    if isinstance(method, Family):
        return register(method)
    name = getattr(method, "name", "")
    if not callable(method) or not name or not isinstance(name, str):
        label = getattr(method, "__qualname__", repr(method))
        raise ReleaseError(
            f"{label}: expected a fitter's class with a `name`, called with a policy and a seed: "
            'add a line such as name = "mine"'
        )
    description = next(
        iter((getattr(method, "__doc__", "") or "").strip().splitlines()), name
    ).rstrip(".")
    return register(Family(name, description, _Foreign(method, name), _no_restore))


def register(family: Family) -> Family:
    """Add a family, so that policies, studies and `load` find it by name; the same family.

    The registry belongs to one process: a worker process registers the family again. Of a family
    from outside this package, a later definition replaces the earlier one. Raises `ReleaseError`
    for the name of a family of sordino, and `PluginError` for a name that is no plain text.
    """
    if family.name in _NAMES:
        raise ReleaseError(
            f"release {family.name!r} is one of sordino's, expected a new name: choose another"
        )
    plugins.check_name(family.name, "release")
    FITTERS[family.name] = family
    return family


def added() -> tuple[Family, ...]:
    """The families from outside this package, which a worker process has to register."""
    return tuple(family for name, family in FITTERS.items() if name not in _NAMES)


@dataclass(frozen=True)
class _Foreign:
    """A fitter's class from outside this package, of which only `fit` is required."""

    make: Callable[[Policy, int], Any]
    name: str

    def __call__(self, policy: Policy, seed: int) -> Fitter:
        with errors_of_release(self.make, self.name):
            fitter = self.make(policy, seed)
        if not callable(getattr(fitter, "fit", None)):
            raise ReleaseError(
                f"release {self.name!r}: a {type(fitter).__name__} without `fit`, expected a "
                "fitter: see sordino.testing.check_release"
            )
        return ForeignFitter(fitter, self.name)


def _no_restore(name: str, *_: Any) -> Release:
    raise ReleaseError(f"release {name!r} has no `restore`, expected a `Family` with one: add it")


def load(path: str | Path, key: int | None = None) -> Release:
    """The release in a file that `save` wrote, with another key of random draws.

    - `key`: 0 to 2^128 - 1. None takes a secret key from the operating system, for this object
      alone; `config` and `save` hold it. A fitted release draws by its seed, which its file
      states: its flips and its noise are public. Pass that seed to repeat the draws of an
      estimate, never to release vectors.

    The hash of a release changes with its key. Raises `ReleaseError` for any other file, and for a
    key outside its range.
    """
    if key is not None and not 0 <= key < 2**keyed_random.KEY_BITS:
        raise ReleaseError(
            f"key {key}, expected 0 to 2^{keyed_random.KEY_BITS} - 1: choose another, or none"
        )
    key = int.from_bytes(os.urandom(keyed_random.KEY_BITS // 8)) if key is None else key
    name, config, arrays = archive.read(path)
    if "shape" in config:
        raise ReleaseError(
            f"{path}: embedding {name!r}, expected a release of vectors: use Embedding.load"
        )
    if name in PEERS:
        register(PEERS[name])
    if name not in FITTERS:
        raise ReleaseError(
            f"{path}: release {name!r}, expected one of {', '.join(FITTERS)}: update sordino"
        )
    try:
        if (
            name in _NAMES or name in PEERS
        ):  # settings of a user's own family may have other meanings
            config = _with_key(config, key)
        return restore(name, config, arrays)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ReleaseError(
            f"{path}: parts of the release are missing or do not fit together: fit it again"
        ) from error


def _with_key(config: dict[str, Any], key: int) -> dict[str, Any]:
    """The config of a release with another key, in each part that has one."""
    replaced = {**config, "key": key} if "key" in config else dict(config)
    if "parts" in replaced:
        replaced["parts"] = [
            {**part, "config": _with_key(part["config"], key)} for part in replaced["parts"]
        ]
    return replaced
