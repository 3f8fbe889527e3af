"""The explorer's script, what it computes itself, and the widget between a kernel and a browser."""

import json
import os
import re

import explorer_load
import numpy as np
import pytest
import traitlets

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import assemble
from kaomoji_lib.explorer.widget import MIME, Explorer
from kaomoji_lib.stats import js_similarity

MODULES = sorted(assemble.WEB.glob("*.js"))
SCHEME = load_scheme()
FACES = ["(T_T)", "(O_O)"]
KERNEL = """
import sys; sys.path[:0] = ["tests"]
import explorer_load
from kaomoji_lib.explorer import Explorer
explorer = Explorer(explorer_load.make(), colour="mix")
explorer
"""


@pytest.fixture(scope="module")
def bundle():
    return explorer_load.make()


@pytest.fixture
def tab(watched):
    watched.page.goto("about:blank")
    yield watched.page
    assert watched.trouble == []


def test_modules_are_joined_after_what_they_need_and_share_no_name():
    parts = {*assemble.order("book"), *assemble.order("widget")}
    assert {path.stem for path in MODULES} == parts
    text = "".join(path.read_text(encoding="utf-8") for path in MODULES)
    declared = re.findall(
        r"^(?:export )?(?:async )?(?:function|const|let) (\w+|\[.*?\])", text, re.M
    )
    names = [name for item in declared for name in re.findall(r"\w+", item)]
    assert len(names) > 80 and len(set(names)) == len(names), "they end up in one scope"
    order = assemble.order("book")
    for name in order:
        source = (assemble.WEB / f"{name}.js").read_text(encoding="utf-8")
        needed = re.findall(r'from "\./(\w+)\.js"', source)
        assert all(order.index(other) < order.index(name) for other in needed)


