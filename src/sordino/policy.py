"""A policy: the required emotion, the sensitive emotions, the hidden attributes and the release.

`sordino.release` defines the families of releases and their settings and checks them
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

from sordino.define import EMOTIONS, Role, emotion
from sordino.errors import PolicyError, StorageError
from sordino.progress import listed, quoted, shorten

ATTRIBUTES: Final = ("gender", "speaker", "age")
"""Attributes of a speaker that `hide` may name."""

Knobs = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
"""Settings by family of releases, each a name and a value, in the order of their names."""


@dataclass(frozen=True)
class Budget:
    """Limits of a release; `None` is no limit.

    - `auc`: the largest AUC of an attacker on validation speakers, 0.5 to 1. A low limit is harder
      to fit.
    - `per_day`: the largest number of vectors that a device releases a day, 1 or more. Many vectors
      of one speaker reveal more than one vector.

    >>> Budget(auc=0.55, per_day=100).per_day
    100
    """

    auc: float | None = None
    per_day: int | None = None

    def __post_init__(self) -> None:
        if self.auc is not None and not (_number(self.auc) and 0.5 <= self.auc <= 1):
            raise PolicyError(
                f"budget auc {quoted(self.auc)}, expected 0.5 (chance) to 1: 0.55 is a strict limit"
            )
        if self.per_day is not None and not (type(self.per_day) is int and self.per_day >= 1):
            raise PolicyError(
                f"budget per_day {quoted(self.per_day)}, expected a whole number from 1: 100 is "
                "usual"
            )


@dataclass(frozen=True)
class Policy:
    """The information that a user agrees to share.

    `required` stays recognisable, every emotion in `sensitive` is turned into `neutral`, and an
    attacker must not infer the attributes in `hide` from released vectors. Emotions have any alias
    (`anger`, `angry`). `release` is the family to fit; where it is empty, the budget selects one.
    `knobs` maps families to their settings.

    Raises `PolicyError` when an emotion has two roles, no emotion is sensitive or an attribute is
    unknown.

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
        for names in (self.sensitive, self.hide):
            if not isinstance(names, list | tuple):
                raise PolicyError(
                    f"sensitive and hide are lists, {quoted(names)} came: "
                    'write ["angry"] instead of "angry"'
                )
        for label in (self.required, self.neutral, *self.sensitive, *self.hide, self.release):
            if not isinstance(label, str):
                raise PolicyError(
                    f"{quoted(label)} came, expected text: write emotions and attributes in quotes"
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
                f"hide {listed(unknown)}, expected some of {', '.join(ATTRIBUTES)}: correct the "
                "spelling"
            )
        emotions = (self.required, self.neutral, *self.sensitive)
        twice = sorted({label for label in emotions if emotions.count(label) > 1})
        if twice:
            raise PolicyError(
                f"{listed(twice)} has two roles, expected one: remove it from one list"
            )

    @property
    def emotions(self) -> tuple[str, ...]:
        """All emotions that have a role; rows with any other emotion are left out."""
        return (self.neutral, self.required, *self.sensitive)

    @property
    def emotion_targets(self) -> dict[str, str]:
        """The secret of each sensitive emotion, `EMOTION-vs-neutral`, with the emotion.

        >>> Policy("sad", ("happy", "angry")).emotion_targets
        {'happy-vs-neutral': 'happy', 'angry-vs-neutral': 'angry'}
        """
        return {f"{label}-vs-neutral": label for label in self.sensitive}

    def role(self, label: str) -> Role:
        """The role of an emotion. Raises `PolicyError` for an emotion without a role."""
        if label == self.neutral:
            return Role.NEUTRAL
        if label == self.required:
            return Role.REQUIRED
        if label in self.sensitive:
            return Role.SENSITIVE
        raise PolicyError(
            f"emotion {quoted(label)} has no role in this policy, expected one of "
            f"{', '.join(self.emotions)}: "
            "leave such utterances out with `corpus.with_emotions(policy.emotions)`"
        )

    def check_against(self, emotions: Iterable[str]) -> None:
        """Raise `PolicyError` when these emotions of a corpus lack an emotion of the policy."""
        present = set(emotions)
        absent = [label for label in self.emotions if label not in present]
        if absent:
            available = listed(sorted(present)) or "none"
            raise PolicyError(
                f"{listed(absent)}: not in the corpus, which has {available}: change the policy"
            )

    def settings(self, family: str) -> dict[str, Any]:
        """The settings of one family of releases in this policy.

        >>> Policy("sad", ("angry",), knobs={"drawn": {"rate": 0.2}}).settings("drawn")
        {'rate': 0.2}
        """
        return dict(dict(self.knobs).get(family, ()))

    @property
    def hash(self) -> str:
        """The first 12 hexadecimal digits of `digest`, the same on every machine."""
        return self.digest[:12]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits (SHA-256), by which a device recognises a policy.

        Keys without a value do not count, so that keys of later versions change no hash.
        """
        settings = {
            name: value
            for name, value in asdict(self).items()
            if name not in _LATER or value != _UNSET[name]
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


_LATER: Final = ("release", "knobs", "budget")
_UNSET: Final = {"release": "", "knobs": (), "budget": asdict(Budget())}


def _frozen(knobs: Any) -> Knobs:
    """Settings in the order of their names, lists as tuples.

    Raises `PolicyError` for a value of another type than a setting has.
    """
    tables = {family: sorted(dict(table).items()) for family, table in sorted(dict(knobs).items())}
    return tuple(
        (family, tuple((name, _setting(name, value)) for name, value in table))
        for family, table in tables.items()
    )


def _setting(name: str, value: object) -> Any:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    plain = all(
        isinstance(element, bool | int | str) or (type(element) is float and math.isfinite(element))
        for element in values
    )
    if not values or not plain:
        raise PolicyError(
            f"{name} = {quoted(value)}, expected a finite number, a text, true or false, "
            "or a list: correct it"
        )
    return values if isinstance(value, list | tuple) else value


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def from_dict(content: Mapping[str, Any]) -> Policy:
    """The policy from the result of `dataclasses.asdict`, after a trip through JSON.

    >>> import json
    >>> policy = Policy("sad", ("angry",), knobs={"drawn": {"rate": 0.2}}, budget=Budget(per_day=9))
    >>> from_dict(json.loads(json.dumps(asdict(policy)))) == policy
    True
    """
    return Policy(
        **{**content, "knobs": dict(content["knobs"]), "budget": Budget(**content["budget"])}
    )


def read(path: str | Path) -> Policy:
    """The policy in a TOML file. An unknown key is an error. Tables hold the budget and the
    settings of families.

    Raises `PolicyError`, also beyond the limits of `sordino.toml_text`.
    """
    from sordino import textfile, toml_text  # here: a device reads no policy file

    try:
        text = textfile.read(path, "a TOML file", PolicyError, toml_text.MOST_BYTES)
    except (PolicyError, StorageError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise PolicyError(f"{path}: not a readable TOML file ({reason})") from error
    try:
        content = toml_text.loads(text)
    except ValueError as error:
        raise PolicyError(
            f"{path}: not a readable TOML file ({shorten(str(error), 200)}): correct that line; "
            "text is in quotes"
        ) from error
    names = [field.name for field in fields(Policy) if field.name != "knobs"]
    knobs = {
        key: value for key, value in content.items() if isinstance(value, dict) and key not in names
    }
    entries = {key: value for key, value in content.items() if key not in knobs}
    unknown = sorted(set(entries) - set(names))
    if unknown:
        raise PolicyError(
            f"{path}: unknown key {listed(unknown)}, expected {', '.join(names)}, or a table "
            "with the settings of a release"
        )
    missing = [name for name in ("required", "sensitive") if name not in content]
    if missing:
        raise PolicyError(
            f"{path}: {', '.join(missing)} is missing, expected at least `required` and `sensitive`"
        )
    return Policy(
        **(entries | {"budget": _budget(path, entries.get("budget", {}))}), knobs=_frozen(knobs)
    )


def _budget(path: str | Path, table: Any) -> Budget:
    names = [field.name for field in fields(Budget)]
    if not isinstance(table, dict) or set(table) - set(names):
        has_keys = isinstance(table, dict)
        came = listed(sorted(set(table) - set(names))) if has_keys else quoted(table)
        raise PolicyError(
            f"{path}: budget {came}, expected a table [budget] with {' and '.join(names)}"
        )
    return Budget(**table)


def explain(policy: Policy, *, fitted: bool = False) -> list[str]:
    """The meaning of a policy, one sentence a line; `sordino.release.explain_release` describes
    releases. The policy of a `fitted` release has no sentence on the choice of a family and on an
    absent limit.

    >>> for line in explain(Policy(required="sad", sensitive=("happy", "angry"))):
    ...     print(line)
    sad stays recognisable.
    happy and angry utterances are released as neutral: an attacker must not distinguish them.
    An attacker must not infer gender from the released vectors.
    Other emotions have no role: leave such utterances out, or add them to the policy.
    Not hidden: the time and number of utterances, and the share classified as sad.
    No release is named: `sordino fit` takes `drawn`.
    No limit on AUC: the report has the AUC of the attackers, and no fit is refused.
    No limit on vectors a day: an attacker with many vectors of one speaker infers more.
    """
    hidden = " and ".join(policy.hide)
    return [
        f"{policy.required} stays recognisable.",
        f"{' and '.join(policy.sensitive)} utterances are released as {policy.neutral}: an "
        "attacker must not distinguish them.",
        f"An attacker must not infer {hidden} from the released vectors."
        if hidden
        else "No attribute of the speaker is hidden.",
        *(_ATTRIBUTES[attribute] for attribute in policy.hide if attribute in _ATTRIBUTES),
        "Other emotions have no role: leave such utterances out, or add them to the policy.",
        "Not hidden: the time and number of utterances, and the share classified as "
        f"{policy.required}.",
        *(
            f"{name}: no corpus of sordino has this emotion. It needs labels of your own; "
            "otherwise correct the spelling."
            for name in policy.emotions
            if name not in EMOTIONS
        ),
        *([] if policy.release or fitted else [_unnamed(policy.budget)]),
        *([] if fitted and policy.budget.auc is None else [_cost_of_auc(policy.budget)]),
        _cost_of_per_day(policy.budget),
    ]


_ATTRIBUTES: Final = {
    "age": "Age is hidden and audited as older or younger than the median of the speakers of the "
    "fit.",
    "speaker": "The identity of the speaker is audited by an attacker with labelled recordings of "
    "the same speakers. No release is fitted against it; a release with less detail helps.",
}
"""The meaning of hiding an attribute, where it needs an explanation."""


def _unnamed(budget: Budget) -> str:
    choice = "`drawn`" if budget.auc is None else "the most useful release within the budget"
    return f"No release is named: `sordino fit` takes {choice}."


def _cost_of_auc(budget: Budget) -> str:
    if budget.auc is None:
        return "No limit on AUC: the report has the AUC of the attackers, and no fit is refused."
    return (
        f"The fit is refused if an attacker reaches an AUC above {budget.auc:g} on validation "
        "speakers for any hidden attribute or for sensitive against neutral (0.5 is chance, 1 is "
        "perfect). A lower limit costs recall and detail of the required emotion."
    )


def _cost_of_per_day(budget: Budget) -> str:
    if budget.per_day is None:
        return (
            "No limit on vectors a day: an attacker with many vectors of one speaker infers more."
        )
    return (
        f"A device releases at most {budget.per_day} vectors a day, and none after that. A lower "
        "limit gives an attacker fewer vectors of one speaker."
    )
