"""Build the book: run the page templates over the grid in `runs.yml`, then make the HTML.

A page runs again only when something it depends on has changed: its template, the library, the
data, its parameters, the pinned packages or the manifest of a run it reads. Each page is executed under a
temporary name and takes its place when it has succeeded, so a failure leaves the old page.

    python book/build.py                  everything that is not up to date
    python book/build.py --only stimuli   one page and the HTML
    python book/build.py --notebooks      only the .ipynb twins of notebooks/*.py
"""

import argparse
import hashlib
import json
import logging
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
PAGES = BOOK / "runs"
STATE = PAGES / ".state"
HTML = ROOT / "_build" / "html"
HTML_STATE = ROOT / "_build" / "kaomoji.json"
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
EXPLORER, WIDGET = (
    "application/vnd.kaomoji.explorer+json",
    "application/vnd.jupyter.widget-view+json",
)
FORMAT = 1


@dataclass(frozen=True)
class Page:
    """One template with one set of parameters."""

    name: str
    notebook: str
    title: str
    parameters: dict = field(default_factory=dict)

    @property
    def path(self):
        return PAGES / f"{self.name}.ipynb"

    @property
    def source(self):
        found = sorted((ROOT / "notebooks").glob(f"[0-9]*_{self.notebook}.py"))
        if len(found) != 1:
            raise SystemExit(
                f"runs.yml: page {self.name}: expected one notebooks/NN_{self.notebook}.py, found {len(found)}"
            )
        return found[0]

    @property
    def reads(self):
        """Manifests of the user's runs that the page may read: those it names, or all if it reads what ships."""
        text = self.source.read_text(encoding="utf-8") + str(self.parameters)
        found = sorted((ROOT / "runs").glob("*/manifest.json"))
        return [
            path
            for path in found
            if "SHIPPED" in text or path.parent.name.partition("--")[0] in text
        ]


def grid():
    """The parts of the book as in runs.yml, each page either a file name or a Page."""
    plan = yaml.safe_load((BOOK / "runs.yml").read_text(encoding="utf-8"))
    parts = []
    for part in plan["parts"]:
        pages = []
        for entry in part["pages"]:
            if "file" in entry:
                pages.append(entry["file"])
            elif (
                "if_run" not in entry
                or (ROOT / "runs" / entry["if_run"] / "manifest.json").exists()
            ):
                notebook = entry.get("notebook", part.get("notebook"))
                pages.append(
                    Page(entry["page"], notebook, entry["title"], entry.get("parameters", {}))
                )
        if pages:
            parts.append((part["caption"], pages))
    return plan["root"], parts


