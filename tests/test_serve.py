"""Serving the book while it is written: what a change runs, and how the browser hears of it."""

import functools
import http.server
import importlib.util
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

spec = importlib.util.spec_from_file_location("kaomoji_serve", ROOT / "book" / "serve.py")
serve = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = serve
spec.loader.exec_module(serve)


@pytest.fixture
def build(tmp_path, monkeypatch):
    """The builder in a small book of two pages of one template and one of another."""
    module = serve.builder()
    for name, path in {
        "ROOT": tmp_path,
        "BOOK": tmp_path / "book",
        "PAGES": tmp_path / "book" / "runs",
    }.items():
        monkeypatch.setattr(module, name, path)
    for folder in ("book/runs", "book/_static", "book/_ext", "notebooks", "kaomoji_lib", "data"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (
        "notebooks/10_model.py",
        "notebooks/20_other.py",
        "kaomoji_lib/faces.py",
        "data/a.csv",
        "book/index.md",
        "_config.yml",
    ):
        (tmp_path / name).write_text("1\n")
    (tmp_path / "book" / "runs.yml").write_text(
        "root: index\nparts:\n- caption: A\n  pages:\n  - {notebook: model, page: one, title: One}\n"
        "  - {notebook: model, page: two, title: Two}\n  - {notebook: other, page: three, title: Three}\n"
    )
    for page in ("one", "two", "three"):
        (tmp_path / "book" / "runs" / f"{page}.ipynb").write_text("{}")
    return module


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("notebooks/10_model.py", ["--only", "one", "two"]),
        ("notebooks/20_other.py", ["--only", "three"]),
        ("book/index.md", ["--html"]),
        ("kaomoji_lib/faces.py", ["--only", "two"]),
        ("data/a.csv", ["--only", "two"]),
    ],
)
def test_a_change_runs_the_pages_it_touches(build, path, given):
    book = serve.Book(build.ROOT)
    book.look("/book/runs/two.html")
    assert serve.command(build, {build.ROOT / path}, book) == given


def test_a_library_change_leaves_pages_alone_that_nobody_looks_at(build):
    now = [0.0]
    book = serve.Book(build.ROOT, clock=lambda: now[0])
    book.look("/book/runs/two.html")
    now[0] = 60.0
    assert serve.command(build, {build.ROOT / "kaomoji_lib" / "faces.py"}, book) == ["--html"]


def test_a_new_page_in_the_grid_is_run(build):
    (build.PAGES / "three.ipynb").unlink()
    assert serve.command(build, {build.BOOK / "runs.yml"}, serve.Book(build.ROOT)) == [
        "--only",
        "three",
    ]


def test_watching_builds_once_per_change_and_tells_the_browser(build):
    book, runs = serve.Book(build.ROOT), []

    def run(given):
        runs.append(given)
        return 0

    worker = threading.Thread(
        target=serve.watch, args=(build, book, run), kwargs={"every": 0.05, "rounds": 12}
    )
    worker.start()
    threading.Event().wait(0.12)
    (build.ROOT / "notebooks" / "20_other.py").write_text("2\n")
    worker.join()
    assert runs == [["--only", "three"]] and book.number == 1


def test_a_failed_build_reloads_nothing(build, monkeypatch):
    book, states = (
        serve.Book(build.ROOT),
        iter([{}, {build.BOOK / "index.md": 1}, {build.BOOK / "index.md": 1}]),
    )
    monkeypatch.setattr(serve, "snapshot", lambda build: next(states))
    serve.watch(build, book, lambda given: 1, every=0, rounds=1)
    assert book.number == 0


def test_pages_carry_the_reload_script_and_files_do_not(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.html").write_text(
        "<html><body><p>(◕‿◕)</p></body></html>", encoding="utf-8"
    )
    (tmp_path / "a.css").write_text("p {}")
    book = serve.Book(tmp_path)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(serve.Handler, book=book)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def get(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as answer:
            return answer.read().decode()

    try:
        assert "(◕‿◕)" in get("/book/") and "location.reload" in get("/book/index.html")
        assert get("/a.css") == "p {}"
        assert get(f"{serve.STATE}?page=/book/runs/one.html") == "0" and book.open_pages() == [
            "one"
        ]
        book.number += 1
        assert get(serve.STATE) == "1"
    finally:
        server.shutdown()
        server.server_close()
