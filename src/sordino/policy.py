"""A policy: which emotion stays recognisable, which must not be told from neutral, what else is hidden."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from sordino.define import Role, emotion
from sordino.errors import PolicyError

ATTRIBUTES: Final = ("gender", "speaker", "age")
"""What `hide` may name: what a voice tells of its speaker."""


@dataclass(frozen=True)
class Policy:
    """What a user agrees to share.

    `required` stays recognisable, every emotion in `sensitive` is turned into `neutral`, and the attributes in `hide`
    must not be learnt from what is released. Emotions may be given under any alias (`anger`, `angry`).

    Raises `PolicyError` when an emotion has two roles, nothing is sensitive or an attribute is not known.

    >>> Policy(required="sad", sensitive=("happy", "anger")).sensitive
    ('happy', 'angry')
    """

    required: str
    sensitive: tuple[str, ...]
    neutral: str = "neutral"
    hide: tuple[str, ...] = ("gender",)

    def __post_init__(self) -> None:
        for listed in (self.sensitive, self.hide):
            if not isinstance(listed, list | tuple):
                raise PolicyError(f'sensitive and hide are lists, {listed!r} came: write ["angry"] instead of "angry"')
        for label in (self.required, self.neutral, *self.sensitive, *self.hide):
            if not isinstance(label, str):
                raise PolicyError(f"{label!r} came, expected text: write emotions and attributes in quotes")
        object.__setattr__(self, "required", emotion(self.required))
        object.__setattr__(self, "neutral", emotion(self.neutral))
        object.__setattr__(self, "sensitive", tuple(emotion(label) for label in self.sensitive))
        object.__setattr__(self, "hide", tuple(self.hide))
        if not self.sensitive:
            raise PolicyError("no emotion is sensitive, expected at least one: name it in `sensitive`")
        unknown = [attribute for attribute in self.hide if attribute not in ATTRIBUTES]
        if unknown:
            raise PolicyError(
                f"hide {', '.join(unknown)}, expected some of {', '.join(ATTRIBUTES)}: correct the spelling"
            )
        named = (self.required, self.neutral, *self.sensitive)
        twice = sorted({label for label in named if named.count(label) > 1})
        if twice:
            raise PolicyError(f"{', '.join(twice)} has two roles, expected one: take it out of one of the lists")

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
            f"emotion {label!r} has no role in this policy, expected one of {', '.join(self.emotions)}: "
            "leave such utterances out with `corpus.with_emotions(policy.emotions)`"
        )

    def check_against(self, emotions: Iterable[str]) -> None:
        """Raise `PolicyError` when a corpus with these emotions lacks one that the policy names."""
        present = set(emotions)
        absent = [label for label in self.emotions if label not in present]
        if absent:
            found = ", ".join(sorted(present)) or "none"
            raise PolicyError(f"{', '.join(absent)}: not in the corpus, which has {found}: change the policy")

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that are the same for the same policy on every machine."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


def read(path: str | Path) -> Policy:
    """The policy in a TOML file. An unknown key is an error."""
    try:
        given: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"{path}: not a readable TOML file ({error})") from error
    known = [field.name for field in fields(Policy)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise PolicyError(f"{path}: unknown key {', '.join(unknown)}, expected {', '.join(known)}")
    missing = [name for name in ("required", "sensitive") if name not in given]
    if missing:
        raise PolicyError(f"{path}: {', '.join(missing)} is missing, expected at least `required` and `sensitive`")
    return Policy(**given)


def explain(policy: Policy) -> list[str]:
    """What a policy lets out and what it hides, a sentence a line.

    >>> for line in explain(Policy(required="sad", sensitive=("happy", "angry"))):
    ...     print(line)
    Whether an utterance sounds sad stays recognisable.
    happy and angry utterances are made to look like neutral ones: nobody is to tell them apart.
    gender must not be learnt from what is released.
    Other emotions have no role: leave such utterances out, or name them.
    Told all the same: that something was said and when, and how often it sounded sad.
    """
    hidden = " and ".join(policy.hide)
    return [
        f"Whether an utterance sounds {policy.required} stays recognisable.",
        f"{' and '.join(policy.sensitive)} utterances are made to look like {policy.neutral} ones: nobody is to tell "
        "them apart.",
        f"{hidden} must not be learnt from what is released." if hidden else "Nothing of the speaker is hidden.",
        "Other emotions have no role: leave such utterances out, or name them.",
        f"Told all the same: that something was said and when, and how often it sounded {policy.required}.",
    ]
