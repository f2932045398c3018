"""A voice of espeak-ng, through its C interface.

espeak-ng has global state: an earlier utterance changes the next one slightly, and a second
initialisation does not reset it. So every `Voice` loads its own copy of the library, which the
operating system treats as another library with fresh state. A voice therefore gives the same bytes
for the same sequence of utterances, whatever other voices do in this or another thread.
"""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from importlib.metadata import version as version_of
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import CorpusError, DependencyError, install_step
from sordino.storage import as_storage_error

# Names and numbers of the C header speak_lib.h.
_SYNCHRONOUS: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS: espeak_Synth returns after the synthesis
_DO_NOT_EXIT: Final = 0x8000  # espeakINITIALIZE_DONT_EXIT: report an error, do not end the process
_UTF8: Final = 1
_POSITION_CHARACTER: Final = 1
_PARAMETERS: Final = {"rate": 1, "pitch": 3, "range": 4}
_TIMBRE: Final = (
    "breath",
    "breathw",
    "consonants",
    "flutter",
    "formant",
    "roughness",
    "stressAdd",
    "stressAmp",
    "voicing",
)
"""Attributes of a voice file that describe the sound of the voice."""

_ON_SOUND = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def _loader() -> ModuleType:
    try:
        import espeakng_loader
    except ImportError as error:
        reason = "espeakng_loader is not installed, the synthetic corpus needs it"
        raise DependencyError(f"{reason}: {install_step('demo')}") from error
    module: ModuleType = espeakng_loader
    return module


def version() -> str:
    """The version of the package that contains espeak-ng. Raises `DependencyError` when it is not
    installed.
    """
    _loader()
    return version_of("espeakng_loader")


def variant(name: str) -> str:
    """The sound of a voice variant of espeak-ng, such as `f1` or `m3`: lines for the text of a
    `Voice`, without its language, name, pitch and echo.

    >>> print(variant("m3").splitlines()[0])
    formant 0 100 100 100

    Raises `DependencyError` without espeak-ng, `CorpusError` for a variant that it lacks.
    """
    file = Path(_loader().get_data_path(), "voices", "!v", name)
    if name != file.name or not file.is_file():
        raise CorpusError(f"espeak-ng has no voice variant {name!r}, expected one as f1 or m3")
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return "\n".join(line for line in lines if line.split(" ")[0] in _TIMBRE)


class Voice:
    """A speaker described by the text of an espeak-ng voice file (lines such as `pitch 82 118`).

    >>> voice = Voice("language en-us")
    >>> signal = voice.say("It is late.", rate=175, pitch=50, pitch_range=50, seed=0)
    >>> signal.dtype.name, 0.3 < len(signal) / 22050 < 1.5
    ('int16', True)

    Raises `DependencyError` when espeak-ng is not installed, `CorpusError` when it refuses the
    description.
    """

    def __init__(self, description: str) -> None:
        loader = _loader()
        self._blocks: list[NDArray[np.int16]] = []
        self._on_sound = _ON_SOUND(self._receive)  # the library holds only its address
        with (
            as_storage_error(tempfile.gettempdir()),
            tempfile.TemporaryDirectory(prefix="sordino-") as name,
        ):
            copy = shutil.copy(loader.get_library_path(), name)
            self._library = ctypes.CDLL(copy)
            # espeak-ng cuts paths of more than about 160 characters: a link shortens the path
            Path(name, "espeak-ng-data").symlink_to(loader.get_data_path())
            Path(name, "voice").write_text(description + "\n")
            self.sampling_rate = int(
                self._library.espeak_Initialize(_SYNCHRONOUS, 0, name.encode(), _DO_NOT_EXIT)
            )
            """Sampling rate of the signals of `say`, in Hz."""
            if self.sampling_rate <= 0:
                raise CorpusError(
                    "espeak-ng does not start, its data may be broken: reinstall espeakng-loader"
                )
            self._library.espeak_SetSynthCallback(self._on_sound)
            self._check(self._library.espeak_SetVoiceByFile(str(Path(name, "voice")).encode()))

    def say(
        self, text: str, *, rate: int, pitch: int, pitch_range: int, seed: int
    ) -> NDArray[np.int16]:
        """The signal of `text`, shape `(samples,)`, the same for the same voice, history and
        arguments.

        - `rate`: words per minute, 80 to 450.
        - `pitch`: 50 is that of the voice, 0 an octave lower, 100 an octave higher.
        - `pitch_range`: 50 is that of the voice, 0 a monotone, 100 twice as wide.
        - `seed`: decides jitter and breath.
        """
        settings = {"rate": rate, "pitch": pitch, "range": pitch_range}
        for parameter, value in settings.items():
            self._check(self._library.espeak_SetParameter(_PARAMETERS[parameter], value, 0))
        self._check(self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed)))
        self._blocks.clear()
        content = text.encode() + b"\0"
        size = ctypes.c_size_t(len(content))
        self._check(
            self._library.espeak_Synth(content, size, 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
        )
        return np.concatenate(self._blocks)

    def _receive(self, block: ctypes._Pointer[ctypes.c_short], samples: int, _events: int) -> int:
        if block and samples:
            self._blocks.append(np.ctypeslib.as_array(block, (samples,)).copy())
        return 0

    @staticmethod
    def _check(status: int) -> None:
        if status != 0:
            raise CorpusError(
                f"espeak-ng answers with error {status}, expected 0: reinstall espeakng-loader"
            )
