// A map of faces on a canvas: the faces are the marks. Where two would cover each other, the rarer one is its symbol.

import { make, once } from "./dom.js";
import { ellipse, extent, inside, project } from "./project.js";

const FAMILY = "Kaomoji, 'Noto Sans', sans-serif";
const CELL = 6;
// Where a face may stand when its own place is taken: the same place first, then ever wider rings around it.
const RINGS = [[0, 0], ...[18, 32, 48, 66, 86].flatMap((reach) => Array.from({ length: 12 }, (_, turn) => {
  const angle = (turn / 12) * 2 * Math.PI + reach;
  return [1.5 * reach * Math.cos(angle), reach * Math.sin(angle)];
}))];
const CROWDED = 25; // rings are cut to this many places where there are many faces
const widths = new Map();
export const forgetWidths = () => widths.clear(); // once the font is there, faces have other widths

export function makeMap({ label, describe, onHover, onPick, onSelect, onCamera }) {
  const base = make("canvas", { className: "kx-base" });
  const over = make("canvas", { className: "kx-over" });
  const tip = make("div", { className: "kx-tip", hidden: true });
  const root = make("div", { className: "kx-map", tabIndex: 0, role: "application", "aria-label": label }, base, over, tip);
  let view = null;
  let ink = { text: "#222", muted: "#777", line: "#ddd", paper: "#fff" };
  let camera = { turn: [0, 0], zoom: 1, shift: [0, 0] };
  let frame = { x: 0, y: 0, scale: 1, extent: 1, flat: false };
  let places = new Float32Array(0);
  let spots = new Float32Array(0);
  let ring = new Uint8Array(0);
  let boxes = [];
  let [width, height, density] = [0, 0, 1];
  let tool = "turn";
  let hovered = -1;
  let drag = null;

  const measure = (context, face) => {
    if (!widths.has(face)) {
      context.font = `100px ${FAMILY}`;
      widths.set(face, context.measureText(face).width / 100);
    }
    return widths.get(face);
  };
  const sizeOf = (local) => view.sizes[local] * (frame.flat ? 1 : 0.82 + 0.2 * (places[4 * local + 3] - 0.8) * 2.2);

  function resize() {
    const [w, h] = [root.clientWidth, root.clientHeight];
    const d = Math.min(2, window.devicePixelRatio || 1);
    if (!w || !h || (w === width && h === height && d === density)) return;
    [width, height, density] = [w, h, d];
    for (const canvas of [base, over]) [canvas.width, canvas.height] = [Math.round(w * d), Math.round(h * d)];
    draw();
  }

  function paintBase() {
    if (!view || !width) return;
    const context = base.getContext("2d");
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    frame = { x: width / 2, y: height / 2, scale: 0.42 * Math.min(width * 0.86, height), extent: view.extent, flat: view.flat };
    if (places.length !== 4 * view.size)
      [places, spots, ring] = [new Float32Array(4 * view.size), new Float32Array(2 * view.size), new Uint8Array(view.size)];
    project(view.scores, view.size, camera, frame, places);
    const taken = new Uint8Array(Math.ceil(width / CELL) * Math.ceil(height / CELL));
    const columns = Math.ceil(width / CELL);
    drawAxes(context, taken, columns);
    boxes = [];
    context.textAlign = "center";
    context.textBaseline = "middle";
    const dots = [];
    for (const local of view.order) {
      if (!view.visible[local]) continue;
      const [x, y] = [places[4 * local], places[4 * local + 1]];
      const size = sizeOf(local);
      const w = measure(context, view.faces[local]) * size;
      if (x < -w || y < -size || x > width + w || y > height + size) continue;
      [spots[2 * local], spots[2 * local + 1]] = [x, y];
      if (view.faded[local] || !settle(taken, columns, local, w, size)) { dots.push(local); continue; }
      boxes.push([local, spots[2 * local] - w / 2 - 2, spots[2 * local + 1] - size * 0.62, w + 4, size * 1.24]);
    }
    const named = boxes.length;
    for (const local of dots) {
      const [x, y] = [places[4 * local], places[4 * local + 1]];
      boxes.push([local, x - 6, y - 6, 12, 12]);
      context.globalAlpha = view.faded[local] ? 0.22 : 0.75;
      context.fillStyle = view.colours[local];
      context.font = `11px ${FAMILY}`;
      context.fillText(view.symbols[local], x, y);
    }
    if (view.ellipses) for (const [local] of boxes) if (!view.faded[local]) drawEllipse(context, local);
    context.lineWidth = 1;
    for (const [local] of boxes.slice(0, named)) if (ring[local]) leader(context, local);
    let font = "";
    for (const [local, x, y, w, h] of boxes.slice(0, named).reverse()) {
      const size = sizeOf(local);
      const wanted = `${size.toFixed(1)}px ${FAMILY}`;
      context.globalAlpha = frame.flat ? 1 : 0.78 + 0.22 * Math.min(1, (places[4 * local + 2] + 1) / 1.6);
      if (font !== wanted) context.font = font = wanted;
      context.fillStyle = view.colours[local];
      context.fillText(view.faces[local], x + w / 2, y + h / 2);
      context.font = font = `${(size * 0.42).toFixed(1)}px ${FAMILY}`;
      context.fillText(view.symbols[local], x - size * 0.16, y + h * 0.2);
    }
    context.globalAlpha = 1;
    paintOver();
  }

  // Finds room for a face; where it stood before comes first, so that turning the map does not make faces jump.
  function settle(taken, columns, local, w, size) {
    const [x, y] = [places[4 * local], places[4 * local + 1]];
    const most = view.crowd > 150 ? CROWDED : RINGS.length;
    for (let place = -1; place < most; place++) {
      const at = place < 0 ? ring[local] : place;
      if (place >= 0 && at === ring[local]) continue;
      const [sx, sy] = [x + RINGS[at][0], y + RINGS[at][1]];
      if (place >= 0 && (sx < w / 2 || sy < size / 2 || sx > width - w / 2 || sy > height - size / 2)) continue;
      if (!claim(taken, columns, sx - 0.2 * size, sy, 0.96 * w + 0.4 * size, 0.98 * size)) continue;
      ring[local] = at;
      [spots[2 * local], spots[2 * local + 1]] = [sx, sy];
      return true;
    }
    ring[local] = 0;
    return false;
  }

  function leader(context, local) {
    const [x, y, sx, sy] = [places[4 * local], places[4 * local + 1], spots[2 * local], spots[2 * local + 1]];
    context.globalAlpha = 0.35;
    context.strokeStyle = context.fillStyle = view.colours[local];
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(sx, sy + (sy < y ? 1 : -1) * sizeOf(local) * 0.5);
    context.stroke();
    context.globalAlpha = 0.8;
    context.beginPath();
    context.arc(x, y, 2, 0, 2 * Math.PI);
    context.fill();
  }

  function drawAxes(context, taken, columns) {
    context.globalAlpha = 1;
    context.font = `12px ${FAMILY}`;
    const ends = new Float32Array(12);
    const reach = view.extent * 1.12;
    project([reach, 0, 0, 0, reach, 0, 0, 0, reach], 3, camera, frame, ends);
    const starts = project([-reach, 0, 0, 0, -reach, 0, 0, 0, -reach], 3, camera, frame, new Float32Array(12));
    for (let axis = 0; axis < (view.flat ? 2 : 3); axis++) {
      context.strokeStyle = ink.line;
      context.beginPath();
      context.moveTo(starts[4 * axis], starts[4 * axis + 1]);
      context.lineTo(ends[4 * axis], ends[4 * axis + 1]);
      context.stroke();
      context.fillStyle = ink.muted;
      const w = context.measureText(view.axes[axis] || "").width / 2 + 6;
      context.textAlign = "center";
      context.textBaseline = "middle";
      const [x, y] = [Math.min(width - w, Math.max(w, ends[4 * axis])), Math.min(height - 10, Math.max(12, ends[4 * axis + 1] - 8))];
      context.fillText(view.axes[axis] || "", x, y);
      if (view.axes[axis]) claim(taken, columns, x, y, 2 * w - 8, 14);
    }
  }

  function drawEllipse(context, local) {
    const found = ellipse(view.spread, local, camera, frame, places[4 * local + 3]);
    if (!found) return;
    context.beginPath();
    context.ellipse(places[4 * local], places[4 * local + 1], found.long, found.short, found.angle, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = view.colours[local];
    context.globalAlpha = 0.06;
    context.fill();
    context.globalAlpha = 0.4;
    context.stroke();
    context.globalAlpha = 1;
  }

  function paintOver() {
    const context = over.getContext("2d");
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!view) return;
    context.lineWidth = 1;
    if (view.open >= 0) {
      context.strokeStyle = ink.muted;
      for (const other of view.near) {
        if (!view.visible[other]) continue;
        context.globalAlpha = 0.5;
        context.beginPath();
        context.moveTo(spots[2 * view.open], spots[2 * view.open + 1]);
        context.lineTo(spots[2 * other], spots[2 * other + 1]);
        context.stroke();
      }
    }
    for (const local of view.marked) if (view.visible[local]) encircle(context, local);
    for (const local of [view.open, view.linked, hovered]) if (local >= 0) lift(context, local);
    if (drag && drag.path) {
      context.globalAlpha = 1;
      context.strokeStyle = ink.text;
      context.setLineDash([5, 4]);
      context.beginPath();
      outline(drag).forEach(([x, y], place) => (place ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.stroke();
      context.globalAlpha = 0.08;
      context.fillStyle = ink.text;
      context.fill();
      context.setLineDash([]);
    }
    context.globalAlpha = 1;
  }

  function encircle(context, local) {
    context.globalAlpha = 0.9;
    context.strokeStyle = ink.text;
    context.beginPath();
    const found = boxes.find((box) => box[0] === local);
    const [x, y, w, h] = found ? found.slice(1) : [places[4 * local] - 6, places[4 * local + 1] - 6, 12, 12];
    context.roundRect(x - 3, y - 1, w + 6, h + 2, 7);
    context.stroke();
  }

  function lift(context, local) {
    if (view.ellipses || local === view.open) drawEllipse(context, local);
    const size = Math.max(22, sizeOf(local) * 1.15);
    const w = measure(context, view.faces[local]) * size;
    const x = Math.min(width - w / 2 - 8, Math.max(w / 2 + 8, spots[2 * local]));
    const y = Math.min(height - size, Math.max(size, spots[2 * local + 1]));
    context.globalAlpha = 0.94;
    context.fillStyle = ink.paper;
    context.strokeStyle = view.colours[local];
    context.lineWidth = local === view.open ? 2 : 1;
    context.beginPath();
    context.roundRect(x - w / 2 - 8, y - size * 0.78, w + 16, size * 1.56, 8);
    context.fill();
    context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = view.colours[local];
    context.font = `${size}px ${FAMILY}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(view.faces[local], x, y);
    context.lineWidth = 1;
  }

  const draw = once(paintBase);
  const drawOver = once(paintOver);

  function hit(x, y) {
    let best = -1;
    let nearest = 20;
    for (let place = boxes.length - 1; place >= 0; place--) {
      const [local, left, top, w, h] = boxes[place];
      if (x >= left && x <= left + w && y >= top && y <= top + h && w > 12) return local;
      const gap = Math.hypot(x - spots[2 * local], y - spots[2 * local + 1]);
      if (gap < nearest) [best, nearest] = [local, gap];
    }
    return best;
  }

  function hover(local, spoken = false) {
    if (local === hovered) return;
    hovered = local;
    root.style.cursor = local >= 0 ? "pointer" : tool === "turn" ? "grab" : "crosshair";
    tip.hidden = local < 0;
    if (local >= 0) {
      tip.textContent = describe(local);
      const [x, y] = [spots[2 * local], spots[2 * local + 1]];
      tip.style.left = `${Math.min(Math.max(8, x - 60), Math.max(8, width - 250))}px`;
      tip.style.top = `${y > height - 90 ? Math.max(0, y - 74) : y + 26}px`;
    }
    drawOver();
    onHover(local, spoken);
  }

  const at = (event) => { const box = root.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const outline = ({ path, shape }) => {
    if (shape === "lasso") return path;
    const [[ax, ay], [bx, by]] = [path[0], path[path.length - 1]];
    return [[ax, ay], [bx, ay], [bx, by], [ax, by]];
  };
  const touches = new Map();

  root.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    root.focus({ preventScroll: true });
    touches.set(event.pointerId, at(event));
    root.setPointerCapture(event.pointerId);
    const shape = tool === "turn" ? (event.shiftKey ? "lasso" : null) : tool;
    drag = { from: at(event), last: at(event), moved: 0, path: shape ? [at(event)] : null, shape, span: span() };
  });
  root.addEventListener("pointermove", (event) => {
    const point = at(event);
    if (!drag) return hover(hit(...point));
    touches.set(event.pointerId, point);
    drag.moved = Math.max(drag.moved, Math.hypot(point[0] - drag.from[0], point[1] - drag.from[1]));
    const [dx, dy] = [point[0] - drag.last[0], point[1] - drag.last[1]];
    drag.last = point;
    if (drag.moved < 4) return;
    hover(-1);
    if (drag.path) { drag.path.push(point); return drawOver(); }
    if (touches.size > 1) {
      const now = span();
      camera = { ...camera, zoom: clampZoom((camera.zoom * now) / (drag.span || now)) };
      drag.span = now;
    } else if (view.flat) camera = { ...camera, shift: [camera.shift[0] + dx, camera.shift[1] + dy] };
    else camera = { ...camera, turn: [camera.turn[0] + dx * 0.008, Math.max(-1.5, Math.min(1.5, camera.turn[1] + dy * 0.008))] };
    draw();
    onCamera(camera, false);
  });
  const release = (event) => {
    touches.delete(event.pointerId);
    if (!drag) return;
    const ended = drag;
    drag = null;
    if (event.type === "pointercancel") return draw();
    if (ended.moved < 4) { const local = hit(...ended.from); if (local >= 0) onPick(local); }
    else if (ended.path) {
      const polygon = outline(ended);
      onSelect(view.order.filter((local) => view.visible[local] && !view.faded[local] && inside(places[4 * local], places[4 * local + 1], polygon)));
    } else onCamera(camera, true);
    draw();
  };
  root.addEventListener("pointerup", release);
  root.addEventListener("pointercancel", release);
  root.addEventListener("pointerleave", () => { if (!drag) hover(-1); });
  root.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== root) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });
  const span = () => { const [a, b] = [...touches.values()]; return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0; };
  const clampZoom = (value) => Math.max(0.4, Math.min(12, value));
  function zoom(factor) {
    camera = { ...camera, zoom: clampZoom(camera.zoom * factor) };
    draw();
    onCamera(camera, true);
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  root.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) {
      camera = view.flat ? { ...camera, shift: [camera.shift[0] - 30 * arrow[0], camera.shift[1] - 30 * arrow[1]] }
        : { ...camera, turn: [camera.turn[0] + 0.15 * arrow[0], Math.max(-1.5, Math.min(1.5, camera.turn[1] + 0.15 * arrow[1]))] };
      draw();
      onCamera(camera, true);
    } else if (arrow) step(arrow);
    else if (event.key === "Enter" || event.key === " ") { if (hovered >= 0) onPick(hovered); }
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "Escape") hover(-1);
    else return;
    event.preventDefault();
  });
  // The nearest face in the direction of the arrow; without one under the cursor, the most typed.
  function step([dx, dy]) {
    const shown = view.order.filter((local) => view.visible[local] && !view.faded[local]);
    const from = hovered >= 0 ? hovered : view.open;
    if (from < 0 || !view.visible[from]) return hover(shown.length ? shown[0] : -1, true);
    let best = -1;
    let least = Infinity;
    for (const local of shown) {
      const [x, y] = [places[4 * local] - places[4 * from], places[4 * local + 1] - places[4 * from + 1]];
      const [along, across] = [x * dx + y * dy, Math.abs(x * dy - y * dx)];
      if (local !== from && along > 1 && along + 2 * across < least) [best, least] = [local, along + 2 * across];
    }
    if (best >= 0) hover(best, true);
  }

  const watcher = new ResizeObserver(resize);
  watcher.observe(root);
  return {
    root,
    show(next) { view = { ...next, extent: extent(next.scores, next.visible) }; hovered = -1; tip.hidden = true; resize(); draw(); },
    mark(patch) { if (view) { Object.assign(view, patch); drawOver(); } },
    look(next) { camera = { ...camera, ...next }; draw(); },
    ink(next) { ink = next; draw(); },
    tool(next) { tool = next; root.style.cursor = next === "turn" ? "grab" : "crosshair"; root.style.touchAction = next === "turn" ? "pan-y" : "none"; },
    zoom,
    name(text) { root.setAttribute("aria-label", text); },
    truth: (local) => [places[4 * local], places[4 * local + 1]],
    place: (local) => [spots[2 * local], spots[2 * local + 1]],
    shown: () => boxes.map((box) => box[0]),
    stop() { watcher.disconnect(); },
  };
}

// Whether a box is free on the grid; marks it as taken when it is.
function claim(taken, columns, x, y, w, h) {
  const [left, right] = [Math.max(0, Math.floor((x - w / 2) / CELL)), Math.min(columns - 1, Math.floor((x + w / 2) / CELL))];
  const [top, bottom] = [Math.max(0, Math.floor((y - h / 2) / CELL)), Math.min(taken.length / columns - 1, Math.floor((y + h / 2) / CELL))];
  for (let cellY = top; cellY <= bottom; cellY++) for (let cellX = left; cellX <= right; cellX++) if (taken[cellY * columns + cellX]) return false;
  for (let cellY = top; cellY <= bottom; cellY++) taken.fill(1, cellY * columns + left, cellY * columns + right + 1);
  return true;
}
