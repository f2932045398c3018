"""The golden vectors of a port: what each stage of the features, the segmentation, the draw and the
budget gives for sounds that integer arithmetic defines.

    python -m tests.ports.golden ports/golden.json     writes the file
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.device.budget import DailyBudget
from sordino.device.bundle.archive import json_bytes
from sordino.device.sound import segment
from sordino.device.sound.segment import Segmenter
from sordino.policy import Budget, Policy
from sordino.signal.encoder import log_mel
from sordino.signal.filterbank import filterbank
from sordino.signal.functionals import _frames, _level, functionals, loudness, speech_span
from sordino.signal.pitch import FAINT, pitch

FILE: Final = Path(__file__).parents[2] / "ports" / "golden.json"
RATE: Final = 16000
FRAME: Final = 60
"""The frame whose stages are printed."""

SOUND: Final = (
    (0.3, 0, 0.0, 0.002),
    (0.4, 125, 0.6, 0.02),
    (0.1, 0, 0.0, 0.01),
    (0.5, 200, 0.3, 0.02),
    (0.2, 0, 0.0, 0.002),
)
"""Parts of a sound: seconds, Hz of a sawtooth, its amplitude, and the amplitude of the noise."""

STREAM: Final = (
    (1.0, 0, 0.0, 0.004),
    (1.0, 150, 0.4, 0.004),
    (1.5, 0, 0.0, 0.004),
    (0.7, 110, 0.2, 0.004),
    (1.5, 0, 0.0, 0.004),
    (0.02, 900, 0.4, 0.004),
    (1.0, 0, 0.0, 0.004),
)
"""A stream with two utterances and a click."""


def sound(parts: tuple[tuple[float, int, float, float], ...]) -> NDArray[np.float32]:
    """The samples of a sound. In part p, sample n of the whole sound is

        amplitude · ((n · Hz mod 16000) / 16000 − 1/2) + noise · (floor(r / 65536) / 65536 − 1/2)

    where r is the state of `r <- (1664525 r + 1013904223) mod 2^32`, from 1, before each sample.
    """
    samples, state = list[float](), 1
    for seconds, hertz, amplitude, noise in parts:
        for _ in range(round(seconds * RATE)):
            state = (1664525 * state + 1013904223) % 2**32
            saw = len(samples) * hertz % RATE / RATE - 0.5
            samples.append(amplitude * saw + noise * ((state >> 16) / 65536 - 0.5))
    return np.array(samples, np.float32)


def golden() -> dict[str, Any]:
    """All golden vectors, as JSON has them."""
    content = {
        "sound": SOUND,
        "stream": STREAM,
        **_features(sound(SOUND)),
        "segmentation": _segmentation(sound(STREAM)),
        "draw": _draw(),
        "budget": _budget(),
        "json": _json(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def _features(samples: NDArray[np.float32]) -> dict[str, Any]:
    bands, voice = filterbank(samples), pitch(samples)
    frames = _frames(samples, FAINT)
    level = _level(frames[:, :40].T.astype(np.float64))[0]
    top, loud = loudness(level)
    span = speech_span(loud)
    energies, levels = log_mel._energies(samples)
    values = log_mel.speech_log_mel(samples)
    return {
        "frame": FRAME,
        "filterbank": {"frames": len(bands), "values": _numbers(bands[FRAME])},
        "pitch": {
            "slower": _numbers(_slower(samples)[2000:2010]),
            "frames": len(voice),
            "semitones": _numbers(voice[FRAME : FRAME + 1, 0]),
            "periodicity": _numbers(voice[:, 1]),
        },
        "span": {"top": _number(top), "start": span.start, "stop": span.stop},
        "mel": {"recipe": 5, "values": _numbers(functionals(samples))},
        "mel4": {"recipe": 4, "values": _numbers(functionals(samples, None))},
        "log_mel": {
            "energies": _numbers(energies[FRAME]),
            "level": _number(levels[FRAME]),
            "frames": len(values),
            "values": _numbers(values[10]),
        },
    }


def _slower(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    slow = samples.reshape(-1, 4).mean(axis=1)
    return np.asarray(slow[:-2] / 4 + slow[1:-1] / 2 + slow[2:] / 4, np.float32)


def _segmentation(samples: NDArray[np.float32]) -> dict[str, Any]:
    segmenter = Segmenter()
    utterances = list(segmenter.push(samples))
    last = segmenter.end()
    spans = [
        (round(item.start_seconds * RATE), item.samples.size, item.active_seconds)
        for item in [*utterances, *([last] if last else [])]
    ]
    levels = segment._energies(samples[: segment.BLOCK_SAMPLES])[0]
    return {
        "lines": segment._EDGES.tolist(),
        "levels": _numbers(levels),
        "utterances": [
            {"start": start, "samples": size, "active_seconds": active}
            for start, size, active in spans
        ],
    }


def _draw() -> dict[str, Any]:
    x, key = np.array([0.5, -1.25, 3.0], np.float32), 7
    bins = np.array([0, 1, 1, 0, 2, 2], np.int64)
    rows = np.arange(len(bins), dtype=np.float32)[:, None]
    drawn = keyed_random.draw(np.repeat(x[None], 3, 0), np.arange(3), key, rows, bins, 0.5)
    derived = keyed_random.release_key(key, "ab" * 32)
    return {
        "x": x.tolist(),
        "key": key,
        "uniform": keyed_random.uniform(x[None], key, 3)[0].tolist(),
        "digest": "ab" * 32,
        "release_key": derived.to_bytes(16, "little").hex(),
        "bin": bins.tolist(),
        "epsilon": 0.5,
        "rows": drawn[:, 0].astype(int).tolist(),
    }


def _budget() -> list[dict[str, Any]]:
    """Vectors of a policy with two a day, on days of a clock that is set ahead and back."""
    days = (
        *("2026-01-01",) * 3,
        *("2026-01-02", "2025-12-31", "9000-01-01", "2026-01-03", "2026-01-03", "2026-01-03"),
    )
    steps, clock = list[dict[str, Any]](), days[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "budget"
        budget = DailyBudget(path, lambda: date.fromisoformat(clock))
        for clock in days:  # the clock reads it
            reason = budget.spend(2)
            name = reason.name if reason else None
            steps.append({"clock": clock, "reason": name, "text": path.read_text()})
    return steps


def _json() -> dict[str, Any]:
    knobs = {"drawn": {"epsilon": 2.0, "rate": 1e-05, "name": "Ä\u2028"}}
    settings: Any = {"knobs": knobs, "budget": Budget(0.55, 9)}
    policy = Policy("sad", ("angry",), **settings)
    content = {"b": [1, 1.0, 1e16, 1.5e-7, 0.1, -0.0], "a": ['\x7f\n"\\é😀'], "é": {}, "😀": []}
    return {
        "policy": json_bytes(asdict(policy)).decode(),
        "digest": policy.digest,
        "text": json_bytes(content).decode(),
    }


def _numbers(values: NDArray[Any]) -> list[float]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float:
    """A number with nine digits, as many as float32 has."""
    return float(f"{value:.9g}")


def text() -> str:
    """The content of the file: one line for each part."""
    lines = [f" {json.dumps(key)}: {json.dumps(part)}" for key, part in golden().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
