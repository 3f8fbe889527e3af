"""What a table makes of numbers and faces: a stranger reads it without a second look."""

import pandas as pd

from kaomoji_lib import tables
from kaomoji_lib.stats import Estimate


def test_numbers_have_a_true_minus_and_nothing_before_nought():
    assert (
        tables.words(-0.5) == "−0.50"
        and tables.words(-0.001) == "0.00"
        and tables.words(float("nan")) == "–"
    )
    said = tables.words(Estimate(-0.5, -0.7, 0.1, 9, "faces", -0.0, 0.2)).replace("\u00a0", " ")
    assert said == "−0.50 (95% CI −0.70 to 0.10; null 0.00, p = 0.20; n = 9 faces)"
    assert "0.71–0.92" in tables.words(Estimate(0.8, 0.71, 0.92, 9, "faces"))


def test_a_trace_is_shown_as_a_trace():
    trace = Estimate(0.0004, -0.00001, 0.0009, 27, "prompts", 0.0, 0.049)
    assert (
        tables.brief(trace).replace("\u00a0", " ") == "0.0004 (0.0000 to 0.0009)"
        and tables.null_and_p(trace).replace("\u00a0", " ") == "0.0000, 0.049"
    )
    assert tables.brief(Estimate(0.5, 0.0, 1.0, 9, "faces")).startswith("0.50")


def test_what_is_small_is_written_with_a_power_of_ten():
    assert [
        tables.scientific(value, 1).replace("\u00a0", " ")
        for value in (5.4e-7, 0.0, 0.0059, -2e-12)
    ] == ["5.4 × 10⁻⁷", "0", "0.0059", "−2.0 × 10⁻¹²"]


def test_faces_in_one_cell_stay_whole_and_escaped():
    frame = pd.DataFrame(
        {"face": ["(T_T)", "(>_<)"], "others": [tables.GAP.join(["(T <T)", "(;_;)"]), "–"]}
    )
    html = tables.build(frame, faces=("face", "others"))._repr_html_()
    assert (
        '<td class="faces"><span class="kao-face">(T &lt;T)</span> <span class="kao-face">(;_;)</span></td>'
        in html
    )
    assert '<td class="face">(&gt;_&lt;)</td>' in html


def test_a_wide_table_is_set_closer_than_a_narrow_one():
    narrow, wide = (
        tables.build(
            pd.DataFrame({f"column {place}": ["twenty characters ok"] for place in range(columns)})
        )
        for columns in (2, 6)
    )
    assert "kao-dense" not in narrow._repr_html_() and "kao-dense" in wide._repr_html_()
