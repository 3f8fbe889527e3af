// The explorer put together: one state, the parts that show it, and what a person does with them.

import { makeCard } from "./card.js";
import { makeControls, makeTools, makeTours, showLegend } from "./controls.js";
import { decode, gloss, layoutOf, sourceOf, weightWords } from "./data.js";
import { faceWords, fill, make } from "./dom.js";
import { makeList } from "./list.js";
import { makeMap } from "./map.js";
import { makeSearch } from "./search.js";
import { DEFAULTS, fromHash, makeState, toHash } from "./state.js";
import { forgetWidths } from "./strokes.js";
import { makeTree } from "./tree.js";
import { paint, viewOf } from "./view.js";

const RANKED = 300;

export function mount(host, payload, { first = {}, address = false, changed = null } = {}) {
  const bundle = decode(payload);
  const { find, lookup } = makeSearch(bundle);
  const usual = { ...DEFAULTS, source: bundle.sources[0].id, ...payload.start, ...first };
  // A kaomoji in an address may be spelled in any way that a source knows, and be unknown to the first source.
  const fromAddress = () => {
    const given = fromHash(location.hash);
    const index = lookup(given.face ?? "");
    if (given.face) given.face = bundle.faces[index] ?? "";
    if (index !== undefined && !given.source && !sourceOf(bundle, usual.source).at.has(index)) given.source = bundle.sources.find((source) => source.at.has(index)).id;
    return given;
  };
  const state = makeState({ ...usual, ...(address ? fromAddress() : {}) }, report);
  // A legend entry belongs to its colouring and its source.
  const set = (patch, from) => state.set({ ...("colour" in patch || "source" in patch ? { only: "" } : {}), ...patch }, from);
  const open = (face) => set({ face: bundle.faces[face] });
  const status = make("p", { className: "kx-status", role: "status" });
  const legend = make("div", { className: "kx-legend", role: "group", "aria-label": "Legend; choose an entry to see it alone" });
  const controls = makeControls({ bundle, set });
  const closeCard = () => { set({ face: "" }); if (tree.root.hidden) panels[0].map.root.focus(); else tree.focus(); };
  const card = makeCard({ bundle, onFace: open, onClose: closeCard, onSource: (source) => set({ source, compare: "" }) });
  const rank = make("section", { className: "kx-rank", "aria-label": "All kaomoji of this source" });
  const list = makeList({ bundle, onFace: open, onClear: () => set({ selected: [] }) });
  let drawnIn = "";
  const panels = [0, 1].map(makePanel);
  const tree = makeTree({ onHover: (local, spoken) => hovered(0, local, spoken), onPick: (local) => open(panels[0].source.index[local]), onSelect: (locals) => select(0, locals) });
  const tools = makeTools({
    extra: controls.extra, onTool: (tool) => panels.forEach((panel) => panel.map.tool(tool)), onZoom: (factor) => panels[0].map.zoom(factor), onShare: address ? share : null,
    onReset: () => set({ turn: DEFAULTS.turn, zoom: 1, shift: [0, 0] }) });
  const tours = makeTours(payload.tours, (chosen) => { set({ ...DEFAULTS, source: usual.source, ...chosen }); if (root.clientWidth < 700) legend.scrollIntoView({ block: "start" }); });
  // JupyterLab has keys of its own, which would act on cells while the map has the focus.
  const root = make("div", { className: "kx", data: { lmSuppressShortcuts: "true" } }, tours, controls.root, legend,
    make("div", { className: "kx-stage" }, make("div", { className: "kx-left" }, make("div", { className: "kx-panels" }, ...panels.map((panel) => panel.root)), tree.root),
      make("div", { className: "kx-foot" }, tools.root, status), make("div", { className: "kx-side" }, card.root, rank)), list.root);
  fill(host, root);

  function makePanel(side) {
    const title = make("h3", { className: "kx-panel-title" });
    const panel = { side, source: null, title };
    panel.map = makeMap({
      onHover: (local, spoken) => hovered(side, local, spoken), onPick: (local) => open(panel.source.index[local]), onSelect: (locals) => select(side, locals),
      onCamera: (camera, settled) => {
        panels[1 - side].map.look(camera);
        if (settled) set({ turn: camera.turn, zoom: camera.zoom, shift: camera.shift }, "camera");
      } });
    panel.root = make("div", { className: "kx-panel" }, title, panel.map.root);
    return panel;
  }

  function select(side, locals) {
    set({ selected: locals.map((local) => bundle.faces[panels[side].source.index[local]]) });
    status.textContent = `${locals.length} kaomoji selected.`;
  }

  function hovered(side, local, spoken) {
    const { source } = panels[side];
    const other = panels[1 - side];
    if (other.source) other.map.mark({ linked: local < 0 ? -1 : other.source.at.get(source.index[local]) ?? -1 });
    if (spoken) status.textContent = local < 0 ? "" : `${gloss(bundle, source, local)}.`;
  }

  function share() {
    const copied = () => { status.textContent = "The link to this view is copied."; };
    navigator.clipboard.writeText(location.href).then(copied, () => { status.textContent = `This view is at ${location.href}`; });
  }

  function ink() {
    const style = getComputedStyle(root);
    return Object.fromEntries(["text", "muted", "line", "paper", "low", "high"].map((name) => [name, style.getPropertyValue(`--kx-${name}`).trim()]));
  }

  function show(now = state.get()) {
    const source = sourceOf(bundle, now.source);
    const other = now.compare && now.compare !== source.id ? bundle.sources.find((item) => item.id === now.compare) : null;
    const colour = ink();
    drawnIn = JSON.stringify(colour);
    const found = find(now.search, source, now.minimum);
    [panels[0].source, panels[1].source] = [source, other];
    controls.show(now, source);
    const isTree = now.view === "tree" && source.tree;
    tree.root.hidden = !isTree;
    tools.onMap(!isTree);
    root.classList.toggle("kx-two", Boolean(other) && !isTree);
    panels.forEach((panel, side) => {
      panel.root.hidden = isTree || !panel.source;
      if (!panel.source) return;
      const colours = paint(bundle, panel.source, side ? source : other, now.colour, colour.paper);
      const view = viewOf(bundle, panel.source, now, found, colours, panel.map.root.clientWidth < 480);
      fill(panel.title, panel.source.title, make("span", { className: "kx-note", textContent: `${panel.source.what} · ${view.crowd} of ${panel.source.size} kaomoji` }));
      panel.map.name(`Map of ${view.crowd} kaomoji of ${panel.source.title}. Arrow keys go from one to the next, Enter opens a card, Shift with arrows moves the map, plus and minus zoom.`);
      panel.map.look({ turn: now.turn, zoom: now.zoom, shift: now.shift });
      if (side === 0) {
        showLegend(legend, colours.legend, now.only, (only) => set({ only }));
        if (isTree) tree.show(view, colour);
        panel.view = view;
      }
      if (!isTree) panel.map.show(view, colour);
    });
    list.show(source, now.layer, now.selected);
    showSide(now, source, other, found, colour);
  }

  function showSide(now, source, other, found, colour) {
    const face = bundle.byFace.get(now.face);
    const { view } = panels[0];
    const within = card.root.contains(document.activeElement);
    rank.hidden = face !== undefined;
    if (face === undefined) {
      card.close();
      const shown = view.order.filter((local) => view.visible[local] && !view.faded[local]).slice(0, RANKED).map((local) => source.index[local]);
      const others = found ? found.faces.filter((index) => !shown.includes(index)) : [];
      const title = found ? `${found.faces.length || "No"} kaomoji ${found.why}` : now.only ? `${shown.length} kaomoji, most typed first` : "Most typed first";
      if (found) status.textContent = `${title}.`;
      fill(rank, make("h3", { className: "kx-panel-title", textContent: title }), make("ol", {}, ...[...shown, ...others].map((index) => entry(index, source, view))));
      return;
    }
    const local = source.at.get(face);
    card.show(face, source, other, { layerName: layoutOf(source, now.layer).name, minimum: now.minimum, paper: colour.paper, colour: local === undefined ? null : view.colours[local] });
    card.root.scrollTop = 0;
    if (within) card.root.focus({ preventScroll: true });
  }

  // A kaomoji in the list at the side; the source may not know it.
  function entry(index, source, view) {
    const local = source.at.get(index);
    const known = local !== undefined;
    const often = known ? weightWords(source, local).replace("typed ", "").replace(" by all models", "") : "unknown to this source";
    return make("li", {}, make("button", { type: "button", "aria-label": known ? gloss(bundle, source, local) : often, on: { click: () => open(index) } },
      make("span", { "aria-hidden": "true", className: "kx-symbol", textContent: known ? view.symbols[local] : "", style: { color: known ? view.colours[local] : "inherit" } }),
      faceWords(bundle.faces[index]), make("span", { className: "kx-note", textContent: often })));
  }

  function report(now, names, from) {
    if (from !== "camera") show(now);
    if (names.has("face") && now.face && root.clientWidth < 700) card.root.scrollIntoView({ block: "nearest" });
    if (address) history.replaceState(null, "", `#${toHash(now, usual)}`);
    if (changed && from !== "model") changed(now, names);
  }

  root.addEventListener("keydown", (event) => { if (event.key === "Escape" && state.get().face && event.target.type !== "search") closeCard(); });
  const listeners = [];
  const on = (target, name, act) => { target.addEventListener(name, act); listeners.push([target, name, act]); };
  if (address) on(window, "hashchange", () => set({ ...usual, ...fromAddress() }));
  const themes = new MutationObserver(() => { if (JSON.stringify(ink()) !== drawnIn) show(); });
  for (const element of [document.documentElement, document.body]) themes.observe(element, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "class"] });
  // Paper is white: the map is drawn for it before the printer takes the page, and as it was after that.
  const print = (printing) => () => {
    root.classList.toggle("kx-print", printing);
    show();
    for (const part of [panels[0].map, panels[1].map, tree]) part.drawNow();
  };
  on(window, "beforeprint", print(true));
  on(window, "afterprint", print(false));
  show();
  const text = bundle.faces.join("").slice(0, 20000);
  const ready = document.fonts.load("20px Kaomoji", text).catch(() => {}).then(() => { forgetWidths(); show(); root.dataset.ready = "1"; });
  return { set, state, bundle, root, panels, tree, ready,
           stop() { themes.disconnect(); for (const [target, name, act] of listeners) target.removeEventListener(name, act); panels.forEach((panel) => panel.map.stop()); tree.stop(); } };
}
