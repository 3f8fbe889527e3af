"""The explorer in the built book, used as a person uses it: no kernel, no server, no network."""

import csv
import json

import axe
import pytest

from kaomoji_lib.stats import js_similarity

PAGE = "book/runs/explorer.html"
EXPLORER = "document.querySelector('.kx')"
READY = ".kx[data-ready]:not([data-waiting])"
APP = "document.querySelector('.kao-explorer').explorer"


def opened(watched, base, state="", height=1500):
    watched.page.set_viewport_size({"width": watched.page.viewport_size["width"], "height": height})
    page = watched.open(f"{base}/{PAGE}{'#' + state if state else ''}")
    page.wait_for_selector(READY, timeout=30_000)
    return page


@pytest.fixture(params=["http", "file"])
def base(request, address, book):
    return address if request.param == "http" else book.as_uri()


@pytest.fixture
def typed(watched, address):
    """The page, and what its first source types: list of (face, count), most typed first."""
    page = opened(watched, address)
    faces = page.evaluate(
        f"(() => {{ const b = {APP}.bundle, s = b.sources[0]; return [...s.index].map((face, local) => [b.faces[face], s.weight[local]]); }})()"
    )
    return page, faces


def state_of(page):
    return page.evaluate(f"{APP}.state.get()")


def ink_of(page, number=0):
    """A number that changes with every pixel of a map, once the data of its source is there."""
    page.wait_for_selector(READY)
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    return page.evaluate(
        """n => { const maps = document.querySelectorAll('.kx-map')[n].querySelectorAll('canvas'); let sum = 0;
                 for (const map of maps) { const data = new Uint32Array(map.getContext('2d').getImageData(0, 0, map.width, map.height).data.buffer);
                   for (let i = 0; i < data.length; i++) if (data[i]) sum = (sum * 31 + data[i] + i) % 4294967291; }
                 return sum; }""",
        number,
    )


def place_of(page, face, number=0):
    """Where a face stands on the screen."""
    x, y = page.evaluate(
        f"([face, n]) => {{ const a = {APP}, p = a.panels[n]; return p.map.place(p.source.at.get(a.bundle.byFace.get(face))); }}",
        [face, number],
    )
    box = page.locator(".kx-map").nth(number).bounding_box()
    return box["x"] + x, box["y"] + y


def drag(page, points):
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def around(page, faces, margin=12):
    """A rectangle on the screen around the places of some faces."""
    places = page.evaluate(
        f"faces => {{ const a = {APP}, p = a.panels[0]; return faces.map(face => p.map.truth(p.source.at.get(a.bundle.byFace.get(face)))); }}",
        faces,
    )
    box = page.locator(".kx-map").first.bounding_box()
    xs, ys = [box["x"] + x for x, _ in places], [box["y"] + y for _, y in places]
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin


def test_search_card_neighbour_source_and_colour(watched, base):
    page = opened(watched, base)
    page.get_by_role("searchbox", name="Search faces").fill("（Ｔ_Ｔ）".replace("Ｔ", "T"))
    result = page.locator(".kx-results button")
    assert result.count() == 1 and result.inner_text() == "(T_T)"
    result.click()
    card = page.get_by_role("region", name="Card of the chosen face")
    assert (
        card.locator(".kx-large").inner_text() == "(T_T)"
        and "sad" in card.locator(".kx-gloss").inner_text()
    )
    assert "(T_T)" in card.locator(".kx-spellings").inner_text()
    assert (
        card.locator(".kx-source").count() > 2
        and card.locator(".kx-source[open] .kx-whisker").count() == 9
    )
    assert card.locator(".kx-examples dt").count() == card.locator(".kx-examples dd").count() > 0
    neighbour = card.locator(".kx-near button .kx-face").first.inner_text()
    card.locator(".kx-near button").first.click()
    assert (
        card.locator(".kx-large").inner_text() == neighbour and state_of(page)["face"] == neighbour
    )
    page.get_by_role("searchbox", name="Search faces").fill("")
    before = ink_of(page)
    page.locator("select[name=source]").select_option("organism-qwen")
    other = ink_of(page)
    assert other != before and "Qwen" in page.locator(".kx-panel-title").first.inner_text()
    for mode in ("mix", "cluster", "count", "entropy", "disagreement"):
        page.locator("select[name=colour]").select_option(mode)
        now = ink_of(page)
        assert now != other, mode
        other = now
    assert (
        watched.trouble == []
        and [
            url for url in watched.requests if not url.startswith((base, "file:", "data:", "blob:"))
        ]
        == []
    )


