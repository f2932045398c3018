"""`sordino release`: released vectors of recordings or of a stream."""

from __future__ import annotations

import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sordino import storage
from sordino.cli.options import STATE, BundleArgument, JsonOption, PolicyNameOption
from sordino.cli.output import write_json
from sordino.cli.trust import FloorOption, RevokedOption, TrustedOption, floor_from, trust_from
from sordino.errors import AudioError, ReleaseError
from sordino.progress import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sordino.device import Bundle, Channel, DailyBudget, Released, Result, Runtime
    from sordino.device.table import GrowingTable, WholeTable

FilesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE",
        help="A recording of one utterance; repeatable. - is a WAV stream on standard input.",
    ),
]
DrawKeyOption = Annotated[
    int | None,
    typer.Option(
        "--draw-key",
        min=0,
        metavar="NUMBER",
        help="Key of random draws; default: the stored key of the device.",
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
BudgetFileOption = Annotated[
    Path | None,
    typer.Option(
        "--budget-file",
        metavar="PATH",
        help="File of the daily count, one per device. Without it, only bundles with a limit are "
        "counted.",
    ),
]
ReleasedOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="PATH",
        help="Table to write; an existing one is replaced, and a .csv of a stream is extended.",
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


def release(
    bundle: BundleArgument,
    out: ReleasedOption,
    files: FilesArgument = None,
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
    json: JsonOption = None,
) -> None:
    """Release one vector per utterance under a policy, and nothing else.

    A recording is one utterance; a stream is cut into utterances. The table (.npz, .csv, or
    .parquet with pyarrow) has one vector and one opaque id per utterance, sorted by id; --json
    lists the recording of each id. With --paths it has paths in the order of the command. Paths may
    reveal what the vectors hide.

    Nothing is released for an unusable utterance: standard error has the reason, and the status is
    1. A .csv file grows during a stream, and an existing one is extended. Other tables are written
    at the end. Ctrl-C ends a stream.

    With --centring, the mean of all utterances of this device is subtracted before the model. It
    never leaves the device. Use it only with a bundle that was audited with centring.

    With --trusted, the bundle must be signed by one of the keys, not expired, and no older than the
    last one on this device. With --floor, the policy must satisfy the limits of the device. Status
    2 otherwise.

    Example:
      sordino release mute.sordino monday.wav tuesday.wav --out released.npz
      cat call.wav | sordino release mute.sordino - --out released.csv
    """
    from sordino.device import Runtime, read, table
    from sordino.device.channel import forget as forget_mean

    table.suffix(out)
    endless = microphone or "-" in (files or ())
    _check_input(files or (), microphone, raw)
    content = read(bundle)
    trust = trust_from(trusted, revoked, STATE.expanduser() / "versions")
    key = _draw_key(draw_key if draw_key is not None else seed)
    budget = _budget(content, budget_file)
    channel = _channel(centring, warm_up, forget)
    runtime = Runtime(
        content, policy, key, budget, trusted=trust, floor=floor_from(floor), channel=channel
    )
    if forget and centring:
        forget_mean(centring)  # after all checks: a refused bundle changes no file
    opaque = not (paths or endless)  # a stream has one name, and its list would grow without end
    report = _Report(content, runtime.name, trust is not None, out, opaque)
    rows = _new_table(out, runtime.width, paths, endless)
    id_key = None if paths else secrets.randbits(128) if endless else runtime.key
    try:
        for recording, result in _results(runtime, files or (), microphone, raw):
            report.add(recording, result, rows, id_key)
    except KeyboardInterrupt:
        if not endless:
            raise
    finally:
        rows.close()  # released vectors are written even if a stream ends with an error
    report.write(rows.count, json)
    if report.withheld and not endless:
        raise typer.Exit(WITHHELD)


def _check_input(files: Sequence[str], microphone: bool, raw: int | None) -> None:
    """Raise `AudioError` without any input, and for `--raw` without standard input."""
    if not (files or microphone):
        raise AudioError("no input, expected FILE, - or --microphone: add one")
    if raw is not None and "-" not in files:
        raise AudioError(
            f"--raw {raw} without standard input, expected -: give it in place of a FILE"
        )


def _new_table(out: Path, width: int, paths: bool, endless: bool) -> GrowingTable | WholeTable:
    """The table of released vectors: one that grows for a stream into a .csv file."""
    from sordino.device import table

    column = table.FILE if paths else table.UTTERANCE
    if endless and table.suffix(out) == ".csv":
        return table.GrowingTable(out, width, column)
    return table.WholeTable(out, column, by_name=not (paths or endless))


def _budget(bundle: Bundle, path: Path | None) -> DailyBudget | None:
    """The daily count in a file, if there is a path or if a policy needs it."""
    from sordino.device import DailyBudget

    limited = any(entry.policy.budget.per_day is not None for entry in bundle.policies.values())
    if path is None and not limited:
        return None
    return DailyBudget(path or STATE.expanduser() / "budget", lambda: datetime.now(UTC).date())


def _channel(path: Path | None, warm_up: int, forget: bool) -> Channel | None:
    """The mean of the device in a file. Raises `ReleaseError` for its options without one."""
    from sordino.device import Channel

    if path is None:
        if warm_up or forget:
            raise ReleaseError(
                "--warm-up or --forget without --centring, expected its FILE: add it"
            )
        return None
    return Channel(path, warm_up)


def _draw_key(number: int | None) -> int:
    """The key of random draws: a number, or the stored key of the device."""
    from sordino.device.key import read_or_create

    if number is not None:
        return number
    path = STATE.expanduser() / "key"
    with storage.as_storage_error(path):
        absent = not path.exists()
    key = read_or_create(path)
    if absent:
        line = f"made the key of this device: {path}. Keep it: with another key, draws change"
        typer.echo(printable(line), err=True)
    return key


@dataclass
class _Report:
    """The result of each recording, for the terminal and for JSON."""

    bundle: Bundle
    policy: str
    verified: bool
    out: Path
    lists_recordings: bool
    recordings: dict[str, str] = field(default_factory=dict)
    """The recording of each row id, if `lists_recordings`."""
    withheld: dict[str, Counter[str]] = field(default_factory=dict)
    """The reasons of utterances without a vector, by recording."""

    def add(
        self,
        recording: str,
        result: Released | str,
        rows: GrowingTable | WholeTable,
        id_key: int | None,
    ) -> None:
        """Write a vector to the table, named by an opaque id if there is a key for it, or print
        the reason why there is none.
        """
        from sordino.device import table

        if isinstance(result, str):
            self.withheld.setdefault(recording, Counter())[result] += 1
            line = f"{recording}: nothing released: {result}"
            typer.secho(printable(line), fg="yellow", err=True)
            return
        name = recording
        if id_key is not None:
            name = table.utterance_id(id_key, recording, rows.count, result.vector)
        rows.add(name, result.vector)
        if self.lists_recordings:
            self.recordings[name] = recording

    def write(self, count: int, json: str | None) -> None:
        """Print the number of vectors; optionally write JSON."""
        from sordino.device.trust.signature import describe_signature, report

        if json != "-":
            withheld = sum(map(Counter.total, self.withheld.values()))
            vectors = "vector" if count == 1 else "vectors"
            line = (
                f"{self.out}: {count} {vectors} released, {withheld} withheld, under policy "
                f"{self.policy} ({describe_signature(self.bundle, self.verified)})"
            )
            print(printable(line))
        if json:
            result: dict[str, Any] = {
                "policy": self.policy,
                "released": count,
                "withheld": {name: ", ".join(reasons) for name, reasons in self.withheld.items()},
                "out": str(self.out),
                "signature": report(self.bundle, self.verified),
            }
            if self.lists_recordings:
                result["utterances"] = self.recordings
            write_json(json, result, storage.PRIVATE)  # it may name the recording of each id


def _results(
    runtime: Runtime, files: Sequence[str], microphone: bool, raw: int | None
) -> Iterator[tuple[str, Released | str]]:
    """The vector, or the reason why there is none, of each recording and utterance of a stream."""
    from sordino.device.sound.microphone import listen

    for file in files:
        if file == "-":
            yield from _stream(runtime, file, *_standard_input(raw))
        else:
            yield file, _recording(runtime, file)
    if microphone:
        rate, blocks = listen()
        typer.echo("listening: Ctrl-C ends", err=True)
        yield from _stream(runtime, "microphone", rate, blocks)


def _recording(runtime: Runtime, file: str) -> Released | str:
    from sordino.signal import audio

    try:
        samples = audio.read(file, sampling_rate=runtime.sampling_rate)
    except AudioError as error:
        return str(error).removeprefix(f"{file}: ")
    return _vector_or_reason(runtime.utterance(samples, runtime.sampling_rate))


def _stream(
    runtime: Runtime, name: str, rate: int, blocks: Iterator[NDArray[np.float32]]
) -> Iterator[tuple[str, Released | str]]:
    from sordino.device import Stream
    from sordino.device.sound.stream import STREAM_RATES

    lowest, highest = STREAM_RATES
    if not lowest <= rate <= highest:
        raise AudioError(f"{name}: {rate} Hz, expected {lowest} to {highest}: resample it first")
    stream = Stream(runtime, rate)
    for block in blocks:
        yield from ((name, _vector_or_reason(result)) for result in stream.push(block))
    yield from ((name, _vector_or_reason(result)) for result in stream.end())


def _standard_input(raw: int | None) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """The sampling rate of standard input, and its blocks."""
    from sordino.signal import wav

    coded, size = (wav.Format(raw), None) if raw is not None else wav.read_format(sys.stdin.buffer)
    return coded.sampling_rate, wav.read_blocks(sys.stdin.buffer, coded, size)


def _vector_or_reason(result: Result) -> Released | str:
    from sordino.device import Withheld

    return str(result.reason) if isinstance(result, Withheld) else result
