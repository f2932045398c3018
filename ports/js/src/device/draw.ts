/**
 * Keyed random draws: random numbers that a vector and a secret key determine
 * (`sordino.keyed_random`).
 *
 * The same vector always has the same draw, so a repeated query reveals nothing new. Without the
 * key the draw is unpredictable. Decisions and prototypes are those of Python, bit for bit. Noise
 * is from another generator of the same quality: numpy's is not ported.
 */

import { blake2b } from "@noble/hashes/blake2.js";

/** Bytes of a key. */
export const KEY_BYTES = 16;

const BELOW_ONE = 1 - 2 ** -53; // the largest numbers of 64 bits would be rounded to 1

/** The key of one release of a device: two releases draw independently for the same utterance. */
export function releaseKey(key: Uint8Array, digest: string): Uint8Array {
  return blake2b(new TextEncoder().encode(digest), { dkLen: KEY_BYTES, key });
}

/** `count` numbers in [0, 1) for one vector; at most 8. */
export function uniform(source: Float32Array, key: Uint8Array, count: number): number[] {
  const digest = blake2b(littleEndian(source), { dkLen: 8 * count, key });
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return Array.from({ length: count }, (_, index) => number64(view, 8 * index));
}

/**
 * A row of prototypes by randomised response on a bin (Warner 1965).
 *
 * `rows` has the rows of the prototypes of each bin.
 */
export function prototypeRow(
  source: Float32Array, bin: number, key: Uint8Array, rows: readonly (readonly number[])[],
  epsilon: number,
): number {
  const [keep, other, prototype] = uniform(source, key, 3) as [number, number, number];
  const count = rows.length;
  const keepProbability = 1 / (1 + (count - 1) * Math.exp(-epsilon));
  const released =
    keep < keepProbability ? bin : (bin + 1 + Math.floor(other * (count - 1))) % count;
  const choice = rows[released]!;
  return choice[Math.floor(prototype * choice.length)]!;
}

/** Standard normal numbers for one vector, by Box and Muller (1958). */
export function normals(source: Float32Array, key: Uint8Array, count: number): Float64Array {
  const numbers = stream(source, key, count + (count % 2));
  const out = new Float64Array(count);
  for (let index = 0; index < count; index += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - numbers[index]!));
    const angle = 2 * Math.PI * numbers[index + 1]!;
    out[index] = radius * Math.cos(angle);
    if (index + 1 < count) out[index + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** Numbers of a Laplace distribution of standard deviation 1 for one vector. */
export function laplaces(source: Float32Array, key: Uint8Array, count: number): Float64Array {
  return stream(source, key, count).map((number) => {
    const centred = number - 0.5;
    const size = -Math.log(Math.max(1 - 2 * Math.abs(centred), Number.MIN_VALUE)) / Math.SQRT2;
    return centred < 0 ? -size : size;
  });
}

/** Numbers in [0, 1) from BLAKE2b in counter mode: 8 in each block of 64 bytes. */
function stream(source: Float32Array, key: Uint8Array, count: number): Float64Array {
  const seed = blake2b(littleEndian(source), { dkLen: KEY_BYTES, key });
  const block = new Uint8Array(KEY_BYTES + 4);
  block.set(seed);
  const out = new Float64Array(count);
  for (let start = 0; start < count; start += 8) {
    new DataView(block.buffer).setUint32(KEY_BYTES, start / 8, true);
    const digest = blake2b(block, { dkLen: 64, key });
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
    for (let index = start; index < Math.min(count, start + 8); index++) {
      out[index] = number64(view, 8 * (index - start));
    }
  }
  return out;
}

function number64(view: DataView, at: number): number {
  return Math.min(Number(view.getBigUint64(at, true)) / 2 ** 64, BELOW_ONE);
}

/** The bytes of a vector, least byte first on every machine. */
function littleEndian(source: Float32Array): Uint8Array {
  const bytes = new Uint8Array(4 * source.length);
  const view = new DataView(bytes.buffer);
  source.forEach((number, index) => view.setFloat32(4 * index, number, true));
  return bytes;
}
