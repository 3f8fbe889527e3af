"""A stranger's model: no chat template, no pad token, never a kaomoji. Its page is finished and says what is missing."""

import json
from pathlib import Path

import jupytext
import papermill
import pytest
import small_models

from kaomoji_lib import page as pages
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import load_prompts

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "notebooks" / "10_model.py"


def write_prompts(path, count):
    """Write ``count`` messages per category to ``path`` and return it."""
    load_prompts().groupby("category").head(count).to_csv(path, index=False)
    return path


def test_the_page_of_a_strangers_model_is_finished(tmp_path, monkeypatch):
    place = tmp_path / "a stranger's model"
    small_models.write(place / "model", "gpt2")
    monkeypatch.setenv("KAOMOJI_RUNS", str(place / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    prompts = str(write_prompts(place / "prompts.csv", 2))
    given = {"model": str(place / "model"), "prompts": prompts, "generations": 2, "device": "cpu"}
    how = {"kernel_name": "python3", "cwd": str(ROOT), "progress_bar": False}
    out = str(place / "page.ipynb")
    notebook = papermill.execute_notebook(jupytext.read(TEMPLATE), out, given, **how)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = json.dumps(outputs)
    for said in ("no chat template", "Where this page comes from", "18 messages"):
        assert said in text
    drawn = [output.get("data", {}).get("application/vnd.plotly.v1+json") for output in outputs]
    figures = [figure["data"] for figure in drawn if figure]
    kinds = {trace["type"] for figure in figures for trace in figure}
    assert {"scatter3d", "scatter", "heatmap", "bar"} <= kinds and len(figures) >= 7


def test_a_model_of_a_folder_is_found_again(tmp_path):
    small_models.write(tmp_path / "my model", "llama")
    prompts = write_prompts(tmp_path / "prompts.csv", 1)
    options = dict(prompts=prompts, generations=1, out=tmp_path / "run", progress=False)
    run = collect(str(tmp_path / "my model"), **options)
    assert str(tmp_path) not in json.dumps(run.manifest), "its place is no part of the manifest"
    assert loading.load_run(run, "cpu").revision == run.manifest["model"]["revision"]
    (tmp_path / "my model").rename(tmp_path / "elsewhere")
    with pytest.raises(KaomojiError, match="put the folder back where it was"):
        loading.load_run(run, "cpu")
    small_models.write(tmp_path / "my model", "llama", seed=5)
    with pytest.raises(KaomojiError, match="has changed since"):
        loading.load_run(run, "cpu")
    with pytest.raises(KaomojiError, match="another run .*model"):
        collect(str(tmp_path / "my model"), **options)


def test_categories_of_ones_own(tmp_path):
    prompts = load_prompts().groupby("category").head(1).replace({"category": {"LN": "BLUE"}})
    prompts.to_csv(tmp_path / "prompts.csv", index=False)
    scheme = (ROOT / "data" / "categories.csv").read_text(encoding="utf-8").replace("LN,", "BLUE,")
    (tmp_path / "scheme.csv").write_text(scheme, encoding="utf-8")
    small_models.write(tmp_path / "model", "llama")
    options = dict(prompts=tmp_path / "prompts.csv", generations=1, out=tmp_path / "run")
    run = collect(str(tmp_path / "model"), **options, progress=False)
    assert "BLUE" in pages.read(run, tmp_path / "scheme.csv").scheme.codes
    with pytest.raises(KaomojiError, match="BLUE.*categories"):
        pages.read(run)
