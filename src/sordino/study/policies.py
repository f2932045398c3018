"""Policies that one study measures together."""

from __future__ import annotations

from collections.abc import Sequence

from sordino import release
from sordino.errors import PolicyError
from sordino.policy import Policy


def common_emotions(policies: Sequence[Policy]) -> tuple[str, ...]:
    """The emotions that every policy names.

    Raises `PolicyError` without a policy, for an unknown release or knob, and for policies that
    name different emotions.
    """
    if not policies:
        raise PolicyError("no policy, expected at least one: pass --policy FILE")
    first, *further = policies
    for policy in policies:
        release.check(policy)
    for policy in further:
        if difference := sorted(set(first.emotions) ^ set(policy.emotions)):
            raise PolicyError(
                f"{', '.join(difference)}: named by some policies and not by all, expected the "
                "same emotions in each: give every emotion a role, or run the policies one by one"
            )
    return first.emotions


def check_required(policies: Sequence[Policy]) -> None:
    """Raise `PolicyError` for two policies with one required emotion, since tables name a policy by
    that emotion.
    """
    required = [policy.required for policy in policies]
    if twice := sorted({emotion for emotion in required if required.count(emotion) > 1}):
        raise PolicyError(
            f"two policies require {', '.join(twice)}, expected another emotion in each: run them "
            "one by one"
        )
