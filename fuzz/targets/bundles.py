"""Bundles, their parts, and what a device keeps beside them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

import numpy as np
import onnx
from hypothesis import given
from hypothesis import strategies as st
from tests.onnx import hostile_models
from tests.test_toml_text import HOSTILE as HOSTILE_TOML

from sordino.device import DailyBudget, Floor, Reason, Released, Runtime, read
from sordino.device.bundle import archive, bundle
from sordino.device.trust import floor
from sordino.device.trust import signature as signatures
from sordino.errors import SordinoError
from sordino.onnx.model import Model
from sordino.onnx.structure import check_model
from targets.inputs import GIVEN, HERE, RATE, SOUND, WHOLE, changed, changes, drawn_only, values

TODAY: Final = date(2026, 1, 31)
GRAPHS: Final = [content for name, content in sorted(WHOLE.files.items()) if name.endswith(".onnx")]
LONGEST: Final = (
    1 << 20
)  # bytes of a model to change: longer ones are slow to join, and tests have them
HOSTILE: Final = [
    content
    for name in hostile_models.CASES
    if len(content := hostile_models.content(name)) < LONGEST
]
"""Models that must be refused."""

JSON: Final = [name for name in WHOLE.files if name.endswith(".json")]


@given(how=changes, part=st.sampled_from(["", "manifest.json", *sorted(WHOLE.files)]))
def altered(how: list[tuple[str, int, bytes]], part: str) -> None:
    path = HERE / "folder" if part else HERE / "one.sordino"
    target = path / part if part else path
    before = target.read_bytes() if part else GIVEN.read_bytes()
    target.write_bytes(changed(before, how))
    try:
        loaded = read(path)
        assert target.read_bytes() == before, "a changed bundle was read"
        drawn_only(Runtime(loaded, key=7).utterance(SOUND, RATE))
    except SordinoError:
        pass
    finally:
        target.write_bytes(before)


@given(data=st.data())
def forged(data: st.DataObject) -> None:
    files = dict(WHOLE.files)
    name = data.draw(st.sampled_from(sorted(files)))
    files[name] = (
        _reworded(data, files[name]) if name in JSON else changed(files[name], data.draw(changes))
    )
    digests = {file: archive.sha256(content) for file, content in sorted(files.items())}
    manifest = archive.json_bytes({"format": bundle.FORMAT, "files": digests})
    packed = archive.pack({**dict(sorted(files.items())), "manifest.json": manifest})
    if data.draw(st.booleans()):  # the archive itself
        body = changed(packed[: -archive.DIGEST], data.draw(changes))
        packed = body + archive.sha256(body).encode()
    path = HERE / "forged.sordino"
    path.write_bytes(packed)
    try:
        loaded = read(path)
        for entry in loaded.policies.values():
            runtime = Runtime(loaded, entry.name, key=7)
            result = runtime.utterance(SOUND, RATE)
            if isinstance(result, Released):
                assert result.vector.shape == (runtime.width,), "another width than promised"
                assert np.isfinite(result.vector).all(), "no number came out"
                if entry.chance["kind"] == "drawn" and entry.arrays:
                    prototypes = loaded.arrays(entry.arrays)["prototypes"].astype(np.float32)
                    assert any(np.array_equal(result.vector, row) for row in prototypes), (
                        "a vector that is no prototype"
                    )
    except SordinoError:
        pass


def _reworded(data: st.DataObject, content: bytes) -> bytes:
    """JSON with one value replaced or removed, anywhere in it."""
    root: Any = json.loads(content)
    top, key = [root], 0
    node: Any = top
    while isinstance(node[key], dict | list) and node[key] and data.draw(st.integers(0, 5)):
        node = node[key]
        key = (
            data.draw(st.sampled_from(sorted(node)))
            if isinstance(node, dict)
            else data.draw(st.integers(0, len(node) - 1))
        )
    if isinstance(node, dict) and data.draw(st.booleans()):
        del node[key]
    else:
        node[key] = data.draw(values)
    return archive.json_bytes(top[0])


STATED: Final = signatures.Signature(
    "0" * 16, 7, date(2027, 1, 31), archive.sha256(WHOLE.manifest), bytes(64)
).file()
FLOOR: Final = b'families = ["drawn"]\nwidth = 512\nper_day = 100\npolicies = ["000000000000"]\n'
STRANGER: Final = signatures.Trust(
    (signatures.PublicKey(bytes(31) + b"\x01"),), today=lambda: TODAY
)


@given(data=st.data())
def signature(data: st.DataObject) -> None:
    content = (
        _reworded(data, STATED) if data.draw(st.booleans()) else changed(STATED, data.draw(changes))
    )
    forgery = bundle.Bundle(WHOLE.files, WHOLE.card, WHOLE.policies, WHOLE.manifest, content)
    assert signatures.describe_signature(forgery)
    try:
        STRANGER.verify(forgery)
    except SordinoError:
        return
    raise AssertionError("a signature that no key made")


@given(data=st.data())
def floor_file(data: st.DataObject) -> None:
    hostile = data.draw(st.sampled_from(["", *(text for text, _ in HOSTILE_TOML.values())]))
    (HERE / "floor.toml").write_bytes(changed(hostile.encode() + FLOOR, data.draw(changes)))
    try:
        loaded = floor.read(HERE / "floor.toml")
        assert isinstance(loaded, Floor)
        loaded.check(next(iter(WHOLE.policies.values())))
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
        check_model(content, "model.onnx")
    except SordinoError:
        return
    assert content not in HOSTILE, "a hostile model passed"
    graph = onnx.load_from_string(content).graph  # a file of two meanings ends here
    assert not any(tensor.data_location or tensor.external_data for tensor in graph.initializer), (
        "external data"
    )
    assert not any(
        attribute.HasField("g") for node in graph.node for attribute in node.attribute
    ), "a subgraph"
    try:
        model = Model(content, "model.onnx")
        shapes = [
            [size if isinstance(size, int) else 3 for size in value.shape]
            for value in model._session.get_inputs()
        ]
        kinds = [
            np.int64 if "int64" in value.type else np.float32
            for value in model._session.get_inputs()
        ]
        names = [value.name for value in model._session.get_inputs()]
        model(
            **{
                name: np.ones(shape, kind)
                for name, shape, kind in zip(names, shapes, kinds, strict=True)
            }
        )
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
        assert (reason is None) == (spent < 3 or ahead > 0), (
            "a budget was given again, or not given"
        )
    else:
        assert reason is Reason.BUDGET_UNKNOWN, "a damaged count let a vector out"
