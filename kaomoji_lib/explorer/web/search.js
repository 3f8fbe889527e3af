// Finding kaomoji by how they are typed, by category, or by adjective.

import { primary, row } from "./data.js";

const DESCRIBES = 0.1; // the share of a face's words from which on one describes it

// Spellings that differ only in width and spaces are one.
export const spellingKey = (text) => text.normalize("NFKC").replace(/\s+/g, "");

export function makeSearch(bundle) {
  const spellings = new Map(); // spelling -> index of its face
  const described = []; // [index, word]
  for (const source of bundle.sources)
    source.index.forEach((index, local) => {
      for (const [raw] of source.spellings[local]) spellings.set(spellingKey(raw), index);
      for (const [word, share] of source.words[local]) if (share >= DESCRIBES) described.push([index, word]);
    });
  bundle.faces.forEach((face, index) => spellings.set(spellingKey(face), index));
  const called = (words) => described.filter(([, item]) => words.some((word) => item.startsWith(word))).map(([index]) => index);

  // The face that is spelled so by any source: its index, or undefined.
  const lookup = (text) => spellings.get(spellingKey(text));

  // Returns { faces: indices in order of likeness, why: words }, or null when nothing is sought. Categories may be several.
  function find(text, source, minimum = 0) {
    const raw = text.trim();
    if (!raw) return null;
    const exact = lookup(raw);
    if (exact !== undefined) return { faces: [exact], why: `typed as ${bundle.faces[exact]}` };
    const words = raw.toLowerCase().split(/[\s,]+(?:and\s+)?/).filter(Boolean);
    const named = (item, word) => item.code.toLowerCase() === word || (word.length > 2 && item.description.split(/[ ,]+/).some((part) => part.startsWith(word)));
    const categories = bundle.categories.filter((item) => words.some((word) => named(item, word)));
    const adjectives = called(words.filter((word) => word.length > 2));
    if (categories.length) {
      const own = [...source.index.keys()].filter((local) => source.weight[local] >= minimum && categories.includes(bundle.categories[primary(row(bundle, source, local))]));
      return { faces: [...new Set([...own.map((local) => source.index[local]), ...(words.length > 1 ? [] : adjectives)])], why: `mostly used for ${categories.map((item) => item.gloss).join(" or ")}` };
    }
    if (adjectives.length) return { faces: [...new Set(adjectives)], why: `described as ${raw}` };
    const part = spellingKey(raw);
    return { faces: [...new Set([...spellings].filter(([spelling]) => spelling.includes(part)).map(([, index]) => index))].sort((a, b) => a - b), why: `with ${raw} in them` };
  }
  return { find, lookup };
}
