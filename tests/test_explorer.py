"""The explorer on a page from disk, used as a person uses it (no kernel, no server, no network), and as a widget."""

import csv
import json
import re

import axe
import explorer_load
import pytest
import traitlets

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import payload
from kaomoji_lib.explorer.widget import MIME, Explorer
from kaomoji_lib.stats import js_similarity
from kaomoji_lib.stimuli import load_scheme

FACES = ["(T_T)", "(O_O)"]
APP = "document.querySelector('.kao-explorer').explorer"
READY = ".kx[data-ready]"


@pytest.fixture(scope="module")
def bundle():
    return explorer_load.make()


@pytest.fixture(scope="module")
def address(bundle, tmp_path_factory):
    path = explorer_load.page(bundle, tmp_path_factory.mktemp("explorer"))
    assert "<li>(T_T)</li>" in path.read_text().partition("<noscript>")[2], "without JavaScript"
    return path.as_uri()


@pytest.fixture
def opened(watched, address):
    def open_page(state="", width=1280):
        watched.page.set_viewport_size({"width": width, "height": 1100})
        page = watched.open(f"{address}{'#' + state if state else ''}")
        page.wait_for_selector(READY)
        return page

    yield open_page
    assert watched.trouble == []


def state_of(page):
    return page.evaluate(f"{APP}.state.get()")


def until(page, expression, argument=None):
    """Wait until an expression of the app ``a`` and a given value holds; fails when it never does."""
    page.wait_for_function(f"given => {{ const a = {APP}; return {expression}; }}", arg=argument)


def glosses(page):
    return page.locator(".kx-rank button").evaluate_all("all => all.map(b => b.ariaLabel)")


def count(page, selector, number):
    until(page, "a.root.querySelectorAll(given[0]).length === given[1]", [selector, number])


