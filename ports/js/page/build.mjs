// Build the page into dist/page: static files for any web server.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = `${root}dist/page`;
const WASM = "ort-wasm-simd-threaded.wasm";
const COPIES = ["index.html", "page.css", "icon.svg", "app.webmanifest"];
const FILES = [...COPIES, "page.js", "worklet.js", WASM];

const options = {
  bundle: true, minify: true, format: "esm", target: "es2022", outdir: out, legalComments: "linked",
  logLevel: "warning",
};
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const file of COPIES) copyFileSync(`${root}page/${file}`, `${out}/${file}`);
copyFileSync(`${root}node_modules/onnxruntime-web/dist/${WASM}`, `${out}/${WASM}`);
await build({ ...options, entryPoints: [`${root}page/page.ts`, `${root}page/worklet.ts`] });

const hash = createHash("sha256");
for (const file of FILES) hash.update(readFileSync(`${out}/${file}`));
const define = {
  FILES: JSON.stringify(["./", ...FILES]), VERSION: JSON.stringify(hash.digest("hex").slice(0, 16)),
};
await build({ ...options, format: "iife", define, entryPoints: [`${root}page/worker.ts`] });
