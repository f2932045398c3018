/** Keeps the page in the browser and answers from there alone: no request reaches the network. */

declare const FILES: string[]; // the build replaces both
declare const VERSION: string;

interface ExtendableEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response> | Response): void;
}
const worker = self as unknown as {
  addEventListener(name: string, listener: (event: never) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
};

worker.addEventListener("install", (event: ExtendableEvent) => {
  const requests = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(requests))
    .then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event: ExtendableEvent) => {
  const others = caches.keys().then((names) =>
    Promise.all(names.filter((name) => name !== VERSION).map((name) => caches.delete(name))));
  event.waitUntil(others.then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event: FetchEvent) => {
  const answer = caches.open(VERSION)
    .then((cache) => cache.match(event.request, { ignoreSearch: true }))
    .then((kept) => kept ?? Response.error());
  event.respondWith(answer);
});
