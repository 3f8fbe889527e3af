"""The built book, opened in a browser that has no network."""

import csv
import importlib.util
import json
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import axe
import pytest

bs4 = pytest.importorskip("bs4")
playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).resolve().parents[1]

spec = importlib.util.spec_from_file_location("kaomoji_build", ROOT / "book" / "build.py")
build = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = build
spec.loader.exec_module(build)

ENTRIES = [entry for _, pages in build.grid()[1] for entry in pages]
NOTEBOOKS = [entry.name for entry in ENTRIES if not isinstance(entry, str)]
PAGES = ["book/index"] + [
    f"book/{entry}" if isinstance(entry, str) else f"book/runs/{entry.name}" for entry in ENTRIES
]

MEASURED = re.compile(r"(?<![\w.-])[−-]?\d*\.\d\d(?!\w)|\d%")


def figures_of(name):
    notebook = json.loads((build.PAGES / f"{name}.ipynb").read_text(encoding="utf-8"))
    data = [
        output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", [])
    ]
    return [
        item["application/vnd.plotly.v1+json"]
        for item in data
        if "application/vnd.plotly.v1+json" in item
    ]


WIDER = """() => { const wide = document.querySelector('article').clientWidth + 1;
    return [...document.querySelectorAll('.kao-plot, .kao-plot .main-svg, .kao-plot canvas')].filter(part => part.getBoundingClientRect().width > wide).map(part => part.className.baseVal || part.className); }"""


# Words of a figure that its box cuts off. 3-D labels follow their points and may leave with them.
CUT = """() => [...document.querySelectorAll('.kao-plot')].flatMap(box => { const frame = box.getBoundingClientRect();
    return [...box.querySelectorAll('.main-svg text')].filter(text => !text.closest('.modebar, .hoverlayer, .annotation')).filter(text => { const part = text.getBoundingClientRect();
        return part.width && text.textContent.trim() && (part.left < frame.left - 2 || part.right > frame.right + 2 || part.top < frame.top - 2 || part.bottom > frame.bottom + 2); })
        .map(text => text.textContent); })"""


def figures_in(name):
    return len(figures_of(name))