def drawing_of(page, number=0):
    """Return what a map shows, pixel by pixel, once it is drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    canvases = "[...document.querySelectorAll('.kx-map')[n].querySelectorAll('canvas')]"
    return page.evaluate(f"n => {canvases}.map(canvas => canvas.toDataURL()).join()", number)


def place_of(page, face, kind="place"):
    """Return where a face is written (``place``) or belongs (``truth``) on the screen."""
    at = f"{APP}.panels[0].source.at.get({APP}.bundle.byFace.get(face))"
    x, y = page.evaluate(f"([face, kind]) => {APP}.panels[0].map[kind]({at})", [face, kind])
    box = page.locator(".kx-map").first.bounding_box()
    return box["x"] + x, box["y"] + y


def drag(page, points):
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def test_it_opens_flat_with_emotions_by_name_and_tours_that_set_the_view(opened):
    page = opened()
    assert state_of(page)["view"] == "2d" and state_of(page)["source"] == "source-0"
    legend = page.locator(".kx-legend").inner_text()
    assert "fearful" in legend and "HN-S" not in legend
    page.locator(".kx-tours button").first.click()
    assert state_of(page)["ellipses"]
    assert glosses(page) and all("fearful" in g or "frustrated" in g for g in glosses(page))
    page.locator(".kx-tours button").nth(1).click()
    assert page.locator(".kx-large").inner_text() == "(T_T)"
    assert state_of(page)["search"] == "" and state_of(page)["source"] == "source-1"


def test_search_finds_spellings_emotions_and_adjectives_and_cards_lead_on(opened):
    page = opened()
    field = page.get_by_role("searchbox", name="Search")
    field.fill("ヽ（T_T）ﾉ")
    count(page, ".kx-rank li", 1)
    page.locator(".kx-rank button").click()
    card = page.get_by_role("region", name="Card of the chosen kaomoji")
    assert card.locator(".kx-large").inner_text() == "(T_T)"
    assert "ヽ(T_T)ﾉ" in card.locator(".kx-spellings").inner_text()
    count(page, ".kx-source[open] .kx-whisker", 9)
    count(page, ".kx-examples dd", 3)
    neighbour = card.locator(".kx-near button .kx-face").first.inner_text()
    card.locator(".kx-near button").first.click()
    until(page, "a.root.querySelector('.kx-large').textContent === given", neighbour)
    field.fill("sad")
    assert page.locator(".kx-rank h3").inner_text().endswith("used for sad")
    assert glosses(page) and all(" sad " in gloss for gloss in glosses(page))
    field.fill("sly")
    count(page, ".kx-rank li", 5)
    page.locator(".kx-rank button").first.click()
    assert "sly" in page.locator(".kx-words").inner_text()
    field.fill("zzzz")
    assert page.locator(".kx-status").inner_text().startswith("No kaomoji")


def test_every_colour_draws_another_map(opened):
    page = opened()
    drawn = [drawing_of(page)]
    for mode in ("mix", "cluster", "count", "entropy", "disagreement"):
        page.locator("select[name=colour]").select_option(mode)
        drawn.append(drawing_of(page))
    page.get_by_label("95% ellipses").check()
    assert len({*drawn, drawing_of(page)}) == 7
    page.locator("select[name=source]").select_option("source-2")
    assert page.get_by_label("95% ellipses").is_disabled(), "nothing was resampled there"


def test_two_sources_are_compared_as_the_library_does(opened):
    page = opened("with=source-1&face=(T_T)")
    words = page.locator(".kx-card").inner_text().partition("Similarity of the two sources: ")[2]
    shares = page.evaluate(
        f"""{APP}.panels.map(({{ source }}) => {{ const at = source.at.get({APP}.bundle.byFace.get('(T_T)'));
            return [...source.shares.slice(9 * at, 9 * at + 9)]; }})"""
    )
    assert float(words.split()[0]) == pytest.approx(float(js_similarity(*shares)), abs=0.006)
    page.get_by_role("button", name="Close the card").click()
    before = [drawing_of(page, number) for number in (0, 1)]
    page.mouse.move(*place_of(page, "(O_O)"))
    page.locator(".kx-tip:visible").wait_for()
    assert all(drawing_of(page, number) != before[number] for number in (0, 1)), "both are marked"
    page.get_by_role("button", name="3-D").click()
    before, box = drawing_of(page), page.locator(".kx-map").nth(1).bounding_box()
    drag(page, [(box["x"] + 20, box["y"] + 20), (box["x"] + 90, box["y"] + 60)])
    until(page, "a.state.get().turn[0] !== -0.5")
    assert drawing_of(page) != before, "both turn together"


def test_lasso_selects_and_the_selection_is_downloaded(opened):
    page = opened()
    x, y = place_of(page, "(T_T)", "truth")
    page.get_by_role("button", name="Lasso").click()
    drag(page, [(x - 9, y - 9), (x + 9, y - 9), (x + 9, y + 9), (x - 9, y + 9), (x - 9, y - 9)])
    until(page, "a.state.get().selected.includes('(T_T)')")
    chosen, tables = state_of(page)["selected"], []
    count(page, ".kx-list li", len(chosen))
    for kind in ("CSV", "JSON"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Download {kind}").click()
        with open(waiting.value.path(), encoding="utf-8-sig", newline="") as file:
            tables.append(list(csv.DictReader(file)) if kind == "CSV" else json.load(file))
    assert [r["face"] for r in tables[0]] == [r["face"] for r in tables[1]] == chosen
    names = page.evaluate(f"{APP}.bundle.categories.map(item => item.gloss)")
    for record in tables[0]:
        assert record["primary"] in names
        assert sum(float(record[name]) for name in names) == pytest.approx(1, abs=0.01)
    page.get_by_role("button", name="Clear").click()
    assert state_of(page)["selected"] == [] and not page.locator(".kx-list").is_visible()


def test_an_address_opens_the_same_view_however_a_face_is_spelled(opened, browser):
    page = opened()
    page.locator("select[name=compare]").select_option("source-1")
    page.evaluate(
        f"{APP}.set({{selected: ['(T_T)', '(O_O)'], face: '(O_O)', zoom: 1.25, colour: 'entropy', minimum: 5}})"
    )
    state, url = state_of(page), page.url
    again = browser.new_page()
    again.goto(url)
    again.wait_for_selector(READY)
    assert state_of(again) == state and again.locator(".kx-large").inner_text() == "(O_O)"
    again.evaluate("location.hash = 'face=%EF%BC%88T_T%EF%BC%89'")
    until(again, "a.state.get().face === '(T_T)'")
    strange = "#s=nobody&colour=none&turn=a+b&face=%3Cimg%20src=x%3E&view=odd"
    again.goto(url.partition("#")[0] + strange)
    again.reload()
    again.wait_for_selector(READY)
    count(again, ".kx-panel:not([hidden])", 1)
    count(again, ".kx img", 0)
    again.close()


def test_legend_and_minimum_leave_the_others_out_and_keep_the_focus(opened):
    page = opened()
    listed, entry = page.locator(".kx-rank li"), page.locator(".kx-legend button").first
    everything = listed.count()
    entry.press("Enter")
    assert 0 < listed.count() < everything and entry.get_attribute("aria-pressed") == "true"
    assert entry.evaluate("button => button === document.activeElement")
    entry.click()
    assert listed.count() == everything
    page.get_by_label("Typed at least").fill("20")
    page.get_by_label("Typed at least").press("Enter")
    often = page.evaluate(f"{APP}.bundle.sources[0].weight.filter(weight => weight >= 20).length")
    count(page, ".kx-rank li", often)


def test_keyboard_goes_from_face_to_face(opened):
    page = opened()
    page.locator(".kx-map").first.focus()
    page.keyboard.press("ArrowRight")
    status = page.locator(".kx-status")
    first = status.inner_text()
    assert "typed" in first and "%" in first, "a gloss, no spelled-out face"
    page.keyboard.press("ArrowUp")
    assert status.inner_text() != first
    page.keyboard.press("Enter")
    assert page.locator(".kx-large").is_visible()
    shift = state_of(page)["shift"]
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("+")
    assert state_of(page)["shift"] != shift and state_of(page)["zoom"] > 1
    page.get_by_role("button", name="Close the card").press("Enter")
    assert page.evaluate("document.activeElement.className") == "kx-map"


def test_branch_of_the_tree_selects_its_kaomoji(opened):
    page = opened("view=tree&colour=cluster")
    until(page, "a.tree.nodes()")
    small = "node => node[2] > 2 && node[2] < 12"
    x, y, size = page.evaluate(f"{APP}.tree.nodes().filter({small}).sort((a, b) => a[0] - b[0])[0]")
    sheet = page.locator(".kx-sheet").bounding_box()
    page.mouse.move(sheet["x"] + x, sheet["y"] + y)
    assert f"{size} kaomoji" in page.locator(".kx-tree .kx-tip").inner_text()
    page.mouse.click(sheet["x"] + x, sheet["y"] + y)
    count(page, ".kx-list li", size)
    assert "stability" in page.locator(".kx-legend").inner_text()
    page.locator(".kx-tree").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".kx-large").is_visible()


def test_dark_mode_and_paper_reach_the_map_without_reload(opened):
    page = opened("face=(T_T)")
    colour = "getComputedStyle(document.querySelector('.kx')).color"
    light = drawing_of(page), page.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"before => {colour} !== before", arg=light[1])
    dark = drawing_of(page)
    assert dark != light[0] and axe.audit(page, "document.querySelector('.kx')") == []
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(colour) == "rgb(34, 34, 34)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert drawing_of(page) == dark


VIEWS = [(1280, "face=(T_T)&ci=1"), (1280, "with=source-1&colour=entropy&q=sad"), (390, "")]
VIEWS += [(1280, "view=tree&colour=cluster&sel=(T_T)"), (390, "s=source-2&colour=disagreement&face=(T_T)")]  # fmt: skip


@pytest.mark.parametrize("width, state", VIEWS)
def test_audit_of_every_view(opened, watched, width, state):
    page = opened(state, width)
    drawing_of(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    assert axe.audit(page, "document.querySelector('.kx')") == []
    watched.trouble.clear()  # axe asks for stylesheets at addresses of its own making


def test_modules_are_joined_after_what_they_need_and_share_no_name():
    names, declared = [*payload.MODULES, "book", "widget"], []
    assert {path.stem for path in payload.WEB.glob("*.js")} == set(names)
    for place, name in enumerate(names):
        text = (payload.WEB / f"{name}.js").read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./(\w+)\.js"', text)) <= set(names[:place])
        found = re.findall(r"^(?:export )?(?:async )?(?:function|const|let) (\w+|\[.*?\])", text, re.M)  # fmt: skip
        declared += [word for item in found for word in re.findall(r"\w+", item)]
    assert len(declared) == len(set(declared)) > 80, "they end up in one scope"


@pytest.mark.parametrize("paper", ["#fbf9f4", "#17181c"])
def test_colours_can_be_read_on_both_papers(browser, paper):
    colours, join = list(load_scheme().table["colour"]), payload.join("colour")
    contrasts = "colours.map(c => contrast(legible(c, paper), paper))"
    mixed = "mix(colours, colours.map((_, i) => (i ? 0 : 1))), mix(colours, colours.map(() => 1))"
    page = browser.new_page()
    expression = f"([colours, paper]) => {{ {join}\nreturn [Math.min(...{contrasts}), {mixed}]; }}"
    least, first, all_of_them = page.evaluate(expression, [colours, paper])
    page.close()
    assert least >= 4.5 and first == colours[0] and all_of_them not in colours


def test_unknown_values_are_refused(bundle):
    with pytest.raises(KaomojiError, match="source-0, source-1"):
        Explorer(bundle, source="nobody")
    with pytest.raises(traitlets.TraitError, match="primary"):
        Explorer(bundle).colour = "red"


def test_output_carries_the_data_for_the_page_without_a_kernel(bundle):
    data, _ = Explorer(bundle, explorer_load.TOURS, colour="mix")._repr_mimebundle_()
    assert data[MIME]["faces"] == list(bundle.faces) and data[MIME]["start"]["colour"] == "mix"
    assert [tour["title"] for tour in data[MIME]["tours"]] == [t[0] for t in explorer_load.TOURS]
    assert "application/vnd.jupyter.widget-view+json" in data
    json.dumps(data[MIME], allow_nan=False)


# What the front end of a notebook offers a widget's module.
FRONT_END = """async state => {
    const heard = new Map();
    const on = name => heard.get(name) ?? heard.set(name, new Set()).get(name);
    window.sent = [];
    window.model = {
        dirty: {}, get: name => state[name], on: (name, act) => on(name).add(act), off: (name, act) => on(name).delete(act),
        set(name, value) { state[name] = value; this.dirty[name] = value; },
        save_changes() { window.sent.push(this.dirty); this.dirty = {}; },
        receive(patch) { Object.assign(state, patch); for (const name in patch) on(`change:${name}`).forEach(act => act()); },
        listening: () => [...heard.values()].reduce((sum, acts) => sum + acts.size, 0) };
    const el = document.createElement('div');
    document.head.append(Object.assign(document.createElement('style'), {textContent: state._css}));
    document.body.append(el);
    const module = await import(URL.createObjectURL(new Blob([state._esm], {type: 'text/javascript'})));
    window.close = await module.default.render({model: window.model, el});
    await el.explorer.ready; }"""


def test_state_goes_from_the_page_to_python_and_back(bundle, watched):
    tab = watched.page
    tab.goto("about:blank")
    explorer = Explorer(bundle, colour="mix")
    state = explorer.get_state() | {"_esm": explorer._esm, "_css": explorer._css}
    assert state["_font"][:4] == b"wOF2"
    tab.evaluate(FRONT_END, {**state, "_font": None, "layout": None})
    assert tab.locator("select[name=colour]").input_value() == "mix"
    text = "(\u2565\ufe4f\u2565) e\u0301 <b>&amp;$\\`"
    tab.get_by_role("searchbox").fill(text)
    assert text in tab.locator(".kx-rank").inner_text()
    explorer.set_state(tab.evaluate("window.sent")[-1])
    assert explorer.search == text
    tab.get_by_role("searchbox").fill("（T_T）")
    tab.get_by_role("button", name="Lasso").click()
    area = tab.locator(".kx-map").first.bounding_box()
    left, top = area["x"] + 4, area["y"] + 4
    right, bottom = left + area["width"] - 8, top + area["height"] - 8
    drag(tab, [(left, top), (right, top), (right, bottom), (left, bottom)])
    sent = tab.evaluate("window.sent")
    assert sent[-2:] == [{"search": "（T_T）"}, {"selected": ["(T_T)"]}]
    explorer.set_state(sent[-1])
    assert explorer.selected == ["(T_T)"]
    changed = {"search": "(O", "face": "(O_O)", "source": "source-1", "selected": FACES}
    for name, value in changed.items():
        setattr(explorer, name, value)
        tab.evaluate("patch => window.model.receive(patch)", explorer.get_state(name))
    assert tab.get_by_role("searchbox").input_value() == "(O"
    assert tab.locator("select[name=source]").input_value() == "source-1"
    assert tab.locator(".kx-large").inner_text() == "(O_O)"
    tab.wait_for_function("document.querySelectorAll('.kx-list li').length === 2")
    assert tab.evaluate("window.sent.length") == len(sent), "no echo of what Python sent"
    tab.evaluate("window.close()")
    assert tab.evaluate("window.model.listening()") == 0
    assert watched.trouble == []
