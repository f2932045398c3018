"""The options of a verb that sends released vectors to a server."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sordino.cli.devices.state import today
from sordino.errors import ReleaseError, StorageError

if TYPE_CHECKING:
    from sordino.device import Bundle, Sender, SenderToken

TOKEN_VARIABLE: Final = "SORDINO_DEVICE_TOKEN"
"""The environment variable with the token of the device."""

SendOption = Annotated[
    str | None,
    typer.Option(
        "--send",
        metavar="URL",
        help="Queue the vectors on the disk and send them to this server (https).",
    ),
]
QueueOption = Annotated[
    Path | None,
    typer.Option(
        "--queue",
        metavar="FILE",
        help="File of the queue, one per device.",
        show_default="~/.local/state/sordino/queue",
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help=f"File with the token of the device (mode 600); default: the variable "
        f"{TOKEN_VARIABLE}, then ~/.local/state/sordino/token.",
    ),
]
SigningKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--signing-key",
        metavar="KEY",
        help="Private key of the device (PEM file), for families other than drawn and label.",
    ),
]
InsecureHttpOption = Annotated[
    bool,
    typer.Option(
        "--insecure-http",
        help="Allow http to another machine: every reader of the network sees token and vectors.",
    ),
]
ResendOption = Annotated[
    bool,
    typer.Option(
        "--resend",
        help="First let the releases wait again that a server refused and that were set aside.",
    ),
]


@dataclass(frozen=True)
class SendingOptions:
    """The values of the options above; `url` is None for a verb that sends nothing."""

    url: str | None
    queue: Path | None = None
    token_file: Path | None = None
    signing_key: Path | None = None
    insecure_http: bool = False
    resend: bool = False

    def sender(self, state: Path, bundle: Bundle | None, policy: str | None) -> Sender | None:
        """The sender, or None without `--send`. Raises `ReleaseError` for its options alone."""
        from sordino.device import Sender

        if self.url is None:
            options = (self.queue, self.token_file, self.signing_key)
            if any(options) or self.insecure_http or self.resend:
                raise ReleaseError(
                    "--queue, --token-file, --signing-key, --insecure-http or --resend without a "
                    "server, expected --send URL: add it"
                )
            return None
        return Sender(
            self.queue or state.expanduser() / "queue",
            self.url,
            self._token(state),
            bundle,
            policy,
            day=today,
            signing_key=self.signing_key,
            insecure_http=self.insecure_http,
        )

    def _token(self, state: Path) -> SenderToken:
        from sordino.device.sending import token

        if self.token_file is None and (text := os.environ.get(TOKEN_VARIABLE)):
            return token.SenderToken(text, TOKEN_VARIABLE)
        path = self.token_file or state.expanduser() / "token"
        if not path.exists():
            raise StorageError(
                f"{path}: no token of this device, expected the one that the server printed or its "
                f"operator made: put it into the variable {TOKEN_VARIABLE}, into this file (mode "
                "600), or pass --token-file"
            )
        return token.read(path)


def in_background(sender: Sender | None) -> AbstractContextManager[object]:
    """Sends the queue beside a stream; nothing without a sender."""
    if sender is None:
        return nullcontext()
    from sordino.device.sending.background import BackgroundSending

    return BackgroundSending(sender)
