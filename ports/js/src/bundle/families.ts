/**
 * The structure of a policy by family; a bundle with any other structure is refused:
 * `sordino.device.bundle.families`.
 *
 * An attacker can forge any bundle and compute its checksums. The name of a family is a promise to
 * the user, so the structure must keep it: inputs and outputs of the model, the keyed random draw,
 * the arrays with their types and shapes, and the number of decisions.
 */

import { BundleError } from "../errors.js";
import type { Declared } from "../onnx/graph.js";
import { FLOAT, INT64 } from "../onnx/shapes.js";
import type { Bundle, PolicyEntry } from "./bundle.js";
import { isObject, type Json, numberOf, pythonFloat } from "./json.js";
import type { NumberArray } from "./npz.js";
import type { Policy } from "./policy.js";

const WIDEST_VECTOR = 1 << 16;
const LONGEST_POLICY_NAME = 200;
const LONGEST_EMOTION = 200;
const MOST_SENSITIVE = 100;
const MOST_PROTOTYPES = 1 << 17;
const LARGEST_EPSILON = 50;
const LARGEST_NOISE = 1e30;
const LEAST_SPREAD = 0.01;
const ENCODER_BANDS = 80;
const ENCODER_FILE = "encoder.onnx";
const PREPROCESS_FILE = "preprocess.onnx";
const PRINTABLE = /^(?: |[^\p{C}\p{Z}])+$/u;

interface Structure {
  readonly chance: string;
  readonly outputs: readonly string[];
  /**
   * The smallest and the largest number of decisions; of vectors, beyond one for each required
   * emotion and one for all others.
   */
  readonly bins: readonly [number, number];
  readonly arrays: readonly string[];
  /** Whether each decision has exactly one vector. */
  readonly single?: boolean;
}

const PROTOTYPES = ["bin", "prototypes"];
const plain = (chance: string, ...outputs: string[]): Structure => ({
  chance, outputs, bins: [0, 0], arrays: [],
});
const drawn = (chance: string, further: number, ...outputs: string[]): Structure => ({
  chance, outputs, bins: [0, further], arrays: PROTOTYPES,
});

const VECTOR_FAMILIES = new Map<string, Structure>([
  ["none", plain("none")],
  ...["rae", "rae-grl", "rae-grl+", "rae-leace", "leace"].map(
    (name): [string, Structure] => [name, plain("none", "out")],
  ),
  ["noise-gauss", plain("noise")],
  ["noise-laplace", plain("noise")],
  ["drawn", drawn("drawn", 0, "bin")],
  ["drawn+detail", drawn("drawn", 1, "bin")],
  ["label", { ...drawn("drawn", 1, "bin"), single: true }],
]);
const MIXTURE_STRUCTURE: Structure = {
  ...drawn("mixed", 0, "bin", "out"), arrays: ["bin", "factor", "prototypes"],
};
const MIXTURE = /^drawn\+rae-([1-9][0-9]?)$/;

const CLIP_FAMILIES = new Map<string, Structure>([
  ...["general", "private", "private-streams", "private-speaker", "private-multiple"].map(
    (name): [string, Structure] => [name, plain("none", "out")],
  ),
  ["private+", plain("clip-noise", "out")],
  ["drawn", { ...drawn("clip-drawn", 0, "bin", "logits"), bins: [2, 4] }],
]);

/** The settings of each kind of keyed random draw, beside its `kind`. */
const SETTINGS: { readonly [kind: string]: readonly string[] } = {
  none: [], noise: ["noise", "scale"], drawn: ["epsilon"], mixed: ["epsilon", "share"],
  "clip-noise": ["spread"], "clip-drawn": ["epsilon"],
};

type Sizes = readonly (number | null)[];
interface Shape { readonly dtype: number; readonly sizes: Sizes }
type Shapes = { readonly [name: string]: Shape };

const float = (...sizes: (number | null)[]): Shape => ({ dtype: FLOAT, sizes });
const whole = (...sizes: (number | null)[]): Shape => ({ dtype: INT64, sizes });

/** Throws `BundleError` where a policy has another structure than its family. */
export function checkStructure(bundle: Bundle): void {
  checkFeatures(bundle);
  checkEncoder(bundle);
  for (const entry of bundle.policies.values()) {
    if (!PRINTABLE.test(entry.name) || Array.from(entry.name).length > LONGEST_POLICY_NAME) {
      throw new BundleError("a policy whose name is no short text, expected printable characters");
    }
    checkEmotions(entry.policy);
    new PolicyCheck(bundle, entry).run();
  }
}

/** Throws where an emotion has no name that a screen can show, or too many are sensitive. */
function checkEmotions({ required, neutral, sensitive }: Policy): void {
  const printable = (name: string) =>
    PRINTABLE.test(name) && Array.from(name).length <= LONGEST_EMOTION;
  if (sensitive.join() === "rest" || sensitive.length > MOST_SENSITIVE ||
    ![...required, neutral, ...sensitive].every(printable)) {
    throw new BundleError("a policy with other emotions, expected printable names, and up to " +
      `${MOST_SENSITIVE} sensitive ones: get the bundle again from its author`);
  }
}

