"""The messages of an ONNX file, as a table for `sordino.onnx.protobuf`.

Every field of the format up to IR version 14 is here, even if no bundle may have it: a subgraph
may contain external data, so it is read to its end. All other fields are refused. Source:
onnx.proto of ONNX 1.20 (Apache-2.0).
"""

from __future__ import annotations

from typing import Final

from sordino.onnx.protobuf import Field

EXTERNAL: Final = "external data"
SPARSE: Final = "sparse tensor"
STRINGS: Final = "string tensor"
SUBGRAPH: Final = "subgraph"
DEVICES: Final = "device configuration"
METADATA: Final = "metadata"
TYPE: Final = "type of a value that is no tensor"


def _many(name: str, kind: str, refused: str = "") -> Field:
    return Field(name, kind, repeated=True, refused=refused)


MODEL: Final = {
    "Model": {
        1: Field("ir_version", "int"),
        2: Field("producer_name", "text"),
        3: Field("producer_version", "text"),
        4: Field("domain", "text"),
        5: Field("model_version", "int"),
        6: Field("doc_string", "bytes"),
        7: Field("graph", "Graph"),
        8: _many("opset_import", "OperatorSet"),
        14: _many("metadata", "Entry"),
        20: _many("training_info", "Training", "training information"),
        25: _many("functions", "Function", "model-local function"),
        26: _many("configuration", "bytes", DEVICES),
    },
    "OperatorSet": {1: Field("domain", "text"), 2: Field("version", "int")},
    "Entry": {1: Field("key", "text"), 2: Field("value", "text")},
    "Training": {
        1: Field("initialization", "Graph"),
        2: Field("algorithm", "Graph"),
        3: _many("initialization_binding", "Entry"),
        4: _many("update_binding", "Entry"),
    },
    "Function": {
        1: Field("name", "text"),
        4: _many("input", "text"),
        5: _many("output", "text"),
        6: _many("attribute", "text"),
        7: _many("node", "Node"),
        8: Field("doc_string", "bytes"),
        9: _many("opset_import", "OperatorSet"),
        10: Field("domain", "text"),
        11: _many("attribute_proto", "Attribute"),
        12: _many("value_info", "Value"),
        13: Field("overload", "text"),
        14: _many("metadata", "Entry", METADATA),
    },
    "Graph": {
        1: _many("node", "Node"),
        2: Field("name", "text"),
        5: _many("initializer", "Tensor"),
        10: Field("doc_string", "bytes"),
        11: _many("input", "Value"),
        12: _many("output", "Value"),
        13: _many("value_info", "Value"),
        14: _many("quantization_annotation", "bytes", "quantisation annotation"),
        15: _many("sparse_initializer", "Sparse", SPARSE),
        16: _many("metadata", "Entry", METADATA),
    },
    "Node": {
        1: _many("input", "text"),
        2: _many("output", "text"),
        3: Field("name", "text"),
        4: Field("op_type", "text"),
        5: _many("attribute", "Attribute"),
        6: Field("doc_string", "bytes"),
        7: Field("domain", "text"),
        8: Field("overload", "text", refused="operator overload"),
        9: _many("metadata", "Entry", METADATA),
        10: _many("device_configurations", "bytes", DEVICES),
    },
    "Attribute": {
        1: Field("name", "text"),
        2: Field("f", "float"),
        3: Field("i", "int"),
        4: Field("s", "bytes"),
        5: Field("t", "Tensor"),
        6: Field("g", "Graph", refused=SUBGRAPH),
        7: _many("floats", "float"),
        8: _many("ints", "int"),
        9: _many("strings", "bytes"),
        10: _many("tensors", "Tensor"),
        11: _many("graphs", "Graph", SUBGRAPH),
        13: Field("doc_string", "bytes"),
        14: Field("tp", "Type"),
        15: _many("type_protos", "Type"),
        20: Field("type", "int"),
        21: Field("ref_attr_name", "text", refused="reference to an attribute of a function"),
        22: Field("sparse_tensor", "Sparse", refused=SPARSE),
        23: _many("sparse_tensors", "Sparse", SPARSE),
    },
    "Tensor": {
        1: _many("dims", "int"),
        2: Field("data_type", "int"),
        3: Field("segment", "bytes", refused="segment of a tensor"),
        4: Field("float_data", "bytes"),
        5: _many("int32_data", "int32"),
        6: _many("string_data", "bytes", STRINGS),
        7: _many("int64_data", "int"),
        8: Field("name", "text"),
        9: Field("raw_data", "bytes"),
        10: Field("double_data", "bytes"),
        11: _many("uint64_data", "int"),
        12: Field("doc_string", "bytes"),
        13: _many("external_data", "bytes", EXTERNAL),
        14: Field("data_location", "int"),
        16: _many("metadata", "Entry", METADATA),
    },
    "Sparse": {
        1: Field("values", "Tensor"),
        2: Field("indices", "Tensor"),
        3: _many("dims", "int"),
    },
    "Value": {
        1: Field("name", "text"),
        2: Field("type", "Type"),
        3: Field("doc_string", "bytes"),
        4: _many("metadata", "Entry", METADATA),
    },
    "Type": {
        1: Field("tensor_type", "TensorType"),
        4: Field("sequence_type", "bytes", refused=TYPE),
        5: Field("map_type", "bytes", refused=TYPE),
        6: Field("denotation", "text"),
        7: Field("opaque_type", "bytes", refused=TYPE),
        8: Field("sparse_tensor_type", "bytes", refused=TYPE),
        9: Field("optional_type", "bytes", refused=TYPE),
    },
    "TensorType": {1: Field("elem_type", "int"), 2: Field("shape", "Shape")},
    "Shape": {1: _many("dim", "Dimension")},
    "Dimension": {
        1: Field("dim_value", "int"),
        2: Field("dim_param", "text"),
        3: Field("denotation", "text"),
    },
}
"""Fields by message and number."""
