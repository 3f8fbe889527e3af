"""What the book makes of a figure and of its prose, without a browser."""

import base64
import csv
import io
import sys
from pathlib import Path

import numpy as np
from docutils import nodes
from docutils.utils import new_document

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))

import kaomoji_figure_data as figure_data  # noqa: E402
import kaomoji_figures as figures  # noqa: E402
import kaomoji_prose as prose  # noqa: E402


def packed(values):
    array = np.asarray(values, dtype="<f8")
    return {
        "dtype": "f8",
        "bdata": base64.b64encode(array.tobytes()).decode(),
        "shape": ", ".join(map(str, array.shape)),
    }


def rows(figure):
    return list(csv.DictReader(io.StringIO(figure_data.table(figure).csv())))


def test_marks_become_rows_with_their_words_and_intervals():
    figure = {
        "data": [
            {
                "type": "scatter",
                "name": "a &amp; b",
                "x": packed([0.5, 0.25]),
                "y": [0, 1],
                "customdata": [["<b>(T_T)</b>", 3], ["&lt;3", 4]],
                "error_x": {"array": [0.1, 0.2], "arrayminus": [0.3, 0.4]},
            },
            {"type": "scatter", "x": [None], "y": [None], "name": "legend"},
            {"type": "scatter", "x": [1], "y": [1], "hoverinfo": "skip"},
        ],
        "layout": {
            "xaxis": {"title": {"text": "share"}},
            "yaxis": {"tickvals": [0, 1], "ticktext": ["sad <span>▼</span>", "glad"]},
        },
    }
    first, second = rows(figure)
    assert first == {
        "series": "a & b",
        "x: share": "0.5",
        "x above": "0.1",
        "x below": "0.3",
        "y": "sad  ▼",
        "detail 1": "(T_T)",
        "detail 2": "3",
    }
    assert second["y"] == "glad" and second["detail 1"] == "<3"


def test_cells_become_rows():
    found = rows(
        {
            "data": [{"type": "heatmap", "z": packed([[1, 2], [3, 4]]), "x": [0, 1], "y": [0, 1]}],
            "layout": {"xaxis": {"tickvals": [0, 1], "ticktext": ["HP", "LN"]}, "yaxis": {}},
        }
    )
    assert [(row["row"], row["column"], row["value"]) for row in found] == [
        ("0", "HP", "1"),
        ("0", "LN", "2"),
        ("1", "HP", "3"),
        ("1", "LN", "4"),
    ]


def test_a_cell_is_never_a_formula_and_numbers_stay_numbers():
    text = (
        figure_data.Values(["a"], [["=1+1"], ["+face"], ["@_@"], ["-_-"], [-0.5], ["-0.5"]])
        .csv()
        .splitlines()[1:]
    )
    assert text == ["'=1+1", "'+face", "'@_@", "'-_-", "-0.5", "-0.5"]


def test_title_leaves_the_drawing_and_takes_its_room_along():
    layout = {
        "title": {"text": "One<br>two-<br>three", "subtitle": {"text": "from &lt;here&gt;"}},
        "margin": {"t": 96, "b": 10},
        "height": 500,
    }
    assert figures.take_title(layout) == ("One two-three", "from <here>")
    assert layout == {"margin": {"t": 16, "b": 10}, "height": 420}


def test_figure_is_named_escaped_and_tells_its_values_without_a_script():
    html = figures.html(
        {
            "data": [{"type": "bar", "x": ["</script><b>"], "y": [2]}],
            "layout": {"title": {"text": "A &lt;b&gt;"}},
        },
        "x.csv",
        "x.csv",
    )
    assert (
        'aria-label="A &lt;b&gt;"' in html
        and "</script><b>" not in html
        and "&lt;/script&gt;" in html
        and 'href="x.csv"' in html
    )
    many = {"data": [{"type": "bar", "x": list(range(100)), "y": list(range(100))}], "layout": {}}
    assert "100 values" in figures.without_script(many) and "<table" not in figures.without_script(
        many
    )


