"""Deriving the tables from the originals: verified, without texts, and one line for what went wrong."""

import http.server
import json
import threading
from dataclasses import replace

import numpy as np
import published_mirror
import pytest
from published_mirror import ALL_FACES, ODD, REPLIES, real

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.published import export, files, plotly_figures, tables


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    place = tmp_path_factory.mktemp("mirror")
    return place, published_mirror.write(place)


@pytest.fixture
def known(mirror, monkeypatch):
    monkeypatch.setenv(files.PLACE, str(mirror[0]))
    return mirror[1]


@pytest.fixture(scope="module")
def derived(mirror):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(files.PLACE, str(mirror[0]))
        return export.derive(mirror[1])


def fails(words, function, *arguments):
    with pytest.raises(KaomojiError, match=words) as error:
        function(*arguments)
    assert len(str(error.value).splitlines()) == 1 and "expected" in str(error.value)


# --- derivation --------------------------------------------------------------------------------------------------------


def test_no_text_is_derived(derived):
    assert tuple(derived) == tables.NAMES
    for name, table in derived.items():
        assert "secret" not in table.to_csv(), name
        assert list(table) == list(tables.read(name)), (
            f"{name} has the columns of the shipped table"
        )


def test_replies_are_read_by_both_extractions(derived):
    table = derived["emissions.parquet"]
    own = table[table["source"] == "gemma"].reset_index(drop=True)
    assert len(own) == 180 * REPLIES and set(own["generation"]) == set(range(REPLIES))
    for row, (_, stored, outcome, face) in zip(own.itertuples(), ODD, strict=False):
        assert (row.outcome, row.published_raw or "") == (outcome, stored)
        assert (tables.canonical(row.raw_face) if row.raw_face else None) == face
    assert (own["outcome"][len(ODD) :] == "kaomoji").all()
    assert set(table.loc[table["source"] == "claude", "generation"]) == set(range(REPLIES))


def test_points_of_a_figure_go_to_their_prompts(derived):
    table = derived["components.csv"]
    own = table[table["source"] == "qwen"].set_index("prompt_id")
    assert len(own) == 180
    expected = np.array([published_mirror.place(prompt) for prompt in own.index])
    assert np.allclose(own[["PC1", "PC2", "PC3"]], expected, atol=1e-5)
    assert derived["variance.csv"].iloc[0, 1:].tolist() == [0.3, 0.125, 0.08]
    centroids = derived["centroids.csv"]
    assert set(centroids["source"]) == {"gpt-oss"} and set(centroids["panel"]) == {"own", "aligned"}
    means = derived["face_means.csv"]
    assert list(means["source"]) == list(export.FACE_PANELS) and means.iloc[0]["HP-D"] == 5


def test_words_keep_their_upload_and_version(derived):
    words = derived["words.csv"]
    assert set(words["lexicon_version"]) == {1, 2} and set(words["contributor"]) == {"one", "two"}
    assert words["primary"].eq("satisfied relieved").all() and len(words) == 3 * len(ALL_FACES)


def test_export_writes_what_verify_reads_and_verify_sees_a_change(known, tmp_path, monkeypatch):
    assert export.export(tmp_path, known, "2026-01-01") == tmp_path
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["derived"] == "2026-01-01" and set(manifest["tables"]) == set(tables.NAMES)
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    tables.read.cache_clear()
    assert not any(export.verify(known).values())
    text = (tmp_path / "judgements.csv").read_text(encoding="utf-8")
    (tmp_path / "judgements.csv").write_text(text.replace("0.9", "0.8", 1), encoding="utf-8")
    (tmp_path / "variance.csv").write_text("source,PC1,PC2,PC3\ngemma,1,1,1\n")
    tables.read.cache_clear()
    differing = export.verify(known)
    assert (differing["judgements.csv"], differing["variance.csv"]) == (1, 5)
    assert sum(differing.values()) == 6
    (tmp_path / "variance.csv").unlink()
    tables.read.cache_clear()
    fails("cannot be read", tables.read, "variance.csv")
    tables.read.cache_clear()


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "not JSON lines"),
        ('{"prompt_id": "hp01"}\n', "lacks the field"),
        ("\udcff", "JSON lines"),
    ],
)
def test_an_original_of_another_form_is_named(tmp_path, monkeypatch, content, words):
    name = files.registry().sources["gemma"]["emissions"]
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    monkeypatch.setenv(files.PLACE, str(tmp_path))
    fails(words, export.derive, published_mirror.registered(tmp_path, files.registry()))


def test_a_figure_with_another_number_of_prompts_is_refused(mirror, known, tmp_path):
    name = known.sources["gemma"]["figure"]
    page = mirror[0] / name
    before = page.read_text(encoding="utf-8")
    page.write_text(before.replace("LP (n=80)", "LP lost"), encoding="utf-8")
    try:
        fails("0 places of LP", export.derive, published_mirror.registered(mirror[0], known))
    finally:
        page.write_text(before, encoding="utf-8")


