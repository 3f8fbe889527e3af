"""Points out of figures that plotly wrote, and the shape of the states they hold."""

import base64
import json

import numpy as np
import pytest
from kaomoji_lib.show import published as show
from kaomoji_lib.show import published_figures
from published_mirror import CODES, MODELS, figure

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import Missing
from kaomoji_lib.published import geometry as published_geometry
from kaomoji_lib.published import plotly_figures, tables

SCHEME = tables.scheme("nine")
PLANTED = {name: figure(name).to_html(include_plotlyjs=False) for name in MODELS}
LINE = show.line()


def read(html, name):
    return published_geometry.from_components(*plotly_figures.components(html, CODES), name, SCHEME)


@pytest.fixture(scope="module")
def clouds():
    return {name: read(html, name) for name, html in PLANTED.items()}


def test_the_figures_have_the_published_shape():
    assert (
        "Plotly.newPlot(" in PLANTED["gemma"]
        and '"bdata"' in PLANTED["gemma"]
        and '"dtype":"f8"' in PLANTED["gemma"]
    )


@pytest.mark.parametrize("whole", [False, True])
def test_points_come_back_as_they_were_drawn(whole):
    drawn = figure()
    html = drawn.to_html(include_plotlyjs=whole)
    found = plotly_figures.points(html, CODES)
    for trace, code in zip(drawn.data, CODES, strict=False):
        part = found[found["category"] == code]
        assert np.allclose(
            part[["x", "y", "z"]], np.column_stack([trace.x, trace.y, trace.z]), rtol=1e-6
        )
    assert len(found) == 9 * 80, "neither the axis nor a single point beside a cloud is a message"


def test_rows_of_a_prompt_are_one_point():
    table = plotly_figures.points(PLANTED["gemma"], CODES)
    assert len(plotly_figures.one_per_prompt(table)) == 180
    assert len(plotly_figures.one_per_prompt(table.drop_duplicates("category"))) == 9
    assert len(plotly_figures.points(PLANTED["granite"], CODES)) == 178 * 4
    near = table.iloc[[0, 0, 0]].reset_index(drop=True)
    near.loc[1, "x"] += 1e-9
    near.loc[2, "x"] += 0.1
    assert len(plotly_figures.one_per_prompt(near)) == 2


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i2", "i4", "u1", "u2", "u4"])
def test_typed_arrays_of_every_type(dtype):
    values = np.array([[1, 2, 3], [4, 5, 100]], dtype=dtype)
    coded = {"dtype": dtype, "bdata": base64.b64encode(values.tobytes()).decode(), "shape": "2, 3"}
    assert (plotly_figures.array(coded) == values).all()


@pytest.mark.parametrize(
    "value",
    [
        {"dtype": "O", "bdata": "gASVAAAA"},
        {"dtype": "f8", "bdata": "AAAA"},
        {"dtype": "f8", "bdata": "not base64!"},
        {"dtype": "f8", "bdata": None},
        {"dtype": "f8", "bdata": "AAAAAAAAAAA=", "shape": "7"},
        {"dtype": "f8", "bdata": "AAAAAAAAAAA=", "shape": "x"},
        {"bdata": "AAAA"},
        "words",
        ["a"],
        None,
        [[1], [1, 2]],
    ],
)
def test_a_damaged_array_is_refused_in_one_line(value):
    with pytest.raises(KaomojiError) as error:
        plotly_figures.array(value)
    assert len(str(error.value).splitlines()) == 1


def test_nothing_in_a_page_is_run():
    hostile = "<script>Plotly.newPlot(alert(1), [{}], {})</script><script>Plotly.newPlot('x', [{\"a\": 1}], {})</script>"
    with pytest.raises(KaomojiError, match="no readable"):
        plotly_figures.points(hostile, CODES)
    assert len(plotly_figures.points(hostile + PLANTED["gemma"], CODES)) == 720, (
        "the first call that can be read is taken"
    )
    with pytest.raises(KaomojiError):
        plotly_figures.points("Plotly.newPlot(" + "[" * 100_000, CODES)


def test_a_figure_of_other_names_says_so():
    with pytest.raises(KaomojiError, match="no trace"):
        plotly_figures.points(PLANTED["gemma"], ["XX"])
    page = (
        'Plotly.newPlot("x", '
        + json.dumps([{"type": "scatter3d", "name": "LP", "x": [1, 2], "y": [1], "z": [1]}])
        + ", {})"
    )
    with pytest.raises(KaomojiError, match="as many of each"):
        plotly_figures.points(page, CODES)


