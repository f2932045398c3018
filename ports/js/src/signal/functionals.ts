/**
 * The feature set `mel`: a recording as one vector (`sordino.signal.functionals`).
 *
 * docs/builder/port.md has every window, formula and constant.
 */

import { checkSamples, fullScale, SAMPLING_RATE } from "./audio.js";
import { BANDS, filterbank, FRAME_SAMPLES, STEP_SAMPLES } from "./filterbank.js";
import { FAINT, pitch, PITCH_SAMPLES } from "./pitch.js";

/** Number of changes that changed values. */
export const RECIPE = 5;
/** The last recipe with absolute energies, without a range. */
export const ABSOLUTE_RECIPE = 4;
/** The range of each band in dB. */
export const RANGE_DB = 25;

const CEPSTRA = 20;
const LOUD_DB = 30;
const LOUD_RANK = 10;
const AROUND = 10;
const VOICED = 0.5;
const LAGS = [2, 8, 32, 64];
const BROAD = 8;
const MARGIN = (PITCH_SAMPLES - FRAME_SAMPLES) / 2;
const NEPERS = Math.LN10 / 10; // of energy, in a dB
const ABSOLUTE_FAINT = 1e-7;
const FRAME_SECONDS = STEP_SAMPLES / SAMPLING_RATE;

const COSINES = Array.from({ length: CEPSTRA }, (_, order) =>
  Float64Array.from({ length: BANDS }, (_, band) =>
    Math.sqrt(2 / BANDS) * Math.cos((Math.PI / BANDS) * (band + 0.5) * (order + 1))));

type Row = Float64Array;

/** The frames of a sound. */
export interface Frames {
  /** Log mel energies: 40 rows of one number a frame. */
  readonly bands: readonly Row[];
  readonly pitch: Row;
  readonly periodicity: Row;
}

/** The vector of samples at 16 kHz, 927 numbers. Throws `AudioError` as `checkSamples` does. */
export function mel(samples: Float32Array, rangeDb: number | null = RANGE_DB): Float32Array {
  checkSamples(samples);
  return summarise(frames(fullScale(samples), rangeDb === null ? ABSOLUTE_FAINT : FAINT), rangeDb);
}

/** Log mel energies, pitch and periodicity of each 40 ms. */
export function frames(samples: Float32Array, faint = FAINT): Frames {
  const { data } = filterbank(samples.subarray(MARGIN, samples.length - MARGIN));
  const { semitones, periodicity } = pitch(samples, faint);
  const count = data.length / BANDS;
  const bands = Array.from({ length: BANDS }, (_, band) =>
    Float64Array.from({ length: count }, (_, frame) => data[frame * BANDS + band]!));
  return {
    bands, pitch: Float64Array.from(semitones), periodicity: Float64Array.from(periodicity),
  };
}

/** The vector of a sequence of frames. */
export function summarise(all: Frames, rangeDb: number | null = RANGE_DB): Float32Array {
  const { top, loud: everyLoud } = loudness(levelOf(all.bands));
  const [start, stop] = speechSpan(everyLoud);
  const cut = (row: Row) => row.subarray(start, stop);
  const floor = -Math.log(BANDS) - (rangeDb ?? 0) * NEPERS;
  const bands = all.bands.map((row) =>
    rangeDb === null ? cut(row) : cut(row).map((value) => Math.max(value - top, floor)));
  const [melody, periodicity] = [cut(all.pitch), cut(all.periodicity)];
  const loud = everyLoud.slice(start, stop);
  const level = levelOf(bands);
  const cepstra = COSINES.map((weights) => weighted(bands, weights));
  const spectral = [...bands, ...cepstra, level];
  const size = BANDS / BROAD;
  const broad = Array.from({ length: BROAD }, (_, at) =>
    weighted(bands.slice(at * size, (at + 1) * size), new Float64Array(size).fill(1 / size)));
  const everything = loud.map(() => true);
  const voiced = loud.map((value, at) => value && periodicity[at]! >= VOICED);
  const voice = [melody, periodicity];
  return Float32Array.from([
    ...describe(spectral, everything),
    ...describe(spectral, loud),
    ...describe([periodicity], loud),
    ...describe(voice, voiced),
    ...LAGS.flatMap((lag) => [...broad, level].map((row) => movement(row, everything, lag))),
    ...LAGS.flatMap((lag) => voice.map((row) => movement(row, voiced, lag))),
    ...rhythm(loud),
    ...rhythm(voiced),
  ]);
}

