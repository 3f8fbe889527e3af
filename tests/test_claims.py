"""The page of claims reads its numbers from executed pages, and the null edition joins the grid where it was run."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from kaomoji_lib import tables
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import Missing
from kaomoji_lib.show import claim_rules as claims
from kaomoji_lib.show import claims as shown
from kaomoji_lib.stats import Estimate

ROOT = Path(__file__).resolve().parents[1]
FIGURE = '<figure class="kao-figure"><div class="kao-plot"></div></figure>'
STRONG, WEAK = (
    Estimate(0.3, 0.2, 0.4, 180, "prompts", 0.0, 0.001),
    Estimate(0.02, -0.1, 0.1, 180, "prompts", 0.0, 0.4),
)


def test_verdicts_follow_interval_and_null():
    assert claims.judge(STRONG, "beyond") == claims.judge(STRONG, "above") == "found"
    assert claims.judge(WEAK, "beyond") == claims.judge(WEAK, "above") == "not found"
    assert claims.judge(Estimate(0.3, -0.1, 0.4, 9, "prompts", 0.0, 0.001), "above") == "not found"
    assert claims.judge(Estimate(0.3, 0.1, 0.4, 9, "prompts"), "above") == "found"
    assert (
        claims.judge(Estimate(0.003, 0.002, 0.004, 9, "prompts", 0.0, 0.001), "above 0.01")
        == "not found"
    )
    assert claims.judge(STRONG, "above 0.01") == claims.judge(STRONG, "above")
    assert claims.judge(STRONG, "shown") is None
    assert (
        claims.judge(STRONG, "above 0.1") == "found"
        and claims.judge(STRONG, "above 0.25") == "not found"
    )
    with pytest.raises(KaomojiError, match="no null"):
        claims.judge(Estimate(0.3, 0.1, 0.4, 9, "prompts"), "beyond")
    with pytest.raises(KaomojiError, match="unknown rule"):
        claims.judge(STRONG, "somehow")


def test_claims_take_their_numbers_from_the_pages_and_say_where_there_are_none():
    found = claims.claims({})
    assert all(
        item.value is None and item.verdict is None and item.as_built is None for item in found
    )
    assert shown.tally(found) == "none measured yet" and "make null" in shown.twins(found)
    control = next(item for item in found if item.expected == claims.NOT_FOUND)
    assert {item.whose for item in found} == {"article", "ours"} and sorted(
        item.number for item in found if item.whose == "article"
    ) == list(range(1, 12))
    assert control.page == "evidence"


def test_a_control_that_shows_what_it_should_not_is_called_out(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(
        "whose,number,page,key,rule,expected,twin,test,statement\nours,1,p,a,above,found,p--dealt,t,one\nours,2,p,b,above,not found,q,t,<b>two</b>\n",
        encoding="utf-8",
    )
    found = claims.claims({"p": {"a": STRONG, "b": STRONG}, "p--dealt": {"a": WEAK}}, path=path)
    assert (
        [item.as_built for item in found] == [True, False]
        and found[0].twin is WEAK
        and found[1].twin is None
    )
    assert (
        shown.tally(found) == "1 of 2"
        and "1 of them" in shown.twins(found)
        and "there, 0 would" in shown.twins(found)
    )
    html = shown.ours(found)._repr_html_()
    assert (
        "NOT as it was built" in html
        and 'href="p.html"' in html
        and 'href="p--dealt.html"' in html
        and "<b>two" not in html
    )
    assert 'href="q.html"' not in html
    assert (
        "data not at hand"
        in shown.article(
            [claims.Claim("article", 1, "s", "t", "p", STRONG, None, "found", "")],
            Missing("no data"),
        )._repr_html_()
    )


def grid(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book"))
    sys.modules.pop("build", None)
    import build

    return build


def test_every_claim_names_a_page_of_the_book_and_its_twin(monkeypatch):
    pages = {
        page.name: page
        for _, listed in grid(monkeypatch).grid(null=True)[1]
        for page in listed
        if not isinstance(page, str)
    }
    for item in claims.claims({}):
        assert item.page in pages and "--" not in item.page
        # A control in which nothing is to be found, or whose page has no twin, needs none.
        assert item.twin_page in pages or (item.twin_page == "" and item.whose == "ours")
        assert item.twin_page == "" or pages[item.twin_page].notebook == pages[item.page].notebook


def test_every_page_that_claims_something_has_a_twin(monkeypatch):
    plan = yaml.safe_load((ROOT / "book" / "runs.yml").read_text(encoding="utf-8"))
    listed = [
        (entry, entry.get("notebook", part.get("notebook")))
        for part in plan["parts"]
        for entry in part["pages"]
        if "page" in entry
    ]
    twinned = {notebook for of in plan["null_edition"].values() for notebook in of["notebooks"]}
    pages = {entry["page"] for entry, _ in listed}
    assert all(entry["twin"] in pages for entry, _ in listed if "twin" in entry)
    bare = {
        notebook
        for entry, notebook in listed
        if notebook not in twinned
        and "twin" not in entry
        and entry["page"] not in {item.get("twin") for item, _ in listed}
    }
    # Pages without a model, or without a test of one.
    assert bare == {
        "stimuli",
        "explorer",
        "claims",
        "benchmark",
        "data_card",
        "model_cards",
        "trust",
    }


def test_alarms_are_counted_where_everything_is_dealt():
    results = {
        "a--dealt": {"x": STRONG, "y": WEAK, "z": Estimate(1.0, 0.0, 2.0, 9, "prompts")},
        "a": {"x": STRONG},
        "b--untrained": {"x": STRONG},
    }
    assert claims.alarms(results, "dealt") == (1, 2) and claims.alarms(
        results, "dealt", ("x",)
    ) == (0, 1)


def test_the_null_edition_joins_the_grid_when_it_is_asked_for_or_there(monkeypatch):
    build = grid(monkeypatch)
    monkeypatch.setattr(
        build, "is_current", lambda page, shared: page.name == "evidence--text_only"
    )
    names = lambda parts: [
        page.name for _, pages in parts for page in pages if isinstance(page, build.Page)
    ]  # noqa: E731
    plain, asked = names(build.grid()[1]), names(build.grid(null=True)[1])
    assert [name for name in plain if "--" in name] == ["evidence--text_only"]
    assert {
        "organism-gemma--within_category",
        "across_models--untrained",
        "evidence--text_only",
        "claude-compare--dealt",
        "readers--dealt",
    } <= set(asked)
    assert (
        asked.index("claims") > asked.index("evidence--untrained")
        and "readers--untrained" not in asked
    )
    page = next(
        page
        for _, pages in build.grid(null=True)[1]
        for page in pages
        if getattr(page, "name", "") == "organism-qwen--untrained"
    )
    assert (
        page.parameters == {"model": "organism-qwen", "null": "untrained"}
        and page.path.name == "organism-qwen--untrained.ipynb"
    )


def test_headline_figures_link_to_their_null_twins(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    from types import SimpleNamespace

    import kaomoji_book
    from docutils import nodes, utils

    def page(html):
        document = utils.new_document("page")
        document += nodes.container("", nb_element="cell_markdown", cell_index=6)
        cell = nodes.container("", nb_element="cell_code", cell_index=7)
        cell += nodes.raw("", html, format="html")
        document += cell
        return document

    app = SimpleNamespace(
        config=SimpleNamespace(
            kaomoji_null_editions={"within_category": "dealt", "untrained": "random"},
            kaomoji_twins={"c": {"b": "B"}, "d": {"e": "E"}},
        ),
        env=SimpleNamespace(found_docs={"a", "a--untrained", "b", "c", "d"}),
        builder=SimpleNamespace(get_relative_uri=lambda here, there: f"{there}.html"),
    )

    def links(name, html):
        document = page(html)
        kaomoji_book.link_null_twins(app, document, name)
        assert document.children[1]["ids"] == ["cell-0"]
        return [node["refuri"] for node in document.findall(nodes.reference)]

    estimates = tables.estimates({"gain": STRONG})._repr_html_()
    assert links("a", FIGURE) == links("a", estimates) == ["a--untrained.html#cell-0"] and links(
        "a--untrained", FIGURE
    ) == ["a.html#cell-0"]
    assert (
        links("a", tables.build(pd.DataFrame({"faces": [3]}))._repr_html_()) == []
        and links("b", FIGURE) == []
    )
    assert links("c", FIGURE) == ["b.html#cell-0"] and links("d", FIGURE) == []
