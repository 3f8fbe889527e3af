/* Tables that sort and search. They are plain HTML before this runs, and stay it without. */
(() => {
  "use strict";

  const MANY = 12;
  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const text = (row, column) => (row.cells[column] ? row.cells[column].textContent.trim() : "");

  /* The first number in a cell: 1,440 or −0.5 or 97% or "0.91 to 0.98" or "< 0.001" or "5 × 10⁻⁶"; null without one. */
  function number(value) {
    const small = value.match(/([−-]?[\d.]+) × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)/);
    if (small) return Number(`${small[1].replace("−", "-")}e${[...small[2]].map((sign) => (sign === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(sign))).join("")}`);
    const found = value.replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1").match(/-?\d+(\.\d+)?(e-?\d+)?/i);
    return found ? Number(found[0]) : null;
  }

  /* A cell left empty because it repeats the one above says so once rows can move. */
  function fillDown(rows) {
    let last = "";
    for (const row of rows) {
      const cell = row.cells[0];
      if (!cell) continue;
      if (cell.textContent.trim()) last = cell.textContent;
      else if (last) { cell.textContent = last; cell.classList.add("kao-again"); }
    }
  }

  function sortable(table, body, rows) {
    const heads = [...table.tHead.rows[0].cells];
    const natural = [...rows];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "kao-sort";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", next);
        fillDown(natural);
        const way = next === "descending" ? -1 : 1;
        const numeric = head.classList.contains("number") || natural.every((row) => /^[−+-]?[\d.,]+ ?%?( |$)|^–?$/.test(text(row, column)));
        const key = new Map(natural.map((row) => [row, numeric ? number(text(row, column)) : text(row, column)]));
        const absent = (value) => value === null || value === "" || value === "–";
        const order = next === "none" ? natural : [...natural].sort((one, two) => {
          const [a, b] = [key.get(one), key.get(two)];
          if (absent(a) || absent(b)) return absent(a) - absent(b);
          return way * (numeric ? a - b : words.compare(a, b));
        });
        body.append(...order);
      });
    });
  }

  function searchable(table, rows) {
    const bar = document.createElement("div");
    const input = document.createElement("input");
    const count = document.createElement("span");
    bar.className = "kao-filter";
    Object.assign(input, { type: "search", placeholder: "Search this table", autocomplete: "off", spellcheck: false });
    input.setAttribute("aria-label", `Search the rows of this table${table.caption ? `: ${table.caption.textContent}` : ""}`);
    count.setAttribute("role", "status");
    count.textContent = `${rows.length} rows`;
    bar.append(input, count);
    input.addEventListener("input", () => {
      const typed = input.value.trim();
      const parts = plain(typed).split(/\s+/).filter(Boolean);
      if (typed) fillDown(rows);
      let shown = 0;
      for (const row of rows) {
        const own = plain(row.textContent);
        row.hidden = typed !== "" && !row.textContent.includes(typed) && !own.includes(plain(typed)) && !parts.every((part) => own.includes(part));
        if (!row.hidden) shown += 1;
      }
      count.textContent = typed ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
    (table.closest(".kao-scroll") || table).before(bar);
  }

  /* On a phone a table that is too wide becomes a list: each row a block, each cell beside the name of its column. */
  function stack(box, table) {
    if (!table || !table.tHead || !box.clientWidth) return;
    table.classList.remove("kao-stack");
    const few = table.tHead.rows[0].cells.length <= 10;
    if (!few || !window.matchMedia("(max-width: 720px)").matches || box.scrollWidth <= box.clientWidth + 1) return;
    table.classList.add("kao-stack");
    const names = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
    table.setAttribute("role", "table");
    for (const row of table.tBodies[0].rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, column) => { cell.dataset.name = names[column]; cell.setAttribute("role", "cell"); });
    }
  }

  /* Where a table is wider than its column, its box can be reached and scrolled with the keyboard. */
  function reachable(box) {
    const table = box.querySelector("table");
    const check = () => {
      stack(box, table);
      const wider = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      if (wider) { box.tabIndex = 0; box.setAttribute("role", "region"); box.setAttribute("aria-label", (table && table.caption && table.caption.textContent) || "Table"); }
      else { box.removeAttribute("tabindex"); box.removeAttribute("role"); box.removeAttribute("aria-label"); }
      box.classList.toggle("kao-wider", box.scrollWidth > box.clientWidth + box.scrollLeft + 2);
    };
    check();
    box.addEventListener("scroll", check, { passive: true });
    window.addEventListener("resize", check);
  }

  function start() {
    for (const table of document.querySelectorAll("table.kao-table")) {
      const body = table.tBodies[0];
      if (!body || table.dataset.ready) continue;
      table.dataset.ready = "yes";
      const rows = [...body.rows];
      if (table.tHead && rows.length > 2) sortable(table, body, rows);
      if (rows.length >= MANY) searchable(table, rows);
    }
    document.querySelectorAll(".kao-scroll").forEach(reachable);
    for (const fold of document.querySelectorAll("details.kao-fold")) fold.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
