// Elements made from text, never from markup: a face may hold < > & and quotes.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Puts other children into an element; a button that has the focus passes it on to the one in its place.
export function fill(element, ...children) {
  const place = [...element.querySelectorAll("button")].indexOf(document.activeElement);
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
  element.querySelectorAll("button")[place]?.focus({ preventScroll: true });
  return element;
}

export const faceWords = (text) => make("span", { className: "kx-face", lang: "", textContent: text });
export const percent = (share) => `${Math.round(100 * share)}%`;

export function once(work) {
  let waiting = 0;
  return () => { waiting ||= requestAnimationFrame(() => { waiting = 0; work(); }); };
}
