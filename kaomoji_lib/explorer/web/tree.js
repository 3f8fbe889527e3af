// The tree of faces beside their similarities: rows are faces, branches have the colour of their cluster. A branch and its
// block of the similarities are outlined together.

import { clusterColour, legible } from "./colour.js";
import { make, once } from "./dom.js";
import { drawLine, FAMILY, prepare } from "./strokes.js";

const [LARGE, NEAR] = [60, 9]; // rows up to which they are large; pixels around a branch that count as on it

export function makeTree({ onHover, onPick, onSelect }) {
  const base = make("canvas", { className: "kx-base" });
  const over = make("canvas", { className: "kx-over" });
  const tip = make("div", { className: "kx-tip", hidden: true });
  const sheet = make("div", { className: "kx-sheet" }, make("div", { className: "kx-window" }, base, over), tip);
  const scroll = make("div", { className: "kx-tree", tabIndex: 0, role: "application", "aria-label": "Tree of kaomoji and their similarities. Up and down move, Enter opens a card." }, sheet);
  const key = make("p", { className: "kx-tree-key kx-note" });
  const root = make("div", {}, scroll, key);
  let view = null;
  let ink = { text: "#222", muted: "#777", line: "#ddd", paper: "#fff", low: "#2166ac", high: "#b2512b" };
  let geometry = null;
  let hovered = { local: -1, node: null };

  function lay() {
    const { tree } = view.source;
    const n = tree.members.length;
    const width = scroll.clientWidth - 14;
    const row = n <= LARGE ? 18 : 15;
    const context = base.getContext("2d");
    const size = row * 0.82;
    context.font = `${size}px ${FAMILY}`;
    const label = Math.min(0.36 * width, 12 + Math.max(...[...tree.members].map((local) => context.measureText(view.faces[local]).width)));
    const branch = Math.max(70, tree.matrix ? Math.min(220, 0.24 * width) : Math.min(560, 0.6 * width));
    const nodes = [];
    const leafRow = new Map([...tree.order].map((leaf, place) => [leaf, place]));
    for (let leaf = 0; leaf < n; leaf++) nodes.push({ y: (leafRow.get(leaf) + 0.5) * row, h: 0, leaves: [leaf], first: leafRow.get(leaf), last: leafRow.get(leaf) });
    for (let merge = 0; merge < n - 1; merge++) {
      const [a, b, h] = tree.merges.subarray(3 * merge, 3 * merge + 3);
      nodes.push({ a, b, h, y: (nodes[a].y + nodes[b].y) / 2, leaves: [...nodes[a].leaves, ...nodes[b].leaves],
                   first: Math.min(nodes[a].first, nodes[b].first), last: Math.max(nodes[a].last, nodes[b].last) });
    }
    const top = nodes[nodes.length - 1].h || 1;
    const [height, density] = [n * row + 4, Math.min(2, window.devicePixelRatio || 1)];
    geometry = { n, width, row, size, label, branch, nodes, x: (h) => 6 + (branch - 12) * (1 - h / top), left: branch + label, cell: (width - branch - label - 8) / n, leafRow, density,
                 shown: Math.min(height, scroll.clientHeight - 12) };
    sheet.style.height = `${height}px`;
    for (const canvas of [base, over]) {
      [canvas.width, canvas.height] = [Math.round(width * density), Math.round(geometry.shown * density)];
      Object.assign(canvas.style, { width: `${width}px`, height: `${geometry.shown}px` });
    }
  }

  // A canvas as high as the visible part of the tree, moved with the scrolling.
  function surface(canvas) {
    const context = prepare(canvas, geometry.density, geometry.width, geometry.shown);
    context.textAlign = "left";
    context.translate(0, -scroll.scrollTop);
    return context;
  }
  const rows = () => [Math.floor(scroll.scrollTop / geometry.row), Math.min(geometry.n - 1, Math.ceil((scroll.scrollTop + geometry.shown) / geometry.row))];

  function render() {
    if (!geometry) return;
    const { tree } = view.source;
    const { n, row, nodes, left, cell, size, branch, width } = geometry;
    const context = surface(base);
    const [top, bottom] = rows();
    context.lineWidth = 1.4;
    for (const node of nodes.slice(n)) if (node.last >= top && node.first <= bottom) elbow(context, node, colourOf(node));
    for (let place = top; place <= bottom; place++) {
      const leaf = tree.order[place];
      context.font = `${size}px ${FAMILY}`;
      context.fillStyle = view.colours[tree.members[leaf]];
      context.save();
      context.beginPath();
      context.rect(branch, place * row, geometry.label - 2, row);
      context.clip();
      context.fillText(view.faces[tree.members[leaf]], branch + 4, (place + 0.5) * row);
      context.restore();
      if (!tree.matrix) continue;
      [...tree.order].forEach((other, column) => {
        const value = tree.matrix[leaf * n + other];
        context.globalAlpha = Math.min(1, Math.abs(value));
        context.fillStyle = value < 0 ? ink.low : ink.high;
        context.fillRect(left + column * cell, place * row + 0.5, Math.max(1, cell - 0.6), row - 1);
      });
      context.globalAlpha = 1;
    }
    context.strokeStyle = ink.text;
    context.globalAlpha = 0.5;
    context.lineWidth = 1;
    for (let place = 1; place < n; place++) {
      if (view.clusters[tree.members[tree.order[place]]] === view.clusters[tree.members[tree.order[place - 1]]]) continue;
      drawLine(context, [branch, place * row], [width, place * row]);
      if (tree.matrix) drawLine(context, [left + place * cell, 0], [left + place * cell, n * row]);
    }
    renderOver();
  }

  function elbow(context, node, colour) {
    const [a, b] = [geometry.nodes[node.a], geometry.nodes[node.b]];
    const x = geometry.x(node.h);
    context.strokeStyle = colour;
    drawLine(context, [geometry.x(a.h), a.y], [x, a.y], [x, b.y], [geometry.x(b.h), b.y]);
  }
  function colourOf(node) {
    const { members } = view.source.tree;
    const cluster = view.clusters[members[node.leaves[0]]];
    return node.leaves.every((leaf) => view.clusters[members[leaf]] === cluster) ? legible(clusterColour(cluster), ink.paper, 3) : ink.muted;
  }
  function renderOver() {
    if (!geometry) return;
    const { tree } = view.source;
    const { row, cell, left, branch, width, nodes } = geometry;
    const context = surface(over);
    const band = (local, alpha, column = false) => {
      const leaf = tree.members.indexOf(local);
      if (leaf < 0) return;
      const place = geometry.leafRow.get(leaf);
      context.globalAlpha = alpha;
      context.fillStyle = ink.text;
      context.fillRect(branch, place * row, width - branch, row);
      if (column && tree.matrix) context.fillRect(left + place * cell, 0, cell, geometry.n * row);
    };
    for (const local of view.marked) band(local, 0.1);
    band(view.open, 0.2, true);
    band(view.linked, 0.16);
    band(hovered.local, 0.16, true);
    if (hovered.node) {
      const { first, last } = hovered.node;
      context.globalAlpha = 1;
      context.lineWidth = 2.6;
      const below = (node) => { if (node.a === undefined) return; elbow(context, node, ink.text); below(nodes[node.a]); below(nodes[node.b]); };
      below(hovered.node);
      context.lineWidth = 2;
      if (tree.matrix) context.strokeRect(left + first * cell, first * row, (last - first + 1) * cell, (last - first + 1) * row);
      context.globalAlpha = 0.08;
      context.fillStyle = ink.text;
      context.fillRect(branch, first * row, width - branch, (last - first + 1) * row);
    }
    context.globalAlpha = 1;
  }

  const repaint = once(() => view && render());
  const drawNow = () => {
    if (!view || !view.source.tree || root.hidden || !scroll.clientWidth) return;
    lay();
    key.textContent = view.source.tree.matrix ? "Colour of a cell: cosine of two kaomoji, " : "Too many kaomoji to show their similarities: the tree alone.";
    if (view.source.tree.matrix) key.append(make("span", { textContent: "−1 " }), make("span", { className: "kx-gradient", "aria-hidden": "true", style: { background: `linear-gradient(90deg, ${ink.low}, ${ink.paper}, ${ink.high})` } }),
      make("span", { textContent: " 1. Click a branch to select its kaomoji." }));
    render();
  };
  const draw = once(drawNow);
  const place = (event) => { const box = sheet.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const rowAt = (y) => view.source.tree.order[Math.max(0, Math.min(geometry.n - 1, Math.floor(y / geometry.row)))];

  function nodeAt(x, y) {
    const { nodes } = geometry;
    return nodes.slice(geometry.n).filter((node) => Math.abs(x - geometry.x(node.h)) < NEAR && y >= Math.min(nodes[node.a].y, nodes[node.b].y) - 3
      && y <= Math.max(nodes[node.a].y, nodes[node.b].y) + 3).sort((a, b) => a.leaves.length - b.leaves.length)[0] || null;
  }

  function hover(found, words, at, spoken = false) {
    tip.hidden = !words;
    if (words) {
      tip.textContent = words;
      tip.style.left = `${Math.min(at[0] + 14, Math.max(0, geometry.width - 250))}px`;
      tip.style.top = `${at[1] + 16}px`;
    }
    const next = { local: -1, node: null, ...found };
    if (next.local === hovered.local && next.node === hovered.node) return;
    const changed = next.local !== hovered.local;
    hovered = next;
    renderOver();
    if (changed) onHover(hovered.local, spoken);
  }

  sheet.addEventListener("pointermove", (event) => {
    if (!geometry) return;
    const [x, y] = place(event);
    const { tree } = view.source;
    const leaf = rowAt(y);
    const local = tree.members[leaf];
    const node = x < geometry.branch ? nodeAt(x, y) : null;
    sheet.style.cursor = node || x >= geometry.branch ? "pointer" : "default";
    if (node) return hover({ node }, `${node.leaves.length} kaomoji, joined at distance ${node.h.toFixed(2)}: click to select`, [x, y]);
    if (x > geometry.left && tree.matrix) {
      const other = tree.order[Math.max(0, Math.min(geometry.n - 1, Math.floor((x - geometry.left) / geometry.cell)))];
      return hover({ local }, `${view.faces[local]}  ${view.faces[tree.members[other]]}  cosine ${tree.matrix[leaf * geometry.n + other].toFixed(2).replace("-", "−")}`, [x, y]);
    }
    if (x >= geometry.branch) return hover({ local }, view.describe(local), [x, y]);
    hover({}, "", [x, y]);
  });
  sheet.addEventListener("pointerleave", () => geometry && hover({}, "", [0, 0]));
  sheet.addEventListener("click", (event) => {
    const [x, y] = place(event);
    const node = x < geometry.branch ? nodeAt(x, y) : null;
    if (node) onSelect(node.leaves.map((leaf) => view.source.tree.members[leaf]));
    else if (x >= geometry.branch) onPick(view.source.tree.members[rowAt(y)]);
  });
  scroll.addEventListener("scroll", repaint);
  scroll.addEventListener("keydown", (event) => {
    if (!geometry) return;
    const { tree } = view.source;
    const now = [...tree.order].indexOf(tree.members.indexOf(hovered.local >= 0 ? hovered.local : view.open));
    if (event.key === "Enter" && hovered.local >= 0) onPick(hovered.local);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next = Math.max(0, Math.min(geometry.n - 1, now + (event.key === "ArrowDown" ? 1 : -1)));
      hover({ local: tree.members[tree.order[next]] }, "", [0, 0], true);
      scroll.scrollTop = Math.max(0, (next + 0.5) * geometry.row - scroll.clientHeight / 2);
    } else return;
    event.preventDefault();
  });

  const watcher = new ResizeObserver(drawNow);
  watcher.observe(scroll);
  return {
    root, drawNow,
    focus: () => scroll.focus(),
    show(next) { view = next; hovered = { local: -1, node: null }; draw(); },
    mark(patch) { if (view) { Object.assign(view, patch); renderOver(); } },
    ink(next) { ink = next; draw(); },
    nodes: () => geometry && geometry.nodes.slice(geometry.n).map((node) => [geometry.x(node.h), node.y, node.leaves.length]),
    stop() { watcher.disconnect(); },
  };
}