def document(*children):
    made = new_document("page")
    made += children
    return made


def pasted(text):
    return nodes.inline("", "", nodes.Text(text), classes=["pasted-text"])


def test_an_estimate_is_parted_into_value_and_interval():
    page = document(
        nodes.paragraph(
            "", "", pasted("-0.50 (95% CI -0.70-0.10; null -0.00, p = 0.2; n = 9 faces)")
        ),
        nodes.paragraph("", "", pasted("not available")),
    )
    prose.set_estimates(page)
    value, interval = (
        node
        for node in page.findall(nodes.inline)
        if {"kao-value", "kao-interval"} & set(node["classes"])
    )
    assert value.astext() == "−0.50"
    assert (
        interval.astext().replace("\u00a0", " ")
        == "(95% CI −0.70–0.10; null 0.00, p = 0.2; n = 9 faces)"
    )
    assert "(no data)" in page.astext() and "not available" not in page.astext()


def test_an_estimate_in_a_glued_sentence_is_parted_too():
    page = document(
        nodes.paragraph(
            "",
            "",
            pasted("Kept: emoji. This share held it: 0.10 (95% CI 0.08-0.11; n = 180 prompts)."),
        )
    )
    prose.set_estimates(page)
    found = [
        node.astext().replace("\u00a0", " ")
        for node in page.findall(nodes.inline)
        if {"kao-value", "kao-interval"} & set(node["classes"])
    ]
    assert (
        found == ["0.10", "(95% CI 0.08–0.11; n = 180 prompts)"]
        and page.astext().startswith("Kept: emoji. This share held it: 0.10")
        and page.astext().endswith(").")
    )


def test_a_command_in_a_glued_sentence_is_set_as_one_and_a_face_is_not():
    page = document(
        nodes.paragraph("", "", pasted("Run `make null` first.")),
        nodes.paragraph("", "", pasted("(`皿´) and (`皿´)")),
    )
    prose.set_estimates(page)
    assert [node.astext() for node in page.findall(nodes.literal)] == [
        "make null"
    ] and "(`皿´) and (`皿´)" in page.astext()


def test_a_face_in_the_prose_has_the_font_of_faces():
    page = document(
        nodes.paragraph(
            "",
            "",
            nodes.literal("", "(◕‿◕)"),
            nodes.literal("", "make book"),
            nodes.literal("", "caf\u00e9"),
        )
    )
    prose.set_faces(page)
    assert [node["classes"] for node in page.findall(nodes.literal)] == [["kao-face"], [], []]


def test_a_reason_is_said_once():
    reason, other = (
        '<p class="kao-missing"><strong>Not available here.</strong> It is gone.</p>',
        '<p class="kao-missing">Another.</p>',
    )
    page = document(*(nodes.raw("", text, format="html") for text in (reason, other, reason)))
    prose.say_reasons_once(page)
    shown = [node.astext() for node in page.findall(nodes.raw)]
    assert shown[:2] == [reason, other] and "same reason" in shown[2] and "gone" not in shown[2]


class Builder:
    def get_relative_uri(self, docname, target):
        return f"../{target}.html"


class App:
    builder = Builder()
    kaomoji_terms = {
        "null": ("term-Null", "What chance <gives>."),
        "reading": ("term-Reading", "A table."),
    }


def test_a_word_of_the_glossary_is_explained_where_it_first_stands_in_prose():
    page = document(
        nodes.title("", "The null"),
        nodes.paragraph("", "The null, annulled; reading nulls."),
        nodes.literal_block("", "null"),
    )
    prose.link_terms(App(), page, "book/runs/x")
    [link] = page.findall(nodes.raw)
    assert (
        link.astext()
        == '<a class="kao-term" href="../book/glossary.html#term-Null" data-definition="What chance &lt;gives&gt;.">null</a>'
    )
    assert (
        page.children[1].children[0].astext() == "The "
        and "annulled; reading nulls." in page.children[1].children[-1].astext()
    )
