"""`sordino release`: recordings or a stream in, released vectors out."""

from __future__ import annotations

import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino.cli.options import STATE, Json, Out, write_json
from sordino.cli.trust import FloorFile, Revoked, Trusted, floor_from, trust_from
from sordino.errors import AudioError
from sordino.progress import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sordino.device import Released, Result, Runtime

BundleFile = Annotated[Path, typer.Argument(metavar="BUNDLE", help="What `sordino fit` wrote.")]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE",
        help="A recording of one utterance; again for others. - is a WAV stream that comes "
        "in on standard input.",
    ),
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy", metavar="NAME", help="Which policy of the bundle; needed where it has several."
    ),
]
Key = Annotated[
    int | None,
    typer.Option(
        "--seed", min=0, help="Draw by this instead of by the key that is kept for the device."
    ),
]
Microphone = Annotated[
    bool, typer.Option("--microphone", help="Listen to the microphone until Ctrl-C.")
]
Raw = Annotated[
    int | None,
    typer.Option(
        "--raw",
        metavar="HZ",
        help="What comes in on standard input has no header: 16 bits, one channel.",
    ),
]
BudgetFile = Annotated[
    Path | None,
    typer.Option(
        "--budget-file",
        metavar="PATH",
        help="Where the vectors of a day are counted; one for a device.",
    ),
]
Paths = Annotated[
    bool,
    typer.Option(
        "--paths",
        help="Write the path of each recording to the table, not an id that tells nothing.",
    ),
]

WITHHELD = 1
"""The exit status where nothing was released of one recording or more."""


def release(
    bundle: BundleFile,
    out: Out,
    files: Files = None,
    policy: PolicyName = None,
    microphone: Microphone = False,
    raw: Raw = None,
    budget_file: BudgetFile = None,
    paths: Paths = False,
    trusted: Trusted = None,
    revoked: Revoked = None,
    floor: FloorFile = None,
    seed: Key = None,
    json: Json = None,
) -> None:
    """Release one vector of each utterance, as a policy says, and nothing else.

    A recording is one utterance; a stream is cut into its utterances. The table (.npz, .csv, or
    .parquet where pyarrow is installed) holds a vector and an id of each, in the order of the ids;
    --json tells the recording of an id. With --paths it holds paths in the order given, which may
    tell what the vectors hide.

    Where an utterance cannot be used nothing is released: standard error says why, and the status
    is 1. From a stream, a .csv grows line by line, and what stands there is added to; other tables
    are written at the end. Ctrl-C ends a stream.

    With --trusted only a bundle runs that is signed by one of these keys, has not expired, and is
    no older than the last that ran here; with --floor only a policy that reaches it. Status 2
    otherwise.

    \b
    Example:
      sordino release muted.sordino monday.wav tuesday.wav --out released.npz
      ffmpeg -i call.mp3 -f wav - | sordino release muted.sordino - --out released.csv
    """
    from sordino.device import DailyBudget, Released, Runtime, read, table
    from sordino.device.key import of_policy, read_or_create
    from sordino.device.trust.signature import describe, report

    kind, endless = table.suffix(out), microphone or "-" in (files or ())
    if not (files or microphone):
        raise AudioError("nothing to hear, expected FILE, - or --microphone: name one")
    if raw is not None and "-" not in (files or ()):
        raise AudioError(
            f"--raw {raw} without standard input, expected -: give it in place of a FILE"
        )
    whole = read(bundle)
    limited = budget_file or any(
        one.policy.budget.per_day is not None for one in whole.policies.values()
    )
    counted = budget_file or STATE.expanduser() / "budget" if limited else None
    budget = DailyBudget(counted, lambda: datetime.now(UTC).date()) if counted else None
    key = of_policy(
        read_or_create(STATE.expanduser() / "key") if seed is None else seed,
        policy or next(iter(whole.policies)),
    )
    trusts = trust_from(trusted, revoked, STATE.expanduser() / "versions")
    runtime = Runtime(whole, policy, key, budget, trusted=trusts, floor=floor_from(floor))
    signed = describe(whole, bool(trusts))
    column = table.FILE if paths else table.UTTERANCE
    grows, by_id = endless and kind == ".csv", not (paths or endless)
    rows = (
        table.GrowingTable(out, runtime.width, column)
        if grows
        else table.WholeTable(out, column, by_name=by_id)
    )
    ids, recordings = secrets.randbits(128) if endless else key, dict[str, str]()
    withheld: dict[str, Counter[str]] = {}
    try:
        for name, result in _heard(runtime, files or (), microphone, raw):
            if isinstance(result, Released):
                shown = name if paths else table.utterance_id(ids, name, rows.count, result.vector)
                rows.add(shown, result.vector)
                if by_id:  # a stream has one name, and no end
                    recordings[shown] = name
            else:
                withheld.setdefault(name, Counter())[result] += 1
                typer.secho(printable(f"{name}: nothing released: {result}"), fg="yellow", err=True)
    except KeyboardInterrupt:
        if not endless:
            raise
    finally:
        rows.close()  # whatever ends a stream, what was released is written
    held = sum(map(Counter.total, withheld.values()))
    if json != "-":
        vectors = "vector" if rows.count == 1 else "vectors"
        print(
            printable(
                f"{out}: {rows.count} {vectors} released, {held} withheld, under policy "
                f"{runtime.name} ({signed})"
            )
        )
    if json:
        told = {name: ", ".join(reasons) for name, reasons in withheld.items()}
        known = {"utterances": recordings} if by_id else {}
        write_json(
            json,
            {
                "policy": runtime.name,
                "released": rows.count,
                "withheld": told,
                "out": str(out),
                "signature": report(whole, bool(trusts)),
                **known,
            },
        )
    if held and not endless:
        raise typer.Exit(WITHHELD)


