/** The arrays of an NPZ file: a zip without compression of `.npy` arrays. */

import { unzip } from "./zip.js";

/** Numbers with a shape, in the order of rows. */
export interface NumberArray {
  /** `float32`, `float64`, `int64`, `int16` or `uint8`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Whole numbers of 64 bits are here as numbers; beyond 2^53 they are refused. */
  readonly data: Float32Array | Float64Array | Int16Array | Uint8Array;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"
const HEADER =
  /^\{'descr': '([<|][a-z][0-9])', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \} *\n$/;
const TYPES: { [code: string]: [string, number] } = {
  "<f4": ["float32", 4], "<f8": ["float64", 8], "<i8": ["int64", 8], "<i2": ["int16", 2],
  "|u1": ["uint8", 1],
};

/** The arrays of a file by name. Throws `RangeError` for any other file. */
export function readArrays(content: Uint8Array): Map<string, NumberArray> {
  const arrays = new Map<string, NumberArray>();
  for (const [name, part] of unzip(content)) {
    if (!name.endsWith(".npy")) throw new RangeError("a part that is no array");
    arrays.set(name.slice(0, -4), readArray(part));
  }
  return arrays;
}

function readArray(part: Uint8Array): NumberArray {
  const [version, wide] = [part[6], part[6] !== 1];
  if (!MAGIC.every((byte, index) => part[index] === byte) || part[7] !== 0) {
    throw new RangeError("no array");
  }
  if (version !== 1 && version !== 2) throw new RangeError(`an array of version ${version}`);
  if (part.length < 12) throw new RangeError("an array that is cut off");
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  if (start > part.length) throw new RangeError("an array that is cut off");
  const text = new TextDecoder("latin1").decode(part.subarray(start - length, start));
  const header = HEADER.exec(text);
  const type = TYPES[header?.[1] ?? ""];
  if (!header || !type) throw new RangeError("an array with another header");
  const shape = (header[3] as string).split(",").filter((size) => size.trim()).map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  if (!shape.every(Number.isSafeInteger) || part.length - start !== count * type[1]) {
    throw new RangeError(`an array of shape ${shape} with another number of bytes`);
  }
  const bytes = part.slice(start).buffer; // aligned
  const data = numbers(type[0], bytes);
  const transposed = header[2] === "True" && shape.length > 1;
  return { dtype: type[0], shape, data: transposed ? byRows(data, shape) : data };
}

function numbers(dtype: string, bytes: ArrayBuffer): NumberArray["data"] {
  if (dtype === "float32") return new Float32Array(bytes);
  if (dtype === "float64") return new Float64Array(bytes);
  if (dtype === "int16") return new Int16Array(bytes);
  if (dtype === "uint8") return new Uint8Array(bytes);
  const whole = Float64Array.from(new BigInt64Array(bytes), Number);
  if (!whole.every(Number.isSafeInteger)) throw new RangeError("a whole number beyond 2^53");
  return whole;
}

/** A matrix that was written column by column. */
function byRows(data: NumberArray["data"], shape: readonly number[]): NumberArray["data"] {
  if (shape.length !== 2) throw new RangeError("an array that is written by columns");
  const [rows, columns] = shape as [number, number];
  const out = data.slice();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[row * columns + column] = data[column * rows + row] as number;
    }
  }
  return out;
}
