// What the reader can do, by hand and by key.

import { fill, make } from "./dom.js";

const KEYS = [
  ["Arrow keys", "from face to face"], ["Enter", "the card of the face"], ["Escape", "close the card, or let the face go"],
  ["Shift with arrows", "turn the map, or move it"], ["+ and −", "come nearer, go farther"], ["/", "search"], ["0", "the view as it was at first"],
  ["1, 2, 3 …", "the views, in their order"], ["l, b, t", "lasso, box, turn"], ["e", "ellipses"], ["?", "this list"],
];
const HANDS = [
  ["Drag", "turns the map in 3-D, moves it in 2-D"], ["Alt and drag", "moves it in 3-D"], ["Shift and drag", "draws a lasso"],
  ["Wheel", "comes nearer, once the map was clicked; with Ctrl at any time"], ["Double click", "comes nearer to that place"], ["Two fingers", "move and zoom"],
];

const table = (title, rows) => [make("h4", { textContent: title }), make("dl", {}, ...rows.flatMap(([key, words]) => [make("dt", { textContent: key }), make("dd", { textContent: words })]))];

export function makeHelp() {
  const close = make("button", { type: "button", className: "kx-close", "aria-label": "Close", textContent: "×", on: { click: () => root.close() } });
  const root = make("dialog", { className: "kx-help", "aria-label": "Keys and gestures", on: { click: (event) => { if (event.target === root) root.close(); } } });
  fill(root, make("div", {}, close, ...table("Keys", KEYS), ...table("Hands", HANDS)));
  return { root, open: () => root.showModal() };
}
