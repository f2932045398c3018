// Build the page into dist/page: static files for any web server.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = `${root}dist/page`;
const WASM = "ort-wasm-simd-threaded.wasm";
const COPIES = ["index.html", "page.css", "icon.svg", "app.webmanifest"];
const FILES = [...COPIES, "licences.txt", "page.js", "worklet.js", WASM];
const LICENCES = {
  "onnxruntime-web (MIT)": "page/onnxruntime-licence.txt",
  "@noble/hashes (MIT)": "node_modules/@noble/hashes/LICENSE",
  "sordino (Apache-2.0)": "../../LICENSE",
};

const options = {
  bundle: true, minify: true, format: "esm", target: "es2022", outdir: out, legalComments: "none",
  logLevel: "warning",
};
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const file of COPIES) copyFileSync(`${root}page/${file}`, `${out}/${file}`);
copyFileSync(`${root}node_modules/onnxruntime-web/dist/${WASM}`, `${out}/${WASM}`);
const licences = Object.entries(LICENCES).map(([name, file]) =>
  `${name}\n\n${readFileSync(`${root}${file}`, "utf8")}`);
writeFileSync(`${out}/licences.txt`, licences.join("\n\n"));
await build({ ...options, entryPoints: [`${root}page/page.ts`, `${root}page/worklet.ts`] });

const hash = createHash("sha256");
for (const file of FILES) hash.update(readFileSync(`${out}/${file}`));
const define = {
  FILES: JSON.stringify(["./", ...FILES]), VERSION: JSON.stringify(hash.digest("hex").slice(0, 16)),
};
await build({ ...options, format: "iife", define, entryPoints: [`${root}page/worker.ts`] });
