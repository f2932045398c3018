/**
 * The results of the utterances of an endless stream of samples (`sordino.device.sound.stream`).
 *
 * Closed when in doubt: NaN or infinity, a click, an utterance that is too loud, too quiet, or
 * fails at any step returns a reason; no sound throws. Times and lengths of utterances are not
 * released: a length would reveal more than the vector may.
 */

import { SAMPLING_RATE } from "../signal/audio.js";
import type { Result } from "./result.js";
import { DEFAULT_SEGMENTATION, type Segmentation, Segmenter, type Utterance } from "./segment.js";

/** Decides on one utterance: a `Runtime`. */
export interface Judge {
  utterance(samples: Float32Array, samplingRate: number): Promise<Result>;
}

/** A stream of 16 kHz and one channel. Await each call before the next. */
export class Stream {
  private segmenter: Segmenter;

  constructor(
    private readonly judge: Judge,
    private readonly segmentation: Segmentation = DEFAULT_SEGMENTATION,
  ) {
    this.segmenter = new Segmenter(segmentation);
  }

  /** The results of the utterances that end within these samples; usually none. */
  async push(samples: Float32Array): Promise<Result[]> {
    return this.results(this.segmenter.push(samples));
  }

  /** The result of an utterance that the end of the stream cuts. Later samples are a new stream. */
  async end(): Promise<Result[]> {
    const last = this.segmenter.end();
    this.segmenter = new Segmenter(this.segmentation);
    return this.results(last ? [last] : []);
  }

  private async results(utterances: Utterance[]): Promise<Result[]> {
    const results: Result[] = [];
    for (const utterance of utterances) results.push(await this.result(utterance));
    return results;
  }

  private async result({ samples, activeSeconds }: Utterance): Promise<Result> {
    if (!samples.every(Number.isFinite)) return { reason: "NOT_FINITE" };
    if (activeSeconds < this.segmentation.shortestSeconds) return { reason: "TOO_SHORT" };
    return this.judge.utterance(samples, SAMPLING_RATE);
  }
}
