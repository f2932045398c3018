"""`sordino bundle`: what a bundle says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from sordino.cli.options import BundleFile, Json, console, write_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sordino.device import Bundle

app = typer.Typer(no_args_is_help=True, help="Look into a bundle.")


UNSAID = "not said: ask whoever made the bundle before you sell what is made with it"


ROUNDS_INPUTS = (
    "Its models round their inputs, as earlier bundles of 8 bits did: a device may release other vectors than those "
    "that were attacked. Fit it again."
)
"""What a reader must know of a bundle whose outputs depend on the processor."""


@app.callback()
def _bundle() -> None:
    """Each thing to do with a bundle is a verb of its own."""


@app.command("show")
def show(bundle: BundleFile, json: Json = None) -> None:
    """Print the card: fitted on what, licences, audit, versions; and what each policy lets out.

    Every byte is checked before; status 2 where one was changed.

    \b
    Example:
      sordino bundle show muted.sordino
    """
    from dataclasses import asdict

    from sordino.device import read

    found = read(bundle)
    if json:
        policies = [asdict(one) for one in found.policies.values()]
        write_json(
            json, {"card": found.card, "policies": policies, "files": {k: len(v) for k, v in found.files.items()}}
        )
    if json != "-":
        shown = console()
        for part in _shown(found, bundle.name):
            shown.print(part, markup=False, highlight=False)


def _shown(found: Bundle, file: str) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from sordino.device.model import rounds_inputs
    from sordino.policy import explain

    card = {"name": file, "commercial_use": UNSAID, **found.card}
    title, audits = Text(str(card.pop("name")), style="bold"), card.pop("audit", {})
    grid = Table.grid(padding=(0, 2))
    for key, value in card.items():
        if value not in ([], {}, None):
            grid.add_row(Text(key.replace("_", " "), style="bold"), Text("\n".join(_lines(value))))
    parts: list[RenderableType] = [title, grid]
    for one in found.policies.values():
        parts += [Text(f"\nPolicy {one.name}: {one.family}, {one.width} numbers an utterance", style="bold")]
        parts += [Text("\n".join(explain(one.policy)))]
    if any(rounds_inputs(content) for name, content in found.files.items() if name.endswith(".onnx")):
        parts += [Text(f"\n{ROUNDS_INPUTS}")]
    return [*parts, *_audited(audits)]


def _audited(audits: Any) -> list[RenderableType]:
    """What attackers get and what none exceeds, a table each; lines where another than `sordino fit` wrote the card."""
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    try:
        for name, audit in audits.items():
            parts.append(Text(f"\n{name}: {audit['verdict']}"))
            reached = Table("release", "required, AUC", *audit["measured"][0]["leaks"], title="whoever retrains, AUC")
            for one in audit["measured"]:
                reached.add_row(one["release"], *map(_limits, (one["utility_auc"], *one["leaks"].values())))
            parts.append(reached)
            bounds = Table("secret", "known beside it", "AUC at most", "upper limit", title="what no attacker exceeds")
            for one in audit["bounds"]:
                bounds.add_row(one["secret"], one["known"] or "nothing", _two(one["auc"]), _two(one["auc_high"]))
            parts += [bounds] if audit["bounds"] else []
    except (AttributeError, IndexError, KeyError, TypeError):
        return [Text("\naudit\n" + "\n".join(_lines(audits)))] if audits else []
    return parts


def _limits(found: Any) -> str:
    return f"{_two(found['value'])} [{_two(found['low'])}, {_two(found['high'])}]"


def _two(value: float | None) -> str:
    return "cannot tell" if value is None else f"{value:.2f}"


def _lines(value: Any) -> list[str]:
    """A value of the card for people: a line a thing, what lies within indented."""
    if isinstance(value, dict):
        found: list[str] = []
        for key, within in value.items():
            nested = _lines(within)
            found += [f"{key}: {nested[0]}"] if len(nested) == 1 else [f"{key}:", *(f"  {line}" for line in nested)]
        return found or ["nothing"]
    if isinstance(value, list):
        return [line for one in value for line in _lines(one)] or ["nothing"]
    return ["yes" if value is True else "no" if value is False else "cannot tell" if value is None else str(value)]
