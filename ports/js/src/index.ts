/** Runs a sordino bundle: from sound to the released vector, on the device. */

export { type Bundle, type PolicyEntry, readBundle } from "./bundle/bundle.js";
export type { Policy } from "./bundle/policy.js";
export { publicKey, type Signature, SignatureError, type Trust } from "./bundle/signature.js";
export { type Budget, type CountStore, DailyBudget, MemoryStore } from "./device/budget.js";
export { KEY_BYTES } from "./device/draw.js";
export {
  REASONS, type Reason, type Released, type Result, type Withheld,
} from "./device/result.js";
export { Runtime, type RuntimeOptions } from "./device/runtime.js";
export {
  DEFAULT_SEGMENTATION, type Segmentation, Segmenter, type Utterance,
} from "./device/segment.js";
export { type Judge, Stream } from "./device/stream.js";
export type { Features, Matrix } from "./device/serving.js";
export { AudioError, BundleError, ReleaseError, SordinoError } from "./errors.js";
export type { Engine } from "./onnx/model.js";
export { mixDown, SAMPLING_RATE } from "./signal/audio.js";
