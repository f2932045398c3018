"""The terms of the field: roles, genders, knowledge of an attacker, emotions."""

from __future__ import annotations

import unicodedata
from enum import IntEnum, StrEnum
from typing import Final


class Role(IntEnum):
    """The role of an emotion in a policy (Feng 2021, section IV-A), as a class of the risk model.

    >>> int(Role.REQUIRED), str(Role.REQUIRED)
    (1, 'required')
    """

    NEUTRAL = 0
    """Replaces sensitive emotions."""
    REQUIRED = 1
    """Stays recognisable."""
    SENSITIVE = 2
    """Must not be distinguished from neutral."""

    def __str__(self) -> str:
        return self.name.lower()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


ROLES: Final = tuple(str(role) for role in Role)
"""The names of the roles in the order of their codes, as tables spell them."""


def role_classes(role: str | Role, classes: int) -> tuple[int, ...]:
    """The codes of the classes of a role among `classes` ones (`sordino.corpora.Corpus.classes`):
    its own, and for the required role also those of further required emotions, from 3 on.

    >>> role_classes("required", 5), role_classes("sensitive", 5)
    ((1, 3, 4), (2,))
    """
    code = ROLES.index(str(role))
    return (code, *(range(len(ROLES), classes) if code == Role.REQUIRED else ()))


class Gender(StrEnum):
    """Gender as a corpus labels it. Empty or anything else is kept for emotion and left out for
    gender.
    """

    FEMALE = "female"
    MALE = "male"


GENDERS: Final = tuple(Gender)
"""The order of the classes of every gender attacker: female 0, male 1."""


def secret_title(secret: str) -> str:
    """The name of a secret on screens and pages.

    >>> secret_title("sensitive-vs-neutral"), secret_title("gender")
    ('sensitive against neutral', 'gender')
    >>> secret_title("gender*accent=male*scottish_english")
    'gender and accent: male and scottish english or not'
    """
    column, equals, value = secret.partition("=")
    if equals:
        names = (text.replace("_", " ").replace("*", " and ") for text in (column, value))
        return "{}: {} or not".format(*names)
    return secret.replace("-vs-", " against ")


def required_title(name: str) -> str:
    """The required emotions of a policy on screens and pages, from their name in tables.

    >>> required_title("sad+fearful"), required_title("sad")
    ('sad and fearful', 'sad')
    """
    return name.replace("+", " and ")


class Knowledge(StrEnum):
    """How much an attacker knows about the release."""

    IGNORANT = "ignorant"
    """Trained on original features, without the release: the papers' zero-knowledge risk model."""
    SEMI_INFORMED = "semi-informed"
    """Has the release, applies it to labelled speakers and retrains."""
    INFORMED = "informed"
    """Also knows the fitted parameters and the fitting corpus, but not the device's key."""
    PATIENT = "patient"
    """Semi-informed, with several utterances of each speaker."""


EMOTIONS: Final = {
    "neutral": ("neutral", "neu"),
    "calm": ("calm",),
    "happy": ("happy", "happiness", "joy", "hap"),
    "sad": ("sad", "sadness"),
    "angry": ("angry", "anger", "ang", "w"),
    "fearful": ("fearful", "fear", "fea"),
    "disgust": ("disgust", "disgusted", "dis"),
    "surprised": ("surprised", "surprise", "sur"),
    "bored": ("bored", "boredom"),
    "excited": ("excited", "excitement", "exc"),
    "frustrated": ("frustrated", "frustration", "fru"),
    "other": ("other", "oth", "xxx", ""),
}
"""Canonical emotion to the names that data sets use for it. `W` is EMO-DB's *Wut*; its other
letters mean different things elsewhere (`A`: *Angst* there, anger in other corpora), so only its
adapter knows them.
"""

_CANONICAL: Final = {alias: emotion for emotion, aliases in EMOTIONS.items() for alias in aliases}


def emotion(label: str) -> str:
    """The canonical name of an emotion label; an unknown name in lower case.

    >>> emotion("Anger"), emotion("W"), emotion("Nostalgia")
    ('angry', 'angry', 'nostalgia')
    """
    name = label.strip().lower()
    return _CANONICAL.get(name, name)


def is_emotion_name(name: str) -> bool:
    """Whether a text may name an emotion: 1 to 40 printable characters without `+`, with letters of
    one script, so that no two names look alike.

    >>> is_emotion_name("größe"), is_emotion_name("fear/anger"), is_emotion_name("怒り")
    (True, True, True)
    >>> is_emotion_name("s\u0430d"), is_emotion_name("\uff41ngry"), is_emotion_name("")
    (False, False, False)
    """
    if not (0 < len(name) <= EMOTION_CHARACTERS and name.isprintable() and "+" not in name):
        return False
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in name if letter.isalpha()}
    return unicodedata.is_normalized("NFKC", name) and (len(scripts) < 2 or scripts <= _JAPANESE)


EMOTION_CHARACTERS: Final = 40
_JAPANESE: Final = {"CJK", "HIRAGANA", "KATAKANA"}


def gender(label: str) -> str:
    """`female`, `male`, or an empty string for anything else.

    >>> gender("F"), gender("Male"), gender("non-binary")
    ('female', 'male', '')
    """
    return {"f": "female", "female": "female", "w": "female", "m": "male", "male": "male"}.get(
        label.strip().lower(), ""
    )
