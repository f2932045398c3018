// Reproduce the test vectors of bundles in Node: node test/check.mjs FILE...
import { readFile } from "node:fs/promises";
import { nodeEngine } from "../dist/node.js";
import { readBundle, Runtime } from "../dist/index.js";
const engine = await nodeEngine();
for (const path of process.argv.slice(2)) {
  try {
    const bundle = readBundle(new Uint8Array(await readFile(path)));
    for (const policy of bundle.policies.keys()) {
      const r = await Runtime.open(engine, bundle, { policy });
      console.log(path, policy, "ok", r.hears, bundle.releaseDigest(policy));
    }
  } catch (e) { console.log(path, String(e)); }
}
