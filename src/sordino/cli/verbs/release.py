"""`sordino release`: released vectors of recordings or of a stream."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sordino import storage
from sordino.cli.devices import state
from sordino.cli.devices.inputs import check_input, results
from sordino.cli.devices.report import ReleaseReport, Sink, Sinks, as_json, print_delivery
from sordino.cli.devices.sending import (
    InsecureHttpOption,
    QueueOption,
    ResendOption,
    SendingOptions,
    SendOption,
    SigningKeyOption,
    TokenFileOption,
    in_background,
)
from sordino.cli.devices.state import BudgetFileOption, DrawKeyOption
from sordino.cli.options import STATE, JsonOption, PolicyNameOption, local_path
from sordino.cli.output import write_json
from sordino.cli.trust import FloorOption, RevokedOption, TrustedOption, floor_from, trust_from
from sordino.errors import BundleError, ReleaseError

if TYPE_CHECKING:
    from sordino.device import Runtime

FilesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE",
        help="A recording of one utterance; repeatable. - is a WAV stream on standard input.",
    ),
]
OldSeedOption = Annotated[int | None, typer.Option("--seed", min=0, hidden=True)]
MicrophoneOption = Annotated[
    bool, typer.Option("--microphone", help="Read the microphone until Ctrl-C.")
]
RawOption = Annotated[
    int | None,
    typer.Option(
        "--raw",
        metavar="HZ",
        help="Standard input has no header: 16 bits, one channel, this sampling rate.",
    ),
]
ReleasedOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=local_path,
        help="Table to write; a .csv of a stream is extended. Optional with --send.",
    ),
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace the table at the PATH of --out.")
]
ReleaseBundleArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="BUNDLE",
        help="A folder, or a file that ends in .sordino. None with --send sends the queue alone.",
    ),
]
CentringOption = Annotated[
    Path | None,
    typer.Option(
        "--centring",
        metavar="FILE",
        help="Centre utterances on the running mean of this device, which is in FILE. The mean "
        "depends on earlier utterances, and the bound does not hold.",
    ),
]
WarmUpOption = Annotated[
    int,
    typer.Option(
        "--warm-up", min=0, metavar="COUNT", help="Withhold the first COUNT centred utterances."
    ),
]
ForgetOption = Annotated[
    bool,
    typer.Option(
        "--forget",
        help="Remove the mean in the FILE of --centring first, if the bundle passes all checks.",
    ),
]
PathsOption = Annotated[
    bool,
    typer.Option(
        "--paths", help="Write the path of each recording to the table instead of an opaque id."
    ),
]

WITHHELD: Final = 1
"""The exit status if at least one recording has no released vector."""

PENDING: Final = 1
"""The exit status of `release --send URL` alone if releases still wait or were refused."""

REFUSED: Final = 2
"""The exit status if a server refuses the device: its token, its consent or the address."""


def release(
    bundle: ReleaseBundleArgument = None,
    files: FilesArgument = None,
    out: ReleasedOption = None,
    replace: ReplaceOption = False,
    policy: PolicyNameOption = None,
    microphone: MicrophoneOption = False,
    raw: RawOption = None,
    budget_file: BudgetFileOption = None,
    centring: CentringOption = None,
    warm_up: WarmUpOption = 0,
    forget: ForgetOption = False,
    paths: PathsOption = False,
    trusted: TrustedOption = None,
    revoked: RevokedOption = None,
    floor: FloorOption = None,
    draw_key: DrawKeyOption = None,
    seed: OldSeedOption = None,
    send: SendOption = None,
    queue: QueueOption = None,
    token_file: TokenFileOption = None,
    signing_key: SigningKeyOption = None,
    insecure_http: InsecureHttpOption = False,
    resend: ResendOption = False,
    json: JsonOption = None,
) -> None:
    """Release one vector per utterance under a policy, and nothing else.

    A recording is one utterance; a stream is cut into utterances. The table (.npz, .csv, or
    .parquet with pyarrow) has one vector and one opaque id per utterance, sorted by id; --json
    lists the recording of each id. With --paths it has paths in the order of the command. Paths may
    reveal what the vectors hide. A .jsonl file has the rows that the server takes, without ids.

    Nothing is released for an unusable utterance: standard error has the reason, and the status is
    1. A .csv or .jsonl file grows during a stream, and an existing .csv is extended. Other tables
    are written at the end. An existing table stays, and nothing is released, unless you add
    --replace. Ctrl-C ends a stream.

    With --centring, the mean of all utterances of this device is subtracted before the model. It
    never leaves the device. Use it only with a bundle that was audited with centring.

    With --send, each vector is also queued on the disk and sent to a server; --out is optional
    then. `sordino release --send URL` alone sends what still waits: status 1 if some still does or
    was refused. Status 2 if the server refuses the device. Add --resend after a server refused
    releases by mistake, such as one with a wrong clock.

    With --trusted, the bundle must be signed by one of the keys, not expired, and no older than the
    last one on this device. With --floor, the policy must satisfy the limits of the device. Status
    2 otherwise.

    Example:
      sordino release mute.sordino monday.wav tuesday.wav --out released.npz
      cat call.wav | sordino release mute.sordino - --out released.csv
    """
    sending = SendingOptions(send, queue, token_file, signing_key, insecure_http, resend)
    if bundle is None:
        _send_alone(sending, json)
        return
    from sordino.device import Runtime, read, table
    from sordino.device.channel import forget as forget_mean

    endless = microphone or "-" in (files or ())
    if out is not None:
        grows = table.suffix(out) == ".csv" and endless
        if not (grows or replace):
            table.check_absent(out)
    elif send is None:
        raise ReleaseError("no table, expected --out PATH or --send URL: add one of them")
    check_input(files or (), microphone, raw)
    content = read(bundle)
    trust = trust_from(trusted, revoked, STATE.expanduser() / "versions")
    channel = state.channel_from(centring, warm_up, forget)
    runtime = Runtime(
        content,
        policy,
        state.draw_key(draw_key if draw_key is not None else seed, STATE),
        state.budget_from(content, budget_file, STATE),
        trusted=trust,
        floor=floor_from(floor),
        channel=channel,
    )
    sender = sending.sender(STATE, content, runtime.name)
    if forget and centring:
        forget_mean(centring)  # after all checks: a refused bundle changes no file
    opaque = not (paths or endless)  # a stream has one name, and its list would grow without end
    report = ReleaseReport(content, runtime.name, trust is not None, out, opaque)
    rows = Sinks(sender, _table(out, runtime, paths, endless, replace))
    id_key = None if paths else secrets.randbits(128) if endless else runtime.key
    try:
        with in_background(sender if endless else None):
            for recording, result in results(runtime, files or (), microphone, raw):
                report.add(recording, result, rows, id_key)
    except KeyboardInterrupt:
        if not endless:
            raise
    finally:
        rows.close()  # released vectors are written even if a stream ends with an error
    delivery = None if sender is None else sender.send(resend=resend)
    report.write(rows.count, json, delivery)
    if delivery is not None and delivery.is_refused:
        raise typer.Exit(REFUSED)
    if report.withheld and not endless:
        raise typer.Exit(WITHHELD)


def _send_alone(sending: SendingOptions, json: str | None) -> None:
    """Send the queue and nothing else. Raises `BundleError` without a server."""
    sender = sending.sender(STATE, None, None)
    if sender is None:
        raise BundleError("no bundle, expected BUNDLE, or --send URL alone: add one of them")
    delivery = sender.send(resend=sending.resend)
    if json:
        write_json(json, as_json(delivery))
    if json != "-":
        print_delivery(delivery)
    if delivery.reason or delivery.refused:
        raise typer.Exit(REFUSED if delivery.is_refused else PENDING)


def _table(
    out: Path | None, runtime: Runtime, paths: bool, endless: bool, replace: bool
) -> Sink | None:
    """The table of released vectors: one that grows for a stream into a .csv file."""
    from sordino.device import Reader, table

    if out is None:
        return None
    suffix, column = table.suffix(out), table.FILE if paths else table.UTTERANCE
    if suffix == table.WIRE_SUFFIX:
        return table.WireTable(out, Reader(runtime.bundle, runtime.name))
    if endless and suffix == ".csv":
        if replace:
            storage.write(out, b"", mode=storage.PRIVATE)
        return table.GrowingTable(out, runtime.width, column)
    return table.WholeTable(out, column, by_name=not (paths or endless))
