// Where each face belongs, from component space to pixels, and where it is written: at its place, or beside it where that is
// taken; without room it is drawn as its symbol.

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

// Fills out (n x 3) with x, y and depth (-1 far .. 1 near).
export function project(scores, size, camera, frame, out) {
  const [right, up, toward] = basisOf(camera.turn, frame.flat);
  const unit = (frame.scale * camera.zoom) / frame.extent;
  for (let face = 0; face < size; face++) {
    const [x, y, z] = [scores[3 * face], scores[3 * face + 1], scores[3 * face + 2]];
    out[3 * face] = frame.x + camera.shift[0] + (right[0] * x + right[1] * y + right[2] * z) * unit;
    out[3 * face + 1] = frame.y + camera.shift[1] - (up[0] * x + up[1] * y + up[2] * z) * unit;
    out[3 * face + 2] = Math.max(-1.5, Math.min(1.5, (toward[0] * x + toward[1] * y + toward[2] * z) / frame.extent));
  }
  return out;
}

// The 95% ellipse of one face on the screen: half axes in pixels and the angle of the first, or null.
export function ellipse(spread, face, camera, frame) {
  if (!spread || Number.isNaN(spread[6 * face])) return null;
  const [xx, xy, xz, yy, yz, zz] = spread.subarray(6 * face, 6 * face + 6);
  const [right, up] = basisOf(camera.turn, frame.flat);
  const through = (a, b) => a[0] * (xx * b[0] + xy * b[1] + xz * b[2]) + a[1] * (xy * b[0] + yy * b[1] + yz * b[2]) + a[2] * (xz * b[0] + yz * b[1] + zz * b[2]);
  const [a, b, c] = [through(right, right), through(right, up), through(up, up)];
  const [middle, gap] = [(a + c) / 2, Math.hypot((a - c) / 2, b)];
  const unit = ((frame.scale * camera.zoom) / frame.extent) * LEVEL;
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

const CELL = 6;
// The places a face may take: its own first, then ever wider rings around it.
export const RINGS = [[0, 0], ...[18, 32, 48, 66, 86].flatMap((reach) => Array.from({ length: 12 }, (_, turn) => {
  const angle = (turn / 12) * 2 * Math.PI + reach;
  return [1.5 * reach * Math.cos(angle), reach * Math.sin(angle)];
}))];
const CROWDED = 25; // rings are cut to this many places where there are many faces
const NARROW = 37; // and to this many on a phone, where a long line leads to confusion

export function makeRoom(width, height) {
  const columns = Math.ceil(width / CELL);
  const rows = Math.ceil(height / CELL);
  const taken = new Uint8Array(columns * rows);
  return {
    // Whether a box is free; marks it as taken when it is.
    claim(x, y, w, h) {
      const [left, right] = [Math.max(0, Math.floor((x - w / 2) / CELL)), Math.min(columns - 1, Math.floor((x + w / 2) / CELL))];
      const [top, bottom] = [Math.max(0, Math.floor((y - h / 2) / CELL)), Math.min(rows - 1, Math.floor((y + h / 2) / CELL))];
      for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) if (taken[row * columns + column]) return false;
      for (let row = top; row <= bottom; row++) taken.fill(1, row * columns + left, row * columns + right + 1);
      return true;
    },
    most: (crowd) => (crowd > 150 ? CROWDED : width < 480 ? NARROW : RINGS.length),
  };
}

// Finds room for one face; its former place comes first, so that turning the map does not make faces jump.
export function settle(room, { x, y, w, size, before, most, width, height }) {
  for (let place = -1; place < most; place++) {
    const at = place < 0 ? before : place;
    if (place >= 0 && at === before) continue;
    const [sx, sy] = [x + RINGS[at][0], y + RINGS[at][1]];
    if (sx < w / 2 + 4 || sy < size / 2 || sx > width - w / 2 - 2 || sy > height - size / 2) continue;
    if (room.claim(sx - 0.2 * size, sy, 0.96 * w + 0.4 * size, 0.98 * size)) return { at, x: sx, y: sy };
  }
  return null;
}
