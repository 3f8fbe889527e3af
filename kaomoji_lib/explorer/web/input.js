// Pointer, touch, wheel and keys on a map, turned into what they mean.

import { insidePolygon } from "./place.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STILL = 4; // pixels within which a press is a click

export function listen(root, map) {
  const touches = new Map();
  let drag = null;
  let resting = 0;
  const at = (event) => { const box = root.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const pair = () => { const [a, b] = [...touches.values()]; return b ? { span: Math.hypot(a[0] - b[0], a[1] - b[1]), middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] } : null; };
  root.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    root.focus({ preventScroll: true });
    touches.set(event.pointerId, at(event));
    root.setPointerCapture(event.pointerId);
    const path = map.tool() === "lasso" || event.shiftKey ? [at(event)] : null;
    drag = { from: at(event), last: at(event), moved: 0, path, pair: pair() };
  });
  root.addEventListener("pointermove", (event) => {
    const point = at(event);
    if (!drag) return map.hover(map.hitTest(...point));
    touches.set(event.pointerId, point);
    drag.moved = Math.max(drag.moved, Math.hypot(point[0] - drag.from[0], point[1] - drag.from[1]));
    const [dx, dy] = [point[0] - drag.last[0], point[1] - drag.last[1]];
    drag.last = point;
    if (drag.moved < STILL) return;
    map.hover(-1);
    if (drag.path) { drag.path.push(point); return map.outline(drag.path); }
    if (touches.size > 1) {
      const [now, before] = [pair(), drag.pair || pair()];
      map.zoom(now.span / (before.span || now.span), now.middle, false);
      map.shift(now.middle[0] - before.middle[0], now.middle[1] - before.middle[1], false);
      drag.pair = now;
    } else if (map.flat()) map.shift(dx, dy, false);
    else map.turn(dx * 0.008, dy * 0.008, false);
  });
  const release = (event) => {
    touches.delete(event.pointerId);
    if (!drag) return;
    const ended = drag;
    drag = null;
    map.outline(null);
    if (event.type === "pointercancel") return;
    if (ended.moved < STILL) { const local = map.hitTest(...ended.from); if (local >= 0) map.onPick(local); }
    else if (ended.path) map.select((x, y) => insidePolygon(x, y, ended.path));
    else map.settle();
  };
  root.addEventListener("pointerup", release);
  root.addEventListener("pointercancel", release);
  root.addEventListener("pointerleave", () => { if (!drag) map.hover(-1); });
  root.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // a wheel by itself scrolls the page
    event.preventDefault();
    map.hover(-1);
    map.zoom(Math.exp(-event.deltaY * 0.0015), at(event), false);
    clearTimeout(resting);
    resting = setTimeout(map.settle, 200);
  }, { passive: false });

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) {
      if (map.flat()) map.shift(-30 * arrow[0], -30 * arrow[1]);
      else map.turn(0.15 * arrow[0], 0.15 * arrow[1]);
    } else if (arrow) map.step(arrow);
    else if (event.key === "Enter" || event.key === " ") { if (map.hovered() >= 0) map.onPick(map.hovered()); }
    else if (event.key === "+" || event.key === "=") map.zoom(1.25);
    else if (event.key === "-") map.zoom(0.8);
    else if (event.key === "Escape" && map.hovered() >= 0) map.hover(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
