// For each bundle and policy, in one line of JSON: its digest, the vectors of its test features,
// and those of sounds.
//   node test/bundles.mjs KEY SOUND... -- BUNDLE...
// KEY has 32 hexadecimal digits; a SOUND is a file of float32 samples, a stream of utterances.
import { readFileSync } from "node:fs";

import { readBundle, Runtime, Stream } from "../dist/index.js";
import { nodeEngine } from "../dist/node.js";

const [digits, ...rest] = process.argv.slice(2);
const sounds = rest.slice(0, rest.indexOf("--"));
const bundles = rest.slice(rest.indexOf("--") + 1);
const key = Uint8Array.from(Buffer.from(digits, "hex"));
const engine = await nodeEngine();

/** The features in the test vectors of a bundle, one utterance each. */
function rows(bundle) {
  const { streams, dims } = bundle.features;
  const arrays = bundle.arrays("vectors.npz");
  if (streams) {
    const clip = Object.keys(streams).map((name) => {
      const { data, shape } = arrays.get(name);
      return [name, { data, width: shape[1] }];
    });
    return [new Map(clip)];
  }
  const { data, shape } = arrays.get("x");
  return Array.from({ length: shape[0] }, (_, row) =>
    new Map([["", { data: data.slice(row * dims, (row + 1) * dims), width: dims }]]));
}

for (const path of bundles) {
  try {
    const bundle = readBundle(new Uint8Array(readFileSync(path)));
    for (const policy of bundle.policies.keys()) {
      const runtime = await Runtime.open(engine, bundle, { policy, key });
      const results = [];
      for (const sound of runtime.hears ? sounds : []) {
        const samples = new Float32Array(new Uint8Array(readFileSync(sound)).buffer);
        const stream = new Stream(runtime);
        const heard = [...(await stream.push(samples)), ...(await stream.end())];
        results.push(heard.map(({ vector, reason }) => reason ?? Array.from(vector)));
      }
      const released = [];
      for (const features of rows(bundle)) {
        released.push(Array.from(await runtime.release(features)));
      }
      const digest = bundle.releaseDigest(policy);
      console.log(JSON.stringify({ path, policy, digest, released, results }));
    }
  } catch (error) {
    console.log(JSON.stringify({ path, error: `${error.name}: ${error.message}` }));
  }
}
