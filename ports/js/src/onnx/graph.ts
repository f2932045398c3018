/**
 * The graph of a parsed ONNX file; every name, tensor and attribute is checked:
 * `sordino.onnx.graph`.
 *
 * Names are unique. Each node reads values of inputs, initialisers or earlier nodes, so that there
 * is no cycle. A tensor holds exactly the bytes of its shape.
 */

import type { Message, Value } from "./protobuf.js";
import {
  type Attribute, DOUBLE, FLOAT, INT32, INT64, ITEM_BYTES, OPERATORS, type Operator, product,
  RANK, ShapeError, type Tensor,
} from "./shapes.js";

const ATTRIBUTE_TYPES: { [field: string]: number } = { f: 1, i: 2, ints: 7 };
const LONGEST = 2 ** 31; // each dimension is shorter
const CONTENT_NUMBERS = 64; // the largest tensor that is read as axes, bounds or divisors
const DATA = new Map<number, string>([
  [FLOAT, "float_data"], [DOUBLE, "double_data"], [INT64, "int64_data"],
]);
const DATA_FIELDS = [
  "float_data", "double_data", "int32_data", "int64_data", "uint64_data", "string_data", "raw_data",
];

/** A graph that a bundle must not contain. */
export class GraphError extends Error {}

/** A size, the name of a free dimension, or nothing. */
export type Dimension = number | string | null;

/** Name, type and dimensions that the file states for a value; null if it states no dimensions. */
export interface Declared {
  readonly name: string;
  readonly dtype: number;
  readonly dimensions: readonly Dimension[] | null;
}

/** One operator of the graph. */
export interface Node {
  readonly kind: string;
  readonly operator: Operator;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: { [name: string]: Attribute };
}

/** Nodes in the order in which they run. */
export interface Graph {
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
  /** Types and dimensions that the file states for values inside the graph. */
  readonly declared: readonly Declared[];
  readonly initialisers: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly Node[];
}

/** The messages of a repeated field. */
export function messages(message: Message, field: string): Message[] {
  return (message[field] ?? []) as Message[];
}

/** A text, or "" where the file has none. */
export function text(message: Message, field: string): string {
  return (message[field] ?? "") as string;
}

/** The graph in a parsed file. `largest` is the limit of one initialiser in bytes. */
export function buildGraph(message: Message, largest: number): Graph {
  const [inputs, outputs, declared] = ["input", "output", "value_info"].map((field) =>
    messages(message, field).map(declaredValue),
  ) as [Declared[], Declared[], Declared[]];
  const tensors = messages(message, "initializer");
  const names = tensors.map((tensor) => text(tensor, "name"));
  const initialisers = new Map(
    tensors.map((tensor, index) => [names[index]!, initialiser(tensor, largest)]),
  );
  const nodes = messages(message, "node").map(graphNode);
  const defined = definedNames([...inputs.map((value) => value.name), ...names], nodes);
  const missing = outputs.find((value) => !defined.has(value.name));
  if (missing) throw new GraphError(`output '${missing.name}', which no node gives`);
  if (!outputs.length || !inputs.length) throw new GraphError("no input or no output");
  if (new Set(outputs.map((value) => value.name)).size < outputs.length) {
    throw new GraphError("an output twice");
  }
  return { inputs, outputs, declared, initialisers, nodes };
}

/** All names of values; each is defined once and before a node reads it. */
function definedNames(sources: string[], nodes: readonly Node[]): Set<string> {
  const defined = new Set<string>();
  const define = (names: readonly string[]) => {
    for (const name of names) {
      if (!name) throw new GraphError("a value without a name");
      if (defined.has(name)) throw new GraphError(`the name '${name}' of a value twice`);
      defined.add(name);
    }
  };
  define(sources);
  for (const node of nodes) {
    const missing = node.inputs.find((name) => !defined.has(name));
    if (missing !== undefined) {
      throw new GraphError(`value '${missing}' of ${node.kind}, which no earlier node gives`);
    }
    define(node.outputs);
  }
  return defined;
}

function graphNode(message: Message): Node {
  const kind = text(message, "op_type");
  const operator = OPERATORS.get(kind);
  if (!operator) throw new GraphError(`operator ${kind}`);
  const inputs = (message["input"] ?? []) as string[];
  if (inputs.length < operator.inputs[0] || inputs.length > operator.inputs[1]) {
    throw new GraphError(`${kind} of ${inputs.length} inputs`);
  }
  const attributes: { [name: string]: Attribute } = Object.create(null);
  for (const attribute of messages(message, "attribute")) {
    const name = text(attribute, "name");
    const field = Object.hasOwn(operator.attributes, name) ? operator.attributes[name] : undefined;
    if (field === undefined || name in attributes) {
      throw new GraphError(`attribute '${name}' of ${kind}`);
    }
    const fields = Object.keys(attribute).filter((key) => key !== "doc_string").sort();
    if (fields.join() !== ["name", "type", field].sort().join()) {
      throw new GraphError(`attribute '${name}' of ${kind}, which is no ${field}`);
    }
    if (attribute["type"] !== ATTRIBUTE_TYPES[field]) {
      throw new GraphError(`attribute '${name}' of ${kind} of type ${attribute["type"]}`);
    }
    attributes[name] = attribute[field] as Attribute;
  }
  return { kind, operator, inputs, outputs: (message["output"] ?? []) as string[], attributes };
}

