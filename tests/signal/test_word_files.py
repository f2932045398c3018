"""A file of word vectors is read right or refused in one line, and never runs anything."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino.errors import FeatureError
from sordino.signal import safe_pickle
from sordino.signal.words import read

WORDS = ["happy", "sad", "angry"]
VECTORS = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)


def keyed(words: list[str] = WORDS) -> KeyedVectors:
    model = KeyedVectors(VECTORS.shape[1])
    model.add_vectors(words, VECTORS[: len(words)])
    return model


def binary(words: list[bytes], first: bytes = b"3 5\n", end: bytes = b"") -> bytes:
    return first + b"".join(
        word + b" " + row.tobytes() + end for word, row in zip(words, VECTORS, strict=True)
    )


READ: dict[str, tuple[str, bytes, list[str]]] = {
    "spaces": ("x.txt", b"2 3\nNew York 1 2 3\nsad 4 5 6\n", ["New York", "sad"]),
    "GloVe": ("x.txt", b"the 1 1 1\ncat 2 2 2\n", ["the", "cat"]),
    "GloVe with spaces": ("x.txt", b"the 1 1 1\n. . . 2 2 2\ncat 3 3 3\n", ["the", ". . .", "cat"]),
    "GloVe with numbers": ("x.txt", b"1 1 1 1\n2 2 2 2\n", ["1", "2"]),
    "tabs": ("x.txt", b"2 3\nthe\t1\t1\t1\ncat\t2\t2\t2\n", ["the", "cat"]),
    "Windows": ("x.txt", b"2 3\r\nthe 1 1 1 \r\ncat 2 2 2 \r\n\r\n", ["the", "cat"]),
    "a byte-order mark": ("x.txt", b"\xef\xbb\xbf2 3\nthe 1 1 1\ncat 2 2 2\n", ["the", "cat"]),
    "Latin-1": ("x.txt", b"2 3\nth\xe9 1 1 1\ncat 2 2 2\n", ["th\\xe9", "cat"]),
    "the C tool": ("x.bin", binary([b"happy", b"sad", b"angry"], end=b"\n"), WORDS),
    "gensim": ("x.bin", binary([b"happy", b"sad", b"angry"]), WORDS),
    "a word that was cut": (
        "x.bin",
        binary([b"happ\xc3", b"sad", b"angry"]),
        ["happ\\xc3", "sad", "angry"],
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_these_files_are_read_right(tmp_path: Path, kind: str) -> None:
    name, content, words = READ[kind]
    (tmp_path / name).write_bytes(content)
    assert list(read(tmp_path / name).row_of) == words


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "more words": (
        "x.txt",
        b"1 3\nthe 1 1 1\ncat 2 2 2\n",
        "more words than the 1 of its first line",
    ),
    "fewer words": ("x.txt", b"3 3\nthe 1 1 1\ncat 2 2 2\n", "2 words and not the 3"),
    "a word twice": ("x.txt", b"2 3\nthe 1 1 1\nthe 2 2 2\n", "'the' comes twice"),
    "NaN": ("x.txt", b"2 3\nthe 1 1 nan\ncat 2 2 2\n", "line 2"),
    "a missing number": (
        "x.txt",
        b"the 1 1 1\ncat 2 2\ndog 3 3 3\n",
        "line 2 of fewer than 3 numbers",
    ),
    "a number too many": ("x.txt", b"the 1 1 1\ncat 2 2 2 2\n", "line 2 of more than 3 numbers"),
    "a number with an underscore": ("x.txt", b"1 2\nthe 1_0 2\n", "line 2"),
    "no end": ("x.txt", b"1 2\nthe 1 2", "a last line that does not end"),
    "an empty line": ("x.txt", b"2 2\nthe 1 2\n\ncat 1 2\n", "empty line"),
    "10^12 words": ("x.txt", b"1000000000000 3\nthe 1 2 3\n", "1 words and not"),
    "10^12 words in bytes": (
        "x.bin",
        binary([b"a", b"b", b"c"], b"1000000000000 300\n"),
        "fewer bytes than",
    ),
    "10^8 numbers": ("x.bin", binary([b"a", b"b", b"c"], b"3 100000000\n"), "a first line of"),
    "more bytes": ("x.bin", binary([b"a", b"b", b"c"], b"2 5\n"), "more bytes than"),
    "fewer bytes": ("x.bin", binary([b"a", b"b", b"c"], b"4 5\n"), "fewer bytes than"),
    "no first line": ("x.bin", binary([b"a", b"b", b"c"], b""), "no first line"),
    "a word twice in bytes": ("x.bin", binary([b"a", b"b", b"a"]), "'a' comes twice"),
    "an empty word": ("x.bin", binary([b"aaa", b"", b"c"]), "no word where word 1 begins"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_these_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    name, content, cause = REFUSED[kind]
    (tmp_path / name).write_bytes(content)
    begin = time.monotonic()
    with pytest.raises(
        FeatureError, match=rf"^[^\n]*{name}: no word vectors[^\n]*{cause}[^\n]*anew$"
    ):
        read(tmp_path / name)
    assert time.monotonic() - begin < 1


DISGUISED = {
    "a git-lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "a git-lfs pointer",
    ),
    "a web page": (b"<html>404</html>\n", "a web page"),
    "an archive": (b"\x1f\x8b\x08\x00abc", "a gzip archive, .*: unpack it"),
}


@pytest.mark.parametrize("suffix", ["txt", "bin", "kv"])
@pytest.mark.parametrize("kind", DISGUISED)
def test_what_a_file_is_in_place_of_words_is_named(tmp_path: Path, kind: str, suffix: str) -> None:
    content, message = DISGUISED[kind]
    (tmp_path / f"x.{suffix}").write_bytes(content)
    with pytest.raises(FeatureError, match=rf"^[^\n]*x\.{suffix}: {message}[^\n]*$"):
        read(tmp_path / f"x.{suffix}")


def test_words_in_utf_16_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("1 2\nthe 1 2\n".encode("utf-16"))
    with pytest.raises(FeatureError, match=r"UTF-16 text, .*: save it as UTF-8"):
        read(tmp_path / "x.txt")


@pytest.mark.parametrize(
    "word", ["New York", "a b", "New York City", "Los Angeles", "U S A B", "an 8"]
)
def test_a_space_in_a_word_of_a_binary_file_is_refused(tmp_path: Path, word: str) -> None:
    keyed(["happy", word, "sad"]).save_word2vec_format(str(tmp_path / "x.bin"), binary=True)
    with pytest.raises(FeatureError, match="is a space in"):
        read(tmp_path / "x.bin")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.text(st.characters(min_codepoint=33, exclude_categories=["Z", "C"]), min_size=1),
        min_size=1,
        unique=True,
    )
)
def test_words_of_any_letters_come_back(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("words")
    vectors = np.random.default_rng(0).normal(size=(len(words), 4)).astype(np.float32)
    rows = [word.encode() + b" " + row.tobytes() for word, row in zip(words, vectors, strict=True)]
    (folder / "x.bin").write_bytes(f"{len(words)} 4\n".encode() + b"".join(rows))
    assert list(read(folder / "x.bin").row_of) == words
    np.testing.assert_array_equal(read(folder / "x.bin").vectors, vectors)


class Harm:
    """What pickles into a call that leaves a folder behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def in_a_side_file(folder: Path, harm: Harm) -> None:
    """gensim loads the files that `__scipys` names, by unpickling them."""
    model = keyed()
    model.__dict__["__scipys"] = ["vectors"]
    model.__dict__["__numpys"], model.__dict__["__ignoreds"] = [], []
    (folder / "x.kv").write_bytes(pickle.dumps(model, 4))
    for name in ("x.kv.vectors", "x.kv.vectors.npy", "x.kv.vectors.npz"):
        (folder / name).write_bytes(pickle.dumps(harm))


