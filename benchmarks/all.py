"""How fast sordino is on this machine, in one table: what it takes, what another tool takes, and
the ratio.

    python benchmarks/all.py --json speed.json
    python benchmarks/all.py --only mel --only speech

Each part runs both sides in one run, one after the other. Whole commands have no other tool; beside
them stands the goal for two idle cores. Commands run as they stand in the manual, with an empty
folder for results and the user's cache of features: a first run fills it, a second one measures. A
part that lacks its corpora or packages is named and left out. Measure on an idle machine: all parts
take about half an hour on two cores, `--only` takes those with a name that begins with the given
text.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import audit
import extraction
import numpy as np
import training
from numpy.typing import NDArray

from sordino import parallel
from sordino.attack import FULL, QUICK_TABLE, Audit
from sordino.errors import SordinoError
from sordino.features import FEATURE_SETS
from sordino.nn import Settings
from sordino.signal import audio

Sound = NDArray[np.float32]
SHUFFLES = 199
"""Shuffles of a permutation test with scikit-learn; a few are measured."""


class Row(NamedTuple):
    """One line of the table, in seconds on the wall."""

    seconds: float
    other: str = ""
    other_seconds: float | None = None
    goal_seconds: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as long the other tool takes."""
        return self.other_seconds / self.seconds if self.other_seconds else None


def main() -> None:
    """Print the table line by line, and write it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SORDINO_DATA") or shared))
    parser.add_argument("--only", action="append", metavar="NAME", help="repeats (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    table: dict[str, Row] = {}
    print(f"{'':44} {'sordino':>9} {'other':>9} {'ratio':>7} {'goal':>7}")
    with tempfile.TemporaryDirectory() as name:
        for part, measure in parts(options.data, Path(name)).items():
            if options.only and not part.startswith(tuple(options.only)):
                continue
            try:
                table[part] = measure()
            except (ImportError, OSError, SordinoError, subprocess.CalledProcessError) as error:
                print(f"{part:44} left out: {type(error).__name__}: {error}")
                continue
            print(line(part, table[part]), flush=True)
    if options.json:
        result = {
            "cores": parallel.count_workers(),
            "processor": platform.processor() or platform.machine(),
            "rows": {part: row._asdict() | {"ratio": row.ratio} for part, row in table.items()},
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def line(part: str, row: Row) -> str:
    """A line of the table."""
    other = f"{row.other_seconds:9.3g}" if row.other_seconds else f"{'':9}"
    ratio = f"{row.ratio:7.2f}" if row.ratio else f"{'':7}"
    goal = f"{row.goal_seconds:7.0f}" if row.goal_seconds else f"{'':7}"
    return f"{part:44} {row.seconds:9.3g} {other} {ratio} {goal}  {row.other}".rstrip()


def parts(data: Path, folder: Path) -> dict[str, Callable[[], Row]]:
    """The lines of the table, with the function that measures each."""
    both = ["--corpus", f"ravdess={data / 'ravdess'}", "--corpus", f"emodb={data / 'emodb'}"]
    one = both[:2]
    (folder / "budget.toml").write_text(
        'required = "sad"\nsensitive = ["happy", "angry"]\n[budget]\nauc = 0.6\n'
    )
    command = partial(whole_command, folder)
    return {
        "extraction of 100 recordings (IS13)": partial(extraction_row, data),
        "mel, a second of sound": partial(feature_row, data, "mel", "openSMILE IS13", smile),
        "speech, a second of sound": partial(
            feature_row, data, "speech", "transformers, Whisper base", whisper
        ),
        "speech, against openSMILE": partial(feature_row, data, "speech", "openSMILE IS13", smile),
        "training of 30 networks": training_row,
        "audit, quick, 2,000 x 256": partial(audit_row, QUICK_TABLE, 12),
        "audit, full, 2,000 x 256": partial(audit_row, FULL, 120),
        "fit with a budget": partial(
            command, ["fit", "--policy", f"{folder / 'budget.toml'}", *both], "mute.sordino", 180
        ),
        "reproduce feng2021": partial(command, ["reproduce", "feng2021", *both], "feng", 120),
        "reproduce jaiswal2020, audio-activation": partial(
            command,
            ["reproduce", "jaiswal2020", *one, "--only", "audio-activation"],
            "jaiswal",
            240,
        ),
        "compare": partial(command, ["compare", *both], "compared", 360),
    }


def whole_command(folder: Path, arguments: list[str], out: str, goal: float) -> Row:
    """A command of sordino."""
    begin = time.perf_counter()
    sordino([*arguments, "--out", str(folder / out)])
    return Row(time.perf_counter() - begin, goal_seconds=goal)


def sordino(arguments: list[str]) -> None:
    """Run the command line without output. Raises `CalledProcessError` for a status above 0."""
    subprocess.run(
        [sys.executable, "-m", "sordino", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def extraction_row(data: Path) -> Row:
    """openSMILE's features of 100 recordings on all cores, without and with sordino."""
    took = extraction.round_of("IS13", recordings(data, 100), parallel.count_workers(), 0)
    return Row(took["wall", "cold"], "openSMILE on all cores", took["wall", "plain"])


