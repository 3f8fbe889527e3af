// The home in the book: the bundle lies in the page, the state in its address.

import { mount } from "./app.js";

function startExplorers() {
  for (const box of document.querySelectorAll(".kao-explorer")) {
    if (box.dataset.done) continue;
    box.dataset.done = "1";
    const payload = JSON.parse(box.parentElement.querySelector('script[type="application/json"]').textContent);
    box.explorer = mount(box, payload, { address: true });
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startExplorers);
else startExplorers();