def in_the_array(folder: Path, harm: Harm) -> None:
    """An array of objects beside the file."""
    keyed().save(str(folder / "x.kv"), separately=["vectors"])
    np.save(folder / "x.kv.vectors.npy", np.array([harm], dtype=object), allow_pickle=True)


def in_a_part_of_its_own(folder: Path, harm: Harm) -> None:
    """gensim loads the parts that `__recursive_saveloads` names, each as another pickle."""
    model = keyed()
    model.__dict__["__recursive_saveloads"] = ["more"]
    (folder / "x.kv").write_bytes(pickle.dumps(model, 4))
    (folder / "x.kv.more").write_bytes(pickle.dumps(harm))


def in_an_attribute(folder: Path, harm: Harm) -> None:
    model = keyed()
    model.more = harm
    (folder / "x.kv").write_bytes(pickle.dumps(model, 4))


def by_a_module_of_numpy(folder: Path, harm: Harm) -> None:
    """Importing `numpy.f2py.__main__` runs a program; other modules of numpy call what they are
    given.
    """
    call = b"cnumpy.f2py.__main__\nmain\n)R."
    (folder / "x.kv").write_bytes(b"\x80\x04" + call + str(harm.path).encode())


def by_a_function_of_numpy(folder: Path, harm: Harm) -> None:
    call = b"cnumpy.testing._private.utils\nrunstring\n(X%s{ttR." % (
        len(code := str(harm.path)).to_bytes(4, "little") + code.encode()
    )
    (folder / "x.kv").write_bytes(b"\x80\x04" + call)


