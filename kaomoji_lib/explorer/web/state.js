// What is chosen: one object, reported to listeners, kept in the address of the page.

export const DEFAULTS = { source: "", compare: "", layer: "", view: "2d", colour: "primary", minimum: 3, search: "", face: "", selected: [],
                          ellipses: false, only: "", turn: [-0.5, 0.35], zoom: 1, shift: [0, 0] };
const SHORT = { source: "s", compare: "with", layer: "layer", view: "view", colour: "colour", minimum: "min", search: "q", face: "face", selected: "sel",
                ellipses: "ci", only: "only", turn: "turn", zoom: "zoom", shift: "shift" };
const MOST_SELECTED = 60; // a longer selection is left out of the address

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// `listener`: called with the state, the names that changed and where from.
export function makeState(first, listener) {
  let now = { ...DEFAULTS, ...first };
  return {
    get: () => now,
    set(patch, from) {
      const changed = Object.keys(patch).filter((name) => name in DEFAULTS && !same(now[name], patch[name]));
      if (!changed.length) return;
      now = { ...now, ...Object.fromEntries(changed.map((name) => [name, patch[name]])) };
      listener(now, new Set(changed), from);
    },
  };
}

// `usual`: the state that an address without words stands for.
export function toHash(state, usual) {
  const words = new URLSearchParams();
  for (const [name, short] of Object.entries(SHORT)) {
    const value = state[name];
    if (same(value, usual[name])) continue;
    if (name === "selected") { if (value.length <= MOST_SELECTED) value.forEach((face) => words.append(short, face)); }
    else if (Array.isArray(value)) words.set(short, value.map((number) => number.toFixed(2)).join(" "));
    else words.set(short, typeof value === "number" ? String(Math.round(value * 100) / 100) : typeof value === "boolean" ? (value ? "1" : "0") : value);
  }
  return words.toString();
}

export function fromHash(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const state = {};
  for (const [name, short] of Object.entries(SHORT)) {
    const [text, usual] = [words.get(short), DEFAULTS[name]];
    if (text === null) continue;
    const numbers = text.split(" ").map(Number);
    const valid = numbers.length === [usual].flat().length && numbers.every(Number.isFinite);
    if (name === "selected") state[name] = words.getAll(short);
    else if (Array.isArray(usual)) state[name] = valid ? numbers : usual;
    else if (typeof usual === "number") state[name] = valid ? numbers[0] : usual;
    else state[name] = typeof usual === "boolean" ? text === "1" : text;
  }
  return state;
}
