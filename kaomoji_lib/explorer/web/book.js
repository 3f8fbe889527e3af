// The explorer in the book: what all sources share is in the page, what one needs beside it, the state in the address.

import { mount } from "./app.js";

const requested = new Map();
window.kaomojiChunk = (address, chunk) => requested.get(address)?.(chunk);

// A script rather than a request: pages opened from disk may read scripts only.
function readChunk(address) {
  return new Promise((done, failed) => {
    requested.set(address, done);
    document.head.append(Object.assign(document.createElement("script"), { src: address, onerror: () => failed(new Error(address)) }));
  });
}

function startExplorers() {
  for (const box of document.querySelectorAll(".kao-explorer")) {
    if (box.dataset.done) continue;
    box.dataset.done = "1";
    const payload = JSON.parse(box.parentElement.querySelector('script[type="application/json"]').textContent);
    box.explorer = mount(box, payload, { address: true, readChunk });
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startExplorers);
else startExplorers();
