"""`sordino gateway`: the runtime for devices that cannot run it, and their tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from sordino.cli.devices import state
from sordino.cli.devices.sending import (
    InsecureHttpOption,
    QueueOption,
    SendingOptions,
    SendOption,
    SigningKeyOption,
    TokenFileOption,
    in_background,
)
from sordino.cli.devices.state import BudgetFileOption, DrawKeyOption
from sordino.cli.options import (
    STATE,
    BundleArgument,
    HostOption,
    JsonOption,
    PolicyNameOption,
    PortOption,
)
from sordino.cli.output import write_json
from sordino.cli.trust import FloorOption, RevokedOption, TrustedOption, floor_from, trust_from
from sordino.errors import StorageError
from sordino.progress import printable

if TYPE_CHECKING:
    from sordino.device import Runtime
    from sordino.gateway import GatewayTokens

RUN: Final = "run"
"""The verb that `sordino gateway BUNDLE` stands for."""


class _RunsByDefault(TyperGroup):
    """A group in which `gateway BUNDLE ...` is `gateway run BUNDLE ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((word for word in args if not word.startswith("-")), None)
        if first is not None and first not in self.commands:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_RunsByDefault, no_args_is_help=True)

CentreStreamsOption = Annotated[
    bool,
    typer.Option(
        "--centre-streams",
        help="Centre each stream on the mean of its own utterances, which ends with the stream. "
        "The bound does not hold.",
    ),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option("--tls-certificate", metavar="FILE", help="Certificate chain (PEM file)."),
]
TlsKeyOption = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key (PEM file).")
]
DevicesFileOption = Annotated[
    Path | None,
    typer.Option(
        "--devices",
        metavar="FILE",
        help="File of the devices and the hashes of their tokens.",
        show_default="~/.local/state/sordino/gateway-tokens.json",
    ),
]
DeviceNameArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A name for the device; none lists them.")
]
RemoveOption = Annotated[bool, typer.Option("--remove", help="End the token of this device.")]


@app.callback()
def _gateway() -> None:
    """Verbs below `sordino gateway`; `sordino gateway BUNDLE` is `sordino gateway run BUNDLE`."""


@app.command(RUN)
def run(
    bundle: BundleArgument,
    port: PortOption = 8427,
    host: HostOption = "127.0.0.1",
    policy: PolicyNameOption = None,
    budget_file: BudgetFileOption = None,
    centre_streams: CentreStreamsOption = False,
    devices: DevicesFileOption = None,
    certificate: CertificateOption = None,
    tls_key: TlsKeyOption = None,
    trusted: TrustedOption = None,
    revoked: RevokedOption = None,
    floor: FloorOption = None,
    draw_key: DrawKeyOption = None,
    send: SendOption = None,
    queue: QueueOption = None,
    token_file: TokenFileOption = None,
    signing_key: SigningKeyOption = None,
    insecure_http: InsecureHttpOption = False,
) -> None:
    """Release vectors for the devices of one user, over HTTP, until Ctrl-C.

    Sound or features come in, released vectors leave. Nothing is stored or logged, core dumps are
    off, and an utterance without a vector has one answer, whatever the reason. The devices share
    the daily budget and the key of random draws. `sordino gateway keys NAME` makes the token of a
    device.

    With --send, each vector is also queued on the disk and sent to a server.

    Example:
      sordino gateway run mute.sordino --port 8427
    """
    from sordino.device import Runtime, read
    from sordino.gateway import Gateway, application
    from sordino.gateway.http_server import (
        gateway_configuration,
        gateway_listener,
        serve_gateway,
    )

    if (certificate is None) != (tls_key is None):
        raise StorageError("--tls-certificate or --tls-key alone, expected both: add the other")
    content = read(bundle)
    runtime = Runtime(
        content,
        policy,
        state.draw_key(draw_key, STATE),
        state.budget_from(content, budget_file, STATE),
        trusted=trust_from(trusted, revoked, STATE.expanduser() / "versions"),
        floor=floor_from(floor),
    )
    sending = SendingOptions(send, queue, token_file, signing_key, insecure_http and bool(send))
    sender = sending.sender(STATE, content, runtime.name)
    gateway = Gateway(runtime, sender, centring=centre_streams)
    config = gateway_configuration(application(gateway, _tokens(devices)), certificate, tls_key)
    listener, address = gateway_listener(host, port, certificate, insecure_http)
    _print_start(runtime, address, _tokens(devices))
    with in_background(sender):
        serve_gateway(config, listener)
    gateway.close()


@app.command("keys")
def keys(
    name: DeviceNameArgument = None,
    remove: RemoveOption = False,
    devices: DevicesFileOption = None,
    json: JsonOption = None,
) -> None:
    """Make the token of a device and print it once; without a name, list the devices.

    The file holds a hash of 256 random bits. With --remove the token ends at once, also for a
    running gateway.

    Example:
      sordino gateway keys kitchen
    """
    tokens = _tokens(devices)
    result: dict[str, Any]
    if name is None:
        result, line = {"devices": tokens.names()}, "\n".join(tokens.names()) or "no devices"
    elif remove:
        tokens.remove(name)
        result, line = {"removed": name}, f"{name}: its token has ended"
    else:
        token = tokens.create(name)
        result, line = {"device": name, "token": token}, token
    if json:
        write_json(json, result, 0o600)
    if json != "-":
        print(printable(line) if name is not None else line)


def _tokens(path: Path | None) -> GatewayTokens:
    from sordino.gateway.tokens import GatewayTokens

    return GatewayTokens(path or STATE.expanduser() / "gateway-tokens.json")


def _print_start(runtime: Runtime, address: str, tokens: GatewayTokens) -> None:
    """Print the address, the policy and the number of devices."""
    names = tokens.names()
    count = f"{len(names)} {'device' if len(names) == 1 else 'devices'}"
    line = f"gateway on {address}, policy {runtime.name}, {count}: Ctrl-C ends"
    typer.echo(printable(line))
    if not names:
        typer.secho(
            "no device has a token: make one with `sordino gateway keys NAME`",
            fg="yellow",
            err=True,
        )
