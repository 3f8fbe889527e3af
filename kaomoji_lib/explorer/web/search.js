// Finding faces by how they are typed, by category, or by adjective.

import { primary, row, spellingsOf, wordsOf } from "./data.js";

const WORD = 0.1; // the share of a face's words from which on one describes it

const once = (work) => { let done = false; return () => { if (!done) work(); done = true; }; };

export function makeSearch(bundle, canonical) {
  const spelled = new Map();
  const worded = new Map();
  const read = once(() => {
    for (const source of bundle.sources)
      for (let local = 0; local < source.size; local++) {
        for (const [raw] of spellingsOf(bundle, source, local)) add(spelled, source.index[local], raw);
        for (const [word, share] of wordsOf(bundle, source, local)) if (share >= WORD) add(worded, source.index[local], word);
      }
  });

  // Returns { faces: indices in order of likeness, why: words }, or null when nothing is sought.
  return (text, source, minimum = 0) => {
    const raw = text.trim();
    if (!raw) return null;
    read();
    const face = canonical(text);
    const exact = bundle.byFace.get(face);
    if (exact !== undefined) return { faces: [exact], exact: true, why: `typed as ${face}` };
    const word = raw.toLowerCase();
    const codes = bundle.categories.filter((item) => item.code.toLowerCase() === word || item.code.toLowerCase().startsWith(`${word}-`)
      || (word.length > 2 && (item.gloss.startsWith(word) || item.description.split(/[ ,]+/).some((part) => part.startsWith(word)))));
    if (codes.length) {
      const wanted = new Set(codes.map((item) => bundle.codes.indexOf(item.code)));
      const found = [...source.index.keys()].filter((local) => source.weight[local] >= minimum && wanted.has(primary(row(source, local, bundle.codes.length))));
      const described = [...worded].filter(([, words]) => [...words].some((item) => item.startsWith(word))).map(([index]) => index);
      return { faces: [...new Set([...found.map((local) => source.index[local]), ...described])], why: `most typed for ${codes.map((item) => item.gloss).join(", ")}` };
    }
    const described = word.length > 2 ? [...worded].filter(([, words]) => [...words].some((item) => item.startsWith(word))).map(([index]) => index) : [];
    if (described.length) return { faces: described, why: `described as ${raw}` };
    const parts = bundle.faces.map((item, index) => [item, index])
      .filter(([item, index]) => (face && item.includes(face)) || item.includes(raw) || [...(spelled.get(index) || [])].some((typed) => typed.includes(raw)));
    return { faces: parts.map(([, index]) => index), why: `with ${raw} in them` };
  };
}

function add(map, key, value) {
  if (!map.has(key)) map.set(key, new Set());
  map.get(key).add(value);
}
