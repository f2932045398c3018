"""`sordino bundle`: the content of a bundle, and its signature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sordino.cli.keys import BundleVersionOption, ExpiresOption
from sordino.cli.options import BundleArgument, JsonOption, local_path
from sordino.cli.output import console, print_lines, write_json
from sordino.cli.trust import RevokedOption
from sordino.define import secret_title
from sordino.errors import BundleError, SignatureError, StorageError
from sordino.progress import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sordino.device import Bundle

app = typer.Typer(no_args_is_help=True)

NOT_VERIFIED: Final = 1
"""The exit status if a bundle has no valid signature."""

NO_LICENCE: Final = "not stated: ask the maker of the bundle before commercial use"

ROUNDS_INPUTS: Final = (
    "Its models round their inputs, as earlier bundles of 8 bits did: a device may release other "
    "vectors than those that were attacked. Fit it again."
)
"""A warning about a bundle with outputs that depend on the processor."""

TrustedKeysOption = Annotated[
    list[Path],
    typer.Option(
        "--trusted",
        metavar="PUBKEY",
        help="Accept only a bundle signed by this public key; repeatable.",
    ),
]
PrivateKeyOption = Annotated[
    Path, typer.Option("--key", metavar="KEY", help="The private key (PEM file).")
]
ModelCardOption = Annotated[
    Path, typer.Option("--out", metavar="PATH", parser=local_path, help="The file to write.")
]
KeyNameOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=local_path,
        help="Write PATH.pem and PATH.pub.pem; neither may exist.",
    ),
]


@app.callback()
def _bundle() -> None:
    """Verbs below `sordino bundle`, one per action."""


@app.command("show")
def show(bundle: BundleArgument, json: JsonOption = None) -> None:
    """Print the card and the policies of a bundle.

    The card lists fitting data, licences, audit and versions. Every byte is checked first: status 2
    if the bundle was changed.

    Example:
      sordino bundle show mute.sordino
    """
    from dataclasses import asdict

    from sordino.device import read
    from sordino.device.trust.signature import report

    content = read(bundle)
    policies = content.policies.values()
    if json:
        write_json(
            json,
            {
                "card": content.card,
                "policies": [asdict(policy) for policy in policies],
                "files": {name: len(data) for name, data in content.files.items()},
                "hashes": {name: entry.policy.digest for name, entry in content.policies.items()},
                "signature": report(content),
            },
        )
    if json != "-":
        terminal = console()
        for part in describe(content, bundle.name):
            terminal.print(part, markup=False, highlight=False)


@app.command("model-card")
def model_card(bundle: BundleArgument, out: ModelCardOption) -> None:
    """Write the model card of a bundle for Hugging Face (README.md).

    It has the policies, the data and the AUC of the retrained attackers as eval_results. Every byte
    of the bundle is checked first: status 2 if it was changed.

    Example:
      sordino bundle model-card mute.sordino --out README.md
    """
    from sordino import storage
    from sordino.device import read
    from sordino.device.bundle import model_card

    content = read(bundle)
    text = model_card.model_card(bundle.stem, content.card, [*content.policies.values()])
    print_lines([str(storage.write(out, text))])


@app.command("verify")
def verify(
    bundle: BundleArgument,
    trusted: TrustedKeysOption,
    revoked: RevokedOption = None,
    json: JsonOption = None,
) -> None:
    """Check integrity, signature and expiry of a bundle.

    Status 1 if the bundle was changed, has expired, or is not signed by a trusted key. Status 2 if
    the bundle or a key cannot be read.

    Example:
      sordino bundle verify mute.sordino --trusted maker.pub.pem
    """
    from sordino.cli.scaled_space import space_warning
    from sordino.cli.trust import trust_from
    from sordino.device import Bundle, read
    from sordino.device.trust.signature import describe_signature, report

    trust = trust_from(trusted, revoked, None)
    if trust is None or not bundle.exists():
        raise StorageError(
            f"{bundle}: no such bundle, expected a folder or a .sordino file: check the path"
        )
    content, reason = Bundle({}, {}, {}), ""
    try:
        content = read(bundle)
        trust.verify(content)
    except BundleError as error:
        reason = str(error).removeprefix(f"{bundle}: ")
    if json:
        write_json(
            json,
            {
                "bundle": str(bundle),
                "verified": not reason,
                "reason": reason or None,
                "signature": report(content, not reason),
            },
        )
    if json != "-":
        verdict = f"not verified: {reason}" if reason else describe_signature(content, True)
        print_lines([f"{bundle}: {verdict}", *filter(None, [space_warning(content)])])
    if reason:
        raise typer.Exit(NOT_VERIFIED)


@app.command("sign")
def sign(
    bundle: BundleArgument,
    key: PrivateKeyOption,
    version: BundleVersionOption = None,
    expires: ExpiresOption = None,
    json: JsonOption = None,
) -> None:
    """Sign a bundle.

    An older signature is replaced; no other byte changes.

    Example:
      sordino bundle sign mute.sordino --key maker.pem --expires 2099-12-31
    """
    from sordino.cli.keys import check_signing, sign_bundle
    from sordino.device import read
    from sordino.device.trust.signature import report

    check_signing(key, version, expires)
    signature = sign_bundle(bundle, key, version, expires)
    if json:
        write_json(json, {"bundle": str(bundle), "signature": report(read(bundle))})
    if json != "-":
        print_lines([f"{bundle}: {signature}"])


@app.command("key")
def key(out: KeyNameOption, json: JsonOption = None) -> None:
    """Make a key pair for signatures.

    NAME.pem is the private key; it signs bundles. NAME.pub.pem is the public key for devices.

    Example:
      sordino bundle key --out maker
    """
    from sordino import storage
    from sordino.device.trust import ed25519
    from sordino.device.trust.signature import PublicKey

    private, public = (out.with_name(f"{out.name}{end}") for end in (".pem", ".pub.pem"))
    if existing := [path for path in (private, public) if path.exists() or path.is_symlink()]:
        raise SignatureError(
            f"{existing[0]}: the key exists, expected no file: choose another name, keys are not "
            "replaced"
        )
    private_bytes, public_bytes = ed25519.generate()
    storage.write(private, private_bytes, durable=True, mode=0o600)
    storage.write(public, public_bytes, durable=True)
    result = {"private": str(private), "public": str(public), "id": PublicKey.read(public).id}
    if json:
        write_json(json, result)
    if json != "-":
        print_lines(
            [
                f"{private}: private key, readable by you alone",
                f"{public}: public key {result['id']}",
            ]
        )


def describe(bundle: Bundle, file: str) -> list[RenderableType]:
    """The card, the signature and the policies of a bundle for the terminal."""
    from rich.table import Table
    from rich.text import Text

    from sordino.cli.scaled_space import space_warning
    from sordino.device.trust.signature import describe_signature
    from sordino.onnx.model import rounds_inputs
    from sordino.policy import explain

    card = {"name": file, "commercial_use": NO_LICENCE, **bundle.card}
    title, audits = Text(printable(str(card.pop("name"))), style="bold"), card.pop("audit", {})
    grid = Table.grid(padding=(0, 2))
    for name, value in card.items():
        if value not in ([], {}, None):
            label = Text(printable(name.replace("_", " ")), style="bold")
            grid.add_row(label, Text("\n".join(_lines(value))))
    parts: list[RenderableType] = [title, Text(printable(describe_signature(bundle))), grid]
    for entry in bundle.policies.values():
        line = f"{entry.name}: {entry.family}, {entry.width} numbers per utterance"
        lines = [*explain(entry.policy, fitted=True), f"Hash: {entry.policy.digest}"]
        parts += [Text("\nPolicy " + printable(line), style="bold")]
        parts += [Text("\n".join(map(printable, lines)))]
    if any(
        rounds_inputs(content) for name, content in bundle.files.items() if name.endswith(".onnx")
    ):
        parts += [Text(f"\n{ROUNDS_INPUTS}")]
    if warning := space_warning(bundle):
        parts += [Text(f"\n{warning}")]
    return [*parts, *_audit_tables(audits)]


def _audit_tables(audits: Any) -> list[RenderableType]:
    """The results of attackers and the bounds, one table each; plain lines if the card does not
    have the structure of `sordino fit`.
    """
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    try:
        for name, audit in audits.items():
            parts.append(Text("\n" + printable(f"{name}: {audit['verdict']}")))
            results = Table(
                "release",
                "required, AUC",
                *map(secret_title, audit["measured"][0]["leaks"]),
                title="retrained attacker, AUC",
            )
            for row in audit["measured"]:
                cells = map(_interval, (row["utility_auc"], *row["leaks"].values()))
                results.add_row(row["release"], *cells)
            parts.append(results)
            bounds = Table(
                "secret",
                "side information",
                "estimate",
                "upper limit",
                title="bound on the AUC of every attacker with one vector",
            )
            for row in audit["bounds"]:
                limits = _two_digits(row["auc"]), _two_digits(row["auc_high"])
                if reason := row.get("absence"):
                    limits = "no bound", printable(str(reason))
                bounds.add_row(secret_title(row["secret"]), row["known"] or "none", *limits)
            parts += [bounds] if audit["bounds"] else []
            if privacy := audit.get("prototypes"):
                epsilon, delta = privacy["epsilon"], privacy["delta"]
                line = f"prototypes: epsilon {epsilon}, delta {delta}. {privacy['holds']}"
                parts.append(Text(printable(line)))
    except (AttributeError, IndexError, KeyError, TypeError):
        return [Text("\naudit\n" + "\n".join(_lines(audits)))] if audits else []
    return parts


def _interval(row: Any) -> str:
    return f"{_two_digits(row['value'])} [{_two_digits(row['low'])}, {_two_digits(row['high'])}]"


def _two_digits(value: float | None) -> str:
    return "cannot tell" if value is None else f"{value:.2f}"


def _lines(value: Any) -> list[str]:
    """A value of the card as lines: one per item, with nested items indented."""
    if isinstance(value, dict):
        lines: list[str] = []
        for name, content in value.items():
            nested = _lines(content)
            lines += (
                [f"{printable(name)}: {nested[0]}"]
                if len(nested) == 1
                else [f"{printable(name)}:", *(f"  {line}" for line in nested)]
            )
        return lines or ["nothing"]
    if isinstance(value, list):
        return [line for item in value for line in _lines(item)] or ["nothing"]
    words = {True: "yes", False: "no", None: "cannot tell"}
    return [words[value] if value is None or isinstance(value, bool) else printable(str(value))]
