// The card of a face: how it is typed, what each source makes of it, its neighbours, its words and examples.

import { legible } from "./colour.js";
import { gloss, layoutOf, primary, row, similarity, weightWords } from "./data.js";
import { faceWords, fill, make, percent } from "./dom.js";

const [NEAREST, LISTED] = [8, 8];

// Numbers by name, added up with `join` over the sources that know a face, largest first.
function merged(bundle, face, name, join) {
  const total = new Map();
  for (const source of bundle.sources) for (const [text, number] of source[name][source.at.get(face)] ?? []) total.set(text, join(number, total.get(text) ?? 0));
  return [...total].sort((a, b) => b[1] - a[1]).slice(0, LISTED);
}

export function makeCard({ bundle, onFace, onClose, onSource }) {
  const root = make("section", { className: "kx-card", "aria-label": "Card of the chosen kaomoji", tabIndex: -1 });
  const section = (title, ...content) => make("div", { className: "kx-part" }, make("h4", { textContent: title }), ...content);
  const note = (words) => make("p", { className: "kx-note", textContent: words });

  function bars(source, local, paper) {
    const [shares, low, high] = [source.shares, source.low, source.high].map((table) => row(bundle, source, local, table));
    return make("ul", { className: "kx-bars" }, ...bundle.categories.map((item, place) => {
      const interval = low && Number.isFinite(low[place]) ? `, 95% interval ${percent(low[place])} to ${percent(high[place])}` : "";
      const words = `${percent(shares[place])}${interval}`;
      return make("li", { "aria-label": `${item.gloss} ${words}`, title: `${item.description}: ${words}` },
        make("span", { className: "kx-bar-name", "aria-hidden": "true" }, make("span", { textContent: item.glyph, style: { color: legible(item.colour, paper) } }), ` ${item.gloss}`),
        make("span", { className: "kx-track", "aria-hidden": "true" }, make("span", { className: "kx-fill", style: { width: `${100 * shares[place]}%`, background: legible(item.colour, paper, 3) } }),
          interval ? make("span", { className: "kx-whisker", style: { left: `${100 * low[place]}%`, width: `${100 * (high[place] - low[place])}%` } }) : null),
        make("span", { className: "kx-value", "aria-hidden": "true", textContent: shares[place] >= 0.005 ? percent(shares[place]) : "" }));
    }));
  }

  function ofSource(source, face, current, other, paper) {
    const local = source.at.get(face);
    const shares = row(bundle, source, local);
    const details = make("details", { className: "kx-source", open: source === current || source === other },
      make("summary", {}, make("span", { className: "kx-source-name", textContent: source.title }),
        make("span", { className: "kx-note", textContent: `${bundle.categories[primary(shares)].gloss} ${percent(Math.max(...shares))}${source.typed ? `, ${weightWords(source, local)}` : ""}` })), bars(source, local, paper));
    if (source !== current) details.append(make("button", { type: "button", className: "kx-link", textContent: "See it in the map of this source", on: { click: () => onSource(source.id) } }));
    return details;
  }

  function neighbours(source, local, layout, minimum) {
    const places = Array.from({ length: layout.neighbours }, (_, place) => local * layout.neighbours + place).filter((at) => source.weight[layout.near[at]] >= minimum);
    return make("ul", { className: "kx-near" }, ...places.slice(0, NEAREST).map((at) => {
      const [other, cosine] = [layout.near[at], layout.cosine[at].toFixed(2).replace("-", "−")];
      return make("li", {}, make("button", { type: "button", "aria-label": `${gloss(bundle, source, other)}, cosine ${cosine}`, on: { click: () => onFace(source.index[other]) } },
        faceWords(bundle.faces[source.index[other]]), make("span", { className: "kx-note", textContent: cosine })));
    }));
  }

  return {
    root,
    close() { root.hidden = true; fill(root); },
    show(face, source, other, { layerName, minimum, paper, colour }) {
      root.hidden = false;
      const [local, across] = [source.at.get(face), other?.at.get(face)];
      const layout = layoutOf(source, layerName);
      const parts = [make("button", { type: "button", className: "kx-close", "aria-label": "Close the card", textContent: "×", on: { click: onClose } }),
        make("p", { className: "kx-large", role: "img", "aria-label": "The kaomoji of this card", style: { color: colour || "inherit" } }, faceWords(bundle.faces[face])),
        make("p", { className: "kx-gloss", textContent: local === undefined ? `${source.title} does not know this kaomoji.` : `${source.title}: ${gloss(bundle, source, local)}.` })];
      if (local !== undefined && source.drawn) parts.push(note(`Typed for ${source.drawn[local]} ${source.drawn[local] === 1 ? "message" : "messages"}; intervals are over messages.`));
      if (local !== undefined && across !== undefined) parts.push(note(`Similarity of the two sources: ${similarity(row(bundle, source, local), row(bundle, other, across)).toFixed(2)} (1 = the same, 0 = no overlap).`));
      const known = bundle.sources.filter((item) => item.at.has(face)).sort((a, b) => (b === source) - (a === source) || (b === other) - (a === other));
      parts.push(section("Emotion, by source", ...known.map((item) => ofSource(item, face, source, other, paper))));
      if (local !== undefined) parts.push(section(`Nearest kaomoji (${layout.name})`, neighbours(source, local, layout, minimum)));
      const spellings = merged(bundle, face, "spellings", (a, b) => a + b);
      if (spellings.length) parts.push(section("Typed as, in all sources", make("ul", { className: "kx-spellings" }, ...spellings.map(([raw, count], place) => make("li", {},
        make("span", { className: "kx-hidden-words", textContent: `spelling ${place + 1}: ` }), make("span", { "aria-hidden": "true" }, faceWords(raw)),
        make("span", { className: "kx-note", textContent: ` ${count}` }), make("span", { className: "kx-hidden-words", textContent: count === 1 ? " time" : " times" }))))));
      const words = merged(bundle, face, "words", Math.max);
      if (words.length) parts.push(section("Described as", make("p", { className: "kx-words" }, ...words.map(([word, share]) =>
        make("span", { textContent: word, style: { opacity: String(0.6 + 0.4 * Math.min(1, 3 * share)) }, title: percent(share) })))));
      const examples = source.examples?.[local] ?? [];
      if (examples.length) parts.push(section("For example", make("dl", { className: "kx-examples" }, ...examples.flatMap(([category, prompt, reply]) =>
        [make("dt", {}, make("span", { className: "kx-note", textContent: category }), ` ${prompt}`), make("dd", { className: "kx-face", textContent: reply })]))));
      fill(root, ...parts);
    },
  };
}
