/** ONNX Runtime in Node, without its telemetry. */

import type { Engine } from "./onnx/model.js";

/**
 * The engine of `onnxruntime-node`.
 *
 * ONNX Runtime 1.32 on Linux writes a device id below the user's cache folder when it is loaded,
 * unless this variable is set before. A program that loads it earlier must set the variable itself.
 */
export async function nodeEngine(): Promise<Engine> {
  process.env["ORT_DISABLE_TELEMETRY"] = "1";
  const module = await import("onnxruntime-node");
  return (module.default ?? module) as unknown as Engine;
}
