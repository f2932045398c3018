/** The feature extractor that a bundle names: the same function as in training. */

import { type Bundle, VECTORS_FILE } from "../bundle/bundle.js";
import { BundleError, SordinoError } from "../errors.js";
import type { Engine } from "../onnx/model.js";
import { SAMPLING_RATE } from "../signal/audio.js";
import { filterbank, RECIPE as FILTERBANK_RECIPE } from "../signal/filterbank.js";
import { ABSOLUTE_RECIPE, mel, RECIPE as MEL_RECIPE } from "../signal/functionals.js";
import type { Features } from "./serving.js";

/** Samples at 16 kHz to the features of one utterance. */
export type Extractor = (samples: Float32Array) => Promise<Features>;

/** The tolerance between the features of the test sound here and in the lab. */
const AGREE = 1e-3;
const LONGEST_SOUND_SECONDS = 5;

/** The extractor of the features of a bundle. Throws `BundleError` for features that are not here. */
export async function extractor(_engine: Engine, bundle: Bundle): Promise<Extractor> {
  const { set, recipe } = bundle.features;
  const match = extractors().get(`${set} ${recipe}`);
  if (!match) {
    throw new BundleError(`features ${set} of recipe ${recipe}, expected one of ` +
      `${[...extractors().keys()].join(", ")}: this bundle takes vectors alone`);
  }
  await checkSound(bundle, match);
  return match;
}

function extractors(): Map<string, Extractor> {
  const vector = (rangeDb?: null): Extractor => async (samples) => {
    const data = mel(samples, rangeDb);
    return new Map([["", { data, width: data.length }]]);
  };
  return new Map<string, Extractor>([
    [`mel ${MEL_RECIPE}`, vector()],
    [`mel ${ABSOLUTE_RECIPE}`, vector(null)],
    [`filterbank ${FILTERBANK_RECIPE}`, async (samples) => new Map([["audio", filterbank(samples)]])],
  ]);
}

/** Throws `BundleError` where the test sound has other features than in the lab. */
async function checkSound(bundle: Bundle, match: Extractor): Promise<void> {
  if (!bundle.files.has(VECTORS_FILE)) return;
  const arrays = bundle.arrays(VECTORS_FILE);
  const sound = arrays.get("sound");
  if (!sound) return;
  if (sound.dtype !== "int16" || sound.data.length > LONGEST_SOUND_SECONDS * SAMPLING_RATE) {
    throw new BundleError(`${VECTORS_FILE}: a sound of another type or length: write it again`);
  }
  let features: Features;
  try {
    features = await match(Float32Array.from(sound.data, (sample) => sample / 32768));
  } catch (error) {
    if (!(error instanceof SordinoError)) throw error;
    throw new BundleError(`${VECTORS_FILE}: the features of its sound cannot be computed: write ` +
      "the bundle again");
  }
  const [[name, stream]] = features as unknown as [[string, { data: Float32Array }]];
  const stored = arrays.get(name || "x")?.data ?? new Float32Array();
  const apart = stream.data.map((number, at) =>
    Math.abs(number - stored[at]!) / (1 + Math.abs(stored[at]!)));
  if (!apart.every((difference) => difference <= AGREE)) {
    throw new BundleError(`features of the test sound that differ from ${VECTORS_FILE} by up to ` +
      `${Math.max(...apart).toPrecision(2)}, expected ${AGREE}: copy the bundle anew`);
  }
}
