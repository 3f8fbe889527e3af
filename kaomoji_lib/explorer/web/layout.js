// Where each face is written: at its place, or beside it where that is taken; without room it is drawn as its symbol.

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
