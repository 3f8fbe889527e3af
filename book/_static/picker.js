/* The page "Try it": the likeliest kaomoji of each message and model, from data that lies in the page. */
(() => {
  "use strict";

  const make = (tag, className, ...children) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };

  function field(words, select) {
    select.setAttribute("aria-label", words);
    return make("label", "kao-pick-field", make("span", "", words), select);
  }

  function option(value, text) {
    const node = make("option", "", text);
    node.value = value;
    return node;
  }

  function percent(share) {
    return share < 0.0005 ? "< 0.1%" : `${(100 * share).toFixed(1)}%`;
  }

  function often(share) {
    if (share >= 0.01) return `in ${percent(share)} of replies`;
    if (share <= 0) return "in practically no reply";
    return `once in ${Number((1 / share).toPrecision(2)).toLocaleString("en")} replies`;
  }

  function bar(face, groups, share, longest) {
    const fill = make("span", "kao-pick-fill");
    fill.style.width = `${(100 * share) / longest}%`;
    const track = make("span", "kao-pick-bar", fill);
    track.setAttribute("aria-hidden", "true");
    const name = make("bdi", "kao-face", face);
    name.translate = false;
    const labels = make("span", groups.length ? "kao-pick-labels" : "kao-pick-labels kao-absent", groups.join(", ") || "no label");
    return make("li", "", name, track, make("span", "kao-pick-share", percent(share)), labels);
  }

  function start(place) {
    const data = JSON.parse(place.parentElement.querySelector('script[type="application/json"]').textContent);
    const message = make("select"), model = make("select");
    const groups = new Map();
    data.messages.forEach(([text, category], number) => {
      if (!groups.has(category)) {
        groups.set(category, make("optgroup"));
        groups.get(category).label = category;
        message.append(groups.get(category));
      }
      groups.get(category).append(option(number, text));
    });
    data.models.forEach(({ title }, number) => model.append(option(number, title)));
    const said = make("blockquote", "kao-pick-message"), note = make("p", "kao-pick-note"), list = make("ol", "kao-pick-list");
    const live = make("div", "", said, note);
    live.setAttribute("aria-live", "polite");
    list.setAttribute("aria-label", "The likeliest kaomoji, their probabilities, and people's labels");

    function draw() {
      const [text, category] = data.messages[message.value], chosen = data.models[model.value];
      said.replaceChildren(text, make("cite", "", `written as ${category}`));
      const row = chosen.rows[message.value];
      list.replaceChildren();
      if (!row) note.textContent = `${chosen.title} was not asked this message.`;
      else {
        const [listed, places, shares] = row;
        const asked = chosen.frames ? ` Mean over ${chosen.frames} texts that the model continues, since it takes no instructions.` : "";
        note.textContent = `${chosen.title} opens a reply with one of these ${chosen.size} kaomoji ${often(listed)}.${asked} If it has to choose one, with people's labels:`;
        places.forEach((place, rank) => list.append(bar(...data.faces[place], shares[rank], shares[0])));
      }
      place.dataset.done = `${message.value} ${model.value}`;
    }

    message.addEventListener("change", draw);
    model.addEventListener("change", draw);
    place.append(make("div", "kao-pick-form", field("Message", message), field("Model", model)), live, list);
    draw();
  }

  document.querySelectorAll(".kao-picker").forEach(start);
})();
