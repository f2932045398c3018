"""What an attacker infers from a released vector, read from the card of a bundle.

A card comes from outside: a figure that is absent, no number or out of range is left out, and text
is cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from sordino.define import secret_title
from sordino.server.pages.views import Limit, PolicyLimits

MOST_LIMITS: Final = 40
MOST_CARD_ROWS: Final = 1000  # of a list of the card, with side information
LONGEST_SECRET: Final = 60  # characters

_SENTENCES: Final = {
    "gender": "Shown one released vector of a woman and one of a man, {attacker} names the right "
    "person {figure} pairs.",
    "age": "Shown one released vector of an older and one of a younger person, {attacker} names "
    "the right person {figure} pairs.",
    "speaker": "Shown one released vector of you and one of another person, {attacker} names yours "
    "{figure} pairs.",
}
_OTHER: Final = (
    "Shown one released vector of each kind ({secret}), {attacker} names the right kind {figure} "
    "pairs."
)
_EMOTIONS: Final = (
    "Shown one released vector of {first} and one of {second} speech, {attacker} names the right "
    "emotion {figure} pairs."
)
_ATTACKERS: Final = {
    "bound": ("an attacker", "in at most {} of 100"),
    "measured": ("the best attacker that was tried", "in up to {} of 100"),
}


def limits_of(card: Mapping[str, Any], policy: str, required: str) -> PolicyLimits:
    """The limits of one policy: its bounds, and the measured AUC of secrets without a bound."""
    audit = _mapping(_mapping(card.get("audit")).get(policy))
    bounds = {
        limit.secret: limit
        for row in _list(audit.get("bounds"))
        if not _mapping(row).get("known")
        for limit in [_limit(_mapping(row), "bound", "auc_high")]
        if limit is not None
    }
    options = [{}, *_list(audit.get("measured"))]
    measured = _mapping(_mapping(options[-1]).get("leaks"))
    tried = {
        limit.secret: limit
        for secret, row in list(measured.items())[:MOST_LIMITS]
        for limit in [_limit({"secret": secret, **_mapping(row)}, "measured", "high")]
        if limit is not None
    }
    return PolicyLimits(policy, required, tuple((tried | bounds).values())[:MOST_LIMITS])


def sentence(limit: Limit) -> str:
    """A limit in plain words. An AUC is the share of pairs that an attacker orders rightly.

    >>> sentence(Limit("gender", "bound", 0.581))
    'Shown one released vector of a woman and one of a man, an attacker names the right person in \
at most 59 of 100 pairs.'
    """
    attacker, words = _ATTACKERS[limit.kind]
    figure = words.format(min(100, math.ceil(100 * round(limit.high, 6))))
    title = secret_title(limit.secret)
    first, against, second = title.partition(" against ")
    form = _SENTENCES.get(limit.secret, _EMOTIONS if against else _OTHER)
    return form.format(attacker=attacker, figure=figure, secret=title, first=first, second=second)


def _limit(row: Mapping[str, Any], kind: str, column: str) -> Limit | None:
    secret, high, speakers = row.get("secret"), row.get(column), row.get("speakers")
    if not isinstance(secret, str) or not secret:
        return None
    if not isinstance(high, (int, float)) or isinstance(high, bool) or not 0 <= high <= 1:
        return None
    people = speakers if type(speakers) is int and 0 <= speakers < 10**6 else None
    return Limit(secret[:LONGEST_SECRET], kind, max(0.5, float(high)), people)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value[:MOST_CARD_ROWS] if isinstance(value, list) else []
