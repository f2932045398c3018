/**
 * A bundle in one file: every byte is checked, and the structure of each policy
 * (`sordino.device.bundle.bundle`). Nothing of it is executed here.
 *
 * Checksums detect accidents only, since an attacker can compute them anew: `Bundle.verify` proves
 * the maker.
 */

import { BundleError } from "../errors.js";
import { checkModel } from "../onnx/structure.js";
import type { Graph } from "../onnx/graph.js";
import { checkStructure } from "./families.js";
import { sha256 } from "./hash.js";
import { isObject, isWritten, type Json, type JsonObject, jsonBytes, parseJson } from "./json.js";
import { type NumberArray, readArrays } from "./npz.js";
import { Policy } from "./policy.js";
import { type Signature, type Trust, verifySignature } from "./signature.js";
import { unzip } from "./zip.js";

/** The version of the format. */
export const FORMAT = 1;
/** The limit of a bundle in bytes. */
export const LARGEST_BYTES = 1 << 26;
export const ENCODER_FILE = "encoder.onnx";
export const VECTORS_FILE = "vectors.npz";

const MANIFEST_FILE = "manifest.json";
const CARD_FILE = "card.json";
const POLICIES_FILE = "policies.json";
const SIGNATURE_FILE = "signature.json";
const DIGEST = 64;
const MOST_POLICIES = 64;
const DEEPEST_CARD = 32;
const NAME = /^[a-z0-9]+([.-][a-z0-9]+)*$/;
const ENTRY_KEYS = "arrays,chance,family,model,name,policy,preprocess,width";

/** A policy and its files. */
export interface PolicyEntry {
  readonly name: string;
  readonly policy: Policy;
  readonly family: string;
  /** Dimensions of a released vector. */
  readonly width: number;
  /** The keyed random draw: `kind`, and the settings of this kind. */
  readonly chance: JsonObject;
  readonly preprocess: string | null;
  readonly model: string | null;
  readonly arrays: string | null;
}

/** The content of a bundle. */
export class Bundle {
  private readonly parsed = new Map<string, ReadonlyMap<string, NumberArray>>();

  constructor(
    readonly files: ReadonlyMap<string, Uint8Array>, readonly card: JsonObject,
    readonly policies: ReadonlyMap<string, PolicyEntry>,
    /** The checked graph of each model. */
    readonly graphs: ReadonlyMap<string, Graph>,
    private readonly manifest: Uint8Array, private readonly signature: Uint8Array | undefined,
  ) {}

  /** The verified signature of the bundle. Throws `SignatureError` with the reason otherwise. */
  verify(trust: Trust): Promise<Signature> {
    return verifySignature(this.manifest, this.signature, trust);
  }

  /** The feature set of the models: `set`, `recipe`, and `dims` or `streams`. */
  get features(): JsonObject {
    return this.card["features"] as JsonObject;
  }

  /** The width of each stream; of vectors under the name "". */
  get widths(): ReadonlyMap<string, number> {
    const { streams, dims } = this.features;
    const widths = isObject(streams) ? Object.entries(streams) : [["", dims]];
    return new Map(widths as [string, number][]);
  }

  /** The arrays of one NPZ file. Throws `BundleError` for another file, or a compressed one. */
  arrays(name: string): ReadonlyMap<string, NumberArray> {
    let arrays = this.parsed.get(name);
    if (!arrays) {
      try {
        arrays = readArrays(this.files.get(name)!);
      } catch (error) {
        throw new BundleError(`${name}: not an array file (${(error as Error).message}), ` +
          "expected one: write the bundle again");
      }
      this.parsed.set(name, arrays);
    }
    return arrays;
  }

  /** The policy of a name; without a name, the only one. Throws `BundleError` otherwise. */
  entry(name?: string): PolicyEntry {
    const names = [...this.policies.keys()];
    const entry = this.policies.get(name ?? (names.length === 1 ? names[0]! : ""));
    if (!entry) {
      throw new BundleError(`policy ${name ?? "not named"}, expected one of ${names.join(", ")}: ` +
        "choose one");
    }
    return entry;
  }

  /** The SHA-256 of the release of a policy; names and the other policies do not count. */
  releaseDigest(name: string): string {
    const entry = this.entry(name);
    const digests = [ENCODER_FILE, entry.preprocess, entry.model, entry.arrays].map((file) => {
      const content = file === null ? undefined : this.files.get(file);
      return content ? sha256(content) : "";
    });
    return sha256(
      jsonBytes([entry.policy.digest, entry.family, entry.width, entry.chance, digests]),
    );
  }
}

