"""Hostile text on its way to a page: through every dialect, and through tables, figures, prose and titles into a browser."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hostile
import targets
from plotly import graph_objects
from report import ROOT, Count

from kaomoji_lib import html as escape
from kaomoji_lib import tables, theme
from kaomoji_lib.missing import Missing

PER_FIGURE = 40
# What a parser of HTML may not keep: NUL, the two ways to end a line, and what no UTF-8 file can hold.
ALIKE = [(re.compile(r"\r\n?"), "\n"), (re.compile("[\x00\ufffd]"), "")]
UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufffd\u2028\u2029\u2060\ufffe\uffff]+")


def texts():
    """Every string through every dialect and every reader of outside text."""
    counts = []
    for name, target in targets.TEXTS.items():
        count = Count("hostile text", name)
        for text in (
            *hostile.strings(),
            *(
                hostile.long()
                if name not in ("templates", "chat templates", "command line")
                else ()
            ),
        ):
            count.tried += 1
            try:
                target(text)
            except Exception as error:
                print(
                    f"  {name}: {escape.terminal(repr(text)[:60])}: {type(error).__name__}: {escape.terminal(str(error)[:200])}"
                )
                count.broken += 1
        counts.append(count)
    return counts


def shown(strings):
    return [escape.storable(text) for text in strings if len(text) < 10_000]


def notebook(strings):
    """A page as the builder would leave it, with every string in every place that a page has for outside text."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    def output(thing):
        if isinstance(thing, graph_objects.Figure):
            return new_output(
                "display_data",
                data={"application/vnd.plotly.v1+json": _plain(thing), "text/plain": ["Figure"]},
            )
        return new_output(
            "display_data",
            data={"text/html": [thing._repr_html_()], "text/plain": [escape.terminal(repr(thing))]},
        )

    def glued(number, text):
        name = f"key{number}"
        return new_output(
            "display_data",
            data={"application/papermill.record/text/plain": repr(text)},
            metadata={"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}},
        )

    table = tables.Table(
        ("number", "as typed"),
        tuple((str(number), text) for number, text in enumerate(strings)),
        ("number", "face"),
        strings[0],
    )
    things = [
        table,
        tables.Table(tuple(strings[:60]), (tuple(strings[:60]),), ("text",) * 60, strings[1]),
        *(Missing(text) for text in strings[:40]),
    ]
    things += [
        figure(strings[start : start + PER_FIGURE], number)
        for number, start in enumerate(range(0, len(strings), PER_FIGURE))
    ]
    cells = [new_markdown_cell("# " + escape.markdown(strings[0]))]
    cells += [
        new_code_cell(
            "1", outputs=[output(thing) for thing in things], metadata={"tags": ["remove-input"]}
        )
    ]
    cells += [
        new_code_cell(
            "2",
            outputs=[glued(number, text) for number, text in enumerate(strings)],
            metadata={"tags": ["remove-cell"]},
        )
    ]
    cells += [
        new_markdown_cell(
            "\n\n".join(f"Start {{glue:text}}`key{number}` end" for number in range(len(strings)))
        )
    ]
    cells += [
        new_markdown_cell(f"## {escape.markdown(text)}\n\nStart {escape.markdown(text)} end")
        for text in strings
        if escape.markdown(text).strip()
    ]
    made = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}
        },
    )
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
    return nbformat.writes(made)


def _plain(thing):
    import json

    return json.loads(thing.to_json())


def figure(strings, number):
    """Bars with a string at every tick, in the title, the legend and the hover; every third one in three dimensions."""
    drawn = theme.figure(
        strings[0][:200] or "title", strings[-1][:200] or "source", height=200 + 24 * len(strings)
    )
    labels = [escape.label(text) for text in strings]
    if number % 3 == 2:
        drawn.add_scatter3d(
            x=list(range(len(strings))),
            y=[0] * len(strings),
            z=[0] * len(strings),
            mode="markers+text",
            text=[escape.gl_label(text)[:40] for text in strings[:8]],
            customdata=labels,
            hovertemplate="%{customdata}<extra></extra>",
            name=labels[0],
        )
        return drawn
    drawn.add_bar(
        x=[1] * len(strings),
        y=list(range(len(strings))),
        orientation="h",
        customdata=labels,
        hovertemplate="%{customdata}<extra></extra>",
        name=labels[1],
    )
    drawn.update_yaxes(
        **theme.axis(strings[2][:200], tickvals=list(range(len(strings))), ticktext=labels)
    )
    return drawn


