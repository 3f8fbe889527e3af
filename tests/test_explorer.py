"""The explorer's script, what it computes itself, and the widget between Python and a browser."""

import json
import re

import explorer_load
import numpy as np
import pytest
import traitlets

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import payload
from kaomoji_lib.explorer.widget import MIME, Explorer
from kaomoji_lib.stats import js_similarity
from kaomoji_lib.stimuli import load_scheme

SCHEME = load_scheme()
FACES = ["(T_T)", "(O_O)"]


@pytest.fixture(scope="module")
def bundle():
    return explorer_load.make()


@pytest.fixture
def tab(watched):
    watched.page.goto("about:blank")
    yield watched.page
    assert watched.trouble == []


def test_modules_are_joined_after_what_they_need_and_share_no_name():
    names, declared = [*payload.MODULES, "book", "widget"], []
    assert {path.stem for path in payload.WEB.glob("*.js")} == set(names)
    for place, name in enumerate(names):
        text = (payload.WEB / f"{name}.js").read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./(\w+)\.js"', text)) <= set(names[:place])
        found = re.findall(
            r"^(?:export )?(?:async )?(?:function|const|let) (\w+|\[.*?\])", text, re.M
        )
        declared += [word for item in found for word in re.findall(r"\w+", item)]
    assert len(declared) == len(set(declared)) > 80, "they end up in one scope"


def test_script_needs_no_module_loader_and_loads_nothing():
    assert not re.search(r"^\s*(import|export) ", payload.script(), re.M)
    assert re.findall(r"^export default", payload.module(), re.M) == ["export default"]
    for text in (payload.script(), payload.module(), payload.style()):
        assert not re.search(r"https?://|//cdn|fetch\(|XMLHttpRequest|importScripts", text)


def in_browser(tab, name, expression, argument):
    return tab.evaluate(f"given => {{ {payload.join(name)}\nreturn {expression}; }}", argument)


def test_similarity_in_the_browser_equals_the_library(tab):
    P, Q = np.random.default_rng(0).dirichlet(np.full(9, 0.3), (2, 50))
    pairs = [[list(p), list(q)] for p, q in zip(P, Q, strict=True)]
    values = in_browser(tab, "data", "given.map(([p, q]) => similarity(p, q))", pairs)
    assert values == pytest.approx(list(js_similarity(P, Q)), abs=1e-9)


@pytest.mark.parametrize("paper", ["#fbf9f4", "#17181c"])
def test_colours_can_be_read_on_both_papers(tab, paper):
    colours = list(SCHEME.table["colour"])
    contrasts = "given[0].map((c) => contrast(legible(c, given[1]), given[1]))"
    assert min(in_browser(tab, "colour", contrasts, [colours, paper])) >= 4.5
    mixed = "[mix(given, given.map((_, i) => (i ? 0 : 1))), mix(given, given.map(() => 1))]"
    first, all_of_them = in_browser(tab, "colour", mixed, colours)
    assert first == colours[0] and all_of_them not in colours


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


def test_state_goes_from_the_page_to_python_and_back(bundle, tab):
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
    tab.mouse.move(left, top)
    tab.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom)):
        tab.mouse.move(*corner, steps=5)
    tab.mouse.up()
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
