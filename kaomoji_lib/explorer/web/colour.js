// Colours of faces in every mode, readable on light and dark paper.

export const MODES = [["primary", "main emotion"], ["mix", "mix of emotions"], ["cluster", "cluster"], ["count", "how often typed"],
                      ["entropy", "one emotion or many"], ["disagreement", "disagreement"]];
const CLUSTERS = ["#0f7c84", "#d0612a", "#5a6fd0", "#b04f86", "#7d8420", "#2f8f4e", "#a06a2c", "#7a55b8", "#c23b4a", "#3f83c2", "#8a7a5c", "#5f9a12",
                  "#b3561f", "#4b6a88", "#98418f"];
const SCALE = ["#9aa9b8", "#5d93b0", "#2f7f93", "#b5722b", "#c2432b"];

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const gamma = (value) => (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);
const hex = (rgb) => `#${rgb.map((value) => Math.round(255 * Math.min(1, Math.max(0, value))).toString(16).padStart(2, "0")).join("")}`;

function toLab(colour) {
  const [r, g, b] = parse(colour).map(linear);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

function fromLab([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return hex([4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
              -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s].map(gamma));
}

export function mix(colours, shares) {
  const total = shares.reduce((sum, share) => sum + share, 0) || 1;
  const lab = [0, 0, 0];
  colours.forEach((colour, place) => toLab(colour).forEach((value, axis) => { lab[axis] += (value * shares[place]) / total; }));
  return fromLab(lab);
}

const luminance = (colour) => parse(colour).map(linear).reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
export function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const readable = new Map();
// The colour, moved along its lightness until it can be read on the paper.
export function legible(colour, paper, least = 4.5) {
  const key = `${colour}${paper}`;
  if (!readable.has(key)) {
    let [L, a, b] = toLab(colour);
    const step = luminance(paper) > 0.4 ? -0.015 : 0.015;
    let found = colour;
    for (let tries = 0; tries < 60 && contrast(found, paper) < least; tries++) {
      L += step;
      found = fromLab([L, a, b]);
    }
    readable.set(key, found);
  }
  return readable.get(key);
}

export function ramp(value) {
  const place = Math.min(1, Math.max(0, value)) * (SCALE.length - 1);
  const low = Math.min(SCALE.length - 2, Math.floor(place));
  return mix([SCALE[low], SCALE[low + 1]], [1 - (place - low), place - low]);
}

export const clusterColour = (number) => (number ? CLUSTERS[(number - 1) % CLUSTERS.length] : "#8a8a86");
