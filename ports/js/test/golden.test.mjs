// Each stage against the golden vectors that Python wrote: node --test test/
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { jsonBytes, parseJson } from "../dist/bundle/json.js";
import { Policy } from "../dist/bundle/policy.js";
import { DailyBudget } from "../dist/device/budget.js";
import { prototypeRow, releaseKey, uniform } from "../dist/device/draw.js";
import { bandLevels, EDGES, Segmenter } from "../dist/device/segment.js";
import { fullScale } from "../dist/signal/audio.js";
import { filterbank } from "../dist/signal/filterbank.js";
import { frames, levelOf, loudness, mel, speechSpan } from "../dist/signal/functionals.js";
import { energiesOf, speechLogMel } from "../dist/signal/log_mel.js";
import { pitch, slower } from "../dist/signal/pitch.js";

const golden = JSON.parse(readFileSync(new URL("../../golden.json", import.meta.url), "utf8"));
const RATE = 16000;

function sound(parts) {
  const samples = [];
  let state = 1;
  for (const [seconds, hertz, amplitude, noise] of parts) {
    for (let count = Math.round(seconds * RATE); count > 0; count--) {
      state = (Math.imul(1664525, state) + 1013904223) >>> 0;
      const saw = ((samples.length * hertz) % RATE) / RATE - 0.5;
      samples.push(amplitude * saw + noise * ((state >>> 16) / 65536 - 0.5));
    }
  }
  return Float32Array.from(samples);
}

/** Both within a tolerance, absolute and relative. */
function close(actual, expected, tolerance) {
  assert.equal(actual.length, expected.length);
  const apart = expected.map((value, at) => Math.abs(actual[at] - value) / (1 + Math.abs(value)));
  const most = Math.max(...apart);
  assert.ok(most <= tolerance, `differs by ${most} at ${apart.indexOf(most)}`);
}

const samples = sound(golden.sound);
const frame = golden.frame;

test("the filterbank", () => {
  const { data, width } = filterbank(samples);
  assert.equal(data.length / width, golden.filterbank.frames);
  close(data.subarray(frame * width, (frame + 1) * width), golden.filterbank.values, 1e-5);
});

test("pitch and periodicity", () => {
  close(slower(samples).subarray(2000, 2010), golden.pitch.slower, 1e-7);
  const { semitones, periodicity } = pitch(samples);
  assert.equal(semitones.length, golden.pitch.frames);
  close(semitones.subarray(frame, frame + 1), golden.pitch.semitones, 1e-5);
  close(periodicity, golden.pitch.periodicity, 1e-4);
});

test("the span of speech", () => {
  const { top, loud } = loudness(levelOf(frames(fullScale(samples)).bands));
  close([top], [golden.span.top], 1e-6);
  assert.deepEqual(speechSpan(loud), [golden.span.start, golden.span.stop]);
});

test("the vector mel, and that of the earlier recipe", () => {
  close(mel(samples), golden.mel.values, 1e-4);
  close(mel(samples, null), golden.mel4.values, 1e-4);
});

test("the log mel energies of the speech encoder", () => {
  const { energies, levels } = energiesOf(samples);
  close(energies.subarray(frame * 80, (frame + 1) * 80), golden.log_mel.energies, 1e-5);
  close(levels.subarray(frame, frame + 1), [golden.log_mel.level], 1e-5);
  const { data } = speechLogMel(samples);
  assert.equal(data.length / 80, golden.log_mel.frames);
  close(data.subarray(800, 880), golden.log_mel.values, 1e-5);
});

test("the segmentation, in blocks of any size", () => {
  const stream = sound(golden.stream);
  assert.deepEqual(EDGES, golden.segmentation.lines);
  close(bandLevels(stream.subarray(0, 320)), golden.segmentation.levels, 1e-6);
  for (const size of [37, 1600, stream.length]) {
    const segmenter = new Segmenter();
    const utterances = [];
    for (let at = 0; at < stream.length; at += size) {
      utterances.push(...segmenter.push(stream.subarray(at, at + size)));
    }
    const last = segmenter.end();
    const spans = [...utterances, ...(last ? [last] : [])];
    const expected = golden.segmentation.utterances;
    assert.deepEqual(
      spans.map(({ start, samples, activeSeconds }) => [start, samples.length, activeSeconds]),
      expected.map(({ start, samples, active_seconds }) => [start, samples, active_seconds]),
    );
    for (const { start, samples } of spans) {
      assert.deepEqual(samples, stream.slice(start, start + samples.length));
    }
  }
});

test("the keyed draw", () => {
  const { x, key, digest, bin, epsilon, rows } = golden.draw;
  const bytes = Uint8Array.from({ length: 16 }, (_, at) => (at ? 0 : key));
  const source = Float32Array.from(x);
  assert.deepEqual(uniform(source, bytes, 3), golden.draw.uniform);
  assert.equal(Buffer.from(releaseKey(bytes, digest)).toString("hex"), golden.draw.release_key);
  const rowsOfBin = [];
  bin.forEach((code, row) => (rowsOfBin[code] ??= []).push(row));
  const drawn = rowsOfBin.map((_, code) => prototypeRow(source, code, bytes, rowsOfBin, epsilon));
  assert.deepEqual(drawn, rows);
});

test("the budget of a day, with a clock that is set ahead and back", async () => {
  let [clock, text] = ["", null];
  const store = { update: async (change) => void (text = change(text)) };
  const budget = new DailyBudget(store, () => new Date(`${clock}T12:00:00Z`));
  for (const step of golden.budget) {
    clock = step.clock;
    assert.equal(await budget.spend(2, 1), step.reason);
    assert.equal(text, step.text);
  }
  text = text.replace("2", "1");
  assert.equal(await budget.spend(2, 1), "BUDGET_UNKNOWN");
});

test("JSON has the bytes and the hash of Python", () => {
  const bytes = new TextEncoder().encode(golden.json.text);
  assert.deepEqual(jsonBytes(parseJson(bytes)), bytes);
  const policy = new Policy(parseJson(new TextEncoder().encode(golden.json.policy)));
  assert.equal(policy.digest, golden.json.digest);
});

for (const text of ['{"a":1,"a":2}', "[1,]", "NaN", "1e999", '"\\ud800"', "01", "[".repeat(200),
  "\ufeff1", "9007199254740993", '"\t"', "1 2", ""]) {
  test(`JSON of two meanings is refused: ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.throws(() => parseJson(new TextEncoder().encode(text)), SyntaxError);
  });
}
