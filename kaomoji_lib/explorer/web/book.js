// The explorer in the book: its data is in the page, its state in the address.

import { mount } from "./app.js";

for (const box of document.querySelectorAll(".kao-explorer")) {
  const payload = JSON.parse(box.parentElement.querySelector('script[type="application/json"]').textContent);
  box.explorer = mount(box, payload, { address: true });
}
