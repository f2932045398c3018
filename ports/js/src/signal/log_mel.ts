/**
 * Log mel energies of a recording, as Whisper computes them (Radford et al. 2023, section 2.2):
 * `sordino.signal.encoder.log_mel`.
 *
 *     samples   mirrored by 200 at both ends
 *     frames    400 every 160, times a Hann window: samples // 160 frames
 *     energy    |FFT|², summed under 80 triangles of area 1 (Slaney 1998), 0 to 8000 Hz
 *     level     |FFT|² after x[t] − 0.97 x[t − 1], summed from 80 Hz
 *     span      frames of speech by their level, as in `functionals`; others are left out
 *     values    log10(max(energy, 1e-10)), at least the largest of all frames minus 8
 *     scaled    (value + 4) / 4
 */

import type { Matrix } from "../device/serving.js";
import { checkSamples, fullScale, SAMPLING_RATE } from "./audio.js";
import { dot, loudness, speechSpan } from "./functionals.js";

export const MEL_BANDS = 80;
const WINDOW_SAMPLES = 400;
const HOP_SAMPLES = 160;
const HALF = WINDOW_SAMPLES / 2;
const BINS = HALF + 1;
const FLOOR = 1e-10;
const RANGE = 8; // decades below the loudest value
const FAINT = 2 ** -25; // the lowest energy of a level
const [BEFORE, SHORTER] = [2, 3]; // frames that `functionals` has less, before and in all

/** The real and the imaginary part of the spectrum of symmetric windows: half the products. */
const [COSINES, SINES] = [Math.cos, Math.sin].map((wave) =>
  Array.from({ length: BINS }, (_, bin) =>
    Float64Array.from({ length: HALF }, (_, at) => {
      const n = at + 1;
      const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / WINDOW_SAMPLES);
      return (n === HALF ? window / 2 : window) * wave((2 * Math.PI * n * bin) / WINDOW_SAMPLES);
    }))) as [Float64Array[], Float64Array[]];

/** The weight of each frequency in each band, and in the level. */
const TRIANGLES = (() => {
  const highest = 15 + (27 * Math.log(SAMPLING_RATE / 2000)) / Math.log(6.4);
  const edges = Array.from({ length: MEL_BANDS + 2 }, (_, at) => {
    const mel = (highest * at) / (MEL_BANDS + 1);
    return mel < 15 ? (mel * 200) / 3 : 1000 * 6.4 ** ((mel - 15) / 27);
  });
  return Array.from({ length: MEL_BANDS }, (_, band) => {
    const [low, centre, high] = edges.slice(band, band + 3) as [number, number, number];
    return Float64Array.from({ length: BINS }, (_, bin) => {
      const hz = (bin * SAMPLING_RATE) / WINDOW_SAMPLES;
      const height = Math.min((hz - low) / (centre - low), (high - hz) / (high - centre));
      return (Math.max(0, height) * 2) / (high - low);
    });
  });
})();
const LEVEL = Float64Array.from({ length: BINS }, (_, bin) => {
  const angle = (2 * Math.PI * bin) / WINDOW_SAMPLES;
  return bin < 2 ? 0 : 1 - 2 * 0.97 * Math.cos(angle) + 0.97 ** 2;
});

/** The log mel energies of the speech in samples at 16 kHz, `(frames, 80)`, 3 frames or more. */
export function speechLogMel(samples: Float32Array): Matrix {
  checkSamples(samples);
  const { energies, levels } = energiesOf(fullScale(samples));
  const heard = levels.subarray(BEFORE, levels.length + BEFORE - SHORTER);
  const [start, stop] = speechSpan(loudness(heard).loud);
  const cut = energies.subarray(start * MEL_BANDS, (stop + SHORTER) * MEL_BANDS);
  const values = cut.map((energy) => Math.log10(Math.max(energy, FLOOR)));
  const least = values.reduce((most, value) => Math.max(most, value), -Infinity) - RANGE;
  return { data: values.map((value) => (Math.max(value, least) + 4) / 4), width: MEL_BANDS };
}

/** The energies of all bands, `(frames, 80)`, and the level of each frame. */
export function energiesOf(sound: Float32Array): { energies: Float32Array; levels: Float32Array } {
  const count = Math.floor(sound.length / HOP_SAMPLES);
  const [energies, levels] = [new Float32Array(count * MEL_BANDS), new Float32Array(count)];
  for (let frame = 0; frame < count; frame++) {
    const power = powerSpectrum(sound, frame * HOP_SAMPLES - HALF);
    energies.set(TRIANGLES.map((weights) => dot(weights, power)), frame * MEL_BANDS);
    levels[frame] = Math.log(Math.max(dot(LEVEL, power), FAINT));
  }
  return { energies, levels };
}

/** The power spectrum of 400 samples from `start`, which may lie beyond the ends. */
function powerSpectrum(sound: Float32Array, start: number): Float64Array {
  const last = sound.length - 1;
  const at = (index: number): number => {
    const inside = Math.abs(index);
    return sound[inside > last ? 2 * last - inside : inside]!;
  };
  const [even, odd] = [new Float64Array(HALF), new Float64Array(HALF)];
  for (let n = 1; n <= HALF; n++) {
    const [first, second] = [at(start + n), at(start + WINDOW_SAMPLES - n)];
    even[n - 1] = first + second;
    odd[n - 1] = first - second;
  }
  return Float64Array.from({ length: BINS }, (_, bin) =>
    dot(COSINES[bin]!, even) ** 2 + dot(SINES[bin]!, odd) ** 2);
}
