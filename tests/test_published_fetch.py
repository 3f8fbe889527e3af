"""Fetching: verified, whole or not at all, and one line for what went wrong."""

import errno
import hashlib
import http.server
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.published import files as published
from kaomoji_lib.published.files import PublishedFile, Registry

ROOT = Path(__file__).resolve().parents[1]
CONTENT = bytes(range(256)) * 1200
PAGE = b"<html><body>" + b"x" * 50_000 + b"</body></html>\n"
NAME, FIGURE = "place/data/rows.jsonl", "place/figures/cloud.html"


class Server:
    """A web server of this machine whose answer a test can spoil. ``asked`` counts the requests."""

    def __init__(self):
        self.files = {f"/{NAME}": CONTENT, f"/{FIGURE}": PAGE}
        self.spoil, self.status, self.asked = (lambda body: body), 200, 0
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                body = outer.files[self.path]
                self.send_response(outer.status)
                if outer.length is not None:
                    self.send_header("Content-Length", str(outer.length or len(body)))
                self.end_headers()
                self.wfile.write(outer.spoil(body))

            def log_message(self, *_):
                pass

        self.length = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()


@pytest.fixture
def server(monkeypatch, tmp_path):
    running = Server()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(published.CACHE, str(tmp_path / "cache"))
    monkeypatch.delenv(published.PLACE, raising=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr(published, "_unreachable", {})
    yield running
    running.server.shutdown()
    running.server.server_close()


def known(server, **changes):
    row = PublishedFile(
        NAME,
        server.url + NAME,
        "the rows",
        "CC-BY-SA-4.0",
        hashlib.sha256(CONTENT).hexdigest(),
        len(CONTENT),
    )
    figure = PublishedFile(FIGURE, server.url + FIGURE, "a figure", "CC-BY-SA-4.0")
    return Registry(
        {NAME: replace(row, **changes), FIGURE: figure}, {}, {}, "", "CC-BY-SA-4.0", "someone", {}
    )


def cached():
    place = published.cache_folder()
    return (
        sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
        if place.exists()
        else []
    )


def fails(server, words, name=NAME, **changes):
    with pytest.raises(KaomojiError, match=words) as error:
        published.locate(name, known(server, **changes))
    assert len(str(error.value).splitlines()) == 1 and "expected" in str(error.value)
    return str(error.value)


def test_a_file_comes_once_and_is_verified_each_time(server):
    path = published.locate(NAME, known(server))
    assert (
        path.read_bytes() == CONTENT
        and published.locate(NAME, known(server)) == path
        and server.asked == 1
    )
    path.write_bytes(CONTENT[:-1] + b"!")
    assert published.locate(NAME, known(server)).read_bytes() == CONTENT and server.asked == 2, (
        "a spoiled cache heals itself"
    )


def flipped(body):
    return body[:1000] + bytes([body[1000] ^ 1]) + body[1001:]


@pytest.mark.parametrize(
    "spoil, words",
    [
        (flipped, "is not the published file"),
        (lambda body: body[: len(body) // 2], "was cut off"),
        (lambda body: b"", "was cut off"),
    ],
)
def test_a_spoiled_download_leaves_nothing(server, spoil, words):
    server.spoil = spoil
    fails(server, words)
    assert cached() == []
    server.spoil = lambda body: body
    assert published.locate(NAME, known(server)).read_bytes() == CONTENT, "the next one is taken"


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_absent_file(server, status):
    server.status = status
    assert f"answered {status}" in fails(server, "answered")
    assert cached() == []


def test_what_was_cached_survives_a_failure(server):
    published.locate(FIGURE, known(server))
    before = cached()
    server.spoil = flipped
    fails(server, "is not the published file")
    server.status = 404
    fails(server, "answered 404")
    assert cached() == before and published.locate(FIGURE, known(server)).read_bytes() == PAGE


def test_a_file_of_unknown_hash_is_remembered(server):
    path = published.locate(FIGURE, known(server))
    assert cached() == [FIGURE, f"{FIGURE}.sha256"]
    path.write_bytes(PAGE + b" ")
    server.spoil = flipped
    fails(server, "is not the published file", FIGURE)
    server.spoil = lambda body: body
    assert published.locate(FIGURE, known(server)).read_bytes() == PAGE


def test_a_figure_that_ends_early_is_not_kept(server):
    server.length, server.spoil = None, lambda body: body[:30_000]
    fails(server, "was cut off", FIGURE)
    assert cached() == []


def test_nobody_answers(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
    message = fails(server, "could not be reached", url=nowhere)
    assert "kaomoji published --fetch" in message and published.PLACE in message
    assert cached() == [] and server.asked == 0


class Full:
    """A file on a disk that takes no more than ``room`` bytes."""

    def __init__(self, handle, room, number):
        self.handle, self.room, self.number = handle, room, number

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(self.number, os.strerror(self.number))
        return self.handle.write(data)

    def __getattr__(self, name):
        return getattr(self.handle, name)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.handle.close()


@pytest.mark.parametrize(
    "number, words",
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_full_disk_leaves_nothing(server, monkeypatch, number, words):
    import builtins

    published.locate(FIGURE, known(server))
    before, plain = cached(), builtins.open
    monkeypatch.setattr(
        builtins,
        "open",
        lambda path, mode="r", *rest, **named: (
            Full(plain(path, mode, *rest, **named), 70_000, number)
            if "w" in mode and "b" in mode
            else plain(path, mode, *rest, **named)
        ),
    )
    fails(server, words)
    monkeypatch.setattr(builtins, "open", plain)
    assert cached() == before
    assert published.locate(NAME, known(server)).read_bytes() == CONTENT


def test_a_limit_on_the_size_of_files(server):
    # A limit of the kernel, in a process of its own: it holds for every write.
    code = f"""
import resource
from kaomoji_lib.published import files as published
from kaomoji_lib.errors import KaomojiError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))
entry = published.PublishedFile({NAME!r}, {server.url + NAME!r}, "the rows", "CC-BY-SA-4.0", {hashlib.sha256(CONTENT).hexdigest()!r}, {len(CONTENT)})
try:
    published.locate({NAME!r}, published.Registry({{{NAME!r}: entry}}, {{}}, {{}}, "", "", "", {{}}))
except KaomojiError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (
        "may not grow so large" in done.stdout
        and len(done.stdout.splitlines()) == 1
        and done.stderr == ""
    ), done.stderr
    assert cached() == []
    assert published.locate(NAME, known(server)).read_bytes() == CONTENT


def test_a_named_folder_is_read_and_kept_off_the_network(server, tmp_path, monkeypatch):
    place = tmp_path / "mirror"
    (place / NAME).parent.mkdir(parents=True)
    (place / NAME).write_bytes(CONTENT)
    monkeypatch.setenv(published.PLACE, str(place))
    assert published.locate(NAME, known(server)) == place / NAME
    assert published.present([NAME], known(server)) and not published.present(
        [NAME, FIGURE], known(server)
    )
    assert published.PLACE in fails(server, "is not in the folder", FIGURE)
    (place / NAME).write_bytes(CONTENT[:-1])
    fails(server, "cut or changed")
    (place / NAME).write_bytes(flipped(CONTENT))
    fails(server, "a byte was changed")
    assert server.asked == 0 and cached() == []
    (place / NAME).write_bytes(CONTENT)
    lines = []
    assert (
        published.fetch_all(known(server), lines.append) == 2 and lines == [] and server.asked == 1
    ), "fetching is asking for the network"


def test_fetch_counts_what_is_missing(server):
    server.files[f"/{FIGURE}"] = b"<html>"
    lines = []
    assert (
        published.fetch_all(known(server), lines.append) == 1
        and len(lines) == 1
        and FIGURE in lines[0]
    )


def test_without_pooch(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.delenv(published.CACHE)
    fails(server, r"pip install 'kaomoji-lib\[published\]'")


def test_the_registry_names_every_file_by_commit_hash_size_and_licence():
    found = published.registry()
    for name, entry in found.files.items():
        repository = name.partition("/")[0]
        assert (
            entry.url.startswith(f"https://raw.githubusercontent.com/a9lim/{repository}/")
            and found.commits[repository] in entry.url
        )
        assert (
            entry.licence == "CC-BY-SA-4.0" and entry.what and len(found.commits[repository]) == 40
        )
        assert (entry.sha256 is None) == (entry.size is None) == name.endswith(".html")
        assert entry.sha256 is None or len(bytes.fromhex(entry.sha256)) == 32
    named = [
        name
        for entry in found.sources.values()
        for name in (
            *entry["emissions"],
            *(entry[key] for key in ("likelihoods", "figure") if key in entry),
        )
    ]
    assert {
        *named,
        *(entry["file"] for entry in found.judgements.values()),
        found.syntheses,
    } <= set(found.files)
    assert all(
        word in found.attribution
        for word in ("a9lim", "CC-BY-SA-4.0", *(commit[:8] for commit in found.commits.values()))
    )


def test_the_project_holds_none_of_the_files():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    hashes = {entry.sha256 for entry in published.registry().files.values()} - {None}
    sizes = {entry.size for entry in published.registry().files.values()} - {None}
    suspects = [
        name for name in listed if (ROOT / name).is_file() and (ROOT / name).stat().st_size in sizes
    ]
    assert not {
        hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in suspects
    } & hashes and shutil.which("git")


def test_an_unknown_name(server):
    with pytest.raises(KaomojiError, match="not a registered file"):
        published.locate("../../etc/passwd", known(server))
