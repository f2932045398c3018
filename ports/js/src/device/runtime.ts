/** Runs one policy of a bundle: from samples to the released vector, and nothing else. */

import { type Bundle, readBundle } from "../bundle/bundle.js";
import type { Policy } from "../bundle/policy.js";
import type { Trust } from "../bundle/signature.js";
import { BundleError, ReleaseError, SordinoError } from "../errors.js";
import type { Engine } from "../onnx/model.js";
import { LONGEST_SECONDS, SAMPLING_RATE, SHORTEST_SECONDS } from "../signal/audio.js";
import type { Budget } from "./budget.js";
import { KEY_BYTES, releaseKey } from "./draw.js";
import { type Extractor, extractor, hasExtractor } from "./extractors.js";
import type { Reason, Result } from "./result.js";
import { type Features, Serving } from "./serving.js";
import { checkTestVectors } from "./test_vectors.js";

const FULL_SCALE = 0.999; // of the largest sample of an utterance
const MOST_CLIPPED = 0.5;
const LEAST_SOUND = 2 ** -15; // the least range of samples: one step of 16 bits

export interface RuntimeOptions {
  /** The name of a policy; it may be missing if the bundle has only one. */
  readonly policy?: string;
  /**
   * The key of random draws, 16 bytes that never leave the device. A device keeps one: another key
   * draws anew for the same utterance. Without it, a key of this object alone is made.
   */
  readonly key?: Uint8Array;
  /** The count of vectors released in a day. Without it, a policy with a limit releases nothing. */
  readonly budget?: Budget;
  /** The makers of bundles that may run. Without it, no signature is required. */
  readonly trusted?: Trust;
}

export class Runtime {
  private constructor(
    readonly bundle: Bundle, private readonly serving: Serving,
    private readonly extract: Extractor | null, private readonly budget: Budget | null,
  ) {}

  /**
   * A runtime, after its test vectors were reproduced.
   *
   * `bundle` is one that `readBundle` returned, or the bytes of its file. `engine` is
   * `onnxruntime-web` or `onnxruntime-node`. Throws `BundleError` for a bundle that is incomplete,
   * has no such policy, or differs from its test vectors; `SignatureError` without a trusted
   * signature; `ReleaseError` for another key.
   */
  static async open(
    engine: Engine, bundle: Bundle | Uint8Array, options: RuntimeOptions = {},
  ): Promise<Runtime> {
    const content = bundle instanceof Uint8Array ? readBundle(bundle) : bundle;
    if (options.trusted) await content.verify(options.trusted);
    const entry = content.entry(options.policy);
    const secret = options.key ?? crypto.getRandomValues(new Uint8Array(KEY_BYTES));
    if (secret.length !== KEY_BYTES) {
      throw new ReleaseError(`a key of ${secret.length} bytes, expected ${KEY_BYTES}: make one`);
    }
    const key = releaseKey(secret, content.releaseDigest(entry.name));
    try {
      const serving = await Serving.open(engine, content, entry, key);
      await checkTestVectors(content, serving);
      const extract = hasExtractor(content) ? await extractor(engine, content) : null;
      return new Runtime(content, serving, extract, options.budget ?? null);
    } catch (error) {
      if (error instanceof SordinoError) throw error;
      throw new BundleError("parts of the bundle do not fit together: write it again");
    }
  }

  /** What the user agreed to share. */
  get policy(): Policy {
    return this.serving.entry.policy;
  }

  /** The number of dimensions of a released vector. */
  get width(): number {
    return this.serving.entry.width;
  }

  /** Whether this package computes the features of the bundle from samples. */
  get hears(): boolean {
    return this.extract !== null;
  }

  /** The number of vectors from which one is drawn; 0 where released vectors are computed. */
  get prototypes(): number {
    const { chance } = this.serving.entry;
    const drawn = chance["kind"] === "drawn" || chance["kind"] === "clip-drawn";
    return drawn ? this.serving.array("prototypes").length / this.width : 0;
  }

  /** The row of a released vector among the prototypes, or null where it is none of them. */
  prototypeOf(vector: Float32Array): number | null {
    const rows = this.serving.array("prototypes");
    for (let row = 0; row < this.prototypes; row++) {
      if (vector.every((number, at) => number === rows[row * this.width + at])) return row;
    }
    return null;
  }

  /** The released vector of features. Throws `ReleaseError`, also beyond the budget of a day. */
  async release(features: Features): Promise<Float32Array> {
    const released = await this.serving.release(features);
    const reason = await this.spend();
    if (reason) throw new ReleaseError(`${reason}: nothing is released, pass a budget, or wait`);
    return released;
  }

  /**
   * The result of one utterance. No sound makes it throw.
   *
   * `samples` are one channel with full scale at ±1; `samplingRate` must be 16000 Hz.
   */
  async utterance(samples: Float32Array, samplingRate: number): Promise<Result> {
    const unfit = unfitness(samples, samplingRate);
    if (unfit) return { reason: unfit };
    let features: Features;
    try {
      features = await this.extract!(samples);
    } catch {
      return { reason: "FEATURES" };
    }
    try {
      const vector = await this.serving.release(features);
      const reason = await this.spend(); // last, and before the release
      return reason ? { reason } : { vector };
    } catch {
      return { reason: "MODEL" };
    }
  }

  private async spend(): Promise<Reason | null> {
    const { perDay } = this.policy;
    if (this.budget) return this.budget.spend(perDay, 1);
    return perDay === null ? null : "UNCOUNTED";
  }
}

/** Why samples are no utterance, or null. */
function unfitness(samples: Float32Array, samplingRate: number): Reason | null {
  if (!(samples instanceof Float32Array) || !samples.length) return "NO_SAMPLES";
  if (samplingRate !== SAMPLING_RATE) return "WRONG_RATE";
  if (samples.length < Math.ceil(SHORTEST_SECONDS * SAMPLING_RATE)) return "TOO_SHORT";
  if (samples.length > LONGEST_SECONDS * SAMPLING_RATE) return "TOO_LONG";
  if (!samples.every(Number.isFinite)) return "NOT_FINITE";
  let [least, most] = [Infinity, -Infinity];
  for (const sample of samples) {
    least = Math.min(least, sample);
    most = Math.max(most, sample);
  }
  if (most - least <= LEAST_SOUND) return "SILENT";
  const limit = FULL_SCALE * Math.max(-least, most);
  const clipped = samples.reduce((count, sample) => count + Number(Math.abs(sample) >= limit), 0);
  return clipped > MOST_CLIPPED * samples.length ? "CLIPPED" : null;
}
