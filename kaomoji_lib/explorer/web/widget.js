// The explorer in a notebook: its state goes both ways between the page and Python.

import { mount } from "./app.js";

const SYNCED = ["source", "compare", "layer", "view", "colour", "minimum", "search", "face", "selected", "ellipses", "only"];

export async function render({ model, el }) {
  const font = model.get("_font");
  if (font && font.byteLength && ![...document.fonts].some((face) => face.family.replaceAll('"', "") === "Kaomoji")) {
    const face = new FontFace("Kaomoji", font.buffer ? font.buffer.slice(font.byteOffset, font.byteOffset + font.byteLength) : font);
    document.fonts.add(face);
    await face.load().catch(() => {});
  }
  const first = Object.fromEntries(SYNCED.map((name) => [name, model.get(name)]));
  const app = mount(el, model.get("_bundle"), { first, changed(now, names) {
    for (const name of SYNCED) if (names.has(name)) model.set(name, now[name]);
    model.save_changes();
  } });
  const follow = Object.fromEntries(SYNCED.map((name) => [name, () => app.set({ [name]: model.get(name) }, "model")]));
  for (const name of SYNCED) model.on(`change:${name}`, follow[name]);
  el.explorer = app;
  return () => {
    for (const name of SYNCED) model.off(`change:${name}`, follow[name]);
    app.stop();
  };
}
