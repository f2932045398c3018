"""The meaning of a policy in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sordino.define import EMOTIONS
from sordino.policy.budget import Budget
from sordino.policy.hidden import LEVEL_COLUMN, hidden_columns, number_text
from sordino.policy.policy import KEPT_LEVELS, REST, Policy


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
    if policy.keeps_level:
        return _level(policy)
    hidden = listed_and(policy.hide)
    required = policy.required_emotions
    passing = "share" if len(required) == 1 else "shares"
    return [
        f"{listed_and(required)} {'stays' if len(required) == 1 else 'stay'} recognisable.",
        *([] if len(required) == 1 else [_bins(required)]),
        _sensitive(policy),
        f"An attacker must not infer {hidden} from the released vectors."
        if hidden
        else "No attribute of the speaker is hidden.",
        *(_ATTRIBUTES[attribute] for attribute in policy.hide if attribute in _ATTRIBUTES),
        *(_columns(entry, fitted) for entry in policy.columns),
        *(
            ["Other emotions have no role: leave such utterances out, or add them to the policy."]
            if policy.is_resolved
            else []
        ),
        f"Not hidden: the time and number of utterances, and the {passing} classified as "
        f"{listed_and(required)}.",
        *(
            f"{name}: no corpus of sordino has this emotion. It needs labels of your own; "
            "otherwise correct the spelling."
            for name in policy.emotions
            if name not in EMOTIONS and (name,) != REST and not name.endswith(KEPT_LEVELS)
        ),
        *([] if policy.release or fitted else [_unnamed(policy.budget)]),
        *([] if fitted and policy.budget.auc is None else [_cost_of_auc(policy.budget)]),
        _cost_of_per_day(policy.budget),
    ]


def _level(policy: Policy) -> list[str]:
    """The meaning of a policy that keeps a level."""
    kept = policy.required
    return [
        f"The level of {kept} stays recognisable: low, mid or high.",
        f"An attacker must not infer the emotion given the level: of the middle level, other "
        f"emotions are released as {policy.neutral}, and in every level each emotion is audited "
        "and bounded against the others.",
        f"A drawn release has 3 bins: low {kept}, high {kept}, and all others. Where no listener "
        "rated the corpus, levels are derived from the names of emotions: they are stand-ins.",
        f"Besides, an attacker must not infer {listed_and(policy.hide) or 'nothing else'}.",
        *(_ATTRIBUTES[attribute] for attribute in policy.hide if attribute in _ATTRIBUTES),
        *map(_columns, policy.columns),
        f"Not hidden: the time and number of utterances, and the shares of low and high {kept}.",
        *([] if policy.release else [_unnamed(policy.budget)]),
        _cost_of_auc(policy.budget),
        _cost_of_per_day(policy.budget),
    ]


def listed_and(names: Sequence[str]) -> str:
    """Names as the part of a sentence.

    >>> listed_and(["sad", "happy", "angry"]), listed_and(["sad", "angry"]), listed_and(["sad"])
    ('sad, happy and angry', 'sad and angry', 'sad')
    """
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _bins(required: Sequence[str]) -> str:
    return (
        f"A drawn release has {1 + len(required)} bins: one for each required emotion, and one for "
        "all others. A receiver distinguishes the required emotions, and every further bin makes "
        "the bound on attackers weaker (`sordino compare` reports the cost of each)."
    )


def _sensitive(policy: Policy) -> str:
    if policy.is_resolved:
        return (
            f"{listed_and(policy.sensitive)} utterances are released as {policy.neutral}: an "
            "attacker must not distinguish them."
        )
    return (
        "Utterances of every emotion of the corpus without another role are released as "
        f"{policy.neutral}: an attacker must not distinguish them. `sordino fit` names these "
        "emotions in the bundle, whose policy has another hash than this file."
    )


def _columns(entry: str, fitted: bool = False) -> str:
    """The meaning of an entry of `hide` that names columns of the corpus; a fitted release has
    them.
    """
    if entry.startswith(LEVEL_COLUMN):
        return f"{entry}: in that level, every emotion is audited and bounded against the others."
    columns = hidden_columns(entry)
    several = len(columns) > 1
    ranges = [
        f"{name} in the ranges with the edges {', '.join(map(number_text, edges))}"
        for name, edges in columns
        if edges
    ]
    values = "combination of values" if several else "value"
    text = f"{entry}: every {values} is audited and bounded against all others"
    text += f", {listed_and(ranges)}." if ranges else "."
    if len(ranges) < len(columns):
        text += " Numbers without edges count as above the median or not."
    if not fitted:
        noun = "these columns" if several else "this column"
        text += f" The corpus must have {noun}; otherwise no release is fitted."
    return text


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
