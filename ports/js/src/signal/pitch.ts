/**
 * Pitch by autocorrelation (Boersma 1993), frame by frame: `sordino.signal.pitch`.
 *
 *     samples   the mean of every four, smoothed by 1/4, 1/2, 1/4: 4 kHz
 *     frames    40 ms every 10 ms, each minus its mean, times a Hann window; its autocorrelation
 *               divided by that of the window
 *     r(τ)      at the highest peak from 60 to 500 Hz, with a small cost of later peaks. A parabola
 *               through a peak and its neighbours yields its height and τ
 */

import { STEP_SAMPLES } from "./filterbank.js";
import { Fft } from "./fft.js";

/** Samples of a frame: 40 ms. */
export const PITCH_SAMPLES = 640;
/** The energy that halves the periodicity of a frame. */
export const FAINT = 1e-12;

const DECIMATION = 4;
const RATE = 4000;
const [FIRST_LAG, LAST_LAG] = [RATE / 500, Math.floor(RATE / 60)];
const OCTAVE_COST = 0.03;
const LENGTH = PITCH_SAMPLES / DECIMATION - 2; // 158
const STEP = STEP_SAMPLES / DECIMATION;

const fft = new Fft(256);
const WINDOW = Float32Array.from({ length: LENGTH }, (_, at) =>
  0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 1)) / (LENGTH + 1)));
const CORRELATION = (() => {
  const r = autocorrelation(WINDOW);
  return r.map((value) => value / r[0]!);
})();

/** Pitch in semitones above 100 Hz and periodicity from 0 to 1 of each frame. */
export interface Pitch {
  readonly semitones: Float32Array;
  readonly periodicity: Float32Array;
}

/** The pitch of samples at 16 kHz, 640 or more. */
export function pitch(samples: Float32Array, faint = FAINT): Pitch {
  const slow = slower(samples);
  const count = 1 + Math.floor((slow.length - LENGTH) / STEP);
  const [semitones, periodicity] = [new Float32Array(count), new Float32Array(count)];
  for (let frame = 0; frame < count; frame++) {
    const [lag, peak] = framePitch(slow.subarray(frame * STEP, frame * STEP + LENGTH), faint);
    semitones[frame] = 12 * Math.log2(RATE / lag / 100);
    periodicity[frame] = Math.min(Math.max(peak, 0), 1);
  }
  return { semitones, periodicity };
}

/** The samples at 4 kHz. */
export function slower(samples: Float32Array): Float32Array {
  const mean = new Float32Array(Math.floor(samples.length / DECIMATION));
  for (let at = 0; at < mean.length; at++) {
    const start = DECIMATION * at;
    const four = samples.subarray(start, start + DECIMATION);
    mean[at] = four.reduce((sum, sample) => sum + sample, 0) / DECIMATION;
  }
  return Float32Array.from({ length: Math.max(0, mean.length - 2) }, (_, at) =>
    mean[at]! / 4 + mean[at + 1]! / 2 + mean[at + 2]! / 4);
}

/** The lag and the height of the best peak of one frame. */
function framePitch(frame: Float32Array, faint: number): [number, number] {
  const mean = frame.reduce((sum, sample) => sum + sample, 0) / frame.length;
  const raw = autocorrelation(frame.map((sample, at) => (sample - mean) * WINDOW[at]!));
  const r = raw.map((value, lag) => value / (raw[0]! + faint) / CORRELATION[lag]!);
  let [best, bestLag, bestPeak] = [-Infinity, FIRST_LAG, 0];
  for (let lag = FIRST_LAG; lag <= LAST_LAG; lag++) {
    const [before, at, after] = [r[lag - 1]!, r[lag]!, r[lag + 1]!];
    const isPeak = at >= before && at >= after;
    const bend = isPeak ? 2 * at - before - after : 1;
    const shift = (after - before) / (2 * Math.max(bend, 1e-9));
    const height = isPeak ? at + (bend * shift ** 2) / 2 : at;
    const score = isPeak ? height - OCTAVE_COST * Math.log2(lag / FIRST_LAG) : -1;
    if (score <= best) continue;
    best = score;
    bestLag = lag + Math.min(Math.max(shift, -0.5), 0.5);
    bestPeak = height;
  }
  return [bestLag, bestPeak];
}

/** Autocorrelation at lags from 0 to one more than the longest (Wiener and Khinchin). */
function autocorrelation(frame: Float32Array): Float32Array {
  const power = fft.power(frame);
  const [real, imaginary] = [new Float64Array(fft.size), new Float64Array(fft.size)];
  for (let at = 0; at < fft.size; at++) real[at] = power[Math.min(at, fft.size - at)]!;
  fft.transform(real, imaginary);
  return Float32Array.from(real.subarray(0, LAST_LAG + 2), (value) => value / fft.size);
}
