/* A face in a table leads to its card in the explorer, where the book has one. */
(() => {
  "use strict";

  const LONGEST = 60;

  function start() {
    const found = [...document.querySelectorAll('.bd-sidebar-primary a[href$="explore.html"]')].find((link) => !link.classList.contains("current"));
    if (!found) return;
    for (const cell of document.querySelectorAll("table.kao-table td.face, table.kao-table td span.kao-face")) {
      const face = cell.textContent.trim();
      if (!face || face.length > LONGEST || cell.querySelector("a, span.kao-face")) continue;
      const link = document.createElement("a");
      link.className = "kao-to-explorer";
      link.href = `${found.getAttribute("href")}#${new URLSearchParams({ face })}`;
      link.title = "Open this face in the explorer";
      link.append(...cell.childNodes);
      cell.append(link);
    }
  }

  // After the theme has looked through the page's links: it takes what follows a # for the name of a heading.
  if (document.readyState === "complete") setTimeout(start);
  else window.addEventListener("load", () => setTimeout(start));
})();
