/** The mean output of an encoder over the speech in a recording (`sordino.signal.encoder`). */

import { ReleaseError } from "../errors.js";
import type { Model } from "../onnx/model.js";
import { MEL_BANDS, speechLogMel } from "./log_mel.js";

/** Number of changes of the features `speech` that changed values. */
export const RECIPE = 3;

const LONGEST_WINDOW = 3000; // frames of 10 ms: 30 s

/** The vector of samples at 16 kHz, `width` numbers. Throws `ReleaseError` if the model fails. */
export async function encode(
  samples: Float32Array, model: Model, width: number,
): Promise<Float32Array> {
  const { data } = speechLogMel(samples);
  const frames = data.length / MEL_BANDS;
  const windows = Math.ceil(frames / LONGEST_WINDOW);
  const total = new Float64Array(width);
  let [positions, start] = [0, 0];
  for (let window = 0; window < windows; window++) {
    // the first windows have one frame more where the frames do not divide
    const size = Math.floor(frames / windows) + Number(window < frames % windows);
    const part = data.slice(start * MEL_BANDS, (start + size) * MEL_BANDS);
    start += size;
    const { out } = await model.run({ frames: { data: part, shape: [size, MEL_BANDS] } });
    if (!out || out.shape.length !== 2 || out.shape[1] !== width || !out.shape[0]) {
      throw new ReleaseError(`encoder.onnx: an output of shape ${out?.shape}: get another`);
    }
    positions += out.shape[0];
    (out.data as Float32Array).forEach((number, at) => (total[at % width]! += number));
  }
  return Float32Array.from(total, (number) => number / positions);
}
