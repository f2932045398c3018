"""Policies that one study measures together."""

from __future__ import annotations

from collections.abc import Sequence

from sordino import release
from sordino.corpora.hidden import check_hidden_columns
from sordino.corpora.level_classes import keep_levels
from sordino.corpora.table import Corpus
from sordino.errors import PolicyError
from sordino.policy import Policy


def resolve_policies(corpus: Corpus, policies: Sequence[Policy]) -> tuple[Corpus, list[Policy]]:
    """The policies with the emotions of a corpus in place of `sensitive = "rest"`, and the corpus;
    for a policy that keeps a level, both with levels in place of emotions.

    Raises `PolicyError` for a hidden column that the corpus lacks, or with too many values, before
    any feature is computed, and for a policy that keeps a level among several.
    """
    if levels := [str(policy.required) for policy in policies if policy.keeps_level]:
        if len(policies) > 1:
            raise PolicyError(
                f"required {levels[0]}: levels stand in the place of emotions, expected this "
                "policy alone: run the policies one by one"
            )
        corpus, policy = keep_levels(corpus, policies[0])
        policies = [policy]
    emotions = corpus.table["emotion"].unique().tolist()
    resolved = [policy.resolve(emotions) for policy in policies]
    for policy in resolved:
        named = corpus.table["emotion"].isin(policy.emotions)
        check_hidden_columns(corpus.table[named], [policy])
    return corpus, resolved


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
        if not policy.is_resolved:
            raise PolicyError(
                'sensitive = "rest" without a corpus, expected the names of emotions: call '
                "`policy.resolve` with those of the corpus"
            )
    for policy in further:
        if difference := sorted(set(first.emotions) ^ set(policy.emotions)):
            raise PolicyError(
                f"{', '.join(difference)}: named by some policies and not by all, expected the "
                "same emotions in each: give every emotion a role, or run the policies one by one"
            )
    return first.emotions


def check_single(policies: Sequence[Policy]) -> None:
    """Raise `PolicyError` for a policy with several required emotions."""
    for policy in policies:
        if len(policy.required_emotions) > 1:
            raise PolicyError(
                f"required {', '.join(policy.required_emotions)}: this study follows one emotion, "
                "expected one: name one, or run `sordino compare`"
            )


def check_required(policies: Sequence[Policy]) -> None:
    """Raise `PolicyError` for two policies with the same required emotions, since tables name a
    policy by them.
    """
    required = [policy.required_name for policy in policies]
    if twice := sorted({emotion for emotion in required if required.count(emotion) > 1}):
        raise PolicyError(
            f"two policies require {', '.join(twice)}, expected another emotion in each: run them "
            "one by one"
        )
