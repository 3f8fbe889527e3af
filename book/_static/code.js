/* Options in commands and codes in captions: a narrow page breaks lines beside them, not at their hyphens. */
(() => {
  "use strict";

  const OPTION = /(\S*\w-\w\S*|--?[a-z]\S*)/;
  const LONGEST = 30;

  function keep(text) {
    const pieces = text.data.split(OPTION);
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
    for (const block of document.querySelectorAll("div.highlight pre, .bd-article code, .kao-title, .kao-source")) {
      const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
      const found = [];
      while (walker.nextNode()) found.push(walker.currentNode);
      found.forEach(keep);
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