def make(place, strings):
    """The book of one hostile page. Returns the page's path."""
    for name in ("_config.yml",):
        shutil.copyfile(ROOT / name, place / name)
    for name in ("_ext", "_static"):
        shutil.copytree(
            ROOT / "book" / name,
            place / "book" / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    shutil.copyfile(ROOT / "book" / "runs.yml", place / "book" / "runs.yml")
    (place / "book" / "index.md").write_text("# A book of one page\n", encoding="utf-8")
    (place / "book" / "runs").mkdir()
    (place / "book" / "runs" / "hostile.ipynb").write_text(notebook(strings), encoding="utf-8")
    title = escape.markdown(strings[0])
    import yaml

    (place / "_toc.yml").write_text(
        yaml.safe_dump(
            {
                "format": "jb-book",
                "root": "book/index",
                "chapters": [{"file": "book/runs/hostile", "title": title}],
            }
        ),
        encoding="utf-8",
    )
    command = "from jupyter_book.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "build", str(place), "-q"],
        cwd=place,
        capture_output=True,
        text=True,
        errors="replace",
    )
    page = place / "_build" / "html" / "book" / "runs" / "hostile.html"
    if not page.is_file():
        raise SystemExit(
            f"the hostile page was not built:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
    return page


def alike(text):
    for pattern, replacement in ALIKE:
        text = pattern.sub(replacement, text)
    return text


def look(page, strings, browser):
    """Open the page. Returns what went wrong: lists of (where, expected, seen), and of requests and calls."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab, asked, called = context.new_page(), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: called.append(dialog.message) or dialog.dismiss())
    tab.expose_function("kaoBroke", lambda *words: called.append(words))
    tab.goto(page.as_uri())
    for number in range(tab.locator(".kao-plot").count()):
        tab.locator(".kao-plot").nth(number).scroll_into_view_if_needed()
        tab.wait_for_function(
            "n => document.querySelectorAll('.kao-plot')[n].dataset.done === '2'",
            arg=number,
            timeout=120_000,
        )
    seen = tab.evaluate("""() => ({
        cells: [...document.querySelectorAll('td.face')].map(x => x.textContent),
        prose: [...document.querySelectorAll('p')].map(x => x.textContent).filter(x => x.startsWith('Start ') && x.endsWith(' end')),
        ticks: [...document.querySelectorAll('.ytick text')].map(x => x.textContent),
        foreign: [...document.querySelectorAll('td *, th *, caption *, .kao-missing *, .ytick text a, .gtitle a')].filter(x => !x.className.toString().startsWith('kao') && !(['SPAN', 'WBR'].includes(x.tagName) && !x.attributes.length)).map(x => x.outerHTML),
    })""")
    tab.mouse.move(400, 400)
    tab.wait_for_timeout(500)
    base = page.parents[2].as_uri()
    wrong = [
        ("request", "none outside the book", url)
        for url in asked
        if not url.startswith((base, "blob:", "data:")) or hostile.ASK in url
    ]
    wrong += [("call", "none", str(words)) for words in called]
    wrong += [
        ("element", "none inside text", name)
        for name in seen["foreign"]
        if not name.startswith("<strong")
    ]
    wrong += _differences(
        "table cell",
        [alike(text) for text in strings if tables.GAP not in text],
        [alike(text) for text in seen["cells"]],
    )
    folded = [UNSEEN.sub("", f"Start {text} end") for text in strings]
    found = {UNSEEN.sub("", text) for text in seen["prose"]}
    wrong += [
        ("prose", text, "not there") for text in folded if text not in found and text != "Startend"
    ]
    ticks = {UNSEEN.sub("", text) for text in seen["ticks"]}
    drawn = [
        text
        for number, start in enumerate(range(0, len(strings), PER_FIGURE))
        if number % 3 != 2
        for text in strings[start : start + PER_FIGURE]
    ]
    wrong += [
        ("tick", text, "not there")
        for text in map(lambda text: UNSEEN.sub("", text), drawn)
        if text and text not in ticks
    ]
    context.close()
    return wrong, len(strings) + len(folded) + len(drawn)


def _differences(where, expected, seen):
    if len(expected) != len(seen):
        return [(where, f"{len(expected)} of them", f"{len(seen)}")]
    return [(where, one, other) for one, other in zip(expected, seen, strict=True) if one != other]


def helpers():
    """The module of the tests that knows where the browser is."""
    spec = importlib.util.spec_from_file_location(
        "conftest_helpers", Path(__file__).resolve().parents[1] / "conftest.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def book(place):
    from playwright.sync_api import sync_playwright

    strings, count = shown(hostile.strings()), Count("hostile text", "a page in a browser")
    page = make(place, strings)
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=helpers().chromium(), args=helpers().FLAGS)
        wrong, count.rows = look(page, strings, browser)
        browser.close()
    for where, expected, seen in wrong:
        print(
            f"  {where}: {escape.terminal(expected[:80])!r} became {escape.terminal(seen[:80])!r}"
        )
    count.tried = len(strings)
    count.changed = sum(where in ("table cell", "prose", "tick") for where, _, _ in wrong)
    count.broken = len(wrong) - count.changed
    return count