/** Throws where the card has no width of each stream or of vectors. */
function checkFeatures(bundle: Bundle): void {
  const widths = [...bundle.widths];
  const { streams } = bundle.features;
  const clips = "streams" in bundle.features;
  if (clips === "dims" in bundle.features || (clips && !isObject(streams)) || !widths.length ||
      !widths.every(([, width]) => isWidth(width))) {
    throw new BundleError("features without a width in card.json, expected `dims` or `streams`: " +
      "write it again");
  }
  if (clips && !widths.every(([name]) => name === "audio" || name === "text")) {
    throw new BundleError("streams of other names, expected audio or text or both: write it again");
  }
}

function checkEncoder(bundle: Bundle): void {
  const graph = bundle.graphs.get(ENCODER_FILE);
  if (!graph) return;
  const widest = numberOf(bundle.features["dims"]) || 0;
  const [frames, out] = [graph.inputs[0]!, graph.outputs[0]!];
  const width = out.dimensions?.[1];
  if (graph.inputs.length > 1 || graph.outputs.length > 1 || frames.name !== "frames" ||
      out.name !== "out" || !matches(frames, float(null, ENCODER_BANDS)) ||
      !matches(out, float(null, null)) ||
      !(typeof width === "number" && width && width <= widest)) {
    throw new BundleError(`${ENCODER_FILE} has other inputs or outputs, expected frames ` +
      `(n, ${ENCODER_BANDS}) and out (positions, 1 to ${widest}): do not use the bundle`);
  }
}

function isWidth(width: Json | undefined): boolean {
  return typeof width === "number" && width >= 1 && width <= WIDEST_VECTOR;
}

/** Whether a tensor has a type and a shape. Free sizes are checked after the model has run. */
function matches(tensor: Declared, { dtype, sizes }: Shape): boolean {
  if (tensor.dtype !== dtype) return false;
  if (!tensor.dimensions) return true;
  return tensor.dimensions.length === sizes.length &&
    tensor.dimensions.every((size, axis) => {
      const expected = sizes[axis];
      return typeof size !== "number" || expected === null || size === expected;
    });
}

/** The check of one policy. */
class PolicyCheck {
  private readonly clips: boolean;
  private readonly widths: ReadonlyMap<string, number>;

  constructor(private readonly bundle: Bundle, private readonly entry: PolicyEntry) {
    this.widths = bundle.widths;
    this.clips = !this.widths.has("");
  }

  run(): void {
    const structure = this.structure();
    if (!isWidth(this.entry.width)) this.refuse("its width");
    this.release();
    this.chance(structure);
    this.preprocess();
    this.model(structure);
    if (structure.arrays.length) this.arrays(structure);
    else if (this.entry.arrays !== null) this.refuse("arrays");
  }

  private refuse(part: string): never {
    throw new BundleError(`policy ${this.entry.name} of family '${this.entry.family}': ${part} ` +
      "that this family does not have: do not use the bundle, ask its maker for another");
  }

  private structure(): Structure {
    const { family } = this.entry;
    if (!this.clips && MIXTURE.test(family)) return MIXTURE_STRUCTURE;
    return (this.clips ? CLIP_FAMILIES : VECTOR_FAMILIES).get(family) ?? this.refuse("a name");
  }

  private release(): void {
    const { policy, family } = this.entry;
    const fits = ["", family].includes(policy.release) ||
      (policy.release === "drawn" && family === "drawn+detail");
    if (!fits) this.refuse(`a policy for '${policy.release}'`);
  }

  private chance(structure: Structure): void {
    const { chance, family } = this.entry;
    if (chance["kind"] !== structure.chance) this.refuse("a random draw");
    const names = ["kind", ...SETTINGS[structure.chance]!].sort();
    if (Object.keys(chance).sort().join() !== names.join()) this.refuse("settings of its draw");
    if (names.includes("epsilon")) this.epsilon(chance["epsilon"]);
    for (const name of ["scale", "spread"]) {
      const size = numberOf(chance[name]);
      const least = name === "spread" ? LEAST_SPREAD : Number.MIN_VALUE;
      if (names.includes(name) && !(size >= least && size <= LARGEST_NOISE)) this.refuse("noise");
    }
    if (names.includes("noise") && `noise-${chance["noise"]}` !== family) this.refuse("noise");
    if (names.includes("share")) {
      const share = Number(MIXTURE.exec(family)?.[1]) / 100;
      if (!(Math.abs(numberOf(chance["share"]) - share) <= 1e-9)) this.refuse("a share");
    }
  }

