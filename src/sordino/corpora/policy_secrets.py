"""The emotions that a policy hides, as binary secrets of utterances."""

from __future__ import annotations

import numpy as np

from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.policy import Policy
from sordino.types import Codes


def sensitive_or_neutral(role: Codes) -> Codes:
    """1 for sensitive roles, 0 for neutral ones, and -1 for the required one, which has no value of
    this secret.
    """
    secret: Codes = np.where(role == Role.REQUIRED, -1, role == Role.SENSITIVE)
    return secret


def emotion_or_neutral(policy: Policy, corpus: Corpus, emotion: str) -> Codes:
    """1 for utterances of a sensitive emotion, 0 for neutral ones, -1 for all others."""
    label = corpus.column("emotion")
    secret: Codes = np.where(label == policy.neutral, 0, np.where(label == emotion, 1, -1))
    return secret


def emotion_targets(policy: Policy) -> dict[str, str]:
    """The secret of each sensitive emotion, `EMOTION-vs-neutral`, with its emotion.

    >>> emotion_targets(Policy("sad", ("happy", "angry")))
    {'happy-vs-neutral': 'happy', 'angry-vs-neutral': 'angry'}
    """
    return {f"{emotion}-vs-neutral": emotion for emotion in policy.sensitive}
