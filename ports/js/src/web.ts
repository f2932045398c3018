/** What runs a bundle in a browser: the engine, and the key and count that stay there. */

export { webEngine } from "./web/engine.js";
export { browserKey, forget, IndexedDbStore } from "./web/storage.js";
