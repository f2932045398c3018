/** The feature extractor that a bundle names: the same function as in training. */

import { type Bundle, ENCODER_FILE, VECTORS_FILE } from "../bundle/bundle.js";
import { type Json, numberOf } from "../bundle/json.js";
import { BundleError, SordinoError } from "../errors.js";
import { type Engine, Model } from "../onnx/model.js";
import { SAMPLING_RATE } from "../signal/audio.js";
import { encode, RECIPE as SPEECH_RECIPE } from "../signal/encoder.js";
import { filterbank, RECIPE as FILTERBANK_RECIPE } from "../signal/filterbank.js";
import { ABSOLUTE_RECIPE, mel, RANGE_DB, RECIPE as MEL_RECIPE } from "../signal/functionals.js";
import type { Features } from "./serving.js";

/** Samples at 16 kHz to the features of one utterance. */
export type Extractor = (samples: Float32Array) => Promise<Features>;

/** The tolerance between the features of the test sound here and in the lab. */
const AGREE = 1e-3;
const LONGEST_SOUND_SECONDS = 5;

/** The sets of sound by name: the recipes of each of their parts. */
const PARTS: { readonly [set: string]: readonly number[] } = {
  mel: [MEL_RECIPE, ABSOLUTE_RECIPE], filterbank: [FILTERBANK_RECIPE], speech: [SPEECH_RECIPE],
  "speech-tiny": [SPEECH_RECIPE], "speech+mel": [SPEECH_RECIPE + MEL_RECIPE],
};

/** Whether this package computes the features of a bundle from samples. */
export function hasExtractor(bundle: Bundle): boolean {
  return Object.hasOwn(PARTS, String(bundle.features["set"]));
}

/** The extractor of the features of a bundle. Throws `BundleError` for another recipe. */
export async function extractor(engine: Engine, bundle: Bundle): Promise<Extractor> {
  const { set, recipe } = bundle.features as { set: string; recipe: Json };
  if (typeof recipe !== "number" || !PARTS[set]!.includes(recipe)) {
    throw new BundleError(`features ${set} of recipe ${numberOf(recipe)}, expected ` +
      `${PARTS[set]!.join(" or ")}: take the version of this package for the bundle`);
  }
  const match = await compute(engine, bundle, set, recipe);
  await checkSound(bundle, match);
  return match;
}

async function compute(
  engine: Engine, bundle: Bundle, set: string, recipe: number,
): Promise<Extractor> {
  if (set === "filterbank") return async (samples) => new Map([["audio", filterbank(samples)]]);
  const rangeDb = recipe === ABSOLUTE_RECIPE ? null : RANGE_DB;
  if (set === "mel") return async (samples) => vector(mel(samples, rangeDb));
  const [content, graph] = [bundle.files.get(ENCODER_FILE), bundle.graphs.get(ENCODER_FILE)];
  if (!content || !graph) {
    throw new BundleError(`${ENCODER_FILE} is missing, expected the encoder of ${set}: write the ` +
      "bundle again");
  }
  const model = await Model.open(engine, content, graph, ENCODER_FILE);
  const width = graph.outputs[0]!.dimensions![1] as number;
  return async (samples) => {
    const speech = await encode(samples, model, width);
    return vector(set === "speech+mel" ? Float32Array.from([...speech, ...mel(samples)]) : speech);
  };
}

function vector(data: Float32Array): Features {
  return new Map([["", { data, width: data.length }]]);
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
