/** The page: a bundle, then sound, then the vectors that a device would send. */

import { LARGEST_BYTES } from "../src/bundle/bundle.js";
import {
  type Bundle, DailyBudget, readBundle, REASONS, type Result, Runtime, SordinoError, Stream,
} from "../src/index.js";
import { browserKey, forget, IndexedDbStore, webEngine } from "../src/web.js";
import { decode, Microphone, SoundProblem } from "./sound.js";
import { policyFacts, resultItem } from "./text.js";

const BLOCK = 16000; // samples of a recording at once, so that the page stays alive

function element<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

const status = element("status");
const summary = element("summary");
const results = element<HTMLOListElement>("results");
const speak = element<HTMLButtonElement>("speak");
const recording = element<HTMLInputElement>("recording");
const bundleInput = element<HTMLInputElement>("bundle");
const policySelect = element<HTMLSelectElement>("policy");
const remove = element<HTMLButtonElement>("forget");
const drop = element("drop");

const microphone = new Microphone();
let kept = false; // for use without a network
const engine = load();
let bundle: Bundle | null = null;
let runtime: Runtime | null = null;
let stream: Stream | null = null;
let [sent, withheld] = [0, 0];
let turn: Promise<void> = Promise.resolve(); // steps run one after the other

/** Load all that the page needs, then forbid every further request. */
async function load() {
  const wasm = fetch("ort-wasm-simd-threaded.wasm").then((answer) => answer.arrayBuffer());
  await Promise.all([keepOffline(), microphone.load(), wasm]);
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "default-src 'none'; script-src 'wasm-unsafe-eval'";
  document.head.append(policy);
  return webEngine(await wasm);
}

/** Keep the page in the browser, so that it works without a network; true once it is kept. */
async function keepOffline(): Promise<void> {
  try {
    await navigator.serviceWorker.register("worker.js");
    await navigator.serviceWorker.ready;
    kept = true;
  } catch {
    kept = false; // a private window, or a page without HTTPS
  }
}

function say(place: HTMLElement, text: string, problem = false): void {
  place.textContent = text;
  place.classList.toggle("problem", problem);
}

/** Run a step after the steps before it; a fault is shown in words. */
function attempt(place: HTMLElement, step: () => Promise<void>): void {
  turn = turn.then(step).catch((error: unknown) => {
    const known = error instanceof SordinoError || error instanceof SoundProblem;
    say(place, known ? error.message : "Something failed: reload the page.", true);
    if (!known) console.error(error);
  });
}

function enable(on: boolean): void {
  for (const control of [recording, speak]) control.disabled = !on;
}

async function openBundle(file: File): Promise<void> {
  enable(false);
  runtime = null;
  element("policy-choice").hidden = true;
  element("policy-text").hidden = true;
  say(status, "The bundle is checked.");
  if (file.size > LARGEST_BYTES) throw new SoundProblem("The bundle is larger than 64 MB.");
  bundle = readBundle(new Uint8Array(await file.arrayBuffer()));
  const names = [...bundle.policies.keys()];
  policySelect.replaceChildren(...names.map((name) => new Option(name, name)));
  element("policy-choice").hidden = names.length < 2;
  await openPolicy(names[0]!);
}

async function openPolicy(policy: string): Promise<void> {
  enable(false);
  say(status, "The test vectors of the bundle are computed.");
  const budget = new DailyBudget(new IndexedDbStore(), () => new Date());
  runtime = await Runtime.open(await engine, bundle!, { policy, key: await browserKey(), budget });
  const list = element<HTMLUListElement>("policy-text");
  list.replaceChildren(...policyFacts(runtime).map((fact) => {
    const item = document.createElement("li");
    item.textContent = fact;
    return item;
  }));
  list.hidden = false;
  recording.value = ""; // the same file may be chosen again
  begin();
  enable(runtime.hears);
  say(status, runtime.hears
    ? "The bundle is ready: its test vectors were reproduced here."
    : "The test vectors were reproduced, but the page cannot compute the features of this bundle.");
}

/** Forget the results of the sound before. */
function begin(): void {
  stream = runtime ? new Stream(runtime) : null;
  [sent, withheld] = [0, 0];
  results.replaceChildren();
  say(summary, "No utterance yet.");
}

async function push(samples: Float32Array): Promise<void> {
  show(await stream!.push(samples));
}

function show(added: Result[]): void {
  for (const result of added) {
    results.append(resultItem(result, results.children.length + 1, runtime!));
    if ("vector" in result) sent += 1;
    else withheld += 1;
  }
  if (!added.length) return;
  const bytes = sent * 4 * runtime!.width;
  const reasons = added.flatMap((result) => ("reason" in result ? [REASONS[result.reason]] : []));
  const last = reasons.length ? ` (${reasons.at(-1)})` : "";
  say(summary, `${sent} of ${sent + withheld} utterances would be sent, ${bytes} bytes in all; ` +
    `${withheld} would be withheld${last}.`);
}

async function openRecording(file: File): Promise<void> {
  if (!runtime?.hears) throw new SoundProblem("Choose a bundle first.");
  if (listens()) throw new SoundProblem("The page listens: stop it first.");
  begin();
  say(summary, "The recording is cut into utterances.");
  const samples = await decode(file);
  for (let at = 0; at < samples.length; at += BLOCK) {
    await push(samples.subarray(at, at + BLOCK));
    await new Promise((resolve) => setTimeout(resolve));
  }
  show(await stream!.end());
  if (!results.children.length) say(summary, "No speech was found: nothing would be sent.");
}

/** Whether the microphone is on. */
function listens(): boolean {
  return speak.getAttribute("aria-pressed") === "true";
}

async function toggle(): Promise<void> {
  const on = !listens();
  if (on) {
    recording.value = "";
    begin();
    await microphone.start((samples) => attempt(summary, () => push(samples)));
    say(summary, "The page listens. Make a pause after each sentence.");
  } else {
    microphone.stop();
    show(await stream!.end());
  }
  for (const control of [recording, bundleInput, policySelect, remove]) control.disabled = on;
  speak.setAttribute("aria-pressed", String(on));
  speak.textContent = on ? "Stop" : "Speak";
}

function takeRecording(file: File | undefined): void {
  if (file) attempt(summary, () => openRecording(file));
}

for (const input of [bundleInput, recording]) {
  input.addEventListener("click", () => void (input.value = "")); // the same file, once more
}
bundleInput.addEventListener("change", () => {
  const file = bundleInput.files?.[0];
  if (file) attempt(status, () => openBundle(file));
});
policySelect.addEventListener("change", () => {
  attempt(status, () => openPolicy(policySelect.value));
});
recording.addEventListener("change", () => takeRecording(recording.files?.[0]));
speak.addEventListener("click", () => attempt(summary, toggle));
remove.addEventListener("click", () => {
  attempt(status, async () => {
    await forget();
    runtime = null;
    bundleInput.value = "";
    enable(false);
    say(status, "Key and count were removed. Choose a bundle to begin anew.");
  });
});
for (const event of ["dragenter", "dragover", "dragleave", "drop"] as const) {
  document.addEventListener(event, (drag) => {
    drag.preventDefault(); // a file that misses the field must not replace the page
    drop.classList.toggle("over", event === "dragover" || event === "dragenter");
  });
}
drop.addEventListener("drop", (drag) => takeRecording(drag.dataTransfer?.files[0]));

attempt(status, async () => {
  await engine;
  bundleInput.disabled = remove.disabled = false;
  const offline = kept ? "It also works without a network." : "It needs the network to load again.";
  say(status, `The page is ready. It sends nothing from now on. ${offline}`);
});
