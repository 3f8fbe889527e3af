"""A plotly figure as a part of the page: caption, drawing, its data as a file, and what stands there without scripts."""

import re
from pathlib import Path

import kaomoji_figure_data as figure_data

from kaomoji_lib.html import element, script_data

TOP = 26
FOLDER = "_figures"


def take_title(layout):
    """Remove title and source line from ``layout``, which gets as much shorter, and return both as plain text.

    On the page they are text above the drawing: it wraps at any width, can be selected, and is read aloud.
    """
    title = layout.pop("title", None) or {}
    title = title if isinstance(title, dict) else {"text": title}
    margin = layout.get("margin", {})
    spare = max(margin.get("t", TOP) - TOP, 0)
    if title.get("text") and spare:
        layout["margin"] = {**margin, "t": TOP}
        layout["height"] = int(layout.get("height") or 480) - spare
    words = [
        figure_data.plain((part or {}).get("text", "")) for part in (title, title.get("subtitle"))
    ]
    return words[0] or (layout.get("meta") or {}).get(
        "description", ""
    ) or "Interactive figure", words[1]


def html(figure, address="", name=""):
    """One figure as an element that kaomoji.js draws when it comes into view.

    ``address``: where its data lies as CSV, seen from the page; ``name``: the file name to save it under.
    """
    layout = {**figure.get("layout", {})}
    layout.pop("template", None)
    title, source = take_title(layout)
    height, said = int(layout.get("height") or 480), figure_data.description(figure)
    body = script_data({"data": figure.get("data", []), "layout": layout})
    caption = [
        element("span", title, class_="kao-title"),
        *([element("span", source, class_="kao-source")] if source else []),
    ]
    link = (
        element(
            "a", "Data of this figure (CSV)", href=address, download=name, class_="kao-download"
        )
        if address
        else ""
    )
    return element(
        "figure",
        element("figcaption", *caption),
        element("div", class_="kao-plot", style=f"min-height:{height}px"),
        element("script", body, type="application/json"),
        element("div", *([link] if link else []), class_="kao-tools"),
        element(
            "noscript",
            element("p", "This figure needs JavaScript; its values are in the CSV file."),
        ),
        class_="kao-figure",
        aria_label=". ".join(filter(None, (title, source, said))),
    )


def place(figure, env):
    """Write the figure's data beside the page that is being read and return the figure's HTML."""
    page = env.docname.replace("/", "-").removeprefix("book-").removeprefix("runs-")
    name = f"{page}-{env.new_serialno('kao-figure') + 1}.csv"
    path = Path(env.app.outdir) / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(figure_data.table(figure).csv(), encoding="utf-8-sig", newline="")
    return html(figure, "../" * env.docname.count("/") + f"{FOLDER}/{name}", name)


def of_notebook(notebook, mime):
    """The plotly figures among the outputs of a notebook, in order."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [output["data"][mime] for output in outputs if mime in output.get("data", {})]


def heading(figure):
    """Title of a figure in plain words."""
    title = (figure.get("layout") or {}).get("title") or {}
    return re.sub(
        r"\s+", " ", figure_data.plain(title.get("text", "") if isinstance(title, dict) else title)
    )
