/* Figures and their light/dark theme. No request leaves the page. */
(() => {
  "use strict";

  const INK = {
    light: { text: "#2b2a26", muted: "#6d6a62", grid: "#e4dfd3", zero: "#c9c2b2", hover: "#fffdf8", paper: "#fbf9f4",
             low: "#2166ac", middle: "#f7f4ec", high: "#b2512b", sequence: ["#f6f2e8", "#c8dcd3", "#7fb5ac", "#3d8388", "#1d4e57"] },
    dark: { text: "#e2ded4", muted: "#a19d92", grid: "#393a3f", zero: "#5a5b60", hover: "#26272c", paper: "#17181c",
            low: "#6ba5dd", middle: "#23252a", high: "#e58b5d", sequence: ["#202227", "#22434a", "#2e6d72", "#5aa79f", "#c5e6da"] },
  };
  const FONT = "Kaomoji, 'Noto Sans', sans-serif";
  const WORDS = "'Source Sans 3', Kaomoji, 'Noto Sans', sans-serif";
  const CONFIG = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", typesetMath: false,
                   modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

  let printing = false;
  const mode = () => (document.documentElement.dataset.theme === "dark" && !printing ? "dark" : "light");
  const spread = (colours) => colours.map((colour, i) => [i / (colours.length - 1), colour]);

  function template(name) {
    const ink = INK[name];
    const clear = "rgba(0,0,0,0)";
    const axis = { gridcolor: ink.grid, linecolor: ink.zero, zerolinecolor: ink.zero, zerolinewidth: 1, tickcolor: ink.zero,
                   automargin: true, title: { standoff: 12, font: { color: ink.muted } }, tickfont: { color: ink.muted } };
    const axis3d = { ...axis, backgroundcolor: clear, showbackground: false, showspikes: false };
    const bar = { outlinewidth: 0, thickness: 12, tickfont: { color: ink.muted } };
    const diverging = spread([ink.low, ink.middle, ink.high]);
    /* Cells are translucent: plotly would choose their text as if they lay on white. */
    const heatmap = [{ colorscale: spread(ink.sequence), colorbar: bar, textfont: { color: ink.text } }];
    return {
      layout: {
        font: { family: WORDS, size: 13, color: ink.text },
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

  /* A colour that is too faint for the paper moves towards white or black until it can be read (WCAG: 4.5 to 1). */
  const HEX = /#[0-9a-f]{6}\b/gi;
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const light = (rgb) => rgb.map((part) => (part <= 10 ? part / 3295 : ((part / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, two) => (Math.max(light(one), light(two)) + 0.05) / (Math.min(light(one), light(two)) + 0.05);
  const given = new Map();

  function readable(shown, name) {
    const colour = given.get(shown) || shown;
    const [own, paper] = [colour, INK[name].paper].map(parts);
    const end = name === "dark" ? 255 : 0;
    let found = own;
    for (let step = 1; step < 20 && contrast(found, paper) < 4.5; step++) found = own.map((part) => Math.round(part + (end - part) * 0.05 * step));
    const hex = `#${found.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
    if (hex !== colour.toLowerCase()) given.set(hex, colour);
    return hex;
  }

  function coloured(value, name) {
    if (typeof value === "string") return value.includes("#") ? value.replace(HEX, (hex) => readable(hex, name)) : value;
    if (Array.isArray(value)) return value.map((item) => coloured(item, name));
    if (!value || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, ["customdata", "template"].includes(key) ? item : coloured(item, name)]));
  }

  const NARROW = 560;
  const smaller = (size, by) => Math.max(10, Math.round((size || 13) * by));

  /* Long names of rows stand above their rows, and leave the width to what is drawn. */
  function overRows(layout, width) {
    const axis = layout.yaxis || {};
    const names = axis.ticktext || axis.categoryarray && [...axis.categoryarray].reverse();
    const tops = (layout.meta || {}).tops;
    const longest = names ? Math.max(...names.map((name) => name.length)) : 0;
    if (!tops || !tops.length || longest < 16) return;
    const room = axis.ticktext ? 15 : 22;
    layout.height = (layout.height || 480) + room * names.length;
    layout.bargap = 0.55;
    layout.yaxis = { ...axis, showticklabels: false, range: axis.range || [-0.5, names.length - 0.5] };
    const font = { ...axis.tickfont, size: Math.min(smaller((axis.tickfont || {}).size || 14, 0.85), (width - 45) / (0.45 * longest)) };
    const label = { xref: "paper", x: 0, xanchor: "left", yanchor: "top", yshift: axis.ticktext ? 0 : 6, showarrow: false, borderpad: 0, font };
    layout.annotations = [...layout.annotations, ...tops.map((y, row) => ({ ...label, y, text: names[row] }))];
  }

  /* A figure for the width it has: on a phone, smaller type and upright names of columns. */
  function fitted(figure, width) {
    const layout = { autosize: true, ...figure.layout, width: undefined };
    const data = figure.data;
    if (width >= NARROW) return { data, layout };
    /* A drawing with one scale for both axes is as high as it is wide. */
    const square = Object.keys(layout).some((key) => /^[xy]axis\d*$/.test(key) && layout[key].scaleanchor);
    if (square) {
      /* Type does not shrink with the drawing, so that a plane full of labels is drawn higher than wide. */
      layout.height = 1.6 * width + ((layout.margin || {}).t || 0) + ((layout.margin || {}).b || 0);
      layout.yaxis = { ...layout.yaxis, scaleanchor: undefined, constrain: undefined };
    }
    layout.annotations = (layout.annotations || []).map((note) => ({ ...note, font: { ...note.font, size: smaller((note.font || {}).size || 14, 0.85) } }));
    const words = (axis) => (axis && axis.ticktext ? Math.max(0, ...axis.ticktext.map((text) => text.replace(/<[^>]*>/g, "").length)) : 0);
    const longest = (axis) => Math.max(0, ...axis.ticktext.flatMap((text) => text.split("<br>")).map((text) => text.replace(/<[^>]*>/g, "").length));
    overRows(layout, width);
    for (const key of Object.keys(layout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      const axis = layout[key] = { ...layout[key] };
      const size = key[0] === "y" && words(axis) ? 0.72 : 0.82;
      axis.tickfont = { ...axis.tickfont, size: smaller(axis.tickfont && axis.tickfont.size, size) };
      axis.title = { ...axis.title, font: { ...(axis.title || {}).font, size: 12 }, standoff: 6 };
      if (key[0] === "x" && axis.ticktext && axis.ticktext.length * 14 > width) {
        /* Columns too narrow for a name each: their order is said in the title. */
        const names = [...new Set(axis.ticktext.map((text) => text.replace(/<[^>]*>/g, "")))];
        axis.showticklabels = false;
        axis.title = { ...axis.title, text: `${axis.title.text || "columns"}, each block from left to right: ${names.join(", ")}` };
      } else if (key[0] === "x" && axis.ticktext && axis.ticktext.length * longest(axis) * 6.5 > width * 0.6) axis.tickangle = -90;
      if (key[0] === "y" && axis.ticktext && !/[a-z] .*[a-z]/.test(axis.title.text || "")) axis.title = { text: "" };
    }
    if (layout.scene && layout.scene.camera && layout.scene.camera.eye) {
      /* A narrow scene is seen from farther away, so that nothing leaves it at the sides. */
      const eye = Object.fromEntries(Object.entries(layout.scene.camera.eye).map(([name, value]) => [name, 1.95 * value]));
      layout.scene = { ...layout.scene, camera: { ...layout.scene.camera, eye } };
    }
    layout.legend = { ...layout.legend, font: { ...(layout.legend || {}).font, size: 12 } };
    layout.margin = { ...layout.margin, l: 4, r: 8 };
    const small = (trace) => {
      if (trace.type === "scatter3d" || !trace.textfont || trace.textfont.size === undefined) return trace;
      return { ...trace, textfont: { ...trace.textfont, size: smaller(trace.textfont.size, trace.mode === "text" ? 0.66 : 0.75) } };
    };
    const bar = (trace) => (trace.colorbar ? { ...trace, colorbar: { ...trace.colorbar, thickness: 8, xpad: 2, tickfont: { size: 10 }, title: { text: "" } } } : trace);
    return { data: data.map(small).map(bar), layout };
  }

  /* A title longer than its axis breaks into lines. */
  function breakTitles(box) {
    const size = box._fullLayout._size;
    const changes = {};
    for (const key of Object.keys(box._fullLayout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      const title = box._fullLayout[key].title || {};
      const room = (key[0] === "x" ? size.w : size.h) / (0.53 * ((title.font && title.font.size) || 14));
      if (!title.text || title.text.includes("<") || title.text.length <= room) continue;
      const lines = [""];
      for (const word of title.text.split(" ")) {
        if (lines[lines.length - 1] && (lines[lines.length - 1] + word).length >= room) lines.push("");
        lines[lines.length - 1] += (lines[lines.length - 1] ? " " : "") + word;
      }
      changes[`${key}.title.text`] = lines.join("<br>");
    }
    return Object.keys(changes).length ? Plotly.relayout(box, changes) : undefined;
  }

  /* A legend below the drawing takes the room it needs, however many rows it breaks into. */
  function makeRoom(box) {
    const legend = box.querySelector(".legend");
    const full = box._fullLayout;
    if (!legend || !full.legend || full.legend.orientation !== "h" || full.legend.yref !== "container") return;
    const axes = box.querySelectorAll(".xaxislayer-above, .xtitle, .g-xtitle");
    const plot = box.querySelector(".cartesianlayer .plot");
    const frame = box.getBoundingClientRect();
    const below = plot && axes.length ? Math.max(...[...axes].map((part) => part.getBoundingClientRect().bottom)) - (frame.top + full._size.t + full._size.h) : 0;
    const flat = box._fullData.some((trace) => !/3d$/.test(trace.type) && Array.from(trace.x || trace.z || []).some((value) => value !== null));
    const needed = Math.ceil(legend.getBoundingClientRect().height + (flat ? Math.max(below, 20) : 0) + 20);
    const more = needed - box.layout.margin.b;
    if (Math.abs(more) < 6) return;
    const height = (box.layout.height || 480) + more;
    box.style.minHeight = `${height}px`;
    return Plotly.relayout(box, { "margin.b": needed, height });
  }

  const source = (box) => box.parentElement.querySelector('script[type="application/json"]').textContent;

  function newPlot(box) {
    box.dataset.done = "1";
    box.dataset.drawnIn = mode();
    box.dataset.width = box.clientWidth < NARROW ? "narrow" : "wide";
    const { data, layout } = fitted(JSON.parse(source(box)), box.clientWidth);
    if (layout.height) box.style.minHeight = `${layout.height}px`;
    return Plotly.newPlot(box, coloured(data, mode()), { ...coloured(layout, mode()), template: template(mode()) }, CONFIG)
      .then(() => breakTitles(box))
      .then(() => makeRoom(box))
      .then(() => { box.dataset.done = "2"; retheme(); });
  }

  async function draw(box) {
    if (box.dataset.done) return;
    box.dataset.done = "0";
    await Promise.all([document.fonts.load("14px Kaomoji", source(box).slice(0, 20000)), document.fonts.load("14px 'Source Sans 3'"), document.fonts.load("bold 14px 'Source Sans 3'")]).catch(() => {});
    if (box.dataset.done === "0") await newPlot(box);
  }

  function retheme() {
    const name = mode();
    for (const box of document.querySelectorAll(".kao-plot[data-done='2']")) {
      if (box.dataset.drawnIn === name) continue;
      box.dataset.drawnIn = name;
      Plotly.react(box, coloured(box.data, name), { ...coloured(box.layout, name), template: template(name) }, CONFIG);
    }
  }

  function refit() {
    for (const box of document.querySelectorAll(".kao-plot[data-done='2']")) {
      const width = box.clientWidth < NARROW ? "narrow" : "wide";
      if (box.clientWidth && width !== box.dataset.width) newPlot(box);
      else Promise.resolve(breakTitles(box)).then(() => makeRoom(box));
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
    let waiting;
    window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(refit, 250); });
    window.addEventListener("beforeprint", () => {
      printing = true;
      boxes.forEach((box) => { if (!box.dataset.done || box.dataset.done === "0") newPlot(box); });
      retheme();
    });
    window.addEventListener("afterprint", () => { printing = false; retheme(); });
  }

  function start() {
    drawWhenSeen();
    new MutationObserver(retheme).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
