"""The page templates that read text from outside, fed with hostile text and looked at in a browser."""

import csv
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
import numpy as np
import pandas as pd
import small_models
import yaml

from kaomoji_lib import html as escape
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs.files import sha256, write_parquet
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import load_scheme

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "book"))
_spec = importlib.util.spec_from_file_location("kaomoji_book_build", ROOT / "book" / "build.py")
build = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = build
_spec.loader.exec_module(build)

# Templates that read runs, tables and settings of this repository alone.
OWN = set(
    "together human alternatives perspectives steering article score_files elicit introspect synthesize compare explore "
    "validation try_it live cards benchmark".split()
)
HEAD = "</title><script>kaoBroke()</script> **x** $x$ {{7*7}}"
# A model is called after its folder.
NAME = "<img src=x onerror=kaoBroke()> $x$ **b**"
TITLE = (
    "</title><script>kaoBroke()</script> \\(x\\) {7*7} {count.x} ![x](/stolen.png) %{customdata}"
)
CODES = ("<b>", "$x$", "%{x}", '"><i', "`c`", "[a](b)", "{{x}}", "\x1b[31m", "&lt;")
SPELLINGS = 3
UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufffd\u2028\u2029\u2060\ufffe\uffff]+")


# -- what the pages read --------------------------------------------------------------------------------------


