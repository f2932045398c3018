/**
 * The maker of a bundle: an Ed25519 signature of the manifest (`sordino.device.trust.signature`).
 *
 * The manifest holds the SHA-256 of every other file, so the whole bundle is signed. This module
 * keeps no versions: an older bundle of the same key is accepted.
 */

import { BundleError } from "../errors.js";
import { sha256 } from "./hash.js";
import { isObject, isWritten, type JsonObject, parseJson } from "./json.js";

const DOMAIN = "sordino bundle v1\0";
const FILE_BYTES = 4096;
const PUBLIC_KEY_BYTES = 32;
const KEYS = "expires,key,manifest,signature,version";
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** A bundle without a signature by a trusted key. */
export class SignatureError extends BundleError {
  override name = "SignatureError";
}

/** The makers that a device trusts. */
export interface Trust {
  /** Public keys of 32 bytes, one or more; `publicKey` reads one from PEM. */
  readonly keys: readonly Uint8Array[];
  /** Ids of keys, 16 hexadecimal digits, that are no longer trusted. */
  readonly revoked?: readonly string[];
  /** The clock; its day is that of UTC. */
  readonly today: () => Date;
}

/** The verified content of a signature. */
export interface Signature {
  /** The id of the key. */
  readonly key: string;
  readonly version: number;
  /** The last day on which a device may load the bundle, or null. */
  readonly expires: string | null;
}

/** The 32 bytes of a public key in a PEM text. Throws `SignatureError` for another text. */
export function publicKey(pem: string): Uint8Array {
  const match = /^-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/
    .exec(pem);
  const bytes = match ? Uint8Array.from(atob(match[1]!.replace(/\s/g, "")), byteOf) : null;
  const prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
  if (bytes?.length !== prefix.length + PUBLIC_KEY_BYTES ||
      !prefix.every((byte, at) => bytes[at] === byte)) {
    throw new SignatureError("not a public key of Ed25519, expected PEM: check the file");
  }
  return bytes.subarray(prefix.length);
}

/** The verified signature of a manifest. Throws `SignatureError` with the reason otherwise. */
export async function verifySignature(
  manifest: Uint8Array, content: Uint8Array | undefined, trust: Trust,
): Promise<Signature> {
  if (!content) {
    throw new SignatureError("the bundle is unsigned, expected a signature by a trusted key: ask " +
      "its maker to sign it");
  }
  const stated = parse(content);
  const { key, version, expires } = stated as unknown as Signature;
  if (trust.revoked?.includes(key)) {
    throw new SignatureError(`key ${key} is revoked: ask the maker for a new bundle`);
  }
  const trusted = trust.keys.find((bytes) => sha256(bytes).slice(0, 16) === key);
  if (!trusted) throw new SignatureError(`key ${key} is not trusted: ask the maker for its key`);
  const statement = { expires, key, manifest: stated["manifest"], version };
  const message = new TextEncoder().encode(DOMAIN + JSON.stringify(statement));
  const digits = stated["signature"] as string;
  const signature = Uint8Array.from(digits.match(/../g)!, (pair) => parseInt(pair, 16));
  if (stated["manifest"] !== sha256(manifest) || !(await verifies(trusted, signature, message))) {
    throw new SignatureError(`the signature is not that of this bundle by key ${key}: do not use ` +
      "the bundle");
  }
  const today = trust.today().toISOString().slice(0, 10);
  if (expires !== null && today > expires) {
    throw new SignatureError(`the bundle expired on ${expires}, today is ${today}: get a newer ` +
      "one");
  }
  return { key, version, expires };
}

/** The content of a signature file. Throws unless it has the bytes that Python writes. */
function parse(content: Uint8Array): JsonObject {
  const damaged = new SignatureError("signature.json is damaged: copy the bundle anew");
  if (content.length > FILE_BYTES) throw damaged;
  let stated;
  try {
    stated = parseJson(content);
  } catch {
    throw damaged;
  }
  if (!isObject(stated) || Object.keys(stated).sort().join() !== KEYS) throw damaged;
  const { key, version, expires, manifest, signature } = stated;
  const hexadecimal = (text: unknown, digits: number) =>
    typeof text === "string" && text.length === digits && /^[0-9a-f]*$/.test(text);
  const fits = hexadecimal(key, 16) && hexadecimal(manifest, 64) && hexadecimal(signature, 128) &&
    typeof version === "number" && version >= 1 &&
    (expires === null || (typeof expires === "string" && DAY.test(expires))) &&
    isWritten(content, stated);
  if (!fits) throw damaged;
  return stated;
}

async function verifies(
  key: Uint8Array, signature: Uint8Array, message: Uint8Array,
): Promise<boolean> {
  const copy = (bytes: Uint8Array) => new Uint8Array(bytes); // of its own buffer
  const imported = await crypto.subtle.importKey("raw", copy(key), "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, copy(signature), copy(message));
}

function byteOf(character: string): number {
  return character.charCodeAt(0);
}
