"""A policy: which emotion stays recognisable, which must not be told from neutral, what else is
hidden, and by what.

Families of releases and their knobs are known to `sordino.release`, which checks them
(`release.fitter`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from sordino import textfile
from sordino.define import EMOTIONS, Role, emotion
from sordino.errors import PolicyError, StorageError

ATTRIBUTES: Final = ("gender", "speaker", "age")
"""What `hide` may name: what a voice tells of its speaker."""

Knobs = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
"""Settings by family of releases, each a name and a value: what the tables of a policy file say, in
a fixed order.
"""


@dataclass(frozen=True)
class Budget:
    """What a release may cost; nothing is limited where a limit is `None`.

    - `auc`: the largest AUC that an attacker may reach on validation speakers, 0.5 to 1; less is
      harder to fit.
    - `per_day`: how many vectors a device may release a day, 1 or more; many vectors of one speaker
      tell more than one.

    >>> Budget(auc=0.55, per_day=100).per_day
    100
    """

    auc: float | None = None
    per_day: int | None = None

    def __post_init__(self) -> None:
        if self.auc is not None and not (_number(self.auc) and 0.5 <= self.auc <= 1):
            raise PolicyError(
                f"budget auc {self.auc!r}, expected 0.5 (chance) to 1: 0.55 is a strict one"
            )
        if self.per_day is not None and not (type(self.per_day) is int and self.per_day >= 1):
            raise PolicyError(
                f"budget per_day {self.per_day!r}, expected a whole number from 1: 100 is usual"
            )


@dataclass(frozen=True)
class Policy:
    """What a user agrees to share.

    `required` stays recognisable, every emotion in `sensitive` is turned into `neutral`, and the
    attributes in `hide` must not be learnt from what is released. Emotions may be given under any
    alias (`anger`, `angry`). `release` is the family that is fitted, empty for the one that a
    budget chooses; `knobs` are settings by family, mappings in one.

    Raises `PolicyError` when an emotion has two roles, nothing is sensitive or an attribute is not
    known.

    >>> Policy(required="sad", sensitive=("happy", "anger")).sensitive
    ('happy', 'angry')
    """

    required: str
    sensitive: tuple[str, ...]
    neutral: str = "neutral"
    hide: tuple[str, ...] = ("gender",)
    release: str = ""
    knobs: Knobs = ()
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        for listed in (self.sensitive, self.hide):
            if not isinstance(listed, list | tuple):
                raise PolicyError(
                    f'sensitive and hide are lists, {listed!r} came: write ["angry"] instead of "angry"'
                )
        for label in (self.required, self.neutral, *self.sensitive, *self.hide, self.release):
            if not isinstance(label, str):
                raise PolicyError(
                    f"{label!r} came, expected text: write emotions and attributes in quotes"
                )
        object.__setattr__(self, "required", emotion(self.required))
        object.__setattr__(self, "neutral", emotion(self.neutral))
        object.__setattr__(self, "sensitive", tuple(emotion(label) for label in self.sensitive))
        object.__setattr__(self, "hide", tuple(self.hide))
        object.__setattr__(self, "knobs", _frozen(self.knobs))
        if not self.sensitive:
            raise PolicyError(
                "no emotion is sensitive, expected at least one: name it in `sensitive`"
            )
        unknown = [attribute for attribute in self.hide if attribute not in ATTRIBUTES]
        if unknown:
            raise PolicyError(
                f"hide {', '.join(unknown)}, expected some of {', '.join(ATTRIBUTES)}: correct the "
                "spelling"
            )
        named = (self.required, self.neutral, *self.sensitive)
        twice = sorted({label for label in named if named.count(label) > 1})
        if twice:
            raise PolicyError(
                f"{', '.join(twice)} has two roles, expected one: take it out of one of the lists"
            )

    @property
    def emotions(self) -> tuple[str, ...]:
        """All emotions that have a role; rows with any other are left out."""
        return (self.neutral, self.required, *self.sensitive)

    def role(self, label: str) -> Role:
        """The role of one emotion. Raises `PolicyError` for one without a role."""
        if label == self.neutral:
            return Role.NEUTRAL
        if label == self.required:
            return Role.REQUIRED
        if label in self.sensitive:
            return Role.SENSITIVE
        raise PolicyError(
            f"emotion {label!r} has no role in this policy, expected one of "
            f"{', '.join(self.emotions)}: "
            "leave such utterances out with `corpus.with_emotions(policy.emotions)`"
        )

    def check_against(self, emotions: Iterable[str]) -> None:
        """Raise `PolicyError` when a corpus with these emotions lacks one that the policy names."""
        present = set(emotions)
        absent = [label for label in self.emotions if label not in present]
        if absent:
            found = ", ".join(sorted(present)) or "none"
            raise PolicyError(
                f"{', '.join(absent)}: not in the corpus, which has {found}: change the policy"
            )

    def settings(self, family: str) -> dict[str, Any]:
        """The knobs of one family of releases that this policy sets.

        >>> Policy("sad", ("angry",), knobs={"drawn": {"rate": 0.2}}).settings("drawn")
        {'rate': 0.2}
        """
        return dict(dict(self.knobs).get(family, ()))

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that are the same for the same policy on every machine: the first
        of `digest`.
        """
        return self.digest[:12]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits (SHA-256), by which a device recognises a policy.

        What is not set does not count: keys that are added later change no hash.
        """
        given = {
            name: value
            for name, value in asdict(self).items()
            if name not in _LATER or value != _UNSET[name]
        }
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


_LATER: Final = ("release", "knobs", "budget")
_UNSET: Final = {"release": "", "knobs": (), "budget": asdict(Budget())}


def _frozen(knobs: Any) -> Knobs:
    """Knobs in the order of their names, lists as tuples. Raises `PolicyError` for a value that no
    knob can have.
    """
    tables = {family: sorted(dict(table).items()) for family, table in sorted(dict(knobs).items())}
    return tuple(
        (family, tuple((name, _setting(name, value)) for name, value in table))
        for family, table in tables.items()
    )


def _setting(name: str, value: object) -> Any:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    plain = all(
        isinstance(one, bool | int | str) or (type(one) is float and math.isfinite(one))
        for one in values
    )
    if not values or not plain:
        raise PolicyError(
            f"{name} = {value!r}, expected a finite number, a text, true or false, or a list: set "
            "one"
        )
    return values if isinstance(value, list | tuple) else value


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def restored(given: Mapping[str, Any]) -> Policy:
    """The policy of which `dataclasses.asdict` gave this, as it comes back from JSON.

    >>> import json
    >>> policy = Policy("sad", ("angry",), knobs={"drawn": {"rate": 0.2}}, budget=Budget(per_day=100))
    >>> restored(json.loads(json.dumps(asdict(policy)))) == policy
    True
    """
    return Policy(**{**given, "knobs": dict(given["knobs"]), "budget": Budget(**given["budget"])})


_LARGEST: Final = 1 << 20
"""Bytes of a policy file."""


def read(path: str | Path) -> Policy:
    """The policy in a TOML file. An unknown key is an error; tables hold the budget and the knobs
    of families.
    """
    import tomllib  # here: a device reads no policy file

    try:
        given: dict[str, Any] = tomllib.loads(
            textfile.read(path, "a TOML file", PolicyError, _LARGEST)
        )
    except (PolicyError, StorageError, tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise PolicyError(
            f"{path}: not a readable TOML file ({reason}): check path and spelling"
        ) from error
    known = [field.name for field in fields(Policy) if field.name != "knobs"]
    knobs = {
        key: value for key, value in given.items() if isinstance(value, dict) and key not in known
    }
    rest = {key: value for key, value in given.items() if key not in knobs}
    unknown = sorted(set(rest) - set(known))
    if unknown:
        raise PolicyError(
            f"{path}: unknown key {', '.join(unknown)}, expected {', '.join(known)}, or a table of "
            "a release's knobs"
        )
    missing = [name for name in ("required", "sensitive") if name not in given]
    if missing:
        raise PolicyError(
            f"{path}: {', '.join(missing)} is missing, expected at least `required` and `sensitive`"
        )
    return Policy(
        **(rest | {"budget": _budget(path, rest.get("budget", {}))}), knobs=_frozen(knobs)
    )


def _budget(path: str | Path, given: Any) -> Budget:
    known = [field.name for field in fields(Budget)]
    if not isinstance(given, dict) or set(given) - set(known):
        came = (
            ", ".join(sorted(set(given) - set(known))) if isinstance(given, dict) else repr(given)
        )
        raise PolicyError(
            f"{path}: budget {came}, expected a table [budget] with {' and '.join(known)}"
        )
    return Budget(**given)


def explain(policy: Policy) -> list[str]:
    """What a policy lets out, hides and costs, a sentence a line; `sordino.release.explain` tells
    of releases.

    >>> for line in explain(Policy(required="sad", sensitive=("happy", "angry"))):
    ...     print(line)
    Whether an utterance sounds sad stays recognisable.
    happy and angry utterances are made to look like neutral ones: nobody is to tell them apart.
    gender must not be learnt from what is released.
    Other emotions have no role: leave such utterances out, or name them.
    Told all the same: that something was said and when, and how often it sounded sad.
    No release is named: `sordino fit` takes `drawn`, or where a budget is set the most useful one within it.
    No budget limits what an attacker may reach: a report tells, but no fit is refused.
    No limit on vectors a day: a patient attacker who collects those of one speaker learns more than from one.
    """
    hidden = " and ".join(policy.hide)
    return [
        f"Whether an utterance sounds {policy.required} stays recognisable.",
        f"{' and '.join(policy.sensitive)} utterances are made to look like {policy.neutral} ones: "
        "nobody is to tell "
        "them apart.",
        f"{hidden} must not be learnt from what is released."
        if hidden
        else "Nothing of the speaker is hidden.",
        *(_ATTRIBUTES[attribute] for attribute in policy.hide if attribute in _ATTRIBUTES),
        "Other emotions have no role: leave such utterances out, or name them.",
        "Told all the same: that something was said and when, and how often it sounded "
        f"{policy.required}.",
        *(
            f"{name}: no corpus that sordino knows has it; right for labels of your own, else "
            "correct the spelling."
            for name in policy.emotions
            if name not in EMOTIONS
        ),
        *([] if policy.release else [_UNNAMED]),
        *_costs(policy.budget),
    ]


_ATTRIBUTES: Final = {
    "age": "Age is hidden as older or younger than the median of the speakers fitted on, and audited as that.",
    "speaker": "Who speaks is audited, by an attacker who knows the very people; no release is fitted against it, and "
    "less detail is what helps.",
}
"""What it means to hide an attribute, where that is not plain."""

_UNNAMED: Final = "No release is named: `sordino fit` takes `drawn`, or where a budget is set the most useful one within it."


def _costs(budget: Budget) -> list[str]:
    lines = ["No budget limits what an attacker may reach: a report tells, but no fit is refused."]
    if budget.auc is not None:
        lines = [
            f"No attacker may reach an AUC above {budget.auc:g} on validation speakers, of "
            "anything hidden, or "
            "the fit is refused (0.5 is a guess, 1 is certain); the less is allowed, the less of "
            "the required "
            "emotion and of its detail is kept."
        ]
    if budget.per_day is None:
        return [
            *lines,
            "No limit on vectors a day: a patient attacker who collects those of one speaker "
            "learns more "
            "than from one.",
        ]
    return [
        *lines,
        f"A device releases at most {budget.per_day} vectors a day and falls silent after that: "
        "the fewer, "
        "the less a patient attacker collects.",
    ]
