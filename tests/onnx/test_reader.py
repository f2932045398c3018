"""The reader understands an ONNX file as onnx does, or refuses it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from sordino.errors import BundleError
from sordino.onnx.graph import build_graph
from sordino.onnx.protobuf import Message, parse_message
from sordino.onnx.schema import MODEL
from sordino.onnx.structure import BUNDLE, check_model
from tests.onnx import synthetic_onnx
from tests.onnx.exported_models import models


class Silent:
    def refuse(self, reason: str) -> None:
        raise AssertionError(reason)

    def visit(self, kind: str, message: Message) -> None:
        pass


def parsed(content: bytes) -> Message:
    return parse_message(content, MODEL, "Model", BUNDLE.bounds, Silent())


GRAPH = synthetic_onnx.harmless().graph.SerializeToString()
DUPLICATES = {
    "graph": synthetic_onnx.field(7, GRAPH),
    "ir_version": b"\x08\x08",
    "producer_name": synthetic_onnx.field(2, b"a") * 2,
}
TORN = {
    "cut integer": b"\x08\x88",
    "long integer": b"\x28\x80\x00",
    "integer of 65 bits": b"\x28" + b"\xff" * 9 + b"\x02",
    "integer without end": b"\x28" + b"\xff" * 11,
    "long tag": b"\x88\x80\x80\x80\x80\x00\x08",
    "field 0": b"\x00\x08",
    "group": b"\x0b\x0c",
    "group of a message": b"\x3b\x3c",
    "wire type 6": b"\x0e\x00",
    "fixed for an integer": b"\x0d\x00\x00\x00\x00",
    "length beyond the end": b"\x12\x7f",
    "unknown field": b"\x1a\x00" + synthetic_onnx.field(12, b""),
    "not UTF-8": synthetic_onnx.field(3, b"\xff"),
}


@pytest.mark.parametrize("name", [*TORN, *DUPLICATES])
def test_bytes_of_two_meanings_are_refused(name: str) -> None:
    content = synthetic_onnx.harmless().SerializeToString()
    check_model(content, "m.onnx")
    with pytest.raises(BundleError, match="not a model that ONNX Runtime reads"):
        check_model(content + {**TORN, **DUPLICATES}[name], "m.onnx")


def test_a_second_data_location_does_not_hide_the_first() -> None:
    for order in (b"\x70\x01\x70\x00", b"\x70\x00\x70\x01"):
        tensor = synthetic_onnx.constant("c", [1, 2, 3, 4]).SerializeToString() + order
        graph = (
            synthetic_onnx.field(5, tensor)
            + synthetic_onnx.proto([synthetic_onnx.node("Add", "x c")]).graph.SerializeToString()
        )
        with pytest.raises(BundleError, match="data_location twice"):
            check_model(
                b"\x08\x08" + synthetic_onnx.field(8, b"\x10\x12") + synthetic_onnx.field(7, graph),
                "m.onnx",
            )


def test_a_location_beyond_32_bits_is_external() -> None:
    """Other readers keep the lower half, which says EXTERNAL."""
    tensor = (
        synthetic_onnx.constant("c", [1, 2, 3, 4]).SerializeToString() + b"\x70\x81\x80\x80\x80\x10"
    )
    graph = (
        synthetic_onnx.field(5, tensor)
        + synthetic_onnx.proto([synthetic_onnx.node("Add", "x c")]).graph.SerializeToString()
    )
    with pytest.raises(BundleError, match="external data"):
        check_model(
            b"\x08\x08" + synthetic_onnx.field(8, b"\x10\x12") + synthetic_onnx.field(7, graph),
            "m.onnx",
        )


def test_lists_of_integers_may_be_packed_or_not() -> None:
    base = synthetic_onnx.proto([synthetic_onnx.node("Add", "x c")])
    for dims in (b"\x08\x01\x08\x04", b"\x0a\x02\x01\x04", b"\x08\x01\x0a\x01\x04"):
        tensor = (
            dims + b"\x10\x01" + synthetic_onnx.field(8, b"c") + synthetic_onnx.field(9, bytes(16))
        )
        graph = base.graph.SerializeToString() + synthetic_onnx.field(5, tensor)
        content = (
            b"\x08\x08" + synthetic_onnx.field(8, b"\x10\x12") + synthetic_onnx.field(7, graph)
        )
        check_model(content, "m.onnx")
        assert list(onnx.load_from_string(content).graph.initializer[0].dims) == [1, 4]


@pytest.mark.slow
def test_the_reader_agrees_with_onnx() -> None:
    for content in models().values():
        expected, graph = (
            onnx.load_from_string(content).graph,
            build_graph(parsed(content)["graph"], 1 << 26),
        )
        nodes = [(node.op_type, tuple(node.input), tuple(node.output)) for node in expected.node]
        assert [(node.kind, node.inputs, node.outputs) for node in graph.nodes] == nodes
        attributes = [
            {
                attribute.name: onnx.helper.get_attribute_value(attribute)
                for attribute in node.attribute
            }
            for node in expected.node
        ]
        assert [dict(node.attributes) for node in graph.nodes] == attributes
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in expected.initializer}
        assert {name: tensor.shape for name, tensor in graph.initialisers.items()} == {
            name: array.shape for name, array in arrays.items()
        }
        assert all(
            arrays[name].ravel().tolist() == list(tensor.content)
            for name, tensor in graph.initialisers.items()
            if tensor.content
        )


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_changed_bytes_are_refused_or_harmless(data: st.DataObject) -> None:
    """An accepted model is read by onnx in the same way."""
    content = bytearray(data.draw(st.sampled_from(sorted(models().values()))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        check_model(bytes(content), "m.onnx")
    except BundleError:
        return
    graph = onnx.load_from_string(bytes(content)).graph
    nodes = build_graph(parsed(bytes(content))["graph"], 1 << 26).nodes
    assert [node.op_type for node in graph.node] == [node.kind for node in nodes]


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_with_an_error_of_sordino(content: bytes) -> None:
    with pytest.raises(BundleError):
        check_model(content, "m.onnx")


def test_a_number_beyond_32_bits_is_refused() -> None:
    """ONNX Runtime keeps the lower half: a range of no numbers here had 600 million there."""
    limit = (
        synthetic_onnx.field(8, b"l") + b"\x10\x06\x28\x80\x8c\x8d\x9e\xf2\xff\xff\xff\xff\x01"
    )  # int32_data of -2^32 + 6e8
    numbers = [
        synthetic_onnx.constant(name, value, np.int32) for name, value in (("f", 0), ("d", 1))
    ]
    graph = synthetic_onnx.proto(
        [synthetic_onnx.node("Range", "f l d")], numbers
    ).graph.SerializeToString()
    content = (
        b"\x08\x08"
        + synthetic_onnx.field(8, b"\x10\x12")
        + synthetic_onnx.field(7, graph + synthetic_onnx.field(5, limit))
    )
    with pytest.raises(BundleError, match="an integer of over 32 bits"):
        check_model(content, "m.onnx")
