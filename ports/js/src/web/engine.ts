/** ONNX Runtime in a browser: WebAssembly on one thread, without any request. */

import * as ort from "onnxruntime-web/wasm";

import type { Engine } from "../onnx/model.js";

/**
 * The engine of `onnxruntime-web`.
 *
 * `wasm` is the content of `onnxruntime-web/dist/ort-wasm-simd-threaded.wasm` of the same version,
 * so that nothing is fetched here.
 */
export function webEngine(wasm: ArrayBuffer): Engine {
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = 1; // more need headers of the server
  ort.env.wasm.proxy = false;
  return ort as unknown as Engine;
}
