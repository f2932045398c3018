/**
 * The operators that a bundle's model may use, and the shape, type and cost of their outputs:
 * `sordino.onnx.shapes`.
 *
 * A rule maps the shapes of an operator's inputs to those of its outputs, for one choice of all
 * free dimensions. The size of every value is therefore known before ONNX Runtime allocates it. If
 * a size follows from numbers (`Range`, `Slice`), these must be constants or dimensions.
 */

export const [FLOAT, UINT8, INT8, INT32, INT64, BOOL, DOUBLE] = [1, 2, 3, 6, 7, 9, 11] as const;
/** Bytes of one number, by the data types that a model may use. */
export const ITEM_BYTES = new Map<number, number>([
  [FLOAT, 4], [UINT8, 1], [INT8, 1], [INT32, 4], [INT64, 8], [BOOL, 1], [DOUBLE, 8],
]);
/** Dimensions of a value; models of bundles have at most four. */
export const RANK = 8;

type Sizes = readonly number[];

/** Shapes, types or attributes that an operator does not accept. */
export class ShapeError extends Error {}

/** The properties of a value before it is computed. */
export interface Tensor {
  readonly shape: Sizes;
  /** The number of the type in ONNX. */
  readonly dtype: number;
  /** Whether the file contains the value. */
  readonly constant?: boolean;
  /** The numbers, if the value is a short list of integers that are constants or dimensions. */
  readonly content?: Sizes | undefined;
}

export type Attribute = number | number[];

/** An operator with its inputs. */
export class OperatorCall {
  constructor(
    readonly inputs: readonly Tensor[], readonly attributes: { [name: string]: Attribute },
  ) {}

  /** The value of an attribute that is one number. */
  number(name: string, otherwise: number): number {
    return (this.attributes[name] ?? otherwise) as number;
  }

  /** The value of an attribute that is a list. */
  numbers(name: string, otherwise: Sizes): Sizes {
    return (this.attributes[name] ?? otherwise) as Sizes;
  }

  /** The attribute `axis`, counted from the start of the first input. */
  axis(otherwise: number): number {
    return resolveAxis(this.number("axis", otherwise), this.inputs[0]!.shape.length);
  }
}

export interface Operator {
  /** The properties of the outputs of a call. */
  readonly infer: (call: OperatorCall) => Tensor[];
  /** The least and the largest number of its inputs. */
  readonly inputs: readonly [number, number];
  /** The field of each attribute that it accepts. */
  readonly attributes: { readonly [name: string]: string };
  /** Multiplications for one number of its first output. */
  readonly cost: (call: OperatorCall) => number;
}

export const product = (sizes: Sizes): number => sizes.reduce((all, size) => all * size, 1);
const same = (first: Sizes, second: Sizes): boolean =>
  first.length === second.length && first.every((size, index) => size === second[index]);
const sum = (sizes: Sizes): number => sizes.reduce((all, size) => all + size, 0);

function expect(fits: boolean, text: string): void {
  if (!fits) throw new ShapeError(text);
}

function resolveAxis(axis: number, rank: number): number {
  expect(-rank <= axis && axis < rank, `axis ${axis} of ${rank} dimensions`);
  return axis < 0 ? axis + rank : axis;
}

function contentOf(tensor: Tensor, text: string): Sizes {
  if (!tensor.content) throw new ShapeError(`${text} that are no constants`);
  return tensor.content;
}

/** The shape of two values together, as in numpy. */
function broadcast(first: Sizes, second: Sizes): Sizes {
  const rank = Math.max(first.length, second.length);
  const at = (sizes: Sizes, index: number) => sizes[index - rank + sizes.length] ?? 1;
  return Array.from({ length: rank }, (_, index) => {
    const [a, b] = [at(first, index), at(second, index)];
    expect(a === b || a === 1 || b === 1, `${first} and ${second} do not fit`);
    return a === 1 ? b : a;
  });
}

const sameShape = ({ inputs: [x] }: OperatorCall): Tensor[] => [
  { shape: x!.shape, dtype: x!.dtype },
];

function arithmetic({ inputs: [first, second] }: OperatorCall): Tensor[] {
  expect(first!.dtype === second!.dtype, `data types ${first!.dtype} and ${second!.dtype}`);
  return [{ shape: broadcast(first!.shape, second!.shape), dtype: first!.dtype }];
}

