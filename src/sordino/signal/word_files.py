"""The three formats of word vectors, read strictly: no code is executed, no line is skipped.

    .txt   one word a line, then its numbers, with `words dims` in the first line (word2vec) or
           without (GloVe). The last `dims` fields are the numbers, so a word may have spaces
    .bin   the binary format of word2vec's C tool, and that of gensim without line ends. A space
           ends a word: a word with a space shifts the vectors and is refused by the resulting
           values and words
    .kv    the format of gensim, a pickle; `safe_pickle` reads its data. Vectors in a file beside it
           are memory-mapped

Words are UTF-8. Other bytes become `\\xNN`, which no transcript contains; in a .bin only at the end
of a word, where the C tool cuts long words.
"""

from __future__ import annotations

import array
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from sordino.signal import safe_pickle
from sordino.signal.safe_pickle import Name, PickledCall

Vocabulary = tuple[list[str], NDArray[np.floating]]

LARGEST_VALUE: Final = 1e6
"""The largest value of a .bin file: larger values are letters in the place of numbers."""

_SMALLEST: Final = 1e-15  # except 0: a smaller first value is a space in the place of a number
_LONGEST_LINE: Final = 1 << 22  # bytes
_LONGEST_WORD: Final = 2000  # bytes
_MOST_DIMS: Final = 100_000
_SAMPLE: Final = 1000  # lines that decide how many numbers a line has
_CHUNK: Final = 1 << 22  # bytes in one read
_MARK: Final = b"\xef\xbb\xbf"  # the byte-order mark of UTF-8
_HEADER: Final = re.compile(rb"[ \t]*([0-9]{1,15})[ \t]+([0-9]{1,9})[ \t]*\r?\n")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_GENSIM: Final = {
    "KeyedVectors",
    "Word2VecKeyedVectors",
    "EuclideanKeyedVectors",
    "CompatVocab",
    "Vocab",
}
_NUMPY: Final = {"_reconstruct", "_frombuffer", "dtype", "ndarray", "scalar"}
_KEYS: Final = ("index_to_key", "index2word", "index2entity")


def read_txt(path: Path) -> Vocabulary:
    """The words and vectors of a text file. Raises `ValueError` for another content."""
    with path.open("rb") as stream:
        start = len(_MARK) if stream.read(len(_MARK)) == _MARK else 0
        stream.seek(start)
        header = _header(stream)
        if header is None:
            stream.seek(start)
        words, dims = header or (None, _dims(stream))
        vocabulary: list[str] = []
        numbers = array.array("f")
        for number, line in enumerate(_lines(stream), 1 if header is None else 2):
            word, row = _entry(line, dims, number)
            vocabulary.append(word)
            numbers.extend(row)
            if words is not None and len(vocabulary) > words:
                raise ValueError(f"more words than the {words} of its first line")
    if words is not None and len(vocabulary) < words:
        raise ValueError(f"{len(vocabulary)} words and not the {words} of its first line")
    return vocabulary, np.frombuffer(numbers, np.float32).reshape(-1, dims)


def read_bin(path: Path) -> Vocabulary:
    """The words and vectors of a binary file. Raises `ValueError` for another content."""
    with path.open("rb") as stream:
        header = _header(stream)
        if header is None:
            raise ValueError("no first line `words dims`")
        words, dims = header
        available = path.stat().st_size - stream.tell()
        if words * (4 * dims + 2) > available:
            raise ValueError(f"fewer bytes than {words} words of {dims} numbers take")
        vectors = np.empty((words, dims), np.float32)
        vocabulary: list[str] = []
        content = _Content(stream)
        for row in range(words):
            vocabulary.append(_word(content.until_space().removeprefix(b"\n"), row))
            vectors[row] = np.frombuffer(content.take(4 * dims), "<f4")
        if content.take(2, exact=False) not in (b"", b"\n"):
            raise ValueError(f"more bytes than the {words} words of its first line take")
    _check_values(vectors)
    return vocabulary, vectors


def read_kv(path: Path) -> Vocabulary:
    """The words and vectors of a gensim file, with the array beside it. Raises `ValueError` for
    another content.
    """
    data = safe_pickle.read(path.read_bytes(), _allowed)
    if not (
        isinstance(data, PickledCall)
        and data.function.name in _GENSIM
        and isinstance(data.state, dict)
    ):
        raise ValueError("no KeyedVectors")
    state = data.state
    if any(state.get(name) for name in ("__scipys", "__recursive_saveloads")):
        raise ValueError("further files beside it, which are not read")
    vocabulary: list[Any] = next(
        (state[key] for key in _KEYS if isinstance(state.get(key), list)), []
    )
    if not all(isinstance(word, str) for word in vocabulary):
        raise ValueError("words that are no text")
    for word in vocabulary:
        word.encode()  # half a character is a UnicodeEncodeError, which is a ValueError
    beside = state.get("__numpys", [])
    vectors = (
        _beside(path)
        if isinstance(beside, list) and "vectors" in beside
        else _array(state.get("vectors"))
    )
    if vectors.dtype.kind != "f" or vectors.dtype.itemsize > 8:
        raise ValueError(f"vectors of type {vectors.dtype}")
    return vocabulary, vectors


