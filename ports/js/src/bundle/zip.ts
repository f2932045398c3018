/** The parts of a zip without compression. Any other zip is refused, since a part has any size. */

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const PART = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const PART_BYTES = 30;
const MOST_PARTS = 1 << 12;
const UTF8 = 1 << 11; // the only flag: a part is not encrypted, and states its size first

/**
 * The parts of a zip by name, as views of its bytes.
 *
 * `comment` is the length of the comment at its end. Throws `RangeError` for a zip that is cut
 * off, compressed, encrypted, has overlapping parts or two parts of one name.
 */
export function unzip(content: Uint8Array, comment = 0): Map<string, Uint8Array> {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const end = content.length - comment - END_BYTES;
  expect(end >= 0 && view.getUint32(end, true) === END, "no end of a zip");
  expect(view.getUint16(end + 20, true) === comment, "a comment of another length");
  const count = view.getUint16(end + 10, true);
  expect(view.getUint16(end + 8, true) === count && count <= MOST_PARTS, "too many parts");
  let at = view.getUint32(end + 16, true);
  expect(at + view.getUint32(end + 12, true) === end, "a list of parts of another length");
  const parts = new Map<string, Uint8Array>();
  const spans: [number, number][] = [];
  for (let index = 0; index < count; index++) {
    expect(at + ENTRY_BYTES <= end && view.getUint32(at, true) === ENTRY, "no entry of a part");
    const sizes = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const [nameBytes, extra, note] = sizes as [number, number, number];
    const next = at + ENTRY_BYTES + nameBytes + extra + note;
    expect(next <= end, "an entry that is cut off");
    const raw = content.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes);
    const size = view.getUint32(at + 24, true);
    expect((view.getUint16(at + 8, true) & ~UTF8) === 0, "an encrypted part");
    expect(view.getUint16(at + 10, true) === 0, "a compressed part");
    expect(view.getUint32(at + 20, true) === size, "a part of two sizes");
    const start = view.getUint32(at + 42, true);
    const data = partStart(view, content, start, raw);
    expect(data + size <= end, "a part that is cut off");
    spans.push([start, data + size]);
    const name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
    expect(!parts.has(name), "two parts of one name");
    parts.set(name, content.subarray(data, data + size));
    at = next;
  }
  expect(at === end, "a list of parts of another length");
  spans.sort((first, second) => first[0] - second[0]);
  for (const [index, span] of spans.entries()) {
    expect(index === 0 || spans[index - 1]![1] <= span[0], "parts that overlap");
  }
  return parts;
}

/** Where the bytes of a part begin. */
function partStart(view: DataView, content: Uint8Array, start: number, name: Uint8Array): number {
  expect(start + PART_BYTES <= content.length, "a part that is cut off");
  expect(view.getUint32(start, true) === PART, "no part where the list has it");
  expect(view.getUint16(start + 8, true) === 0, "a compressed part");
  const length = view.getUint16(start + 26, true);
  const at = start + PART_BYTES;
  const same = length === name.length && name.every((byte, index) => content[at + index] === byte);
  expect(same, "a part of two names");
  return at + length + view.getUint16(start + 28, true);
}

function expect(fits: boolean, text: string): void {
  if (!fits) throw new RangeError(text);
}
