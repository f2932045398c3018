"""The recipe `standard`: one copy of a recording in a random condition.

room        p .4     T60 .15 to .7 s, direct sound 0 to 12 dB above the tail, gap 4 ms
noise       p .85    5 to 40 dB below active level: white, pink, brown, babble, or a recording
                     of the user's; slowly modulated with p .3
equaliser   p .3     9 points, 4 dB
gain        always   -12 to +6 dB
clipping    p .1     at .3 to .9 of the largest value
telephone   p .2     mu-law or A-law
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from sordino.signal import audio
from sordino.signal.conditions import channels, noise
from sordino.signal.conditions.level import Waveform, add_noise

RECIPE: Final = 1
"""Number of the recipe. It changes with every change of values."""


@dataclass(frozen=True)
class Sources:
    """Recordings that a copy may be mixed with. They are read only where they are used.

    - `voices`: the voices of the babble; no voice replaces babble by pink noise.
    - `recorded`: from a random generator and a length to recorded noise; None for none.
    """

    voices: Callable[[], Sequence[Waveform]]
    recorded: Callable[[np.random.Generator, int], Waveform] | None = None


def config() -> dict[str, object]:
    """All that determines a copy beside its recordings."""
    packages = {"numpy": np.__version__, "scipy": scipy.__version__}
    return {"recipe": RECIPE, **packages, **audio.versions()}


def standard(
    samples: Waveform, random: np.random.Generator, sources: Sources
) -> NDArray[np.float32]:
    """A copy of a recording in a random condition, of the same length.

    The same generator and sources give the same bytes on one machine.
    """
    copy: Waveform = samples.astype(np.float64)
    if random.random() < 0.4:
        response = channels.tail(random, random.uniform(0.15, 0.7), random.uniform(0, 12))
        copy = channels.in_room(copy, response)
    if random.random() < 0.85:
        copy = add_noise(copy, _noise(random, len(copy), sources), random.uniform(5, 40))
    if random.random() < 0.3:
        copy = channels.equalised(random, copy)
    copy = copy * 10 ** (random.uniform(-12, 6) / 20)
    if random.random() < 0.1:
        copy = channels.clipped(copy, random.uniform(0.3, 0.9))
    if random.random() < 0.2:
        copy = channels.telephone(copy, "mu-law" if random.random() < 0.5 else "a-law")
    return copy.astype(np.float32)


def _noise(random: np.random.Generator, length: int, sources: Sources) -> Waveform:
    kinds = [*noise.COLOURS, "babble", *(["recorded"] if sources.recorded else [])]
    kind = kinds[random.integers(len(kinds))]
    if kind == "recorded" and sources.recorded is not None:
        sound = sources.recorded(random, length)
    elif kind == "babble" and (voices := sources.voices()):
        sound = noise.babble(random, voices, length)
    else:
        sound = noise.coloured(random, length, noise.COLOURS.get(kind, noise.COLOURS["pink"]))
    return noise.modulated(random, sound) if random.random() < 0.3 else sound