def _header(stream: BinaryIO) -> tuple[int, int] | None:
    """Words and dims by the first line, `None` for another first line."""
    match = _HEADER.fullmatch(stream.readline(100))
    if match is None:
        return None
    words, dims = map(int, match.groups())
    if not (words >= 1 and 1 <= dims <= _MOST_DIMS):
        raise ValueError(f"a first line of {words} words and {dims} numbers each")
    return words, dims


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Every line without its end. Raises `ValueError` for empty lines before the last word, and for
    a line without end.
    """
    empty = False
    while line := stream.readline(_LONGEST_LINE):
        if not line.endswith(b"\n"):
            raise ValueError("a last line that does not end")
        if empty and line.strip():
            raise ValueError("an empty line among the others")
        empty = not line.strip()
        if not empty:
            yield line.rstrip()


def _dims(stream: BinaryIO) -> int:
    """The number of values after a word in most of the first lines."""
    start = stream.tell()
    counts: Counter[int] = Counter()
    for _, line in zip(range(_SAMPLE), _lines(stream), strict=False):
        counts[len(line.split()) - 1] += 1
    stream.seek(start)
    dims = max(counts, key=lambda count: (counts[count], -count), default=0)
    if not 1 <= dims <= _MOST_DIMS:
        raise ValueError("no line of a word and its numbers")
    return dims


def _entry(line: bytes, dims: int, number: int) -> tuple[str, list[float]]:
    """The word and the numbers of one line."""
    fields = line.rsplit(None, dims)
    if len(fields) <= dims:
        raise ValueError(f"line {number} of fewer than {dims} numbers")
    try:
        row = [_number(field) for field in fields[1:]]
    except ValueError as error:
        raise ValueError(f"line {number} of a word and other than {dims} numbers") from error
    if any(_is_number(part) for part in fields[0].split()[1:]):
        raise ValueError(f"line {number} of more than {dims} numbers")
    return _text(fields[0]), row


def _number(field: bytes) -> float:
    """A finite number as word2vec and GloVe write it."""
    number = float(field)
    if b"_" in field or not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _text(word: bytes) -> str:
    return word.decode(errors="backslashreplace")


def _word(word: bytes, row: int) -> str:
    """A word of a binary file. Raises `ValueError` for bytes of a vector in the place of a word."""
    try:
        text = word.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":  # the C tool cuts long words anywhere
            raise ValueError(
                f"no word where word {row} begins: is a space in the one before it?"
            ) from error
        text = _text(word)
    if not word or _CONTROL.search(word):
        raise ValueError(f"no word where word {row} begins: is a space in the one before it?")
    return text


class _Content:
    """The bytes of a stream, read in chunks."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._bytes, self._at = stream, b"", 0

    def take(self, count: int, exact: bool = True) -> bytes:
        """The next `count` bytes; fewer at the end unless `exact`."""
        while len(self._bytes) - self._at < count and self._refill(count):
            pass
        content = self._bytes[self._at : self._at + count]
        if exact and len(content) < count:
            raise ValueError("fewer bytes than its first line promises")
        self._at += len(content)
        return content

    def until_space(self) -> bytes:
        """The bytes before the next space; the space is consumed too."""
        while (end := self._bytes.find(b" ", self._at, self._at + _LONGEST_WORD)) < 0:
            if len(self._bytes) - self._at >= _LONGEST_WORD or not self._refill(_LONGEST_WORD):
                raise ValueError("a word without an end")
        content, self._at = self._bytes[self._at : end], end + 1
        return content

    def _refill(self, count: int) -> bool:
        content = self._stream.read(max(count, _CHUNK))
        self._bytes, self._at = self._bytes[self._at :] + content, 0
        return bool(content)


def _check_values(vectors: NDArray[np.float32]) -> None:
    """Raise `ValueError` for values that are parts of words."""
    first = np.abs(vectors[:, 0])
    if not np.abs(vectors).max() <= LARGEST_VALUE or ((first > 0) & (first < _SMALLEST)).any():
        raise ValueError("numbers that no vector has: is a space in a word?")


def _allowed(name: Name) -> bool:
    root = name.module.split(".")[0]
    allowed = {"gensim.models.keyedvectors": _GENSIM, "_codecs": {"encode"}}.get(name.module)
    return name.name in (allowed or (_NUMPY if root == "numpy" else ()))


def _beside(path: Path) -> NDArray[Any]:
    file = Path(f"{path}.vectors.npy")
    if file.exists() and not file.is_file():
        raise ValueError("no file of vectors beside it")
    vectors: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return vectors


def _array(call: Any) -> NDArray[Any]:
    """The array that a pickle would create."""
    if not isinstance(call, PickledCall):
        raise ValueError("no vectors")
    if call.function.name == "_frombuffer":
        content, kind, shape, order = call.arguments
    elif call.function.name == "_reconstruct":
        _, shape, kind, fortran, content = call.state
        order = "F" if fortran else "C"
    else:
        raise ValueError("no array")
    if isinstance(content, PickledCall) and content.function.name == "encode":
        content = content.arguments[0].encode("latin1")
    elif isinstance(content, str):
        content = content.encode("latin1")
    return np.frombuffer(content, _dtype(kind)).reshape(shape, order=order)


def _dtype(call: Any) -> np.dtype[Any]:
    """The type of an array, of floats alone."""
    if not (
        isinstance(call, PickledCall)
        and call.function.name == "dtype"
        and call.arguments[0] in ("f2", "f4", "f8")
    ):
        raise ValueError("no array of floats")
    order = call.state[1] if isinstance(call.state, tuple) else "<"
    return np.dtype(f"{'>' if order == '>' else '<'}{call.arguments[0]}")
