"""JupyterLab opens the templates as notebooks, and a save changes nothing that was not edited but two versions in the header."""

import re
from pathlib import Path

from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"#\s+(format|jupytext)_version: .*\n")


def test_templates_open_as_notebooks_and_are_saved_as_they_were(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    contents = build_sync_jupytext_contents_manager_class(LargeFileManager)(root_dir=str(tmp_path))
    for path in sorted((ROOT / "notebooks").glob("[0-9]*_*.py")):
        copy = folder / path.name
        copy.write_bytes(path.read_bytes())
        model = contents.get(f"notebooks/{path.name}")
        kinds = {cell["cell_type"] for cell in model["content"]["cells"]}
        assert model["type"] == "notebook" and kinds == {"markdown", "code"}
        contents.save(model, f"notebooks/{path.name}")
        before, after = (VERSION.sub("", one.read_text(encoding="utf-8")) for one in (path, copy))
        assert after == before
        assert [*folder.glob(f"{path.stem}*")] == [copy], "no second file appears beside it"
