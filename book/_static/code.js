/* Options in commands, codes of categories: a narrow page breaks lines beside them, not at their hyphens. */
(() => {
  "use strict";

  const OPTION = /(\S*\w-\w\S*|--?[a-z]\S*)/;
  const CODE = /(\b[A-Za-z]{1,2}-[A-Z]\w{0,3}\b)/;
  const LONGEST = 30;

  function keep(text, what) {
    const pieces = text.data.split(what);
    if (pieces.length < 2) return;
    text.replaceWith(...pieces.map((piece, place) => {
      if (place % 2 === 0 || piece.length > LONGEST) return piece;
      const whole = document.createElement("span");
      whole.className = "kao-option";
      whole.textContent = piece;
      return whole;
    }));
  }

  function start() {
    within("div.highlight pre, .bd-article code", OPTION);
    within(".kao-title, .kao-source, .kao-table td:not(.face, .faces, .number)", CODE);
  }

  function within(places, what) {
    for (const block of document.querySelectorAll(places)) {
      if (!block.textContent.includes("-")) continue;
      const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
      const found = [];
      while (walker.nextNode()) found.push(walker.currentNode);
      found.forEach((text) => keep(text, what));
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
