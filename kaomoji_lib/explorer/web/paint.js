// What colour and which symbol each face of a source has, and the legend that says so.

import { clusterColour, legible, mix, ramp } from "./colour.js";
import { clustersAt, disagreement, entropy, primary, row } from "./data.js";

export function paint(bundle, source, other, mode, paper, number) {
  const categories = bundle.categories;
  const colours = new Array(source.size);
  const symbols = new Array(source.size);
  const keys = new Array(source.size);
  const clusters = mode === "cluster" ? clustersAt(source, number) : null;
  const scale = numbers(bundle, source, other, mode);
  const plain = categories.map((item) => item.colour);
  for (let local = 0; local < source.size; local++) {
    const shares = row(source, local, categories.length);
    const best = primary(shares);
    symbols[local] = categories[best].glyph;
    keys[local] = categories[best].code;
    let colour = plain[best];
    if (mode === "mix") colour = mix(plain, shares);
    if (clusters) [colour, keys[local]] = [clusterColour(clusters[local]), `${clusters[local]}`];
    if (scale) colour = Number.isNaN(scale.values[local]) ? "#8a8a86" : ramp((scale.values[local] - scale.low) / (scale.high - scale.low || 1));
    colours[local] = legible(colour, paper);
  }
  return { colours, symbols, keys, scale, legend: legend(bundle, source, mode, paper, number, scale, keys) };
}

function numbers(bundle, source, other, mode) {
  const of = { count: (local) => Math.log10(Math.max(source.weight[local], 1e-3)),
               entropy: (local) => entropy(row(source, local, bundle.codes.length)),
               disagreement: (local) => disagreement(bundle, source, other, local) }[mode];
  if (!of) return null;
  const values = Float32Array.from({ length: source.size }, (_, local) => of(local));
  const known = values.filter((value) => !Number.isNaN(value));
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const [low, high] = mode === "count" ? [least, most] : [0, mode === "entropy" ? Math.log2(bundle.codes.length) : 1];
  return { values, low, high: known.length ? high : 1 };
}

function legend(bundle, source, mode, paper, number, scale, keys) {
  if (scale) {
    const words = mode === "count" ? [10 ** scale.low, 10 ** scale.high].map((value) => Math.round(value).toLocaleString("en"))
      : mode === "entropy" ? ["one category", "all alike"] : ["agree", "disagree"];
    return { kind: "scale", stops: [0, 0.25, 0.5, 0.75, 1].map(ramp), words };
  }
  if (mode === "cluster") {
    if (!source.tree) return { kind: "none", words: "Too few faces to look for clusters." };
    const cut = source.tree.numbers.indexOf(number || source.tree.chosen);
    return { kind: "list", items: source.tree.names[cut].map((name, place) => ({
      key: `${place + 1}`, symbol: "●", colour: legible(clusterColour(place + 1), paper), name,
      note: `stability ${source.tree.stability[cut][place].toFixed(2)}` })) };
  }
  const present = new Set(keys);
  return { kind: "list", items: bundle.categories.filter((item) => present.has(item.code)).map((item) => ({
    key: item.code, symbol: item.glyph, colour: legible(item.colour, paper), name: `${item.code} ${item.gloss}`, note: item.description })) };
}
