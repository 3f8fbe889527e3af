// What colour and which symbol each face of a source has, and the legend that says so.

import { clusterColour, legible, mix, ramp } from "./colour.js";
import { clustersOf, disagreement, entropy, primary, row } from "./data.js";

const UNKNOWN = "#8a8a86";

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