/** Integers are divided by constants of at least 1 only: division by 0 ends the process. */
function divide(call: OperatorCall): Tensor[] {
  if (call.inputs[0]!.dtype !== FLOAT && call.inputs[0]!.dtype !== DOUBLE) {
    const divisors = contentOf(call.inputs[1]!, "divisors");
    expect(divisors.every((divisor) => divisor > 0), "a whole divisor below 1");
  }
  return arithmetic(call);
}

const compare = (call: OperatorCall): Tensor[] => [{ ...arithmetic(call)[0]!, dtype: BOOL }];

function matrixProduct(call: OperatorCall, dtype: number): Tensor[] {
  const [first, second] = [call.inputs[0]!.shape, call.inputs[1]!.shape];
  expect(Math.min(first.length, second.length) > 0, "a matrix without dimensions");
  const a = first.length > 1 ? first : [1, ...first];
  const b = second.length > 1 ? second : [...second, 1];
  expect(a.at(-1) === b.at(-2), `${first} and ${second} do not fit`);
  const rows = first.length > 1 ? a.slice(-2, -1) : [];
  const columns = second.length > 1 ? b.slice(-1) : [];
  return [{ shape: [...broadcast(a.slice(0, -2), b.slice(0, -2)), ...rows, ...columns], dtype }];
}

function matmul(call: OperatorCall): Tensor[] {
  expect(call.inputs[0]!.dtype === call.inputs[1]!.dtype, "matrices of two data types");
  return matrixProduct(call, call.inputs[0]!.dtype);
}

function matmulInteger(call: OperatorCall): Tensor[] {
  const columns = call.inputs[1]!.shape.at(-1)!;
  const [forFirst, forSecond] = call.inputs.slice(2);
  const fits = (tensor: Tensor | undefined, sizes: Sizes) =>
    !tensor || (tensor.shape.length < 2 && sizes.includes(product(tensor.shape)));
  expect(fits(forFirst, [1]) && fits(forSecond, [1, columns]), "zero points of another shape");
  return matrixProduct(call, INT32);
}

function dequantise(call: OperatorCall): Tensor[] {
  const [x, scale, zero] = call.inputs;
  const single = same(scale!.shape, []) || same(scale!.shape, [1]);
  expect(single || same(scale!.shape, [x!.shape[call.axis(1)]!]), `scales of ${scale!.shape}`);
  expect(!zero || same(zero.shape, scale!.shape), "zero points of another shape than scales");
  return [{ shape: x!.shape, dtype: scale!.dtype }];
}

function normalise(call: OperatorCall): Tensor[] {
  const [x, ...weights] = call.inputs;
  const expected = x!.shape.slice(call.axis(-1));
  expect(weights.every((tensor) => same(tensor.shape, expected)), "weights of another shape");
  return sameShape(call);
}

function concat(call: OperatorCall): Tensor[] {
  const [first, axis] = [call.inputs[0]!, call.axis(0)];
  const rest = (tensor: Tensor) => tensor.shape.filter((_, index) => index !== axis);
  const fits = call.inputs.every(
    (tensor) =>
      tensor.dtype === first.dtype &&
      tensor.shape.length === first.shape.length &&
      same(rest(tensor), rest(first)),
  );
  expect(fits, "parts that do not fit");
  const total = sum(call.inputs.map((tensor) => tensor.shape[axis]!));
  return [{ shape: first.shape.with(axis, total), dtype: first.dtype }];
}

function convolve(call: OperatorCall): Tensor[] {
  const [x, weights, bias] = call.inputs.map((tensor) => tensor.shape) as [Sizes, Sizes, Sizes?];
  const [strides, pads] = [call.numbers("strides", [1]), call.numbers("pads", [0, 0])];
  const fits = x.length === 3 && weights.length === 3 && x[1] === weights[1];
  expect(fits, `${x} and ${weights} do not fit`);
  expect(!bias || same(bias, weights.slice(0, 1)), "a bias of another size");
  expect(strides.length === 1 && strides[0]! > 0, "strides below 1");
  expect(pads.length === 2 && Math.min(...pads) >= 0, "pads below 0");
  const steps = Math.floor((x[2]! + sum(pads) - weights[2]!) / strides[0]!) + 1;
  expect(steps >= 0 && weights[2]! > 0, "a kernel that is longer than its input");
  return [{ shape: [x[0]!, weights[0]!, steps], dtype: call.inputs[0]!.dtype }];
}

