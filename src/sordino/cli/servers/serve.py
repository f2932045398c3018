"""`sordino serve`: the central store of released vectors."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sordino.cli.devices.sending import TOKEN_VARIABLE
from sordino.cli.options import HostOption, PortOption
from sordino.errors import SordinoError, StorageError
from sordino.progress import listed, printable

if TYPE_CHECKING:
    from sordino.device import Bundle
    from sordino.server.first_start import FirstStart
    from sordino.server.settings import OpenIdProvider
    from sordino.server.store import Store

FOLDER: Final = Path("~/.local/share/sordino/server")

FolderOption = Annotated[
    Path,
    typer.Option(
        "--folder",
        metavar="DIR",
        help="Folder of the database and of the users' keys, for its owner only.",
        show_default=str(FOLDER),
        envvar="SORDINO_FOLDER",
    ),
]
DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="URL",
        help="PostgreSQL instead of SQLite: postgresql://USER@HOST/NAME.",
        envvar="SORDINO_DATABASE",
        show_envvar=True,
    ),
]
KeysOption = Annotated[
    str,
    typer.Option(
        "--keys",
        metavar="URL",
        help="PostgreSQL for the users' keys, on a server without the database's backups.",
        envvar="SORDINO_KEYS",
        show_envvar=True,
    ),
]
AddressOption = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="URL",
        help="Address that browsers use, such as https://mute.example.org.",
        show_default="that of --host and --port",
        envvar="SORDINO_ADDRESS",
    ),
]
ProxyOption = Annotated[
    str,
    typer.Option(
        "--proxy",
        metavar="ADDRESSES",
        help="Proxies that state the client's address, separated by commas.",
        envvar="SORDINO_PROXY",
    ),
]
TracesOption = Annotated[
    str,
    typer.Option(
        "--traces",
        metavar="URL",
        help="Collector of OpenTelemetry traces; none by default.",
        envvar="SORDINO_TRACES",
    ),
]
BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="FILE",
        help="Bundle to register in a first study, with one user who consents.",
    ),
]
ProviderOption = Annotated[
    str,
    typer.Option(
        "--provider",
        metavar="ISSUER",
        help="OpenID Connect provider for sign-in, such as https://id.example.org.",
        envvar="SORDINO_PROVIDER",
    ),
]
ClientOption = Annotated[
    str,
    typer.Option(
        "--provider-client",
        metavar="ID",
        help="Name of this server at the provider.",
        envvar="SORDINO_PROVIDER_CLIENT",
    ),
]
ProviderSecretOption = Annotated[
    Path | None,
    typer.Option(
        "--provider-secret",
        metavar="FILE",
        help="File of the secret that the provider gave to this server.",
        envvar="SORDINO_PROVIDER_SECRET",
    ),
]
RecoverOption = Annotated[
    str,
    typer.Option(
        "--recover",
        metavar="LOGIN",
        help="Print an address at which the person of this account sets a new password.",
    ),
]


def serve(
    folder: FolderOption = FOLDER,
    database: DatabaseOption = "",
    keys: KeysOption = "",
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    address: AddressOption = "",
    proxy: ProxyOption = "127.0.0.1,::1",
    traces: TracesOption = "",
    bundle: BundleOption = None,
    provider: ProviderOption = "",
    provider_client: ClientOption = "",
    provider_secret: ProviderSecretOption = None,
    recover: RecoverOption = "",
) -> None:
    """Store released vectors of many users, until Ctrl-C.

    The first start prints a token of the operator, once. With --bundle it also makes a study with
    one user who consents, and prints the token of a first device for `sordino release --send`. The
    database is SQLite in the folder, or PostgreSQL. Beyond this machine the server needs a proxy
    with TLS in front (deploy/).

    Example:
      sordino serve --bundle mute.sordino
    """
    from sordino.server.access.invitation import FIRST_LOGIN, recover_login
    from sordino.server.app import create_app
    from sordino.server.first_start import first_start, read_bundle, waits_for_operator
    from sordino.server.folder_lock import lock_folder
    from sordino.server.http_server import configuration, open_listener, server
    from sordino.server.monitoring.logs import start_logging
    from sordino.server.settings import ServerSettings

    content = None if bundle is None else read_bundle(bundle)  # before anything is made
    path = folder.expanduser()
    _make_folder(path)
    listener, local = open_listener(host, port)
    open_id = _provider(provider, provider_client, provider_secret)
    settings = ServerSettings(
        path, database, keys, address or local, traces=traces, open_id=open_id
    )
    with listener, lock_folder(path):
        app = create_app(settings)
        origin = app.state.access.origin
        start = first_start(app.state.store, content)
        _print_start(local, origin, start, bundle)
        if content is not None:
            _warn_of_no_trend(app.state.store, str(bundle), content)
        if start.operator_token is None and not recover and waits_for_operator(app.state.store):
            typer.secho(
                f"the account {FIRST_LOGIN} has no password yet: a start with `--recover "
                f"{FIRST_LOGIN}` prints an address to set one",
                fg="yellow",
                err=True,
            )
        if recover:
            token = recover_login(app.state.store, recover)
            typer.echo(f"shown once, for {recover}:\n  sign-in     {origin}/invitation/{token}")
        start_logging()
        server(configuration(app, proxy)).run(sockets=[listener])


def _make_folder(folder: Path) -> None:
    """Make the folder of the users' keys, closed for all other users of the machine."""
    os.umask(0o077)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"{folder}: {error.strerror}, expected a folder of this user: choose another --folder"
        ) from error


def _provider(issuer: str, client: str, secret: Path | None) -> OpenIdProvider | None:
    """The provider of three options; None without any of them."""
    if not issuer and not client and secret is None:
        return None
    if not issuer or not client or secret is None:
        raise SordinoError(
            "some of --provider, --provider-client and --provider-secret, expected all or none"
        )
    from sordino.server.settings import OpenIdProvider

    try:
        text = secret.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{secret}: not readable as text, expected the secret") from error
    return OpenIdProvider(issuer, client, text)


def _warn_of_no_trend(store: Store, name: str, bundle: Bundle) -> None:
    """Say which policies of a registered bundle can give no trend."""
    from sordino.device.bundle.archive import sha256
    from sordino.server.trends.rates import policies_without_trend

    with store.reading() as session:
        policies = policies_without_trend(session, sha256(bundle.manifest))
    if policies:
        typer.secho(
            f"{name}: no trend of {listed(policies)}, because the card has no drawn release with "
            "pass rates: fit one on more speakers",
            fg="yellow",
            err=True,
        )


def _print_start(local: str, address: str, start: FirstStart, bundle: Path | None) -> None:
    """Print the address and the secrets of a first start, which are stored nowhere."""
    lines = [f"sordino serves on {local}: Ctrl-C ends"]
    if start.operator_token:
        lines += [
            "shown once, for the operator:",
            f"  token       {start.operator_token}",
            f"  sign-in     {address}/invitation/{start.operator_invitation}",
        ]
    if start.user:
        name = printable(shlex.quote(str(bundle)))
        lines += [
            "shown once, for the first user:",
            f"  device      {start.user.device_token}",
            f"  sign-in     {address}/invitation/{start.user.invitation}",
            "on the device of this user:",
            f"  export {TOKEN_VARIABLE}={start.user.device_token}",
            f"  sordino release {name} FILE.wav --send {address}",
        ]
    for line in lines:
        typer.echo(line)
