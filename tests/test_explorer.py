"""The explorer's script, its port of the canonical form, and the widget between a kernel and a browser."""

import json
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worlds import PROMPTS, SPOKEN, run_states
from worlds import STATES as ARRAY

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import assemble
from kaomoji_lib.explorer import data as explorer_data
from kaomoji_lib.explorer.widget import MIME, Explorer
from kaomoji_lib.faces.canonical import canonical, tables
from kaomoji_lib.stats import js_similarity

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(assemble.WEB.glob("*.js"))
SCHEME = load_scheme()
FACES = ["(HP-D0)", "(HP-S0)"]
# In a kernel of its own: the bundle of the tests, an explorer, and what is asked of it later.
KERNEL = """
import sys; sys.path[:0] = ["tests"]
import test_explorer
from kaomoji_lib.explorer import Explorer
explorer = Explorer(test_explorer.small_bundle(), colour="mix")
explorer
"""


def small_bundle():
    states = run_states(ARRAY)
    states.layers = ("embed", "1", "2")
    made = [
        explorer_data.from_emissions(
            name,
            name.title(),
            "a test",
            SPOKEN,
            SCHEME,
            prompts=PROMPTS,
            states=given,
            resamples=20,
        )
        for name, given in (("one", states), ("two", None))
    ]
    return explorer_data.bundle(made, SCHEME)


@pytest.fixture(scope="module")
def bundle():
    return small_bundle()


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    opened.trouble = []
    opened.on("pageerror", lambda error: opened.trouble.append(str(error)))
    opened.on(
        "console", lambda message: message.type == "error" and opened.trouble.append(message.text)
    )
    opened.goto("about:blank")
    yield opened
    opened.close()


# -- the script ------------------------------------------------------------------------------------------------------


def test_every_module_is_reached_and_comes_after_what_it_needs():
    book, widget = assemble.order("book"), assemble.order("widget")
    assert {path.stem for path in MODULES} == {*book, *widget}
    for name in book:
        needed = re.findall(
            r'from "\./(\w+)\.js"', (assemble.WEB / f"{name}.js").read_text(encoding="utf-8")
        )
        assert all(book.index(other) < book.index(name) for other in needed)


def test_script_needs_no_module_loader_and_asks_for_nothing():
    assert not re.search(r"^\s*(import|export) ", assemble.script(), re.MULTILINE)
    assert re.findall(r"^export default", assemble.module(), re.MULTILINE) == ["export default"]
    for text in (assemble.script(), assemble.module(), assemble.style()):
        assert not re.search(
            r"https?://|//cdn|fetch\(|XMLHttpRequest|importScripts",
            text.replace("http://www.w3.org/2000/svg", ""),
        )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_text_reaches_the_page_as_text(path):
    source = path.read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment",
        source,
    )
    assert len(source.splitlines()) < 420


# -- one truth -------------------------------------------------------------------------------------------------------


def in_browser(page, names, expression, argument):
    script = "".join(assemble._wrapped(name) for name in names)
    return page.evaluate(f"given => {{ {script}\nreturn ({expression})(given); }}", argument)


def every_face():
    for path in sorted((ROOT / "data").rglob("*.csv")):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in {"spelling", "face", "raw_face", "canonical"} & set(table):
            yield from table[column]


def hostile(count=4000):
    """Strings made of the very characters the folds speak of, where ports go wrong."""
    rng = np.random.default_rng(0)
    parts = [value for key, value in tables().items() if key not in ("deleted", "folds")]
    letters = [
        *"".join(parts),
        *"\u200d\u200e\u2060\ufe0f\u0338\u2003",
        *"()[]ab <>&$\\_`~-・ТАЖ\n\u00a0\u3000\u0301\u0308ﾟ",
        "┻━┻",
        "(╯°□°)╯︵ ",
        "・-・",
        "\\(",
        "\\)",
        "\\_",
        "¯\\_(ツ)_/¯",
        "𝓌",
    ]
    for _ in range(count):
        inner = "".join(rng.choice(letters, rng.integers(0, 9)))
        yield (
            rng.choice(["", "(", "ヽ(", "┻━┻ ヽ("])
            + inner
            + rng.choice(["", ")", ")ﾉ", ")︵ ┻━┻", ")\n"])
        )


