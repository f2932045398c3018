"""Files of word vectors."""

from __future__ import annotations

import io
import pickle
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.errors import SordinoError
from sordino.signal import words
from targets.inputs import HERE, changed, changes


def _word_files() -> dict[str, bytes]:
    """Three words in each format of word vectors."""
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype("<f4")
    words = ("the", "cup", "na\u00efve")
    rows = [(word.encode(), row) for word, row in zip(words, vectors, strict=True)]
    text = b"".join(word + b" " + " ".join(map(str, row)).encode() + b"\n" for word, row in rows)
    return {
        "x.txt": b"3 4\n" + text,
        "y.txt": text,
        "x.bin": b"3 4\n" + b"".join(word + b" " + row.tobytes() for word, row in rows),
        "x.kv": _keyed(words, vectors),
    }


def _keyed(words: tuple[str, ...], vectors: NDArray[np.float32]) -> bytes:
    """What gensim pickles, without gensim: an array, and an object of its class around it."""
    body = _opcodes({"vector_size": 4, "index_to_key": list(words)})
    name = b"\x8c\x1agensim.models.keyedvectors\x8c\x0cKeyedVectors\x93)\x81"
    return b"\x80\x04" + name + body + b"\x8c\x07vectors" + _opcodes(vectors) + b"sb."


def _opcodes(data: object) -> bytes:
    """The instructions of a pickle that puts data on the stack, without its first and last, and
    without memory.
    """
    content = io.BytesIO()
    pickler = pickle.Pickler(content, 4)
    pickler.fast = True
    pickler.dump(data)
    return content.getvalue()[2:-1]


NESTED: Final = (
    b"}" + b")" + b"\x85" * 9000 + b"K\x01s",
    b"}" + b")\x94" + b"".join(b"h%c\x86\x94" % level for level in range(60)) + b"K\x01s",
    b"]\x94" + b"".join(b"h%c]\x94a" % level for level in range(60)),
)
"""Instructions of a pickle with deep keys and deep values."""

WORD_FILES: Final = _word_files()
for name, content in WORD_FILES.items():  # so that every target starts from a file that is read
    (HERE / name).write_bytes(content)
    assert len(words.read(HERE / name)) == 3, name


@given(
    name=st.sampled_from(sorted(WORD_FILES)),
    how=changes,
    near=st.booleans(),
    nested=st.sampled_from([b"", *NESTED]),
)
def word_file(name: str, how: list[tuple[str, int, bytes]], near: bool, nested: bytes) -> None:
    if nested:
        how = [("insert", 2, nested), *how]  # after the version of the pickle
    if near:
        how = [(kind, place % 40, some) for kind, place, some in how]
    path = HERE / name
    path.write_bytes(changed(WORD_FILES[name], how))
    try:
        vectors = words.read(path)
    except SordinoError:
        return
    assert np.isfinite(vectors.vectors).all(), "a vector that is no number"
    assert len(vectors) == len(vectors.vectors), "a word without a vector"
    vectors("the cup")
