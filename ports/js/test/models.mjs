// Whether each model is refused, one line of JSON: node test/models.mjs FILE...
import { readFileSync } from "node:fs";

import { BundleError } from "../dist/index.js";
import { checkModel } from "../dist/onnx/structure.js";

for (const path of process.argv.slice(2)) {
  let refused = null;
  try {
    checkModel(new Uint8Array(readFileSync(path)), "model");
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    refused = error.message;
  }
  console.log(JSON.stringify({ path, refused }));
}
