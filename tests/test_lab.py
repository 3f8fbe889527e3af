"""JupyterLab opens the templates as notebooks, and a save changes nothing that was not edited but two versions in the header."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"#\s+(format|jupytext)_version: ")
TEMPLATES = sorted((ROOT / "notebooks").glob("[0-9]*_*.py"))


@pytest.fixture
def contents(tmp_path):
    """The contents manager of JupyterLab with jupytext, in an empty folder."""
    from jupyter_server.services.contents.largefilemanager import LargeFileManager
    from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

    (tmp_path / "notebooks").mkdir()
    return build_sync_jupytext_contents_manager_class(LargeFileManager)(root_dir=str(tmp_path))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_opens_as_a_notebook_and_is_saved_as_it_was(path, contents, tmp_path):
    copy = tmp_path / "notebooks" / path.name
    copy.write_bytes(path.read_bytes())
    model = contents.get(f"notebooks/{path.name}")
    kinds = {cell["cell_type"] for cell in model["content"]["cells"]}
    assert model["type"] == "notebook" and kinds == {"markdown", "code"}
    contents.save(model, f"notebooks/{path.name}")
    lines = copy.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not VERSION.match(line)]
    assert kept == path.read_text(encoding="utf-8").splitlines()
    assert [*copy.parent.glob("*.*")] == [copy], "no second file appears beside it"


def test_an_edit_in_the_notebook_reaches_the_template(contents, tmp_path):
    copy = tmp_path / "notebooks" / TEMPLATES[0].name
    copy.write_bytes(TEMPLATES[0].read_bytes())
    model = contents.get(f"notebooks/{copy.name}")
    model["content"]["cells"][0]["source"] = "# Another title"
    contents.save(model, f"notebooks/{copy.name}")
    assert "# # Another title" in copy.read_text(encoding="utf-8")


def test_lab_opens_python_files_as_notebooks_by_itself():
    path = ROOT / ".jupyter" / "labconfig" / "default_setting_overrides.json"
    viewers = json.loads(path.read_text(encoding="utf-8"))[
        "@jupyterlab/docmanager-extension:plugin"
    ]
    assert viewers["defaultViewers"]["python"] == "Jupytext Notebook"
