"""A corpus of synthetic speech, for the demo and for tests.

espeak-ng says short sentences in the voices of synthetic speakers, half of each gender. Four
emotions differ in pitch, pitch range, rate and loudness, with random variation per speaker and
utterance, and every speaker has a room of their own. The corpus exercises the whole program; no
result on it is evidence about real speech.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import signal as filters

from sordino import parallel, storage
from sordino.corpora import espeak, table
from sordino.corpora.table import Corpus
from sordino.define import Gender
from sordino.errors import CorpusError
from sordino.progress import track
from sordino.signal import audio

NAME: Final = "synthetic"
SPEECH_RECIPE: Final = 1
"""Version of this file, which increases when the sound changes."""

ENGLISH: Final = (
    "The blue cup stands on the table.",
    "We walk to the station at seven.",
    "There are four chairs in the hall.",
    "My coat hangs behind the door.",
    "The letter came with the morning post.",
    "She puts the keys into the drawer.",
    "The bus stops in front of the bank.",
    "I will call you after lunch.",
    "They moved the lamp to the window.",
    "The shop opens at half past nine.",
    "He carries a bag of apples.",
    "The meeting takes place upstairs.",
    "You can leave the box in the kitchen.",
    "The train to the coast runs every hour.",
    "Her bicycle leans against the fence.",
    "This road goes along the river.",
)
"""Sentences with neutral content."""

SPANISH: Final = (
    "La taza azul está sobre la mesa.",
    "Caminamos a la estación a las siete.",
    "Hay cuatro sillas en la sala.",
    "Mi abrigo cuelga detrás de la puerta.",
    "La carta llegó con el correo de la mañana.",
    "Ella pone las llaves en el cajón.",
    "El autobús para delante del banco.",
    "Te llamaré después de comer.",
    "Han movido la lámpara a la ventana.",
    "La tienda abre a las nueve y media.",
    "Él lleva una bolsa de manzanas.",
    "La reunión es en el piso de arriba.",
    "Puedes dejar la caja en la cocina.",
    "El tren a la costa sale cada hora.",
    "Su bicicleta está apoyada en la valla.",
    "Este camino va junto al río.",
)
"""Sentences with neutral content, for experiments across languages."""

LANGUAGES: Final = {
    "en-us": ("language en-us\ndictrules 3 6", ENGLISH),
    "es": ("language es", SPANISH),
}
"""Languages: the espeak-ng settings and the sentences of each."""

ACTING: Final = {
    "neutral": (0.0, 0.0, 0.0, 0.0),
    "happy": (5.0, 0.4, 0.0, 3.0),
    "sad": (0.0, -0.5, -0.15, -1.0),
    "angry": (2.0, 0.1, 0.06, 7.0),
}
"""The change of an emotion from the speaker's neutral voice: pitch in semitones, pitch range in
octaves (doublings), rate in octaves, loudness in dB. Happy lies nearest to angry, and sad to
neutral.
"""

INTENSITY_FACTORS: Final = {"normal": 0.9, "strong": 1.4}
"""Factors of `ACTING`; neutral has only the normal intensity."""

OF_SPEAKER: Final = (0.7, 0.12, 0.03, 0.7)
"""Standard deviation between speakers for one emotion, in the units of `ACTING`."""

OF_UTTERANCE: Final = (0.8, 0.15, 0.04, 1.0)
"""Standard deviation between utterances of a speaker, in the units of `ACTING`."""

TAKES: Final = {
    "neutral": {"normal": 7},
    "happy": {"normal": 4, "strong": 3},
    "sad": {"normal": 4, "strong": 3},
    "angry": {"normal": 4, "strong": 3},
}
"""Utterances of one speaker by emotion and intensity; each emotion has seven."""

NEUTRAL_LEVEL: Final = 0.05
"""Root mean square of a speaker's neutral voice at a microphone of average gain; full scale is 1.
"""

RATES: Final = (80, 450)
"""Words per minute that espeak-ng can say."""

PEAK: Final = 0.9
"""The largest magnitude of a sample."""


@dataclass(frozen=True)
class Take:
    """One utterance before its synthesis."""

    file: str
    emotion: str
    intensity: str
    transcript: str


@dataclass(frozen=True)
class Room:
    """The acoustic conditions of a speaker.

    `gain` is that of the microphone, `noise` the root mean square of the background, and `colour`
    its spectral tilt: 0 is white, and more is darker.
    """

    gain: float
    noise: float
    colour: float


def make(
    folder: Path, seed: int = 0, speakers: int = 24, jobs: int = -1, language: str = "en-us"
) -> Corpus:
    """The synthetic corpus: 28 utterances per speaker at 16 kHz; only those that are not yet in
    `folder` are synthesised.

    The same `seed`, `speakers` and `language` (of `LANGUAGES`) give the same bytes; other values
    have another folder inside `folder`. A killed run resumes with the missing files. `jobs`
    speakers are synthesised in parallel; -1 means one per core.

    Raises `DependencyError` without espeak-ng, `StorageError` when `folder` cannot be written,
    `CorpusError` for fewer than two speakers or an unknown language.
    """
    if language not in LANGUAGES:
        raise CorpusError(
            f"language {language!r}, expected one of {', '.join(LANGUAGES)}: choose one"
        )
    if speakers < 2:
        raise CorpusError(
            f"{speakers} speakers, expected at least 2, one of each gender: ask for more"
        )
    settings = {
        "recipe": SPEECH_RECIPE,
        "seed": seed,
        "speakers": speakers,
        "espeakng-loader": espeak.version(),
    }
    recipe = json.dumps(settings if language == "en-us" else {**settings, "language": language})
    home = Path(folder) / f"{NAME}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not (home / "recipe.json").is_file():
        storage.write(home / "recipe.json", recipe + "\n")
    # threads: espeak-ng and numpy use nearly all of the time and release the lock of Python
    speak = partial(_speak, home, seed, language)
    groups = parallel.map(speak, range(speakers), jobs=jobs, ordered=True, threads=True)
    rows = [row for group in track(groups, "synthetic speakers", speakers) for row in group]
    return table.make(NAME, pd.DataFrame(rows))


def _speak(home: Path, seed: int, language: str, number: int) -> list[dict[str, str]]:
    """The rows of one speaker, after the synthesis of missing files."""
    random = np.random.default_rng([seed, number])
    speaker, gender = f"{number + 1:02d}", (Gender.MALE, Gender.FEMALE)[number % 2]
    description, room = _description(random, gender, language), _room(random)
    style = {emotion: random.normal(0, OF_SPEAKER) for emotion in ACTING}
    takes = _takes(random, speaker, language)
    if not all((home / take.file).is_file() for take in takes):
        voice = espeak.Voice(description)
        # existing takes as well, since an utterance depends slightly on the earlier ones
        for take in takes:
            acting = (
                INTENSITY_FACTORS[take.intensity] * np.array(ACTING[take.emotion])
                + style[take.emotion]
                + random.normal(0, OF_UTTERANCE)
            )
            signal = say(random, room, voice, take.transcript, acting)
            if not (home / take.file).is_file():
                audio.write(home / take.file, signal, audio.SAMPLING_RATE)
    return [
        {**asdict(take), "file": str(home / take.file), "speaker": speaker, "gender": gender}
        for take in takes
    ]


def _takes(random: np.random.Generator, speaker: str, language: str) -> list[Take]:
    """The takes of a speaker: the sentences in random order, with the counts of `TAKES`."""
    cells = [
        (emotion, how)
        for emotion, takes in TAKES.items()
        for how, count in takes.items()
        for _ in range(count)
    ]
    sentences = LANGUAGES[language][1]
    order = np.resize(random.permutation(len(sentences)), len(cells))
    return [
        Take(
            f"{speaker}/{speaker}-{emotion}-{how}-{sentence + 1:02d}.wav",
            emotion,
            how,
            sentences[sentence],
        )
        for (emotion, how), sentence in zip(cells, order, strict=True)
    ]


def _description(random: np.random.Generator, gender: Gender, language: str) -> str:
    """An espeak-ng voice file: pitch, vocal tract length (as formant frequencies), colour and
    roughness of a voice.
    """
    female = gender == Gender.FEMALE
    pitch_hz = random.normal(190, 18) if female else random.normal(112, 12)
    tract = random.normal(1.14, 0.03) if female else random.normal(1.0, 0.03)
    lines = [
        LANGUAGES[language][0],
        f"pitch {pitch_hz:.0f} {pitch_hz * random.uniform(1.25, 1.5):.0f}",
        f"speed {random.normal(100, 6):.0f}",
        f"flutter {random.integers(2, 9)}",
        f"roughness {random.integers(0, 4)}",
        f"voicing {random.normal(100, 10):.0f}",
        f"consonants {random.normal(100, 15):.0f} {random.normal(100, 15):.0f}",
    ]
    for formant in range(9):
        frequency, height, width = (
            100 * tract * random.normal(1, 0.02),
            random.normal(95, 8),
            random.normal(115, 12),
        )
        lines.append(f"formant {formant} {frequency:.0f} {height:.0f} {width:.0f}")
    return "\n".join(lines)


def _room(random: np.random.Generator) -> Room:
    return Room(
        10 ** (random.normal(0, 2) / 20),
        10 ** (random.uniform(-66, -51) / 20),
        random.uniform(0.5, 0.95),
    )


def say(
    random: np.random.Generator,
    room: Room,
    voice: espeak.Voice,
    text: str,
    acting: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The recording of a text in a room at 16 kHz, shape `(samples,)`, with the same bytes for the
    same history of `random` and `voice`.

    `acting` is the change from the neutral voice in the units of `ACTING`, shape `(4,)`. Changes
    that espeak-ng cannot make are limited.
    """
    semitones, octaves, rate, loudness_db = acting
    sound = voice.say(
        text,
        rate=int(np.clip(round(175 * 2**rate), *RATES)),
        pitch=int(np.clip(round(50 + 50 * semitones / 12), 0, 99)),
        pitch_range=int(np.clip(round(50 * 2**octaves), 0, 99)),
        seed=int(random.integers(1, 2**31)),
    )
    sound = filters.resample_poly(sound / 32768, 320, 441)  # 22,050 Hz to 16 kHz
    return _record(random, room, sound, loudness_db)


def _record(
    random: np.random.Generator, room: Room, sound: NDArray[np.float64], loudness_db: float
) -> NDArray[np.float64]:
    """The signal of the microphone: the sound at its loudness, short pauses before and after, and
    noise throughout.
    """
    before, after = (random.uniform(0.05, 0.2, size=2) * audio.SAMPLING_RATE).astype(int)
    padded = np.pad(
        sound * NEUTRAL_LEVEL / np.sqrt(np.mean(sound**2)) * 10 ** (loudness_db / 20),
        (before, after),
    )
    noise = filters.lfilter([1.0], [1.0, -room.colour], random.normal(size=len(padded)))
    noise *= room.noise * np.sqrt(1 - room.colour**2) * 10 ** (random.normal(0, 2) / 20)
    signal = room.gain * (padded + noise)
    limited: NDArray[np.float64] = signal * min(1.0, PEAK / np.abs(signal).max())
    return limited