def test_a_code_that_begins_another_is_not_taken_for_it():
    page = (
        'Plotly.newPlot("x", '
        + json.dumps(
            [
                {"type": "scatter3d", "name": name, "x": [1], "y": [1], "z": [1]}
                for name in ("HP-D", "HP-S mean", "HPX")
            ]
        )
        + ", {})"
    )
    assert list(plotly_figures.points(page, ["HP", "HP-D", "HP-S"])["category"]) == ["HP-D", "HP-S"]


def test_shares_of_variance_come_from_the_axes(clouds):
    assert clouds["gemma"].shares == (0.305, 0.12, 0.08)
    assert plotly_figures.shares('Plotly.newPlot("x", [], {})') == (None, None, None)


def test_planted_geometry_is_found(clouds):
    for name, cloud in clouds.items():
        assert cloud.valence.value > 0.8 and cloud.valence.p < 0.01, name
        assert cloud.silhouette.p < 0.01 and published_geometry.nearest(cloud, CODES).shape == (
            9,
            9,
        )
    assert clouds["gemma"].arousal.value > 0.8 and clouds["gemma"].arousal.p < 0.01
    assert len(clouds["granite"].labels) == 178
    for name in MODELS[1:]:
        found = published_geometry.align(clouds["gemma"], clouds[name], CODES)
        assert found.residual.value < 0.2 < found.residual.null_mean and found.residual.p < 0.001, (
            name
        )
        assert len(found.aligned) == len(clouds[name].labels)


def test_nothing_is_found_where_nothing_was_planted():
    empty = {
        name: read(
            figure(name, planted=False, rng=np.random.default_rng(seed)).to_html(
                include_plotlyjs=False
            ),
            name,
        )
        for seed, name in enumerate(("gemma", "qwen"), start=11)
    }
    for cloud in empty.values():
        assert cloud.silhouette.p > 0.05 and cloud.valence.p > 0.05 and cloud.arousal.p > 0.05
    assert published_geometry.align(empty["gemma"], empty["qwen"], CODES).residual.p > 0.05


def test_a_mirrored_model_fits_and_is_called_mirrored(clouds):
    # Degrees of a turn that mirrors mean nothing: none are given, and the mirror is told.
    mirrored = figure("gemma")
    for trace in mirrored.data:
        trace.z = -np.asarray(trace.z)
    moved = read(mirrored.to_html(include_plotlyjs=False), "mirrored")
    flipped = moved.scores * [1, 1, -1]
    found = published_geometry.align(
        clouds["gemma"],
        published_geometry.Cloud(
            "x",
            moved.prompts,
            flipped,
            moved.shares,
            moved.silhouette,
            moved.valence,
            moved.arousal,
        ),
        CODES,
    )
    assert found.residual.value < 1e-6
    assert not any("degree" in name or "angle" in name for name in vars(found)) and isinstance(
        found.reflected, bool
    )
    turned = published_geometry.align(clouds["gemma"], clouds["qwen"], CODES)
    assert (
        turned.reflected
        != published_geometry.align(
            clouds["gemma"],
            published_geometry.Cloud(
                "x",
                clouds["qwen"].prompts,
                clouds["qwen"].scores * [1, 1, -1],
                (),
                None,
                None,
                None,
            ),
            CODES,
        ).reflected
    )


def test_figures_end_to_end(clouds):
    laid = published_figures.alignments(clouds)
    drawn = published_figures.aligned_prompts(clouds, laid, LINE)
    shown = [trace for trace in drawn.data if trace.type == "scatter3d"]
    assert sum(len(trace.x) for trace in shown) == 4 * 180 + 178
    assert "CC-BY-SA-4.0" in drawn.to_json()
    assert (
        len(published_figures.centroids(clouds, laid, LINE).data) > 9
        and published_figures.residuals(laid, LINE).data
    )
    table = published_figures.cloud_table(clouds)
    assert len(table.rows) == 15 and "valence" in repr(table)


def test_one_missing_model_does_not_take_the_others_along(clouds):
    held = {**clouds, "qwen": Missing("no figure")}
    laid = published_figures.alignments(held)
    assert isinstance(laid["qwen"], Missing) and len(laid) == 4
    assert (
        sum(
            len(trace.x)
            for trace in published_figures.aligned_prompts(held, laid, LINE).data
            if trace.type == "scatter3d"
        )
        == 3 * 180 + 178
    )
    nobody = {name: Missing("no figure") for name in clouds}
    for result in (
        published_figures.aligned_prompts(nobody, nobody, LINE),
        published_figures.centroids(nobody, nobody, LINE),
        published_figures.residuals(nobody, LINE),
    ):
        assert isinstance(result, Missing)
