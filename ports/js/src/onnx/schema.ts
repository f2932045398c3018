/**
 * The messages of an ONNX file, as a table for `protobuf`: `sordino.onnx.schema`.
 *
 * Every field of the format up to IR version 14 is here, even if no bundle may have it: a subgraph
 * may contain external data, so it is read to its end. All other fields are refused. Source:
 * onnx.proto of ONNX 1.20 (Apache-2.0).
 */

export const EXTERNAL = "external data";
export const SPARSE = "sparse tensor";
export const STRINGS = "string tensor";
export const SUBGRAPH = "subgraph";
const DEVICES = "device configuration";
const METADATA = "metadata";
const TYPE = "type of a value that is no tensor";

/** One field: its name, its kind, whether it is a list, and why no message may have it. */
export interface Field {
  readonly name: string;
  readonly kind: string;
  readonly repeated: boolean;
  readonly refused: string;
}

export type Schema = { readonly [message: string]: ReadonlyMap<number, Field> };

type Row = [number: number, name: string, kind: string, refused?: string];

/** A kind that ends in `*` is a list. */
function fields(...rows: Row[]): ReadonlyMap<number, Field> {
  return new Map(
    rows.map(([number, name, kind, refused = ""]) => [
      number,
      { name, kind: kind.replace("*", ""), repeated: kind.endsWith("*"), refused },
    ]),
  );
}

/** Fields by message and number. */
export const MODEL: Schema = {
  Model: fields(
    [1, "ir_version", "int"], [2, "producer_name", "text"], [3, "producer_version", "text"],
    [4, "domain", "text"], [5, "model_version", "int"], [6, "doc_string", "bytes"],
    [7, "graph", "Graph"], [8, "opset_import", "OperatorSet*"], [14, "metadata", "Entry*"],
    [20, "training_info", "Training*", "training information"],
    [25, "functions", "Function*", "model-local function"],
    [26, "configuration", "bytes*", DEVICES],
  ),
  OperatorSet: fields([1, "domain", "text"], [2, "version", "int"]),
  Entry: fields([1, "key", "text"], [2, "value", "text"]),
  Training: fields(
    [1, "initialization", "Graph"], [2, "algorithm", "Graph"],
    [3, "initialization_binding", "Entry*"], [4, "update_binding", "Entry*"],
  ),
  Function: fields(
    [1, "name", "text"], [4, "input", "text*"], [5, "output", "text*"], [6, "attribute", "text*"],
    [7, "node", "Node*"], [8, "doc_string", "bytes"], [9, "opset_import", "OperatorSet*"],
    [10, "domain", "text"], [11, "attribute_proto", "Attribute*"], [12, "value_info", "Value*"],
    [13, "overload", "text"], [14, "metadata", "Entry*", METADATA],
  ),
  Graph: fields(
    [1, "node", "Node*"], [2, "name", "text"], [5, "initializer", "Tensor*"],
    [10, "doc_string", "bytes"], [11, "input", "Value*"], [12, "output", "Value*"],
    [13, "value_info", "Value*"],
    [14, "quantization_annotation", "bytes*", "quantisation annotation"],
    [15, "sparse_initializer", "Sparse*", SPARSE], [16, "metadata", "Entry*", METADATA],
  ),
  Node: fields(
    [1, "input", "text*"], [2, "output", "text*"], [3, "name", "text"], [4, "op_type", "text"],
    [5, "attribute", "Attribute*"], [6, "doc_string", "bytes"], [7, "domain", "text"],
    [8, "overload", "text", "operator overload"], [9, "metadata", "Entry*", METADATA],
    [10, "device_configurations", "bytes*", DEVICES],
  ),
  Attribute: fields(
    [1, "name", "text"], [2, "f", "float"], [3, "i", "int"], [4, "s", "bytes"],
    [5, "t", "Tensor"], [6, "g", "Graph", SUBGRAPH], [7, "floats", "float*"], [8, "ints", "int*"],
    [9, "strings", "bytes*"], [10, "tensors", "Tensor*"], [11, "graphs", "Graph*", SUBGRAPH],
    [13, "doc_string", "bytes"], [14, "tp", "Type"], [15, "type_protos", "Type*"],
    [20, "type", "int"],
    [21, "ref_attr_name", "text", "reference to an attribute of a function"],
    [22, "sparse_tensor", "Sparse", SPARSE], [23, "sparse_tensors", "Sparse*", SPARSE],
  ),
  Tensor: fields(
    [1, "dims", "int*"], [2, "data_type", "int"], [3, "segment", "bytes", "segment of a tensor"],
    [4, "float_data", "bytes"], [5, "int32_data", "int32*"],
    [6, "string_data", "bytes*", STRINGS], [7, "int64_data", "int*"], [8, "name", "text"],
    [9, "raw_data", "bytes"], [10, "double_data", "bytes"], [11, "uint64_data", "int*"],
    [12, "doc_string", "bytes"], [13, "external_data", "bytes*", EXTERNAL],
    [14, "data_location", "int"], [16, "metadata", "Entry*", METADATA],
  ),
  Sparse: fields([1, "values", "Tensor"], [2, "indices", "Tensor"], [3, "dims", "int*"]),
  Value: fields(
    [1, "name", "text"], [2, "type", "Type"], [3, "doc_string", "bytes"],
    [4, "metadata", "Entry*", METADATA],
  ),
  Type: fields(
    [1, "tensor_type", "TensorType"], [4, "sequence_type", "bytes", TYPE],
    [5, "map_type", "bytes", TYPE], [6, "denotation", "text"], [7, "opaque_type", "bytes", TYPE],
    [8, "sparse_tensor_type", "bytes", TYPE], [9, "optional_type", "bytes", TYPE],
  ),
  TensorType: fields([1, "elem_type", "int"], [2, "shape", "Shape"]),
  Shape: fields([1, "dim", "Dimension*"]),
  Dimension: fields([1, "dim_value", "int"], [2, "dim_param", "text"], [3, "denotation", "text"]),
};
