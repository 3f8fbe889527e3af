// The selected kaomoji, as a list to go through and to download.

import { clustersOf, gloss, layoutOf, primary, row } from "./data.js";
import { faceWords, fill, make } from "./dom.js";

const digits = (value) => Number(value.toPrecision(4));
const quote = (value) => { const text = value === null ? "" : String(value); return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };

function tableOf(bundle, source, layerName, selected) {
  const layout = layoutOf(source, layerName);
  const clusters = clustersOf(source);
  return selected.map((face) => source.at.get(bundle.byFace.get(face))).filter((local) => local !== undefined).map((local) => {
    const shares = row(bundle, source, local);
    const record = { face: bundle.faces[source.index[local]], source: source.id, layer: layout.name, weight: digits(source.weight[local]),
                     primary: bundle.categories[primary(shares)].gloss, cluster: clusters[local] || null };
    bundle.categories.forEach((item, place) => { record[item.gloss] = digits(shares[place]); });
    [record.pc1, record.pc2, record.pc3] = [0, 1, 2].map((axis) => digits(layout.scores[3 * local + axis]));
    return record;
  });
}

function csv(table) {
  const columns = Object.keys(table[0] || {});
  return [columns, ...table.map((record) => columns.map((name) => record[name]))].map((line) => line.map(quote).join(",")).join("\r\n") + "\r\n";
}

function save(name, type, content) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function makeList({ bundle, onFace, onClear }) {
  const root = make("section", { className: "kx-list", "aria-label": "Selected kaomoji" });
  return {
    root,
    show(source, layerName, selected) {
      root.hidden = !selected.length;
      if (!selected.length) return fill(root);
      const table = tableOf(bundle, source, layerName, selected);
      const absent = selected.length - table.length;
      const button = (words, click) => make("button", { type: "button", textContent: words, on: { click } });
      return fill(root, make("div", { className: "kx-list-head" },
        make("strong", { textContent: `${table.length} kaomoji selected${absent ? `, ${absent} more are unknown to this source` : ""}` }),
        button("Download CSV", () => save("kaomoji.csv", "text/csv", `\ufeff${csv(table)}`)),
        button("Download JSON", () => save("kaomoji.json", "application/json", JSON.stringify(table, null, 1))), button("Clear", onClear)),
        make("ul", {}, ...table.map((record) => {
          const face = bundle.byFace.get(record.face);
          return make("li", {}, make("button", { type: "button", "aria-label": gloss(bundle, source, source.at.get(face)), on: { click: () => onFace(face) } },
            faceWords(record.face), make("span", { className: "kx-note", textContent: record.primary })));
        })));
    },
  };
}
