"""`sordino store`: backups, restoration, upkeep and checks of a server's database."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino.cli.options import JsonOption
from sordino.cli.output import write_json
from sordino.cli.servers.serve import FOLDER, DatabaseOption, FolderOption, KeysOption
from sordino.errors import SignatureError, StorageError

if TYPE_CHECKING:
    from sordino.server.settings import ServerSettings
    from sordino.server.store import Store

app = typer.Typer(no_args_is_help=True)

CopyArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]
OldCopyArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A copy that `sordino store backup` wrote.")
]
OfKeysOption = Annotated[
    bool, typer.Option("--of-keys", help="Copy the users' keys, not the database.")
]
ClockOption = Annotated[
    bool,
    typer.Option("--clock-is-right", help="Delete although the last run was long ago."),
]
ReceiptOption = Annotated[
    Path | None,
    typer.Option("--receipt", metavar="FILE", help="The receipt of a deletion, checked as well."),
]

LARGEST_RECEIPT = 1 << 16  # bytes


@app.callback()
def _store() -> None:
    """Verbs below `sordino store`, one per action."""


@app.command("backup")
def backup(
    path: CopyArgument,
    folder: FolderOption = FOLDER,
    database: DatabaseOption = "",
    keys: KeysOption = "",
    of_keys: OfKeysOption = False,
) -> None:
    """Copy the database, or with --of-keys the users' keys, to a new file.

    It works while the server runs. Keep both copies apart, and that of the keys for days only: it
    undoes later deletions. PostgreSQL is copied with pg_dump.

    Example:
      sordino store backup monday.sqlite3 --folder server
    """
    settings = _settings(folder, database, keys)
    from sordino.server.rights.backup import copy_database, copy_keys

    if of_keys:
        copy_keys(settings, path)
        print(f"{path}: a copy of the keys in {settings.folder}")
        return
    content = copy_database(settings, path)
    print(f"{path}: a copy of the database in {settings.folder}")
    print(f"studies {content.studies}, users {content.users}, releases {content.releases}")


@app.command("restore")
def restore(
    path: OldCopyArgument,
    folder: FolderOption = FOLDER,
    database: DatabaseOption = "",
    keys: KeysOption = "",
) -> None:
    """Put a copy of the database in place, and delete again the users that were deleted since.

    Stop the server before; beside one that runs it is refused. A PostgreSQL database is restored
    with pg_restore.

    Example:
      sordino store restore old.sqlite3 --folder server
    """
    settings = _settings(folder, database, keys)
    from sordino.server.rights.backup import restore_database

    outcome = restore_database(settings, path)
    print(f"{path}: restored; users deleted again: {outcome.users_deleted}")
    if outcome.users_without_key:
        print(
            f"users without a key: {outcome.users_without_key}; restore the keys of the same time, "
            "or delete the users"
        )


@app.command("upkeep")
def upkeep(
    folder: FolderOption = FOLDER,
    database: DatabaseOption = "",
    keys: KeysOption = "",
    clock_is_right: ClockOption = False,
    json: JsonOption = None,
) -> None:
    """Delete expired releases, and compute the statistics of closed weeks, once.

    A running server does the same every six hours. Status 2 where the clock is far after the last
    run.

    Example:
      sordino store upkeep --folder server
    """
    store = _open(_settings(folder, database, keys))
    from sordino.server.rights.upkeep import run_upkeep

    try:
        result = run_upkeep(store, clock_is_right=clock_is_right)
    finally:
        store.close()
    if result.refusal:
        raise StorageError(result.refusal)
    if json:
        write_json(json, {"expired": result.expired, "statistics": result.statistics})
    if json != "-":
        expired = result.expired.get("release", 0)
        print(f"releases deleted: {expired}, statistics computed: {result.statistics}")


@app.command("verify")
def verify(
    folder: FolderOption = FOLDER,
    database: DatabaseOption = "",
    keys: KeysOption = "",
    receipt: ReceiptOption = None,
    json: JsonOption = None,
) -> None:
    """Check every entry of the audit log, and the receipt of a deletion.

    Status 2 if an entry was changed or is missing, or the receipt is not of this server.

    Example:
      sordino store verify --folder server
    """
    settings = _settings(folder, database, keys)
    from sordino.server.access.server_key import load_server_key
    from sordino.server.rights.audit import Head
    from sordino.server.rights.receipt import PURPOSE, log_end, verify_receipt
    from sordino.server.rights.upkeep import verify_log

    known: Head | None = None
    if receipt is not None:
        content = _read_receipt(receipt)
        verify_receipt(content, load_server_key(settings.folder).public_key(PURPOSE))
        known = log_end(content)
    store = _open(settings)
    try:
        end = verify_log(store, known)
    finally:
        store.close()
    if json:
        write_json(json, {"entries": end.number, "digest": end.digest.hex()})
    if json != "-":
        print(f"{end.number} entries of the audit log are unchanged, {end.digest.hex()}")
        if receipt is not None:
            print(f"{receipt}: signed by this server")


def _settings(folder: Path, database: str, keys: str) -> ServerSettings:
    """The settings of an existing server. Raises `StorageError`."""
    from sordino.server.settings import DATABASE_FILE, ServerSettings

    path = folder.expanduser()
    if not database and not (path / DATABASE_FILE).is_file():
        raise StorageError(
            f"{path}: no {DATABASE_FILE}, expected the folder of a server: pass --folder, or start "
            "`sordino serve` once"
        )
    return ServerSettings(path, database, keys)


def _open(settings: ServerSettings) -> Store:
    """The store of a server, with its database brought up to date."""
    from sordino.server.database.migration import upgrade
    from sordino.server.store import Store

    store = Store(settings)
    upgrade(store.engine)
    return store


def _read_receipt(path: Path) -> dict[str, object]:
    """The content of a file from outside. Raises `SignatureError` for anything but JSON."""
    try:
        with path.open("rb") as file:
            content = json_text.loads(file.read(LARGEST_RECEIPT))
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise SignatureError(
            f"{path}: no receipt, expected the JSON that the server answered: check the path"
        )
    return content
