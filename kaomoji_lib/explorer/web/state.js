// What the reader has chosen: one object, told to whoever listens, kept in the address of the page.

export const DEFAULTS = { source: "", compare: "", layer: "", view: "3d", colour: "primary", minimum: 3, search: "", face: "", selected: [],
                          clusters: 0, ellipses: false, only: "", turn: [-0.5, 0.35], zoom: 1, shift: [0, 0] };
const NAMES = { source: "s", compare: "with", layer: "layer", view: "view", colour: "colour", minimum: "min", search: "q", face: "face", selected: "sel",
                clusters: "k", ellipses: "ci", only: "only", turn: "turn", zoom: "zoom", shift: "shift" };
const LONGEST = 60;

export function makeState(first) {
  let now = { ...DEFAULTS, ...first };
  const listeners = new Set();
  return {
    get: () => now,
    set(patch, from) {
      const changed = Object.keys(patch).filter((name) => name in DEFAULTS && !same(now[name], patch[name]));
      if (!changed.length) return;
      now = { ...now, ...Object.fromEntries(changed.map((name) => [name, patch[name]])) };
      for (const listener of listeners) listener(now, new Set(changed), from);
    },
    listen: (listener) => { listeners.add(listener); return () => listeners.delete(listener); },
  };
}

const same = (a, b) => (Array.isArray(a) && Array.isArray(b) ? a.length === b.length && a.every((value, place) => value === b[place]) : a === b);

export function toHash(state) {
  const found = new URLSearchParams();
  for (const [name, short] of Object.entries(NAMES)) {
    const value = state[name];
    if (same(value, DEFAULTS[name])) continue;
    if (name === "selected") { if (value.length <= LONGEST) value.forEach((face) => found.append(short, face)); }
    else if (Array.isArray(value)) found.set(short, value.map((number) => number.toFixed(2)).join(" "));
    else if (typeof value === "number") found.set(short, String(Math.round(value * 100) / 100));
    else found.set(short, value === true ? "1" : value);
  }
  return found.toString();
}

export function fromHash(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const found = {};
  for (const [name, short] of Object.entries(NAMES)) {
    const text = given.get(short);
    const usual = DEFAULTS[name];
    if (text === null) continue;
    if (name === "selected") found[name] = given.getAll(short);
    else if (Array.isArray(usual)) found[name] = pair(text, usual);
    else if (typeof usual === "number") found[name] = Number.isFinite(Number(text)) ? Number(text) : usual;
    else found[name] = typeof usual === "boolean" ? text === "1" : text;
  }
  return found;
}

function pair(text, usual) {
  const numbers = text.split(" ").map(Number);
  return numbers.length === 2 && numbers.every(Number.isFinite) ? numbers : usual;
}
