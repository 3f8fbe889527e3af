// The payload as it arrives (JSON with packed numbers) and the questions that are asked of it.

const KINDS = { u1: Uint8Array, i1: Int8Array, u2: Uint16Array, i2: Int16Array, f4: Float32Array };

function unpack(packed) {
  if (!packed) return null;
  const numbers = new KINDS[packed.type](Uint8Array.from(atob(packed.data), (char) => char.charCodeAt(0)).buffer);
  return packed.scale ? Float32Array.from(numbers, (value) => value * packed.scale) : numbers;
}

// A copy of an object whose named fields are unpacked when they are first read: most sources and layers are never looked at.
function lazily(packed, names) {
  const copy = { ...packed };
  for (const name of names) {
    let value;
    Object.defineProperty(copy, name, { get: () => (value === undefined ? (value = unpack(packed[name])) : value) });
  }
  return copy;
}

export function decode(payload) {
  const byFace = new Map(payload.faces.map((face, index) => [face, index]));
  const sources = payload.sources.map((packed) => {
    const source = lazily(packed, ["index", "weight", "shares", "low", "high", "drawn"]);
    source.size = source.index.length;
    source.at = new Map(Array.from(source.index, (face, local) => [face, local]));
    source.layouts = packed.layouts.map((layout) => lazily(layout, ["scores", "spread", "near", "cosine"]));
    source.tree = packed.tree && lazily(packed.tree, ["members", "merges", "labels", "matrix"]);
    return source;
  });
  return { ...payload, byFace, sources, disagreement: unpack(payload.disagreement) };
}

export const sourceOf = (bundle, id) => bundle.sources.find((source) => source.id === id) || bundle.sources[0];
export const layoutOf = (source, name) => source.layouts.find((layout) => layout.name === name) || source.layouts[0];

// The shares of one face over the categories, of the table of shares or of another table like it.
export function row(bundle, source, local, table = source.shares) {
  const width = bundle.categories.length;
  return table ? table.subarray(local * width, (local + 1) * width) : null;
}

export const primary = (shares) => shares.indexOf(Math.max(...shares));
export const entropy = (shares) => -shares.reduce((bits, share) => bits + (share > 0 ? share * Math.log2(share) : 0), 0);

// 1 - Jensen-Shannon divergence / ln 2, as kaomoji_lib/stats.py has it.
export function similarity(left, right, epsilon = 1e-6) {
  const normalise = (shares) => {
    const total = shares.reduce((sum, share) => sum + share, 0);
    return Array.from(shares, (share) => (share / total + epsilon) / (1 + epsilon * shares.length));
  };
  const [p, q] = [normalise(left), normalise(right)];
  const middle = p.map((share, place) => (share + q[place]) / 2);
  const divergence = (shares) => shares.reduce((sum, share, place) => sum + share * Math.log(share / middle[place]), 0);
  return Math.min(1, Math.max(0, 1 - (divergence(p) + divergence(q)) / 2 / Math.LN2));
}

export function disagreement(bundle, source, other, local) {
  const face = source.index[local];
  if (!other) return bundle.disagreement[face];
  return other.at.has(face) ? 1 - similarity(row(bundle, source, local), row(bundle, other, other.at.get(face))) : NaN;
}

// The cluster of each face of a source, 0 for none.
export function clustersOf(source) {
  const clusters = new Uint8Array(source.size);
  if (source.tree) source.tree.members.forEach((local, place) => { clusters[local] = source.tree.labels[place]; });
  return clusters;
}

// What a face is used for, in words: a screen reader would spell its glyphs.
export function gloss(bundle, source, local) {
  const shares = row(bundle, source, local);
  const share = Math.round(100 * Math.max(...shares));
  const often = share >= 60 ? "mostly" : share >= 35 ? "often" : "mixed, at most";
  return `${often} ${bundle.categories[primary(shares)].gloss} (${share}%), ${weightWords(source, local)}`;
}

export function weightWords(source, local) {
  const count = Math.round(source.weight[local]);
  return `typed ${count} ${count === 1 ? "time" : "times"}${source.typed ? "" : " by all models"}`;
}
