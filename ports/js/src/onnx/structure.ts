/**
 * Refuses a model that does more than arithmetic, before ONNX Runtime reads it:
 * `sordino.onnx.structure`.
 *
 * A model in a bundle comes from outside. An ONNX model can read files (external data), loop
 * without end, define functions, draw random numbers, or need more memory than the device has.
 * `checkModel` reads the file itself. It accepts one graph of the operators in `OPERATORS`, if
 * every value has a bounded size. It refuses everything else, and the message names the reason.
 */

import { BundleError } from "../errors.js";
import {
  buildGraph, checkDeclared, type Graph, GraphError, inputTensor, messages, type Node, text,
} from "./graph.js";
import {
  type Bounds, MalformedError, type Message, parseMessage, type Visitor,
} from "./protobuf.js";
import { EXTERNAL, MODEL, STRINGS, SUBGRAPH } from "./schema.js";
import {
  FLOAT, INT64, ITEM_BYTES, OperatorCall, OPERATORS, product, RANK, ShapeError, type Tensor,
} from "./shapes.js";

const DOMAINS = ["", "ai.onnx"];
const CONTROL_FLOW = ["If", "Loop", "Scan", "SequenceMap"];
const RANDOM = /^(Bernoulli|Multinomial|Random(Normal|Uniform)(Like)?)$/;
const STRING_TYPE = 8;
const REASONS_SHOWN = 4;
const REMEMBERED = 32;
const BOUNDS: Bounds = { fields: 1 << 16, entries: 1 << 11, depth: 32 };
const METADATA = ["onnx.infer", "onnx.quant.pre_process"];

/** The limits of a model of a bundle; `docs/builder/port.md` lists them. */
const LIMITS = {
  opset: 18, irVersion: 8, modelBytes: 1 << 27, initialiserBytes: 1 << 26, symbols: 4,
  elements: 1 << 25, allElements: 1 << 29, work: 1 << 26, constantWork: 1 << 24,
};

/** The size of all free dimensions at once, to check products of them. */
const BATCH = 32;
/** The size of one free dimension while the others are 1: forty seconds of frames. */
export const LONG = 4096;

const ADVICE =
  "expected a model of sordino, which has none of this: do not use the bundle, get it again from " +
  "its author";

/** The graph of a model that is plain arithmetic within the limits. Throws `BundleError`. */
export function checkModel(content: Uint8Array, name: string): Graph {
  const graph = parseGraph(content, name);
  try {
    checkSizes(graph);
  } catch (error) {
    throw refusal(name, [reasonOf(error)]);
  }
  return graph;
}

/** Why a value or the work is too large for inputs of these shapes, or null. */
export function sizeProblem(
  graph: Graph, shapes: { [input: string]: readonly number[] },
): string | null {
  const symbols = new Map<string, number>();
  for (const declared of graph.inputs) {
    for (const [axis, name] of (declared.dimensions ?? []).entries()) {
      const size = shapes[declared.name]?.[axis] ?? 0;
      if (typeof name === "string") symbols.set(name, Math.max(size, symbols.get(name) ?? 0));
    }
  }
  try {
    inferShapes(graph, symbols);
  } catch (error) {
    return reasonOf(error);
  }
  return null;
}

function parseGraph(content: Uint8Array, name: string): Graph {
  if (content.length > LIMITS.modelBytes) {
    throw refusal(name, [`a model of ${content.length} bytes`]);
  }
  // ONNX Runtime would read it as its own format, whatever else it is
  if (String.fromCharCode(...content.subarray(4, 8)) === "ORTM") {
    throw refusal(name, ["the format of ONNX Runtime"]);
  }
  const findings = new Findings();
  let model: Message;
  try {
    model = parseMessage(content, MODEL, "Model", BOUNDS, findings);
    if (!Object.keys(model).length) throw new MalformedError("an empty file");
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    if (findings.reasons.size) throw refusal(name, [...findings.first(), error.message]);
    throw new BundleError(
      `${name}: not a model that ONNX Runtime reads, ${error.message}: write the bundle again`,
    );
  }
  if (findings.reasons.size) throw refusal(name, findings.first());
  try {
    checkVersions(model);
    return buildGraph(model["graph"] as Message, LIMITS.initialiserBytes);
  } catch (error) {
    throw refusal(name, [reasonOf(error)]);
  }
}

function refusal(name: string, reasons: string[]): BundleError {
  return new BundleError(`${name}: ${reasons.join(", ")}: ${ADVICE}`);
}

/** The message of a fault of the model; any other error is thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof GraphError || error instanceof ShapeError) return error.message;
  throw error;
}

/** Parts of a file that no model may have, in any graph, subgraph and function. */
class Findings implements Visitor {
  readonly reasons = new Set<string>();

  refuse(reason: string): void {
    if (reason === EXTERNAL || this.reasons.size < REMEMBERED) this.reasons.add(reason);
  }

  visit(kind: string, message: Message): void {
    if (kind === "Node") this.node(message);
    if (kind === "Tensor") this.tensor(message);
  }

  /** The first reasons, the most important before the others. */
  first(): string[] {
    const rank = (reason: string) => Number(reason !== EXTERNAL) + Number(reason === SUBGRAPH);
    return [...this.reasons].sort((a, b) => rank(a) - rank(b)).slice(0, REASONS_SHOWN);
  }

