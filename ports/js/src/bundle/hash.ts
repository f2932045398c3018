/** Hashes of bytes as hexadecimal digits. */

import { sha256 as digest } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** The SHA-256 of bytes in hexadecimal digits. */
export function sha256(content: Uint8Array): string {
  return bytesToHex(digest(content));
}