/** The bundle in the bytes of a `.sordino` file. Throws `BundleError`. */
export function readBundle(content: Uint8Array): Bundle {
  if (content.length > LARGEST_BYTES) {
    throw new BundleError(`a bundle of ${content.length} bytes, expected at most ` +
      `${LARGEST_BYTES}: write it again`);
  }
  const rest = content.subarray(0, Math.max(0, content.length - DIGEST));
  if (new TextDecoder("latin1").decode(content.subarray(rest.length)) !== sha256(rest)) {
    throw new BundleError("no bundle, or one that was changed: copy it anew");
  }
  let parts: Map<string, Uint8Array>;
  try {
    parts = unzip(content, DIGEST);
  } catch (error) {
    throw new BundleError(`not a bundle (${(error as Error).message}): write it again`);
  }
  const [manifest, files] = checkFiles(parts);
  const bundle = parse(manifest, files, parts);
  checkStructure(bundle);
  return bundle;
}

/** The manifest and the files that it lists; their checksums are right. */
function checkFiles(parts: ReadonlyMap<string, Uint8Array>): [JsonObject, Map<string, Uint8Array>] {
  const manifest = json(parts, MANIFEST_FILE);
  if (!isObject(manifest) || manifest["format"] !== FORMAT) {
    throw new BundleError(`format of ${MANIFEST_FILE}, expected ${FORMAT}: update this package`);
  }
  const digests = manifest["files"];
  const known = Object.keys(manifest).every((key) => ["format", "files", "policies"].includes(key));
  const same = isWritten(parts.get(MANIFEST_FILE)!, manifest);
  const names = isObject(digests) ? Object.keys(digests) : [];
  if (!known || !same || !isObject(digests) || !names.every((name) => NAME.test(name)) ||
      names.includes(MANIFEST_FILE) || names.includes(SIGNATURE_FILE)) {
    throw new BundleError(`${MANIFEST_FILE} was changed, expected it as written: copy it anew`);
  }
  const files = new Map<string, Uint8Array>();
  for (const name of names) {
    const content = file(parts, name);
    if (sha256(content) !== digests[name]) {
      throw new BundleError(`${name} was changed, expected it as written: copy the bundle anew`);
    }
    files.set(name, content);
  }
  return [manifest, files];
}

function parse(
  manifest: JsonObject, files: Map<string, Uint8Array>, parts: ReadonlyMap<string, Uint8Array>,
): Bundle {
  const [card, list] = [json(files, CARD_FILE), json(files, POLICIES_FILE)];
  if (!Array.isArray(list) || !list.length || list.length > MOST_POLICIES || !isObject(card) ||
      depth(card) > DEEPEST_CARD || !isObject(card["features"])) {
    throw unfit("card or policies");
  }
  const entries = list.map((item) => policyEntry(item, files));
  const graphs = new Map<string, Graph>();
  const models = entries.flatMap((entry) => [entry.preprocess, entry.model]);
  const named = [...files.keys()].filter((name) => name.endsWith(".onnx"));
  for (const name of new Set([...named, ...models])) {
    if (name !== null) graphs.set(name, checkModel(files.get(name)!, name));
  }
  const policies = new Map(entries.map((entry) => [entry.name, entry]));
  if (policies.size < entries.length) throw unfit("two policies of one name");
  const stated = manifest["policies"];
  if (stated !== undefined && stated !== null) { // older bundles state none
    const same = isObject(stated) && Object.keys(stated).length === entries.length &&
      entries.every((entry) => stated[entry.name] === entry.policy.digest);
    if (!same) {
      throw new BundleError("a policy was changed, its hash differs from that in " +
        `${MANIFEST_FILE}: copy the bundle anew`);
    }
  }
  const signature = parts.get(SIGNATURE_FILE);
  return new Bundle(files, card, policies, graphs, parts.get(MANIFEST_FILE)!, signature);
}

function policyEntry(item: Json, files: ReadonlyMap<string, Uint8Array>): PolicyEntry {
  if (!isObject(item) || Object.keys(item).sort().join() !== ENTRY_KEYS) throw unfit("a policy");
  const { name, family, width, chance } = item;
  if (typeof name !== "string" || typeof family !== "string" || typeof width !== "number" ||
      !isObject(chance)) {
    throw unfit("a policy");
  }
  const [preprocess, model, arrays] = ["preprocess", "model", "arrays"].map((key) => {
    const part = item[key]!;
    if (part !== null && !(typeof part === "string" && files.has(part))) throw unfit(key);
    return part;
  }) as [string | null, string | null, string | null];
  const policy = new Policy(item["policy"]!);
  return { name, policy, family, width, chance, preprocess, model, arrays };
}

function json(files: ReadonlyMap<string, Uint8Array>, name: string): Json {
  try {
    return parseJson(file(files, name));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new BundleError(`${name}: ${error.message}, expected JSON: write the bundle again`);
  }
}

function file(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const content = files.get(name);
  if (!content) throw new BundleError(`${name} is missing, expected a whole bundle: copy it anew`);
  return content;
}

/** The depth of nested lists and objects. */
function depth(content: Json): number {
  if (!Array.isArray(content) && !isObject(content)) return 0;
  const children: Json[] = Object.values(content);
  return 1 + children.reduce((most: number, child) => Math.max(most, depth(child)), 0);
}

function unfit(part: string): BundleError {
  return new BundleError(`parts of the bundle are missing or do not fit together (${part}): ` +
    "write it again");
}