def test_category_and_adjective_are_found(watched, address):
    page = opened(watched, address)
    field = page.get_by_role("searchbox", name="Search faces")
    field.fill("sad")
    assert (
        page.locator(".kx-results button").count() >= 3
        and "sad" in page.locator(".kx-results").inner_text()
    )
    listed = page.locator(".kx-rank li button")
    # The search is over all sources, the list speaks of the chosen one: a face may be sad in another alone.
    labels = [listed.nth(number).get_attribute("aria-label") for number in range(listed.count())]
    assert len(labels) == page.locator(".kx-results button").count() and sum(
        "mostly sad" in label for label in labels
    ) > 0.75 * len(labels)
    texts = [listed.nth(number).inner_text() for number in range(listed.count())]
    results = page.locator(".kx-results button").all_inner_texts()
    assert all(any(face.strip() in text for text in texts) for face in results), (
        "the list holds the faces of the results"
    )
    field.fill("weary")
    words = page.locator(".kx-results .kx-note").inner_text()
    assert "weary" in words or "sad" in words
    page.locator(".kx-results button").first.click()
    assert page.locator(".kx-words span").count() > 0
    field.fill("zzzz")
    assert (
        page.locator(".kx-results button").count() == 0
        and "No face" in page.locator(".kx-results").inner_text()
    )


def test_lasso_and_download(watched, book):
    page = opened(watched, book.as_uri(), "view=2d")
    faces = ["(T_T)", "(;_;)"]
    left, top, right, bottom = around(page, faces)
    page.get_by_role("button", name="Lasso").click()
    drag(page, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
    chosen = state_of(page)["selected"]
    assert set(faces) <= set(chosen) and page.locator(".kx-list li").count() == len(chosen)
    assert page.locator(".kx-status").inner_text().startswith(f"{len(chosen)} face")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV").click()
    with open(waiting.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download JSON").click()
    with open(waiting.value.path(), encoding="utf-8") as file:
        objects = json.load(file)
    assert [row["face"] for row in rows] == [item["face"] for item in objects] == chosen
    assert all(
        row["primary"] in row
        and abs(sum(float(row[code]) for code in page.evaluate(f"{APP}.bundle.codes")) - 1) < 0.01
        for row in rows
    )
    page.get_by_role("button", name="Box").click()
    box = page.locator(".kx-map").first.bounding_box()
    drag(
        page,
        [(box["x"] + 3, box["y"] + 3), (box["x"] + box["width"] - 3, box["y"] + box["height"] - 3)],
    )
    assert len(state_of(page)["selected"]) > len(chosen)
    page.get_by_role("button", name="Clear").click()
    assert (
        state_of(page)["selected"] == []
        and not page.locator(".kx-list").is_visible()
        and watched.trouble == []
    )


def test_shared_address_opens_the_same_view(watched, book, browser):
    page = opened(watched, book.as_uri())
    page.locator("select[name=colour]").select_option("entropy")
    page.locator("select[name=compare]").select_option("organism-qwen")
    page.get_by_label("Typed at least").fill("5")
    page.get_by_label("Typed at least").press("Enter")
    page.get_by_role("button", name="2-D").click()
    page.mouse.click(*place_of(page, "(T_T)"))
    page.get_by_role("button", name="Zoom in").click()
    page.evaluate(f"{APP}.set({{selected: ['(T_T)', '(>∀<)']}})")
    state = state_of(page)
    assert state["face"] == "(T_T)" and state["zoom"] > 1
    other = browser.new_context(viewport={"width": 1280, "height": 900})
    again = other.new_page()
    again.goto(page.url)
    again.wait_for_selector(READY)
    assert state_of(again) == state and again.locator(".kx-large").inner_text() == "(T_T)"
    assert (
        again.locator(".kx-map:visible").count() == 2 and again.locator(".kx-list li").count() == 2
    )
    again.evaluate("location.hash = 'face=(%3E%E2%88%80%3C)'")
    again.wait_for_function("document.querySelector('.kx-large')?.textContent === '(>∀<)'")
    other.close()
    assert watched.trouble == []


def test_face_in_a_table_leads_to_its_card(watched, book):
    page = watched.open(f"{book.as_uri()}/book/runs/organism-qwen.html")
    link = page.locator("td.face a").first
    face = link.inner_text()
    assert link.get_attribute("title") == "Open this face in the explorer"
    link.click()
    page.wait_for_selector(READY)
    assert page.locator(".kx-large").inner_text() == face and watched.trouble == []


def test_address_that_makes_no_sense_does_no_harm(watched, address):
    page = opened(
        watched,
        address,
        "s=nobody&colour=none&min=x&turn=a+b&k=99&face=%3Cimg%20src=x%3E&sel=nobody&view=odd",
    )
    assert (
        page.locator(".kx-map:visible").count() == 1
        and page.locator(".kx img").count() == 0
        and watched.trouble == []
    )


def test_dark_mode_reaches_the_map_without_reload(watched, address):
    page = opened(watched, address, "face=(T_T)")
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    light = (
        ink_of(page),
        page.evaluate("getComputedStyle(document.querySelector('.kx-large')).color"),
    )
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('.kx-large')).color !== before",
        arg=light[1],
    )
    assert ink_of(page) != light[0] and axe.audit(page, EXPLORER) == []
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('.kx-large')).color === before",
        arg=light[1],
    )
    assert ink_of(page) == light[0]


