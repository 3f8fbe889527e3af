"""What hands and keys do in the explorer, on a small page of made-up faces that is written as the book writes its own."""

import axe
import explorer_load
import pytest

APP = "document.querySelector('.kao-explorer').explorer"
READY = ".kx[data-ready]:not([data-waiting])"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    return explorer_load.page(explorer_load.made(faces=60, sources=3, layers=2), folder)


@pytest.fixture
def page(watched, small):
    def opened(state="", width=1280):
        watched.page.set_viewport_size({"width": width, "height": 1000})
        tab = watched.open(f"{small.as_uri()}{'#' + state if state else ''}")
        tab.wait_for_selector(READY)
        return tab

    yield opened
    assert watched.trouble == []


def state_of(tab):
    return tab.evaluate(f"{APP}.state.get()")


def loaded(tab):
    return tab.evaluate(f"{APP}.bundle.sources.map(source => source.loaded)")


def places(tab, count=10):
    return tab.evaluate(
        f"Array.from({{length: {count}}}, (_, local) => {APP}.panels[0].map.truth(local))"
    )


def frames(tab):
    tab.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def test_data_of_a_source_is_read_when_it_is_looked_at(page):
    tab = page("s=source-1")
    assert loaded(tab) == [False, True, False]
    tab.locator("select[name=compare]").select_option("source-0")
    tab.wait_for_selector(READY)
    assert loaded(tab) == [True, True, False] and tab.locator(".kx-map:visible").count() == 2
    tab.locator(".kx-rank button").first.click()
    assert tab.locator(".kx-source[open] .kx-whisker").count() == 18
    tab.locator(".kx-source").nth(2).locator("summary").click()
    tab.wait_for_function("document.querySelectorAll('.kx-source[open] .kx-whisker').length === 27")
    assert loaded(tab) == [True, True, True], "intervals come with the data of their source"


def test_face_in_an_address_may_be_spelled_otherwise(page):
    tab = page("face=%EF%BC%88O_O%EF%BC%89")
    assert state_of(tab)["face"] == "(O_O)" and tab.locator(".kx-large").inner_text() == "(O_O)"


def test_source_whose_data_is_missing_is_said_to_be(page, watched, small):
    for path in small.parent.glob("_explorer/*/source-2.js"):
        path.rename(path.with_suffix(".gone"))
    tab = page()
    tab.locator("select[name=source]").select_option("source-2")
    tab.wait_for_function(
        "document.querySelector('.kx-status').textContent.includes('cannot be read')"
    )
    assert (
        "Source 2" in tab.locator(".kx-status").inner_text()
        and tab.locator(".kx-map:visible").count() == 1
    )
    tab.locator("select[name=source]").select_option("source-1")
    tab.wait_for_selector(READY)
    assert "Source 1" in tab.locator(".kx-panel-title").first.inner_text()
    for path in small.parent.glob("_explorer/*/source-2.gone"):
        path.rename(path.with_suffix(".js"))
    watched.trouble.clear()


def test_wheel_comes_nearer_to_what_lies_under_it(page):
    tab = page("view=2d")
    box = tab.locator(".kx-map").first.bounding_box()
    tab.mouse.move(box["x"] + 30, box["y"] + 30)
    tab.mouse.wheel(0, -300)
    assert state_of(tab)["zoom"] == 1 and "Ctrl" in tab.locator(".kx-status").inner_text(), (
        "a wheel that passes over the map scrolls the page"
    )
    tab.evaluate("scrollTo(0, 0)")
    before = places(tab)
    target = before[0]
    tab.mouse.move(box["x"] + target[0], box["y"] + target[1])
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -300)
    tab.keyboard.up("Control")
    tab.wait_for_function(f"{APP}.state.get().zoom > 1")
    frames(tab)
    after = places(tab)
    assert (
        after[0] == pytest.approx(target, abs=1.5)
        and abs(after[1][0] - before[1][0]) + abs(after[1][1] - before[1][1]) > 5
    )


def test_keys_of_the_whole_explorer(page):
    tab = page()
    tab.locator(".kx-map").first.focus()
    tab.keyboard.press("2")
    assert state_of(tab)["view"] == "2d"
    tab.keyboard.press("e")
    assert state_of(tab)["ellipses"]
    tab.keyboard.press("b")
    assert tab.get_by_role("button", name="Box").get_attribute("aria-pressed") == "true"
    tab.keyboard.press("+")
    tab.keyboard.press("0")
    assert state_of(tab)["zoom"] == 1
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    assert state_of(tab)["face"]
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
    assert state_of(tab)["face"] == ""
    tab.keyboard.press("?")
    assert tab.get_by_role("dialog", name="Keys and gestures").is_visible()
    assert axe.audit(tab, "document.querySelector('.kx')") == []
    tab.keyboard.press("Escape")
    tab.keyboard.press("/")
    tab.keyboard.type("2")
    assert state_of(tab)["search"] == "2" and state_of(tab)["view"] == "2d", (
        "what is typed is no command"
    )


