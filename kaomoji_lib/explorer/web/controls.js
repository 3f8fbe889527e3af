// The controls above the map: what to look at, how, and what to look for.

import { MODES } from "./colour.js";
import { faceWords, fill, make } from "./dom.js";

const field = (words, control, extra = "") => make("label", { className: `kx-field ${extra}` }, make("span", { textContent: words }), control);
const RARE = "kx-rare"; // what a phone shows on demand

function options(select, entries, value) {
  fill(select, ...entries.map(([key, words]) => make("option", { value: key, textContent: words })));
  select.value = value;
}

export function makeControls({ bundle, set }) {
  const choose = (name) => make("select", { name, on: { change: (event) => set({ [name]: event.target.value }) } });
  const [source, compare, layer, colour] = ["source", "compare", "layer", "colour"].map(choose);
  const minimum = make("input", { type: "number", name: "minimum", min: "1", step: "1", on: { change: (event) => set({ minimum: Math.max(1, Math.round(Number(event.target.value)) || 1) }) } });
  const search = make("input", { type: "search", name: "search", placeholder: "a face, part of one, a category, an adjective", autocomplete: "off", spellcheck: false,
                                 on: { input: (event) => set({ search: event.target.value }) } });
  const ellipses = make("input", { type: "checkbox", name: "ellipses", on: { change: (event) => set({ ellipses: event.target.checked }) } });
  const views = make("div", { className: "kx-segments", role: "group", "aria-label": "View" });
  const more = make("button", { type: "button", className: "kx-more", "aria-expanded": "false", textContent: "More choices", on: { click: () => {
    const open = root.classList.toggle("kx-all");
    more.setAttribute("aria-expanded", String(open));
    more.textContent = open ? "Fewer choices" : "More choices";
  } } });
  const root = make("div", { className: "kx-controls" }, field("Search faces", search, "kx-search"), field("Source", source, "kx-wide"), field("Colour", colour),
    make("div", { className: "kx-field" }, make("span", { textContent: "View", "aria-hidden": "true" }), views), field("Beside it", compare, `kx-wide ${RARE}`), field("Layer", layer, RARE),
    field("Typed at least", minimum, `kx-narrow ${RARE}`), more);

  return {
    root, search, ellipses: make("label", { className: "kx-check" }, ellipses, make("span", { textContent: "95% ellipses" })),
    show(state, now) {
      options(source, bundle.sources.map((item) => [item.id, item.title]), now.id);
      options(compare, [["", "nothing"], ...bundle.sources.filter((item) => item.id !== now.id).map((item) => [item.id, item.title])], state.compare);
      const layers = now.layouts.map((item) => [item.name, item.name]);
      options(layer, layers, layers.some(([name]) => name === state.layer) ? state.layer : layers[0][0]);
      const elsewhere = now.flat.find((item) => `flat:${item.name}` === state.view);
      if (elsewhere) layer.value = layers[0][0];
      layer.disabled = layers.length < 2 || Boolean(elsewhere);
      options(colour, MODES, state.colour);
      minimum.value = String(state.minimum);
      if (search.value !== state.search) search.value = state.search;
      ellipses.checked = state.ellipses;
      ellipses.disabled = Boolean(elsewhere) || !now.layouts.some((item) => item.spread);
      const entries = [["3d", "3-D"], ["2d", "2-D"], ...now.flat.map((item) => [`flat:${item.name}`, item.name]), ...(now.tree ? [["tree", "Tree"]] : [])];
      fill(views, ...entries.map(([key, words]) => make("button", { type: "button", textContent: words, "aria-pressed": String(state.view === key), on: { click: () => set({ view: key }) } })));
    },
  };
}

export function makeTools({ extra, onTool, onZoom, onReset, onShare, onPicture, onFull, onHelp }) {
  const tools = [["turn", "Turn", "Drag turns or moves the map"], ["lasso", "Lasso", "Drag draws around faces to select them"], ["box", "Box", "Drag selects a rectangle of faces"]];
  const choose = (chosen) => { onTool(chosen); buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(tools[place][0] === chosen))); };
  const buttons = tools.map(([key, words, title]) => make("button", { type: "button", textContent: words, title, "aria-pressed": String(key === "turn"), on: { click: () => choose(key) } }));
  const plain = (text, label, click, className = "") => make("button", { type: "button", className, textContent: text, "aria-label": label, title: label, on: { click } });
  const dragging = make("div", { className: "kx-segments", role: "group", "aria-label": "Dragging" }, ...buttons);
  const zooming = make("div", { className: "kx-segments", role: "group", "aria-label": "Zoom" }, plain("−", "Zoom out", () => onZoom(0.8)), plain("+", "Zoom in", () => onZoom(1.25)), plain("Reset", "Reset the view", onReset));
  const picture = plain("Save picture", "Save the map as a picture", onPicture);
  const root = make("div", { className: "kx-tools", role: "toolbar", "aria-label": "Map tools" }, dragging, zooming, extra, onShare ? plain("Copy link", "Copy link to this view", onShare) : null, picture,
    onFull ? plain("Full screen", "Full screen", onFull, "kx-large-only") : null, plain("Keys", "Keys and gestures", onHelp, "kx-large-only"));
  // A tree has nothing to turn, to zoom or to draw around.
  return { root, choose, onMap(there) { for (const part of [dragging, zooming, extra, picture]) part.hidden = !there; } };
}

export function showLegend(root, legend, only, onOnly, onPreview) {
  if (legend.kind === "scale")
    return fill(root, make("span", { className: "kx-scale" }, make("span", { textContent: legend.words[0] }),
      make("span", { className: "kx-gradient", "aria-hidden": "true", style: { background: `linear-gradient(90deg, ${legend.stops.join(", ")})` } }), make("span", { textContent: legend.words[1] })));
  if (legend.kind === "none") return fill(root, make("span", { textContent: legend.words }));
  return fill(root, ...legend.items.map((item) => make("button", { type: "button", className: "kx-entry", title: item.note, "aria-pressed": String(only === item.key),
    on: { click: () => onOnly(only === item.key ? "" : item.key), pointerenter: () => onPreview(item.key), pointerleave: () => onPreview("") } },
    make("span", { textContent: item.symbol, "aria-hidden": "true", style: { color: item.colour } }), make("span", { textContent: item.name }),
    item.note.startsWith("stability") ? make("span", { className: "kx-note", textContent: item.note }) : null)));
}

export function showResults(root, bundle, source, found, say, onFace) {
  root.hidden = !found;
  if (!found) return fill(root);
  const words = found.faces.length ? `${found.faces.length} ${found.faces.length === 1 ? "face" : "faces"} ${found.why}` : `No face ${found.why}`;
  return fill(root, make("span", { className: "kx-note", textContent: words }),
    ...found.faces.slice(0, 24).map((face) => make("button", { type: "button", className: source.at.has(face) ? "" : "kx-elsewhere", "aria-label": say(face), on: { click: () => onFace(face) } }, faceWords(bundle.faces[face]))));
}