def _heard(
    runtime: Runtime, files: Sequence[str], microphone: bool, raw: int | None
) -> Iterator[tuple[str, Released | str]]:
    """What comes of each recording and of each utterance of a stream: a vector, or why there is
    none.
    """
    from sordino.device.sound.microphone import listen

    for file in files:
        yield from (
            _streamed(runtime, file, *_standard_input(raw))
            if file == "-"
            else [(file, _uttered(runtime, file))]
        )
    if microphone:
        rate, blocks = listen()
        typer.echo("listening: Ctrl-C ends", err=True)
        yield from _streamed(runtime, "microphone", rate, blocks)


def _uttered(runtime: Runtime, file: str) -> Released | str:
    from sordino.signal import audio

    try:
        samples = audio.read(file, sampling_rate=runtime.sampling_rate)
    except AudioError as error:
        return str(error).removeprefix(f"{file}: ")
    return _said(runtime.utterance(samples, runtime.sampling_rate))


def _streamed(
    runtime: Runtime, name: str, rate: int, blocks: Iterator[NDArray[np.float32]]
) -> Iterator[tuple[str, Released | str]]:
    from sordino.device import Stream
    from sordino.device.sound.stream import STREAM_RATES

    if not STREAM_RATES[0] <= rate <= STREAM_RATES[1]:
        raise AudioError(
            f"{name}: {rate} Hz, expected {STREAM_RATES[0]} to {STREAM_RATES[1]}: resample it first"
        )
    stream = Stream(runtime, rate)
    for block in blocks:
        yield from ((name, _said(result)) for result in stream.push(block))
    yield from ((name, _said(result)) for result in stream.end())


def _standard_input(raw: int | None) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """The rate of what comes in on standard input, and its blocks."""
    from sordino.signal import wav

    coded, size = (wav.Format(raw), None) if raw is not None else wav.read_format(sys.stdin.buffer)
    return coded.sampling_rate, wav.read_blocks(sys.stdin.buffer, coded, size)


def _said(result: Result) -> Released | str:
    """A vector, or in words why there is none."""
    from sordino.device import Withheld

    return str(result.reason) if isinstance(result, Withheld) else result
