// What a map or a tree is asked to show, from the state and the source.

import { gloss, layoutOf } from "./data.js";

const CROWD = 250;

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
  const open = place(now.face) ?? -1;
  const near = open < 0 ? [] : [...layout.near.subarray(open * layout.neighbours, (open + 1) * layout.neighbours)].filter((other) => visible[other]).slice(0, 5);
  const faces = [...source.index].map((face) => bundle.faces[face]);
  return {
    source, size: source.size, faces, visible, faded, order, crowd, ...colours, ellipses: now.ellipses,
    scores: layout.scores, spread: layout.spread, flat: now.view !== "3d", axes: layout.variance.map((share, axis) => `component ${axis + 1} (${Math.round(100 * share)}%)`),
    sizes: Float32Array.from(source.weight, (weight) => small + grow * Math.sqrt(Math.min(1, weight / most))),
    open, near, linked: -1, marked: now.selected.map(place).filter((local) => local !== undefined),
    describe: (local) => `${faces[local]}  ${gloss(bundle, source, local)}`,
  };
}
