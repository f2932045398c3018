/**
 * From features to the released vector: the models of one policy, and the keyed random draw after
 * (`sordino.device.serving`).
 *
 *     vectors   x (dims) -> preprocess -> z (d) -> model -> outputs -> draw -> released (k)
 *     clips     by stream (steps, width) -> preprocess -> model -> outputs -> draw -> released
 *
 * One utterance at a time: the last digits of a product follow from the number of rows.
 */

import type { Bundle, PolicyEntry } from "../bundle/bundle.js";
import { parseEpsilon } from "../bundle/families.js";
import { numberOf } from "../bundle/json.js";
import { ReleaseError } from "../errors.js";
import { type Engine, Model, type Values } from "../onnx/model.js";
import { laplaces, normals, prototypeRow } from "./draw.js";

/** One step after the other: `(steps, width)`. */
export interface Matrix {
  readonly data: Float32Array;
  readonly width: number;
}

/** The features of one utterance: a vector is the one row of the stream "". */
export type Features = ReadonlyMap<string, Matrix>;

/** The largest number of a scaled clip; far beyond it networks overflow. */
const LOUDEST = 1e9;

/** The models of one policy, loaded. */
export class Serving {
  /** The width of each stream; of vectors under the name "". */
  readonly widths: ReadonlyMap<string, number>;
  private readonly rows: number[][] = [];
  private readonly epsilon: number;

  private constructor(
    private readonly bundle: Bundle, readonly entry: PolicyEntry, readonly key: Uint8Array,
    private readonly preprocess: Model | null, private readonly model: Model | null,
  ) {
    this.widths = bundle.widths;
    this.epsilon = parseEpsilon(entry.chance["epsilon"]);
    this.array("bin").forEach((bin, row) => (this.rows[bin] ??= []).push(row));
  }

  /** The models of a policy. `key` is that of the release. Throws `BundleError`. */
  static async open(
    engine: Engine, bundle: Bundle, entry: PolicyEntry, key: Uint8Array,
  ): Promise<Serving> {
    const load = async (name: string | null) =>
      name === null
        ? null
        : Model.open(engine, bundle.files.get(name)!, bundle.graphs.get(name)!, name);
    return new Serving(bundle, entry, key, await load(entry.preprocess), await load(entry.model));
  }

  /** The same models with another key. */
  withKey(key: Uint8Array): Serving {
    return new Serving(this.bundle, this.entry, key, this.preprocess, this.model);
  }

  /** The numbers of an array of the policy; none where it has no such array. */
  array(name: string): Float32Array | Float64Array {
    if (this.entry.arrays === null) return new Float32Array();
    const array = this.bundle.arrays(this.entry.arrays).get(name);
    return (array?.data ?? new Float32Array()) as Float32Array | Float64Array;
  }

  /** The released vector of the features of one utterance. Throws `ReleaseError`. */
  async release(features: Features): Promise<Float32Array> {
    this.check(features);
    return this.released(await this.scaled(features), features);
  }

  /** The features on their scale. They stay on the device. */
  async scaled(features: Features): Promise<Features> {
    const clip = !this.widths.has("");
    const scaled = new Map(features);
    const name = clip ? "audio" : "";
    const source = features.get(name);
    if (this.preprocess && source) {
      const outputs = await this.preprocess.run({ x: values(source) });
      const out = outputs[clip ? "y" : "z"]!;
      const width = clip ? source.width : this.entry.width;
      scaled.set(name, matrix(out, width));
    }
    for (const { data } of clip ? scaled.values() : []) {
      if (!data.every((number) => Math.abs(number) <= LOUDEST)) {
        throw new ReleaseError(`a clip with numbers beyond ${LOUDEST}, expected speech: leave it ` +
          "out");
      }
    }
    return scaled;
  }

  /** The released vector of scaled features; the draw follows from `source`. */
  async released(scaled: Features, source: Features): Promise<Float32Array> {
    const released = this.draw(flatten(source), await this.outputs(scaled));
    if (released.length !== this.entry.width || !released.every(Number.isFinite)) {
      throw new ReleaseError("a released vector with NaN, infinity or of another width: write " +
        "the bundle again");
    }
    return released;
  }