def test_map_of_neighbourhoods_has_neither_layers_nor_ellipses(page):
    tab = page("view=flat:t-SNE&ci=1&layer=layer+1")
    assert (
        tab.get_by_role("button", name="t-SNE").get_attribute("aria-pressed") == "true"
        and tab.locator(".kx-map:visible").count() == 1
    )
    assert (
        tab.locator("select[name=layer]").is_disabled()
        and tab.locator("select[name=layer]").input_value() == "layer 0"
    ), "it was laid by the first"
    assert tab.get_by_label("95% ellipses").is_disabled()
    tab.get_by_role("button", name="2-D").click()
    assert (
        tab.locator("select[name=layer]").input_value() == "layer 1"
        and tab.get_by_label("95% ellipses").is_enabled()
    )


def test_picture_of_the_map_is_saved(page):
    tab = page("with=source-1")
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Save the map as a picture").click()
    with open(waiting.value.path(), "rb") as file:
        head = file.read(24)
    width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
    maps = tab.evaluate(
        "[...document.querySelectorAll('.kx-base')].slice(0, 2).map(canvas => canvas.width)"
    )
    assert head[:8] == b"\x89PNG\r\n\x1a\n" and width > sum(maps) and height > 300


def test_legend_shows_beforehand_what_it_would_leave(page):
    tab = page("view=2d")
    pixels = "(() => { const c = document.querySelector('.kx-base'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let full = 0; for (let i = 3; i < d.length; i += 4) full += d[i] > 220; return full; })()"
    frames(tab)
    everything = tab.evaluate(pixels)
    tab.locator(".kx-legend button").first.hover()
    frames(tab)
    assert tab.evaluate(pixels) < 0.8 * everything and state_of(tab)["only"] == ""
    tab.mouse.move(2, 2)
    frames(tab)
    assert tab.evaluate(pixels) == everything


def test_branch_and_its_block_are_outlined_together(page):
    tab = page("view=tree")
    x, y, size = tab.evaluate(
        f"{APP}.tree.nodes().filter(node => node[2] > 2 && node[2] < 20).sort((a, b) => a[0] - b[0])[0]"
    )
    drawn = """() => { const c = document.querySelector('.kx-tree .kx-over'), w = c.width / 2, d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let left = 0, right = 0;
        for (let i = 3; i < d.length; i += 4) if (d[i]) ((i - 3) / 4 % c.width < w ? left++ : right++); return [left, right]; }"""
    assert tab.evaluate(drawn) == [0, 0]
    box = tab.locator(".kx-sheet").bounding_box()
    tab.mouse.move(box["x"] + x, box["y"] + y)
    left, right = tab.evaluate(drawn)
    assert (
        left > 50 and right > 50 and f"{size} faces" in tab.locator(".kx-tree .kx-tip").inner_text()
    )


def test_phone_shows_the_map_first_and_the_rest_on_demand(page):
    tab = page(width=390)
    assert (
        not tab.locator("select[name=layer]").is_visible()
        and tab.locator(".kx-map").first.bounding_box()["y"] < 420
    )
    tab.get_by_role("button", name="More choices").click()
    assert (
        tab.locator("select[name=layer]").is_visible()
        and tab.get_by_role("button", name="Fewer choices").get_attribute("aria-expanded") == "true"
    )
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_paper_is_white_whatever_the_screen(page):
    tab = page()
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    frames(tab)
    look = (
        f"[getComputedStyle(document.querySelector('.kx')).color, {APP}.panels[0].view.colours[0]]"
    )
    dark = tab.evaluate(look)
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    white = tab.evaluate(look)
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert white[0] == "rgb(34, 34, 34)" and dark[0] != white[0] and tab.evaluate(look) == dark


def test_faces_travel_for_those_who_do_not_mind_movement(browser, small):
    tab = browser.new_page(viewport={"width": 1280, "height": 1000}, reduced_motion="no-preference")
    tab.goto(small.as_uri())
    tab.wait_for_selector(READY)
    frames(tab)
    tab.evaluate(f"""() => {{ window.seen = new Set(); const canvas = document.querySelector('.kx-base'), draw = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {{ if (this.canvas === canvas && text === {APP}.bundle.faces[0]) window.seen.add(Math.round(x) + ' ' + Math.round(y)); return draw.call(this, text, x, y); }};
        {APP}.set({{layer: 'layer 1'}}); }}""")
    tab.wait_for_timeout(700)
    seen, end = tab.evaluate("[...window.seen]"), tab.evaluate(f"{APP}.panels[0].map.place(0)")
    distances = [
        sum(abs(float(value) - goal) for value, goal in zip(place.split(), end, strict=True))
        for place in seen
    ]
    assert len(seen) > 2 and distances[0] == max(distances) > 20 and distances[-1] < 2
    tab.close()
