/* Figures, tables and the light/dark theme of the book. No request leaves the page. */
(() => {
  "use strict";

  const INK = {
    light: { text: "#2b2a26", muted: "#6d6a62", grid: "#e4dfd3", zero: "#c9c2b2", hover: "#fffdf8", paper: "#fbf9f4",
             low: "#2166ac", middle: "#f7f4ec", high: "#b2512b", sequence: ["#f6f2e8", "#c8dcd3", "#7fb5ac", "#3d8388", "#1d4e57"] },
    dark: { text: "#e2ded4", muted: "#a19d92", grid: "#393a3f", zero: "#5a5b60", hover: "#26272c", paper: "#17181c",
            low: "#6ba5dd", middle: "#23252a", high: "#e58b5d", sequence: ["#202227", "#22434a", "#2e6d72", "#5aa79f", "#c5e6da"] },
  };
  const FONT = "Kaomoji, 'Noto Sans', sans-serif";
  const CONFIG = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", typesetMath: false,
                   modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

  const mode = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");
  const spread = (colours) => colours.map((colour, i) => [i / (colours.length - 1), colour]);

  function template(name) {
    const ink = INK[name];
    const clear = "rgba(0,0,0,0)";
    const axis = { gridcolor: ink.grid, linecolor: ink.zero, zerolinecolor: ink.zero, zerolinewidth: 1, tickcolor: ink.zero,
                   automargin: true, title: { standoff: 12, font: { color: ink.muted } }, tickfont: { color: ink.muted } };
    const axis3d = { ...axis, backgroundcolor: clear, showbackground: false, showspikes: false };
    const bar = { outlinewidth: 0, thickness: 12, tickfont: { color: ink.muted } };
    const diverging = spread([ink.low, ink.middle, ink.high]);
    const heatmap = [{ colorscale: spread(ink.sequence), colorbar: bar }];
    return {
      layout: {
        font: { family: FONT, size: 13, color: ink.text },
        title: { font: { size: 16, color: ink.text }, x: 0, xanchor: "left", xref: "paper" },
        paper_bgcolor: clear, plot_bgcolor: clear,
        colorscale: { sequential: spread(ink.sequence), sequentialminus: spread(ink.sequence), diverging },
        coloraxis: { colorbar: bar },
        xaxis: axis, yaxis: axis, scene: { xaxis: axis3d, yaxis: axis3d, zaxis: axis3d },
        hoverlabel: { bgcolor: ink.hover, bordercolor: ink.zero, align: "left", font: { family: FONT, size: 14, color: ink.text } },
        legend: { bgcolor: clear, font: { color: ink.text }, itemsizing: "constant" },
        modebar: { bgcolor: clear, color: ink.muted, activecolor: ink.text, orientation: "v" },
        annotationdefaults: { font: { color: ink.text }, arrowcolor: ink.muted },
        shapedefaults: { line: { color: ink.muted } },
        updatemenudefaults: { bgcolor: ink.paper, bordercolor: ink.zero, font: { color: ink.text } },
        sliderdefaults: { bordercolor: ink.zero, font: { color: ink.text } },
        margin: { l: 56, r: 24, t: 48, b: 48 },
      },
      data: { heatmap, bar: [{ marker: { line: { width: 0 } }, error_y: { color: ink.muted }, error_x: { color: ink.muted } }],
              scatter: [{ error_y: { color: ink.muted }, error_x: { color: ink.muted } }] },
    };
  }

  async function draw(box) {
    if (box.dataset.done) return;
    box.dataset.done = "1";
    const source = box.parentElement.querySelector('script[type="application/json"]').textContent;
    const figure = JSON.parse(source);
    await document.fonts.load("14px Kaomoji", source.slice(0, 20000)).catch(() => {});
    box.dataset.drawnIn = mode();
    await Plotly.newPlot(box, figure.data, { autosize: true, ...figure.layout, width: undefined, template: template(box.dataset.drawnIn) }, CONFIG);
    box.dataset.done = "2";
    retheme();
  }

  function retheme() {
    for (const box of document.querySelectorAll(".kao-plot[data-done='2']")) {
      if (box.dataset.drawnIn === mode()) continue;
      box.dataset.drawnIn = mode();
      Plotly.react(box, box.data, { ...box.layout, template: template(mode()) }, CONFIG);
    }
  }

  function drawWhenSeen() {
    const boxes = document.querySelectorAll(".kao-plot");
    if (!boxes.length) return;
    if (!("IntersectionObserver" in window)) return boxes.forEach(draw);
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watcher.unobserve(entry.target);
        draw(entry.target);
      }
    }, { rootMargin: "300px 0px" });
    boxes.forEach((box) => watcher.observe(box));
    for (const panel of document.querySelectorAll("details, .sd-tab-set"))
      panel.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")));
    window.addEventListener("beforeprint", () => boxes.forEach(draw));
  }

  const plain = (text) => text.normalize("NFKC").toLowerCase();

  function filterable(table) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    if (rows.length < 12 && !table.hasAttribute("data-filter")) return;
    const bar = document.createElement("div");
    const input = document.createElement("input");
    const count = document.createElement("span");
    bar.className = "kao-filter";
    Object.assign(input, { type: "search", placeholder: "Filter these rows" });
    input.setAttribute("aria-label", "Filter the rows of this table");
    count.setAttribute("role", "status");
    count.textContent = `${rows.length} rows`;
    bar.append(input, count);
    input.addEventListener("input", () => {
      const wanted = plain(input.value).trim();
      let shown = 0;
      for (const row of rows) {
        row.hidden = wanted !== "" && !plain(row.textContent).includes(wanted) && !row.textContent.includes(input.value.trim());
        if (!row.hidden) shown += 1;
      }
      count.textContent = wanted ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
    (table.closest(".kao-scroll") || table).before(bar);
  }

  function start() {
    drawWhenSeen();
    document.querySelectorAll("table.kao-table").forEach(filterable);
    new MutationObserver(retheme).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
