// What a map or a tree is asked to show, from the state and the source: places, sizes, colours and symbols, and the legend.

import { clusterColour, legible, mix, ramp } from "./colour.js";
import { clustersOf, disagreement, entropy, gloss, layoutOf, primary, row } from "./data.js";

const CROWD = 250;
const UNKNOWN = "#8a8a86";

export function viewOf(bundle, source, now, found, colours, narrow) {
  const layout = layoutOf(source, now.layer);
  const visible = Uint8Array.from(source.weight, (weight) => (weight >= now.minimum ? 1 : 0));
  const sought = found ? new Set(found.faces) : null;
  const faded = Uint8Array.from(visible, (_, local) => ((sought && !sought.has(source.index[local])) || (now.only && colours.keys[local] !== now.only) ? 1 : 0));
  const order = [...source.weight.keys()].sort((a, b) => faded[a] - faded[b] || source.weight[b] - source.weight[a]);
  const most = Math.max(1, ...source.weight);
  const crowd = visible.reduce((sum, value) => sum + value, 0);
  const [small, grow] = crowd > CROWD ? [13, 10] : narrow ? [12, 8] : [16, 13];
  const place = (face) => source.at.get(bundle.byFace.get(face));
  const faces = [...source.index].map((face) => bundle.faces[face]);
  return {
    source, size: source.size, faces, visible, faded, order, crowd, ...colours, ellipses: now.ellipses,
    scores: layout.scores, spread: layout.spread, flat: now.view !== "3d", axes: layout.variance.map((share, axis) => `component ${axis + 1} (${Math.round(100 * share)}%)`),
    sizes: Float32Array.from(source.weight, (weight) => small + grow * Math.sqrt(Math.min(1, weight / most))),
    open: place(now.face) ?? -1, linked: -1, marked: now.selected.map(place).filter((local) => local !== undefined),
    describe: (local) => `${faces[local]}  ${gloss(bundle, source, local)}`,
  };
}

// The colour, symbol and key of each face of a source, and the legend of the keys.
export function paint(bundle, source, other, mode, paper) {
  const categories = bundle.categories;
  const plain = categories.map((item) => item.colour);
  const clusters = mode === "cluster" ? clustersOf(source) : null;
  const scale = scaleFor(bundle, source, other, mode);
  const marks = Array.from({ length: source.size }, (_, local) => {
    const shares = row(bundle, source, local);
    const { glyph, colour, gloss } = categories[primary(shares)];
    if (clusters) return { glyph, key: `${clusters[local]}`, colour: clusterColour(clusters[local]) };
    if (scale) return { glyph, key: gloss, colour: Number.isNaN(scale.values[local]) ? UNKNOWN : ramp((scale.values[local] - scale.low) / (scale.high - scale.low || 1)) };
    return { glyph, key: gloss, colour: mode === "mix" ? mix(plain, shares) : colour };
  });
  const keys = marks.map((mark) => mark.key);
  return { colours: marks.map((mark) => legible(mark.colour, paper)), symbols: marks.map((mark) => mark.glyph), keys, legend: legendFor(bundle, source, mode, paper, scale, keys) };
}

function scaleFor(bundle, source, other, mode) {
  const measure = { count: (local) => Math.log10(Math.max(source.weight[local], 1e-3)),
                    entropy: (local) => entropy(row(bundle, source, local)),
                    disagreement: (local) => disagreement(bundle, source, other, local) }[mode];
  if (!measure) return null;
  const values = Float32Array.from({ length: source.size }, (_, local) => measure(local));
  if (mode === "count") return { values, low: Math.min(...values), high: Math.max(...values) };
  return { values, low: 0, high: mode === "entropy" ? Math.log2(bundle.categories.length) : 1 };
}

function legendFor(bundle, source, mode, paper, scale, keys) {
  if (scale) {
    const words = mode === "count" ? [scale.low, scale.high].map((value) => `${Math.round(10 ** value).toLocaleString("en")} times`)
      : mode === "entropy" ? ["one emotion", "all emotions alike"] : ["agree", "disagree"];
    return { kind: "scale", stops: [0, 0.25, 0.5, 0.75, 1].map(ramp), words };
  }
  if (mode === "cluster") {
    if (!source.tree) return { kind: "none", words: "Too few kaomoji to look for clusters." };
    return { kind: "list", items: source.tree.names.map((name, place) => ({
      key: `${place + 1}`, symbol: "●", colour: legible(clusterColour(place + 1), paper), name, note: `stability ${source.tree.stability[place].toFixed(2)}` })) };
  }
  const present = new Set(keys);
  return { kind: "list", items: bundle.categories.filter((item) => present.has(item.gloss)).map((item) => ({
    key: item.gloss, symbol: item.glyph, colour: legible(item.colour, paper), name: item.gloss, note: item.description })) };
}