/** The level of the loudest speech, and whether each frame is loud. */
export function loudness(level: Row | Float32Array): { top: number; loud: boolean[] } {
  const ordered = level.slice().sort();
  const top = ordered[ordered.length - Math.min(LOUD_RANK, level.length)]!;
  return { top, loud: Array.from(level, (value) => value >= top - LOUD_DB * NEPERS) };
}

/** The frames from the first loud frame to the last, and up to 100 ms on either side. */
export function speechSpan(loud: readonly boolean[]): [number, number] {
  const [first, last] = [loud.indexOf(true), loud.lastIndexOf(true)];
  return [Math.max(0, first - AROUND), Math.min(loud.length, last + 1 + AROUND)];
}

/** The level of each frame, the log of the sum of its bands. */
export function levelOf(bands: readonly Row[]): Row {
  return bands[0]!.map((_, frame) =>
    Math.log(bands.reduce((sum, row) => sum + Math.exp(row[frame]!), 0)));
}

/** The weighted sum of rows. */
function weighted(rows: readonly Row[], weights: Row): Row {
  return rows[0]!.map((_, frame) =>
    rows.reduce((sum, row, at) => sum + weights[at]! * row[frame]!, 0));
}

/** The seven functionals of each row over some frames, one functional after the other. */
function describe(rows: readonly Row[], over: readonly boolean[]): number[] {
  const seconds = over.flatMap((value, frame) => (value ? [frame * FRAME_SECONDS] : []));
  const middle = average(Float64Array.from(seconds));
  const time = Float64Array.from(seconds, (value) => value - middle);
  const columns = rows.map((row) => functionalsOf(row, over, time));
  return Array.from({ length: 7 }, (_, functional) => columns.map((column) => column[functional]!))
    .flat();
}

/** mean, sd, p05, p95, trend, change, change_p95; `time` is that of the frames, less its mean. */
function functionalsOf(row: Row, over: readonly boolean[], time: Row): number[] {
  const chosen = row.filter((_, frame) => over[frame]);
  if (!chosen.length) return new Array<number>(7).fill(0);
  const mean = average(chosen);
  const centred = chosen.map((value) => value - mean);
  const changes = changesOf(row, over, LAGS[0]!);
  const moved = changes.length ? changes : new Float64Array(1);
  const ordered = centred.slice().sort();
  return [
    mean, Math.sqrt(dot(centred, centred) / centred.length), percentile(ordered, 5),
    percentile(ordered, 95), dot(centred, time) / Math.max(dot(time, time), 1e-9),
    average(moved.map(Math.abs)), percentile(moved.slice().sort(), 95),
  ];
}

/** A percentile of ordered numbers, with linear interpolation. */
function percentile(ordered: Row, percent: number): number {
  const position = (percent / 100) * (ordered.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, ordered.length - 1);
  return ordered[below]! + (position - below) * (ordered[above]! - ordered[below]!);
}

/** The change over `lag` frames, where both ends are among these frames. */
function changesOf(row: Row, over: readonly boolean[], lag: number): Row {
  const starts = over.flatMap((value, frame) => (value && over[frame + lag] ? [frame] : []));
  return Float64Array.from(starts, (frame) => row[frame + lag]! - row[frame]!);
}

/** The root mean square change over `lag` frames. */
function movement(row: Row, over: readonly boolean[], lag: number): number {
  const changes = changesOf(row, over, lag);
  return Math.sqrt(dot(changes, changes) / Math.max(1, changes.length));
}

/** The share of frames, stretches per second, mean and standard deviation of their seconds. */
function rhythm(over: readonly boolean[]): number[] {
  const lengths: number[] = [];
  over.forEach((value, frame) => {
    if (!value) return;
    if (over[frame - 1]) lengths[lengths.length - 1]!++;
    else lengths.push(1);
  });
  if (!lengths.length) return [0, 0, 0, 0];
  const seconds = Float64Array.from(lengths, (length) => length * FRAME_SECONDS);
  const mean = average(seconds);
  const centred = seconds.map((value) => value - mean);
  const count = over.filter(Boolean).length;
  return [
    count / over.length, lengths.length / (over.length * FRAME_SECONDS), mean,
    Math.sqrt(dot(centred, centred) / centred.length),
  ];
}

function average(numbers: Row): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** The sum of products of two rows of one length. */
export function dot(first: Row, second: Row): number {
  let sum = 0;
  for (let at = 0; at < first.length; at++) sum += first[at]! * second[at]!;
  return sum;
}