# --- figures -----------------------------------------------------------------------------------------------------------


DAMAGED = [
    *({"dtype": "O", "bdata": "gASVAAAA"}, {"dtype": "f8", "bdata": "AAAA"}, {"bdata": "AAAA"}),
    *({"dtype": "f8", "bdata": "not base64!"}, {"dtype": "f8", "bdata": None}, "words", None),
    *([1], ["a", "b"], [[1], [1, 2]]),
]


@pytest.mark.parametrize("value", DAMAGED)
def test_a_damaged_array_is_refused(value):
    fails("are damaged", plotly_figures.points, {"x": [1, 2], "y": value, "z": [3, 4]})


def test_nothing_in_a_page_is_run():
    hostile = '<script>Plotly.newPlot(alert(1), [{}], {})</script>Plotly.newPlot("x", [{"a": 1}])'
    fails("no readable", plotly_figures.arguments, hostile)
    traces, _ = plotly_figures.arguments(hostile + 'Plotly.newPlot("y", [{"b": 2}], {"c": 3})')
    assert traces == [{"b": 2}], "the first call that can be read"
    fails("no readable", plotly_figures.arguments, "Plotly.newPlot(" + "[" * 100_000)


# --- files -------------------------------------------------------------------------------------------------------------


def test_registered_hashes_are_those_of_the_real_files():
    known = files.registry()
    assert len(known.files) == 26 and all(
        len(bytes.fromhex(sha)) == 32 for sha in known.files.values()
    )
    used = [
        entry.get(key)
        for entry in known.sources.values()
        for key in ("emissions", "likelihoods", "figure")
    ]
    used += [entry["file"] for entry in known.judgements.values()] + list(known.figures.values())
    assert {*filter(None, used), known.syntheses} <= set(known.files)
    if real() is not None:
        lines = (real() / "SHA256SUMS").read_text().splitlines()
        listed = dict(reversed(line.split(maxsplit=1)) for line in lines if line.strip())
        assert {name.removeprefix("./"): sha for name, sha in listed.items()} == known.files


def test_a_named_folder_is_verified_and_never_downloaded_to(mirror, known, tmp_path, monkeypatch):
    name = known.syntheses
    assert files.locate(name, known) == mirror[0] / name
    fails("is not the published file", files.locate, name, files.registry())
    fails("is not in data/published.yml", files.locate, "../../etc/passwd", known)
    monkeypatch.setenv(files.PLACE, str(tmp_path))
    fails("is not in the folder", files.locate, name, known)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def server(mirror, monkeypatch, tmp_path):
    """A web server with the small originals; ``asked`` counts its requests, ``body`` spoils the answer."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            running.asked += 1
            whole = (mirror[0] / self.path[1:]).read_bytes()
            self.send_response(running.status)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(running.spoil(whole))

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    running.asked, running.status, running.spoil = 0, 200, lambda body: body
    threading.Thread(
        target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY", files.PLACE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(files.CACHE, str(tmp_path / "cache"))
    base = f"http://127.0.0.1:{running.server_port}/"
    repositories = {name: f"{base}{name}/" for name in mirror[1].repositories}
    running.known = replace(mirror[1], repositories=repositories)
    yield running
    running.shutdown()
    running.server_close()


def test_a_file_is_downloaded_once_and_kept(server):
    path = files.locate(server.known.syntheses, server.known)
    assert path == files.locate(server.known.syntheses, server.known) and server.asked == 1
    path.write_bytes(b"changed")
    assert files.locate(server.known.syntheses, server.known).read_bytes() != b"changed"
    assert server.asked == 2, "what was changed is downloaded again"


@pytest.mark.parametrize(
    "status, spoil, words",
    [
        (404, lambda body: body, "could not be downloaded"),
        (200, lambda body: body[:-9], "could not be downloaded"),
        (200, lambda body: body[:-1] + b"!", "is not the published file"),
    ],
)
def test_what_cannot_be_had_leaves_nothing_behind(server, tmp_path, status, spoil, words):
    server.status, server.spoil = status, spoil
    fails(words, files.locate, server.known.syntheses, server.known)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_commands_that_need_the_originals_say_so_without_them(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv(files.PLACE, str(tmp_path))
    for option in ("--fetch", "--verify", "--export"):
        assert cli.main(["published", option]) == 2
        assert "--fetch" in capsys.readouterr().err


def test_a_difference_is_reported_by_the_command(monkeypatch, capsys):
    counts = dict.fromkeys(tables.NAMES, 0)
    monkeypatch.setattr(export, "verify", lambda: counts)
    assert cli.main(["published", "--verify"]) == 0
    monkeypatch.setattr(export, "verify", lambda: {**counts, "words.csv": 3})
    assert cli.main(["published", "--verify"]) == 2
    assert "words.csv: 3 rows differ" in capsys.readouterr().out