def test_canonical_form_in_the_browser_is_that_of_the_library(page):
    texts = [*dict.fromkeys([*every_face(), *hostile()])]
    found = in_browser(
        page,
        ["canonical"],
        "({tables, texts}) => texts.map(canonical_js.makeCanonical(tables))",
        {"tables": tables(), "texts": texts},
    )
    wrong = [
        (text, other, canonical(text))
        for text, other in zip(texts, found, strict=True)
        if other != canonical(text)
    ]
    assert len(texts) > 3000 and wrong == []


def test_similarity_in_the_browser_is_that_of_the_library(page):
    P, Q = np.random.default_rng(0).dirichlet(np.full(9, 0.3), (2, 50))
    found = in_browser(
        page,
        ["data"],
        "pairs => pairs.map(([p, q]) => data_js.similarity(p, q))",
        [[list(p), list(q)] for p, q in zip(P, Q, strict=True)],
    )
    assert found == pytest.approx(list(js_similarity(P, Q)), abs=1e-9)


def test_colours_can_be_read_on_both_papers(page):
    colours = list(SCHEME.table["colour"])
    for paper in ("#fbf9f4", "#17181c"):
        found = in_browser(
            page,
            ["colour"],
            "([colours, paper]) => colours.map(c => colour_js.contrast(colour_js.legible(c, paper), paper))",
            [colours, paper],
        )
        assert min(found) >= 4.5
    mixed = in_browser(
        page,
        ["colour"],
        "c => [colour_js.mix(c, c.map((_, i) => i ? 0 : 1)), colour_js.mix(c, c.map(() => 1))]",
        colours,
    )
    assert mixed[0] == colours[0] and mixed[1] not in colours


# -- the widget ------------------------------------------------------------------------------------------------------


def test_widget_holds_state_both_ways_in_python(bundle):
    explorer = Explorer(bundle)
    explorer.search = "(╥"
    explorer.selected = [*FACES, "(unknown)"]
    table = explorer.selection
    assert list(table["face"]) == FACES and list(table["primary"]) == ["HP-D", "HP-S"]
    source = bundle.sources[0]
    assert table[list(SCHEME.codes)].to_numpy() == pytest.approx(
        source.reading.table.loc[FACES].to_numpy()
    )
    assert (
        table["cluster"].notna().all()
        and table["pc1"].iloc[0]
        == source.layouts["all layers"].scores[source.faces.index(FACES[0]), 0]
    )
    explorer.selection = table.head(1)
    assert explorer.selected == FACES[:1] and len(explorer.selection) == 1
    explorer.selected = []
    assert explorer.selection.empty and list(explorer.selection.columns) == list(table.columns)
    explorer.face = "（HP-D0）"
    assert explorer.face == "(HP-D0)", "a face is known however it is typed"


def test_widget_refuses_what_is_not_there(bundle):
    with pytest.raises(KaomojiError, match="one, two"):
        Explorer(bundle, source="three")
    with pytest.raises(KaomojiError, match="primary"):
        Explorer(bundle).colour = "red"
    with pytest.raises(KaomojiError, match="no source knows"):
        Explorer(bundle).face = "(nobody)"
    with pytest.raises(KaomojiError, match="Bundle"):
        Explorer({"faces": []})


def test_output_carries_the_data_for_the_page_without_a_kernel(bundle):
    data, _ = Explorer(bundle, colour="mix")._repr_mimebundle_()
    assert data[MIME]["faces"] == list(bundle.faces) and data[MIME]["start"]["colour"] == "mix"
    assert (
        "application/vnd.jupyter.widget-view+json" in data
        and str(len(bundle.faces)) in data["text/plain"]
    )
    json.dumps(data[MIME], allow_nan=False)