def strings(most=None):
    """The hostile strings as a store can hold them, each once; about ``most``. Very long ones are for other tests."""
    stored = (escape.storable(text).strip() for text in hostile.strings())
    kept = list(dict.fromkeys(text for text in stored if text and len(text) < 2_000))
    return kept if most is None else kept[:: max(1, len(kept) // most)]


def _table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    return path


def scheme(path):
    """The nine categories with hostile codes, descriptions and glosses."""
    texts, whole = strings(), load_scheme().table.reset_index()
    whole = whole.assign(code=CODES, description=texts[:9], gloss=texts[20:29])
    return _table(path, list(whole.columns), whole.astype(str).to_numpy().tolist())


def prompts(path, texts, codes):
    """One prompt per text, over all categories; topics and ids are hostile too."""
    every = strings()
    rows = [
        (f"{number}{every[number % 30]}", codes[number % len(codes)], every[40 + number % 4], text)
        for number, text in enumerate(texts)
    ]
    return _table(path, ("id", "category", "topic", "text"), rows)


def run(place, texts):
    """Return a run folder whose kaomoji, spellings, replies and model title are hostile, each kaomoji ``SPELLINGS`` times.

    It is collected by a model in a folder with a hostile name; then its table of replies is changed.
    """
    folder, out = small_models.write(place / "models" / NAME, "llama"), place / "runs" / NAME
    asked = [" · ".join(texts[start::18]) for start in range(18)]
    table = prompts(place / "asked.csv", asked, list(load_scheme().codes))
    run = collect(str(folder), prompts=table, generations=2, out=out, progress=False)
    messages = run.prompts()
    generations = -(-SPELLINGS * len(texts) // len(messages))
    number = np.arange(generations * len(messages))
    faces = np.array(texts, dtype=object)
    face, raw = faces[number % len(texts)], faces[(number + 7) % len(texts)]
    raw = np.where(number % SPELLINGS, face, raw)
    asked = messages.iloc[number // generations]
    rows = pd.DataFrame({"prompt_id": asked["id"], "category": asked["category"]}).assign(
        generation=number % generations, text=raw + " " + face, raw_face=raw, face=face
    )
    replies = run.emissions().iloc[np.zeros(len(rows), int)].reset_index(drop=True)
    replies = replies.assign(
        **rows.reset_index(drop=True), outcome="kaomoji", first_row=range(len(rows))
    )
    write_parquet(out / "emissions.parquet", replies)
    manifest = run.manifest
    manifest["model"] |= {"title": TITLE, "id": str(folder)}
    manifest["settings"] |= {"generations": generations}
    manifest["files"] |= {"emissions.parquet": sha256(out / "emissions.parquet")}
    run.write_manifest(manifest)
    return RunFolder(out)


def plan(place, most=None):
    """Write what the pages read; returns dict template -> parameters. ``most``: about how many strings are used."""
    texts = strings(most)
    return {
        "messages": {
            "prompts": str(prompts(place / "all.csv", texts, CODES)),
            "categories": str(scheme(place / "scheme.csv")),
        },
        "model": {"model": str(run(place, texts).path), "device": "cpu"},
    }


# -- the book of these pages ----------------------------------------------------------------------------------


def execute(place, wanted):
    """Run the templates of ``wanted`` (dict template -> parameters) into ``place/book/runs``; returns how many failed."""
    (place / "book" / "runs").mkdir(parents=True, exist_ok=True)
    failed = 0
    with mock.patch.object(build, "PAGES", place / "book" / "runs"), mock.patch.dict(os.environ):
        build.kernel_environment(1)
        for name, parameters in wanted.items():
            try:
                build.execute(build.Page(name, name, HEAD, parameters))
            except Exception as error:
                print(f"  {name}: {type(error).__name__}: {escape.terminal(str(error)[-1500:])}")
                failed += 1
    return failed


def render(place):
    """Build the book of the pages that were run; returns the folder of its HTML."""
    for name in ("_config.yml", "book/runs.yml"):
        shutil.copyfile(ROOT / name, place / name)
    for name in ("book/_ext", "book/_static"):
        shutil.copytree(ROOT / name, place / name, dirs_exist_ok=True)
    (place / "book" / "index.md").write_text("# A book of pages that were not trusted\n")
    names = [path.stem for path in sorted((place / "book" / "runs").glob("[!.]*.ipynb"))]
    chapters = [{"file": f"book/runs/{name}", "title": f"{name} {HEAD}"} for name in names]
    toc = {"format": "jb-book", "root": "book/index", "chapters": chapters}
    (place / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    command = "from jupyter_book.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "build", str(place), "-q"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="replace",
    )
    html = place / "_build" / "html"
    if not (html / "book" / "runs" / f"{names[-1]}.html").is_file():
        raise SystemExit(f"the hostile pages were not built:\n{done.stdout}{done.stderr}")
    return html


# -- what a browser sees --------------------------------------------------------------------------------------

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


def look(html, texts, browser):
    """Open every page. Returns what went wrong as (page, where, seen), the number of texts, and the strings met per page."""
    wrong, read, met, base = [], 0, {}, html.as_uri()
    typed = sorted({*texts, *strings(), NAME, TITLE, HEAD, *CODES}, key=len)
    known = {UNSEEN.sub("", text): text for text in typed}
    marked = [*filter(MARKS.search, known), escape.filename(NAME)]
    marked.sort(key=len, reverse=True)
    frame = browser.new_page()
    frame.goto((html / "book" / "index.html").as_uri())
    harm = HARM % json.dumps(sorted(set(frame.evaluate(HANDLERS))))
    for page in sorted((html / "book" / "runs").glob("*.html")):
        found, requests = [], []
        for scripts in (True, False):
            context = browser.new_context(java_script_enabled=scripts)
            tab = context.new_page()
            tab.on("request", lambda request, requests=requests: requests.append(request.url))
            tab.on("dialog", lambda dialog: dialog.dismiss())
            if scripts:
                calls = lambda *words, found=found: found.append(("call", str(words)))
                tab.expose_function("kaoBroke", calls)
            tab.goto(page.as_uri())
            if scripts:
                _draw(tab)
                seen = tab.evaluate(SEEN)
                found += [("element", one) for one in tab.evaluate(harm)]
            context.close()
        for url in requests:
            inside = url.startswith((base, "blob:", "data:"))
            if not inside or hostile.ASK in url.removeprefix(base):
                found.append(("request", url))
        found += [("text", piece) for piece in seen["texts"] if _is_changed(piece, marked)]
        wrong += [(page.stem, *one) for one in found]
        met[page.stem] = {known[piece] for piece in _pieces(seen["cells"]) if piece in known}
        read += len(seen["cells"]) + len(seen["texts"])
    return wrong, read, met


def _draw(tab):
    """Have every figure drawn, also in folded outputs, and touch them with the mouse."""
    tab.evaluate("document.querySelectorAll('details').forEach(x => (x.open = true))")
    for number in range(tab.locator(".kao-plot").count()):
        tab.locator(".kao-plot").nth(number).scroll_into_view_if_needed()
        drawn = "n => document.querySelectorAll('.kao-plot')[n].dataset.done === '2'"
        tab.wait_for_function(drawn, arg=number, timeout=60_000)
    for place in range(200, 900, 100):
        tab.mouse.move(place, place / 1.5)
    tab.wait_for_timeout(300)


def _pieces(cells):
    """The texts of cells, and of the parts of cells that list faces with counts."""
    for cell in cells:
        yield UNSEEN.sub("", cell)
        for part in cell.split("   "):
            first, _, last = part.rpartition(" ")
            yield UNSEEN.sub("", first if last.isdigit() else part)


def _is_changed(piece, marked):
    """Whether a text holds something dangerous that is no string as it was typed; the last one may be cut."""
    left = UNSEEN.sub("", piece)
    for whole in marked:
        left = left.replace(whole, "")
    tails = [left[at.start() :] for at in MARKS.finditer(left)]
    return bool(tails) and not any(whole.startswith(tail) for tail in tails for whole in marked)
