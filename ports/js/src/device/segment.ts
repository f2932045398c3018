/**
 * Utterances of an endless stream of samples: activity above the noise, with pauses within it
 * (`sordino.device.sound.segment`).
 *
 *     frame      20 ms; its energy in bands that are evenly spaced in mel from 100 Hz, in dB
 *     noise      in each band, the quietest hop of 0.1 s of the last `memorySeconds` (Martin 2001)
 *     activity   its level above the noise, root mean square over bands
 *     begin      at a frame above `enterDb`; the `leadSeconds` before it belong to the utterance
 *     end        after `hangoverSeconds` without a frame above `leaveDb`; `trailSeconds` of these
 *                belong to the utterance
 *
 * Hops are counted from the start of the stream: the size of blocks changes no bit.
 */

import { AudioError } from "../errors.js";
import { fullScale, SAMPLING_RATE } from "../signal/audio.js";

/** Samples of a frame, and of a hop of five frames. */
const [FRAME, HOP] = [SAMPLING_RATE / 50, SAMPLING_RATE / 10];
const FRAMES_OF_HOP = HOP / FRAME;
const BANDS = 16;
const LOWEST_HZ = 100;
const POWER_FLOOR = 1e-9;

/** The settings that decide when an utterance begins and ends. */
export interface Segmentation {
  readonly enterDb: number;
  readonly leaveDb: number;
  readonly memorySeconds: number;
  readonly leadSeconds: number;
  readonly trailSeconds: number;
  readonly hangoverSeconds: number;
  /** Less activity than this is a click or a cough. */
  readonly shortestSeconds: number;
  readonly longestSeconds: number;
}

export const DEFAULT_SEGMENTATION: Segmentation = {
  enterDb: 7, leaveDb: 5, memorySeconds: 3, leadSeconds: 0.4, trailSeconds: 0.4,
  hangoverSeconds: 0.5, shortestSeconds: 0.25, longestSeconds: 15,
};

/** A part of a stream, and its activity above the noise. */
export interface Utterance {
  readonly start: number; // the first sample
  readonly activeSeconds: number;
  readonly samples: Float32Array;
}

const HANN = (() => {
  const window = Float64Array.from({ length: FRAME }, (_, at) =>
    0.5 - 0.5 * Math.cos((2 * Math.PI * at) / (FRAME - 1)));
  const energy = window.reduce((sum, weight) => sum + weight * weight, 0);
  return window.map((weight) => weight / Math.sqrt((FRAME / 2) * energy)); // powers of the sound
})();
const LINES = FRAME / 2;
const [COSINES, SINES] = [Math.cos, Math.sin].map((wave) =>
  Float64Array.from({ length: FRAME }, (_, at) => wave((2 * Math.PI * at) / FRAME)),
) as [Float64Array, Float64Array];

/** The first line of the spectrum in each band; the narrowest bands have one line. */
export const EDGES = (() => {
  const mel = (hz: number) => Math.log1p(hz / 700);
  const [low, high] = [mel(LOWEST_HZ), mel(SAMPLING_RATE / 2)];
  const lineHz = SAMPLING_RATE / FRAME;
  const edges = Array.from({ length: BANDS }, (_, band) => {
    const value = low + ((high - low) * band) / BANDS;
    const below = Math.floor((700 * Math.expm1(value)) / lineHz + 1e-9);
    const [left, right] = [mel(below * lineHz), mel((below + 1) * lineHz)];
    return Math.ceil(below + (value - left) / (right - left) - 1e-9);
  });
  return [...new Set(edges)];
})();

/** The energy of a frame in each band, in dB of full scale. */
export function bandLevels(frame: Float32Array): Float64Array {
  const windowed = Float64Array.from(frame, (sample, at) => sample * HANN[at]!);
  const power = new Float64Array(LINES);
  for (let line = EDGES[0]!; line < LINES; line++) {
    let [real, imaginary] = [0, 0];
    for (let at = 0, angle = 0; at < FRAME; at++) {
      real += windowed[at]! * COSINES[angle]!;
      imaginary += windowed[at]! * SINES[angle]!;
      angle += line;
      if (angle >= FRAME) angle -= FRAME;
    }
    power[line] = real * real + imaginary * imaginary;
  }
  return Float64Array.from(EDGES, (first, band) => {
    const part = power.subarray(first, EDGES[band + 1] ?? LINES);
    return 10 * Math.log10(part.reduce((sum, value) => sum + value, 0) + POWER_FLOOR);
  });
}

/** Utterances of one stream of 16 kHz. A sample that is NaN or infinite counts as activity. */
export class Segmenter {
  private readonly next = new Float32Array(HOP);
  private filled = 0;
  private hops = 0; // processed
  private readonly noise: Float64Array[]; // a ring of hops
  private memory: Float32Array[] = []; // the latest hops: of the open utterance, or of its lead
  private first = 0; // the sample that they start with
  private free = 0; // samples before this one are in earlier utterances
  private start = -1; // where the open utterance starts; below 0 none is open
  private last = 0; // its latest active frame
  private active = 0; // its active frames

