// What a map draws: axes, faces with a rim of the paper's colour, lines to their places, ellipses, outlines.

import { project } from "./place.js";

export const FAMILY = "Kaomoji, 'Noto Sans', sans-serif";
const widths = new Map();
export const forgetWidths = () => widths.clear(); // once the font is there, faces have other widths

export function measure(context, face) {
  if (!widths.has(face)) {
    context.font = `100px ${FAMILY}`;
    widths.set(face, context.measureText(face).width / 100);
  }
  return widths.get(face);
}

export function prepare(canvas, density, width, height) {
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.globalAlpha = 1;
  context.lineWidth = 1;
  return context;
}

export function drawLine(context, [x, y], ...points) {
  context.beginPath();
  context.moveTo(x, y);
  for (const point of points) context.lineTo(...point);
  context.stroke();
}

// Where the axes run and where their names are: {name, from, to, x, y, width}.
export function axesOf(context, { view, camera, frame, width, height }) {
  context.font = `12px ${FAMILY}`;
  const reach = view.reach.all * 1.12;
  const [ends, starts] = [reach, -reach].map((r) => project([r, 0, 0, 0, r, 0, 0, 0, r], 3, camera, frame, new Float32Array(9)));
  return view.axes.slice(0, view.flat ? 2 : 3).map((name, axis) => {
    const [from, to] = [starts, ends].map((ends) => [ends[3 * axis], ends[3 * axis + 1]]);
    const w = context.measureText(name).width / 2 + 6;
    // On a flat map the first axis has its name at the lower edge, where few faces lie.
    const y = view.flat && axis === 0 ? height - 12 : Math.min(height - 12, Math.max(12, to[1] - 8));
    return { name, from, to, x: Math.min(width - w, Math.max(w, to[0])), y, width: 2 * w - 8 };
  }).filter(({ name }) => name);
}

export function drawAxes(context, ink, axes) {
  context.font = `12px ${FAMILY}`;
  [context.strokeStyle, context.fillStyle] = [ink.line, ink.muted];
  for (const { from, to } of axes) drawLine(context, from, to);
  for (const { name, x, y } of axes) context.fillText(name, x, y);
}

export function drawEllipse(context, colour, found, [x, y]) {
  if (!found) return;
  context.beginPath();
  context.ellipse(x, y, found.long, found.short, found.angle, 0, 2 * Math.PI);
  context.fillStyle = context.strokeStyle = colour;
  context.globalAlpha = 0.06;
  context.fill();
  context.globalAlpha = 0.4;
  context.stroke();
}

// From where a face belongs to where it is written.
export function drawLeader(context, colour, [x, y], [sx, sy], size) {
  context.globalAlpha = 0.32;
  context.strokeStyle = context.fillStyle = colour;
  drawLine(context, [x, y], [sx, sy + (sy < y ? 1 : -1) * size * 0.5]);
  context.globalAlpha = 0.8;
  context.beginPath();
  context.arc(x, y, 2, 0, 2 * Math.PI);
  context.fill();
}

// A face with its symbol and a rim of paper, on paper that hides what lies below it (ellipses less).
export function drawFace(context, { face, symbol, colour, paper, x, y, size, half, thin }) {
  const strength = context.globalAlpha;
  context.globalAlpha = (thin ? 0.3 : 0.78) * strength;
  context.fillStyle = paper;
  context.fillRect(x - half + size * 0.1, y - size * 0.46, 2 * half - size * 0.2, size * 0.92);
  context.globalAlpha = strength;
  context.font = `${size.toFixed(1)}px ${FAMILY}`;
  context.strokeStyle = paper;
  context.lineWidth = 3.5;
  context.strokeText(face, x, y);
  context.fillStyle = colour;
  context.fillText(face, x, y);
  context.font = `${(size * 0.42).toFixed(1)}px ${FAMILY}`;
  context.fillText(symbol, x - half - size * 0.16, y - size * 0.37);
}

export function encircle(context, ink, [x, y, w, h]) {
  context.globalAlpha = 0.9;
  context.strokeStyle = ink.text;
  context.beginPath();
  context.roundRect(x - 3, y - 1, w + 6, h + 2, 7);
  context.stroke();
}

// A face held up on a plate of its own.
export function drawLifted(context, { face, colour, paper, x, y, size, width, height, strong }) {
  const w = measure(context, face) * size;
  const [cx, cy] = [Math.min(width - w / 2 - 10, Math.max(w / 2 + 10, x)), Math.min(height - size, Math.max(size, y))];
  context.globalAlpha = 0.96;
  context.fillStyle = paper;
  context.strokeStyle = colour;
  context.lineWidth = strong ? 2 : 1;
  context.beginPath();
  context.roundRect(cx - w / 2 - 8, cy - size * 0.78, w + 16, size * 1.56, 8);
  context.fill();
  context.stroke();
  context.globalAlpha = 1;
  context.fillStyle = colour;
  context.font = `${size}px ${FAMILY}`;
  context.fillText(face, cx, cy);
  context.lineWidth = 1;
}

export function drawOutline(context, ink, points) {
  context.globalAlpha = 1;
  context.strokeStyle = ink.text;
  context.setLineDash([5, 4]);
  context.beginPath();
  points.forEach(([x, y], place) => (place ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}
