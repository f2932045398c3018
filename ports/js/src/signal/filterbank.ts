/**
 * Log mel energies of a recording by frames, as Kaldi computes them (Povey et al. 2011):
 * `sordino.signal.filterbank`.
 *
 *     frames   25 ms every 10 ms, complete frames only; each minus its mean; x[t] − 0.97 x[t − 1];
 *              times a Hamming window; padded to 512
 *     energy   |FFT|², summed under 40 triangles that are evenly spaced in
 *              mel = 1127 ln(1 + f / 700) from 20 Hz to 8 kHz
 *     values   ln(max(energy, 2^-30))
 */

import { AudioError } from "../errors.js";
import type { Matrix } from "../device/serving.js";
import { SAMPLING_RATE } from "./audio.js";
import { Fft } from "./fft.js";

export const BANDS = 40;
export const FRAME_SAMPLES = 400;
export const STEP_SAMPLES = 160;
/** Number of changes of the filterbank that changed values. */
export const RECIPE = 1;

const ENERGY_FLOOR = 2 ** -30;
const LOWEST_HZ = 20;
const PREEMPHASIS = 0.97;

const fft = new Fft(512);
const WINDOW = Float64Array.from({ length: FRAME_SAMPLES }, (_, at) =>
  0.54 - 0.46 * Math.cos((2 * Math.PI * at) / (FRAME_SAMPLES - 1)));
const mel = (hz: number): number => 1127 * Math.log(1 + hz / 700);

/** The first line of the spectrum under each triangle, and the weights of the lines. */
const TRIANGLES = Array.from({ length: BANDS }, (_, band) => {
  const [low, high] = [mel(LOWEST_HZ), mel(SAMPLING_RATE / 2)];
  const width = (high - low) / (BANDS + 1);
  const [left, centre, right] = [0, 1, 2].map((edge) => low + (band + edge) * width) as
    [number, number, number];
  const lines = Array.from({ length: fft.size / 2 }, (_, line) =>
    (line * SAMPLING_RATE) / fft.size);
  const weights = lines.map((hz) => {
    const at = mel(hz);
    const [rising, falling] = [(at - left) / (centre - left), (right - at) / (right - centre)];
    return Math.max(0, Math.min(rising, falling));
  });
  const first = weights.findIndex((weight) => weight > 0);
  return { first, weights: weights.slice(first).filter((weight) => weight > 0) };
});

/** The log mel energies of samples at 16 kHz, `(frames, 40)`. Throws for less than 25 ms. */
export function filterbank(samples: Float32Array): Matrix {
  const frames = 1 + Math.floor((samples.length - FRAME_SAMPLES) / STEP_SAMPLES);
  if (frames < 1) throw new AudioError("less than 25 ms of sound, expected a frame: leave it out");
  const data = new Float32Array(frames * BANDS);
  for (let frame = 0; frame < frames; frame++) {
    const start = frame * STEP_SAMPLES;
    const power = spectrum(samples.subarray(start, start + FRAME_SAMPLES));
    for (const [band, energy] of bandEnergies(power).entries()) {
      data[frame * BANDS + band] = Math.log(Math.max(energy, ENERGY_FLOOR));
    }
  }
  return { data, width: BANDS };
}

/** The power spectrum of one frame of 400 samples, 257 lines from 0 to 8 kHz. */
export function spectrum(frame: Float32Array): Float64Array {
  const mean = frame.reduce((sum, sample) => sum + sample, 0) / frame.length;
  const centred = Float64Array.from(frame, (sample) => sample - mean);
  return fft.power(centred.map((sample, at) =>
    (sample - PREEMPHASIS * centred[Math.max(0, at - 1)]!) * WINDOW[at]!));
}

/** The energy under each triangle. */
export function bandEnergies(power: Float64Array): Float64Array {
  return Float64Array.from(TRIANGLES, ({ first, weights }) =>
    weights.reduce((sum, weight, at) => sum + weight * power[first + at]!, 0));
}
