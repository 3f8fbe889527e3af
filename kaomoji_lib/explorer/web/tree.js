// The tree of faces beside their similarities: rows are faces, branches have the colour of their cluster. A branch and its
// block of the similarities are outlined together.

import { clusterColour, legible } from "./colour.js";
import { make, once } from "./dom.js";
import { drawLine, FAMILY, prepare } from "./strokes.js";

const [LARGE, NEAR] = [60, 9]; // rows up to which they are large; pixels around a branch that count as on it
const MOST_PIXELS = 16000; // of a canvas, along one side

export function makeTree({ onHover, onPick, onSelect }) {
  const base = make("canvas", { className: "kx-base" });
  const over = make("canvas", { className: "kx-over" });
  const tip = make("div", { className: "kx-tip", hidden: true });
  const sheet = make("div", { className: "kx-sheet" }, base, over, tip);
  const scroll = make("div", { className: "kx-tree", tabIndex: 0, role: "application", "aria-label": "Tree of kaomoji and their similarities. Up and down move, Enter opens a card." }, sheet);
  const key = make("p", { className: "kx-tree-key kx-note" });
  const root = make("div", {}, scroll, key);
  let view = null;
  let ink = null;
  let geometry = null;
  let hovered = { row: -1, node: null };

  // Nodes are the rows from top to bottom, then the branches from the lowest to the root.
  function lay() {
    const { members, merges } = view.source.tree;
    const n = members.length;
    const width = scroll.clientWidth - 14;
    const row = n <= LARGE ? 18 : 15;
    const context = base.getContext("2d");
    context.font = `${0.82 * row}px ${FAMILY}`;
    const label = Math.min(0.36 * width, 12 + Math.max(...[...members].map((local) => context.measureText(view.faces[local]).width)));
    const branch = Math.max(70, Math.min(220, 0.24 * width));
    const nodes = Array.from({ length: n }, (_, place) => ({ y: (place + 0.5) * row, h: 0, first: place, last: place }));
    for (let merge = 0; merge < n - 1; merge++) {
      const [a, b, h] = merges.subarray(3 * merge, 3 * merge + 3);
      nodes.push({ a: nodes[a], b: nodes[b], h, y: (nodes[a].y + nodes[b].y) / 2, first: Math.min(nodes[a].first, nodes[b].first), last: Math.max(nodes[a].last, nodes[b].last) });
    }
    const top = nodes[nodes.length - 1].h || 1;
    const height = n * row + 4;
    geometry = { n, width, height, row, label, branch, nodes, x: (h) => 6 + (branch - 12) * (1 - h / top), left: branch + label, cell: (width - branch - label - 8) / n,
                 density: Math.min(2, window.devicePixelRatio || 1, MOST_PIXELS / height) };
    for (const canvas of [base, over]) {
      [canvas.width, canvas.height] = [Math.round(width * geometry.density), Math.round(height * geometry.density)];
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    }
  }

  function render() {
    const { members, matrix } = view.source.tree;
    const { n, row, nodes, left, cell, branch, width, height, density } = geometry;
    const context = prepare(base, density, width, height);
    context.textAlign = "left";
    context.lineWidth = 1.4;
    for (const node of nodes.slice(n)) elbow(context, node, colourOf(node));
    for (let place = 0; place < n; place++) {
      context.font = `${0.82 * row}px ${FAMILY}`;
      context.fillStyle = view.colours[members[place]];
      context.fillText(view.faces[members[place]], branch + 4, (place + 0.5) * row, geometry.label - 6);
      for (let other = 0; other < n; other++) {
        const value = matrix[place * n + other];
        context.globalAlpha = Math.min(1, Math.abs(value));
        context.fillStyle = value < 0 ? ink.low : ink.high;
        context.fillRect(left + other * cell, place * row + 0.5, Math.max(1, cell - 0.6), row - 1);
      }
      context.globalAlpha = 1;
    }
    context.strokeStyle = ink.text;
    context.globalAlpha = 0.5;
    context.lineWidth = 1;
    for (let place = 1; place < n; place++) {
      if (clusterOf(place) === clusterOf(place - 1)) continue;
      drawLine(context, [branch, place * row], [width, place * row]);
      drawLine(context, [left + place * cell, 0], [left + place * cell, n * row]);
    }
    renderOver();
  }

  const clusterOf = (place) => view.source.tree.labels[place];
  function elbow(context, { a, b, h }, colour) {
    const x = geometry.x(h);
    context.strokeStyle = colour;
    drawLine(context, [geometry.x(a.h), a.y], [x, a.y], [x, b.y], [geometry.x(b.h), b.y]);
  }
  // The clusters are a cut of the tree: a branch is within one if its ends are.
  const colourOf = ({ first, last }) => (clusterOf(first) === clusterOf(last) ? legible(clusterColour(clusterOf(first)), ink.paper, 3) : ink.muted);

  function renderOver() {
    const { n, row, cell, left, branch, width, height, density } = geometry;
    const context = prepare(over, density, width, height);
    const band = (place, alpha) => {
      context.globalAlpha = alpha;
      context.fillStyle = ink.text;
      context.fillRect(branch, place * row, width - branch, row);
      context.fillRect(left + place * cell, 0, cell, n * row);
    };
    view.source.tree.members.forEach((local, place) => {
      if (view.marked.includes(local)) band(place, 0.1);
      if (local === view.open) band(place, 0.2);
    });
    if (hovered.row >= 0) band(hovered.row, 0.16);
    if (!hovered.node) return;
    const { first, last } = hovered.node;
    context.globalAlpha = 1;
    context.lineWidth = 2.6;
    const below = (node) => { if (!node.a) return; elbow(context, node, ink.text); below(node.a); below(node.b); };
    below(hovered.node);
    context.strokeRect(left + first * cell, first * row, (last - first + 1) * cell, (last - first + 1) * row);
    context.globalAlpha = 0.08;
    context.fillStyle = ink.text;
    context.fillRect(branch, first * row, width - branch, (last - first + 1) * row);
  }

  function drawNow() {
    if (!view || !view.source.tree || root.hidden || !scroll.clientWidth) return;
    lay();
    key.replaceChildren("Colour of a cell: cosine of two kaomoji, −1 ", make("span", { className: "kx-gradient", "aria-hidden": "true", style: { background: `linear-gradient(90deg, ${ink.low}, ${ink.paper}, ${ink.high})` } }),
      " 1. Click a branch to select its kaomoji.");
    render();
  }
  const draw = once(drawNow);
  const clamp = (place) => Math.max(0, Math.min(geometry.n - 1, Math.floor(place)));
  // What is at a place of the sheet: a branch, or a row and a column.
  function at(event) {
    const box = sheet.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const row = clamp(y / geometry.row);
    if (x >= geometry.branch) return { x, y, row, node: null, column: x > geometry.left ? clamp((x - geometry.left) / geometry.cell) : -1 };
    const on = ({ a, b, h }) => Math.abs(x - geometry.x(h)) < NEAR && y >= Math.min(a.y, b.y) - 3 && y <= Math.max(a.y, b.y) + 3;
    return { x, y, row: -1, node: geometry.nodes.slice(geometry.n).filter(on).sort((a, b) => a.last - a.first - b.last + b.first)[0] || null };
  }
  const membersOf = ({ first, last }) => [...view.source.tree.members.slice(first, last + 1)];

  function hover(row, node, spoken = false) {
    if (row === hovered.row && node === hovered.node) return;
    hovered = { row, node };
    renderOver();
    onHover(row < 0 ? -1 : view.source.tree.members[row], spoken);
  }

  sheet.addEventListener("pointermove", (event) => {
    if (!geometry) return;
    const { x, y, row, node, column } = at(event);
    const { members, matrix } = view.source.tree;
    hover(row, node);
    sheet.style.cursor = node || row >= 0 ? "pointer" : "default";
    tip.hidden = !node && row < 0;
    if (node) tip.textContent = `${membersOf(node).length} kaomoji, joined at distance ${node.h.toFixed(2)}: click to select`;
    else if (column >= 0) tip.textContent = `${view.faces[members[row]]}  ${view.faces[members[column]]}  cosine ${matrix[row * geometry.n + column].toFixed(2).replace("-", "−")}`;
    else if (row >= 0) tip.textContent = view.describe(members[row]);
    tip.style.left = `${Math.min(x + 14, Math.max(0, geometry.width - 250))}px`;
    tip.style.top = `${y + 16}px`;
  });
  sheet.addEventListener("pointerleave", () => { tip.hidden = true; if (geometry) hover(-1, null); });
  sheet.addEventListener("click", (event) => {
    const { row, node } = at(event);
    if (node) onSelect(membersOf(node));
    else if (row >= 0) onPick(view.source.tree.members[row]);
  });
  scroll.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!geometry || (!step && event.key !== "Enter")) return;
    const now = hovered.row >= 0 ? hovered.row : view.source.tree.members.indexOf(view.open);
    if (!step && now >= 0) onPick(view.source.tree.members[now]);
    if (step) {
      hover(clamp(now + step), null, true);
      scroll.scrollTop = Math.max(0, (hovered.row + 0.5) * geometry.row - scroll.clientHeight / 2);
    }
    event.preventDefault();
  });

  const watcher = new ResizeObserver(drawNow);
  watcher.observe(scroll);
  return {
    root, drawNow,
    focus: () => scroll.focus(),
    show(next, colours) { [view, ink, hovered] = [next, colours, { row: -1, node: null }]; draw(); },
    nodes: () => geometry && geometry.nodes.slice(geometry.n).map((node) => [geometry.x(node.h), node.y, node.last - node.first + 1]),
    stop() { watcher.disconnect(); },
  };
}
