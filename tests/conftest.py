"""The built book and a browser that has no network, for every test that opens a page."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from browser import installed

# No test needs the hub; where it cannot be reached, each attempt would take half a minute.
os.environ["HF_HUB_OFFLINE"] = "1"
ROOT = Path(__file__).resolve().parents[1]
# Each of these has a test that takes half a minute.
SLOW = "shipped hostile_notebooks published collect templates".split()
HTML = ROOT / "_build" / "html"
FLAGS = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-sandbox"]
FLAGS.append("--enable-unsafe-swiftshader")


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that open a browser where there is none, and begin with the slow ones, so that none comes last.

    `make test` says that there is no browser, and CI makes it an error.
    """
    if not installed():
        needy = [item for item in items if "browser" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=needy)
        items[:] = [item for item in items if item not in needy]
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") not in SLOW)


@pytest.fixture(scope="session")
def book():
    """The folder of the built book; what is not up to date is built first, one process at a time."""
    command = [sys.executable, str(ROOT / "book" / "build.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    if "HTML: up to date" not in done.stdout:
        print(f"\nbuilt the book first:\n{done.stdout}", file=sys.__stderr__)
    return HTML


@pytest.fixture(scope="session")
def address(book):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        log_message = lambda *_: None

    handler = functools.partial(Quiet, directory=str(book))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        opened = engine.chromium.launch(executable_path=installed(), args=FLAGS)
        yield opened
        opened.close()


class Watched:
    """A browser page that writes down everything that goes wrong in it."""

    def __init__(self, browser):
        # Without movement a view is there at once, and a test need not wait for it.
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.trouble, self.requests = [], []
        self.page.on("console", lambda said: self._note(said.type == "error", said.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        # What a page still asks for when one leaves it is given up, not missed.
        gone = "net::ERR_ABORTED"
        self.page.on("requestfailed", lambda one: self._note(one.failure != gone, one.url))
        self.page.on("response", lambda one: self._note(one.status >= 400, one.url))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, bad, what):
        if bad:
            self.trouble.append(what)

    def outside(self, own):
        """The requests that did not go to addresses that begin with ``own``."""
        return [url for url in self.requests if not url.startswith((own, "data:", "blob:"))]

    def open(self, url):
        self.page.goto(url)
        return self.page

    def draw_all(self):
        """Scroll every figure into view and wait until it is drawn. Returns how many there are."""
        self.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        count = self.page.locator(".kao-plot").count()
        done = "n => document.querySelectorAll('.kao-plot')[n].dataset.done === '2'"
        for number in range(count):
            self.page.locator(".kao-plot").nth(number).scroll_into_view_if_needed()
            self.page.wait_for_function(done, arg=number, timeout=60_000)
        return count


@pytest.fixture
def watched(browser):
    tab = Watched(browser)
    yield tab
    tab.context.close()
