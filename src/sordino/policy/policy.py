"""A policy: the required and the sensitive emotions, the hidden attributes and the release.

`sordino.release` defines the families of releases and their settings and checks them
(`release.fitter`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, asdict, dataclass, field, replace
from typing import Any, Final

from sordino.define import EMOTION_CHARACTERS, EMOTIONS, Role, emotion, is_emotion_name
from sordino.errors import PolicyError
from sordino.policy.budget import Budget
from sordino.policy.hidden import ATTRIBUTES, canonical_entries, check_twice
from sordino.progress import listed, quoted, shorten

KEPT_LEVELS: Final = ("activation", "valence")
"""Values of `required` that keep a level in the place of an emotion, with `sensitive = "rest"`."""

MOST_REQUIRED: Final = 7
"""Required emotions: each has a bin beside that of the others, and a bound has up to 8 bins."""

MOST_SENSITIVE: Final = 100
"""Sensitive emotions: each has bounds of its own."""

REST: Final = ("rest",)
"""The value of `sensitive` that stands for every emotion of a corpus without another role."""

Knobs = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
"""Settings by family of releases, each a name and a value, in the order of their names."""


@dataclass(frozen=True)
class Policy:
    """The information that a user agrees to share.

    `required` stays recognisable: one emotion, or up to seven. Every emotion in `sensitive` is
    turned into `neutral`, and an attacker must not infer the attributes in `hide` from released
    vectors (`sordino.policy.hidden_columns` has their syntax). Emotions have any alias (`anger`,
    `angry`). `sensitive="rest"` stands for every other emotion of a corpus, and `resolve` names
    them; with it, `required` may be `activation` or `valence` (`sordino.corpora.keep_levels`).
    `release` is the family to fit; where it is empty, the budget selects one. `knobs` maps families
    to their settings. `stored` is for `from_dict`: policies of bundles keep the names of their
    time.

    Raises `PolicyError` when an emotion has two roles, no emotion is required or sensitive, the
    name of an emotion has other characters than letters a to z, digits, spaces, `-` and `_`, or an
    entry of `hide` has another form or comes twice.

    >>> Policy(required="sad", sensitive=("happy", "anger")).sensitive
    ('happy', 'angry')
    >>> Policy(required=("sad", "fear"), sensitive=("angry",)).required
    ('sad', 'fearful')
    """

    required: str | tuple[str, ...]
    """An emotion, or a tuple of two or more."""
    sensitive: tuple[str, ...]
    neutral: str = "neutral"
    hide: tuple[str, ...] = ("gender",)
    release: str = ""
    knobs: Knobs = ()
    budget: Budget = field(default_factory=Budget)
    stored: InitVar[bool] = False

    def __post_init__(self, stored: bool) -> None:
        sensitive: Any = self.sensitive
        if isinstance(sensitive, str) and (emotion(sensitive),) == REST:
            object.__setattr__(self, "sensitive", REST)
        for names in (self.sensitive, self.hide):
            if not isinstance(names, list | tuple):
                raise PolicyError(
                    f"sensitive and hide are lists, {quoted(names)} came: "
                    'write ["angry"] instead of "angry"'
                )
        several = isinstance(self.required, list | tuple)
        required: Any = tuple(self.required) if several else (self.required,)
        for label in (*required, self.neutral, *self.sensitive, *self.hide, self.release):
            if not isinstance(label, str):
                raise PolicyError(
                    f"{quoted(label)} came, expected text: write emotions and attributes in quotes"
                )
        if not stored and not all(map(str.strip, (*required, self.neutral, *self.sensitive))):
            raise PolicyError(
                "an emotion is empty, expected a name: remove the empty text, or write the emotion"
            )
        required = tuple(map(emotion, required))
        object.__setattr__(self, "required", required[0] if len(required) == 1 else required)
        object.__setattr__(self, "neutral", emotion(self.neutral))
        object.__setattr__(self, "sensitive", tuple(emotion(label) for label in self.sensitive))
        object.__setattr__(self, "hide", canonical_entries(self.hide))
        object.__setattr__(self, "knobs", _frozen(self.knobs))
        self._check_roles()
        if not stored:
            self._check_names()
            check_twice(self.hide)

    def _check_roles(self) -> None:
        """Raise `PolicyError` for too few or too many emotions of a role, or one with two roles."""
        if not 1 <= len(self.required_emotions) <= MOST_REQUIRED:
            raise PolicyError(
                f"{len(self.required_emotions)} emotions are required, expected 1 to "
                f"{MOST_REQUIRED}, each with a bin: change `required`"
            )
        if not self.sensitive:
            raise PolicyError(
                "no emotion is sensitive, expected at least one: name it in `sensitive`"
            )
        if REST[0] in self.sensitive and self.sensitive != REST:
            raise PolicyError(
                'sensitive has "rest" beside other emotions, expected it alone: write '
                'sensitive = "rest"'
            )
        emotions = (*self.required_emotions, self.neutral, *self.sensitive)
        twice = sorted({label for label in emotions if emotions.count(label) > 1})
        if twice:
            raise PolicyError(
                f"{listed(twice)} has two roles, expected one: remove it from one list"
            )

    def _check_names(self) -> None:
        """Raise `PolicyError` for a name that no emotion has, and for too many of them."""
        if len(self.sensitive) > MOST_SENSITIVE:
            raise PolicyError(
                f"{len(self.sensitive)} emotions are sensitive, expected at most "
                f"{MOST_SENSITIVE}: name fewer, or group them in the labels of the corpus"
            )
        for label in self.emotions:
            if not is_emotion_name(label):
                raise PolicyError(
                    f"emotion {shorten(label)!a}, expected 1 to {EMOTION_CHARACTERS} printable "
                    "characters without +, with letters of one alphabet: rename it, also in the "
                    "labels of the corpus"
                )
        if REST[0] in (*self.required_emotions, self.neutral):
            raise PolicyError(
                '"rest" stands for sensitive emotions, expected the names of emotions in '
                "`required` and `neutral`: name them"
            )
        levels = [label for label in self.required_emotions if label in KEPT_LEVELS]
        if levels and not self.keeps_level:
            raise PolicyError(
                f"required {listed(self.required_emotions)} with sensitive "
                f"{listed(self.sensitive)}: a level stands alone and names no sensitive emotion, "
                f'expected required = "{levels[0]}" and sensitive = "rest": write these two lines'
            )

    @property
    def required_emotions(self) -> tuple[str, ...]:
        """The required emotions, one or more."""
        return (self.required,) if isinstance(self.required, str) else self.required

    @property
    def required_name(self) -> str:
        """The required emotions as one name, by which tables and units name a policy.

        >>> Policy(("sad", "fearful"), ("angry",)).required_name
        'sad+fearful'
        """
        return "+".join(self.required_emotions)

    @property
    def columns(self) -> tuple[str, ...]:
        """The entries of `hide` that name columns of a corpus beside gender, speaker and age."""
        return tuple(entry for entry in self.hide if entry not in ATTRIBUTES)

    @property
    def keeps_level(self) -> bool:
        """Whether the level of activation or valence is required, and no emotion."""
        return self.required in KEPT_LEVELS and not self.is_resolved

    @property
    def is_resolved(self) -> bool:
        """Whether every sensitive emotion has a name."""
        return self.sensitive != REST

    def resolve(self, emotions: Iterable[str]) -> Policy:
        """The policy with names in place of `sensitive="rest"`: every emotion of a corpus that has
        no other role, in one order. Other policies do not change.

        Raises `PolicyError` where the corpus has no such emotion.

        >>> Policy("sad", "rest").resolve(["sad", "happy", "neutral", "angry"]).sensitive
        ('happy', 'angry')
        """
        if self.is_resolved:
            return self
        if self.keeps_level:
            raise PolicyError(
                f"required {self.required}: levels depend on the utterances of a corpus, expected "
                "an emotion: call `sordino.corpora.keep_levels`"
            )
        order = {name: position for position, name in enumerate(EMOTIONS)}
        rest = {*emotions} - {self.neutral, *self.required_emotions}
        if not rest:
            raise PolicyError(
                'sensitive = "rest": the corpus has no emotion without another role, expected one '
                "or more: name other required emotions, or add recordings"
            )
        names = sorted(rest, key=lambda name: (order.get(name, len(order)), name))
        return replace(self, sensitive=tuple(names))

    @property
    def emotions(self) -> tuple[str, ...]:
        """All emotions that have a role; rows with any other emotion are left out."""
        return (self.neutral, *self.required_emotions, *self.sensitive)

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
        if label in self.required_emotions:
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


def from_dict(content: Mapping[str, Any]) -> Policy:
    """The policy from the result of `dataclasses.asdict`, after a trip through JSON.

    It may have names that a new policy must not have, since earlier versions wrote any.

    >>> import json
    >>> policy = Policy("sad", ("angry",), knobs={"drawn": {"rate": 0.2}}, budget=Budget(per_day=9))
    >>> from_dict(json.loads(json.dumps(asdict(policy)))) == policy
    True
    """
    return Policy(
        **{**content, "knobs": dict(content["knobs"]), "budget": Budget(**content["budget"])},
        stored=True,
    )