  /** The outputs of the model, or the scaled vector where there is none. */
  async outputs(scaled: Features): Promise<{ [name: string]: Values }> {
    if (!this.model) return { out: values(scaled.get("")!) };
    const inputs: { [name: string]: Values } = {};
    for (const [name, stream] of scaled) {
      if (name === "") {
        inputs["z"] = values(stream);
        continue;
      }
      const steps = stream.data.length / stream.width;
      inputs[name] = { data: stream.data, shape: [1, steps, stream.width] };
      inputs[`${name}_length`] = { data: BigInt64Array.of(BigInt(steps)), shape: [1] };
    }
    return this.model.run(inputs);
  }

  /** The prototype that is drawn for the outputs of the model. */
  prototype(source: Float32Array, outputs: { [name: string]: Values }): Float64Array {
    const { data, shape } = outputs["bin"]!;
    const bin = Number(data[0]);
    if (data.length !== 1 || shape.length !== 1 || !this.rows[bin]) {
      throw new ReleaseError(`a decision of shape ${shape}, expected one of ${this.rows.length} ` +
        "bins: nothing is released");
    }
    const row = prototypeRow(source, bin, this.key, this.rows, this.epsilon);
    const { width } = this.entry;
    return Float64Array.from(this.array("prototypes").subarray(row * width, (row + 1) * width));
  }

  private draw(source: Float32Array, outputs: { [name: string]: Values }): Float32Array {
    const { chance, width } = this.entry;
    const out = () => Float64Array.from(outputs["out"]!.data as Float32Array);
    switch (chance["kind"]) {
      case "noise": {
        const draws = chance["noise"] === "gauss" ? normals : laplaces;
        return plus(out(), draws(source, this.key, width), numberOf(chance["scale"]));
      }
      case "drawn":
      case "clip-drawn":
        return Float32Array.from(this.prototype(source, outputs));
      case "mixed": {
        const share = numberOf(chance["share"]);
        const mean = this.prototype(source, outputs);
        const residual = out();
        const filling = this.filling(source);
        const weight = Math.sqrt(1 - share ** 2);
        return Float32Array.from(mean, (number, at) =>
          number + share * residual[at]! + weight * filling[at]!);
      }
      case "clip-noise":
        return plus(out(), normals(source, this.key, width), numberOf(chance["spread"]));
      default:
        return Float32Array.from(out());
    }
  }

  /** Noise with the covariance of the residuals: normal numbers times `factor`. */
  private filling(source: Float32Array): Float64Array {
    const [factor, { width }] = [this.array("factor"), this.entry];
    const filling = new Float64Array(width);
    normals(source, this.key, factor.length / width).forEach((number, row) => {
      for (let at = 0; at < width; at++) filling[at]! += number * factor[row * width + at]!;
    });
    return filling;
  }

  /** Throws `ReleaseError` for other streams, NaN and infinity. */
  private check(features: Features): void {
    const fits = features.size === this.widths.size &&
      [...this.widths].every(([name, width]) => {
        const stream = features.get(name);
        const rows = (stream?.data.length ?? 0) / width;
        return stream?.width === width && Number.isInteger(rows) && rows >= 1 &&
          (name !== "" || rows === 1) && stream.data.every(Number.isFinite);
      });
    if (!fits) {
      const names = [...this.widths].map(([name, width]) => `${name || "vector"} of ${width}`);
      throw new ReleaseError(`features of another shape, with NaN or infinity, expected ` +
        `${names}: extract what the bundle was fitted on`);
    }
  }
}

/** All values of one utterance as one vector, the source of its draw: `audio` first. */
export function flatten(features: Features): Float32Array {
  const streams = [...features.values()];
  const out = new Float32Array(streams.reduce((size, { data }) => size + data.length, 0));
  let at = 0;
  for (const { data } of streams) {
    out.set(data, at);
    at += data.length;
  }
  return out;
}

function values({ data, width }: Matrix): Values {
  return { data, shape: [data.length / width, width] };
}

function matrix({ data, shape }: Values, width: number): Matrix {
  if (!(data instanceof Float32Array) || shape.at(-1) !== width) {
    throw new ReleaseError(`a scaled space of shape ${shape}, expected ${width} numbers a row`);
  }
  return { data, width };
}

function plus(out: Float64Array, noise: Float64Array, scale: number): Float32Array {
  return Float32Array.from(out, (number, at) => number + scale * noise[at]!);
}
