// The verified signature of each bundle, or the error: node test/signatures.mjs KEY DAY BUNDLE...
// KEY is a PEM file of a public key.
import { readFileSync } from "node:fs";

import { publicKey, readBundle } from "../dist/index.js";

const [pem, day, ...bundles] = process.argv.slice(2);
const trust = { keys: [publicKey(readFileSync(pem, "utf8"))], today: () => new Date(day) };
for (const path of bundles) {
  try {
    const bundle = readBundle(new Uint8Array(readFileSync(path)));
    console.log(JSON.stringify(await bundle.verify(trust)));
  } catch (error) {
    console.log(JSON.stringify({ error: `${error.name}: ${error.message}` }));
  }
}
