/**
 * The test vectors of a bundle must be reproduced before anything is released
 * (`sordino.device.bundle.test_vectors`).
 *
 *     x (or a clip)         -> scaled space, within `TOLERANCE` of the stored scaled space
 *     stored scaled space   -> released vectors with the stored key, within `TOLERANCE`
 *
 * Noise of this package is from another generator. There the difference to the stored vectors must
 * have the size of the noise.
 */

import { type Bundle, VECTORS_FILE } from "../bundle/bundle.js";
import { numberOf } from "../bundle/json.js";
import type { NumberArray } from "../bundle/npz.js";
import { BundleError, ReleaseError } from "../errors.js";
import { roundsInputs } from "../onnx/model.js";
import { KEY_BYTES } from "./draw.js";
import { type Features, flatten, type Matrix, type Serving } from "./serving.js";

/** The tolerance between the numbers of a device and the lab, absolute and relative. */
export const TOLERANCE = 1e-4;
/** The tolerance of the scaled space of an older bundle of 8 bits, in units of its spread. */
const ROUNDED = 0.1;
const MOST_ROWS = 256;
/** The least noise, in units of the spread of the test vectors in the scaled space. */
const WEAKEST = 0.01;
const IDENTICAL = 1e-6;
/** The limits of the size of stored noise, in units of what the bundle states. */
const NOISE_SIZE = [0.3, 3] as const;

/** Throws `BundleError` where a policy does not reproduce the test vectors of its bundle. */
export async function checkTestVectors(bundle: Bundle, serving: Serving): Promise<void> {
  const { name } = serving.entry;
  if (!bundle.files.has(VECTORS_FILE)) missing(VECTORS_FILE);
  const arrays = bundle.arrays(VECTORS_FILE);
  const get = (key: string, dtype: string, rank: number): NumberArray => {
    const array = arrays.get(key) ?? missing(`${key} of policy ${name}`);
    const fits = array.dtype === dtype && array.shape.length === rank;
    if (!fits || !array.data.every(Number.isFinite)) {
      throw new BundleError(`${VECTORS_FILE}: ${key} of another type: write the bundle again`);
    }
    return array;
  };
  const index = [...bundle.policies.keys()].indexOf(name);
  const [key, released] = [get(`key_${index}`, "uint8", 1), get(`released_${index}`, "float32", 2)];
  const rows = released.shape[0]!;
  if (key.data.length !== KEY_BYTES || rows < 1 || rows > MOST_ROWS ||
      released.shape[1] !== serving.entry.width) {
    throw new BundleError(`${VECTORS_FILE}: a key or rows that are none: write the bundle again`);
  }
  const probe = serving.withKey(key.data as Uint8Array);
  const exact = ![...bundle.graphs.values()].some(roundsInputs);
  const check = new Check(probe, exact);
  try {
    if (serving.widths.has("")) {
      await check.vectors(get("x", "float32", 2), get("z", "float32", 2), released);
    } else {
      const clip = new Map(
        [...serving.widths.keys()].map((stream) => [stream, rowsOf(get(stream, "float32", 2))]),
      );
      await check.clip(clip, released);
    }
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    throw new BundleError(`policy ${name} fails on its own test vectors: ${error.message}`);
  }
}

function missing(part: string): never {
  throw new BundleError(`${part} is missing, expected test vectors: write the bundle again`);
}

function rowsOf({ data, shape }: NumberArray): Matrix {
  const steps = shape[0]!;
  if (steps < 1 || steps > 100 * MOST_ROWS) missing("a clip of test vectors");
  return { data: data as Float32Array, width: shape[1]! };
}

/** The check of one policy with the key of its test vectors. */
class Check {
  constructor(private readonly serving: Serving, private readonly exact: boolean) {}

  async vectors(x: NumberArray, z: NumberArray, released: NumberArray): Promise<void> {
    const { entry, widths } = this.serving;
    const rows = released.shape[0]!;
    const [wide, narrow] = [`${rows},${widths.get("")}`, `${rows},${entry.width}`];
    if (x.shape.join() !== wide || z.shape.join() !== narrow) {
      throw new BundleError(`${VECTORS_FILE}: x or z of another shape: write the bundle again`);
    }
    const table = () => new Float32Array(z.data.length);
    const [scaled, outputs, noise] = [table(), table(), table()];
    for (let row = 0; row < rows; row++) {
      const stored = one(z, row);
      scaled.set((await this.serving.scaled(one(x, row))).get("")!.data, row * entry.width);
      outputs.set(await this.serving.released(stored, stored), row * entry.width);
      noise.set(await this.noise(stored, one(released, row)), row * entry.width);
    }
    const size = spread(z.data);
    this.agree("scaled space", scaled, z.data, size);
    const scale = numberOf(entry.chance["scale"]);
    if (entry.preprocess !== null && scale < WEAKEST * size) this.refuse(`noise of scale ${scale}`);
    const same = outputs.every((number, at) =>
      Math.abs(number - z.data[at]!) <= IDENTICAL * (size + Math.abs(z.data[at]!)));
    if (entry.family !== "none" && same) this.refuse("an output that is its input");
    if (this.exact) this.agreeReleased(outputs, released, noise);
  }