function declaredValue(message: Message): Declared {
  const name = text(message, "name");
  const type = (message["type"] ?? {}) as Message;
  const tensor = (type["tensor_type"] ?? {}) as Message;
  const dtype = tensor["elem_type"] as number;
  if (!ITEM_BYTES.has(dtype)) throw new GraphError(`data type ${dtype} of value '${name}'`);
  if (!("shape" in tensor)) return { name, dtype, dimensions: null };
  const shape = messages(tensor["shape"] as Message, "dim");
  if (shape.length > RANK) {
    throw new GraphError(`shape of '${name}' with ${shape.length} dimensions`);
  }
  return { name, dtype, dimensions: shape.map((dimension) => sizeOf(name, dimension)) };
}

function sizeOf(name: string, message: Message): Dimension {
  const [size, symbol] = [message["dim_value"] as number | undefined, message["dim_param"]];
  if (size === undefined) return (symbol as string | undefined) || null;
  if (symbol !== undefined || !(size >= 0 && size < LONGEST)) {
    throw new GraphError(`shape of '${name}' with a dimension of ${size}`);
  }
  return size;
}

/** Shape and type of a constant in the file. */
function initialiser(message: Message, largest: number): Tensor {
  const [name, dtype] = [text(message, "name"), (message["data_type"] ?? 0) as number];
  const shape = (message["dims"] ?? []) as number[];
  const itemBytes = ITEM_BYTES.get(dtype);
  if (!itemBytes) throw new GraphError(`data type ${dtype} of initialiser '${name}'`);
  if (shape.length > RANK || !shape.every((size) => size >= 0 && size < LONGEST)) {
    throw new GraphError(`shape ${shape.slice(0, RANK + 1)} of initialiser '${name}'`);
  }
  const size = product(shape);
  const expected = size * itemBytes;
  if (expected > largest) {
    throw new GraphError(`initialiser of ${expected} bytes, more than ${largest}`);
  }
  const present = DATA_FIELDS.filter((field) => field in message);
  const field = present[0];
  const accepted = [undefined, "raw_data", DATA.get(dtype) ?? "int32_data"];
  if (present.length > 1 || !accepted.includes(field)) {
    throw new GraphError(`data of initialiser '${name}' in ${present.join(" and ")}`);
  }
  const data = field === undefined ? new Uint8Array() : (message[field] as Uint8Array | Value[]);
  if (data.length !== (Array.isArray(data) ? size : expected)) {
    throw new GraphError(`initialiser '${name}' with ${data.length} items for its shape ${shape}`);
  }
  const content = size <= CONTENT_NUMBERS ? numbersOf(data, dtype) : undefined;
  return { shape, dtype, constant: true, content };
}

/** The numbers of a small tensor of integers. */
function numbersOf(data: Uint8Array | Value[], dtype: number): number[] | undefined {
  if (dtype !== INT32 && dtype !== INT64) return undefined;
  if (Array.isArray(data)) return data as number[];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = ITEM_BYTES.get(dtype)!;
  return Array.from({ length: data.length / size }, (_, index) =>
    dtype === INT32 ? view.getInt32(4 * index, true) : Number(view.getBigInt64(8 * index, true)),
  );
}

/** An input of the graph, for one choice of its free dimensions. */
export function inputTensor(declared: Declared, symbols: ReadonlyMap<string, number>): Tensor {
  if (declared.dtype !== FLOAT && declared.dtype !== INT64) {
    throw new GraphError(`input '${declared.name}' of data type ${declared.dtype}`);
  }
  if (!declared.dimensions?.length || !declared.dimensions.every(Boolean)) {
    throw new GraphError(`shape of input '${declared.name}', which is not known`);
  }
  const shape = declared.dimensions.map((size) =>
    typeof size === "string" ? symbols.get(size)! : size!,
  );
  return { shape, dtype: declared.dtype };
}

/** Throws where the file states another type or shape than the operator gives. */
export function checkDeclared(
  declared: Declared, tensor: Tensor, symbols: Map<string, number>,
): void {
  if (declared.dtype !== tensor.dtype) {
    throw new ShapeError(`data type ${declared.dtype}, which is ${tensor.dtype}`);
  }
  if (!declared.dimensions) return;
  const fits = declared.dimensions.length === tensor.shape.length &&
    declared.dimensions.every((size, index) => {
      const actual = tensor.shape[index]!;
      if (typeof size !== "string") return size === null || size === actual;
      if (!symbols.has(size)) symbols.set(size, actual);
      return symbols.get(size) === actual;
    });
  if (!fits) throw new ShapeError(`${declared.dimensions}, which is ${tensor.shape}`);
}