def as_the_whole(folder: Path, harm: Harm) -> None:
    (folder / "x.kv").write_bytes(pickle.dumps(harm))


HOSTILE: list[Callable[[Path, Harm], None]] = [
    *(in_a_side_file, in_the_array, in_a_part_of_its_own, in_an_attribute),
    *(by_a_module_of_numpy, by_a_function_of_numpy, as_the_whole),
]


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_kv_runs_nothing(tmp_path: Path, make: Callable[[Path, Harm], None]) -> None:
    make(tmp_path, Harm(tmp_path / "harmed"))
    modules = set(sys.modules)
    with pytest.raises(FeatureError, match=r"x\.kv: no word vectors that can be read"):
        read(tmp_path / "x.kv")
    assert not (tmp_path / "harmed").exists()
    assert not [name for name in set(sys.modules) - modules if "f2py" in name or "testing" in name]


def test_reading_a_kv_imports_neither_gensim_nor_pickled_names(tmp_path: Path) -> None:
    keyed().save(str(tmp_path / "x.kv"))
    code = (
        "import sys; from sordino.signal.words import read; read(sys.argv[1]); "
        "print('gensim' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.kv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_a_kv_of_any_protocol_and_type_is_read(tmp_path: Path, protocol: int, dtype: str) -> None:
    model = keyed()
    model.vectors = model.vectors.astype(dtype)
    (tmp_path / "x.kv").write_bytes(pickle.dumps(model, protocol))
    words = read(tmp_path / "x.kv")
    assert list(words.row_of) == WORDS
    np.testing.assert_array_equal(words.vectors, model.vectors)


def nothing(name: safe_pickle.Name) -> bool:
    """No name is allowed."""
    return name is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_plain_data_or_a_value_error(content: bytes) -> None:
    try:
        data = safe_pickle.read(content, nothing)
    except ValueError:
        return
    assert type(data) in {dict, list, tuple, str, bytes, int, float, bool, type(None)}


def test_the_inert_reader_gives_data_as_they_are() -> None:
    data: dict[str, Any] = {
        "a": [1, -5, 2.5, None, True, "ü", b"x", (1, 2), ()],
        "b": {"c": [[]]},
        "long": 10**30,
    }
    for protocol in (2, 3, 4, 5):
        if protocol == 2:
            data["a"][6] = "x"  # bytes are a call in this protocol
        assert safe_pickle.read(pickle.dumps(data, protocol), nothing) == data


NESTED_KEYS = {
    "deep": b")" + b"\x85" * 20_000,
    "doubled": b")\x94" + b"".join(b"h" + bytes([level]) + b"\x86\x94" for level in range(60)),
    "number": b"K\x01",
}
"""Instructions for one key: nested tuples whose hash recurses or never ends, and a number."""


@pytest.mark.parametrize("key", NESTED_KEYS)
@pytest.mark.parametrize("items", ["%sK\x01s", "(%sK\x01u"])
def test_only_text_is_a_key_of_a_pickled_dictionary(key: str, items: str) -> None:
    before, after = items.encode().split(b"%s")
    with pytest.raises(ValueError, match="a key that is no text"):
        safe_pickle.read(b"\x80\x04}" + before + NESTED_KEYS[key] + after + b".", nothing)


def nested_from_outside() -> bytes:
    """Lists, the outermost first: each is put into the last, which is in another already."""
    steps = [b"]\x94"]
    for level in range(40):
        steps.append(b"h%c]\x94a" % level)
    return b"(" + b"".join(steps) + b"t"


HELD = {
    "tuples": b")" + b"\x85" * 20_000,
    "doubled tuples": NESTED_KEYS["doubled"],
    "lists from inside": b"]" * 33 + b"a" * 32,
    "lists from outside": nested_from_outside(),
    "itself": b"]\x94h\x00a",
}


@pytest.mark.parametrize("data", HELD)
def test_deeply_nested_pickles_are_refused(data: str) -> None:
    with pytest.raises(ValueError, match="more than 32 nested"):
        safe_pickle.read(b"\x80\x04" + HELD[data] + b".", nothing)


def test_a_shared_value_is_no_nested_value() -> None:
    shared = ([[]], ([],))
    data = [shared] * 100
    assert safe_pickle.read(pickle.dumps(data, 4), nothing) == data


@pytest.mark.parametrize("limit", ["MOST_INSTRUCTIONS", "MOST_MEMORISED"])
def test_a_pickle_beyond_a_limit_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(safe_pickle, limit, 10)
    assert safe_pickle.read(pickle.dumps([[]] * 2, 4), nothing) == [[], []]
    with pytest.raises(ValueError, match="more than 10 "):
        safe_pickle.read(pickle.dumps([[] for _ in range(20)], 4), nothing)
