"""What a model's own probabilities say: calibrated where they should be, found out where they are not."""

import numpy as np
import pandas as pd
import pytest
from kaomoji_lib.show import likelihoods as shown

from kaomoji_lib import cli, page
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import likelihoods
from kaomoji_lib.missing import Missing
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.score.job import score_run
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import load_prompts

FACES = [f"({eye}{mouth}{eye})" for eye in "^>oT" for mouth in "_‿ω"]
CODES = ["X", "Y", "Z"]


@pytest.fixture(scope="module")
def world():
    """60 prompts of three categories, the true log P of twelve faces behind each, and 40 replies a prompt drawn from them."""
    rng = np.random.default_rng(0)
    prompts = pd.DataFrame(
        {"id": [f"p{number}" for number in range(60)], "category": np.repeat(CODES, 20)}
    )
    of_category = rng.dirichlet(np.full(len(FACES), 0.5), size=3)
    odds = np.array(
        [rng.dirichlet(of_category[CODES.index(code)] * 20 + 1e-2) for code in prompts["category"]]
    )
    log_probs = pd.DataFrame(np.log(odds + 1e-12), index=prompts["id"], columns=FACES)
    rows = [
        (prompt, code, face)
        for prompt, code, chances in zip(prompts["id"], prompts["category"], odds, strict=True)
        for face in rng.choice(FACES, size=40, p=chances)
    ]
    return prompts, log_probs, pd.DataFrame(rows, columns=["prompt_id", "category", "face"])


def test_true_probabilities_lie_within_the_sampled_intervals(world):
    _, log_probs, emissions = world
    found = likelihoods.calibration(log_probs, emissions)
    assert found.inside.value > 0.9 and found.inside.p < 0.05 and found.replies == 60 * 40
    assert (found.table["typed"] >= 10).all() and found.table["typed"].is_monotonic_decreasing
    assert (
        (found.table["low"] < found.table["share"]) & (found.table["share"] < found.table["high"])
    ).all()


def test_probabilities_of_other_faces_do_not(world):
    _, log_probs, emissions = world
    order = np.random.default_rng(1).permutation(len(FACES))
    mixed = log_probs.iloc[:, order].set_axis(log_probs.columns, axis=1)
    found = likelihoods.calibration(mixed, emissions)
    assert found.inside.value < 0.6 and found.inside.p > 0.01
    assert likelihoods.calibration(log_probs + np.log(0.5), emissions).inside.value < 0.3


def test_both_rules_are_laid_beside_what_was_typed(world):
    prompts, log_probs, emissions = world
    table = likelihoods.rules_compared(log_probs, emissions, prompts, CODES).set_index("source")[
        "similarity"
    ]
    assert list(table.index) == ["mean probability", "mean log", "uniform guess", "marginal guess"]
    assert table["mean probability"].value > 0.95 and table["mean probability"].p < 0.01
    assert table["mean log"].value < table["mean probability"].value - 0.01
    dealt = log_probs.set_axis(np.random.default_rng(2).permutation(log_probs.index), axis=0).loc[
        log_probs.index
    ]
    nothing = likelihoods.rules_compared(dealt, emissions, prompts, CODES).set_index("source")[
        "similarity"
    ]["mean probability"]
    assert nothing.p > 0.01 and nothing.value < 0.9


def test_too_few_typed_faces_are_named(world):
    _, log_probs, emissions = world
    with pytest.raises(KaomojiError, match="collect more generations"):
        likelihoods.calibration(log_probs, emissions.head(5))


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
    source = page.read(run)
    assert isinstance(shown.scores(source, None, False), Missing)
    with pytest.raises(KaomojiError, match="kaomoji score organism-gemma --run"):
        run.likelihoods()
    scores = shown.scores(source, "organism-gemma", True, device="cpu")
    typed = set(run.emissions()["raw_face"].dropna())
    assert set(scores["spelling"]) == typed and set(scores["prompt_id"]) == set(run.prompts()["id"])
    written = run.likelihoods_path.stat().st_mtime_ns
    assert cli.main(["score", "organism-gemma", "--run", str(run.path), "--quiet"]) == 0
    assert "nats from plain forward passes" in capsys.readouterr().out
    pd.testing.assert_frame_equal(shown.scores(source, None, False), scores)
    assert run.likelihoods_path.stat().st_mtime_ns == written
    assert RunFolder(run.path).manifest == run.manifest and not list(run.path.glob(".*parts"))
    assert "float32, algorithm packed" in shown.proof(scores)
    calibration = likelihoods.calibration(likelihoods.by_face(scores), run.emissions(), least=1)
    texts = [
        text
        for trace in shown.calibration(calibration, "source").data
        for text in trace.text or ()
        if text
    ]
    assert 1 < len(texts) < len(calibration.table)


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