def feature_row(
    data: Path, features: str, other: str, rival: Callable[[], Callable[[Sound], object]]
) -> Row:
    """Seconds of one core for a second of sound."""
    sounds = [audio.read(file) for file in recordings(data, 20)]
    seconds = sum(map(len, sounds)) / audio.SAMPLING_RATE
    ours = one_core(FEATURE_SETS[features], sounds) / seconds
    return Row(ours, other, one_core(rival(), sounds) / seconds)


def one_core(function: Callable[[Sound], object], sounds: list[Sound]) -> float:
    """The processor seconds of a function over all sounds; what it loads once is not counted."""
    function(sounds[0])
    begin = time.process_time()
    for sound in sounds:
        function(sound)
    return time.process_time() - begin


def smile() -> Callable[[Sound], object]:
    """openSMILE's functionals of the Interspeech 2013 challenge."""
    import opensmile

    extractor = opensmile.Smile(opensmile.FeatureSet.IS13, opensmile.FeatureLevel.Functionals)
    return lambda sound: extractor.process_signal(sound, audio.SAMPLING_RATE)


def whisper() -> Callable[[Sound], object]:
    """The encoder of Whisper base in `transformers`, with random weights: the time is the same."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    torch.set_num_threads(1)
    config = WhisperConfig(d_model=512, encoder_layers=6, encoder_attention_heads=8)
    config.encoder_ffn_dim = 2048
    frames = WhisperFeatureExtractor()  # type: ignore[no-untyped-call]
    encoder = WhisperEncoder(config)
    encoder.train(False)

    def vector(sound: Sound) -> object:
        x = frames(sound, sampling_rate=audio.SAMPLING_RATE, return_tensors="pt").input_features
        with torch.no_grad():
            return encoder(x).last_hidden_state.mean(1)

    return vector


def training_row() -> Row:
    """Thirty networks of the paper's grid."""
    settings = Settings(epochs=30, patience=30)
    jobs = [training.job(number, 400, 256, settings) for number in range(30)]
    cores = parallel.count_workers()
    list(parallel.map(partial(training.alone, warm_up=True), jobs[:1] * cores, jobs=cores))
    begin = time.perf_counter()
    list(parallel.map(training.alone, jobs, jobs=cores, ordered=True))
    ours = time.perf_counter() - begin
    begin = time.perf_counter()
    training.loop(jobs)
    return Row(ours, "a loop on one thread", time.perf_counter() - begin)


def audit_row(families: tuple[str, ...], goal: float) -> Row:
    """An audit with a reference, against a permutation test of one SVM."""
    x, gender, speaker = audit.table()
    begin = time.perf_counter()
    Audit(families, jobs=0).run(x, gender, speaker, reference=x)
    ours = time.perf_counter() - begin
    begin = time.perf_counter()
    audit.refit(x, gender, speaker)
    other = (time.perf_counter() - begin) / audit.TIMED_SHUFFLES * SHUFFLES
    return Row(ours, f"scikit-learn, one SVM, {SHUFFLES} shuffles", other, goal)


def recordings(data: Path, count: int) -> list[str]:
    """Evenly drawn recordings of RAVDESS. Raises `FileNotFoundError` without any."""
    files = sorted(str(file) for file in (data / "ravdess").rglob("*.flac"))
    if not files:
        raise FileNotFoundError(f"no recordings in {data / 'ravdess'}: give --data")
    return files[:: max(1, len(files) // count)][:count]


if __name__ == "__main__":
    main()
