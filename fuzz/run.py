"""Fuzz bundles and audio: every target by hypothesis and by atheris, in equal shares of the time.

    python fuzz/run.py 600                 ten minutes for all
    python fuzz/run.py 60 --only forged    one target
    python fuzz/run.py --replay forged FILE    an input that atheris left

Exit status 1 where something was found: what was raised, and the input, are printed. An input that
takes over ten seconds, or four GB of memory, is a finding too.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 10
LIMIT_BYTES = 4 << 30
ENGINES = ("hypothesis", "atheris")
NAMES = (
    *("altered", "forged", "models", "encoder", "channel", "arrays"),
    *("budget", "signature", "floor"),
    *("wav", "recording", "words", "labels", "samples", "units"),
)
INSTRUMENTED = [
    "sordino.device",
    "sordino.onnx",
    "sordino.features.tables",
    "sordino.corpora.labels",
    "sordino.toml_text",
    *(
        f"sordino.signal.{name}"
        for name in ("wav", "header_lengths", "decoding", "safe_pickle", "word_files")
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seconds", nargs="?", type=int, default=600)
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"))
    parser.add_argument("--child", nargs=2, metavar=("TARGET", "ENGINE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        name, engine = given.child
        child(name, engine, given.seconds, given.seed)
        return
    with tempfile.TemporaryDirectory(prefix="sordino-fuzz-") as folder:
        os.environ |= whole_bundles()
        os.environ["TMPDIR"] = folder
        if given.replay:
            target(given.replay[0]).hypothesis.fuzz_one_input(Path(given.replay[1]).read_bytes())
            return
        names = [given.only] if given.only else NAMES
        engines = [given.engine] if given.engine else ENGINES
        share = max(1, given.seconds // (len(names) * len(engines)))
        print(f"{share} s for each of {len(names) * len(engines)}, seed {given.seed}", flush=True)
        failed = [
            (name, engine)
            for name in names
            for engine in engines
            if not one(name, engine, share, given.seed)
        ]
    for name, engine in failed:
        print(f"found something: {name} by {engine}")
    sys.exit(bool(failed))


def whole_bundles() -> dict[str, str]:
    """The variables that name the bundles to start from; fitting them needs what no device has."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.device.synthetic_sound_bundle import bundle_path
    from tests.signal.encoder.synthetic_encoder import synthetic_model

    from sordino.signal.encoder import TINY_EN, Encoder, EncoderShape, Speech
    from sordino.signal.feature_sets import FEATURE_SETS

    shape = EncoderShape(TINY_EN.shape.width, heads=2, layers=0)
    encoder = Encoder(synthetic_model(shape), shape.width)
    FEATURE_SETS["speech-tiny"] = Speech("speech-tiny", TINY_EN, encoder=encoder)
    return {
        "SORDINO_FUZZ_BUNDLE": str(bundle_path()),
        "SORDINO_FUZZ_ENCODER_BUNDLE": str(bundle_path(features="speech-tiny")),
    }


def one(name: str, engine: str, seconds: int, seed: int) -> bool:
    """Run one target by one engine in a process of its own; whether nothing was found."""
    command = [sys.executable, __file__, str(seconds), "--seed", str(seed), "--child", name, engine]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    count = re.findall(r"(?:number_of_executed_units: |inputs: )(\d+)", told)
    print(
        f"{name:<8} {engine:<10} {count[-1] if count else '?':>8} inputs  status {done.returncode}",
        flush=True,
    )
    if done.returncode:
        print(told[-6000:])
    return done.returncode == 0


def target(name: str) -> Any:
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    import targets

    return targets.TARGETS[name]


def child(name: str, engine: str, seconds: int, seed: int) -> None:
    if engine == "atheris":
        by_atheris(name, seconds, seed)
    else:
        by_hypothesis(name, seconds, seed)


def watched(call: Any) -> Any:
    """The same call; the process ends with a traceback where it takes too long."""

    def limited(*arguments: Any, **named: Any) -> Any:
        faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
        try:
            return call(*arguments, **named)
        finally:
            faulthandler.cancel_dump_traceback_later()

    return limited


def by_hypothesis(name: str, seconds: int, seed: int) -> None:
    """Examples until the time is up."""
    import hypothesis

    test, count, until = target(name), 0, time.monotonic() + seconds
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    inner = test.hypothesis.inner_test

    def counted(**named: Any) -> None:
        nonlocal count
        count += 1
        watched(inner)(**named)

    test.hypothesis.inner_test = counted
    checks = list(hypothesis.HealthCheck)
    how = hypothesis.settings(
        max_examples=50, deadline=None, database=None, suppress_health_check=checks
    )
    test = how(test)
    while time.monotonic() < until:
        hypothesis.seed(seed + count)(test)()
    print(f"inputs: {count}")


def by_atheris(name: str, seconds: int, seed: int) -> None:
    """Inputs that reach new lines of the code, until the time is up."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        test = target(name)
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed % 2**31}",
        "-max_len=4096",
        "-print_final_stats=1",
        f"-timeout={LIMIT_SECONDS}",
        f"-rss_limit_mb={LIMIT_BYTES >> 20}",
        f"-artifact_prefix={tempfile.gettempdir()}/",
    ]
    atheris.Setup([sys.argv[0], *options], watched(test.hypothesis.fuzz_one_input))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
