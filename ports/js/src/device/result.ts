/** The result of an utterance: a released vector, or the reason for withholding it. */

/**
 * Why nothing is released (`sordino.device.result`). A reason is for the user and stays on the
 * device: a receiver learns nothing of a withheld utterance.
 */
export const REASONS = {
  NO_SAMPLES: "no usable samples, expected one channel of numbers",
  NOT_FINITE: "samples that are NaN or infinite",
  WRONG_RATE: "another sampling rate than that of the bundle: resample first",
  TOO_SHORT: "too short to be an utterance",
  TOO_LONG: "too long to be one utterance",
  CLIPPED: "over half of the samples at full scale: no speech, check the microphone",
  SILENT: "no sound: the microphone is off or not connected",
  FEATURES: "the features could not be computed",
  MODEL: "the model failed",
  BUDGET_SPENT: "more vectors than the policy still allows today: more tomorrow",
  CLOCK_BEHIND: "the clock is behind a day that the budget has counted: correct the clock",
  UNCOUNTED: "the policy limits vectors a day and none are counted: pass a budget",
  BUDGET_UNKNOWN: "the count of vectors released today cannot be read or written",
} as const;

export type Reason = keyof typeof REASONS;

/** The released vector, the only data of one utterance that leaves the device. */
export interface Released {
  readonly vector: Float32Array;
}

/** No data of this utterance leaves the device. */
export interface Withheld {
  readonly reason: Reason;
}

export type Result = Released | Withheld;
