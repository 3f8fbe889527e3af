"""What a model's own probabilities say: calibrated where they should be, found out where they are not."""

import pytest

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.scoring import score_run
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import load_prompts


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    load_prompts().groupby("category").head(3).to_csv(folder / "prompts.csv", index=False)
    return collect(
        "organism-gemma",
        prompts=folder / "prompts.csv",
        generations=2,
        out=folder / "run",
        progress=False,
    )


def test_a_run_is_scored_once_into_its_folder(run, capsys):
    with pytest.raises(KaomojiError, match="kaomoji score organism-gemma --run"):
        run.likelihoods()
    scores = score_run(run, "organism-gemma", device="cpu", progress=False)
    assert set(scores["spelling"]) == set(run.emissions()["raw_face"].dropna())
    assert set(scores["prompt_id"]) == set(run.prompts()["id"])
    written = run.likelihoods_path.stat().st_mtime_ns
    assert cli.main(["score", "organism-gemma", "--run", str(run.path), "--quiet"]) == 0
    assert "nats from plain forward passes" in capsys.readouterr().out
    assert run.likelihoods_path.stat().st_mtime_ns == written
    assert RunFolder(run.path).manifest == run.manifest and not list(run.path.glob(".*parts"))


def test_another_model_or_no_files_are_refused(run, tmp_path, capsys):
    run.likelihoods_path.unlink(missing_ok=True)
    with pytest.raises(KaomojiError, match="organism-gemma .*not with organism-qwen"):
        score_run(run, "organism-qwen")
    for line, named in (
        (["--run", str(run.path), "--out", "x"], "leave --faces"),
        (["--faces", "x"], "--run DIR"),
        ([], "--run DIR"),
    ):
        assert cli.main(["score", "organism-gemma", *line]) == 2
        assert named in capsys.readouterr().err