def write_toc():
    """Write _toc.yml from the grid. Returns True when it has changed."""
    root, parts = grid()
    toc = {"format": "jb-book", "root": f"book/{root}", "parts": []}
    for caption, pages in parts:
        chapters = [
            {"file": f"book/{page}"}
            if isinstance(page, str)
            else {"file": f"book/runs/{page.name}", "title": page.title}
            for page in pages
        ]
        toc["parts"].append({"caption": caption, "chapters": chapters})
    text = "# Written by book/build.py from book/runs.yml.\n" + yaml.safe_dump(
        toc, sort_keys=False, allow_unicode=True
    )
    path = ROOT / "_toc.yml"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def digest(paths):
    """One hash of the names and contents of files (order does not matter)."""
    total = hashlib.sha256()
    for path in sorted(set(paths)):
        total.update(str(path.relative_to(ROOT)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def files(folder, *patterns):
    return [
        path
        for pattern in patterns
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file()
        and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
    ]


def shared_inputs():
    """What every page depends on: the library (without its command line), the data, the pins."""
    library = [
        path
        for path in files("kaomoji_lib", "*.py")
        if path.name != "__main__.py" and path.parent.name != "cli"
    ]
    return {
        "format": FORMAT,
        "library": digest(library),
        "data": digest(files("data", "*")),
        "pins": digest([ROOT / "requirements.txt"]),
    }


def fingerprint(page, shared):
    """What one page depends on, as a JSON-able dictionary."""
    return {
        **shared,
        "template": digest([page.source]),
        "title": page.title,
        "parameters": page.parameters,
        "runs": digest(page.reads),
    }


def is_current(page, shared):
    state = STATE / f"{page.name}.json"
    return (
        page.path.exists()
        and state.exists()
        and json.loads(state.read_text()) == fingerprint(page, shared)
    )


def fill(notebook, values):
    """Replace {{ name }} in Markdown cells, escaped for where it stands; papermill itself leaves prose alone."""
    from kaomoji_lib import html as escape

    def value(match, escaped=escape.markdown):
        if match[1] not in values:
            raise SystemExit(
                f"{{{{ {match[1]} }}}} has no value; known here: {', '.join(sorted(values))}"
            )
        return escaped(str(values[match[1]]))

    def in_code(match):
        return PLACEHOLDER.sub(
            lambda inner: value(inner, lambda text: text.replace("`", "'")), match[0]
        )

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = PLACEHOLDER.sub(value, CODE_SPAN.sub(in_code, cell.source))
    return notebook


def normalise(notebook):
    """Take out what differs between two equal runs, and hide the injected parameters."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("jupytext", None)
    notebook.metadata.pop("widgets", None)
    for number, cell in enumerate(notebook.cells):
        tags = set(cell.metadata.get("tags", []))
        if "injected-parameters" in tags:
            tags.add("remove-cell")
        cell.metadata = {"tags": sorted(tags)} if tags else {}
        cell.id = f"cell-{number:03d}"
        for output in cell.get("outputs", []):
            if EXPLORER in output.get("data", {}):
                output.data.pop(WIDGET, None)
            if output.output_type == "error":
                raise RuntimeError(f"cell {number}: {output.ename}: {output.evalue}")
    return notebook


def how_to_run(page, template):
    """The last cell of every page: the line that makes it, with its own parameters."""
    import nbformat
    import recipe

    cell = next(
        (cell.source for cell in template.cells if "parameters" in cell.metadata.get("tags", [])),
        "",
    )
    return nbformat.v4.new_markdown_cell(
        recipe.box(page.source.stem, page.name, page.parameters, cell)
    )


def execute(page):
    """Run one page. Returns the seconds it took.

    Raises
    ------
    papermill.exceptions.PapermillExecutionError
        If a cell fails; the half-run notebook stays as ``book/runs/.<page>.failed.ipynb``.
    """
    import jupytext
    import nbformat
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    started = time.monotonic()
    draft = PAGES / f".{page.name}.failed.ipynb"
    template = fill(
        jupytext.read(page.source), {**page.parameters, "title": page.title, "page": page.name}
    )
    template.cells.append(how_to_run(page, template))
    with tempfile.TemporaryDirectory(prefix="kao-") as folder:
        papermill.execute_notebook(
            template,
            str(draft),
            parameters=page.parameters,
            kernel_name="python3",
            cwd=str(ROOT),
            config=kernel_channels(folder),
            progress_bar=False,
            log_output=False,
            extra_arguments=["--log-level=CRITICAL"],
        )
    notebook = normalise(nbformat.read(draft, as_version=4))
    nbformat.write(notebook, draft)
    draft.replace(page.path)
    return time.monotonic() - started


def kernel_environment(jobs):
    """Settings the kernels inherit: figures as data, the library from here, the cores shared out."""
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    )
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))


def kernel_channels(folder):
    """Where a kernel listens: sockets in a folder of its own, since two kernels that start at once may be dealt one TCP port."""
    from traitlets.config import Config

    return Config(
        {"KernelManager": {"transport": "ipc", "ip": f"{folder}/k"}} if os.name == "posix" else {}
    )


def run_pages(only=(), force=False, jobs=2):
    """Execute the pages that are not up to date, part by part. Returns the names that failed."""
    STATE.mkdir(parents=True, exist_ok=True)
    kernel_environment(jobs)
    parts = [[page for page in pages if isinstance(page, Page)] for _, pages in grid()[1]]
    known = {page.name for pages in parts for page in pages}
    if unknown := set(only) - known:
        raise SystemExit(
            f"no such page: {', '.join(sorted(unknown))}; the book has {', '.join(sorted(known))}"
        )
    for path in PAGES.glob("*.ipynb"):
        if path.stem not in known:
            path.unlink()
    failed, done, shared = [], 0, shared_inputs()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for pages in parts:
            wanted = [page for page in pages if not only or page.name in only]
            due = [page for page in wanted if force or not is_current(page, shared)]
            done += len(wanted) - len(due)
            for page in wanted:
                if page not in due:
                    print(f"  {page.name}: up to date", flush=True)
            waiting = {pool.submit(execute, page): page for page in due}
            for future in as_completed(waiting):
                page, done = waiting[future], done + 1
                place = f"[{done}/{len(only) or len(known)}]"
                try:
                    print(f"  {place} {page.name}: {future.result():.0f} s", flush=True)
                    (STATE / f"{page.name}.json").write_text(json.dumps(fingerprint(page, shared)))
                except Exception as error:
                    failed.append(page.name)
                    print(f"  {place} {page.name}: FAILED\n{error}", file=sys.stderr, flush=True)
    return failed


def html_inputs():
    """Hashes of what the HTML is made of: its frame (a change rebuilds all pages) and its pages."""
    frame = [
        ROOT / "_config.yml",
        ROOT / "_toc.yml",
        ROOT / "requirements.txt",
        *files("book/_ext", "*.py"),
    ]
    pages = [
        *BOOK.glob("*.md"),
        BOOK / "references.bib",
        *PAGES.glob("*.ipynb"),
        *files("book/_static", "*"),
        *files("kaomoji_lib/explorer/web", "*"),
    ]
    return {
        "frame": digest(frame),
        "pages": digest(path for path in pages if not path.name.startswith(".")),
    }


def build_html():
    """Make the HTML when something it is made of has changed. Returns True when it is there."""
    write_toc()
    inputs = html_inputs()
    before = json.loads(HTML_STATE.read_text()) if HTML_STATE.exists() else {}
    if before == inputs and (HTML / "index.html").exists():
        print("  HTML: up to date", flush=True)
        return True
    HTML_STATE.unlink(missing_ok=True)
    if before.get("frame") != inputs["frame"]:
        for name in ("html", ".doctrees", "jupyter_execute"):
            shutil.rmtree(ROOT / "_build" / name, ignore_errors=True)
    started = time.monotonic()
    command = "from jupyter_book.cli.main import main; main()"
    build = [sys.executable, "-c", command, "build", str(ROOT), "-W", "--keep-going", "-q"]
    if subprocess.run(build, cwd=ROOT).returncode:
        return False
    # Where no page has changed, Sphinx does not look at them.
    shutil.copytree(BOOK / "_static", HTML / "_static", dirs_exist_ok=True)
    HTML_STATE.write_text(json.dumps(inputs))
    print(f"  HTML: {time.monotonic() - started:.0f} s", flush=True)
    return True


def write_twins():
    """Write the .ipynb twin of each template, for papermill and JupyterLab."""
    import jupytext

    for source in sorted((ROOT / "notebooks").glob("[0-9]*_*.py")):
        text = jupytext.writes(jupytext.read(source), fmt="ipynb")
        notebook = json.loads(text)
        for number, cell in enumerate(notebook["cells"]):
            cell["id"] = f"cell-{number:03d}"
        twin = source.with_suffix(".ipynb")
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if not twin.exists() or twin.read_text(encoding="utf-8") != text:
            twin.write_text(text, encoding="utf-8")
            print(f"  {twin.relative_to(ROOT)}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", metavar="PAGE", default=(), help="run these pages, not all"
    )
    parser.add_argument("--force", action="store_true", help="run pages that are up to date too")
    parser.add_argument("--jobs", type=int, default=2, help="pages to run at once (default: 2)")
    parser.add_argument("--notebooks", action="store_true", help="write the .ipynb twins and stop")
    parser.add_argument("--toc", action="store_true", help="write _toc.yml and stop")
    parser.add_argument(
        "--html", action="store_true", help="make the HTML of the pages as they are"
    )
    parser.add_argument(
        "--pages", action="store_true", help="run the pages and stop before the HTML"
    )
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.toc:
        write_toc()
        return
    from filelock import FileLock

    (ROOT / "_build").mkdir(exist_ok=True)
    with FileLock(ROOT / "_build" / ".lock"):
        write_twins()
        if arguments.notebooks:
            return
        failed = (
            []
            if arguments.html
            else run_pages(arguments.only, arguments.force, max(1, arguments.jobs))
        )
        if failed:
            raise SystemExit(
                f"{len(failed)} page(s) failed: {', '.join(failed)}; see book/runs/.<page>.failed.ipynb"
            )
        if not arguments.pages and not build_html():
            raise SystemExit("the HTML was not built; the messages above say why")
        if not arguments.pages:
            print(f"Open {(HTML / 'index.html').relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main()
