// The bundle as it arrives (JSON with packed numbers) and the questions that are asked of it.

const KINDS = { u8: Uint8Array, i8: Int8Array, u16: Uint16Array, i16: Int16Array, f32: Float32Array };

export function unpack(packed) {
  if (!packed) return null;
  const numbers = new KINDS[packed.type](bytesOf(packed.data).buffer);
  return packed.scale ? Float32Array.from(numbers, (value) => value * packed.scale) : numbers;
}

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const plain = atob(text);
  const bytes = new Uint8Array(plain.length);
  for (let place = 0; place < bytes.length; place++) bytes[place] = plain.charCodeAt(place);
  return bytes;
}

// A copy of `packed` whose named numbers are unpacked when first asked for: most sources and layers are never looked at.
function lazily(packed, names) {
  const found = { ...packed };
  for (const name of names) {
    let value;
    Object.defineProperty(found, name, { get: () => (value === undefined ? (value = unpack(packed[name])) : value) });
  }
  return found;
}

const UNKNOWN = -32768; // a spread that cannot be told, as payload.py writes it

// Covariances xx, xy, xz, yy, yz, zz from their triangular roots.
function covariances(packed) {
  if (!packed) return null;
  const roots = new Int16Array(bytesOf(packed.data).buffer);
  const found = new Float32Array(roots.length);
  for (let at = 0; at < roots.length; at += 6) {
    const [a, b, c, d, e, f] = roots.subarray(at, at + 6);
    found.set([a * a, a * b, a * d, b * b + c * c, b * d + c * e, d * d + e * e + f * f].map((value) => (a === UNKNOWN ? NaN : value * packed.scale ** 2)), at);
  }
  return found;
}

const SHARED = ["index", "weight", "shares"];

export function decode(payload) {
  const byFace = new Map(payload.faces.map((face, index) => [face, index]));
  const bundle = { ...payload, byFace, codes: payload.categories.map((item) => item.code), disagreement: unpack(payload.disagreement) };
  bundle.sources = payload.sources.map((packed) => {
    const source = lazily(packed, SHARED);
    source.size = source.index.length;
    source.at = new Map(Array.from(source.index, (face, local) => [face, local]));
    source.loaded = false;
    if (packed.layouts) complete(source, packed);
    return source;
  });
  return bundle;
}

// Adds what a source alone needs: its places, its tree, its intervals and examples.
export function complete(source, part) {
  const own = lazily(part, ["low", "high", "drawn"]);
  for (const name of ["low", "high", "drawn"]) Object.defineProperty(source, name, { get: () => own[name] });
  source.examples = part.examples;
  source.layouts = part.layouts.map((layout) => {
    const found = lazily(layout, ["scores", "near", "cosine"]);
    let spread;
    Object.defineProperty(found, "spread", { get: () => (spread === undefined ? (spread = covariances(layout.spread)) : spread) });
    return found;
  });
  source.flat = part.flat.map((item) => lazily(item, ["scores"]));
  source.tree = part.tree && lazily(part.tree, ["members", "merges", "order", "labels", "matrix"]);
  source.loaded = true;
}

// How a face is typed, and the words it was described with: lists of [text, number].
export const spellingsOf = (bundle, source, local) => ((source.spellings && source.spellings[local]) || []).map(([raw, count]) => [raw || bundle.faces[source.index[local]], count]);
export const wordsOf = (bundle, source, local) => ((source.words && source.words[local]) || []).map(([word, share]) => [bundle.vocabulary[word], share]);

export const sourceOf = (bundle, id) => bundle.sources.find((source) => source.id === id) || bundle.sources[0];
export const layoutOf = (source, name) => source.layouts.find((layout) => layout.name === name) || source.layouts[0];

export function row(source, local, categories, table = source.shares) {
  return table ? table.subarray(local * categories, (local + 1) * categories) : null;
}

export function primary(shares) {
  let best = 0;
  for (let place = 1; place < shares.length; place++) if (shares[place] > shares[best]) best = place;
  return best;
}

export function entropy(shares) {
  let bits = 0;
  for (const share of shares) if (share > 0) bits -= share * Math.log2(share);
  return bits;
}

// 1 - Jensen-Shannon divergence / ln 2, as kaomoji_lib/stats.py has it.
export function similarity(left, right, epsilon = 1e-6) {
  const even = (shares) => {
    const total = shares.reduce((sum, share) => sum + share, 0);
    const raised = Array.from(shares, (share) => share / total + epsilon);
    const sum = raised.reduce((a, b) => a + b, 0);
    return raised.map((share) => share / sum);
  };
  const p = even(left);
  const q = even(right);
  let divergence = 0;
  for (let place = 0; place < p.length; place++) {
    const middle = (p[place] + q[place]) / 2;
    divergence += (p[place] * Math.log(p[place] / middle) + q[place] * Math.log(q[place] / middle)) / 2;
  }
  return Math.min(1, Math.max(0, 1 - divergence / Math.LN2));
}

export function disagreement(bundle, source, other, local) {
  const face = source.index[local];
  if (!other) return bundle.disagreement[face];
  const across = other.at.get(face);
  if (across === undefined) return NaN;
  return 1 - similarity(row(source, local, bundle.codes.length), row(other, across, bundle.codes.length));
}

// Which cluster a face is in at a cut: Int array over the source's faces, 0 where it is in none.
export function clustersAt(source, number) {
  const found = new Uint8Array(source.size);
  const cut = source.tree ? source.tree.numbers.indexOf(number || source.tree.chosen) : -1;
  if (cut < 0) return found;
  const { members, labels } = source.tree;
  for (let place = 0; place < members.length; place++) found[members[place]] = labels[cut * members.length + place];
  return found;
}

// A gloss that says what a face is used for: a screen reader would spell its glyphs.
export function gloss(bundle, source, local) {
  const shares = row(source, local, bundle.codes.length);
  const best = primary(shares);
  const item = bundle.categories[best];
  const share = Math.round(100 * shares[best]);
  const often = share >= 60 ? "mostly" : share >= 35 ? "often" : "mixed, at most";
  return `${often} ${item.gloss} face (${share} %), rank ${local + 1} of ${source.size}, ${weightWords(source, local)}`;
}

export function weightWords(source, local) {
  const weight = source.weight[local];
  const number = Number.isInteger(weight) ? weight : Math.round(weight * 10) / 10;
  if (source.unit === "times typed") return `typed ${number} ${number === 1 ? "time" : "times"}`;
  return `${source.unit} ${number}`;
}
