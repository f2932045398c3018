/** The discrete Fourier transform of real numbers, in double precision. */

/** A transform of a power of two of numbers, by radix 2 (Cooley and Tukey 1965). */
export class Fft {
  private readonly cosines: Float64Array;
  private readonly sines: Float64Array;
  private readonly order: Uint32Array;

  constructor(readonly size: number) {
    const angle = (-2 * Math.PI) / size;
    this.cosines = Float64Array.from({ length: size / 2 }, (_, at) => Math.cos(angle * at));
    this.sines = Float64Array.from({ length: size / 2 }, (_, at) => Math.sin(angle * at));
    this.order = new Uint32Array(size);
    for (let at = 1; at < size; at++) {
      this.order[at] = (this.order[at >> 1]! >> 1) | (at & 1 ? size / 2 : 0);
    }
  }

  /** Replace complex numbers by their spectrum. */
  transform(real: Float64Array, imaginary: Float64Array): void {
    const { size, order, cosines, sines } = this;
    for (let at = 0; at < size; at++) {
      const other = order[at]!;
      if (other <= at) continue;
      [real[at], real[other]] = [real[other]!, real[at]!];
      [imaginary[at], imaginary[other]] = [imaginary[other]!, imaginary[at]!];
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let at = 0; at < half; at++) {
          const [low, high] = [start + at, start + at + half];
          const [c, s] = [cosines[at * stride]!, sines[at * stride]!];
          const [re, im] = [real[high]!, imaginary[high]!];
          const [turnedReal, turnedImaginary] = [re * c - im * s, re * s + im * c];
          real[high] = real[low]! - turnedReal;
          imaginary[high] = imaginary[low]! - turnedImaginary;
          real[low]! += turnedReal;
          imaginary[low]! += turnedImaginary;
        }
      }
    }
  }

  /** The power at the frequencies 0 to `size / 2` of numbers that are padded with zeros. */
  power(numbers: ArrayLike<number>): Float64Array {
    const [real, imaginary] = [new Float64Array(this.size), new Float64Array(this.size)];
    real.set(numbers);
    this.transform(real, imaginary);
    return Float64Array.from({ length: this.size / 2 + 1 }, (_, at) =>
      real[at]! ** 2 + imaginary[at]! ** 2);
  }
}
