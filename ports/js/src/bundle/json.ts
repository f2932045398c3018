/**
 * JSON that every reader understands in the same way, and the bytes that Python writes for it.
 *
 * `JSON.parse` accepts duplicate keys and forgets whether a number was written as `1` or `1.0`.
 * The hash of a policy depends on both.
 */

/** The limit of a JSON file in bytes. */
export const JSON_BYTES = 1 << 20;

/** The limit of nested lists and objects. */
const DEEPEST = 100;

/** A number that was written with a point or an exponent: `float` in Python. */
export class Float {
  constructor(readonly value: number) {}
}

export type Json = null | boolean | number | string | Float | Json[] | JsonObject;
/** An object without a prototype, so that no key has a meaning of its own. */
export type JsonObject = { [key: string]: Json };

/** Whether a value is an object, and not a list, a number or null. */
export function isObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Float)
  );
}

/** The number of a value, or NaN for another kind of value. */
export function numberOf(value: Json | undefined): number {
  if (value instanceof Float) return value.value;
  return typeof value === "number" ? value : NaN;
}

/**
 * The content of a JSON file.
 *
 * Throws `SyntaxError` for 1 MB or more, another encoding than UTF-8 without a mark, duplicate
 * keys, NaN, infinity (also as `1e999`), whole numbers beyond 2^53, and half a character.
 */
export function parseJson(content: Uint8Array): Json {
  if (content.length >= JSON_BYTES) throw new SyntaxError(`${content.length} bytes of JSON`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new SyntaxError("a text that is not UTF-8");
  }
  return new Parser(text).document();
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS: [string, Json][] = [["null", null], ["true", true], ["false", false]];

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(DEEPEST);
    this.match(SPACE);
    if (this.at < this.text.length) throw this.fault();
    return value;
  }

  private value(depth: number): Json {
    if (!depth) throw new SyntaxError(`lists or objects over ${DEEPEST} deep`);
    this.match(SPACE);
    if (this.take("{")) return this.object(depth);
    if (this.take("[")) return this.list(depth);
    if (this.text[this.at] === '"') return this.string();
    for (const [word, value] of WORDS) if (this.take(word)) return value;
    return this.number();
  }

  private object(depth: number): JsonObject {
    const pairs: JsonObject = Object.create(null);
    this.match(SPACE);
    if (this.take("}")) return pairs;
    do {
      this.match(SPACE);
      const key = this.string();
      if (key in pairs) throw new SyntaxError("a duplicate key");
      this.match(SPACE);
      if (!this.take(":")) throw this.fault();
      pairs[key] = this.value(depth - 1);
      this.match(SPACE);
    } while (this.take(","));
    if (!this.take("}")) throw this.fault();
    return pairs;
  }

  private list(depth: number): Json[] {
    const values: Json[] = [];
    this.match(SPACE);
    if (this.take("]")) return values;
    do {
      values.push(this.value(depth - 1));
      this.match(SPACE);
    } while (this.take(","));
    if (!this.take("]")) throw this.fault();
    return values;
  }

  private string(): string {
    const match = this.match(STRING);
    if (!match) throw this.fault();
    const text = JSON.parse(match[0]) as string;
    if (!text.isWellFormed()) throw new SyntaxError("half a character");
    return text;
  }

  private number(): Json {
    const match = this.match(NUMBER);
    if (!match) throw this.fault();
    const number = Number(match[0]);
    if (!Number.isFinite(number)) throw new SyntaxError(`${match[0].slice(0, 20)} is no number`);
    if (match[1] !== undefined || match[2] !== undefined) return new Float(number);
    if (!Number.isSafeInteger(number)) throw new SyntaxError("a whole number beyond 2^53");
    return number === 0 ? 0 : number;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match) this.at += match[0].length;
    return match;
  }

  private take(text: string): boolean {
    const present = this.text.startsWith(text, this.at);
    if (present) this.at += text.length;
    return present;
  }

  private fault(): SyntaxError {
    return new SyntaxError(`no JSON at character ${this.at}`);
  }
}

/** The text of Python's `json.dumps(value, sort_keys=True)`; with `indent` 2 as in a bundle. */
export function pythonJson(value: Json, indent = 0, ascii = true, depth = 0): string {
  if (value === null) return "null";
  if (typeof value === "boolean" || typeof value === "number") return String(value);
  if (value instanceof Float) return pythonFloat(value.value);
  if (typeof value === "string") return pythonString(value, ascii);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const items = Array.isArray(value)
    ? value.map((item) => pythonJson(item, indent, ascii, depth + 1))
    : Object.keys(value)
        .sort(byCodePoint)
        .map((key) => {
          const item = pythonJson(value[key] as Json, indent, ascii, depth + 1);
          return `${pythonString(key, ascii)}: ${item}`;
        });
  if (!items.length) return `${open}${close}`;
  if (!indent) return `${open}${items.join(", ")}${close}`;
  const line = `\n${" ".repeat(indent * (depth + 1))}`;
  return `${open}${line}${items.join(`,${line}`)}\n${" ".repeat(indent * depth)}${close}`;
}

/** The bytes of a JSON file of a bundle: `sordino.device.bundle.archive.json_bytes`. */
export function jsonBytes(value: Json): Uint8Array {
  return new TextEncoder().encode(`${pythonJson(value, 2, false)}\n`);
}

/** Whether a file has the bytes that Python writes for a value. */
export function isWritten(content: Uint8Array, value: Json): boolean {
  const bytes = jsonBytes(value);
  return bytes.length === content.length && bytes.every((byte, at) => byte === content[at]);
}

/** `repr` of a float in Python: the same shortest digits as in JavaScript, in another notation. */
export function pythonFloat(value: number): string {
  const [digits, power] = value.toExponential().split("e") as [string, string];
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${digits}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  const places = Math.max(0, digits.length - 2 - exponent);
  const plain = text.includes("e") ? value.toFixed(places) : text;
  return plain.includes(".") ? plain : `${plain}.0`;
}

const SHORT: { [character: string]: string } = {
  "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", '"': '\\"', "\\": "\\\\",
};

function pythonString(text: string, ascii: boolean): string {
  const special = ascii ? /["\\]|[^ -~]/g : /["\\\u0000-\u001f]/g;
  const escaped = text.replace(special, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, "0");
    return SHORT[character] ?? `\\u${code}`;
  });
  return `"${escaped}"`;
}

/** The order of Python, which compares code points and not halves of characters. */
export function byCodePoint(first: string, second: string): number {
  const [a, b] = [Array.from(first), Array.from(second)];
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const difference = (a[at] as string).codePointAt(0)! - (b[at] as string).codePointAt(0)!;
    if (difference) return difference;
  }
  return a.length - b.length;
}
