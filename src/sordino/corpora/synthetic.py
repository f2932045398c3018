"""A corpus of synthetic speech: the demo's, and what tests hear where no real recordings are.

espeak-ng says short sentences in the voices of made-up speakers, half of each gender, who act four
emotions through pitch, pitch range, rate and loudness, each a little differently every time and in
a room of their own. It is sound to try the whole flow on and nothing more: no figure measured on it
says anything about people.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import signal as filters

from sordino import storage
from sordino.corpora import espeak, table
from sordino.corpora.table import Corpus
from sordino.define import Gender
from sordino.errors import CorpusError
from sordino.progress import track
from sordino.signal import audio

NAME: Final = "synthetic"
RECIPE: Final = 1
"""Counts the changes of this file that change the sound."""

SENTENCES: Final = (
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
"""Their content says nothing about how the speaker feels."""

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
"""The same, for whoever asks what carries over to another language."""

LANGUAGES: Final = {
    "en-us": ("language en-us\ndictrules 3 6", SENTENCES),
    "es": ("language es", SPANISH),
}
"""Languages: how espeak-ng reads them, and what is said."""

ACTING: Final = {
    "neutral": (0.0, 0.0, 0.0, 0.0),
    "happy": (5.0, 0.4, 0.0, 3.0),
    "sad": (0.0, -0.5, -0.15, -1.0),
    "angry": (2.0, 0.1, 0.06, 7.0),
}
"""What an emotion adds to a speaker's neutral voice: pitch in semitones, pitch range in octaves
(doublings), rate in octaves, loudness in dB. Happy lies nearest to angry, and sad to neutral.
"""

INTENSITIES: Final = {"normal": 0.9, "strong": 1.4}
"""How much of `ACTING` is acted; neutral is only ever normal."""

OF_SPEAKER: Final = (0.7, 0.12, 0.03, 0.7)
"""Standard deviation of a speaker's own way to act one emotion, around `ACTING` and in its units.
"""

OF_UTTERANCE: Final = (0.8, 0.15, 0.04, 1.0)
"""Standard deviation from one utterance to the next, in the units of `ACTING`."""

TAKES: Final = {
    "neutral": {"normal": 7},
    "happy": {"normal": 4, "strong": 3},
    "sad": {"normal": 4, "strong": 3},
    "angry": {"normal": 4, "strong": 3},
}
"""Utterances of one speaker by emotion and intensity: as many of each emotion."""

LEVEL: Final = 0.05
"""Root mean square of a speaker's neutral voice at a microphone of average gain; full scale is 1.
"""

PEAK: Final = 0.9
"""No sample is louder."""


@dataclass(frozen=True)
class Take:
    """One utterance before it is said."""

    file: str
    emotion: str
    intensity: str
    transcript: str


@dataclass(frozen=True)
class Room:
    """Where a speaker is recorded.

    `gain` is the microphone's, `noise` the root mean square of the background, `colour` how dark
    that is: 0 is white.
    """

    gain: float
    noise: float
    colour: float


def make(
    folder: Path, seed: int = 0, speakers: int = 24, jobs: int = -1, language: str = "en-us"
) -> Corpus:
    """The synthetic corpus: 28 utterances a speaker, 16 kHz, of which only those not yet in
    `folder` are made.

    Same `seed`, `speakers` and `language` (of `LANGUAGES`), same bytes. Other ones go to another
    folder inside `folder`. A killed run resumes with the files that are missing. `jobs` speakers
    are made at a time, -1 means one a core.

    Raises `DependencyError` without espeak-ng, `StorageError` when `folder` cannot be written,
    `CorpusError` for fewer than two speakers or a language that it does not know.
    """
    if language not in LANGUAGES:
        raise CorpusError(
            f"language {language!r}, expected one of {', '.join(LANGUAGES)}: choose one"
        )
    if speakers < 2:
        raise CorpusError(
            f"{speakers} speakers, expected at least 2, one of each gender: ask for more"
        )
    given = {
        "recipe": RECIPE,
        "seed": seed,
        "speakers": speakers,
        "espeakng-loader": espeak.version(),
    }
    recipe = json.dumps(given if language == "en-us" else {**given, "language": language})
    place = Path(folder) / f"{NAME}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not (place / "recipe.json").is_file():
        storage.write(place / "recipe.json", recipe + "\n")
    # threads: nearly all the time is spent in espeak-ng and numpy, which let others run
    pool = joblib.Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    made = pool(joblib.delayed(_speak)(place, seed, number, language) for number in range(speakers))
    rows = [row for of_speaker in track(made, "synthetic speakers", speakers) for row in of_speaker]
    return table.make(NAME, pd.DataFrame(rows))


def _speak(place: Path, seed: int, number: int, language: str) -> list[dict[str, str]]:
    """The rows of one speaker, whose missing files are made."""
    random = np.random.default_rng([seed, number])
    speaker, gender = f"{number + 1:02d}", (Gender.MALE, Gender.FEMALE)[number % 2]
    description, room = _description(random, gender, language), _room(random)
    own = {emotion: random.normal(0, OF_SPEAKER) for emotion in ACTING}
    takes = _takes(random, speaker, language)
    if not all((place / take.file).is_file() for take in takes):
        voice = espeak.Voice(description)
        for take in (
            takes
        ):  # also those that are there: what a voice says depends a little on what it said before
            signal = _record(random, room, *_act(random, voice, take, own[take.emotion]))
            if not (place / take.file).is_file():
                audio.write(place / take.file, signal, audio.SAMPLING_RATE)
    return [
        {**asdict(take), "file": str(place / take.file), "speaker": speaker, "gender": gender}
        for take in takes
    ]


def _takes(random: np.random.Generator, speaker: str, language: str) -> list[Take]:
    """What a speaker says: the sentences in an order of their own, each emotion in as many as
    `TAKES` says.
    """
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


def _act(
    random: np.random.Generator, voice: espeak.Voice, take: Take, own: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The sound of one take at 16 kHz, shape `(samples,)`, and its loudness in dB over the neutral
    voice.
    """
    acting = (
        INTENSITIES[take.intensity] * np.array(ACTING[take.emotion])
        + own
        + random.normal(0, OF_UTTERANCE)
    )
    semitones, octaves, rate, loudness_db = acting
    said = voice.say(
        take.transcript,
        rate=round(175 * 2**rate),
        pitch=int(np.clip(round(50 + 50 * semitones / 12), 0, 99)),
        pitch_range=int(np.clip(round(50 * 2**octaves), 0, 99)),
        seed=int(random.integers(1, 2**31)),
    )
    return filters.resample_poly(said / 32768, 320, 441), loudness_db  # 22,050 Hz to 16 kHz


def _record(
    random: np.random.Generator, room: Room, sound: NDArray[np.float64], loudness_db: float
) -> NDArray[np.float64]:
    """What the microphone hears: the sound at its loudness, a little of the room before and after,
    noise throughout.
    """
    before, after = (random.uniform(0.05, 0.2, size=2) * audio.SAMPLING_RATE).astype(int)
    heard = np.pad(
        sound * LEVEL / np.sqrt(np.mean(sound**2)) * 10 ** (loudness_db / 20), (before, after)
    )
    noise = filters.lfilter([1.0], [1.0, -room.colour], random.normal(size=len(heard)))
    noise *= room.noise * np.sqrt(1 - room.colour**2) * 10 ** (random.normal(0, 2) / 20)
    signal = room.gain * (heard + noise)
    limited: NDArray[np.float64] = signal * min(1.0, PEAK / np.abs(signal).max())
    return limited
