// The canonical spelling of a face, as kaomoji_lib/faces/canonical.py has it. The tables come from there.

const set = (chars) => [...chars].map((char) => `\\u{${char.codePointAt(0).toString(16)}}`).join("");

export function makeCanonical(tables) {
  const deleted = new RegExp(`[${tables.deleted.replaceAll(/[^-]/gu, set)}]`, "gu");
  const to = [...tables.folds];
  const folds = new Map([...tables.folded].map((char, place) => [char, to[place]]));
  const [open, close] = [set(tables.openers), set(tables.closers)];
  const bracketed = new RegExp(`^[^${open}]*([${open}].*[${close}])`, "su");
  const head = new RegExp(`^[${set(tables.head)}]+`, "u");
  const tail = new RegExp(`[${set(tables.tail)}]+$`, "u");
  const mouths = new Set(tables.mouths);
  const escapedPair = /^\\[(\[].*\\[)\]]/u;
  const escapedMark = /\\([*`~])|(?<=([^¯(]))\\(_)(?=\2)/gu;
  const escape = /\\([!-/:-@[-`{-~])/gu;
  const capital = /[\u0400-\u042f]/gu;

  function fold(text) {
    let face = [...text.normalize("NFC").replace(deleted, "")].map((char) => folds.get(char) ?? char).join("");
    face = face.replace(capital, (char) => char.toLowerCase());
    if (escapedPair.test(face)) face = face.replace(escape, "$1");
    face = face.replace(escapedMark, (_, mark, before, line) => mark || line);
    return face.replaceAll("・-・", "・_・").normalize("NFC");
  }

  function withoutArms(face) {
    const outer = bracketed.exec(face)?.[1];
    if (!outer) return face;
    const inner = outer.slice(1, -1).replace(head, "").replace(tail, "");
    const glyphs = [...inner];
    const eyes = glyphs.length > 1 && mouths.has(glyphs[0]) === mouths.has(glyphs.at(-1));
    return eyes && outer.startsWith("(") && outer.endsWith(")") ? `(${inner})` : outer;
  }

  const settle = (step) => (text) => {
    let face = text;
    for (let next = step(face); next !== face; next = step(face)) face = next;
    return face;
  };
  const withArms = settle(fold);
  return (raw) => settle((face) => withArms(withoutArms(face)))(withArms(raw));
}
