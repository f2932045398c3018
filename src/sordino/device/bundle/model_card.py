"""The model card of a bundle for Hugging Face: YAML that its hub reads, and a page in Markdown.

The card of a bundle is input from outside: figures that do not have the structure of `sordino fit`
are left out, and text is escaped.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sordino.define import required_title, secret_title
from sordino.device.bundle.bundle import PolicyEntry
from sordino.policy import explain
from sordino.progress import printable

LONGEST_TEXT: Final = 2000
"""Characters of a text of the card that the page shows."""

HUB_METRIC: Final = "roc_auc"
"""The metric of all figures, as the hub names it."""


class CardFigure(NamedTuple):
    """A figure of the card."""

    policy: str
    """The name of the policy."""
    title: str
    """The secret or the required emotion, in words."""
    required: bool
    """Whether it should be recognisable."""
    value: float
    """The AUC of a retrained attacker."""
    low: float | None
    """The lower limit of its 95 % interval over speakers."""
    high: float | None
    """The upper limit."""
    chance: float
    """The chance level."""


def model_card(name: str, card: Mapping[str, Any], policies: Sequence[PolicyEntry]) -> str:
    """The model card of a bundle; `card` is that of the bundle.

    The hub shows the figures (`eval_results`): the AUC of a retrained attacker on every secret and
    on the required emotion, with interval and chance.
    """
    figures = [figure for policy in policies for figure in _figures(policy, card)]
    corpora = [str(corpus) for corpus in _mapping(card.get("made_on"))]
    header = "\n".join(_yaml(_metadata(name, corpora, figures)))
    rows = [
        f"| {_text(figure.policy)} | {_text(figure.title)} | "
        f"{'recognisable' if figure.required else 'hidden'} | {_number(figure.value)} | "
        f"[{_number(figure.low)}, {_number(figure.high)}] | {_number(figure.chance)} |"
        for figure in figures
    ]
    body = [f"# {_text(name)}", "", _LEAD, ""]
    for policy in policies:
        words = f"{policy.family}, {policy.width} numbers per utterance"
        body += [f"## Policy {_text(policy.name)}: {_text(words)}", ""]
        body += [f"- {_text(line)}" for line in explain(policy.policy, fitted=True)] + [""]
    body += ["## Retrained attacker", ""]
    body += [_TABLE, *rows, "", _MEANING] if rows else ["The card states no figures."]
    body += ["", "## Data", ""]
    made_on = ", ".join(map(_text, corpora)) or "not stated"
    body += [f"- Fitted on: {made_on}."]
    body += [f"- {_text(notice)}" for notice in _texts(card.get("notices"))]
    if isinstance(space := card.get("scaled_space"), str):
        body += [f"- Scaled space: {_text(space)}"]
    body += [f"- Licence of data: {_text(line)}" for line in _texts(card.get("data_licences"))]
    body += [f"- Commercial use: {_text(card.get('commercial_use') or 'not stated')}", ""]
    how = card.get("how")
    body += ["## Procedure", "", _text(how), ""] if isinstance(how, str) else []
    return "\n".join(["---", header, "---", "", *body]).rstrip() + "\n"


_LEAD: Final = (
    "This bundle releases one vector per utterance of speech. Its policies state the emotion that "
    "should stay recognisable and the attributes that should be hidden; the figures below state "
    "how far it succeeds. `sordino bundle verify` checks its signature, `sordino release` runs it."
)
_TABLE: Final = (
    "| policy | label | should be | AUC | 95 % interval | chance |\n|---|---|---|---|---|---|"
)
_MEANING: Final = (
    "The attacker is retrained on released vectors of other speakers, with one utterance per "
    "prediction. A hidden label with an AUC near chance is hidden from this attacker alone. Other "
    "attackers may do better. `sordino bundle show` prints the bounds of drawn releases, which "
    "cover every attacker with one vector."
)


def _metadata(name: str, corpora: Sequence[str], figures: Sequence[CardFigure]) -> dict[str, Any]:
    dataset = "+".join(corpora) or "not stated"
    results = [
        {
            "task": {"type": "audio-classification", "name": f"{figure.policy}: {figure.title}"},
            "dataset": {"type": dataset, "name": dataset},
            "metrics": [
                {
                    "type": HUB_METRIC,
                    "value": figure.value,
                    "name": "AUC of the required emotion (higher is more useful)"
                    if figure.required
                    else "AUC of a retrained attacker (chance is hidden)",
                    "args": {
                        "low": figure.low,
                        "high": figure.high,
                        "chance": figure.chance,
                    },
                }
            ],
        }
        for figure in figures
    ]
    metadata: dict[str, Any] = {
        "library_name": "sordino",
        "license": "other",
        "pipeline_tag": "feature-extraction",
        "tags": ["sordino", "speech-emotion-recognition", "privacy"],
    }
    return metadata | ({"model-index": [{"name": name, "results": results}]} if results else {})


def _figures(policy: PolicyEntry, card: Mapping[str, Any]) -> Iterator[CardFigure]:
    """The figures of the shipped release of a policy: the last row of `measured`."""
    measured = _mapping(_mapping(card.get("audit")).get(policy.name)).get("measured")
    if not isinstance(measured, list) or not measured:
        return
    row = _mapping(measured[-1])
    labels = {
        f"{required_title(policy.policy.required_name)} against the rest": (
            row.get("utility_auc"),
            True,
        )
    }
    labels |= {
        secret_title(str(secret)): (figure, False)
        for secret, figure in _mapping(row.get("leaks")).items()
    }
    for title, (figure, required) in labels.items():
        value, low, high, chance = (
            _finite(_mapping(figure).get(key)) for key in ("value", "low", "high", "chance")
        )
        if value is not None and chance is not None:
            yield CardFigure(policy.name, title, required, value, low, high, chance)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[str]:
    """The texts of a list or of a map, `name: text`."""
    if isinstance(value, Mapping):
        return [f"{name}: {text}" for name, text in value.items()]
    return [str(text) for text in value] if isinstance(value, list) else []


def _finite(value: Any) -> float | None:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if numeric and math.isfinite(value) else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _text(value: Any) -> str:
    """One line of Markdown that shows a text as it is."""
    line = " ".join(printable(str(value)[:LONGEST_TEXT]).split())
    return re.sub(r"([\\`*_{}\[\]<>|#!~])", r"\\\1", line)


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Lines of YAML for maps, lists and scalars; scalars are those of JSON, a part of YAML."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{indent}{key}:", item, indent)
    elif isinstance(value, list) and value:
        for item in value:
            first, *rest = _yaml(item, f"{indent}  ")
            yield f"{indent}- {first.strip()}"
            yield from rest
    elif isinstance(value, str):
        yield f"{indent}{json.dumps(printable(value[:LONGEST_TEXT]), ensure_ascii=False)}"
    else:
        yield f"{indent}{json.dumps(value)}"


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:
    """A key with its value: on its line for a scalar, below it for others."""
    if isinstance(item, Mapping | list) and item:
        yield head
        yield from _yaml(item, f"{indent}  ")
    else:
        yield f"{head} {next(_yaml(item))}"