def test_names_of_what_is_made_are_portable(book):
    from test_repo import not_portable

    made = [
        path.relative_to(ROOT)
        for folder in (ROOT / "_build" / "html", ROOT / "runs", build.PAGES)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert len(made) > 200 and not_portable(made) == []


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_error_or_outside_request(name, watched, address):
    watched.open(f"{address}/{name}.html")
    count = watched.draw_all()
    if "/runs/" in name:
        assert count == figures_in(name.split("/")[-1]), (
            "every figure of the notebook is on the page"
        )
    for number in range(count):
        drawn = watched.page.evaluate(
            """n => { const box = document.querySelectorAll('.kao-plot')[n];
                      const marks = box.querySelectorAll('canvas, .main-svg');
                      const flat = !(box.data || []).some(trace => trace.type === 'scatter3d');
                      return [marks.length > 0, flat || box.querySelector('canvas').width > 50, box.clientHeight > 100]; }""",
            number,
        )
        assert all(drawn), f"figure {number}: marks, canvas, height = {drawn}"
    assert watched.page.locator("article h1").count() == 1
    assert watched.page.evaluate(WIDER) == [], "figures wider than the text"
    assert watched.page.evaluate(CUT) == [], "words that a figure cuts off"
    assert axe.audit(watched.page) == []
    assert [
        url for url in watched.requests if not url.startswith((address, "data:", "blob:"))
    ] == []
    assert watched.trouble == []


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_from_disk_on_a_phone_in_the_dark(name, watched, book):
    watched.page.set_viewport_size({"width": 390, "height": 800})
    watched.context.add_init_script(
        "localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')"
    )
    page = watched.open((book / f"{name}.html").as_uri())
    page.wait_for_load_state("load")
    if page.locator(".kao-plot").count():
        page.locator(".kao-plot").first.scroll_into_view_if_needed()
        page.wait_for_selector(".kao-plot[data-done='2']", timeout=60_000)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert (
        page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        and page.evaluate(WIDER) == []
    )
    assert (book / f"{name}.html").stat().st_size < 2_000_000, (
        "a page stays light beside the files that all pages share"
    )
    assert [
        url for url in watched.requests if not url.startswith(("file:", "data:", "blob:"))
    ] == []
    assert watched.trouble == []


@pytest.mark.parametrize(
    "name", ["book/index", "book/glossary", "book/runs/stimuli", "book/runs/organism-gemma"]
)
def test_dark_page_is_accessible_and_every_figure_fits_a_phone(name, watched, address):
    watched.page.set_viewport_size({"width": 390, "height": 800})
    watched.context.add_init_script(
        "localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')"
    )
    page = watched.open(f"{address}/{name}.html")
    watched.draw_all()
    assert (
        page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
        and page.evaluate(WIDER) == []
        and page.evaluate(CUT) == []
    )
    assert axe.audit(page) == []


def test_front_page_leads_into_the_book(watched, book):
    page = watched.open((book / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    assert page.locator(".sd-btn").count() >= 2


def first_with_legend(watched):
    return watched.page.evaluate(
        "() => [...document.querySelectorAll('.kao-plot')].findIndex(box => box.querySelector('.legendtoggle'))"
    )


def test_legend_click_hides_a_category(watched, address):
    watched.open(f"{address}/book/index.html")
    watched.draw_all()
    number = first_with_legend(watched)
    assert number >= 0, "the front page has a figure with a legend"
    box = watched.page.locator(".kao-plot").nth(number)
    box.locator(".legendtoggle").first.click()
    watched.page.wait_for_function(
        "n => document.querySelectorAll('.kao-plot')[n].data.some(trace => trace.visible === 'legendonly')",
        arg=number,
    )
    assert watched.trouble == []


def test_three_dimensional_figure_has_colours(watched, address):
    page = watched.open(f"{address}/book/index.html")
    watched.draw_all()
    colours = page.evaluate(
        """async () => {
            const box = [...document.querySelectorAll('.kao-plot')].find(box => box.data.some(t => t.type === 'scatter3d'));
            const image = new Image();
            image.src = await Plotly.toImage(box, {format: 'png', width: 600, height: 400});
            await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [600, 400];
            const context = canvas.getContext('2d', {willReadFrequently: true});
            context.drawImage(image, 0, 0);
            return new Set(new Uint32Array(context.getImageData(0, 0, 600, 400).data.buffer)).size; }"""
    )
    assert colours > 50


def test_upload_button_is_off_and_labels_are_no_formulas(watched, address):
    page = watched.open(f"{address}/book/index.html")
    watched.draw_all()
    titles = page.eval_on_selector_all(
        ".modebar-btn", "buttons => buttons.map(b => b.dataset.title || '')"
    )
    assert not [title for title in titles if "cloud" in title.lower() or "share" in title.lower()]
    assert page.evaluate("document.querySelector('.kao-plot')._context.typesetMath") is False


def test_dark_mode_reaches_the_figures(watched, address):
    page = watched.open(f"{address}/book/index.html")
    watched.draw_all()
    colour = "document.querySelector('.kao-plot')._fullLayout.font.color"
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(f"[{colour}, {paper}]")
    page.evaluate("window.scrollTo(0, 0)")
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
        page.locator(".theme-switch-button:visible").first.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.wait_for_function("document.querySelector('.kao-plot').dataset.drawnIn === 'dark'")
    after = page.evaluate(f"[{colour}, {paper}]")
    assert before[0] != after[0] and before[1] != after[1]
    assert watched.trouble == []


def test_faces_are_set_in_the_shipped_font(watched, address):
    page = watched.open(f"{address}/book/index.html")
    page.evaluate("document.fonts.ready")
    assert (
        page.evaluate("document.fonts.load('16px Kaomoji', '(◕‿◕)').then(found => found.length)")
        == 1
    )
    assert page.evaluate(
        "getComputedStyle(document.querySelector('.kao-faces code')).fontFamily"
    ).startswith("Kaomoji")


def test_table_sorts_and_searches(watched, address):
    page = watched.open(f"{address}/book/runs/stimuli.html")
    table = page.locator("table.kao-table").filter(
        has=page.locator("caption", has_text="All prompts")
    )
    rows = table.locator("tbody tr")
    first = rows.first.inner_text()
    head = table.locator("thead th").nth(3)
    head.get_by_role("button").click()
    ascending = rows.locator("td:nth-child(4)").all_inner_texts()
    assert (
        ascending == sorted(ascending, key=str.casefold)
        and head.get_attribute("aria-sort") == "ascending"
    )
    head.get_by_role("button").click()
    assert (
        rows.locator("td:nth-child(4)").first.inner_text() == ascending[-1]
        and head.get_attribute("aria-sort") == "descending"
    )
    head.get_by_role("button").click()
    assert rows.first.inner_text() == first
    field = page.get_by_role("searchbox", name="All prompts")
    field.fill("family sad")
    shown = table.locator("tbody tr:visible").all_inner_texts()
    assert shown and all("family" in text and "sad" in text for text in shown)
    field.fill("")
    assert table.locator("tbody tr:visible").count() == rows.count()
    assert watched.trouble == []


def with_table(page, rows):
    """Put a table on the page as if it had been written there."""
    page.evaluate(
        """rows => { document.querySelectorAll('.kao-filter').forEach(bar => bar.remove());
            const table = document.createElement('table'); table.className = 'kao-table'; table.id = 'probe';
            table.innerHTML = '<thead><tr><th>name</th><th class="number">value</th></tr></thead><tbody></tbody>';
            for (const cells of rows) { const row = table.tBodies[0].insertRow(); for (const cell of cells) row.insertCell().textContent = cell; }
            document.querySelector('article').append(table);
            const script = document.createElement('script'); script.src = document.querySelector('script[src*="tables.js"]').src;
            document.body.append(script); }""",
        rows,
    )
    page.wait_for_selector("#probe .kao-sort")
    return page.locator("#probe")


def test_table_numbers_sort_as_numbers_and_faces_are_found_in_any_width(watched, address):
    page = watched.open(f"{address}/book/setup.html")
    table = with_table(
        page,
        [
            ["(＾▽＾)", "1,440"],
            ["", "−0.5"],
            ["ｶﾞ", "–"],
            ["sad", "< 0.001"],
            ["d", "97%"],
            *([str(n), str(n)] for n in range(20, 28)),
        ],
    )
    table.get_by_role("button", name="value").click()
    assert table.locator("tbody td:nth-child(2)").all_inner_texts()[:3] == ["−0.5", "< 0.001", "20"]
    assert table.locator("tbody td:nth-child(2)").all_inner_texts()[-2:] == ["1,440", "–"]
    assert table.locator("tbody tr").first.locator("td").first.inner_text() == "(＾▽＾)", (
        "a cell that repeats the one above says so"
    )
    page.locator(".kao-filter input").last.fill("(^▽^)")
    assert table.locator("tbody tr:visible").count() == 2


def test_figure_data_can_be_downloaded(watched, address):
    page = watched.open(f"{address}/book/runs/organism-gemma.html")
    watched.draw_all()
    figure = page.locator("figure.kao-figure", has_text="The first component")
    with page.expect_download() as waiting:
        figure.get_by_role("link", name="Data of this figure").click()
    assert re.fullmatch(r"organism-gemma-\d+\.csv", waiting.value.suggested_filename)
    with open(waiting.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = figure.locator(".kao-plot").evaluate(
        "box => box._fullData.filter(t => t.type === 'scatter3d').flatMap(t => [...t.x])"
    )
    assert [
        float(row[next(iter(name for name in row if name.startswith("x: PC1")))]) for row in rows
    ] == pytest.approx(drawn, rel=1e-5)
    assert {row["series"] for row in rows} >= {"LN sad", "HB confused"}


def test_word_of_the_glossary_explains_itself(watched, address):
    page = watched.open(f"{address}/book/index.html")
    term = page.locator("a.kao-term", has_text="null").first
    term.scroll_into_view_if_needed()
    term.hover()
    tip = page.get_by_role("tooltip")
    tip.wait_for(state="visible")
    assert "shuffling" in tip.inner_text() and term.get_attribute(
        "aria-describedby"
    ) == tip.get_attribute("id")
    box = tip.bounding_box()
    assert 0 <= box["x"] and box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    term.focus()
    assert tip.is_visible()
    term.click()
    page.wait_for_url("**/glossary.html#term-Null")


def test_next_and_previous_walk_the_whole_book(watched, address):
    page, walked = watched.open(f"{address}/{PAGES[0]}.html"), [PAGES[0]]
    while page.locator("a.right-next").count() and len(walked) <= len(PAGES):
        page.locator("a.right-next").click()
        page.wait_for_load_state("load")
        walked.append(urlsplit(page.url).path.strip("/").removesuffix(".html"))
    assert walked == PAGES
    page.locator("a.left-prev").click()
    page.wait_for_url(f"**/{PAGES[-2]}.html")


def test_search_field_finds_a_page(watched, address):
    page = watched.open(f"{address}/book/index.html")
    page.locator(".search-button-field:visible, .search-button__button:visible").first.click()
    page.locator(
        "dialog input[type=search]:visible, .search-button__search-container input[type=search]:visible"
    ).first.fill("procrustes")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    page.locator("#search-results li a").first.click()
    page.wait_for_load_state("load")
    assert page.locator("article h1").count() == 1 and watched.trouble == []


def test_cards_lead_to_their_evidence(watched, address):
    page = watched.open(f"{address}/book/index.html")
    links = page.locator(".kao-cards a.sd-stretched-link").evaluate_all(
        "links => links.map(link => link.href)"
    )
    assert len(links) >= 5
    for link in links:
        page.goto(link)
        assert page.evaluate(
            "document.getElementById(decodeURIComponent(location.hash.slice(1))) !== null"
        ), link


def test_page_says_how_to_run_it(watched, address):
    page = watched.open(f"{address}/book/runs/organism-qwen.html")
    box = page.locator("section#run-this-page-yourself")
    assert (
        "papermill notebooks/10_local_model.ipynb organism-qwen.ipynb -p model organism-qwen"
        in box.locator("pre").inner_text()
    )
    box.locator("summary").click()
    assert box.locator("td", has_text="organism-qwen").first.is_visible()


def test_without_scripts_figures_tell_their_values(browser, address):
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.goto(f"{address}/book/runs/organism-gemma.html")
    figures = page.locator("figure.kao-figure")
    for number in range(figures.count()):
        assert (
            figures.nth(number).locator("noscript svg.kao-still").is_visible()
            and figures.nth(number).locator("noscript p", has_text="JavaScript").is_visible()
        )
        assert not figures.nth(number).locator(".kao-plot").is_visible(), (
            "no empty frame above the picture"
        )
        assert (
            figures.nth(number).locator("a.kao-download").is_visible()
            and figures.nth(number).locator(".kao-title").inner_text()
        )
    assert (
        figures.nth(0).locator("noscript table").is_visible()
        and page.locator("table.kao-table").first.is_visible()
    )
    context.close()


def test_printing_draws_every_flat_figure_on_white(watched, address, tmp_path):
    page = watched.open(f"{address}/book/runs/across_models.html")
    page.wait_for_function("typeof Plotly === 'object'")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "[...document.querySelectorAll('.kao-plot')].every(box => box.dataset.done === '2' && box.dataset.drawnIn === 'light')"
    )
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(
        "[...document.querySelectorAll('.kao-plot')].every(box => box.dataset.drawnIn === 'dark')"
    )
    page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 50_000 and watched.trouble == []


def test_search_answers(watched, address):
    page = watched.open(f"{address}/search.html?q=kaomoji")
    page.wait_for_selector("#search-results li", timeout=20_000)
    assert watched.trouble == []


def documents(book):
    for path in sorted(book.rglob("*.html")):
        if "_static" not in path.parts:
            yield path, bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_no_page_names_an_outside_resource(book):
    outside = []
    for path, page in documents(book):
        named = [
            tag.get("src") for tag in page.select("script[src], img[src], iframe[src], video[src]")
        ]
        named += [
            tag.get("href") for tag in page.select("link[href]") if tag.get("rel") != ["canonical"]
        ]
        outside += [
            (path.name, url) for url in named if url and url.startswith(("http:", "https:", "//"))
        ]
    assert outside == []


def test_internal_links_lead_somewhere(book):
    broken, anchors = [], {}
    pages = dict(documents(book))
    for path, page in pages.items():
        anchors[path.resolve()] = {tag["id"] for tag in page.select("[id]")}
    for path, page in pages.items():
        for tag in page.select("a[href]"):
            parts = urlsplit(tag["href"])
            if parts.scheme or parts.netloc or path.name in ("genindex.html", "search.html"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if not target.exists() or (
                parts.fragment
                and target in anchors
                and unquote(parts.fragment) not in anchors[target]
            ):
                broken.append((path.name, tag["href"]))
    assert broken == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_figure_says_what_it_is_made_from(name, book):
    lines = [figure["layout"]["title"]["subtitle"]["text"] for figure in figures_of(name)]
    assert all(line.strip() for line in lines)
    if name.startswith("claude-"):
        assert lines and all("stand-in" in line or "as published" in line for line in lines)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_number_in_a_title_has_its_interval_and_null_below(name, book):
    for title in (figure["layout"]["title"] for figure in figures_of(name)):
        if MEASURED.search(title["text"]):
            assert re.match(r"95%.CI.+ · null", title["subtitle"]["text"]), title["text"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_executed_page_is_whole(name, book):
    notebook = json.loads((build.PAGES / f"{name}.ipynb").read_text(encoding="utf-8"))
    kinds = [
        output["output_type"] for cell in notebook["cells"] for output in cell.get("outputs", [])
    ]
    assert "error" not in kinds
    assert not any(
        "{{" in "".join(cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown"
    )
    assert (
        sum(
            line.startswith("# ")
            for cell in notebook["cells"]
            if cell["cell_type"] == "markdown"
            for line in "".join(cell["source"]).splitlines()
        )
        == 1
    ), "one title"