  private node(node: Message): void {
    const [kind, domain] = [text(node, "op_type"), text(node, "domain")];
    if (!DOMAINS.includes(domain)) this.refuse(`operator domain ${domain}`);
    else if (CONTROL_FLOW.includes(kind)) this.refuse(`control flow: ${kind}`);
    else if (RANDOM.test(kind)) this.refuse(`random operator: ${kind}`);
    else if (!OPERATORS.has(kind)) this.refuse(`operator ${kind}`);
  }

  private tensor(tensor: Message): void {
    if (tensor["data_location"]) this.refuse(EXTERNAL);
    const dtype = (tensor["data_type"] ?? 0) as number;
    if (dtype === STRING_TYPE) this.refuse(STRINGS);
    else if (!ITEM_BYTES.has(dtype)) this.refuse(`data type ${dtype}`);
  }
}

/** Throws `GraphError` for another version of the format or of its operators. */
function checkVersions(model: Message): void {
  if (model["ir_version"] !== LIMITS.irVersion) {
    throw new GraphError(`IR version ${model["ir_version"]}`);
  }
  const opsets = messages(model, "opset_import");
  for (const opset of opsets) {
    const domain = text(opset, "domain");
    if (!DOMAINS.includes(domain)) throw new GraphError(`operator domain ${domain}`);
    if (opset["version"] !== LIMITS.opset) throw new GraphError(`opset ${opset["version"]}`);
  }
  if (opsets.length !== 1) throw new GraphError(`${opsets.length} opsets`);
  if (!("graph" in model)) throw new GraphError("no graph");
  for (const entry of messages(model, "metadata")) {
    const key = text(entry, "key");
    if (!METADATA.includes(key)) throw new GraphError(`metadata '${key}'`);
  }
}

/** Throws where a value or the work is too large for a choice of the free dimensions. */
function checkSizes(graph: Graph): void {
  const sizes = graph.inputs.flatMap((declared) => declared.dimensions ?? []);
  const symbols = [...new Set(sizes.filter((size) => typeof size === "string"))];
  if (symbols.length > LIMITS.symbols) {
    throw new GraphError(`shape with ${symbols.length} free dimensions`);
  }
  const all = (size: number) => new Map(symbols.map((name) => [name, size]));
  const choices = [all(1), ...symbols.map((name) => all(1).set(name, LONG))];
  if (symbols.length > 1) choices.push(all(BATCH));
  for (const choice of choices) inferShapes(graph, choice);
}

/** Infer the shape of every value, as if the model ran on inputs of this size. */
function inferShapes(graph: Graph, symbols: ReadonlyMap<string, number>): void {
  const values = new Map(graph.initialisers);
  for (const declared of graph.inputs) values.set(declared.name, inputTensor(declared, symbols));
  let [work, constantWork, elements] = [0, 0, 0];
  const mostWork = LIMITS.work * product([...symbols.values()]);
  for (const node of graph.nodes) {
    const [outputs, cost] = inferOutputs(node, values);
    for (const [index, name] of node.outputs.entries()) values.set(name, outputs[index]!);
    elements += outputs.reduce((size, output) => size + product(output.shape), 0);
    if (elements > LIMITS.allElements) {
      throw new GraphError(`values of more than ${LIMITS.allElements} numbers together`);
    }
    work += cost;
    if (outputs[0]!.constant) constantWork += cost;
    if (constantWork > LIMITS.constantWork || work > mostWork) {
      const multiplications = Math.max(work, constantWork);
      throw new GraphError(`${node.kind} of too much work, of ${multiplications} multiplications`);
    }
  }
  for (const { name, dtype } of graph.outputs) {
    if (dtype !== FLOAT && dtype !== INT64) {
      throw new GraphError(`output '${name}' of data type ${dtype}`);
    }
  }
  const chosen = new Map(symbols);
  for (const declared of [...graph.outputs, ...graph.declared]) {
    const tensor = values.get(declared.name);
    if (tensor) checkDeclared(declared, tensor, chosen);
  }
}

/** The outputs of one node, and their cost in multiplications. */
function inferOutputs(node: Node, values: ReadonlyMap<string, Tensor>): [Tensor[], number] {
  const inputs = node.inputs.map((name) => values.get(name)!);
  const call = new OperatorCall(inputs, node.attributes);
  let outputs: Tensor[];
  try {
    outputs = node.operator.infer(call);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new GraphError(`shape of ${node.kind}: ${error.message}`);
  }
  if (!node.outputs.length || node.outputs.length > outputs.length) {
    throw new GraphError(`${node.kind} of ${node.outputs.length} outputs`);
  }
  const size = product(outputs[0]!.shape); // no operator has a larger second output
  if (size > LIMITS.elements || outputs[0]!.shape.length > RANK) {
    throw new GraphError(`shape ${outputs[0]!.shape} of ${node.kind}, which is too large`);
  }
  if (inputs.every((tensor) => tensor.constant)) {
    outputs = outputs.map((tensor) => ({ ...tensor, constant: true }));
  }
  const read = Math.max(0, ...inputs.map((tensor) => product(tensor.shape)));
  return [outputs, Math.max(size * node.operator.cost(call), read)];
}
