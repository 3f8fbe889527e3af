// The faces that were selected, as a list to go through and to take away.

import { clustersAt, gloss, layoutOf, primary, row } from "./data.js";
import { faceWords, fill, make } from "./dom.js";

export function rows(bundle, source, layerName, selected, number) {
  const layout = layoutOf(source, layerName);
  const clusters = clustersAt(source, number);
  return selected.map((face) => source.at.get(bundle.byFace.get(face))).filter((local) => local !== undefined).map((local) => {
    const shares = row(source, local, bundle.codes.length);
    const found = { face: bundle.faces[source.index[local]], source: source.id, layer: layout.name, weight: round(source.weight[local]),
                    primary: bundle.codes[primary(shares)], cluster: clusters[local] || null };
    bundle.codes.forEach((code, place) => { found[code] = round(shares[place]); });
    [found.pc1, found.pc2, found.pc3] = [0, 1, 2].map((axis) => round(layout.scores[3 * local + axis]));
    return found;
  });
}

const round = (value) => Number(value.toPrecision(4));
const quote = (value) => { const text = value === null ? "" : String(value); return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };

export function csv(table) {
  const columns = Object.keys(table[0] || {});
  return [columns, ...table.map((item) => columns.map((name) => item[name]))].map((line) => line.map(quote).join(",")).join("\r\n") + "\r\n";
}

export function save(name, type, content) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function makeList({ bundle, onFace, onClear }) {
  const root = make("section", { className: "kx-list", "aria-label": "Selected faces" });
  return {
    root,
    show(source, layerName, selected, number) {
      root.hidden = !selected.length;
      if (!selected.length) return fill(root);
      const table = rows(bundle, source, layerName, selected, number);
      const absent = selected.length - table.length;
      const button = (words, click) => make("button", { type: "button", textContent: words, on: { click } });
      fill(root, make("div", { className: "kx-list-head" },
        make("strong", { textContent: `${table.length} ${table.length === 1 ? "face" : "faces"} selected${absent ? `, ${absent} more that this source lacks` : ""}` }),
        button("Download CSV", () => save("faces.csv", "text/csv", `\ufeff${csv(table)}`)),
        button("Download JSON", () => save("faces.json", "application/json", JSON.stringify(table, null, 1))), button("Clear", onClear)),
        make("ul", {}, ...table.map((item) => {
          const face = bundle.byFace.get(item.face);
          return make("li", {}, make("button", { type: "button", "aria-label": gloss(bundle, source, source.at.get(face)), on: { click: () => onFace(face) } },
            faceWords(item.face), make("span", { className: "kx-note", textContent: item.primary })));
        })));
    },
  };
}