function recur(call: OperatorCall): Tensor[] {
  const [x, ...weights] = call.inputs;
  const hidden = call.number("hidden_size", 0);
  expect(x!.shape.length === 3 && hidden > 0, `an input ${x!.shape} of hidden size ${hidden}`);
  const [steps, n, width] = x!.shape as [number, number, number];
  const expected = [[1, 3 * hidden, width], [1, 3 * hidden, hidden], [1, 6 * hidden]];
  const fits = weights.every((tensor, index) => same(tensor.shape, expected[index]!));
  expect(fits, "weights of another shape");
  return [
    { shape: [steps, 1, n, hidden], dtype: x!.dtype }, { shape: [1, n, hidden], dtype: x!.dtype },
  ];
}

function gather(call: OperatorCall): Tensor[] {
  const [x, at] = call.inputs as [Tensor, Tensor];
  const axis = call.axis(0);
  const size = x.shape[axis]!;
  const fits = (at.content ?? []).every((index) => -size <= index && index < size);
  expect(fits, "an index beyond the end");
  const shape = [...x.shape.slice(0, axis), ...at.shape, ...x.shape.slice(axis + 1)];
  return [{ shape, dtype: x.dtype }];
}

function slice(call: OperatorCall): Tensor[] {
  const x = call.inputs[0]!;
  const bounds = call.inputs.slice(1).map((tensor) => contentOf(tensor, "bounds of a slice"));
  const [starts, ends, axes] = bounds as [Sizes, Sizes, Sizes];
  const fits = starts.length === ends.length && ends.length === axes.length;
  expect(fits, "bounds of a slice that differ in number");
  const shape = [...x.shape];
  for (const [index, number] of axes.entries()) {
    const axis = resolveAxis(number, shape.length);
    const size = x.shape[axis]!;
    const clamp = (bound: number) => Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
    shape[axis] = Math.max(0, clamp(ends[index]!) - clamp(starts[index]!));
  }
  return [{ shape, dtype: x.dtype }];
}

function squeeze(call: OperatorCall): Tensor[] {
  const [x, axes] = call.inputs as [Tensor, Tensor?];
  const rank = x.shape.length;
  const numbers = axes ? contentOf(axes, "axes") : x.shape.map((_, axis) => axis);
  const gone = new Set(numbers.map((axis) => resolveAxis(axis, rank)));
  expect([...gone].every((axis) => x.shape[axis] === 1), "axes of another size than 1");
  const shape = x.shape.filter((_, axis) => !gone.has(axis));
  return [{ shape, dtype: x.dtype, content: x.content }];
}

function unsqueeze(call: OperatorCall): Tensor[] {
  const [x, axes] = call.inputs as [Tensor, Tensor];
  const numbers = contentOf(axes, "axes");
  const rank = x.shape.length + numbers.length;
  const added = new Set(numbers.map((axis) => resolveAxis(axis, rank)));
  expect(added.size === numbers.length, "an axis twice");
  const sizes = x.shape[Symbol.iterator]();
  const shape = Array.from({ length: rank }, (_, axis) =>
    added.has(axis) ? 1 : (sizes.next().value as number),
  );
  return [{ shape, dtype: x.dtype, content: x.content }];
}

function transpose(call: OperatorCall): Tensor[] {
  const x = call.inputs[0]!;
  const axes = x.shape.map((_, axis) => axis);
  const order = call.numbers("perm", axes.toReversed());
  expect(same(order.toSorted((a, b) => a - b), axes), `an order ${order} of ${axes.length}`);
  return [{ shape: order.map((axis) => x.shape[axis]!), dtype: x.dtype }];
}

function argmax(call: OperatorCall): Tensor[] {
  const [shape, axis] = [[...call.inputs[0]!.shape], call.axis(0)];
  shape.splice(axis, 1, ...(call.number("keepdims", 1) ? [1] : []));
  return [{ shape, dtype: INT64 }];
}

function reduceSum(call: OperatorCall): Tensor[] {
  const [x, axes] = call.inputs as [Tensor, Tensor];
  const numbers = contentOf(axes, "axes").map((axis) => resolveAxis(axis, x.shape.length));
  const [gone, keep] = [new Set(numbers), call.number("keepdims", 1)];
  const shape = x.shape.map((size, axis) => (gone.has(axis) ? 1 : size));
  return [{ shape: shape.filter((_, axis) => keep || !gone.has(axis)), dtype: x.dtype }];
}

