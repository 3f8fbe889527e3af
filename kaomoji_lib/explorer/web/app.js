// The explorer put together: one state, the parts that show it, and the reader's hands on it.

import { makeCanonical } from "./canonical.js";
import { makeCard } from "./card.js";
import { makeControls, makeTools, showLegend, showResults } from "./controls.js";
import { makeCriterion } from "./criterion.js";
import { complete, decode, gloss, layoutOf, sourceOf, weightWords } from "./data.js";
import { faceWords, fill, make } from "./dom.js";
import { makeHelp } from "./help.js";
import { makeList } from "./list.js";
import { makeMap } from "./map.js";
import { paint } from "./paint.js";
import { savePicture } from "./picture.js";
import { makeSearch } from "./search.js";
import { DEFAULTS, fromHash, makeState, toHash } from "./state.js";
import { forgetWidths } from "./strokes.js";
import { makeTree } from "./tree.js";
import { marksOf, viewOf } from "./view.js";

const RANKED = 300;

export function mount(host, payload, { first = {}, address = false, changed = null, part = null } = {}) {
  const bundle = decode(payload);
  const canonical = makeCanonical(payload.canonical);
  // A face in an address may be spelled in any way, and be known to other sources than the first.
  const fromAddress = () => {
    const given = fromHash(location.hash);
    if (given.face && !bundle.byFace.has(given.face)) given.face = canonical(given.face) ?? "";
    const index = bundle.byFace.get(given.face);
    if (index !== undefined && !given.source && !bundle.sources[0].at.has(index)) given.source = bundle.sources.find((source) => source.at.has(index)).id;
    return given;
  };
  const state = makeState({ source: bundle.sources[0].id, ...payload.start, ...first, ...(address ? fromAddress() : {}) });
  const find = makeSearch(bundle, canonical);
  // A legend entry belongs to its colouring, and a cut to its source.
  const set = (patch, from) => state.set({ ...("colour" in patch || "source" in patch ? { only: "" } : {}), ...("source" in patch ? { clusters: 0 } : {}), ...patch }, from);
  const open = (face) => set({ face: bundle.faces[face] });
  const status = make("p", { className: "kx-status", role: "status" });
  const legend = make("div", { className: "kx-legend", role: "group", "aria-label": "Legend; choose an entry to see it alone" });
  const results = make("div", { className: "kx-results", hidden: true });
  const controls = makeControls({ bundle, set });
  const loading = new Map();
  const load = (source) => {
    if (source.loaded) return Promise.resolve();
    if (!loading.has(source.id)) loading.set(source.id, part(source.part).then((own) => complete(source, own)));
    return loading.get(source.id);
  };
  const closeCard = () => { set({ face: "" }); if (tree.root.hidden) panels[0].map.root.focus(); else tree.focus(); };
  const card = makeCard({ bundle, load, onFace: open, onClose: closeCard, onSource: (source) => set({ source, compare: "" }) });
  const rank = make("section", { className: "kx-rank", "aria-label": "All faces of this source" });
  const list = makeList({ bundle, onFace: open, onClear: () => set({ selected: [] }) });
  const criterion = makeCriterion((clusters) => set({ clusters }));
  let drawnIn = "";
  const panels = [0, 1].map(makePanel);
  const tree = makeTree({ onHover: (local, spoken) => hovered(0, local, spoken), onPick: (local) => open(panels[0].source.index[local]), onSelect: (locals) => select(0, locals) });
  const help = makeHelp();
  const reset = () => set({ turn: DEFAULTS.turn, zoom: 1, shift: [0, 0] });
  const tools = makeTools({
    extra: controls.ellipses, onTool: (tool) => panels.forEach((panel) => panel.map.tool(tool)), onZoom: (factor) => panels[0].map.zoom(factor), onShare: address ? share : null, onReset: reset, onHelp: help.open,
    onPicture: () => savePicture(panels.filter((panel) => panel.source).map((panel) => ({ title: panel.source.title, layers: panel.map.layers() })), { ...ink(), font: getComputedStyle(root).fontFamily }),
    onFull: document.fullscreenEnabled ? () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()) : null });
  // JupyterLab has keys of its own, which would act on cells while a reader acts on the map.
  const root = make("div", { className: "kx", data: { lmSuppressShortcuts: "true" } }, controls.root, results, legend,
    make("div", { className: "kx-stage" }, make("div", { className: "kx-left" }, make("div", { className: "kx-panels" }, ...panels.map((panel) => panel.root)), tree.root),
      make("div", { className: "kx-foot" }, tools.root, status), make("div", { className: "kx-side" }, card.root, rank)), criterion.root, list.root, help.root);
  fill(host, root);

  function makePanel(side) {
    const title = make("h3", { className: "kx-panel-title" });
    const panel = { side, source: null, title };
    panel.map = makeMap({
      label: "Map of faces", describe: (local) => `${bundle.faces[panel.source.index[local]]}  ${gloss(bundle, panel.source, local)}`,
      onHover: (local, spoken) => hovered(side, local, spoken), onPick: (local) => open(panel.source.index[local]), onSelect: (locals) => select(side, locals),
      onWheel: () => { if (!status.textContent) status.textContent = "Click the map first, or hold Ctrl, to zoom with the wheel."; },
      onCamera: (camera, settled) => {
        panels[1 - side].map.look(camera);
        if (settled) set({ turn: camera.turn, zoom: camera.zoom, shift: camera.shift }, "camera");
      } });
    panel.root = make("div", { className: "kx-panel" }, title, panel.map.root);
    return panel;
  }

  function select(side, locals) {
    const faces = locals.map((local) => bundle.faces[panels[side].source.index[local]]);
    set({ selected: faces });
    status.textContent = `${faces.length} ${faces.length === 1 ? "face" : "faces"} selected.`;
  }

  function hovered(side, local, spoken) {
    const { source } = panels[side];
    const face = local < 0 ? -1 : source.index[local];
    const other = panels[1 - side];
    if (other.source) other.map.mark({ linked: face < 0 ? -1 : other.source.at.get(face) ?? -1 });
    if (spoken) status.textContent = local < 0 ? "" : `A ${gloss(bundle, source, local)}.`;
  }

  async function share() {
    const link = location.href;
    try {
      await navigator.clipboard.writeText(link);
      status.textContent = "The link to this view is copied.";
    } catch {
      fill(status, make("input", { readOnly: true, value: link, className: "kx-link-field", "aria-label": "Link to this view" }));
      status.firstChild.select();
    }
  }

  function ink() {
    const style = getComputedStyle(root);
    return Object.fromEntries(["text", "muted", "line", "paper", "low", "high"].map((name) => [name, style.getPropertyValue(`--kx-${name}`).trim()]));
  }

  // The sources' own data is read when it is needed; until it is there, what was drawn stays.
  let there = Promise.resolve();
  function wait(sources) {
    root.dataset.waiting = "1";
    there = Promise.all(sources.map(load)).then(() => { delete root.dataset.waiting; everything(); },
      () => { delete root.dataset.waiting; status.textContent = `The data of ${sources.map((source) => source.title).join(" and ")} cannot be read here.`; });
  }

  function everything(now = state.get()) {
    const source = sourceOf(bundle, now.source);
    const other = now.compare && now.compare !== source.id ? bundle.sources.find((item) => item.id === now.compare) : null;
    const absent = [source, other].filter((item) => item && !item.loaded);
    if (absent.length) return wait(absent);
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
      const colours = paint(bundle, panel.source, side ? source : other, now.colour, colour.paper, now.clusters);
      const view = viewOf(bundle, panel.source, now, found, colours, panel.map.root.clientWidth < 480);
      fill(panel.title, panel.source.title, make("span", { className: "kx-note", textContent: `${panel.source.what} · ${view.visible.reduce((sum, value) => sum + value, 0)} of ${panel.source.size} faces` }));
      panel.map.name(`Map of ${view.visible.reduce((sum, value) => sum + value, 0)} faces of ${panel.source.title}. Arrow keys go from face to face, Enter opens a card, Shift with arrows turns the map, plus and minus zoom.`);
      panel.map.ink(colour);
      panel.map.look({ turn: now.turn, zoom: now.zoom, shift: now.shift });
      if (side === 0) {
        showLegend(legend, colours.legend, now.only, (only) => set({ only }), (key) => panels.forEach((other) => other.map.preview(now.only ? "" : key)));
        if (isTree) tree.show(view);
        panel.view = view;
      }
      if (!isTree) panel.map.show(view);
    });
    tree.ink(colour);
    criterion.root.hidden = !(isTree || now.colour === "cluster");
    if (!criterion.root.hidden) criterion.show(source, now.clusters);
    showResults(results, bundle, source, found, (face) => sayFace(source, face), open);
    list.show(source, now.layer, now.selected, now.clusters);
    side(now, source, other, colour);
  }

  const sayFace = (source, face) => (source.at.has(face) ? gloss(bundle, source, source.at.get(face)) : "a face that this source lacks");

  function side(now, source, other, colour) {
    const face = bundle.byFace.get(now.face);
    const { view } = panels[0];
    const within = root.contains(document.activeElement) && card.root.contains(document.activeElement);
    rank.hidden = face !== undefined;
    if (face === undefined) {
      card.close();
      const shown = view.order.filter((local) => view.visible[local] && !view.faded[local]).slice(0, RANKED);
      return fill(rank, make("h3", { className: "kx-panel-title", textContent: now.search || now.only ? `${shown.length} faces, most typed first` : "Faces, most typed first" }), make("ol", {}, ...shown.map((local) =>
        make("li", {}, make("button", { type: "button", "aria-label": gloss(bundle, source, local), on: { click: () => open(source.index[local]) } },
          make("span", { "aria-hidden": "true", className: "kx-symbol", textContent: view.symbols[local], style: { color: view.colours[local] } }), faceWords(view.faces[local]),
          make("span", { className: "kx-note", textContent: weightWords(source, local).replace("typed ", "") }))))));
    }
    const local = source.at.get(face);
    card.show(face, source, other, { layerName: layoutOf(source, now.layer).name, minimum: now.minimum, paper: colour.paper, colour: local === undefined ? null : view.colours[local] });
    card.root.scrollTop = 0;
    if (within) card.root.focus({ preventScroll: true });
  }

  // Opening a card or selecting faces leaves the map as it is; everything else draws it anew.
  const LIGHT = new Set(["face", "selected", "turn", "zoom", "shift"]);
  const unlisten = state.listen((now, names, from) => {
    if (root.dataset.waiting) wait([sourceOf(bundle, now.source)]);
    else if ([...names].every((name) => LIGHT.has(name))) {
      const source = sourceOf(bundle, now.source);
      const other = panels[1].source;
      for (const panel of panels) if (panel.source) {
        const marked = marksOf(bundle, panel.source, now);
        panel.map.mark(marked);
        if (from !== "camera") panel.map.look({ turn: now.turn, zoom: now.zoom, shift: now.shift }, true);
        if (panel.side === 0) tree.mark(marked);
      }
      if (names.has("selected")) list.show(source, now.layer, now.selected, now.clusters);
      if (names.has("face")) {
        side(now, source, other, ink());
        if (now.face && root.clientWidth < 700) card.root.scrollIntoView({ block: "nearest" });
      }
    } else {
      everything(now);
    }
    if (address) history.replaceState(null, "", `#${toHash(now)}`);
    if (changed && from !== "model") changed(now, names);
  });

  // Keys that work anywhere in the explorer where nothing is being typed.
  const views = () => [...controls.root.querySelectorAll("[aria-label=View] button")];
  const KEYS = { "?": help.open, "/": () => controls.search.focus(), 0: reset, l: () => tools.choose("lasso"), b: () => tools.choose("box"), t: () => tools.choose("turn"),
                 e: () => controls.ellipses.firstChild.click(), Escape: () => state.get().face && closeCard() };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.root.open || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const act = KEYS[event.key] || (/^[1-9]$/.test(event.key) && (() => views()[Number(event.key) - 1]?.click()));
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });

  const reread = () => set({ ...DEFAULTS, source: bundle.sources[0].id, ...payload.start, ...fromAddress() });
  if (address) window.addEventListener("hashchange", reread);
  const themes = new MutationObserver(() => { if (JSON.stringify(ink()) !== drawnIn) everything(); });
  for (const element of [document.documentElement, document.body]) themes.observe(element, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "class"] });
  // Paper is white: it is drawn for before the printer takes the page, and as it was after that.
  const print = (printing) => {
    root.classList.toggle("kx-print", printing);
    everything();
    for (const part of [panels[0].map, panels[1].map, tree]) part.drawNow();
  };
  const printers = { beforeprint: () => print(true), afterprint: () => print(false) };
  for (const [name, act] of Object.entries(printers)) window.addEventListener(name, act);
  everything();
  const text = bundle.faces.join("").slice(0, 20000);
  const ready = document.fonts.load("20px Kaomoji", text).catch(() => {}).then(() => there).then(() => { forgetWidths(); everything(); root.dataset.ready = "1"; });
  return { set, state, bundle, root, panels, tree, ready, find, load,
           stop() { unlisten(); themes.disconnect(); for (const [name, act] of Object.entries(printers)) window.removeEventListener(name, act); window.removeEventListener("hashchange", reread); panels.forEach((panel) => panel.map.stop()); tree.stop(); } };
}
