"""`sordino serve`: the central store of released vectors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sordino.errors import StorageError, install_step

if TYPE_CHECKING:
    from sordino.server.first_start import FirstStart

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
HostOption = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Address; beyond 127.0.0.1 it needs TLS.")
]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port; 0 chooses a free one.")
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
BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="FILE",
        help="Bundle to register in a first study, with one user who consents.",
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
    bundle: BundleOption = None,
) -> None:
    """Store released vectors of many users, until Ctrl-C.

    The first start prints a token of the operator, once. With --bundle it also makes a study with
    one user who consents, and prints the token of a first device for `sordino release --send`. The
    database is SQLite in the folder, or PostgreSQL. Beyond this machine the server needs a proxy
    with TLS in front (deploy/).

    Example:
      sordino serve --bundle mute.sordino
    """
    try:
        from sordino.server.app import create_app
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        raise StorageError(
            f"{package} is not installed, expected it for a server: {install_step('server')}"
        ) from error
    from sordino.server.first_start import first_start
    from sordino.server.http_server import configuration, open_listener
    from sordino.server.http_server import serve as run
    from sordino.server.monitoring.logs import start_logging
    from sordino.server.settings import Settings

    path = folder.expanduser()
    _make_folder(path)
    listener, local = open_listener(host, port)
    settings = Settings(path, database, keys, address or local)
    app = create_app(settings)
    _print_start(local, settings.address, first_start(app.state.store, bundle))
    start_logging()
    run(configuration(app, proxy), listener)


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


def _print_start(local: str, address: str, start: FirstStart) -> None:
    """Print the address and the secrets of a first start, which are stored nowhere."""
    lines = [f"sordino serves on {local}: Ctrl-C ends"]
    if start.operator_token:
        lines += [
            "shown once, for the operator:",
            f"  token       {start.operator_token}",
            f"  sign-in     {address}/invitation/{start.operator_invitation}",
        ]
    if start.user:
        lines += [
            "shown once, for the first user:",
            f"  device      {start.user.device_token}",
            f"  sign-in     {address}/invitation/{start.user.invitation}",
        ]
    for line in lines:
        typer.echo(line)