@pytest.mark.parametrize(
    "width, states",
    [
        (
            1280,
            (
                "face=(T_T)&ci=1",
                "with=organism-qwen&colour=entropy&q=sad",
                "view=tree&colour=cluster&sel=(T_T)&sel=(%3B_%3B)",
            ),
        ),
        (390, ("", "s=claude-synthesized&colour=disagreement&face=(T_T)")),
    ],
)
def test_audit_of_every_view(watched, address, width, states):
    watched.page.set_viewport_size({"width": width, "height": 900})
    page = opened(watched, address)
    for state in states:
        page.evaluate("hash => { location.hash = hash; }", state)
        ink_of(page)
        assert (
            page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
            and watched.trouble == []
        ), state
        assert axe.audit(page, EXPLORER) == [], state
        watched.trouble.clear()  # axe asks for stylesheets at addresses of its own making


def test_keyboard_goes_from_face_to_face(watched, address):
    page = opened(watched, address, "view=2d")
    page.locator(".kx-map").first.focus()
    page.keyboard.press("ArrowRight")
    first = page.locator(".kx-status").inner_text()
    assert " face (" in first and "rank 1 of" in first, "a gloss, no spelled-out face"
    page.keyboard.press("ArrowUp")
    assert page.locator(".kx-status").inner_text() != first
    page.keyboard.press("Enter")
    assert page.locator(".kx-large").is_visible()
    turned = state_of(page)["shift"]
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("+")
    assert state_of(page)["shift"] != turned and state_of(page)["zoom"] > 1
    page.get_by_role("button", name="Close the card").focus()
    page.keyboard.press("Enter")
    assert (
        not page.locator(".kx-large").is_visible()
        and page.evaluate("document.activeElement.className") == "kx-map"
    )


def test_hover_is_linked_between_two_sources(watched, address):
    page = opened(watched, address, "with=organism-qwen")
    before = [ink_of(page, number) for number in (0, 1)]
    page.mouse.move(
        *place_of(
            page,
            "(T_T)"
            if page.evaluate(f"{APP}.panels[1].source.at.has({APP}.bundle.byFace.get('(T_T)'))")
            else "(;_;)",
        )
    )
    tip = page.locator(".kx-tip:visible")
    tip.wait_for()
    assert "sad" in tip.inner_text()
    assert all(ink_of(page, number) != before[number] for number in (0, 1)), (
        "the same face lights up in both"
    )
    turn = state_of(page)["turn"]
    box = page.locator(".kx-map").nth(1).bounding_box()
    drag(page, [(box["x"] + 20, box["y"] + 20), (box["x"] + 90, box["y"] + 60)])
    assert state_of(page)["turn"] != turn and ink_of(page, 0) != before[0], "both turn together"