class Kernel:
    """A kernel whose widget messages are read and written as a notebook's front end does."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(
            kernel_name="python3", cwd=str(ROOT), env={**os.environ, "PYTHONPATH": str(ROOT)}
        )

    def run(self, code):
        """Execute; returns the messages it caused, errors raised."""
        messages = []
        reply = self.client.execute_interactive(code, output_hook=messages.append, timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
        return messages

    def said(self, expression):
        """The value of an expression that JSON can hold."""
        messages = self.run(f"import json; print(json.dumps({expression}))")
        return json.loads(
            "".join(item["content"]["text"] for item in messages if item["msg_type"] == "stream")
        )

    def opened(self, messages):
        """The comm that the explorer opened: id and state, with its buffers."""
        for item in messages:
            if item["msg_type"] == "comm_open" and "_bundle" in item["content"]["data"]["state"]:
                content = item["content"]
                return (
                    content["comm_id"],
                    content["data"]["state"],
                    dict(
                        zip(
                            map(tuple, content["data"]["buffer_paths"]),
                            item["buffers"],
                            strict=True,
                        )
                    ),
                )
        raise AssertionError("no widget was opened")

    def send(self, comm, patch):
        message = self.client.session.msg(
            "comm_msg",
            {"comm_id": comm, "data": {"method": "update", "state": patch, "buffer_paths": []}},
        )
        self.client.shell_channel.send(message)

    def updates(self, messages, comm):
        return [
            item["content"]["data"]["state"]
            for item in messages
            if item["msg_type"] == "comm_msg"
            and item["content"]["comm_id"] == comm
            and item["content"]["data"].get("method") == "update"
        ]

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


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
        receive(patch) { Object.assign(window.model.state, patch); for (const name of Object.keys(patch)) for (const callback of listeners[`change:${name}`] || []) callback(); },
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
    started.stop()


def test_state_goes_from_the_page_to_the_kernel_and_back(kernel, page):
    comm, state, buffers = kernel.opened(kernel.run(KERNEL))
    assert bytes(buffers[("_font",)])[:4] == b"wOF2"
    page.evaluate(FRONT_END, {**state, "_font": None})
    assert page.locator("select[name=colour]").input_value() == "mix"

    page.get_by_role("searchbox").fill("（HP-S1")
    page.get_by_role("button", name="Box").click()
    area = page.locator(".kx-map").first.bounding_box()
    page.mouse.move(area["x"] + 4, area["y"] + 4)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] - 4, area["y"] + area["height"] - 4, steps=5)
    page.mouse.up()
    sent = page.evaluate("window.sent")
    assert {"search": "（HP-S1"} in sent and sent[-1] == {"selected": ["(HP-S1)"]}
    for patch in sent:
        kernel.send(comm, patch)
    assert kernel.said(
        "[explorer.search, explorer.selected, explorer.selection[['face', 'primary']].values.tolist()]"
    ) == ["（HP-S1", ["(HP-S1)"], [["(HP-S1)", "HP-S"]]]

    messages = kernel.run(
        "explorer.search = '(LN'; explorer.face = '(LN0)'; explorer.source = 'two'; explorer.selected = ['(LN1)', '(LN2)']"
    )
    for patch in kernel.updates(messages, comm):
        page.evaluate("patch => window.model.receive(patch)", patch)
    assert (
        page.get_by_role("searchbox").input_value() == "(LN"
        and page.locator("select[name=source]").input_value() == "two"
    )
    assert (
        page.locator(".kx-large").inner_text() == "(LN0)"
        and page.locator(".kx-list li").count() == 2
    )
    assert page.evaluate("window.sent.length") == len(sent), (
        "what the kernel says is not said back to it"
    )

    page.evaluate("window.close()")
    assert page.evaluate("window.model.listening()") == 0 and page.trouble == []


def test_characters_of_every_alphabet_survive_the_way(kernel, page):
    comm, state, _ = kernel.opened(kernel.run(KERNEL))
    page.evaluate(FRONT_END, {**state, "_font": None})
    text = (
        "".join(map(chr, [0x28, 0x2565, 0xFE4F, 0x2565, 0x29]))
        + unicodedata.normalize("NFD", "é")
        + "<b>&amp;$\\`"
    )
    page.get_by_role("searchbox").fill(text)
    for patch in page.evaluate("window.sent"):
        kernel.send(comm, patch)
    assert kernel.said("explorer.search") == text
    assert (
        text in page.locator(".kx-results").inner_text()
        and page.locator(".kx-results b").count() == 0
    )
