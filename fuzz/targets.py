"""What is fuzzed, each as one hypothesis test: hypothesis draws its inputs, or atheris does (`fuzz_one_input`).

    altered     a bundle of which bytes were changed, a file or a folder: refused, or read as it was
    forged      a bundle whose parts were changed and whose checksums are right: refused, or it releases what it may
    models      hostile graphs (external data, functions, subgraphs, bombs), mixed and changed: refused, or it runs
    budget      a file that counts the day, with changed bytes: nothing goes out unless it is as it was
    wav         a changed WAV stream: an error of sordino, or heard to its end
    signature   a changed signature file: refused, and never taken for one that the key made
    floor       a changed floor as TOML: refused, or a floor
    recording   a changed WAV, FLAC, OGG or MP3 file: an error of sordino, or finite samples within the limits
    words       a changed file of word vectors, or a forged pickle: an error of sordino, or words with finite vectors
    labels      tables and manifests of any text or bytes: labels as written, or an error of sordino
    samples     blocks of numbers of any size, rate and number of channels: one result an utterance

    units       files of a finished unit, changed, swapped or forged with right checksums: read as they were, or told

Of release `drawn` nothing but its prototypes may ever come out. Whatever else is raised is a finding.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.checkpoints import Checkpoints
from sordino.device import (
    DailyBudget,
    Floor,
    Reason,
    Released,
    Result,
    Runtime,
    Stream,
    Withheld,
    archive,
    bundle,
    floor,
    read,
)  # fmt: skip
from sordino.device import signature as signatures
from sordino.device.model import Model
from sordino.device.onnx_structure import check
from sordino.device.sound import synthetic
from sordino.errors import SordinoError
from sordino.signal import audio, wav, words

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.device import hostile_models

GIVEN: Final = Path(os.environ["SORDINO_FUZZ_BUNDLE"])
"""A whole bundle of release `drawn`, one file, that takes sound."""

HERE: Final = Path(tempfile.mkdtemp(prefix="sordino-fuzz-"))
RATE: Final = 16000
TODAY: Final = date(2026, 1, 31)

WHOLE: Final = read(GIVEN)
RUNTIME: Final = Runtime(WHOLE, key=7)
SOUND: Final = synthetic(0.4, RATE, seed=1)
RUNTIME.utterance(SOUND, RATE)  # so that no input pays for what is loaded once
PROTOTYPES: Final = {row.tobytes() for row in WHOLE.arrays("release-0.npz")["prototypes"].astype(np.float32)}
GRAPHS: Final = [content for name, content in sorted(WHOLE.files.items()) if name.endswith(".onnx")]
LONGEST: Final = 1 << 20  # bytes of a model to change: longer ones are slow to join, and tests have them
HOSTILE: Final = [content for name in hostile_models.CASES if len(content := hostile_models.content(name)) < LONGEST]
"""Models that must be refused."""

JSON: Final = [name for name in WHOLE.files if name.endswith(".json")]

bundle.write(HERE / "folder", WHOLE.card, list(WHOLE.policies.values()), WHOLE.files)

changes = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 1 << 17), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("insert"), st.integers(0, 1 << 17), st.binary(min_size=1, max_size=64)),
        st.tuples(st.just("cut"), st.integers(0, 1 << 17), st.binary(max_size=64)),
    ),
    min_size=1,
    max_size=6,
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(sorted(WHOLE.files)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
values.validate()  # hypothesis lists the characters of Unicode once: no input pays for that


def changed(content: bytes, how: list[tuple[str, int, bytes]]) -> bytes:
    """Bytes with some set, inserted or cut out; places are counted round and round."""
    found = bytearray(content)
    for kind, place, some in how:
        at = place % (len(found) + 1)
        found[at : at + (0 if kind == "insert" else len(some))] = b"" if kind == "cut" else some
    return bytes(found)


def drawn_only(result: Result) -> None:
    """Nothing but a prototype came out."""
    assert isinstance(result, Released | Withheld), type(result)
    assert isinstance(result, Withheld) or result.vector.tobytes() in PROTOTYPES, "a vector that is no prototype"


@given(how=changes, part=st.sampled_from(["", "manifest.json", *sorted(WHOLE.files)]))
def altered(how: list[tuple[str, int, bytes]], part: str) -> None:
    path = HERE / "folder" if part else HERE / "one.sordino"
    place = path / part if part else path
    before = place.read_bytes() if part else GIVEN.read_bytes()
    place.write_bytes(changed(before, how))
    try:
        found = read(path)
        assert place.read_bytes() == before, "a changed bundle was read"
        drawn_only(Runtime(found, key=7).utterance(SOUND, RATE))
    except SordinoError:
        pass
    finally:
        place.write_bytes(before)


@given(data=st.data())
def forged(data: st.DataObject) -> None:
    files = dict(WHOLE.files)
    name = data.draw(st.sampled_from(sorted(files)))
    files[name] = _reworded(data, files[name]) if name in JSON else changed(files[name], data.draw(changes))
    digests = {one: archive.digest(content) for one, content in sorted(files.items())}
    manifest = archive.json_bytes({"format": bundle.FORMAT, "files": digests})
    whole = archive.packed({**dict(sorted(files.items())), "manifest.json": manifest})
    if data.draw(st.booleans()):  # the archive itself
        body = changed(whole[: -archive.DIGEST], data.draw(changes))
        whole = body + archive.digest(body).encode()
    path = HERE / "forged.sordino"
    path.write_bytes(whole)
    try:
        found = read(path)
        for one in found.policies.values():
            runtime = Runtime(found, one.name, key=7)
            result = runtime.utterance(SOUND, RATE)
            if isinstance(result, Released):
                assert result.vector.shape == (runtime.width,), "another width than promised"
                assert np.isfinite(result.vector).all(), "no number came out"
                if one.chance["kind"] == "drawn" and one.arrays:
                    own = found.arrays(one.arrays)["prototypes"].astype(np.float32)
                    assert any(np.array_equal(result.vector, row) for row in own), "a vector that is no prototype"
    except SordinoError:
        pass


def _reworded(data: st.DataObject, content: bytes) -> bytes:
    """JSON of which one value, anywhere in it, is another or is gone."""
    whole: Any = json.loads(content)
    at, key = [whole], 0
    place: Any = at
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.integers(0, 5)):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else data.draw(
            st.integers(0, len(place) - 1)
        )  # fmt: skip
    if isinstance(place, dict) and data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(values)
    return archive.json_bytes(at[0])


STATED: Final = signatures.Signature("0" * 16, 7, date(2027, 1, 31), archive.digest(WHOLE.manifest), bytes(64)).file()
FLOOR: Final = b'families = ["drawn"]\nwidth = 512\nper_day = 100\npolicies = ["000000000000"]\n'
STRANGER: Final = signatures.Trust((signatures.PublicKey(bytes(31) + b"\x01"),), today=lambda: TODAY)


@given(data=st.data())
def signature(data: st.DataObject) -> None:
    content = _reworded(data, STATED) if data.draw(st.booleans()) else changed(STATED, data.draw(changes))
    forgery = bundle.Bundle(WHOLE.files, WHOLE.card, WHOLE.policies, WHOLE.manifest, content)
    assert signatures.described(forgery)
    try:
        STRANGER.verify(forgery)
    except SordinoError:
        return
    raise AssertionError("a signature that no key made")


@given(data=st.data())
def floor_file(data: st.DataObject) -> None:
    (HERE / "floor.toml").write_bytes(changed(FLOOR, data.draw(changes)))
    try:
        found = floor.read(HERE / "floor.toml")
        assert isinstance(found, Floor)
        found.check(next(iter(WHOLE.policies.values())))
    except SordinoError:
        pass


@given(data=st.data())
def models(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from([*HOSTILE, *GRAPHS]))
    if data.draw(st.booleans()):  # parts of another model behind it: protocol buffers join them
        content += data.draw(st.sampled_from([*HOSTILE, *GRAPHS]))
    if data.draw(st.booleans()):
        content = changed(content, data.draw(changes))
    try:
        check(content, "model.onnx")
    except SordinoError:
        return
    assert content not in HOSTILE, "a hostile model passed"
    graph = onnx.load_from_string(content).graph  # a file of two meanings ends here
    assert not any(tensor.data_location or tensor.external_data for tensor in graph.initializer), "external data"
    assert not any(attribute.HasField("g") for node in graph.node for attribute in node.attribute), "a subgraph"
    try:
        model = Model(content, "model.onnx")
        shapes = [[one if isinstance(one, int) else 3 for one in value.shape] for value in model._session.get_inputs()]
        kinds = [np.int64 if "int64" in value.type else np.float32 for value in model._session.get_inputs()]
        names = [value.name for value in model._session.get_inputs()]
        model(**{name: np.ones(shape, kind) for name, shape, kind in zip(names, shapes, kinds, strict=True)})
    except SordinoError:
        pass


@given(how=changes, spent=st.integers(0, 4), ahead=st.integers(-3, 3))
def budget(how: list[tuple[str, int, bytes]], spent: int, ahead: int) -> None:
    path = HERE / "budget"
    path.unlink(missing_ok=True)
    counted = [DailyBudget(path, lambda: TODAY).spend(3) for _ in range(spent)]
    assert counted.count(None) == min(spent, 3)
    before = path.read_bytes() if spent else b""
    path.write_bytes(changed(before, how))
    same = path.read_bytes() == before and spent
    reason = DailyBudget(path, lambda: date.fromordinal(TODAY.toordinal() + ahead)).spend(3)
    if same:
        assert (reason is None) == (spent < 3 or ahead > 0), "a budget was given again, or not given"
    else:
        assert reason is Reason.BUDGET_UNKNOWN, "a damaged count let a vector out"


def _wav(bits: int, code: int) -> bytes:
    samples = np.tile(SOUND[: RATE // 4], 2)
    coded = (samples * 32767).astype("<i2").tobytes() if code == 1 else samples.astype("<f4").tobytes()
    fmt = np.array([16, 0], "<u4").tobytes()[:4] + np.array([code, 1], "<u2").tobytes()
    fmt += np.array([RATE, RATE * bits // 8], "<u4").tobytes() + np.array([bits // 8, bits], "<u2").tobytes()
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + fmt + b"data\xff\xff\xff\xff" + coded


@given(kind=st.sampled_from([(16, 1), (32, 3)]), how=changes, near=st.booleans(), tail=st.binary(max_size=200))
def wav_stream(kind: tuple[int, int], how: list[tuple[str, int, bytes]], near: bool, tail: bytes) -> None:
    if near:  # the header, where it matters most
        how = [(name, place % 60, some) for name, place, some in how]
    content = io.BytesIO(changed(_wav(*kind), how) + tail)
    try:
        coded, size = wav.header(content)
        stream = Stream(RUNTIME, coded.sampling_rate)
        for block in wav.blocks(content, coded, size):
            for result in stream.push(block):
                drawn_only(result)
    except SordinoError:
        return
    for result in stream.end():
        drawn_only(result)


def _recordings() -> dict[str, bytes]:
    """A second of sound in each format, two of them with a header that knows no length."""
    import soundfile

    wholes = {}
    for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "RF64"):
        content = io.BytesIO()
        soundfile.write(content, SOUND, RATE, format=kind)
        wholes[kind.lower()] = content.getvalue()
    flac = bytearray(wholes["flac"])
    flac[21:26] = bytes([flac[21] & 0xF0]) + bytes(4)
    index = next(name for name in (b"Info", b"Xing") if name in wholes["mp3"])
    return wholes | {"endless flac": bytes(flac), "endless mp3": wholes["mp3"].replace(index, bytes(4), 1)}


RECORDINGS: Final = _recordings()


@given(kind=st.sampled_from(sorted(RECORDINGS)), how=changes, near=st.booleans(), cut=st.booleans())
def recording(kind: str, how: list[tuple[str, int, bytes]], near: bool, cut: bool) -> None:
    if near:  # the header, where it matters most
        how = [(name, place % 80, some) for name, place, some in how]
    path = HERE / "recording"
    path.write_bytes(changed(RECORDINGS[kind], how))
    try:
        samples = audio.read(path, 0.1, 0.25) if cut else audio.read(path)
    except SordinoError:
        return
    assert samples.dtype == np.float32, samples.dtype
    assert np.isfinite(samples).all(), "a sample that is no number"
    assert 900 <= samples.size <= audio.LONGEST_SECONDS * RATE + 1, samples.size


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
    """The instructions of a pickle that puts data on the stack, without its first and last, and without memory."""
    content = io.BytesIO()
    pickler = pickle.Pickler(content, 4)
    pickler.fast = True
    pickler.dump(data)
    return content.getvalue()[2:-1]


WORD_FILES: Final = _word_files()
for name, content in WORD_FILES.items():  # so that every target starts from a file that is read
    (HERE / name).write_bytes(content)
    assert len(words.read(HERE / name)) == 3, name


@given(name=st.sampled_from(sorted(WORD_FILES)), how=changes, near=st.booleans())
def word_file(name: str, how: list[tuple[str, int, bytes]], near: bool) -> None:
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


numbers = st.one_of(
    st.floats(width=32), st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e30, -1e30, float("nan"), float("inf"), 1e-30])
)


@given(data=st.data())
def samples(data: st.DataObject) -> None:
    rate = data.draw(st.sampled_from([RATE, RATE, 8000, 44100, 48000, 7999, 0]))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.float16]))
    sound = np.concatenate([np.zeros(RATE // 2), np.tile(SOUND, 2), np.zeros(RATE)]).astype(np.float64)
    for _ in range(data.draw(st.integers(0, 4))):  # a stretch of something else
        at, length = data.draw(st.integers(0, sound.size)), data.draw(st.integers(1, 4000))
        sound[at : at + length] = data.draw(numbers)
    with np.errstate(over="ignore"):
        sound = sound.astype(dtype)
    cuts = sorted(data.draw(st.lists(st.integers(0, sound.size), max_size=6)))
    whole, parts = Stream(RUNTIME, rate), Stream(RUNTIME, rate)
    once = [*whole.push(sound), *whole.end()]
    blocks = [part for part in np.split(sound, cuts) if part.size]
    if data.draw(st.booleans()):
        blocks = [np.column_stack([block, block]) for block in blocks]
    cut = [result for block in blocks for result in parts.push(block)] + parts.end()
    for result in [*once, *cut]:
        drawn_only(result)
    if rate >= 8000 and dtype != np.float16:  # half precision rounds the mean of channels
        assert list(map(_told, once)) == list(map(_told, cut)), "another block size, another result"


def _told(result: Result) -> object:
    return result.vector.tobytes() if isinstance(result, Released) else result


FINISHED: Final = {
    name: pd.DataFrame({"row": np.arange(20), "score": SOUND[:20] * factor, "speaker": [name] * 20})
    for factor, name in enumerate(("first", "second"), 1)
}
"""Tables of two units by name."""

UNITS: Final = Checkpoints(dict.fromkeys(FINISHED, "key"), HERE / "units", "units")
for name in FINISHED:
    UNITS.keep(name, FINISHED[name], {"name": name})
FILES: Final = {path: path.read_bytes() for path in sorted((HERE / "units").iterdir())}


@given(data=st.data(), how=changes, forged=st.booleans())
def units(data: st.DataObject, how: list[tuple[str, int, bytes]], forged: bool) -> None:
    for path, content in FILES.items():
        path.write_bytes(content)
    at, source = (data.draw(st.sampled_from(sorted(FILES))) for _ in range(2))
    at.write_bytes(changed(FILES[source], how) if data.draw(st.booleans()) else FILES[source])
    if forged and at.suffix == ".parquet":
        beside = at.with_suffix(".json")
        record = json.loads(beside.read_bytes())
        record.pop("checksum")
        record |= {"bytes": at.stat().st_size, "table": hashlib.sha256(at.read_bytes()).hexdigest()}
        record["checksum"] = hashlib.sha256(json.dumps(record).encode()).hexdigest()
        beside.write_text(json.dumps(record))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = {name: UNITS.find(name) for name in FINISHED}
    assert sum(unit is None for unit in found.values()) == len(told), "a unit was dropped silently"
    if forged:
        return
    for name, unit in found.items():
        assert unit is None or (unit[0].equals(FINISHED[name]) and unit[1] == {"name": name}), "another unit was read"


cells = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", "NA", "nan", "1", "1.0", "01", "Female", "female", "f", " a", "a\u200b", "=1+1", '"', "a,b"]),
    st.floats().map(str),
)


@given(data=st.data())
def labels(data: st.DataObject) -> None:
    import csv

    from sordino.corpora import manifest
    from sordino.features.labelled import read_labelled, read_reference

    kind = data.draw(st.sampled_from(["rows", "bytes", "changed"]))
    path = HERE / f"labels.{data.draw(st.sampled_from(['csv', 'csv', 'npz', 'parquet']))}"
    header = ["file", "speaker", "gender", "emotion", "x0", "x1"]
    rows = data.draw(st.lists(st.tuples(*(cells,) * 4, *(st.floats(-9, 9).map(str),) * 2), min_size=1, max_size=12))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=data.draw(st.sampled_from(",,;\t|"))).writerows([header, *rows])
    content = text.getvalue().encode("utf-8", "surrogatepass")
    if path.suffix != ".csv":
        content = _stored(path.suffix, header, rows)
    if kind == "bytes":
        content = data.draw(st.binary(max_size=400))
    path.write_bytes(changed(content, data.draw(changes)) if kind == "changed" else content)
    for reading in (lambda: manifest.load(path), lambda: _same(read_labelled(path, ["speaker", "gender"]), kind, rows),
                 lambda: read_reference(path, read_labelled(path, ["speaker"]))):  # fmt: skip
        message = ""
        try:
            reading()
        except SordinoError as error:
            message = str(error)
        assert "\n" not in message.strip(), "an error of several lines"


def _stored(suffix: str, header: list[str], rows: list[tuple[str, ...]]) -> bytes:
    import pandas as pd

    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    x = np.array([columns["x0"], columns["x1"]], float).T
    stored = io.BytesIO()
    if suffix == ".npz":
        texts: dict[str, Any] = {name: np.array(columns[name], str) for name in header[1:4]}
        np.savez(stored, x=x, **texts)
    else:
        plain = {name: [cell.encode("utf-8", "replace").decode() for cell in columns[name]] for name in header[:4]}
        pd.DataFrame({**plain, "x0": x[:, 0], "x1": x[:, 1]}).to_parquet(stored)
    return stored.getvalue()


def _same(table: Any, kind: str, rows: list[tuple[str, ...]]) -> None:
    """What was read of rows is what was written."""
    if kind == "rows" and table.path.suffix == ".csv":
        assert [*table.labels["speaker"]] == [row[1] for row in rows], "another label than was written"


Array = NDArray[Any]

TARGETS: Final[dict[str, Callable[[], None]]] = {
    "altered": altered,
    "forged": forged,
    "models": models,
    "budget": budget,
    "signature": signature,
    "floor": floor_file,
    "wav": wav_stream,
    "recording": recording,
    "words": word_file,
    "labels": labels,
    "samples": samples,
    "units": units,
}
"""Every target by name."""