  async clip(clip: Features, released: NumberArray): Promise<void> {
    const scaled = await this.serving.scaled(clip);
    const output = await this.serving.released(scaled, scaled);
    const weakest = WEAKEST * rootMeanSquare(output);
    const noise = numberOf(this.serving.entry.chance["spread"]);
    if (noise < weakest) this.refuse(`noise of spread ${noise}`);
    if (released.shape[0] !== 1) this.refuse("test vectors of another shape");
    if (this.exact) {
      this.agreeReleased(output, released, await this.noise(scaled, one(released, 0)));
    }
  }

  /** The noise in a stored vector, in units of what the bundle states. */
  private async noise(scaled: Features, released: Features): Promise<Float64Array> {
    const { chance, width } = this.serving.entry;
    const kind = chance["kind"] as string;
    if (!["noise", "mixed", "clip-noise"].includes(kind)) return new Float64Array(width);
    const outputs = await this.serving.outputs(scaled);
    const out = outputs["out"]!.data as Float32Array;
    const stored = flatten(released);
    if (kind !== "mixed") {
      const scale = numberOf(chance[kind === "noise" ? "scale" : "spread"]);
      return Float64Array.from(stored, (number, at) => (number - out[at]!) / scale);
    }
    const prototype = this.serving.prototype(flatten(scaled), outputs);
    const factor = this.serving.array("factor");
    const share = numberOf(chance["share"]);
    const size = rootMeanSquare(factor) * Math.sqrt(factor.length / width);
    const scale = Math.sqrt(1 - share ** 2) * size;
    return Float64Array.from(stored, (number, at) =>
      (number - prototype[at]! - share * out[at]!) / scale);
  }

  private agreeReleased(
    output: Float32Array, released: NumberArray, noise: Float32Array | Float64Array,
  ): void {
    if (!noise.some((number) => number !== 0)) {
      this.agree("released vectors", output, released.data, 0);
      return;
    }
    const size = rootMeanSquare(noise);
    if (!(size >= NOISE_SIZE[0] && size <= NOISE_SIZE[1])) {
      this.refuse(`test vectors with ${size.toPrecision(2)} times the noise that it states`);
    }
  }

  /** Throws where numbers differ from those of the lab. */
  private agree(label: string, device: Float32Array, lab: NumberArray["data"], size: number): void {
    const apart = device.map((number, at) => number - lab[at]!);
    const fits = this.exact
      ? apart.every((number, at) => Math.abs(number) <= TOLERANCE * (1 + Math.abs(lab[at]!)))
      : rootMeanSquare(apart) <= ROUNDED * size;
    if (!fits) {
      const most = apart.reduce((all, number) => Math.max(all, Math.abs(number)), 0);
      this.refuse(`${label} that differ from its test vectors by up to ${most.toPrecision(2)}`);
    }
  }

  private refuse(part: string): never {
    const { name, family } = this.serving.entry;
    throw new BundleError(`policy ${name} of family '${family}': ${part}: copy the bundle anew, ` +
      "or ask its maker for another");
  }
}

/** One row of a table as the features of an utterance. */
function one({ data, shape }: NumberArray, row: number): Features {
  const width = shape[1]!;
  const numbers = (data as Float32Array).slice(row * width, (row + 1) * width);
  return new Map([["", { data: numbers, width }]]);
}

function rootMeanSquare(numbers: ArrayLike<number>): number {
  const total = Array.from(numbers).reduce((sum, number) => sum + number * number, 0);
  return Math.sqrt(total / numbers.length);
}

/** The standard deviation of all numbers. */
function spread(numbers: ArrayLike<number>): number {
  const list = Array.from(numbers);
  const mean = list.reduce((sum, number) => sum + number, 0) / list.length;
  return rootMeanSquare(list.map((number) => number - mean));
}
