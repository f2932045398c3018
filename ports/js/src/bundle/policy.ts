/** A policy of a bundle: what its user agreed to share (`sordino.policy`). */

import { BundleError } from "../errors.js";
import { sha256 } from "./hash.js";
import { isObject, type Json, type JsonObject, numberOf, pythonJson } from "./json.js";

const MOST_REQUIRED = 7;
const MOST_HIDDEN = 16;
const PART = "[a-z][a-z0-9_ -]{0,39}(?::[-+.0-9e]+(?:,[-+.0-9e]+){0,6})?";
const HIDDEN = new RegExp(`^${PART}(?:\\*${PART}){0,2}$`);
const KEYS = ["required", "sensitive", "neutral", "hide", "release", "knobs", "budget"];

/** The information that a user agrees to share. */
export class Policy {
  /** The emotions that stay recognisable, one to seven. */
  readonly required: readonly string[];
  readonly sensitive: readonly string[];
  readonly neutral: string;
  /** The attributes that an attacker must not infer. */
  readonly hide: readonly string[];
  /** The family of the release, or "" if the budget selects one. */
  readonly release: string;
  /** The largest number of vectors that a device releases a day; null for no limit. */
  readonly perDay: number | null;

  /** Throws `BundleError` for a content that is no policy. */
  constructor(private readonly content: Json) {
    if (!isObject(content) || KEYS.some((key) => !(key in content))) throw invalid("its keys");
    if (Object.keys(content).length !== KEYS.length) throw invalid("its keys");
    this.required = Array.isArray(content["required"])
      ? texts(content, "required")
      : [text(content, "required")];
    this.sensitive = texts(content, "sensitive");
    this.neutral = text(content, "neutral");
    this.hide = texts(content, "hide");
    this.release = text(content, "release");
    const emotions = [...this.required, this.neutral, ...this.sensitive];
    const fewest = Array.isArray(content["required"]) ? 2 : 1;
    if (this.required.length < fewest || this.required.length > MOST_REQUIRED) {
      throw invalid("required");
    }
    if (!this.sensitive.length || new Set(emotions).size < emotions.length) {
      throw invalid("its emotions");
    }
    if (this.hide.length > MOST_HIDDEN || !this.hide.every((entry) => HIDDEN.test(entry))) {
      throw invalid("hide");
    }
    const { knobs, budget } = content;
    if (!Array.isArray(knobs) || !knobs.every(isKnob)) throw invalid("knobs");
    if (!isObject(budget) || Object.keys(budget).sort().join() !== "auc,per_day") {
      throw invalid("budget");
    }
    const { auc, per_day: perDay } = budget;
    if (auc !== null && !(numberOf(auc) >= 0.5 && numberOf(auc) <= 1)) throw invalid("budget");
    if (perDay !== null && !(typeof perDay === "number" && perDay >= 1)) throw invalid("budget");
    this.perDay = perDay as number | null;
  }

  /** 64 hexadecimal digits (SHA-256), by which a device recognises a policy. */
  get digest(): string {
    const settings: JsonObject = Object.assign(Object.create(null), this.content as JsonObject);
    const { auc, per_day: perDay } = settings["budget"] as JsonObject;
    if (settings["release"] === "") delete settings["release"];
    if (!(settings["knobs"] as Json[]).length) delete settings["knobs"];
    if (auc === null && perDay === null) delete settings["budget"];
    return sha256(new TextEncoder().encode(pythonJson(settings)));
  }

  /** A setting of one family of releases in this policy. */
  setting(family: string, name: string): Json | undefined {
    const table = this.knobs().find(([title]) => title === family)?.[1] as [string, Json][];
    return table?.find(([title]) => title === name)?.[1];
  }

  private knobs(): [string, Json][] {
    return (this.content as JsonObject)["knobs"] as [string, Json][];
  }
}

function isKnob(knob: Json): boolean {
  const pair = (value: Json) => Array.isArray(value) && value.length === 2;
  if (!Array.isArray(knob) || !pair(knob) || typeof knob[0] !== "string") return false;
  const settings = knob[1] as Json;
  return Array.isArray(settings) &&
    settings.every((value) => pair(value) && typeof (value as Json[])[0] === "string");
}

function text(content: JsonObject, key: string): string {
  const value = content[key];
  if (typeof value !== "string") throw invalid(key);
  return value;
}

function texts(content: JsonObject, key: string): string[] {
  const value = content[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw invalid(key);
  return value as string[];
}

function invalid(part: string): BundleError {
  return new BundleError(`a policy with other values of ${part}, expected those of sordino: ` +
    "get the bundle again from its author");
}

