"""What an attacker infers from a released vector, read from the card of a bundle.

A card comes from outside: a figure that is absent, no number or out of range is left out, and text
is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sordino.define import secret_title
from sordino.server.pages.views import Limit, PolicyLimits

MOST_LIMITS: Final = 40
LONGEST_TITLE: Final = 60  # characters

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
    """The limits of one policy: its bounds, and the measured AUC of secrets without a bound.

    Of more than `MOST_LIMITS`, and of secrets with one title, the worst stay, in the order of the
    card; the others are counted.
    """
    audit = _mapping(_mapping(card.get("audit")).get(policy))
    options = [{}, *_list(audit.get("measured"))]
    measured = _mapping(_mapping(options[-1]).get("leaks"))
    tried = [
        _limit({"secret": secret, **_mapping(row)}, "measured", "high")
        for secret, row in measured.items()
    ]
    bounds = [
        _limit(_mapping(row), "bound", "auc_high")
        for row in _list(audit.get("bounds"))
        if not _mapping(row).get("known")
    ]
    of_secret = _worst(tried, _secret) | _worst(bounds, _secret)
    titles = list(_worst(of_secret.values(), _title).values())
    worst = sorted(range(len(titles)), key=lambda place: -titles[place].high)[:MOST_LIMITS]
    shown = tuple(titles[place] for place in sorted(worst))
    return PolicyLimits(policy, required, shown, left_out=len(of_secret) - len(shown))


def sentence(limit: Limit) -> str:
    """A limit in plain words. An AUC is the share of pairs that an attacker orders rightly.

    >>> sentence(Limit("gender", "bound", 0.581))
    'Shown one released vector of a woman and one of a man, an attacker names the right person in \
at most 59 of 100 pairs.'
    """
    attacker, words = _ATTACKERS[limit.kind]
    figure = words.format(min(100, math.ceil(100 * round(limit.high, 6))))
    title = _title(limit)
    first, against, second = title.partition(" against ")
    form = _SENTENCES.get(limit.secret, _EMOTIONS if against else _OTHER)
    return form.format(attacker=attacker, figure=figure, secret=title, first=first, second=second)


def _secret(limit: Limit) -> str:
    return limit.secret


def _title(limit: Limit) -> str:
    """The name of a secret on the page."""
    return secret_title(limit.secret)[:LONGEST_TITLE]


def _worst(limits: Iterable[Limit | None], name: Callable[[Limit], str]) -> dict[str, Limit]:
    """The worst limit of each name."""
    worst: dict[str, Limit] = {}
    for limit in limits:
        if limit and (name(limit) not in worst or limit.high > worst[name(limit)].high):
            worst[name(limit)] = limit
    return worst


def _limit(row: Mapping[str, Any], kind: str, column: str) -> Limit | None:
    secret, high, speakers = row.get("secret"), row.get(column), row.get("speakers")
    if not isinstance(secret, str) or not secret:
        return None
    if not isinstance(high, (int, float)) or isinstance(high, bool) or not 0 <= high <= 1:
        return None
    people = speakers if type(speakers) is int and 0 <= speakers < 10**6 else None
    return Limit(secret, kind, max(0.5, float(high)), people)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
