"""A transcript as a sequence of word vectors, from files like those of word2vec (Mikolov et al.
2013).

    ======  =======================================================================================
    .kv     the format of gensim. Vectors in a file beside it (`NAME.kv.vectors.npy`, written by
            `features.words.save`) are memory-mapped: processes share them and read them in blocks.
            The file is a pickle, but only its data are read (`safe_pickle`), so that a foreign
            file executes no code
    .bin    the binary format of word2vec's C tool
    .txt    the same as text, one word a line, with `words dims` in the first line (word2vec) or
            without (GloVe)
    ======  =======================================================================================

`<unk>` replaces every unknown word: the file's vector of that name, or else the mean of all its
vectors.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage, textfile
from sordino.errors import DependencyError, FeatureError, install_step

if TYPE_CHECKING:
    from sordino.signal.word_files import Vocabulary

UNKNOWN_WORD: Final = "<unk>"
"""The entry for all unknown words."""

_TOKEN: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_BLOCK: Final = 1 << 16  # rows in one step


def tokens(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits, with inner apostrophes and
    hyphens.

    >>> tokens("You’re the point-person, KL-5... [LAUGHTER] Über_uns?")
    ["you're", 'the', 'point-person', 'kl-5', 'laughter', 'über', 'uns']
    """
    return _TOKEN.findall(unicodedata.normalize("NFC", text).lower().replace("’", "'"))


@dataclass(frozen=True, eq=False)
class Words:
    """A text to its word vectors: `text -> (max(1, words), d)` float32, one row a token, in order.

    A token is looked up in lower case, then as a name (`Paris`), then as an acronym (`TV`), so that
    the capitals of a transcript have no effect. An unknown token becomes `unknown`. A text without
    known words becomes a single row of `unknown`, so that even its length stays hidden.

    >>> words = Words.of(["<unk>", "hot", "Rome"], np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))
    >>> words("Rome is HOT!").tolist()
    [[0.0, 2.0], [0.0, 0.0], [1.0, 0.0]]
    >>> words("").shape, words("what is this").shape
    ((1, 2), (1, 2))
    """

    row_of: Mapping[str, int]
    """The row of each word."""

    vectors: NDArray[np.floating]  # (words, d), read-only; memory-mapped where the file allows it
    unknown: NDArray[np.float32]  # (d,), read-only

    @staticmethod
    def of(vocabulary: Sequence[str], vectors: NDArray[np.floating]) -> Words:
        """The words of a vocabulary with their rows of `vectors` `(words, d)`, which is not copied.

        Raises `FeatureError` for no word, a repeated word, another number of rows, NaN and
        infinity.
        """
        row_of = {word: row for row, word in enumerate(vocabulary)}
        if len(row_of) < len(vocabulary) == len(vectors):
            twice = next(word for row, word in enumerate(vocabulary) if row_of[word] != row)
            raise FeatureError(
                f"{len(row_of)} different words of {len(vocabulary)}: {twice[:40]!r} comes twice, "
                "expected a row a word"
            )
        rows = vectors.view()
        rows.setflags(write=False)
        if not (
            vectors.ndim == 2 and vectors.size and len(row_of) == len(vocabulary) == len(vectors)
        ):
            raise FeatureError(
                f"{len(row_of)} different words of {len(vocabulary)} and vectors {vectors.shape}, "
                "expected a row a word"
            )
        mean = np.sum(
            [block.sum(axis=0, dtype=np.float64) for block in _blocks(rows)], axis=0
        ) / len(rows)
        if not np.isfinite(mean).all():
            raise FeatureError(
                "vectors that are NaN or infinite, expected numbers: take another file"
            )
        unknown = np.array(
            rows[row_of[UNKNOWN_WORD]] if UNKNOWN_WORD in row_of else mean, dtype=np.float32
        )
        unknown.setflags(write=False)
        return Words(row_of, rows, unknown)

    def __call__(self, text: str) -> NDArray[np.float32]:
        rows = [self._row(token) for token in tokens(text)]
        if all(row is None for row in rows):
            return self.unknown[None].copy()
        vectors = [self.unknown if row is None else self.vectors[row] for row in rows]
        return np.array(vectors, dtype=np.float32)

    def __len__(self) -> int:
        """The number of known words."""
        return len(self.row_of)

    def __contains__(self, token: str) -> bool:
        """Whether a token is known."""
        return self._row(token) is not None

    @property
    def dims(self) -> int:
        """d, the length of a vector."""
        return len(self.unknown)

    @functools.cached_property
    def hash(self) -> str:
        """12 hexadecimal digits of every word and vector."""
        digest = hashlib.sha256("\n".join(self.row_of).encode())
        for block in _blocks(self.vectors):
            digest.update(block.astype("<f4").tobytes())
        return digest.hexdigest()[:12]

    def _row(self, token: str) -> int | None:
        forms = (token, token.capitalize(), token.upper())
        return next((self.row_of[form] for form in forms if form in self.row_of), None)