def test_script_loads_nothing_and_writes_no_markup():
    assert not re.search(r"^\s*(import|export) ", assemble.script(), re.M)
    assert re.findall(r"^export default", assemble.module(), re.M) == ["export default"]
    for text in (assemble.script(), assemble.module(), assemble.style()):
        assert not re.search(r"https?://|//cdn|fetch\(|XMLHttpRequest|importScripts", text)
        assert not re.search(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(", text)
        assert not re.search(r"new Function|srcdoc|createContextualFragment", text)


def in_browser(tab, name, expression, argument):
    return tab.evaluate(f"given => {{ {assemble._join(name)}\nreturn {expression}; }}", argument)


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


def test_state_can_be_read_and_set_from_python(bundle):
    explorer = Explorer(bundle)
    explorer.selected = [*FACES, "(unknown)"]
    table, source = explorer.selection, bundle.sources[0]
    assert list(table["face"]) == FACES and set(map(SCHEME.gloss, SCHEME.codes)) <= set(table)
    assert table.loc[0, "primary"] == SCHEME.gloss(source.reading.table.loc[FACES[0]].idxmax())
    places = source.layouts["layer 0"].scores[source.faces.index(FACES[0])]
    assert list(table.loc[0, ["pc1", "pc2", "pc3"]]) == list(places)
    explorer.selection = table.head(1)
    assert explorer.selected == FACES[:1] and len(explorer.selection) == 1
    explorer.selected = []
    assert explorer.selection.empty and list(explorer.selection.columns) == list(table.columns)
    explorer.face = "（T_T）"
    assert explorer.face == "(T_T)", "a face is known however it is typed"


def test_unknown_values_are_refused(bundle):
    with pytest.raises(KaomojiError, match="source-0, source-1"):
        Explorer(bundle, source="nobody")
    with pytest.raises(traitlets.TraitError, match="primary"):
        Explorer(bundle).colour = "red"
    with pytest.raises(KaomojiError, match="no source knows"):
        Explorer(bundle).face = "(nobody)"
    with pytest.raises(KaomojiError, match="Bundle"):
        Explorer({"faces": []})


def test_output_carries_the_data_for_the_page_without_a_kernel(bundle):
    data, _ = Explorer(bundle, explorer_load.TOURS, colour="mix")._repr_mimebundle_()
    assert data[MIME]["faces"] == list(bundle.faces) and data[MIME]["start"]["colour"] == "mix"
    assert [tour["title"] for tour in data[MIME]["tours"]] == [t[0] for t in explorer_load.TOURS]
    assert "application/vnd.jupyter.widget-view+json" in data
    json.dumps(data[MIME], allow_nan=False)


class Kernel:
    """A kernel whose widget messages are read and written as a notebook's front end does."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        root = str(explorer_load.ROOT)
        self.manager, self.client = start_new_kernel(
            cwd=root, env={**os.environ, "PYTHONPATH": root}
        )

    def run(self, code):
        """Execute; returns the messages it caused, errors raised."""
        messages = []
        reply = self.client.execute_interactive(code, output_hook=messages.append, timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
        return messages

    def value(self, expression):
        """The value of an expression that JSON can represent."""
        messages = self.run(f"import json; print(json.dumps({expression}))")
        texts = (m["content"]["text"] for m in messages if m["msg_type"] == "stream")
        return json.loads("".join(texts))

    def opened(self, messages):
        """The comm that the explorer opened: id, state, buffers."""
        opened = (m for m in messages if m["msg_type"] == "comm_open")
        message = next(m for m in opened if "_bundle" in m["content"]["data"]["state"])
        content = message["content"]
        paths = map(tuple, content["data"]["buffer_paths"])
        buffers = dict(zip(paths, message["buffers"], strict=True))
        return content["comm_id"], content["data"]["state"], buffers

    def send(self, comm, patch):
        data = {"method": "update", "state": patch, "buffer_paths": []}
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)

    def updates(self, messages, comm):
        contents = [m["content"] for m in messages if m["msg_type"] == "comm_msg"]
        own = [item["data"] for item in contents if item["comm_id"] == comm]
        return [data["state"] for data in own if data.get("method") == "update"]


# What the front end of a notebook offers a widget's module.
FRONT_END = """async state => {
    const listeners = {};
    window.sent = [];
    window.model = {
        state, dirty: {},
        get: name => window.model.state[name],
        set(name, value) { window.model.state[name] = value; window.model.dirty[name] = value; },
        save_changes() { window.sent.push(window.model.dirty); window.model.dirty = {}; },
        on: (name, callback) => (listeners[name] ||= []).push(callback),
        off: (name, callback) => { listeners[name] = (listeners[name] || []).filter(item => item !== callback); },
        receive(patch) { Object.assign(window.model.state, patch);
            for (const name of Object.keys(patch)) for (const callback of listeners[`change:${name}`] || []) callback(); },
        listening: () => Object.values(listeners).flat().length };
    const style = document.createElement('style'); style.textContent = state._css; document.head.append(style);
    const el = document.createElement('div'); el.id = 'cell'; document.body.append(el);
    const module = await import(URL.createObjectURL(new Blob([state._esm], {type: 'text/javascript'})));
    window.close = await module.default.render({model: window.model, el});
    await el.explorer.ready; }"""


@pytest.fixture(scope="module")
def kernel():
    started = Kernel()
    yield started
    started.client.stop_channels()
    started.manager.shutdown_kernel(now=True)


def test_state_goes_from_the_page_to_the_kernel_and_back(kernel, tab):
    comm, state, buffers = kernel.opened(kernel.run(KERNEL))
    assert bytes(buffers[("_font",)])[:4] == b"wOF2"
    tab.evaluate(FRONT_END, {**state, "_font": None})
    assert tab.locator("select[name=colour]").input_value() == "mix"
    text = "(\u2565\ufe4f\u2565) e\u0301 <b>&amp;$\\`"
    tab.get_by_role("searchbox").fill(text)
    assert text in tab.locator(".kx-results").inner_text()
    tab.get_by_role("searchbox").fill("（T_T）")
    tab.get_by_role("button", name="Box").click()
    area = tab.locator(".kx-map").first.bounding_box()
    tab.mouse.move(area["x"] + 4, area["y"] + 4)
    tab.mouse.down()
    tab.mouse.move(area["x"] + area["width"] - 4, area["y"] + area["height"] - 4, steps=5)
    tab.mouse.up()
    sent = tab.evaluate("window.sent")
    assert {"search": text} in sent and sent[-1] == {"selected": ["(T_T)"]}
    for patch in sent[:1]:
        kernel.send(comm, patch)
    assert kernel.value("explorer.search") == text
    for patch in sent[1:]:
        kernel.send(comm, patch)
    asked = "[explorer.search, explorer.selected, list(explorer.selection['face'])]"
    assert kernel.value(asked) == ["（T_T）", ["(T_T)"], ["(T_T)"]]

    changes = "explorer.search = '(O'; explorer.face = '(O_O)'; explorer.source = 'source-1'"
    for patch in kernel.updates(kernel.run(f"{changes}; explorer.selected = {FACES}"), comm):
        tab.evaluate("patch => window.model.receive(patch)", patch)
    assert tab.get_by_role("searchbox").input_value() == "(O"
    assert tab.locator("select[name=source]").input_value() == "source-1"
    assert tab.locator(".kx-large").inner_text() == "(O_O)"
    tab.wait_for_function("document.querySelectorAll('.kx-list li').length === 2")
    assert tab.evaluate("window.sent.length") == len(sent), "no echo of what the kernel sent"
    tab.evaluate("window.close()")
    assert tab.evaluate("window.model.listening()") == 0
