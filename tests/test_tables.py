"""Tables that reach a page: cells escaped, every estimate beside its interval, null and p."""

import pandas as pd
import pytest

from kaomoji_lib import results, tables
from kaomoji_lib.stats import Estimate

ESTIMATE = Estimate(-0.5, -0.7, 0.1, 9, "faces", -0.0, 0.2)


def plain(text):
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-0.5, None, "−0.50"),
        (-0.001, None, "0.00"),
        (float("nan"), None, "–"),
        (None, None, "–"),
        (0.756, ".0%", "76%"),
        (-0.001, ".0%", "0%"),
        (12345, None, "12,345"),
        ("-_-", None, "-_-"),
        ("-_-", ".0%", "-_-"),
    ],
)
def test_words_have_a_true_minus_and_a_dash_where_there_is_nothing(value, form, text):
    assert tables.words(value, form) == text


def test_cells_and_sentences_give_interval_null_p_and_n():
    cells = [*map(plain, tables.cells(ESTIMATE))]
    assert cells == ["−0.50", "−0.70 to 0.10", "0.00", "0.20", "9 faces"]
    share = Estimate(0.754, 0.69, 0.8, 180, "prompts", 0.11, 0.001)
    assert plain(tables.sentence(share, True)).startswith("75% (95% CI 69% to 80%; null 11%, p")
    bare = Estimate(0.5, float("nan"), float("nan"), 9, "faces")
    assert tables.cells(bare)[1:4] == ("–", "–", "–")


def test_estimates_have_a_column_for_each_label_that_varies():
    frame = results.frame({("a", "x"): ESTIMATE, ("b <i>", "x"): ESTIMATE})
    shown = tables.estimates(frame, "Two")
    assert shown.header == ("source", "value", tables.INTERVAL, "null", "p", "n")
    assert [row[0] for row in shown.rows] == ["a", "b <i>"]
    assert ">b &lt;i&gt;</td>" in shown._repr_html_()


def test_kaomoji_in_one_cell_stay_whole_and_escaped():
    faces = tables.GAP.join(["(T <T)", "(;_;)"])
    html = tables.table(pd.DataFrame({"face": [faces]}), "<b>", faces=["face"])._repr_html_()
    assert '<span class="kao-face">(T &lt;T)</span> <span class="kao-face">(;_;)</span>' in html
    assert "<b>" not in html and "&lt;b&gt;" in html


@pytest.mark.parametrize("hostile", ["<script>kaoBroke()</script>", "\x1b[2J", "</td></table>"])
def test_every_place_of_a_table_is_escaped(hostile):
    shown = tables.table(pd.DataFrame({hostile: [hostile]}), hostile, fold=hostile)
    html = shown._repr_html_()
    assert html.count("<table") == html.count("</table>") == html.count("</td>") == 1
    assert "<script" not in html and "\x1b" not in repr(shown)


def test_long_tables_scroll_and_folded_ones_are_closed():
    frame = pd.DataFrame({"n": range(tables.LONG + 1)})
    assert "kao-long" in tables.table(frame)._repr_html_()
    assert "kao-long" not in tables.table(frame[1:])._repr_html_()
    assert tables.table(frame, fold="All")._repr_html_().startswith('<details class="kao-fold"')


def test_a_difference_of_shares_is_in_percentage_points():
    gain = Estimate(0.254, 0.16, 0.35, 180, "prompts", 0.0, 0.001)
    assert plain(tables.sentence(gain, "points")) == (
        "25 percentage points (95% CI 16 to 35; null 0, p ≤ 0.001; n = 180 prompts)"
    )
