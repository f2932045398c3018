// The vector mel and the log mel energies of sounds, one line of JSON each: node test/features.mjs
// SOUND... where a SOUND is a file of float32 samples. The last line has the seconds of each.
import { readFileSync } from "node:fs";

import { mel } from "../dist/signal/functionals.js";
import { speechLogMel } from "../dist/signal/log_mel.js";

const seconds = { mel: 0, log_mel: 0 };

function timed(name, compute) {
  const start = process.cpuUsage().user;
  const values = Array.from(compute());
  seconds[name] += (process.cpuUsage().user - start) / 1e6;
  return values;
}

for (const path of process.argv.slice(2)) {
  const samples = new Float32Array(new Uint8Array(readFileSync(path)).buffer);
  console.log(JSON.stringify({
    mel: timed("mel", () => mel(samples)),
    log_mel: timed("log_mel", () => speechLogMel(samples).data),
  }));
}
console.log(JSON.stringify(seconds));