  /** Throws `AudioError` for contradictory settings. */
  constructor(private readonly settings: Segmentation = DEFAULT_SEGMENTATION) {
    const s = settings;
    const fits = 0 < s.leaveDb && s.leaveDb <= s.enterDb && s.enterDb < Infinity &&
      0.1 <= s.memorySeconds && s.memorySeconds <= 60 &&
      0 <= s.trailSeconds && s.trailSeconds <= s.hangoverSeconds &&
      0 < s.shortestSeconds && s.shortestSeconds < s.longestSeconds && s.longestSeconds <= 600 &&
      s.leadSeconds >= 0 && s.leadSeconds + s.hangoverSeconds < s.longestSeconds;
    if (!fits) {
      throw new AudioError("settings of a segmentation that contradict each other, expected " +
        "leave <= enter, trail <= hangover, lead + hangover < longest: correct the order");
    }
    const ring = Math.round(settings.memorySeconds * 10);
    this.noise = Array.from({ length: ring }, () => new Float64Array(EDGES.length).fill(Infinity));
  }

  /** The utterances that end within these samples. */
  push(samples: Float32Array): Utterance[] {
    const ended: Utterance[] = [];
    for (let at = 0; at < samples.length; ) {
      const block = samples.subarray(at, at + HOP - this.filled);
      this.next.set(block, this.filled);
      this.filled += block.length;
      at += block.length;
      if (this.filled === HOP) this.hop(ended);
    }
    return ended;
  }

  /** The utterance that the end of the stream cuts, or null. No samples may follow. */
  end(): Utterance | null {
    if (this.start < 0) return null;
    this.memory.push(this.next.slice(0, this.filled));
    return this.cut(Math.min(this.trailed(), this.hops * HOP + this.filled));
  }

  /** Process the next five frames. */
  private hop(ended: Utterance[]): void {
    const levels = this.activity(this.next);
    this.memory.push(this.next.slice());
    this.filled = 0;
    this.hops++;
    levels.forEach((level, at) => this.frame((this.hops - 1) * FRAMES_OF_HOP + at, level, ended));
    const lead = this.hops * HOP - toSamples(this.settings.leadSeconds);
    const needed = this.start >= 0 ? this.start : lead;
    while (this.first + HOP <= needed) {
      this.memory.shift();
      this.first += HOP;
    }
  }

  /** The level of each frame above the noise, in dB; infinite for NaN in a frame. */
  private activity(samples: Float32Array): number[] {
    const sound = fullScale(samples.map((sample) => (Number.isFinite(sample) ? sample : 0)));
    const parts = Array.from({ length: FRAMES_OF_HOP }, (_, at) => [at * FRAME, (at + 1) * FRAME]);
    const levels = parts.map(([from, to]) => bandLevels(sound.subarray(from, to)));
    const finite = parts.map(([from, to]) => samples.subarray(from, to).every(Number.isFinite));
    if (finite.every(Boolean)) {
      this.noise[this.hops % this.noise.length] = levels[0]!.map((_, band) =>
        levels.reduce((sum, level) => sum + level[band]!, 0) / FRAMES_OF_HOP);
    }
    const quietest = EDGES.map((_, band) => Math.min(...this.noise.map((hop) => hop[band]!)));
    return levels.map((level, at) => {
      if (!finite[at]) return Infinity;
      const squares = level.map((value, band) => Math.max(value - quietest[band]!, 0) ** 2);
      return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
    });
  }

  /** Begin, continue or end an utterance at one frame. */
  private frame(frame: number, level: number, ended: Utterance[]): void {
    if (this.start < 0) {
      if (level <= this.settings.enterDb) return;
      this.start = Math.max(frame * FRAME - toSamples(this.settings.leadSeconds), this.free);
      this.active = 0;
    }
    if (level > this.settings.leaveDb) {
      this.last = frame;
      this.active++;
    }
    const now = (frame + 1) * FRAME;
    if (now - this.start >= toSamples(this.settings.longestSeconds)) {
      ended.push(this.cut(Math.min(now, this.trailed())));
    } else if (now - (this.last + 1) * FRAME >= toSamples(this.settings.hangoverSeconds)) {
      ended.push(this.cut(this.trailed()));
    }
  }

  /** The sample at which the open utterance ends, including its trail. */
  private trailed(): number {
    return (this.last + 1) * FRAME + toSamples(this.settings.trailSeconds);
  }

  /** Close the open utterance at a sample. */
  private cut(end: number): Utterance {
    const samples = new Float32Array(end - this.start);
    let at = this.first - this.start; // where a hop of the memory lies in the utterance
    for (const hop of this.memory) {
      if (at >= samples.length) break;
      samples.set(hop.subarray(Math.max(0, -at), samples.length - at), Math.max(0, at));
      at += hop.length;
    }
    const utterance = {
      start: this.start, activeSeconds: (this.active * FRAME) / SAMPLING_RATE, samples,
    };
    this.start = -1;
    this.free = end;
    return utterance;
  }
}

/** The nearest whole number of frames, in samples. */
function toSamples(seconds: number): number {
  return Math.round((seconds * SAMPLING_RATE) / FRAME) * FRAME;
}
