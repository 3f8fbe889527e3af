// The card of a face: what it is, how it is typed, what each source makes of it, its neighbours and its words.

import { legible } from "./colour.js";
import { layoutOf, gloss, primary, row, similarity, spellingsOf, weightWords, wordsOf } from "./data.js";
import { faceWords, fill, make, percent } from "./dom.js";

const NEAREST = 8;
const typing = (bundle) => bundle.sources.filter((source) => source.spellings).length;

export function makeCard({ bundle, load, onFace, onClose, onSource }) {
  const root = make("section", { className: "kx-card", "aria-label": "Card of the chosen face", tabIndex: -1 });

  function bars(source, local, paper) {
    const shares = row(source, local, bundle.codes.length);
    const [low, high] = [source.low, source.high].map((table) => row(source, local, bundle.codes.length, table || null));
    const list = make("ul", { className: "kx-bars" });
    bundle.categories.forEach((item, place) => {
      const colour = legible(item.colour, paper, 3);
      const interval = low && Number.isFinite(low[place]) ? `, 95% interval ${percent(low[place])} to ${percent(high[place])}` : "";
      list.append(make("li", { "aria-label": `${item.gloss} ${percent(shares[place])}${interval}`, title: `${item.code} ${item.description}: ${percent(shares[place])}${interval}` },
        make("span", { className: "kx-bar-name", "aria-hidden": "true" }, make("span", { textContent: item.glyph, style: { color: legible(item.colour, paper) } }), ` ${item.gloss}`),
        make("span", { className: "kx-track", "aria-hidden": "true" },
          make("span", { className: "kx-fill", style: { width: `${100 * shares[place]}%`, background: colour } }),
          interval ? make("span", { className: "kx-whisker", style: { left: `${100 * low[place]}%`, width: `${100 * (high[place] - low[place])}%` } }) : null),
        make("span", { className: "kx-value", "aria-hidden": "true", textContent: shares[place] >= 0.005 ? percent(shares[place]) : "" })));
    });
    return list;
  }

  function strip(shares, paper) {
    return make("span", { className: "kx-strip", "aria-hidden": "true" },
      ...bundle.categories.map((item, place) => make("span", { style: { width: `${100 * shares[place]}%`, background: legible(item.colour, paper, 2.2) } })));
  }

  function perSource(face, current, other, paper) {
    const known = bundle.sources.filter((source) => source.at.has(face));
    known.sort((a, b) => (b.id === current) - (a.id === current) || (b.id === other) - (a.id === other));
    return known.map((source) => {
      const local = source.at.get(face);
      const shares = row(source, local, bundle.codes.length);
      const best = bundle.categories[primary(shares)];
      const details = make("details", { className: "kx-source", open: source.id === current || source.id === other, on: { toggle: () => showBars() } },
        make("summary", {}, make("span", { className: "kx-source-name", textContent: source.title }), strip(shares, paper),
          make("span", { className: "kx-note", textContent: `${best.gloss} ${percent(Math.max(...shares))}, ${weightWords(source, local)}` })));
      // The intervals come with the source's own data, which is read when they are looked at.
      let shown = null;
      const showBars = () => {
        if (!details.open || shown) return;
        details.firstChild.after(shown = bars(source, local, paper));
        if (!source.loaded) load(source).then(() => { const later = bars(source, local, paper); shown.replaceWith(later); shown = later; }).catch(() => {});
      };
      showBars();
      if (source.id !== current) details.append(make("button", { type: "button", className: "kx-link", textContent: "See it in this source's map", on: { click: () => onSource(source.id) } }));
      return details;
    });
  }

  function section(title, ...content) {
    return content.length ? make("div", { className: "kx-part" }, make("h4", { textContent: title }), ...content) : null;
  }

  return {
    root,
    close() { root.hidden = true; fill(root); },
    show(face, source, other, { layerName, minimum, paper, colour }) {
      root.hidden = false;
      const local = source.at.get(face);
      const text = bundle.faces[face];
      const spellings = new Map();
      for (const item of bundle.sources) if (item.at.has(face)) for (const [raw, count] of spellingsOf(bundle, item, item.at.get(face))) spellings.set(raw, (spellings.get(raw) || 0) + count);
      const parts = [make("button", { type: "button", className: "kx-close", "aria-label": "Close the card", textContent: "×", on: { click: onClose } }),
        make("p", { className: "kx-large", role: "img", "aria-label": "The face of this card", style: { color: colour || "inherit" } }, faceWords(text)),
        make("p", { className: "kx-gloss", textContent: local === undefined ? `${source.title} does not know this face.` : `A ${gloss(bundle, source, local)} by ${source.title}.` })];
      if (local !== undefined && source.drawn) parts.push(make("p", { className: "kx-note", textContent: `Drawn by ${source.drawn[local]} ${source.drawn[local] === 1 ? "prompt" : "prompts"}; intervals resample prompts.` }));
      if (other && local !== undefined && other.at.has(face)) parts.push(make("p", { className: "kx-note", textContent:
        `Similarity of the two readings: ${similarity(row(source, local, bundle.codes.length), row(other, other.at.get(face), bundle.codes.length)).toFixed(2)} (1 = the same).` }));
      if (spellings.size) parts.push(section(typing(bundle) > 1 ? "Typed as, in all sources" : "Typed as", make("ul", { className: "kx-spellings" },
        ...[...spellings].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([raw, count], place) => make("li", {},
          make("span", { className: "kx-said", textContent: `spelling ${place + 1}: ` }), make("span", { "aria-hidden": "true" }, faceWords(raw)),
          make("span", { className: "kx-note", textContent: ` ${count}` }), make("span", { className: "kx-said", textContent: count === 1 ? " time" : " times" }))))));
      if (local !== undefined) parts.push(section(`Nearest faces, ${layerName}`, near(source, local, layerName, minimum)));
      parts.push(section("Category, by source", ...perSource(face, source.id, other && other.id, paper)));
      const words = new Map();
      for (const item of bundle.sources) if (item.at.has(face)) for (const [word, share] of wordsOf(bundle, item, item.at.get(face))) words.set(word, Math.max(share, words.get(word) || 0));
      if (words.size) parts.push(section("Described as", make("p", { className: "kx-words" }, ...[...words].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([word, share]) =>
        make("span", { textContent: word, style: { opacity: String(0.6 + 0.4 * Math.min(1, 3 * share)) }, title: percent(share) })))));
      const examples = local !== undefined && source.examples ? source.examples[local] || [] : [];
      if (examples.length) parts.push(section("For example", make("dl", { className: "kx-examples" }, ...examples.flatMap(([prompt, reply]) => {
        const [, code, words2] = bundle.prompts[prompt];
        return [make("dt", {}, make("span", { className: "kx-code", textContent: code }), ` ${words2}`), make("dd", { className: "kx-face", textContent: reply })];
      }))));
      fill(root, ...parts);
    },
  };

  function near(source, local, layerName, minimum) {
    const layout = layoutOf(source, layerName);
    const size = layout.neighbours;
    const often = Array.from({ length: size }, (_, place) => local * size + place).filter((at) => source.weight[layout.near[at]] >= minimum).slice(0, NEAREST);
    return make("ul", { className: "kx-near" }, ...often.map((at) => {
      const [other, cosine] = [layout.near[at], layout.cosine[at]];
      return make("li", {}, make("button", { type: "button", "aria-label": `${gloss(bundle, source, other)}, cosine ${cosine.toFixed(2)}`, on: { click: () => onFace(source.index[other]) } },
        faceWords(bundle.faces[source.index[other]]), make("span", { className: "kx-note", textContent: cosine.toFixed(2).replace("-", "−") })));
    }));
  }
}
