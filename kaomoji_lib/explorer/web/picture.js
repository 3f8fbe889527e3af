// The map as it stands, as a picture to keep.

import { save } from "./list.js";

const EDGE = 14;

// `panels`: list of { title, layers } with canvases that lie upon each other.
export function savePicture(panels, { paper, text, font }) {
  const [first] = panels[0].layers;
  const scale = first.width / (first.clientWidth || first.width);
  const [edge, head] = [EDGE * scale, 34 * scale];
  const canvas = document.createElement("canvas");
  canvas.width = panels.reduce((sum, panel) => sum + panel.layers[0].width, 0) + edge * (panels.length + 1);
  canvas.height = Math.max(...panels.map((panel) => panel.layers[0].height)) + head + edge;
  const context = canvas.getContext("2d");
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  let x = edge;
  for (const { title, layers } of panels) {
    context.fillStyle = text;
    context.font = `600 ${15 * scale}px ${font}`;
    context.fillText(title, x, 23 * scale);
    for (const layer of layers) context.drawImage(layer, x, head);
    x += layers[0].width + edge;
  }
  canvas.toBlob((blob) => save("faces.png", "image/png", blob));
}
