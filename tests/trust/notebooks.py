"""The page templates that read text from outside, fed with hostile text and looked at in a browser."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import hostile
import outside
import pages
import yaml
from report import ROOT, Count

from kaomoji_lib import html as escape

sys.path.append(str(ROOT / "book"))
_spec = importlib.util.spec_from_file_location("kaomoji_book_build", ROOT / "book" / "build.py")
build = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = build
_spec.loader.exec_module(build)

# Templates that read runs, tables and settings of this repository alone.
OWN = {
    "together",
    "human",
    "alternatives",
    "perspectives",
    "steering",
    "article",
    "score_files",
    "elicit",
    "introspect",
    "synthesize",
    "compare",
    "explore",
    "validation",
    "try_it",
}
TITLE = "</title><script>kaoBroke()</script> **x** $x$ {{7*7}}"


def plan(place, most=None):
    """Write what the pages read and return the grid: dict template -> parameters. ``most``: about how many strings are used."""
    texts = outside.strings(most)
    return {
        "messages": {
            "prompts": str(outside.prompts(place / "all.csv", texts, list(outside.CODES))),
            "categories": str(outside.scheme(place / "scheme.csv")),
        },
        "model": {"model": str(outside.run(place, texts).path), "device": "cpu"},
    }


def execute(place, wanted, told=print):
    """Run the templates of ``wanted`` (dict template -> parameters) into ``place/book/runs``. Returns how many could not be run."""
    (place / "book" / "runs").mkdir(parents=True, exist_ok=True)
    failed = 0
    with mock.patch.object(build, "PAGES", place / "book" / "runs"), mock.patch.dict(os.environ):
        build.kernel_environment(1)
        for name, parameters in wanted.items():
            try:
                told(f"  {name}: {build.execute(build.Page(name, name, TITLE, parameters)):.0f} s")
            except Exception as error:
                told(f"  {name}: {type(error).__name__}: {escape.terminal(str(error)[-1500:])}")
                failed += 1
    return failed


def render(place):
    """The book of the pages that were run. Returns the folder of its HTML."""
    shutil.copyfile(ROOT / "_config.yml", place / "_config.yml")
    shutil.copyfile(ROOT / "book" / "runs.yml", place / "book" / "runs.yml")
    for name in ("_ext", "_static"):
        shutil.copytree(
            ROOT / "book" / name,
            place / "book" / name,
            ignore=shutil.ignore_patterns("__pycache__"),
            dirs_exist_ok=True,
        )
    (place / "book" / "index.md").write_text(
        "# A book of pages that were not trusted\n", encoding="utf-8"
    )
    chapters = [
        {"file": f"book/runs/{path.stem}", "title": f"{path.stem} {TITLE}"}
        for path in sorted((place / "book" / "runs").glob("[!.]*.ipynb"))
    ]
    (place / "_toc.yml").write_text(
        yaml.safe_dump({"format": "jb-book", "root": "book/index", "chapters": chapters}),
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
        "build",
        str(place),
        "-q",
    ]
    done = subprocess.run(
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="replace",
    )
    html = place / "_build" / "html"
    if not (html / "book" / "runs" / f"{Path(chapters[-1]['file']).name}.html").is_file():
        raise SystemExit(
            f"the hostile pages were not built:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
    return html


# What a page may not hold, whatever was typed; the frame of the theme has handlers of its own.
HARM = """() => {
  const found = [], own = new Set(%s);
  for (const x of document.querySelectorAll('*')) {
    for (const { name, value } of x.attributes) {
      if (name.startsWith('on') && !own.has(value)) found.push(`${x.tagName} ${name}=${value}`);
      if (/^(src|href|action|data|formaction|xlink:href)$/.test(name) && /^\\s*(javascript:|vbscript:|data:text)/i.test(value)) found.push(`${x.tagName} ${name}=${value}`);
      if (name === 'srcdoc') found.push(`${x.tagName} ${name}`);
      if (/^(src|srcset|data|action|poster|background|style)$/.test(name) && value.includes('/stolen')) found.push(`${x.tagName} ${name}=${value}`);
      if (name === 'href' && /^(?!.*\\.html|#).*\\/stolen/.test(value)) found.push(`${x.tagName} ${name}=${value}`);
    }
    if (/^(IFRAME|OBJECT|EMBED|BASE|MARQUEE|FRAME|PORTAL)$/i.test(x.tagName)) found.push(x.tagName);
    if (x.tagName === 'META' && x.httpEquiv === 'refresh') found.push('META refresh');
    if (x.tagName === 'SCRIPT' && x.type !== 'application/json' && x.textContent.includes('kaoBroke')) found.push(`SCRIPT ${x.textContent.slice(0, 80)}`);
    if (x.tagName === 'STYLE' && x.textContent.includes('/stolen')) found.push('STYLE');
    if (x.closest('mjx-container, .MathJax') && x.closest('mjx-container, .MathJax') === x) found.push(`${x.tagName}: mathematics`);
  }
  return found;
}"""
# What stands in one cell or paragraph is one text, wherever it may break.
SEEN = """() => { const blocks = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const x = walk.currentNode.parentElement;
    if (walk.currentNode.textContent.trim() && !x.closest('script, style, noscript, pre, code, template')) blocks.add(x.closest('td, th, p, li, h1, h2, h3, dt, dd, caption, figcaption, button, option, text') ?? x); }
  return { cells: [...document.querySelectorAll('td')].map(x => x.textContent), texts: [...blocks].map(x => x.textContent) }; }"""
MARKS = re.compile(r"kaoBroke|/stolen|onerror|javascript:")


def look(html, texts, browser, told=print):
    """Open every page. Returns (what went wrong as (page, where, expected, seen), texts that were read, strings that were met)."""
    wrong, read, met = [], 0, {}
    known = {
        pages.UNSEEN.sub("", text): text
        for text in sorted(
            {*texts, *outside.strings(), outside.NAME, outside.TITLE, TITLE, *outside.CODES},
            key=len,
        )
    }
    marked = sorted(
        [*filter(MARKS.search, known), escape.filename(outside.NAME)], key=len, reverse=True
    )
    frame = _handlers(html / "book" / "index.html", browser)
    for page in sorted((html / "book" / "runs").glob("*.html")):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        tab, asked, called = context.new_page(), [], []
        tab.on("request", lambda request, asked=asked: asked.append(request.url))
        tab.on(
            "dialog",
            lambda dialog, called=called: called.append(dialog.message) or dialog.dismiss(),
        )
        tab.expose_function(
            "kaoBroke", lambda *words, called=called: called.append(words or "called")
        )
        tab.goto(page.as_uri())
        # A figure in a folded output is drawn once it is opened.
        tab.evaluate("document.querySelectorAll('details').forEach(x => (x.open = true))")
        for number in range(tab.locator(".kao-plot").count()):
            tab.locator(".kao-plot").nth(number).scroll_into_view_if_needed()
            tab.wait_for_function(
                "n => document.querySelectorAll('.kao-plot')[n].dataset.done === '2'",
                arg=number,
                timeout=60_000,
            )
        for place in range(200, 900, 100):
            tab.mouse.move(place, place / 1.5)
        tab.wait_for_timeout(300)
        seen, harm = tab.evaluate(SEEN), tab.evaluate(HARM % frame)
        base = html.as_uri()
        wrong += [
            (page.stem, "request", "none outside the book", url)
            for url in asked
            if not url.startswith((base, "blob:", "data:")) or hostile.ASK in url.removeprefix(base)
        ]
        wrong += [(page.stem, "call", "none", str(words)) for words in called]
        wrong += [(page.stem, "element", "none that was typed", one) for one in harm]
        pieces = [pages.UNSEEN.sub("", text) for text in seen["texts"]]
        shown = {
            piece
            for cell in seen["cells"]
            for piece in (
                pages.UNSEEN.sub("", cell),
                *(
                    pages.UNSEEN.sub(
                        "", part.rpartition(" ")[0] if part.rpartition(" ")[2].isdigit() else part
                    )
                    for part in cell.split("   ")
                ),
            )
        }
        met.setdefault(page.stem, set()).update(known[piece] for piece in shown & known.keys())
        for piece in filter(MARKS.search, pieces):
            read += 1
            left = piece
            for whole in marked:
                left = left.replace(whole, "")
            if MARKS.search(left) and not any(
                whole.startswith(tail)
                for tail in [left[at.start() :] for at in MARKS.finditer(left)]
                for whole in marked
            ):
                wrong.append((page.stem, "text", "as it was typed", piece))
        read += len(seen["cells"])
        context.close()
        asked.clear()
        plain = browser.new_context(java_script_enabled=False)
        tab = plain.new_page()
        tab.on("request", lambda request, asked=asked: asked.append(request.url))
        tab.goto(page.as_uri())
        plain.close()
        wrong += [
            (page.stem, "request without scripts", "none outside the book", url)
            for url in asked
            if not url.startswith((base, "data:")) or hostile.ASK in url.removeprefix(base)
        ]
        told(f"  {page.stem}: {len(met[page.stem])} of the strings are cells, {len(pieces)} texts")
    return wrong, read, met


# What plotly would take for a tag, other than those it is drawn with here.
DRAWN = re.compile(
    r"</?(?!\u2060|(?:b|br|i|em|sup|sub|span|extra)\b)[A-Za-z]|<(?:b|i|em)>(?=bold|x<)"
)


def figures(place):
    """Texts of the figures of all executed pages that plotly could take for tags. Returns (what went wrong, texts that were read)."""
    wrong, read = [], 0
    for path in sorted((place / "book" / "runs").glob("[!.]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        drawn = [
            output["data"][mime]
            for cell in cells
            for output in cell.get("outputs", [])
            for mime in output.get("data", {})
            if "plotly" in mime
        ]
        for text in _texts(drawn):
            read += 1
            if DRAWN.search(text):
                wrong.append((path.stem, "figure", "no tag that was typed", text))
    return wrong, read


def _texts(value, key=""):
    if isinstance(value, str):
        # Packed numbers, text of screen readers, and keys that group traces: plotly does not parse them.
        if key not in ("bdata", "dtype", "description", "legendgroup"):
            yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)


def _handlers(page, browser):
    """The event handlers that the theme itself writes into a page."""
    tab = browser.new_page()
    tab.goto(page.as_uri())
    found = tab.evaluate(
        "() => [...document.querySelectorAll('*')].flatMap(x => [...x.attributes].filter(a => a.name.startsWith('on')).map(a => a.value))"
    )
    tab.close()
    return repr(sorted(set(found)))


def campaign(place, most=None):
    """Run, render and look. Returns the :class:`report.Count`."""
    texts = outside.strings(most)
    wanted = plan(place, most)
    failed = execute(place, wanted)
    return counted(place, texts, len(wanted), failed)


def counted(place, texts, ran, failed):
    """The :class:`report.Count` of pages that were run."""
    from playwright.sync_api import sync_playwright

    helpers, count = (
        pages.helpers(),
        Count("hostile text", "page templates in a browser", tried=len(texts) * ran, broken=failed),
    )
    html = render(place)
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=helpers.chromium(), args=helpers.FLAGS)
        wrong, count.rows, _ = look(html, texts, browser)
        browser.close()
    drawn, read = figures(place)
    count.rows += read
    for page, where, expected, seen in [*wrong, *drawn][:60]:
        print(
            f"  {page}, {where}: {escape.terminal(expected[:80])!r} became {escape.terminal(seen[:160])!r}"
        )
    count.changed = sum(where == "text" for _, where, _, _ in wrong)
    count.broken += len(wrong) + len(drawn) - count.changed
    return count
