"""A stranger's model: no chat template, no pad token, never a kaomoji. The page is finished and says what is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small_models

from kaomoji_lib.stimuli import load_prompts

ROOT = Path(__file__).resolve().parents[1]
SYSTEMLESS = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
)


@pytest.fixture(
    scope="module", params=[("gpt2", None), ("llama", SYSTEMLESS)], ids=["gpt2", "llama"]
)
def page(request, tmp_path_factory):
    """The executed page of a random model that was not made for this project."""
    family, template = request.param
    folder = tmp_path_factory.mktemp(f"a stranger's {family}")
    small_models.write(folder / "model", family, template)
    load_prompts().groupby("category").head(6).to_csv(folder / "prompts.csv", index=False)
    source = folder / "10_local_model.ipynb"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "jupytext",
            "--to",
            "ipynb",
            "-o",
            source,
            ROOT / "notebooks" / "10_local_model.py",
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            sys.executable,
            "-m",
            "papermill",
            source,
            folder / "page.ipynb",
            "-p",
            "model",
            folder / "model",
            "-p",
            "prompts",
            folder / "prompts.csv",
            "-p",
            "generations",
            "2",
            "-p",
            "out",
            folder / "run",
        ],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    return family, json.loads((folder / "page.ipynb").read_text(encoding="utf-8")), folder


def shown(notebook):
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    return " ".join(
        "".join(text)
        for output in outputs
        for kind, text in output.get("data", {}).items()
        if kind.startswith("text")
    )


def test_the_page_is_finished_and_says_how_the_model_was_asked(page):
    family, notebook, _ = page
    text = shown(notebook)
    assert ("no chat template" in text) == (family == "gpt2")
    assert "Where this page comes from" in text


def test_a_model_without_faces_is_told_what_is_missing(page):
    _, notebook, folder = page
    import pandas as pd

    emissions = pd.read_parquet(folder / "run" / "emissions.parquet")
    typed = (emissions["outcome"] == "kaomoji").groupby(emissions["face"]).sum()
    assert len(emissions) == 54 * 2 and typed.max() < 3
    text = shown(notebook)
    assert text.count("Not available here") >= 2
    assert "only the organisms have a planted answer" in text.lower()


def test_states_are_analysed_all_the_same(page):
    _, notebook, _ = page
    figures = [
        data
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if (data := output.get("data", {}).get("application/vnd.plotly.v1+json"))
    ]
    assert any(trace["type"] == "scatter3d" for figure in figures for trace in figure["data"])


def test_a_model_of_a_folder_is_found_again(tmp_path):
    from kaomoji_lib.errors import KaomojiError
    from kaomoji_lib.models import controls, reloading
    from kaomoji_lib.models.collect import collect

    small_models.write(tmp_path / "my model", "llama", None)
    load_prompts().groupby("category").head(1).to_csv(tmp_path / "prompts.csv", index=False)
    run = collect(
        str(tmp_path / "my model"),
        prompts=tmp_path / "prompts.csv",
        generations=1,
        out=tmp_path / "run",
        progress=False,
    )
    assert str(tmp_path) not in json.dumps(run.manifest), "its place is no part of the manifest"
    assert reloading.reload(run, "cpu").revision == run.manifest["model"]["revision"]
    assert len(controls.controls(run, device="cpu").random_init) == 3
    (tmp_path / "my model").rename(tmp_path / "elsewhere")
    with pytest.raises(KaomojiError, match="put the folder back where it lay"):
        reloading.reload(run, "cpu")
    small_models.write(tmp_path / "my model", "llama", None, seed=5)
    with pytest.raises(KaomojiError, match="has changed since"):
        reloading.reload(run, "cpu")


def test_categories_of_ones_own(tmp_path):
    from kaomoji_lib import page as pages
    from kaomoji_lib.errors import KaomojiError
    from kaomoji_lib.models.collect import collect

    prompts = load_prompts().groupby("category").head(3).replace({"category": {"LN": "BLUE"}})
    prompts.to_csv(tmp_path / "prompts.csv", index=False)
    scheme = (ROOT / "data" / "categories.csv").read_text(encoding="utf-8").replace("LN,", "BLUE,")
    (tmp_path / "scheme.csv").write_text(scheme, encoding="utf-8")
    run = collect(
        "organism-gemma",
        prompts=tmp_path / "prompts.csv",
        generations=1,
        out=tmp_path / "run",
        progress=False,
    )
    assert "BLUE" in pages.read(run, tmp_path / "scheme.csv").scheme.codes
    with pytest.raises(KaomojiError, match="BLUE.*categories"):
        pages.read(run)
