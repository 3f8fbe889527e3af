"""The built book, opened in a browser that has no network."""

import csv
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

sys.path.insert(0, str(ROOT / "book"))
import build

ENTRIES = [entry for _, pages in build.grid()[1] for entry in pages]
NOTEBOOKS = [entry.name for entry in ENTRIES if not isinstance(entry, str)]
PAGES = ["book/index"] + [
    f"book/{entry}" if isinstance(entry, str) else f"book/runs/{entry.name}" for entry in ENTRIES
]


def outputs_of(name):
    notebook = json.loads((build.PAGES / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]


def figures_of(name):
    data = [output.get("data", {}) for output in outputs_of(name)]
    drawn = "application/vnd.plotly.v1+json"
    return [item[drawn] for item in data if drawn in item]


DARK = "localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')"
NARROW = "document.documentElement.scrollWidth <= innerWidth + 1"
IS_DARK = "document.documentElement.dataset.theme === 'dark'"
WIDER = """() => { const wide = document.querySelector('article').clientWidth + 1;
    return [...document.querySelectorAll('.kao-plot, .kao-plot .main-svg, .kao-plot canvas')].filter(part => part.getBoundingClientRect().width > wide).map(part => part.className.baseVal || part.className); }"""
FLAWED = """() => [...document.querySelectorAll('.kao-plot')].flatMap((box, number) => {
    const three = (box.data || []).some(trace => trace.type === 'scatter3d'), canvas = box.querySelector('canvas');
    const drawn = box.querySelector('canvas, .main-svg') && box.clientHeight > 100 && (!three || canvas.width > 50);
    return drawn ? [] : [number]; })"""


# Words of a figure that its box cuts off. 3-D labels follow their points and may leave with them.
CUT = """() => [...document.querySelectorAll('.kao-plot')].flatMap(box => { const frame = box.getBoundingClientRect();
    return [...box.querySelectorAll('.main-svg text')].filter(text => !text.closest('.modebar, .hoverlayer, .annotation')).filter(text => { const part = text.getBoundingClientRect();
        return part.width && text.textContent.trim() && (part.left < frame.left - 2 || part.right > frame.right + 2 || part.top < frame.top - 2 || part.bottom > frame.bottom + 2); })
        .map(text => text.textContent); })"""


def test_names_of_what_is_made_are_portable(book):
    from test_repo import not_portable

    folders = (ROOT / "_build" / "html", ROOT / "runs", build.PAGES)
    made = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(made) > 200 and not_portable(path.relative_to(ROOT) for path in made) == []


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_error_or_outside_request(name, watched, address):
    watched.open(f"{address}/{name}.html")
    count = watched.draw_all()
    if "/runs/" in name:
        assert count == len(figures_of(name.split("/")[-1])), "every figure is on the page"
    assert watched.page.evaluate(FLAWED) == [], "figures without marks, canvas or height"
    assert watched.page.locator("article h1").count() == 1
    assert watched.page.evaluate(WIDER) == [], "figures wider than the text"
    assert watched.page.evaluate(CUT) == [], "words that a figure cuts off"
    assert axe.audit(watched.page) == []
    assert watched.outside(address) == []
    assert watched.trouble == []


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_from_disk_on_a_phone_in_the_dark(name, watched, book):
    watched.page.set_viewport_size({"width": 390, "height": 800})
    watched.context.add_init_script(DARK)
    page = watched.open((book / f"{name}.html").as_uri())
    page.wait_for_load_state("load")
    if page.locator(".kao-plot").count():
        page.locator(".kao-plot").first.scroll_into_view_if_needed()
        page.wait_for_selector(".kao-plot[data-done='2']", timeout=60_000)
    assert page.evaluate(IS_DARK) and page.evaluate(NARROW) and page.evaluate(WIDER) == []
    assert (book / f"{name}.html").stat().st_size < 2_000_000, "what pages share is beside them"
    assert watched.outside("file:") == [] and watched.trouble == []


@pytest.mark.parametrize(
    "name", ["book/index", "book/method", "book/runs/messages", "book/runs/smollm2-135m"]
)
def test_dark_page_is_accessible_and_every_figure_fits_a_phone(name, watched, address):
    watched.page.set_viewport_size({"width": 390, "height": 800})
    watched.context.add_init_script(DARK)
    page = watched.open(f"{address}/{name}.html")
    watched.draw_all()
    assert page.evaluate(NARROW)
    assert page.evaluate(WIDER) == page.evaluate(CUT) == []
    assert axe.audit(page) == []


def test_dark_mode_reaches_the_figures(watched, address):
    page = watched.open(f"{address}/book/index.html")
    watched.draw_all()
    colour = "document.querySelector('.kao-plot')._fullLayout.font.color"
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(f"[{colour}, {paper}]")
    page.evaluate("window.scrollTo(0, 0)")
    for _ in range(3):
        if not page.evaluate(IS_DARK):
            page.locator(".theme-switch-button:visible").first.click()
    page.wait_for_function("document.querySelector('.kao-plot').dataset.drawnIn === 'dark'")
    after = page.evaluate(f"[{colour}, {paper}]")
    assert before[0] != after[0] and before[1] != after[1]
    assert watched.trouble == []


def test_figure_data_can_be_downloaded(watched, address):
    page = watched.open(f"{address}/book/runs/messages.html")
    watched.draw_all()
    figure = page.locator("figure.kao-figure").first
    with page.expect_download() as waiting:
        figure.get_by_role("link", name="Data of this figure").click()
    assert re.fullmatch(r"messages-\d+\.csv", waiting.value.suggested_filename)
    with open(waiting.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = figure.locator(".kao-plot").evaluate(
        "box => box._fullData.filter(t => t.error_x && t.error_x.visible).flatMap(t => [...t.x])"
    )
    name = next(name for name in rows[0] if name.startswith("x"))
    assert [float(row[name]) for row in rows if row[name]] == pytest.approx(drawn, rel=1e-5)


def test_next_and_previous_walk_the_whole_book(watched, address):
    page, walked = watched.open(f"{address}/{PAGES[0]}.html"), [PAGES[0]]
    while page.locator("a.right-next").count() and len(walked) <= len(PAGES):
        page.locator("a.right-next").click()
        page.wait_for_load_state("load")
        walked.append(urlsplit(page.url).path.strip("/").removesuffix(".html"))
    assert walked == PAGES
    page.locator("a.left-prev").click()
    page.wait_for_url(f"**/{PAGES[-2]}.html")


def test_page_says_how_to_run_it(watched, address):
    page = watched.open(f"{address}/book/runs/smollm2-135m.html")
    box = page.locator("section#run-this-page-yourself")
    line = "papermill notebooks/10_model.ipynb smollm2-135m.ipynb -p model smollm2-135m-instruct"
    assert line in box.locator("pre").inner_text()


def test_a_number_shows_its_interval_on_focus(watched, address):
    page = watched.open(f"{address}/book/runs/messages.html")
    value = page.locator(".kao-value[data-interval]").first
    assert "95% CI" in value.get_attribute("data-interval")
    value.focus()
    shown = "e => getComputedStyle(e, '::after').content"
    assert "95% CI" in value.evaluate(shown)


def test_search_answers(watched, address):
    watched.open(f"{address}/search.html?q=kaomoji")
    watched.page.wait_for_selector("#search-results li", timeout=20_000)
    assert watched.trouble == []


@pytest.fixture(scope="module")
def documents(book):
    paths = [path for path in sorted(book.rglob("*.html")) if "_static" not in path.parts]
    return {
        path: bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths
    }


def test_no_page_names_an_outside_resource(documents):
    for path, page in documents.items():
        tags = page.select(
            "script[src], img[src], iframe[src], video[src], link[href]:not([rel=canonical])"
        )
        named = [tag.get("src") or tag.get("href") for tag in tags]
        assert [url for url in named if url.startswith(("http:", "https:", "//"))] == [], path.name


def test_internal_links_lead_somewhere(documents):
    anchors = {
        path.resolve(): {tag["id"] for tag in page.select("[id]")}
        for path, page in documents.items()
    }
    broken = []
    for path, page in documents.items():
        for tag in page.select("a[href]"):
            parts = urlsplit(tag["href"])
            if parts.scheme or parts.netloc or path.name in ("genindex.html", "search.html"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            known = {"", *anchors.get(target, [unquote(parts.fragment)])}
            if not target.exists() or unquote(parts.fragment) not in known:
                broken.append((path.name, tag["href"]))
    assert broken == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_executed_page_is_whole_and_every_figure_says_what_it_is_made_from(name, book):
    assert "error" not in {output["output_type"] for output in outputs_of(name)}
    lines = [figure["layout"]["title"]["subtitle"]["text"] for figure in figures_of(name)]
    assert all(line.strip() for line in lines)
    cells = json.loads((build.PAGES / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert not any("{{" in text for text in prose)
    titles = [line for text in prose for line in text.splitlines() if line.startswith("# ")]
    assert len(titles) == 1
