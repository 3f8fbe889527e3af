// From places in component space to pixels, for faces and for their ellipses.

const REACH = 0.2; // how strongly near faces grow
export const LEVEL = Math.sqrt(5.991); // 95% of a normal cloud in two dimensions

export function basisOf([yaw, pitch], flat) {
  if (flat) return [[1, 0, 0], [0, 1, 0], [0, 0, 0]];
  const [ca, sa, cb, sb] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return [[ca, 0, sa], [sa * sb, cb, -ca * sb], [-sa * cb, sb, ca * cb]];
}

// How far nearly all faces reach: from the origin in space, and around the middle of a flat map.
export function extent(scores, visible) {
  const faces = [...visible.keys()].filter((face) => visible[face]);
  const quantile = (of, share) => faces.map(of).sort((a, b) => a - b)[Math.round(share * (faces.length - 1))] ?? 0;
  const along = (axis) => {
    const [low, high] = [0.02, 0.98].map((share) => quantile((face) => scores[3 * face + axis], share));
    return { middle: (low + high) / 2, half: (high - low) / 2 || 1 };
  };
  return { all: quantile((face) => Math.hypot(...scores.subarray(3 * face, 3 * face + 3)), 0.97) || 1, x: along(0), y: along(1) };
}

// Where the origin lies on a map, and how many pixels the extent of its faces has.
export function frameOf({ all, x, y }, width, height, flat) {
  if (!flat) return { x: width / 2, y: height / 2, scale: 0.42 * Math.min(width * 0.86, height), extent: all, flat };
  const unit = Math.min((0.5 * width - Math.min(64, 0.16 * width)) / x.half, (0.5 * height - 36) / y.half);
  return { x: width / 2 - x.middle * unit, y: height / 2 + y.middle * unit, scale: all * unit, extent: all, flat };
}

// Fills out (n x 4) with x, y, depth (-1 far .. 1 near) and magnification.
export function project(scores, size, camera, frame, out) {
  const [right, up, toward] = basisOf(camera.turn, frame.flat);
  const unit = (frame.scale * camera.zoom) / frame.extent;
  for (let face = 0; face < size; face++) {
    const [x, y, z] = [scores[3 * face], scores[3 * face + 1], scores[3 * face + 2]];
    const depth = Math.max(-1.5, Math.min(1.5, (toward[0] * x + toward[1] * y + toward[2] * z) / frame.extent));
    const near = 1 / (1 - REACH * depth);
    out[4 * face] = frame.x + camera.shift[0] + (right[0] * x + right[1] * y + right[2] * z) * unit * near;
    out[4 * face + 1] = frame.y + camera.shift[1] - (up[0] * x + up[1] * y + up[2] * z) * unit * near;
    out[4 * face + 2] = depth;
    out[4 * face + 3] = near;
  }
  return out;
}

// The 95% ellipse of one face on the screen: half axes in pixels and the angle of the first, or null.
export function ellipse(spread, face, camera, frame, near) {
  if (!spread || Number.isNaN(spread[6 * face])) return null;
  const [xx, xy, xz, yy, yz, zz] = spread.subarray(6 * face, 6 * face + 6);
  const [right, up] = basisOf(camera.turn, frame.flat);
  const through = (a, b) => a[0] * (xx * b[0] + xy * b[1] + xz * b[2]) + a[1] * (xy * b[0] + yy * b[1] + yz * b[2]) + a[2] * (xz * b[0] + yz * b[1] + zz * b[2]);
  const [a, b, c] = [through(right, right), through(right, up), through(up, up)];
  const [middle, gap] = [(a + c) / 2, Math.hypot((a - c) / 2, b)];
  const unit = ((frame.scale * camera.zoom) / frame.extent) * near * LEVEL;
  return { long: Math.sqrt(Math.max(0, middle + gap)) * unit, short: Math.sqrt(Math.max(0, middle - gap)) * unit, angle: -Math.atan2(2 * b, a - c) / 2 };
}

export function insidePolygon(x, y, polygon) {
  let odd = false;
  for (let now = 0, last = polygon.length - 1; now < polygon.length; last = now++) {
    const [[ax, ay], [bx, by]] = [polygon[now], polygon[last]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}