def read(path: str | Path) -> Words:
    """The words of a file, by its suffix: `.kv`, `.bin` or `.txt`, as in the table above.

    Raises `FeatureError` for another suffix and for a cut, damaged or foreign file, `StorageError`
    for an unreadable file.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        suffix = path.suffix or "missing"
        raise FeatureError(
            f"{path}: suffix {suffix}, expected {', '.join(_SUFFIXES)}: unpack or convert it"
        )
    if path.exists() and not path.is_file() and not path.is_dir():
        raise FeatureError(f"{path}: a pipe or a device, expected a file: copy it")
    with storage.as_storage_error(path):
        with path.open("rb") as file:
            head = file.read(textfile.HEAD_BYTES)
        problem = textfile.disguise(head) or (
            textfile.coding(head) if path.suffix.lower() == ".txt" else None
        )
        if problem:
            kind, remedy = problem.split(": ", 1)
            raise FeatureError(
                f"{path}: {kind}, expected word vectors in a {path.suffix} file: {remedy}"
            )
        try:
            return Words.of(*_reader(path.suffix.lower())(path))
        except FileNotFoundError as error:
            missing = Path(error.filename).name
            raise FeatureError(
                f"{path}: {missing} is missing, expected it beside the file: copy both"
            ) from error
        except OSError:
            raise
        except Exception as error:  # parsers of damaged files raise any exception
            raise FeatureError(
                f"{path}: no word vectors that can be read, expected a whole {path.suffix} file as "
                f"word2vec or gensim writes it ({_cause(error)}): copy or convert it anew"
            ) from error


def _cause(error: Exception) -> str:
    """The message of an error of sordino; messages of other libraries are replaced by `damaged`."""
    ours = isinstance(error, FeatureError) or (
        type(error) is ValueError and error.__traceback__ is not None
    )
    return (
        str(error).split(", expected")[0]
        if ours and str(error).isprintable() and str(error)
        else "damaged"
    )


def gensim_models() -> Any:
    """`gensim.models`, loaded on first use since it takes a second. Raises `DependencyError` where
    it is not installed.
    """
    try:
        import gensim.models
    except ImportError as error:
        raise DependencyError(
            f"gensim is not installed, expected it for word vectors: {install_step('words')}"
        ) from error
    return gensim.models


def _blocks(vectors: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """Blocks of rows as views, so that a memory-mapped table is never completely in memory."""
    return [vectors[first : first + _BLOCK] for first in range(0, len(vectors), _BLOCK)]


_SUFFIXES: Final = (".kv", ".bin", ".txt")


def _reader(suffix: str) -> Callable[[Path], Vocabulary]:
    """The reader of a format."""
    from sordino.signal import word_files  # here: a device that reads no words starts without it

    return {".kv": word_files.read_kv, ".bin": word_files.read_bin, ".txt": word_files.read_txt}[
        suffix
    ]
