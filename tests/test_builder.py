"""The builder: what it fills in, what it takes out, and when it runs a page again."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]


TREE = {
    "requirements.txt": "numpy==1",
    "data/table.csv": "a\n1",
    "kaomoji_lib/faces.py": "x = 1",
    "kaomoji_lib/cli/score.py": "x = 1",
    "notebooks/10_model.py": "# %%\n1",
    "runs/alpha/manifest.json": "{}",
    "book/runs/.state/old.json": "{}",
}


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def build(tmp_path, monkeypatch):
    """The builder's module, working in a folder of its own."""
    monkeypatch.syspath_prepend(str(ROOT / "book"))
    spec = importlib.util.spec_from_file_location("kaomoji_build", ROOT / "book" / "build.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    places = {"ROOT": ".", "BOOK": "book", "PAGES": "book/runs", "STATE": "book/runs/.state"}
    for name, path in places.items():
        monkeypatch.setattr(module, name, tmp_path / path)
    for path, text in TREE.items():
        write(tmp_path, path, text)
    return module


def markdown(text):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])


def test_names_are_filled_in_prose_alone_and_an_unknown_one_is_refused(build):
    values = {"title": "a*b", "model": "x_y"}
    filled = build.fill(markdown("# {{ title }}\n`{{ model }}` and {{model}}"), values)
    assert filled.cells[0].source == "# a\\*b\n`x_y` and x\\_y"
    code = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("f'{{ title }}'")])
    assert build.fill(code, values).cells[0].source == "f'{{ title }}'"
    with pytest.raises(SystemExit, match="nobody"):
        build.fill(markdown("{{ nobody }}"), values)


def executed(seconds):
    cell = nbformat.v4.new_code_cell(
        "1", metadata={"tags": ["injected-parameters"], "papermill": {"duration": seconds}}
    )
    return nbformat.v4.new_notebook(cells=[cell], metadata={"papermill": {"duration": seconds}})


def test_normalise_makes_two_runs_equal_and_refuses_an_error(build):
    one, two = build.normalise(executed(1.0)), build.normalise(executed(2.0))
    assert one == two and "remove-cell" in one.cells[0].metadata["tags"]
    broken = nbformat.v4.new_output("error", ename="E", evalue="broken", traceback=[])
    one.cells[0].outputs = [broken]
    with pytest.raises(RuntimeError, match="broken"):
        build.normalise(one)


@pytest.fixture
def page(build):
    made = build.Page("alpha", "model", "Alpha", {"model": "alpha"})
    made.path.write_text("{}")
    (build.STATE / "alpha.json").write_text(
        build.json.dumps(build.fingerprint(made, build.shared_inputs()))
    )
    return made


INPUTS = "notebooks/10_model.py kaomoji_lib/faces.py data/table.csv requirements.txt"


def test_a_page_is_stale_when_its_inputs_changed_and_only_then(build, page):
    def is_current(page):
        return build.is_current(page, build.shared_inputs())

    assert is_current(page)
    write(build.ROOT, "kaomoji_lib/cli/score.py", "changed")
    write(build.ROOT, "runs/beta/manifest.json", "{}")
    assert is_current(page), "neither the command line nor other runs matter"
    for path in (*INPUTS.split(), "runs/alpha/manifest.json"):
        write(build.ROOT, path, "changed")
        assert not is_current(page), path
        write(build.ROOT, path, TREE[path])
    assert not is_current(build.Page("alpha", "model", "Alpha", {"model": "alpha", "seed": 1}))
    page.path.unlink()
    assert not is_current(page)


HEAD = """# ---
# jupyter:
#   kernelspec: {name: python3, language: python, display_name: Python 3}
# ---
# %%
"""


def test_a_failing_page_leaves_the_old_one(build, page, monkeypatch):
    page.source.write_text(f"{HEAD}raise ValueError('no')\n")
    monkeypatch.setattr(build, "fill", lambda notebook, values: notebook)
    with pytest.raises(Exception, match="ValueError"):
        build.execute(page)
    assert page.path.read_text() == "{}"
    assert (build.PAGES / ".alpha.failed.ipynb").exists()


def test_kernels_listen_where_they_are_told_and_share_no_address(build, page, tmp_path):
    ours = [build.kernel_channels(tmp_path / name)["KernelManager"] for name in "ab"]
    assert [found["transport"] for found in ours] == ["ipc", "ipc"]
    assert ours[0]["ip"] != ours[1]["ip"]
    code = "import ipykernel\nprint(open(ipykernel.get_connection_file()).read())\n"
    page.source.write_text(HEAD + code)
    build.execute(page)
    channels = nbformat.read(page.path, as_version=4).cells[-2].outputs[0].text
    assert '"transport": "ipc"' in channels and "kao-" in channels


def test_pages_of_large_models_appear_with_their_run(build):
    (build.BOOK / "runs.yml").write_text(
        "root: index\nparts:\n- caption: Models\n  notebook: model\n  pages:\n"
        "  - {page: alpha, title: A, if_run: alpha, parameters: {model: alpha}}\n"
        "  - {page: beta, title: B, if_run: beta, parameters: {model: beta}}\n"
    )
    [(_, pages)] = build.grid()[1]
    assert [entry.name for entry in pages] == ["alpha"]
    assert build.write_toc() and not build.write_toc()


def test_a_changed_style_reaches_a_book_whose_pages_have_not_changed(build, tmp_path, monkeypatch):
    html, inputs = tmp_path / "html", {"frame": "same", "pages": "as they were"}
    html.mkdir()
    write(tmp_path, "book/_static/kaomoji.css", "p {}")
    write(tmp_path, "state.json", json.dumps(inputs))
    monkeypatch.setattr(build, "HTML", html)
    monkeypatch.setattr(build, "HTML_STATE", tmp_path / "state.json")
    monkeypatch.setattr(build, "write_toc", lambda: False)
    monkeypatch.setattr(build, "html_inputs", lambda: {**inputs, "pages": "new"})
    done = subprocess.CompletedProcess((), 0)
    monkeypatch.setattr(build.subprocess, "run", lambda *words, **named: done)
    assert build.build_html()
    assert (html / "_static" / "kaomoji.css").read_text() == "p {}"
