"""Serve the book on this machine; rebuild what a change touches and reload it in the browser.

    make serve                    http://localhost:8000
    python book/serve.py --port 9000

A changed template runs its pages again, a changed page of text or style makes the HTML anew. A change of the library or of
the data would make every page stale: the pages that a browser has open are run again, the others wait for `make book`.
"""

import argparse
import functools
import http.server
import importlib.util
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).resolve().parent
STATE = "/__state__"
RELOAD = f"""<script>(() => {{
  let known = null;
  const ask = () => fetch("{STATE}?page=" + encodeURIComponent(location.pathname)).then((answer) => answer.text())
    .then((now) => {{ if (known !== null && now !== known) location.reload(); known = now; }}).catch(() => {{}});
  setInterval(ask, 1000); ask();
}})();</script>""".encode()


def builder():
    """The module book/build.py."""
    spec = importlib.util.spec_from_file_location("kaomoji_build", HERE / "build.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Book:
    """What is served: the folder, its number (one more with every build), and which pages were asked for lately."""

    def __init__(self, folder, clock=time.monotonic):
        self.folder, self.clock, self.number, self.seen = Path(folder), clock, 0, {}

    def look(self, page):
        self.seen[page] = self.clock()

    def open_pages(self, within=10):
        """Names of the executed pages that a browser asked about within so many seconds."""
        recent = [page for page, when in self.seen.items() if self.clock() - when <= within]
        return sorted({Path(page).stem for page in recent if "/runs/" in page})


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the book; HTML with the script that reloads it."""

    def __init__(self, *arguments, book, **named):
        self.book = book
        super().__init__(*arguments, directory=str(book.folder), **named)

    def do_GET(self):
        place = urlsplit(self.path)
        if place.path == STATE:
            for page in parse_qs(place.query).get("page", []):
                self.book.look(page)
            return self._send(str(self.book.number).encode(), "text/plain")
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if path.suffix == ".html" and path.is_file():
            return self._send(
                path.read_bytes().replace(b"</body>", RELOAD + b"</body>", 1),
                "text/html; charset=utf-8",
            )
        return super().do_GET()

    def _send(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def snapshot(build):
    """Every file a page or the HTML is made of, with its time of change."""
    watched = [
        *build.files("kaomoji_lib", "*.py", "*.js", "*.css"),
        *build.files("data", "*"),
        *build.files("book/_static", "*"),
        *build.files("book/_ext", "*.py"),
        *(build.ROOT / "notebooks").glob("[0-9]*_*.py"),
        *build.BOOK.glob("*.md"),
        *build.BOOK.glob("*.bib"),
        build.BOOK / "runs.yml",
        build.ROOT / "_config.yml",
    ]
    found = {}
    for path in watched:
        try:
            found[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return found


def changed(before, after):
    """Paths that were added, removed or written."""
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def command(build, paths, book):
    """What to run for the changed ``paths``: arguments of build.py."""
    pages = [page for _, part in build.grid()[1] for page in part if not isinstance(page, str)]
    names = {page.name for page in pages if page.source in paths}
    if any(
        path.is_relative_to(build.ROOT / "kaomoji_lib") or path.is_relative_to(build.ROOT / "data")
        for path in paths
    ):
        names |= {page.name for page in pages} & set(book.open_pages())
    missing = (
        {page.name for page in pages if not page.path.exists()}
        if build.BOOK / "runs.yml" in paths
        else set()
    )
    names |= missing
    return ["--only", *sorted(names)] if names else ["--html"]


def watch(build, book, run, *, every=0.7, rounds=None):
    """Look for changes and build, until stopped (or for so many ``rounds``). A failed build leaves what is served."""
    before = snapshot(build)
    while rounds is None or rounds > 0:
        time.sleep(every)
        after = snapshot(build)
        if paths := changed(before, after):
            # An editor may still be writing: what changes while we wait belongs to the same change.
            time.sleep(every / 2)
            after = snapshot(build)
            paths = changed(before, after)
            print(
                f"  changed: {', '.join(sorted(str(path.relative_to(build.ROOT)) for path in paths))}",
                flush=True,
            )
            if run(command(build, paths, book)) == 0:
                book.number += 1
            before = after
        rounds = None if rounds is None else rounds - 1


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="port on this machine (default: 8000)"
    )
    arguments = parser.parse_args()
    build = builder()
    book = Book(build.HTML)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", arguments.port), functools.partial(Handler, book=book)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://localhost:{server.server_port}  (stop with Ctrl-C)", flush=True)
    try:
        watch(
            build,
            book,
            lambda given: (
                subprocess.run([sys.executable, str(HERE / "build.py"), *given]).returncode
            ),
        )
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
