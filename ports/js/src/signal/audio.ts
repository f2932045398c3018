/** Samples of one channel at 16 kHz, full scale ±1 (`sordino.signal.audio`). */

import { AudioError } from "../errors.js";

/** Hz: the sampling rate of all feature sets. */
export const SAMPLING_RATE = 16000;
/** The shortest and the longest utterance. */
export const [SHORTEST_SECONDS, LONGEST_SECONDS] = [0.06, 600] as const;

const LARGEST = 32767 / 32768;

/** The samples, clipped to the symmetric range of 16 bits. */
export function fullScale(samples: Float32Array): Float32Array {
  return samples.map((sample) => Math.min(Math.max(sample, -LARGEST), LARGEST));
}

/** Throws `AudioError` for NaN, infinity, less than 60 ms and more than 600 s. */
export function checkSamples(samples: Float32Array): void {
  if (!samples.every(Number.isFinite)) {
    throw new AudioError("samples with NaN or infinity, expected numbers: record it anew");
  }
  const seconds = samples.length / SAMPLING_RATE;
  if (seconds < SHORTEST_SECONDS || seconds > LONGEST_SECONDS) {
    throw new AudioError(`${seconds} s of sound, expected ${SHORTEST_SECONDS} to ` +
      `${LONGEST_SECONDS}: leave it out, or take another cut`);
  }
}

/** The mean of several channels, `(samples)` each. */
export function mixDown(channels: readonly Float32Array[]): Float32Array {
  const first = channels[0]!;
  if (channels.length === 1) return first.slice();
  return first.map((_, at) =>
    channels.reduce((sum, channel) => sum + channel[at]!, 0) / channels.length);
}
