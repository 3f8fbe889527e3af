// What is above and below the map: tours, choices, tools, the legend and what a search finds.

import { MODES } from "./colour.js";
import { fill, make } from "./dom.js";

const field = (words, control, extra = "") => make("label", { className: `kx-field ${extra}` }, make("span", { textContent: words }), control);

function setOptions(select, entries, value) {
  fill(select, ...entries.map(([key, words]) => make("option", { value: key, textContent: words })));
  select.value = value;
}

// Suggested views: each button sets the state.
export function makeTours(tours, start) {
  if (!tours?.length) return null;
  return make("ul", { className: "kx-tours", "aria-label": "Suggested views" }, ...tours.map((tour) =>
    make("li", {}, make("button", { type: "button", on: { click: () => start(tour.state) } }, make("strong", { textContent: tour.title }), make("span", { textContent: tour.text })))));
}

export function makeControls({ bundle, set }) {
  const choice = (name) => make("select", { name, on: { change: (event) => set({ [name]: event.target.value }) } });
  const [source, compare, layer, colour] = ["source", "compare", "layer", "colour"].map(choice);
  const minimum = make("input", { type: "number", name: "minimum", min: "1", step: "1", on: { change: (event) => set({ minimum: Math.max(1, Math.round(Number(event.target.value)) || 1) }) } });
  const search = make("input", { type: "search", name: "search", placeholder: "a kaomoji, part of one, an emotion, an adjective", autocomplete: "off", spellcheck: false,
                                 on: { input: (event) => set({ search: event.target.value, face: "" }) } });
  const ellipses = make("input", { type: "checkbox", name: "ellipses", on: { change: (event) => set({ ellipses: event.target.checked }) } });
  const views = make("div", { className: "kx-segments", role: "group", "aria-label": "View" });
  const check = make("label", { className: "kx-check" }, ellipses, make("span", { textContent: "95% ellipses" }));
  const layerField = field("Place by", layer, "kx-inline");
  const root = make("div", { className: "kx-controls" }, field("Search", search, "kx-search"), field("Source", source), field("Compare with", compare),
    field("Colour", colour), make("div", { className: "kx-field" }, make("span", { textContent: "View", "aria-hidden": "true" }), views));

  return {
    root, extra: [check, field("Typed at least", minimum, "kx-inline kx-narrow"), layerField],
    show(now, shown) {
      setOptions(source, bundle.sources.map((item) => [item.id, item.title]), shown.id);
      setOptions(compare, [["", "nothing"], ...bundle.sources.filter((item) => item.id !== shown.id).map((item) => [item.id, item.title])], now.compare);
      const layers = shown.layouts.map((item) => [item.name, item.name]);
      setOptions(layer, layers, layers.some(([name]) => name === now.layer) ? now.layer : layers[0][0]);
      layerField.hidden = layers.length < 2;
      setOptions(colour, MODES, now.colour);
      minimum.value = String(now.minimum);
      if (search.value !== now.search) search.value = now.search;
      ellipses.checked = now.ellipses;
      check.hidden = now.view === "tree";
      ellipses.disabled = !shown.layouts.some((item) => item.spread);
      const entries = [["2d", "2-D"], ["3d", "3-D"], ...(shown.tree ? [["tree", "Tree"]] : [])];
      fill(views, ...entries.map(([key, words]) => make("button", { type: "button", textContent: words, "aria-pressed": String(now.view === key), on: { click: () => set({ view: key }) } })));
    },
  };
}

export function makeTools({ extra, onTool, onZoom, onReset, onShare }) {
  const tools = [["turn", "Move", "Drag to move the map, in 3-D to turn it"], ["lasso", "Lasso", "Draw around kaomoji to select them"]];
  const choose = (chosen) => { onTool(chosen); buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(tools[place][0] === chosen))); };
  const buttons = tools.map(([key, words, title]) => make("button", { type: "button", textContent: words, title, "aria-pressed": String(key === "turn"), on: { click: () => choose(key) } }));
  const plain = (text, label, click) => make("button", { type: "button", textContent: text, "aria-label": label, title: label, on: { click } });
  const dragging = make("div", { className: "kx-segments", role: "group", "aria-label": "Dragging" }, ...buttons);
  const zooming = make("div", { className: "kx-segments", role: "group", "aria-label": "Zoom" }, plain("−", "Zoom out", () => onZoom(0.8)), plain("+", "Zoom in", () => onZoom(1.25)), plain("Reset", "Reset the view", onReset));
  const root = make("div", { className: "kx-tools", role: "toolbar", "aria-label": "Map tools" }, dragging, zooming, ...extra, onShare ? plain("Copy link", "Copy link to this view", onShare) : null);
  // A tree cannot be moved, zoomed or drawn around.
  return { root, onMap(there) { for (const part of [dragging, zooming]) part.hidden = !there; } };
}

export function showLegend(root, legend, only, onOnly) {
  if (legend.kind === "scale")
    return fill(root, make("span", { className: "kx-scale" }, make("span", { textContent: legend.words[0] }),
      make("span", { className: "kx-gradient", "aria-hidden": "true", style: { background: `linear-gradient(90deg, ${legend.stops.join(", ")})` } }), make("span", { textContent: legend.words[1] })));
  if (legend.kind === "none") return fill(root, make("span", { textContent: legend.words }));
  return fill(root, ...legend.items.map((item) => make("button", { type: "button", className: "kx-entry", title: item.note, "aria-pressed": String(only === item.key),
    on: { click: () => onOnly(only === item.key ? "" : item.key) } },
    make("span", { textContent: item.symbol, "aria-hidden": "true", style: { color: item.colour } }), make("span", { textContent: item.name }),
    item.note.startsWith("stability") ? make("span", { className: "kx-note", textContent: item.note }) : null)));
}
