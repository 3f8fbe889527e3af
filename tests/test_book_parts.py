"""What the book makes of a figure and of its prose, without a browser."""

import base64
import csv
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from docutils import nodes
from docutils.utils import new_document

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))

import kaomoji_figure_data as figure_data  # noqa: E402
import kaomoji_figures as figures  # noqa: E402
import kaomoji_prose as prose  # noqa: E402


def packed(values):
    array = np.asarray(values, dtype="<f8")
    data = base64.b64encode(array.tobytes()).decode()
    return {"dtype": "f8", "bdata": data, "shape": ", ".join(map(str, array.shape))}


def rows(data, layout):
    table = figure_data.table({"data": data, "layout": layout})
    return list(csv.DictReader(io.StringIO(table.csv())))


def test_marks_become_rows_with_their_words_and_intervals():
    trace = {"type": "scatter", "name": "a &amp; b", "x": packed([0.5, 0.25]), "y": [0, 1]}
    trace |= {"customdata": [["<b>(T_T)</b>", 3], ["&lt;3", 4]]}
    trace |= {"error_x": {"array": [0.1, 0.2], "arrayminus": [0.3, 0.4]}}
    legend = {"type": "scatter", "x": [None], "y": [None], "name": "legend"}
    skipped = {"type": "scatter", "x": [1], "y": [1], "hoverinfo": "skip"}
    layout = {"xaxis": {"title": {"text": "share"}}}
    layout |= {"yaxis": {"tickvals": [0, 1], "ticktext": ["sad <span>▼</span>", "glad"]}}
    first, second = rows([trace, legend, skipped], layout)
    words = {"series": "a & b", "y": "sad  ▼", "detail 1": "(T_T)", "detail 2": "3"}
    assert first == words | {"x: share": "0.5", "x above": "0.1", "x below": "0.3"}
    assert second["y"] == "glad" and second["detail 1"] == "<3"


def test_cells_become_rows():
    cells = {"type": "heatmap", "z": packed([[1, 2], [3, 4]]), "x": [0, 1], "y": [0, 1]}
    ticks = {"xaxis": {"tickvals": [0, 1], "ticktext": ["HP", "LN"]}, "yaxis": {}}
    found = [(row["row"], row["column"], row["value"]) for row in rows([cells], ticks)]
    assert found == [("0", "HP", "1"), ("0", "LN", "2"), ("1", "HP", "3"), ("1", "LN", "4")]


def test_a_figure_is_described_by_its_axes_and_values_and_many_are_counted():
    layout = {"xaxis": {"title": {"text": "share"}}}
    layout |= {"yaxis": {"tickvals": [-27], "ticktext": ["sad"]}, "meta": {"tops": [0]}}
    trace = {"type": "scatter", "name": "a", "x": [0.5], "y": [-20], "customdata": ["sad · 0.50"]}
    figure = {"data": [trace], "layout": layout}
    assert figure_data.description(figure) == "Across: share. sad · 0.50"
    assert rows([trace], layout)[0]["y"] == "sad"
    del trace["customdata"]
    assert figure_data.description(figure) == "Across: share. a, 0.5, sad"
    trace.update(x=[0.5] * 30, y=[-20] * 30)
    assert "30 values of a" in figure_data.description(figure)


def test_a_cell_is_never_a_formula_and_numbers_stay_numbers():
    cells = ["=1+1", "+face", "@_@", "-_-", -0.5, "-0.5"]
    text = figure_data.Values(["a"], [[cell] for cell in cells]).csv().splitlines()[1:]
    assert text == ["'=1+1", "'+face", "'@_@", "'-_-", "-0.5", "-0.5"]


def test_title_leaves_the_drawing_and_takes_its_room_along():
    title = {"text": "One<br>two-<br>three", "subtitle": {"text": "from &lt;here&gt;"}}
    layout = {"title": title, "margin": {"t": 96, "b": 10}, "height": 500}
    assert figures.take_title(layout) == ("One two-three", "from <here>")
    assert layout == {"margin": {"t": figures.TOP, "b": 10}, "height": 500 - 96 + figures.TOP}


def test_figure_is_named_and_escaped_and_its_values_are_a_file():
    bars = {"type": "bar", "x": ["</script><b>"], "y": [2]}
    figure = {"data": [bars], "layout": {"title": {"text": "A &lt;b&gt;"}}}
    html = figures.html(figure, "x.csv", "x.csv")
    assert 'aria-label="A &lt;b&gt;. ' in html and 'href="x.csv"' in html
    assert html.count("</script>") == 1 and "<b>" not in html and "<noscript>" in html


def page(*texts, set_them=prose.set_estimates):
    """A page of one paragraph: glued texts, or nodes."""
    made, paragraph = new_document("page"), nodes.paragraph()
    for text in texts:
        inline = nodes.inline("", "", nodes.Text(text), classes=["pasted-text"])
        paragraph += text if isinstance(text, nodes.Node) else inline
    made += paragraph
    set_them(made)
    return made


GLUED = [
    ("-0.50 (95% CI -0.70-0.10; null -0.00, p = 0.2; n = 9 faces)", "−0.50", "95% CI −0.70–0.10; null 0.00, p = 0.2; n = 9 faces"),
    ("Without emoji this share: 0.10 (95% CI 0.08-0.11; n = 180 prompts).", "0.10", "95% CI 0.08–0.11; n = 180 prompts"),
    ("76% (95% CI <b>; n = 1)", "76%", "95% CI &lt;b&gt;; n = 1"),
]  # fmt: skip


@pytest.mark.parametrize(("glued", "value", "interval"), GLUED)
def test_an_estimate_shows_its_value_and_keeps_its_interval_for_hover_and_focus(
    glued, value, interval
):
    [shown] = page(glued).findall(nodes.raw)
    assert f'data-interval="{interval}"' in shown.astext()
    assert f'aria-label="{value}, {interval}"' in shown.astext()
    assert shown.astext().endswith(f">{value}</span>") and 'tabindex="0"' in shown.astext()


def test_commands_and_faces_are_set_as_such():
    glued = page("Run `make book` first.", "(`皿´) and (`皿´)")
    assert [node.astext() for node in glued.findall(nodes.literal)] == ["make book"]
    assert "(`皿´) and (`皿´)" in glued.astext()
    literals = [nodes.literal("", text) for text in ("(◕‿◕)", "make book", "caf\u00e9")]
    page(*literals, set_them=prose.set_faces)
    assert [node["classes"] for node in literals] == [["kao-face"], [], []]
