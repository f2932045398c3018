// Passkeys: a button [data-passkey] asks the server for options, the browser for a credential, and
// sends the credential back. Without JavaScript the button stays hidden and a password serves.
"use strict";

const csrf = document.querySelector('meta[name="csrf"]').content;
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
  });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.detail || `The server answered ${answer.status}.`);
  return content;
}

function request(options) {
  const ids = (list) => (list || []).map((item) => ({ ...item, id: bytes(item.id) }));
  return {
    ...options,
    challenge: bytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
    ...(options.excludeCredentials && { excludeCredentials: ids(options.excludeCredentials) }),
    ...(options.allowCredentials && { allowCredentials: ids(options.allowCredentials) }),
  };
}

function answer(credential) {
  const response = {};
  for (const field of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[field]) response[field] = text(credential.response[field]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
}

async function run(button) {
  const status = document.getElementById(button.getAttribute("aria-describedby"));
  status.textContent = "";
  try {
    const publicKey = request(await post(button.dataset.options, {}));
    const make = button.dataset.passkey === "create";
    const credential = await navigator.credentials[make ? "create" : "get"]({ publicKey });
    const result = await post(button.dataset.verify, answer(credential));
    window.location.assign(result.next || "/");
  } catch (error) {
    status.textContent =
      error.name === "NotAllowedError" ? "The browser offered no passkey. Try again, or use your password." : error.message;
  }
}

// Browsers make no passkey for an address in numbers, such as 127.0.0.1.
const isNumber = /^[\d.]+$|^\[/.test(window.location.hostname);
const note = document.getElementById("passkey-address");
if (note) note.hidden = !isNumber;

if (window.PublicKeyCredential && !isNumber) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", () => run(button));
  }
}