def test_similarity_of_two_sources_is_that_of_the_library(watched, address):
    page = opened(watched, address, "with=organism-qwen&face=(%3B_%3B)")
    words = (
        page.locator(".kx-card")
        .inner_text()
        .partition("Similarity of the two readings: ")[2]
        .split()[0]
    )
    shares = page.evaluate(f"""(() => {{ const a = {APP}, face = a.bundle.byFace.get('(;_;)');
        return a.panels.map(p => {{ const at = p.source.at.get(face), n = a.bundle.codes.length; return [...p.source.shares.slice(at * n, at * n + n)]; }}); }})()""")
    assert float(words) == pytest.approx(float(js_similarity(*shares)), abs=0.006)


def test_uncertainty_is_drawn_on_demand(watched, address):
    page = opened(watched, address, "view=2d")
    before = ink_of(page)
    page.get_by_label("95% ellipses").check()
    assert ink_of(page) != before and state_of(page)["ellipses"]
    page.locator("select[name=source]").select_option("claude-synthesized")
    page.wait_for_selector(READY)
    assert page.get_by_label("95% ellipses").is_disabled(), (
        "a source that was not resampled has none"
    )


def test_tree_selects_a_branch_and_cuts_anew(watched, address):
    page = opened(watched, address, "view=tree")
    x, y, size = page.evaluate(
        f"{APP}.tree.nodes().filter(node => node[2] > 2 && node[2] < 12).sort((a, b) => a[0] - b[0])[0]"
    )
    sheet = page.locator(".kx-sheet").bounding_box()
    page.mouse.click(sheet["x"] + x, sheet["y"] + y)
    assert page.locator(".kx-list li").count() == size
    page.locator("select[name=colour]").select_option("cluster")
    assert "stability" in page.locator(".kx-legend").inner_text()
    page.get_by_label("Cut the tree into").select_option("4")
    assert (
        page.locator(".kx-legend button").count() == 4
        and "4 clusters" in page.locator(".kx-criterion").inner_text()
    )
    page.locator(".kx-legend button").first.click()
    assert state_of(page)["only"] == "1"
    page.locator(".kx-tree").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".kx-large").is_visible() and watched.trouble == []


def test_legend_shows_one_category_alone(watched, address):
    page = opened(watched, address)
    everything = page.locator(".kx-rank li").count()
    page.locator(".kx-legend button").first.click()
    alone = page.locator(".kx-rank li").count()
    assert (
        0 < alone < everything
        and page.locator(".kx-legend button").first.get_attribute("aria-pressed") == "true"
    )
    page.locator(".kx-legend button").first.click()
    assert page.locator(".kx-rank li").count() == everything


def test_minimum_count_hides_rare_faces(typed):
    page, faces = typed
    page.get_by_label("Typed at least").fill("20")
    page.get_by_label("Typed at least").press("Enter")
    assert page.locator(".kx-rank li").count() == sum(count >= 20 for _, count in faces)
    page.get_by_label("Typed at least").fill("1")
    page.get_by_label("Typed at least").press("Enter")
    assert page.locator(".kx-rank li").count() == len(faces)


def test_every_face_opens_its_card_as_it_is_written(typed):
    page, faces = typed
    shown = page.evaluate(
        f"faces => faces.map(face => {{ {APP}.set({{face}}); return document.querySelector('.kx-large').innerText; }})",
        [face for face, _ in faces],
    )
    assert shown == [face for face, _ in faces]
    assert page.locator(".kx :is(img, script, iframe, b, i)").count() == 0


def test_without_scripts_the_faces_are_listed(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    assert page.locator("noscript li", has_text="(T_T)").first.is_visible()
    assert not page.locator(".kao-explorer").is_visible()
    drawn = page.locator("noscript svg.kao-still text:not([opacity])")
    boxes = [drawn.nth(number).bounding_box() for number in range(drawn.count())]
    assert len(boxes) > 10 and "(T_T)" in drawn.all_text_contents()
    overlaps = [
        (a, b)
        for place, a in enumerate(boxes)
        for b in boxes[place + 1 :]
        if min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"]) > 6
        and min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"]) > 12
    ]
    assert overlaps == []
    context.close()


def test_page_is_light_and_other_pages_do_not_load_the_explorer(book):
    page = book / PAGE
    assert page.stat().st_size < 2_000_000 and "explorer.js" in page.read_text(encoding="utf-8")
    assert "explorer.js" not in (book / "book" / "index.html").read_text(encoding="utf-8")
    assert "embed-amd" not in page.read_text(encoding="utf-8")
