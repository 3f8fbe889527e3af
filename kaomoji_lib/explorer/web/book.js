// The home in the book: what all sources share lies in the page, what one needs beside it, the state in its address.

import { mount } from "./app.js";

const waiting = new Map();
window.kaomojiPart = (address, part) => waiting.get(address)?.(part);

// A script rather than a request: pages opened from disk may read scripts only.
function part(address) {
  return new Promise((done, failed) => {
    waiting.set(address, done);
    document.head.append(Object.assign(document.createElement("script"), { src: address, onerror: () => failed(new Error(address)) }));
  });
}

function startExplorers() {
  for (const box of document.querySelectorAll(".kao-explorer")) {
    if (box.dataset.done) continue;
    box.dataset.done = "1";
    const payload = JSON.parse(box.parentElement.querySelector('script[type="application/json"]').textContent);
    box.explorer = mount(box, payload, { address: true, part });
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startExplorers);
else startExplorers();
