// How many clusters: the silhouette against its null, and how often a bootstrap finds the clusters again.

import { fill, make } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const shape = (tag, attributes, ...children) => {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

export function makeCriterion(onChoose) {
  const root = make("div", { className: "kx-criterion" });
  return {
    root,
    show(source, number) {
      if (!source.tree) return fill(root, make("p", { textContent: "Too few faces to look for clusters." }));
      const { criterion, chosen } = source.tree;
      const now = number || chosen;
      const [width, height, left, top] = [360, 130, 30, 10];
      const most = Math.max(...criterion.map((item) => item[0]));
      const x = (k) => left + ((k - 2) / Math.max(1, most - 2)) * (width - left - 12);
      const y = (value) => top + (1 - Math.max(0, value)) * (height - top - 22);
      const line = (column, style) => shape("polyline", { points: criterion.filter((item) => item[column] !== null).map((item) => `${x(item[0])},${y(item[column])}`).join(" "), class: style });
      const said = criterion.find((item) => item[0] === now) || criterion[0];
      const words = `${now} clusters${now === chosen ? ", the number farthest above chance" : ""}: silhouette ${number2(said[1])} `
        + `(95% interval ${number2(said[2])} to ${number2(said[3])}, by chance ${number2(said[4])}), stability ${number2(said[6])}.`;
      const drawing = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words },
        ...[0, 0.5, 1].map((value) => shape("text", { x: left - 6, y: y(value) + 4, class: "kx-tick", "text-anchor": "end" }, String(value))),
        ...[0, 0.5, 1].map((value) => shape("line", { x1: left, x2: width - 8, y1: y(value), y2: y(value), class: "kx-rule" })),
        shape("line", { x1: x(now), x2: x(now), y1: top, y2: height - 20, class: "kx-now" }),
        line(4, "kx-null"), line(6, "kx-stable"), line(1, "kx-silhouette"),
        ...criterion.map((item) => shape("text", { x: x(item[0]), y: height - 5, class: "kx-tick", "text-anchor": "middle" }, String(item[0]))));
      const choice = make("select", { on: { change: (event) => onChoose(Number(event.target.value)) } },
        ...criterion.map((item) => make("option", { value: String(item[0]), selected: item[0] === now, textContent: `${item[0]} clusters${item[0] === chosen ? " (criterion)" : ""}` })));
      fill(root, make("label", { className: "kx-field" }, make("span", { textContent: "Cut the tree into" }), choice), drawing,
        make("p", { className: "kx-key" }, make("span", { className: "kx-silhouette-key", textContent: "silhouette" }),
          make("span", { className: "kx-null-key", textContent: "by chance" }), make("span", { className: "kx-stable-key", textContent: "stability (bootstrap Jaccard)" })),
        make("p", { textContent: words }));
    },
  };
}

const number2 = (value) => (value === null ? "–" : value.toFixed(2));
