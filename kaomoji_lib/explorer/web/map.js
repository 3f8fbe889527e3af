// A map of faces on a canvas: the faces are the marks. Where two would cover each other, the rarer one is its symbol.

import { make, once } from "./dom.js";
import { listen } from "./input.js";
import { ellipse, extent, frameOf, makeRoom, project, settle } from "./place.js";
import { axesOf, drawAxes, drawEllipse, drawFace, drawLeader, drawLifted, drawOutline, encircle, FAMILY, measure, prepare } from "./strokes.js";

const clampZoom = (value) => Math.max(0.4, Math.min(12, value));
const clampTilt = (value) => Math.max(-1.5, Math.min(1.5, value));

export function makeMap({ onHover, onPick, onSelect, onCamera }) {
  const base = make("canvas", { className: "kx-base" });
  const over = make("canvas", { className: "kx-over" });
  const tip = make("div", { className: "kx-tip", hidden: true });
  const root = make("div", { className: "kx-map", tabIndex: 0, role: "application" }, base, over, tip);
  let view = null;
  let ink = null;
  let camera = { turn: [0, 0], zoom: 1, shift: [0, 0] };
  let frame = { x: 0, y: 0, scale: 1, extent: 1, flat: false };
  let places = new Float32Array(0); // x, y, depth of where each face belongs
  let spots = new Float32Array(0); // x, y of where it is written
  let ring = new Uint8Array(0);
  let boxes = []; // [local, left, top, width, height], written faces first, symbols after them
  let [width, height, density] = [0, 0, 1];
  let tool = "turn";
  let hovered = -1;
  let outline = null;

  const drawCloud = (context, local) => drawEllipse(context, view.colours[local], ellipse(view.spread, local, camera, frame), placeOf(local));
  const sizeOf = (local) => view.sizes[local] * (frame.flat ? 1 : 0.92 + 0.12 * places[3 * local + 2]);
  const placeOf = (local) => [places[3 * local], places[3 * local + 1]];
  const spotOf = (local) => [spots[2 * local], spots[2 * local + 1]];

  function resize() {
    const [w, h] = [root.clientWidth, root.clientHeight];
    const d = Math.min(2, window.devicePixelRatio || 1);
    if (!w || !h || (w === width && h === height && d === density)) return;
    [width, height, density] = [w, h, d];
    for (const canvas of [base, over]) [canvas.width, canvas.height] = [Math.round(w * d), Math.round(h * d)];
    drawNow(); // a canvas of a new size is empty, and a printer does not wait
  }

  // Decides where every face is written, for the view and the camera as they are, and draws the map.
  function drawNow() {
    if (!view || !width) return;
    frame = frameOf(view.reach, width, height, view.flat);
    if (places.length !== 3 * view.size) [places, spots, ring] = [new Float32Array(3 * view.size), new Float32Array(2 * view.size), new Uint8Array(view.size)];
    project(view.scores, view.size, camera, frame, places);
    const room = makeRoom(width, height);
    const context = prepare(base, density, width, height);
    const axes = axesOf(context, { view, camera, frame, width, height });
    for (const axis of axes) room.claim(axis.x, axis.y, axis.width + 8, 22);
    const [written, symbols] = [[], []];
    for (const local of view.order.filter((face) => view.visible[face])) {
      const [[x, y], size] = [placeOf(local), sizeOf(local)];
      const w = measure(context, view.faces[local]) * size;
      if (x < -w || y < -size || x > width + w || y > height + size) continue;
      const found = view.faded[local] ? null : settle(room, { x, y, w, size, before: ring[local], most: room.most(view.crowd), width, height });
      ring[local] = found ? found.at : 0;
      spots.set(found ? [found.x, found.y] : [x, y], 2 * local);
      if (found) written.push([local, found.x - w / 2 - 2, found.y - size * 0.62, w + 4, size * 1.24]);
      else symbols.push([local, x - 6, y - 6, 12, 12]);
    }
    boxes = [...written, ...symbols];
    drawAxes(context, ink, axes);
    if (view.ellipses) for (const [local] of boxes) if (!view.faded[local]) drawCloud(context, local);
    context.font = `${view.crowd > 250 ? 9 : 11}px ${FAMILY}`;
    for (const [local] of symbols) {
      context.globalAlpha = view.faded[local] ? 0.22 : 0.6;
      context.fillStyle = view.colours[local];
      context.fillText(view.symbols[local], ...placeOf(local));
    }
    for (const [local] of written) if (ring[local]) drawLeader(context, view.colours[local], placeOf(local), spotOf(local), sizeOf(local));
    for (const [local, , , w] of written.reverse()) {
      const [x, y] = spotOf(local);
      context.globalAlpha = frame.flat ? 1 : 0.78 + 0.22 * Math.min(1, (places[3 * local + 2] + 1) / 1.6);
      drawFace(context, { face: view.faces[local], symbol: view.symbols[local], colour: view.colours[local], paper: ink.paper, x, y, size: sizeOf(local), half: w / 2 - 2, thin: view.ellipses });
    }
    renderOver();
  }

  function renderOver() {
    const context = prepare(over, density, width, height);
    if (!view) return;
    for (const local of view.marked) if (view.visible[local]) encircle(context, ink, boxOf(local));
    for (const local of [view.open, view.linked, hovered]) {
      if (local < 0) continue;
      context.globalAlpha = 1;
      if (view.ellipses || local === view.open) drawCloud(context, local);
      const [x, y] = spotOf(local);
      drawLifted(context, { face: view.faces[local], colour: view.colours[local], paper: ink.paper, x, y, size: Math.max(22, sizeOf(local) * 1.15), width, height, strong: local === view.open });
    }
    if (outline) drawOutline(context, ink, outline);
  }

  const boxOf = (local) => (boxes.find((box) => box[0] === local) || [0, ...placeOf(local).map((at) => at - 6), 12, 12]).slice(1);
  const draw = once(drawNow);
  const drawOver = once(renderOver);

  function hitTest(x, y) {
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
      tip.textContent = view.describe(local);
      const [x, y] = spotOf(local);
      tip.style.left = `${Math.min(Math.max(8, x - 60), Math.max(8, width - 250))}px`;
      tip.style.top = `${y > height - 90 ? Math.max(0, y - 74) : y + 26}px`;
    }
    drawOver();
    onHover(local, spoken);
  }

  function move(next, settled = true) {
    camera = { ...camera, ...next };
    draw();
    onCamera(camera, settled);
  }
  const turned = (dx, dy) => ({ turn: [camera.turn[0] + dx, clampTilt(camera.turn[1] + dy)] });
  const shifted = (dx, dy) => ({ shift: [camera.shift[0] + dx, camera.shift[1] + dy] });
  // What lies under a point of the map stays there.
  function zoomed(factor, [x, y] = [width / 2, height / 2]) {
    const zoom = clampZoom(camera.zoom * factor);
    const by = zoom / camera.zoom;
    return { zoom, shift: [(x - frame.x) * (1 - by) + camera.shift[0] * by, (y - frame.y) * (1 - by) + camera.shift[1] * by] };
  }

  // The nearest face in the direction of the arrow; without one under the cursor, the most typed one.
  function step([dx, dy]) {
    const shown = view.order.filter((local) => view.visible[local] && !view.faded[local]);
    const start = hovered >= 0 ? hovered : view.open;
    if (start < 0 || !view.visible[start]) return hover(shown.length ? shown[0] : -1, true);
    let best = -1;
    let least = Infinity;
    for (const local of shown) {
      const [x, y] = [places[3 * local] - places[3 * start], places[3 * local + 1] - places[3 * start + 1]];
      const [along, across] = [x * dx + y * dy, Math.abs(x * dy - y * dx)];
      if (local !== start && along > 1 && along + 2 * across < least) [best, least] = [local, along + 2 * across];
    }
    if (best >= 0) hover(best, true);
  }

  listen(root, {
    tool: () => tool, flat: () => view && view.flat, hitTest, hover, step,
    onPick, hovered: () => hovered,
    turn: (dx, dy, settled) => move(turned(dx, dy), settled), shift: (dx, dy, settled) => move(shifted(dx, dy), settled),
    zoom: (factor, at, settled) => move(zoomed(factor, at), settled), settle: () => onCamera(camera, true),
    outline(points) { outline = points; drawOver(); },
    select: (within) => onSelect(view.order.filter((local) => view.visible[local] && !view.faded[local] && within(...placeOf(local)))),
  });

  const watcher = new ResizeObserver(resize);
  watcher.observe(root);
  return {
    root,
    zoom: (factor) => move(zoomed(factor)),
    show(next, colours) {
      view = { ...next, reach: extent(next.scores, next.visible) };
      [ink, hovered, tip.hidden] = [colours, -1, true];
      resize();
      draw();
    },
    mark(patch) { if (view) { Object.assign(view, patch); drawOver(); } },
    look(next) {
      if (JSON.stringify(next) === JSON.stringify(camera)) return;
      camera = next;
      draw();
    },
    tool(next) { tool = next; root.style.cursor = next === "turn" ? "grab" : "crosshair"; root.style.touchAction = next === "turn" ? "pan-y" : "none"; },
    name(text) { root.setAttribute("aria-label", text); },
    truth: placeOf, place: spotOf, drawNow,
    stop() { watcher.disconnect(); },
  };
}
