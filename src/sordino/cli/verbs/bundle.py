"""`sordino bundle`: what a bundle says of itself, and who signed it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sordino.cli.keys import BundleVersion, Expires
from sordino.cli.options import BundleFile, Json, console, say, write_json
from sordino.cli.trust import Revoked
from sordino.errors import BundleError, SignatureError, StorageError
from sordino.progress import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sordino.device import Bundle

app = typer.Typer(no_args_is_help=True, help="Look into a bundle, sign and verify it.")


NOT_VERIFIED: Final = 1
"""The exit status where a bundle is not signed as asked."""

UNSAID = "not said: ask whoever made the bundle before you sell what is made with it"


ROUNDS_INPUTS = (
    "Its models round their inputs, as earlier bundles of 8 bits did: a device may release other "
    "vectors than those "
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
    from sordino.device.trust.signature import report

    found = read(bundle)
    if json:
        policies = [asdict(one) for one in found.policies.values()]
        write_json(
            json,
            {
                "card": found.card,
                "policies": policies,
                "files": {k: len(v) for k, v in found.files.items()},
                "hashes": {name: one.policy.digest for name, one in found.policies.items()},
                "signature": report(found),
            },
        )
    if json != "-":
        shown = console()
        for part in _shown(found, bundle.name):
            shown.print(part, markup=False, highlight=False)


@app.command("verify")
def verify(
    bundle: BundleFile,
    trusted: Annotated[
        list[Path],
        typer.Option(
            "--trusted",
            metavar="PUBKEY",
            help="A public key that may have signed it; again for more.",
        ),
    ],
    revoked: Revoked = None,
    json: Json = None,
) -> None:
    """Tell whether a bundle is whole and signed by a trusted key, and has not expired.

    Status 1 where it is not, 2 where it cannot be told: no such bundle, or a key that cannot be
    read.

    \b
    Example:
      sordino bundle verify muted.sordino --trusted maker.pub.pem
    """
    from sordino.cli.trust import trust_from
    from sordino.device import Bundle, read
    from sordino.device.trust.signature import report

    trusts = trust_from(trusted, revoked, None)
    if trusts is None or not bundle.exists():
        raise StorageError(
            f"{bundle}: no such bundle, expected a folder or a .sordino file: check the path"
        )
    found, why = Bundle({}, {}, {}), ""
    try:
        found = read(bundle)
        trusts.verify(found)
    except BundleError as error:
        why = str(error).removeprefix(f"{bundle}: ")
    if json:
        write_json(
            json,
            {
                "bundle": str(bundle),
                "verified": not why,
                "reason": why or None,
                "signature": report(found, not why),
            },
        )
    if json != "-":
        from sordino.device.trust.signature import describe

        say([f"{bundle}: {f'not verified: {why}' if why else describe(found, True)}"])
    if why:
        raise typer.Exit(NOT_VERIFIED)


@app.command("sign")
def sign(
    bundle: BundleFile,
    key: Annotated[Path, typer.Option("--key", metavar="KEY", help="The private key, as PEM.")],
    version: BundleVersion = None,
    expires: Expires = None,
    json: Json = None,
) -> None:
    """Sign a bundle; an older signature is replaced, and no other byte changes.

    \b
    Example:
      sordino bundle sign muted.sordino --key maker.pem --expires 2027-12-31
    """
    from sordino.cli.keys import signed, usable
    from sordino.device import read
    from sordino.device.trust.signature import report

    usable(key, version, expires)
    state = signed(bundle, key, version, expires)
    if json:
        write_json(json, {"bundle": str(bundle), "signature": report(read(bundle))})
    if json != "-":
        say([f"{bundle}: {state}"])


@app.command("key")
def key(
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="NAME", help="Write NAME.pem and NAME.pub.pem; neither may exist."
        ),
    ],
    json: Json = None,
) -> None:
    """Make a key pair: NAME.pem is private and signs, NAME.pub.pem is public and goes on devices.

    \b
    Example:
      sordino bundle key --out maker
    """
    from sordino import storage
    from sordino.device.trust import ed25519
    from sordino.device.trust.signature import PublicKey

    private, public = (out.with_name(f"{out.name}{end}") for end in (".pem", ".pub.pem"))
    if there := [path for path in (private, public) if path.exists() or path.is_symlink()]:
        raise SignatureError(
            f"{there[0]}: a key stands there, expected none: choose another name, keys are not "
            "replaced"
        )
    secret, shared = ed25519.generate()
    storage.write(private, secret, durable=True, mode=0o600)
    storage.write(public, shared, durable=True)
    found = {"private": str(private), "public": str(public), "id": PublicKey.read(public).id}
    if json:
        write_json(json, found)
    if json != "-":
        say(
            [
                f"{private}: private key, readable by you alone",
                f"{public}: public key {found['id']}",
            ]
        )


def _shown(found: Bundle, file: str) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from sordino.device.onnx.model import rounds_inputs
    from sordino.device.trust.signature import describe
    from sordino.policy import explain

    card = {"name": file, "commercial_use": UNSAID, **found.card}
    title, audits = Text(printable(str(card.pop("name"))), style="bold"), card.pop("audit", {})
    grid = Table.grid(padding=(0, 2))
    for key, value in card.items():
        if value not in ([], {}, None):
            grid.add_row(
                Text(printable(key.replace("_", " ")), style="bold"), Text("\n".join(_lines(value)))
            )
    parts: list[RenderableType] = [title, Text(printable(describe(found))), grid]
    for one in found.policies.values():
        line = f"{one.name}: {one.family}, {one.width} numbers an utterance"
        parts += [Text("\nPolicy " + printable(line), style="bold")]
        parts += [
            Text("\n".join(map(printable, [*explain(one.policy), f"Hash: {one.policy.digest}"])))
        ]
    if any(
        rounds_inputs(content) for name, content in found.files.items() if name.endswith(".onnx")
    ):
        parts += [Text(f"\n{ROUNDS_INPUTS}")]
    return [*parts, *_audited(audits)]


def _audited(audits: Any) -> list[RenderableType]:
    """What attackers get and what none exceeds, a table each; lines where another than `sordino
    fit` wrote the card.
    """
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    try:
        for name, audit in audits.items():
            parts.append(Text("\n" + printable(f"{name}: {audit['verdict']}")))
            reached = Table(
                "release",
                "required, AUC",
                *audit["measured"][0]["leaks"],
                title="whoever retrains, AUC",
            )
            for one in audit["measured"]:
                reached.add_row(
                    one["release"], *map(_limits, (one["utility_auc"], *one["leaks"].values()))
                )
            parts.append(reached)
            bounds = Table(
                "secret",
                "known beside it",
                "AUC at most",
                "upper limit",
                title="what no attacker exceeds",
            )
            for one in audit["bounds"]:
                bounds.add_row(
                    one["secret"],
                    one["known"] or "nothing",
                    _two(one["auc"]),
                    _two(one["auc_high"]),
                )
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
            found += (
                [f"{printable(key)}: {nested[0]}"]
                if len(nested) == 1
                else [f"{printable(key)}:", *(f"  {line}" for line in nested)]
            )
        return found or ["nothing"]
    if isinstance(value, list):
        return [line for one in value for line in _lines(one)] or ["nothing"]
    return [
        "yes"
        if value is True
        else "no"
        if value is False
        else "cannot tell"
        if value is None
        else printable(str(value))
    ]
