"""The templates that read outside text, fed with hostile text, executed, rendered and looked at in a browser."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import hostile
import numpy as np
import pytest
import small_models
import yaml

from kaomoji_lib import html as escape
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs.files import sha256, write_parquet
from kaomoji_lib.stimuli import load_scheme

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book"))
import build

FED = {"messages", "model"}
# Templates that read runs, tables and settings of this repository alone.
OWN = set(
    "together human alternatives perspectives steering article score_files elicit introspect synthesize compare explore "
    "validation try_it live cards benchmark".split()
)
HEAD = "</title><script>kaoBroke()</script> **x** $x$ {{7*7}}"
# A model is called after its folder.
NAME = "<img src=x onerror=kaoBroke()> $x$ **b**"
TITLE = "</title><script>kaoBroke()</script> \\(x\\) {7*7} {count.x} ![x](/stolen.png) %{customdata}"  # fmt: skip
CODES = ("<b>", "$x$", "%{x}", '"><i', "`c`", "[a](b)", "{{x}}", "\x1b[31m", "&lt;")
UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufffd\u2028\u2029\u2060\ufffe\uffff]+")
# As a store can hold them, each once; very long ones are for other tests.
STRINGS = [escape.storable(text).strip() for text in hostile.strings()]
STRINGS = list(dict.fromkeys(text for text in STRINGS if 0 < len(text) < 2_000))
TEXTS = STRINGS[:: len(STRINGS) // 60]


def table(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    return str(path)


def scheme(path):
    """The nine categories with hostile codes, descriptions and glosses."""
    whole = load_scheme().table.reset_index()
    whole = whole.assign(code=CODES, description=STRINGS[:9], gloss=STRINGS[20:29])
    return table(path, list(whole.columns), whole.astype(str).to_numpy().tolist())


def prompts(path, texts, codes):
    """One prompt per text, over all categories; topics and ids are hostile too."""
    rows = [
        (f"{n}{STRINGS[n % 30]}", codes[n % len(codes)], STRINGS[40 + n % 4], text)
        for n, text in enumerate(texts)
    ]
    return table(path, ("id", "category", "topic", "text"), rows)


def run(place):
    """Return a run folder whose kaomoji, spellings, replies and model title are hostile, each kaomoji three times.

    It is collected by a model in a folder with a hostile name; then its table of replies is changed.
    """
    folder, out = small_models.write(place / "models" / NAME, "llama"), place / "runs" / NAME
    asked = [" · ".join(TEXTS[start::18]) for start in range(18)]
    asked = prompts(place / "asked.csv", asked, list(load_scheme().codes))
    run = collect(str(folder), prompts=asked, generations=2, out=out, progress=False)
    messages = run.prompts()
    generations = -(-3 * len(TEXTS) // len(messages))
    number = np.arange(generations * len(messages))
    faces, of = np.array(TEXTS, dtype=object), messages.iloc[number // generations]
    face, raw = faces[number % len(TEXTS)], faces[(number + 7) % len(TEXTS)]
    raw = np.where(number % 3, face, raw)
    replies = run.emissions().iloc[np.zeros(len(number), int)].reset_index(drop=True)
    replies = replies.assign(prompt_id=of["id"].to_numpy(), category=of["category"].to_numpy())
    replies = replies.assign(generation=number % generations, text=raw + " " + face, raw_face=raw)
    replies = replies.assign(face=face, outcome="kaomoji", first_row=range(len(number)))
    write_parquet(out / "emissions.parquet", replies)
    manifest = run.manifest
    manifest["model"] |= {"title": TITLE, "id": str(folder)}
    manifest["settings"] |= {"generations": generations}
    manifest["files"] |= {"emissions.parquet": sha256(out / "emissions.parquet")}
    run.write_manifest(manifest)
    return str(out)


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """Run the templates on hostile text and build a book of them: the folder of its HTML."""
    place = tmp_path_factory.mktemp("hostile notebooks")
    (place / "book" / "runs").mkdir(parents=True)
    asked = {"prompts": prompts(place / "all.csv", TEXTS, CODES)}
    asked["categories"] = scheme(place / "scheme.csv")
    with mock.patch.object(build, "PAGES", place / "book" / "runs"), mock.patch.dict(os.environ):
        build.kernel_environment(1)
        build.execute(build.Page("messages", "messages", HEAD, asked))
        build.execute(build.Page("model", "model", HEAD, {"model": run(place), "device": "cpu"}))
    for name in ("_config.yml", "book/runs.yml"):
        shutil.copyfile(ROOT / name, place / name)
    for name in ("book/_ext", "book/_static"):
        shutil.copytree(ROOT / name, place / name, dirs_exist_ok=True)
    (place / "book" / "index.md").write_text("# A book of pages that were not trusted\n")
    chapters = [{"file": f"book/runs/{name}", "title": f"{name} {HEAD}"} for name in sorted(FED)]
    toc = {"format": "jb-book", "root": "book/index", "chapters": chapters}
    (place / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    command = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", command, "build", str(place), "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=place, env=environment, check=True, capture_output=True)
    return place / "_build" / "html"


HANDLERS = """() => [...document.querySelectorAll('*')].flatMap(
  x => [...x.attributes].filter(a => a.name.startsWith('on')).map(a => a.value))"""
# What a page may not hold, whatever was typed; the frame of the theme has handlers of its own.
HARM = """() => {
  const found = [], own = new Set(%s);
  for (const x of document.querySelectorAll('*')) {
    for (const { name, value } of x.attributes) {
      if ((name.startsWith('on') && !own.has(value)) || name === 'srcdoc'
          || (/^(src|href|action|data|formaction|xlink:href)$/.test(name) && /^\\s*(javascript:|vbscript:|data:text)/i.test(value))
          || (/^(src|srcset|data|action|poster|background|style)$/.test(name) && value.includes('/stolen'))
          || (name === 'href' && /^(?!.*\\.html|#).*\\/stolen/.test(value))) found.push(`${x.tagName} ${name}=${value}`);
    }
    if (/^(IFRAME|OBJECT|EMBED|BASE|MARQUEE|FRAME|PORTAL|MJX-CONTAINER)$/i.test(x.tagName)
        || (x.tagName === 'META' && x.httpEquiv === 'refresh')
        || (x.tagName === 'SCRIPT' && x.type !== 'application/json' && x.textContent.includes('kaoBroke'))
        || (x.tagName === 'STYLE' && x.textContent.includes('/stolen'))) found.push(x.outerHTML.slice(0, 80));
  }
  return found;
}"""
# What stands in one cell or paragraph is one text, wherever it may break.
SEEN = """() => { const blocks = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const x = walk.currentNode.parentElement;
    if (walk.currentNode.textContent.trim() && !x.closest('script, style, noscript, pre, code, template'))
      blocks.add(x.closest('td, th, p, li, h1, h2, h3, dt, dd, caption, figcaption, button, option, text') ?? x); }
  return { cells: [...document.querySelectorAll('td')].map(x => x.textContent), texts: [...blocks].map(x => x.textContent) }; }"""
MARKS = re.compile(r"kaoBroke|/stolen|onerror|javascript:")


def look(html, browser):
    """Open every page. Returns what went wrong as (where, seen), the number of texts, and the strings met per page."""
    wrong, requests, met, read, base = [], [], {}, 0, html.as_uri()
    typed = sorted({*STRINGS, NAME, TITLE, HEAD, *CODES}, key=len)
    known = {UNSEEN.sub("", text): text for text in typed}
    marked = sorted([*filter(MARKS.search, known), escape.filename(NAME)], key=len, reverse=True)
    frame = browser.new_page()
    frame.goto((html / "book" / "index.html").as_uri())
    harm = HARM % json.dumps(sorted(set(frame.evaluate(HANDLERS))))
    for page in sorted((html / "book" / "runs").glob("*.html")):
        for scripts in (False, True):
            context = browser.new_context(java_script_enabled=scripts)
            tab = context.new_page()
            tab.on("request", lambda request: requests.append(request.url))
            tab.on("dialog", lambda dialog: dialog.dismiss())
            if scripts:
                tab.expose_function("kaoBroke", lambda *words: wrong.append(("call", str(words))))
            tab.goto(page.as_uri())
            if scripts:
                draw(tab)
                seen = tab.evaluate(SEEN)
                wrong.extend(("element", one) for one in tab.evaluate(harm))
            context.close()
        wrong.extend(("text", piece) for piece in seen["texts"] if is_changed(piece, marked))
        cells = [UNSEEN.sub("", cell) for cell in seen["cells"]]
        met[page.stem] = {known[cell] for cell in cells if cell in known}
        read += len(seen["cells"]) + len(seen["texts"])
    for url in requests:
        inside = url.startswith((base, "blob:", "data:"))
        if not inside or hostile.ASK in url.removeprefix(base):
            wrong.append(("request", url))
    return wrong, read, met


def draw(tab):
    """Have every figure drawn, also in folded outputs, and touch them with the mouse."""
    tab.evaluate("document.querySelectorAll('details').forEach(x => (x.open = true))")
    for number in range(tab.locator(".kao-plot").count()):
        tab.locator(".kao-plot").nth(number).scroll_into_view_if_needed()
        drawn = "n => document.querySelectorAll('.kao-plot')[n].dataset.done === '2'"
        tab.wait_for_function(drawn, arg=number, timeout=60_000)
    for place in range(200, 900, 100):
        tab.mouse.move(place, place / 1.5)
    tab.wait_for_timeout(300)


def is_changed(piece, marked):
    """Whether a text holds something dangerous that is no string as it was typed; the last one may be cut."""
    left = UNSEEN.sub("", piece)
    for whole in marked:
        left = left.replace(whole, "")
    tails = [left[at.start() :] for at in MARKS.finditer(left)]
    return bool(tails) and not any(whole.startswith(tail) for tail in tails for whole in marked)


def test_nothing_runs_and_what_is_seen_is_what_was_typed(html, browser):
    wrong, read, met = look(html, browser)
    assert wrong == [] and read > 200
    assert len(met["messages"]) > 0.8 * len(TEXTS)


def test_the_browser_would_have_noticed(html, browser, tmp_path):
    spoilt = shutil.copytree(html, tmp_path / "html")
    (spoilt / "book" / "runs" / "model.html").unlink()
    page = spoilt / "book" / "runs" / "messages.html"
    # What stands in for scripts is no part of the page while there are some.
    before, mark, after = page.read_text(encoding="utf-8").rpartition("</article>")
    broken = "<script>kaoBroke()</script><img src=/stolen.png><a href=javascript:kaoBroke()>x</a><p>&lt;img src=x onerror=half</p>"
    page.write_text(before + broken + mark + after, encoding="utf-8")
    assert mark and {"call", "request", "element", "text"} <= {
        w for w, _ in look(spoilt, browser)[0]
    }


def test_every_template_is_fed_or_reads_nothing_from_outside():
    templates = (ROOT / "notebooks").glob("[0-9]*_*.py")
    assert FED | OWN == {path.stem.partition("_")[2] for path in templates} and not FED & OWN