  private epsilon(text: Json | undefined): void {
    const { policy, family } = this.entry;
    const epsilon = parseEpsilon(text);
    if (!(epsilon === Infinity || (epsilon > 0 && epsilon <= LARGEST_EPSILON))) {
      this.refuse("an epsilon");
    }
    const setting = policy.setting(policy.release || family, "epsilon");
    if (setting !== undefined && setting !== null && numberOf(setting) !== epsilon) {
      this.refuse("another epsilon than in the policy");
    }
  }

  private preprocess(): void {
    const { preprocess: name, width } = this.entry;
    if (name === null) {
      if (!this.clips && width !== this.widths.get("")) this.refuse("a width without a scale");
      return;
    }
    if (name !== PREPROCESS_FILE) this.refuse(`a scale in ${name}`);
    const columns = this.widths.get(this.clips ? "audio" : "");
    if (columns === undefined) this.refuse("a scale without audio");
    const output = this.clips ? { y: float(null, columns) } : { z: float(null, width) };
    this.fits(name, { x: float(null, columns) }, output);
  }

  private model(structure: Structure): void {
    const { model: name, width } = this.entry;
    if (!structure.outputs.length) {
      if (name !== null) this.refuse("a model");
      return;
    }
    if (name === null) this.refuse("no model");
    const shapes: Shapes = { out: float(null, width), bin: whole(null), logits: float(null, null) };
    const inputs: { [name: string]: Shape } = {};
    if (this.clips) {
      for (const [stream, size] of this.widths) {
        inputs[stream] = float(null, null, size);
        inputs[`${stream}_length`] = whole(null);
      }
    } else {
      inputs["z"] = float(null, width);
    }
    const outputs = structure.outputs.map((key) => [key, shapes[key]!]);
    this.fits(name, inputs, Object.fromEntries(outputs));
  }

  private fits(name: string, inputs: Shapes, outputs: Shapes): void {
    const graph = this.bundle.graphs.get(name)!;
    const same = (tensors: readonly Declared[], shapes: Shapes) =>
      tensors.length === Object.keys(shapes).length &&
      new Set(tensors.map((tensor) => tensor.name)).size === tensors.length &&
      tensors.every((tensor) => {
        const shape = Object.hasOwn(shapes, tensor.name) ? shapes[tensor.name] : undefined;
        return shape && matches(tensor, shape);
      });
    if (!same(graph.inputs, inputs)) this.refuse(`inputs of ${name}`);
    if (!same(graph.outputs, outputs)) this.refuse(`outputs of ${name}`);
  }

  private arrays(structure: Structure): void {
    if (this.entry.arrays === null) this.refuse("no arrays");
    const arrays = this.bundle.arrays(this.entry.arrays);
    if ([...arrays.keys()].sort().join() !== structure.arrays.join()) this.refuse("arrays");
    const bin = arrays.get("bin")!;
    if (bin.dtype !== "int64" || bin.shape.length !== 1) this.refuse("decisions");
    const count = bin.data.length;
    this.table(arrays.get("prototypes")!, count, "prototypes");
    if (count > MOST_PROTOTYPES) this.refuse("so many prototypes");
    const bins = new Set<number>(bin.data);
    const required = this.entry.policy.required.length;
    const each = this.clips ? 0 : 1 + required;
    const fewest = each + structure.bins[0];
    const most = each + (this.clips || required === 1 ? structure.bins[1] : 0);
    const codes = Array.from({ length: bins.size }, (_, code) => bins.has(code));
    if (!codes.every(Boolean) || bins.size < fewest || bins.size > most) this.refuse("decisions");
    if (structure.single && count !== bins.size) this.refuse("several vectors of a decision");
    const factor = arrays.get("factor");
    if (!factor) return;
    const { width } = this.entry;
    this.table(factor, Math.min(width, factor.shape[0] ?? 0), "a factor of noise");
    for (let start = 0; start < factor.data.length; start += width) {
      const row = factor.data.subarray(start, start + width);
      if (row.every((number) => number === 0)) this.refuse("a factor of noise of zero");
    }
  }

  /** Throws unless an array is finite float32 with these rows and the width of the release. */
  private table(array: NumberArray, rows: number, part: string): void {
    const { dtype, shape, data } = array;
    const fits = dtype === "float32" && shape.length === 2 && shape[0] === rows &&
      shape[1] === this.entry.width && rows > 0 && data.every(Number.isFinite);
    if (!fits) this.refuse(part);
  }
}

/** The number that Python wrote as text, `inf` for none; NaN for any other text. */
export function parseEpsilon(text: Json | undefined): number {
  if (text === "inf") return Infinity;
  if (typeof text !== "string" || !/^[0-9.e+-]+$/.test(text)) return NaN;
  const epsilon = Number(text);
  const [written, short] = [pythonFloat(epsilon), `${text}.0`];
  return Number.isFinite(epsilon) && (written === text || written === short) ? epsilon : NaN;
}