function shapeOf(call: OperatorCall): Tensor[] {
  const end = call.attributes["end"] as number | undefined;
  const part = call.inputs[0]!.shape.slice(call.number("start", 0), end);
  return [{ shape: [part.length], dtype: INT64, content: part }];
}

function range(call: OperatorCall): Tensor[] {
  const bounds = call.inputs.map((tensor) => contentOf(tensor, "bounds of a range"));
  const fits = bounds.every((bound) => bound.length === 1 && Number.isSafeInteger(bound[0]));
  expect(fits, "bounds of a range that are not one number each, below 2^53");
  const [start, limit, delta] = bounds.map((bound) => bound[0]!) as [number, number, number];
  expect(delta !== 0, "a range of step 0");
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return [{ shape: [count], dtype: call.inputs[0]!.dtype }];
}

function clip(call: OperatorCall): Tensor[] {
  const fits = call.inputs.slice(1).every((bound) => same(bound.shape, []));
  expect(fits, "bounds that are not one number each");
  return sameShape(call);
}

function cast(call: OperatorCall): Tensor[] {
  const to = call.number("to", 0);
  expect(ITEM_BYTES.has(to), `a cast to data type ${to}`);
  return [{ shape: call.inputs[0]!.shape, dtype: to }];
}

const softmax = (call: OperatorCall): Tensor[] => (call.axis(-1), sameShape(call));
const identity = (call: OperatorCall): Tensor[] => [{ ...call.inputs[0]!, constant: false }];
const quantise = (call: OperatorCall): Tensor[] => [
  { shape: call.inputs[0]!.shape, dtype: UINT8 }, { shape: [], dtype: FLOAT },
  { shape: [], dtype: UINT8 },
];

const once = () => 1;
const rows = (call: OperatorCall): number => call.inputs[0]!.shape.at(-1)!;
const kernel = (call: OperatorCall): number => product(call.inputs[1]!.shape.slice(1));
const gates = (call: OperatorCall): number =>
  sum(call.inputs.slice(1, 3).map((tensor) => 3 * tensor.shape.at(-1)!));

type Rule = [
  infer: Operator["infer"], least: number, most: number, attributes?: Operator["attributes"],
  cost?: Operator["cost"],
];
const AXIS = { axis: "i" };
const RULES: { [operator: string]: Rule } = {
  Add: [arithmetic, 2, 2],
  And: [compare, 2, 2],
  ArgMax: [argmax, 1, 1, { axis: "i", keepdims: "i" }],
  Cast: [cast, 1, 1, { to: "i" }],
  Clip: [clip, 3, 3],
  Concat: [concat, 1, 16, AXIS],
  Conv: [convolve, 2, 3, { strides: "ints", pads: "ints" }, kernel],
  DequantizeLinear: [dequantise, 2, 3, AXIS],
  Div: [divide, 2, 2],
  DynamicQuantizeLinear: [quantise, 1, 1],
  Erf: [sameShape, 1, 1],
  GRU: [recur, 3, 4, { hidden_size: "i", linear_before_reset: "i" }, gates],
  Gather: [gather, 2, 2, AXIS],
  Greater: [compare, 2, 2],
  Identity: [identity, 1, 1],
  LayerNormalization: [normalise, 2, 3, { axis: "i", epsilon: "f" }],
  Log: [sameShape, 1, 1],
  MatMul: [matmul, 2, 2, {}, rows],
  MatMulInteger: [matmulInteger, 2, 4, {}, rows],
  Mul: [arithmetic, 2, 2],
  Range: [range, 3, 3],
  ReduceSum: [reduceSum, 2, 2, { keepdims: "i" }],
  Relu: [sameShape, 1, 1],
  Selu: [sameShape, 1, 1],
  Shape: [shapeOf, 1, 1, { start: "i", end: "i" }],
  Sigmoid: [sameShape, 1, 1],
  Slice: [slice, 4, 4],
  Softmax: [softmax, 1, 1, AXIS],
  Squeeze: [squeeze, 1, 2],
  Sub: [arithmetic, 2, 2],
  Transpose: [transpose, 1, 1, { perm: "ints" }],
  Unsqueeze: [unsqueeze, 2, 2],
};

/** Every operator that sordino writes, by name. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries(RULES).map(([name, [infer, least, most, attributes = {}, cost = once]]) => [
    name, { infer, inputs: [least, most], attributes, cost },
  ]),
);
