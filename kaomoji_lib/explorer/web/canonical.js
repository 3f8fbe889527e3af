// The canonical spelling of a face, as kaomoji_lib/faces/canonical.py has it. The tables come from there.

const set = (chars) => [...chars].map((char) => `\\u{${char.codePointAt(0).toString(16)}}`).join("");

export function makeCanonical(tables) {
  const space = `[${set(tables.space)}]`;
  const trim = new RegExp(`^${space}+|${space}+$`, "gu");
  const deleted = new RegExp(`[${set(tables.deleted)}]`, "gu");
  const to = [...tables.folds];
  const folds = new Map([...tables.folded].map((char, place) => [char, to[place]]));
  const leading = set(tables.leading);
  const trailing = set(tables.trailing);
  const end = "(?=\\n?$)"; // Python's $ also matches before a last line break
  const armsBefore = new RegExp(`^[${leading}]+(?=\\()`, "u");
  const armsBehind = new RegExp(`(?<=\\))[${trailing}]+${end}`, "u");
  const tableBehind = new RegExp(`(?<=[)${trailing}])${tables.table}${end}`, "u");
  const tableBefore = new RegExp(`^${tables.table}[ \\u3000]?[ノﾉヽ]?(?=[${leading}]*\\()`, "u");
  const head = new RegExp(`^[${set(tables.head)}]+`, "u");
  const tail = new RegExp(`[${set(tables.tail)}]+${end}`, "u");
  const escapedPair = /^\\[(\[（][^\n]*\\[)\]）]/u;
  const escapedMark = new RegExp(`\\\\([*\`~])|(?<=([^${set(tables.space)}¯(]))\\\\(_)(?=\\2)`, "gu");
  const escape = /\\([!-/:-@[-`{-~])/gu;
  const capital = /[\u0400-\u042f]/gu;

  function once(text) {
    let face = text.replace(trim, "").normalize("NFC").replace(deleted, "");
    if (escapedPair.test(face)) face = face.replace(escape, "$1");
    face = face.replace(escapedMark, (_, mark, before, line) => mark || line);
    face = [...face].map((char) => folds.get(char) ?? char).join("").replace(capital, (char) => char.toLowerCase());
    face = face.replace(tableBefore, "").replace(tableBehind, "");
    face = face.replace(armsBefore, "").replace(armsBehind, "");
    if (face.length > 1 && face.startsWith("(") && face.endsWith(")"))
      face = `(${face.slice(1, -1).replace(head, "").replace(tail, "").replaceAll(" ", "")})`;
    return face.replaceAll("・-・", "・_・");
  }

  return (raw) => {
    let face = raw;
    for (let next = once(face); next !== face; next = once(face)) face = next;
    return face;
  };
}
