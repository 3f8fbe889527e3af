/* The words of the glossary explain themselves where they stand: on hover, on focus, on touch. */
(() => {
  "use strict";

  function start() {
    const terms = document.querySelectorAll("a.kao-term[data-definition]");
    if (!terms.length) return;
    const tip = document.createElement("div");
    tip.id = "kao-tip";
    tip.className = "kao-tip";
    tip.setAttribute("role", "tooltip");
    tip.hidden = true;
    document.body.append(tip);
    let owner = null;
    let leaving;

    function hide() {
      if (owner) owner.removeAttribute("aria-describedby");
      owner = null;
      tip.hidden = true;
    }

    function show(term) {
      clearTimeout(leaving);
      hide();
      owner = term;
      tip.textContent = term.dataset.definition;
      tip.hidden = false;
      term.setAttribute("aria-describedby", tip.id);
      const at = term.getClientRects()[0];
      const left = Math.min(Math.max(12, at.left), document.documentElement.clientWidth - tip.offsetWidth - 12);
      const above = at.bottom + tip.offsetHeight + 12 > window.innerHeight && at.top > tip.offsetHeight + 12;
      tip.style.left = `${left + window.scrollX}px`;
      tip.style.top = `${(above ? at.top - tip.offsetHeight - 6 : at.bottom + 6) + window.scrollY}px`;
    }

    const later = () => { leaving = setTimeout(hide, 160); };
    for (const term of terms) {
      term.addEventListener("mouseenter", () => show(term));
      term.addEventListener("mouseleave", later);
      term.addEventListener("focus", () => show(term));
      term.addEventListener("blur", hide);
      /* A finger has no hover: the first touch explains, the second follows the link. */
      let open = false;
      term.addEventListener("pointerdown", () => { open = owner === term; });
      term.addEventListener("click", (event) => {
        if (event.pointerType === "touch" && !open) { event.preventDefault(); show(term); }
      });
    }
    tip.addEventListener("mouseenter", () => clearTimeout(leaving));
    tip.addEventListener("mouseleave", later);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
    document.addEventListener("pointerdown", (event) => { if (owner && !event.target.closest(".kao-term, .kao-tip")) hide(); });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
