/** The key and the count of a browser, in IndexedDB: they outlast a restart and stay there. */

import { KEY_BYTES } from "../device/draw.js";
import type { CountStore } from "../device/budget.js";

const DATABASE = "sordino";
const TABLE = "device";

/** Keeps the count of vectors. Two tabs share it: each update is one transaction. */
export class IndexedDbStore implements CountStore {
  async update(change: (text: string | null) => string): Promise<void> {
    await write("count", (value) => change(typeof value === "string" ? value : null));
  }
}

/** The key of this browser, made from its random numbers when absent. */
export async function browserKey(): Promise<Uint8Array> {
  const key = await write("key", (value) =>
    value instanceof Uint8Array && value.length === KEY_BYTES
      ? value
      : crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
  return key as Uint8Array;
}

/** Remove the key and the count. */
export async function forget(): Promise<void> {
  const database = await open();
  await new Promise<void>((resolve, reject) => {
    const transaction = database.transaction(TABLE, "readwrite");
    transaction.objectStore(TABLE).clear();
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  }).finally(() => database.close());
}

/** Replace a value within one transaction; the new value once it is on the disk. */
async function write(name: string, change: (value: unknown) => unknown): Promise<unknown> {
  const database = await open();
  return new Promise<unknown>((resolve, reject) => {
    const transaction = database.transaction(TABLE, "readwrite", { durability: "strict" });
    const table = transaction.objectStore(TABLE);
    const reading = table.get(name);
    let [changed, failure]: unknown[] = [];
    reading.onsuccess = () => {
      try {
        changed = change(reading.result);
        table.put(changed, name);
      } catch (error) {
        failure = error;
        transaction.abort();
      }
    };
    transaction.oncomplete = () => resolve(changed);
    transaction.onabort = () => reject(failure ?? transaction.error);
  }).finally(() => database.close());
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}
