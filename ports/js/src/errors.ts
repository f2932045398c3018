/** The errors of this package. A message says what came, what was expected, and the next step. */

export class SordinoError extends Error {
  override name = "SordinoError";
}

/** A bundle that is incomplete, was changed, or does more than its format allows. */
export class BundleError extends SordinoError {
  override name = "BundleError";
}

/** Features or a model from which nothing is released. */
export class ReleaseError extends SordinoError {
  override name = "ReleaseError";
}

/** Sound from which no features can be computed. */
export class AudioError extends SordinoError {
  override name = "AudioError";
}
