// The tree of faces beside their similarities: rows are faces, branches have the colour of their cluster.

import { clusterColour, legible } from "./colour.js";
import { make, once } from "./dom.js";

const FAMILY = "Kaomoji, 'Noto Sans', sans-serif";

export function makeTree({ onHover, onPick, onSelect }) {
  const base = make("canvas", { className: "kx-base" });
  const over = make("canvas", { className: "kx-over" });
  const tip = make("div", { className: "kx-tip", hidden: true });
  const sheet = make("div", { className: "kx-sheet" }, base, over, tip);
  const root = make("div", { className: "kx-tree", tabIndex: 0, role: "application", "aria-label": "Tree of faces and their similarities. Up and down move, Enter opens a card." }, sheet);
  let view = null;
  let ink = { text: "#222", muted: "#777", line: "#ddd", paper: "#fff", low: "#2166ac", high: "#b2512b" };
  let geometry = null;
  let hovered = -1;

  function lay() {
    const { tree } = view.source;
    const n = tree.members.length;
    const width = root.clientWidth - 14;
    const row = n <= 60 ? 18 : n <= 130 ? 14 : 9;
    const context = base.getContext("2d");
    const size = Math.min(15, row * 0.84);
    context.font = `${size}px ${FAMILY}`;
    const label = row > 10 ? Math.min(0.34 * width, 12 + Math.max(...[...tree.members].map((local) => context.measureText(view.faces[local]).width))) : 8;
    const branch = Math.max(70, Math.min(220, 0.24 * width));
    const cell = (width - branch - label - 8) / n;
    const nodes = [];
    const leafRow = new Map([...tree.order].map((leaf, place) => [leaf, place]));
    for (let leaf = 0; leaf < n; leaf++) nodes.push({ y: (leafRow.get(leaf) + 0.5) * row, h: 0, leaves: [leaf] });
    for (let merge = 0; merge < n - 1; merge++) {
      const [a, b, h] = tree.merges.subarray(3 * merge, 3 * merge + 3);
      nodes.push({ a, b, h, y: (nodes[a].y + nodes[b].y) / 2, leaves: [...nodes[a].leaves, ...nodes[b].leaves] });
    }
    const top = nodes[nodes.length - 1].h || 1;
    const x = (h) => 6 + (branch - 12) * (1 - h / top);
    geometry = { n, width, row, size, label, branch, cell, nodes, x, left: branch + label, height: n * row + 4 };
    sheet.style.height = `${geometry.height}px`;
    const density = Math.min(2, window.devicePixelRatio || 1);
    for (const canvas of [base, over]) {
      [canvas.width, canvas.height] = [Math.round(width * density), Math.round(geometry.height * density)];
      Object.assign(canvas.style, { width: `${width}px`, height: `${geometry.height}px` });
      canvas.getContext("2d").setTransform(density, 0, 0, density, 0, 0);
    }
  }

  function paint() {
    if (!view || !view.source.tree || root.hidden || !root.clientWidth) return;
    lay();
    const { tree } = view.source;
    const { n, row, nodes, x, left, cell, size, branch } = geometry;
    const context = base.getContext("2d");
    context.clearRect(0, 0, geometry.width, geometry.height);
    context.lineWidth = 1.4;
    for (const node of nodes.slice(n)) {
      const cluster = view.clusters[tree.members[node.leaves[0]]];
      const one = node.leaves.every((leaf) => view.clusters[tree.members[leaf]] === cluster);
      context.strokeStyle = one ? legible(clusterColour(cluster), ink.paper, 3) : ink.muted;
      context.beginPath();
      context.moveTo(x(nodes[node.a].h), nodes[node.a].y);
      context.lineTo(x(node.h), nodes[node.a].y);
      context.lineTo(x(node.h), nodes[node.b].y);
      context.lineTo(x(nodes[node.b].h), nodes[node.b].y);
      context.stroke();
    }
    context.textBaseline = "middle";
    [...tree.order].forEach((leaf, place) => {
      const local = tree.members[leaf];
      context.font = `${size}px ${FAMILY}`;
      context.fillStyle = view.colours[local];
      if (row > 10) context.fillText(view.faces[local], branch + 4, (place + 0.5) * row);
      if (!tree.matrix) return;
      [...tree.order].forEach((other, column) => {
        const value = tree.matrix[leaf * n + other];
        context.globalAlpha = Math.min(1, Math.abs(value));
        context.fillStyle = value < 0 ? ink.low : ink.high;
        context.fillRect(left + column * cell, place * row + 0.5, Math.max(1, cell - 0.6), row - 1);
      });
      context.globalAlpha = 1;
    });
    let before = 0;
    [...tree.order].forEach((leaf, place) => {
      const cluster = view.clusters[tree.members[leaf]];
      if (place && cluster !== before) {
        context.strokeStyle = ink.text;
        context.lineWidth = 1;
        context.globalAlpha = 0.5;
        context.beginPath();
        context.moveTo(branch, place * row);
        context.lineTo(geometry.width, place * row);
        context.moveTo(left + place * cell, 0);
        context.lineTo(left + place * cell, n * row);
        context.stroke();
        context.globalAlpha = 1;
      }
      before = cluster;
    });
    paintOver();
  }

  function paintOver() {
    const context = over.getContext("2d");
    context.clearRect(0, 0, geometry.width, geometry.height);
    const bar = (local, alpha) => {
      const leaf = view.source.tree.members.indexOf(local);
      if (leaf < 0) return;
      const { y } = geometry.nodes[leaf];
      context.globalAlpha = alpha;
      context.fillStyle = ink.text;
      context.fillRect(geometry.branch, y - geometry.row / 2, geometry.width - geometry.branch, geometry.row);
    };
    for (const local of view.marked) bar(local, 0.1);
    bar(view.open, 0.2);
    bar(view.linked, 0.16);
    bar(hovered, 0.16);
    context.globalAlpha = 1;
  }

  const draw = once(paint);
  const place = (event) => { const box = sheet.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const rowAt = (y) => view.source.tree.order[Math.max(0, Math.min(geometry.n - 1, Math.floor(y / geometry.row)))];

  function nodeAt(x, y) {
    const inner = geometry.nodes.slice(geometry.n);
    return inner.filter((node) => Math.abs(x - geometry.x(node.h)) < 9 && y >= Math.min(geometry.nodes[node.a].y, geometry.nodes[node.b].y) - 3
      && y <= Math.max(geometry.nodes[node.a].y, geometry.nodes[node.b].y) + 3).sort((a, b) => a.leaves.length - b.leaves.length)[0];
  }

  function hover(local, words, at, spoken = false) {
    tip.hidden = !words;
    if (words) {
      tip.textContent = words;
      tip.style.left = `${Math.min(at[0] + 14, Math.max(0, geometry.width - 250))}px`;
      tip.style.top = `${at[1] + 16}px`;
    }
    if (local === hovered) return;
    hovered = local;
    paintOver();
    onHover(local, spoken);
  }

  sheet.addEventListener("pointermove", (event) => {
    if (!geometry) return;
    const [x, y] = place(event);
    const { tree } = view.source;
    const leaf = rowAt(y);
    const local = tree.members[leaf];
    const node = x < geometry.branch ? nodeAt(x, y) : null;
    sheet.style.cursor = node || x >= geometry.branch ? "pointer" : "default";
    if (node) return hover(-1, `${node.leaves.length} faces, joined at distance ${node.h.toFixed(2)}: click to select`, [x, y]);
    if (x > geometry.left && tree.matrix) {
      const other = tree.order[Math.max(0, Math.min(geometry.n - 1, Math.floor((x - geometry.left) / geometry.cell)))];
      return hover(local, `${view.faces[local]}  ${view.faces[tree.members[other]]}  cosine ${tree.matrix[leaf * geometry.n + other].toFixed(2)}`, [x, y]);
    }
    if (x >= geometry.branch) return hover(local, view.describe(local), [x, y]);
    hover(-1, "", [x, y]);
  });
  sheet.addEventListener("pointerleave", () => geometry && hover(-1, "", [0, 0]));
  sheet.addEventListener("click", (event) => {
    const [x, y] = place(event);
    const node = x < geometry.branch ? nodeAt(x, y) : null;
    if (node) onSelect(node.leaves.map((leaf) => view.source.tree.members[leaf]));
    else if (x >= geometry.branch) onPick(view.source.tree.members[rowAt(y)]);
  });
  root.addEventListener("keydown", (event) => {
    if (!geometry) return;
    const { tree } = view.source;
    const now = [...tree.order].indexOf(tree.members.indexOf(hovered >= 0 ? hovered : view.open));
    if (event.key === "Enter" && hovered >= 0) onPick(hovered);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next = Math.max(0, Math.min(geometry.n - 1, now + (event.key === "ArrowDown" ? 1 : -1)));
      hover(tree.members[tree.order[next]], "", [0, 0], true);
      root.scrollTop = Math.max(0, (next + 0.5) * geometry.row - root.clientHeight / 2);
    } else return;
    event.preventDefault();
  });

  const watcher = new ResizeObserver(draw);
  watcher.observe(root);
  return {
    root,
    show(next) { view = next; hovered = -1; draw(); },
    mark(patch) { if (view) { Object.assign(view, patch); if (geometry) paintOver(); } },
    ink(next) { ink = next; draw(); },
    nodes: () => geometry && geometry.nodes.slice(geometry.n).map((node) => [geometry.x(node.h), node.y, node.leaves.length]),
    stop() { watcher.disconnect(); },
  };
}
