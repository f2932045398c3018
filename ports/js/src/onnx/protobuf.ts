/**
 * Reads the wire format of protocol buffers by a table of fields, from untrusted bytes:
 * `sordino.onnx.protobuf`.
 *
 * `parseMessage` refuses everything that two readers could understand in two ways: an unknown
 * field number, another wire type, a group, a singular field that occurs twice, an integer that is
 * longer than necessary, a length beyond the end of its message. Libraries of protocol buffers
 * accept these. Long values are views of the content.
 */

import type { Field, Schema } from "./schema.js";

/** The bytes do not follow the table. */
export class MalformedError extends Error {}

export type Value = number | string | Uint8Array | Message | Value[];
/** Values by the name of the field: a list where the field is repeated. */
export type Message = { [field: string]: Value };

export interface Bounds {
  /** The number of fields, and of numbers in packed lists of integers. */
  readonly fields: number;
  /** Messages in one repeated field. */
  readonly entries: number;
  /** Messages inside messages. */
  readonly depth: number;
}

/** Receives the parts of a file while it is read, up to the first fault. */
export interface Visitor {
  /** A field that no message may have. */
  refuse(reason: string): void;
  /** A complete message; messages inside it come first. */
  visit(kind: string, message: Message): void;
}

const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];
const WIRE = new Map([["int", VARINT], ["int32", VARINT], ["double", FIXED64], ["float", FIXED32]]);
const TEXT_BYTES = 256;
const PRINTABLE = /^(?: |[^\p{C}\p{Z}])*$/u;

/** The message `root`, which must span all of `content`. Throws `MalformedError`. */
export function parseMessage(
  content: Uint8Array, schema: Schema, root: string, bounds: Bounds, visitor: Visitor,
): Message {
  const reader = new Reader(content, schema, bounds, visitor);
  return reader.message(root, 0, content.length, bounds.depth);
}

class Reader {
  private left: number;
  private readonly view: DataView;
  /** Where the value ends that was read last. */
  private at = 0;

  constructor(
    private readonly content: Uint8Array, private readonly schema: Schema,
    private readonly bounds: Bounds, private readonly visitor: Visitor,
  ) {
    this.left = bounds.fields;
    this.view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  }

  message(kind: string, start: number, end: number, depth: number): Message {
    if (!depth) throw new MalformedError(`messages nested over ${this.bounds.depth} deep`);
    const fields = this.schema[kind]!;
    const values: Message = Object.create(null);
    this.at = start;
    while (this.at < end) {
      this.count();
      const tag = this.varint(end);
      const [number, wire] = [Math.floor(tag / 8), tag % 8];
      const field = fields.get(number);
      if (!field) throw new MalformedError(`field ${number} of ${kind}, which is unknown`);
      if (field.refused) this.visitor.refuse(field.refused);
      if (wire === (WIRE.get(field.kind) ?? LENGTH)) {
        this.add(values, field, this.value(field.kind, end, depth));
      } else if (wire === LENGTH && field.repeated && WIRE.get(field.kind) === VARINT) {
        const [from, to] = this.span(end);
        this.list(values, field).push(...this.packed(field.kind, from, to));
      } else {
        throw new MalformedError(`field ${field.name} of wire type ${wire}`);
      }
    }
    this.visitor.visit(kind, values);
    return values;
  }

  private value(kind: string, end: number, depth: number): Value {
    if (kind === "int" || kind === "int32") {
      const number = this.signed(end);
      if (kind === "int32" && !(number >= -(2 ** 31) && number < 2 ** 31)) {
        throw new MalformedError("an integer of over 32 bits");
      }
      return number;
    }
    if (kind === "float" || kind === "double") {
      const size = kind === "float" ? 4 : 8;
      if (this.at + size > end) throw new MalformedError("a number that is cut off");
      const read = kind === "float" ? "getFloat32" : "getFloat64";
      const number = this.view[read](this.at, true);
      this.at += size;
      return number;
    }
    const [from, to] = this.span(end);
    if (kind === "text") return this.text(from, to);
    if (kind === "bytes") return this.content.subarray(from, (this.at = to));
    return this.message(kind, from, to, depth - 1);
  }

  /** Integers without tags. */
  private packed(kind: string, from: number, to: number): Value[] {
    const numbers: Value[] = [];
    this.at = from;
    while (this.at < to) {
      this.count();
      numbers.push(this.value(kind, to, 1));
    }
    return numbers;
  }

  private add(values: Message, field: Field, value: Value): void {
    if (!field.repeated) {
      if (field.name in values) {
        throw new MalformedError(`field ${field.name} twice, where one is allowed`);
      }
      values[field.name] = value;
      return;
    }
    const items = this.list(values, field);
    if (items.length >= this.bounds.entries) {
      throw new MalformedError(`over ${this.bounds.entries} entries of ${field.name}`);
    }
    items.push(value);
  }

  private list(values: Message, field: Field): Value[] {
    return (values[field.name] ??= []) as Value[];
  }

  private text(from: number, to: number): string {
    if (to - from > TEXT_BYTES) {
      throw new MalformedError(`a text of ${to - from} bytes, expected at most ${TEXT_BYTES}`);
    }
    this.at = to;
    let text: string;
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      text = decoder.decode(this.content.subarray(from, to));
    } catch {
      throw new MalformedError("a text that is not UTF-8");
    }
    if (!PRINTABLE.test(text)) throw new MalformedError("a text with control characters");
    return text;
  }

  private span(end: number): [number, number] {
    const size = this.varint(end);
    if (size > end - this.at) throw new MalformedError("a length beyond the end of its message");
    return [this.at, this.at + size];
  }

  /** An unsigned integer of at most 64 bits; one beyond 2^53 is rounded, and fits nothing. */
  private varint(end: number): number {
    const first = this.content[this.at]!;
    if (this.at < end && first < 128) {
      this.at++;
      return first;
    }
    return Number(this.long(end));
  }

  /** Two's complement of 64 bits. Rounded beyond 2^53: no size in a model is as large. */
  private signed(end: number): number {
    const first = this.content[this.at]!;
    if (this.at < end && first < 128) {
      this.at++;
      return first;
    }
    return Number(BigInt.asIntN(64, this.long(end)));
  }

  /** An integer in its shortest form. */
  private long(end: number): bigint {
    let value = 0n;
    for (let shift = 0; this.at < end && shift < 70; shift += 7) {
      const byte = this.content[this.at++]!;
      value |= BigInt(byte & 127) << BigInt(shift);
      if (byte < 128) {
        if (value >> 64n || (shift && !byte)) break;
        return value;
      }
    }
    throw new MalformedError("an integer that is cut off or too long");
  }

  private count(): void {
    if (--this.left < 0) throw new MalformedError(`over ${this.bounds.fields} fields`);
  }
}
