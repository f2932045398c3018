"""`sordino release`: recordings in, released vectors out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino.cli.options import Json, Out, write_json
from sordino.errors import AudioError

if TYPE_CHECKING:
    from sordino.device import Released, Runtime

BundleFile = Annotated[Path, typer.Argument(metavar="BUNDLE", help="What `sordino fit` wrote.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="A recording of one utterance; again for others.")]
PolicyName = Annotated[
    str | None,
    typer.Option("--policy", metavar="NAME", help="Which policy of the bundle; needed where it has several."),
]
Key = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Draw the same each time; else the operating system gives the chance."),
]

WITHHELD = 1
"""The exit status where nothing was released of one recording or more."""


def release(
    bundle: BundleFile,
    files: Files,
    out: Out,
    policy: PolicyName = None,
    seed: Key = None,
    json: Json = None,
) -> None:
    """Release one vector of each recording, as a policy says, and nothing else.

    The table (.npz, .csv, or .parquet where pyarrow is installed) holds the file and the vector of each. Of a recording
    that cannot be used nothing is released: standard error says why, and the status is 1.

    \b
    Example:
      sordino release muted.sordino monday.wav tuesday.wav --out released.npz
    """
    import numpy as np

    from sordino.device import Released, Runtime, table

    table.suffix(out)
    runtime = Runtime(bundle, policy, seed)
    found = dict(_uttered(runtime, files))
    released = {file: one.vector for file, one in found.items() if isinstance(one, Released)}
    withheld = {file: str(one) for file, one in found.items() if not isinstance(one, Released)}
    for file, reason in withheld.items():
        typer.secho(f"{file}: nothing released: {reason}", fg="yellow", err=True)
    if released:
        table.write(out, list(released), np.stack(list(released.values())))
    if json != "-":
        print(f"{out}: {len(released)} vectors released, {len(withheld)} withheld, under policy {runtime.name}")
    if json:
        write_json(json, {"policy": runtime.name, "released": len(released), "withheld": withheld, "out": str(out)})
    if withheld:
        raise typer.Exit(WITHHELD)


def _uttered(runtime: Runtime, files: Iterable[Path]) -> Iterator[tuple[str, Released | str]]:
    """Each recording, and what comes of it: a vector, or why there is none."""
    from sordino.device import Withheld
    from sordino.signal import audio

    for file in files:
        try:
            samples = audio.read(file, sampling_rate=runtime.sampling_rate)
        except AudioError as error:
            yield str(file), str(error).removeprefix(f"{file}: ")
            continue
        result = runtime.utterance(samples, runtime.sampling_rate)
        yield str(file), str(result.reason) if isinstance(result, Withheld) else result
