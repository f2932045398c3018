/** A model of a bundle, run by ONNX Runtime on one thread (`sordino.onnx.model`). */

import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";

import { BundleError, ReleaseError } from "../errors.js";
import type { Graph } from "./graph.js";
import { LONG, sizeProblem } from "./structure.js";

/** The part of `onnxruntime-web` or `onnxruntime-node` that is used here. */
export interface Engine {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: typeof OrtTensor;
}

/** Numbers with a shape, in the order of rows; whole numbers have 64 bits. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

const SILENT = 4; // fatal errors alone; all others are thrown

const OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableMemPattern: false, // it keeps a plan of memory for every length of input
  logSeverityLevel: SILENT,
  extra: {
    session: {
      load_model_format: "ONNX", // bytes 4 to 8 may claim another format
      model_external_initializers_file_folder_path: "/dev/null", // no tensor is read from a file
      disable_quant_qdq: "1", // no product of floats becomes one of rounded inputs
      x64quantprecision: "1", // integers of older bundles: no kernel that saturates at 16 bits
    },
  },
};

/** A function from arrays by name to arrays by name. */
export class Model {
  private constructor(
    private readonly engine: Engine, private readonly session: InferenceSession,
    private readonly graph: Graph, private readonly name: string,
  ) {}

  /** A model whose graph was checked. Throws `BundleError` where ONNX Runtime does not read it. */
  static async open(
    engine: Engine, content: Uint8Array, graph: Graph, name: string,
  ): Promise<Model> {
    let session: InferenceSession;
    try {
      session = await engine.InferenceSession.create(content.slice(), OPTIONS);
    } catch {
      throw new BundleError(`${name}: not a model that ONNX Runtime reads: write the bundle again`);
    }
    return new Model(engine, session, graph, name);
  }

  /** The outputs. Throws `ReleaseError` where the model fails, or gives NaN or infinity. */
  async run(inputs: { [name: string]: Values }): Promise<{ [name: string]: Values }> {
    this.checkSizes(inputs);
    const feeds: { [name: string]: OrtTensor } = {};
    for (const [name, { data, shape }] of Object.entries(inputs)) {
      feeds[name] = data instanceof Float32Array
        ? new this.engine.Tensor("float32", data, shape)
        : new this.engine.Tensor("int64", data, shape);
    }
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.session.run(feeds);
    } catch {
      throw this.failure("the model failed, expected it to run");
    }
    const outputs: { [name: string]: Values } = {};
    for (const { name } of this.graph.outputs) {
      const { dims: shape, data } = results[name] as OrtTensor;
      const finite = data instanceof Float32Array && data.every(Number.isFinite);
      if (!finite && !(data instanceof BigInt64Array)) {
        throw this.failure("the model gave NaN, infinity or another type");
      }
      outputs[name] = { shape, data: data as Float32Array | BigInt64Array };
    }
    return outputs;
  }

  /** Throws where the model would need too much memory; sizes up to `LONG` were checked. */
  private checkSizes(inputs: { [name: string]: Values }): void {
    const shapes: { [name: string]: readonly number[] } = {};
    let product = 1;
    for (const { name, dimensions } of this.graph.inputs) {
      shapes[name] = inputs[name]?.shape ?? [];
      for (const [axis, size] of (dimensions ?? []).entries()) {
        if (typeof size !== "number") product *= shapes[name][axis] ?? 1;
      }
    }
    if (product > LONG && sizeProblem(this.graph, shapes) !== null) {
      throw this.failure("the model takes too much memory on input of this length");
    }
  }

  private failure(text: string): ReleaseError {
    return new ReleaseError(`${this.name}: ${text}: nothing is released`);
  }
}

/** Whether a model rounds its inputs to 8 bits, as older bundles of 8 bits do. */
export function roundsInputs(graph: Graph): boolean {
  return graph.nodes.some(({ kind }) => /QuantizeLinear|MatMulInteger/.test(kind));
}
