"""The closed set: probabilities, texts that base models continue, conditional samples, and the answer to one message."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import small_models
from scipy import stats

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import choices
from kaomoji_lib.models import choose, organisms, scoring, templates
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import load_prompts

FEW = load_prompts().groupby("category").head(2)


@pytest.fixture(scope="module")
def inventory():
    """Faces of the toy models' pool, none of which begins another, and their categories."""
    table = organisms.pool().drop_duplicates("spelling").rename(columns={"spelling": "face"})
    faces = sorted(table["face"])
    nested = {b for a, b in zip(faces, faces[1:], strict=False) if b.startswith(a)}
    return table[~table["face"].isin(nested)].assign(foil=False).reset_index(drop=True)


@pytest.fixture(scope="module")
def chosen(inventory, tmp_path_factory):
    out = tmp_path_factory.mktemp("closed") / "choices.parquet"
    return choose.score_inventory("organism-gemma", inventory, FEW, out, progress=False)


def test_the_shipped_inventory_excludes_overlaps_and_overlapping_ones_are_refused(tmp_path):
    table = choose.load_inventory()
    assert len(table) > 100 and table["foil"].any() and table["face"].is_unique
    (tmp_path / "bad.csv").write_text("face,category\n(^_^),LP\n(^_^)/,LP\n", encoding="utf-8")
    with pytest.raises(KaomojiError, match="begins with"):
        choose.load_inventory(tmp_path / "bad.csv")


def test_listed_probabilities_are_those_of_the_scores_and_feed_the_metrics(chosen):
    assert {"category", "foil"} <= set(chosen) and "template_1" not in chosen
    log_prob = chosen.pivot(index="prompt_id", columns="face", values="log_prob_closed")
    listed = chosen.groupby("prompt_id")["listed"].first()
    assert np.exp(log_prob).sum(axis=1).to_numpy() == pytest.approx(listed.to_numpy(), rel=1e-6)
    assert (listed > 0.5).all(), "the toy model types little else than the pool"
    labels = load_prompts().set_index("id")["category"][log_prob.index]
    assert choices.choice(log_prob, labels).sum(axis=1).to_numpy() == pytest.approx(1)


def test_samples_are_reproducible_and_follow_the_conditional_distribution(chosen):
    chosen = chosen[chosen["prompt_id"].isin(chosen["prompt_id"].unique()[:4])]
    many = choose.draw(chosen, generations=400, seed=1, model="organism-gemma")
    pd.testing.assert_frame_equal(many, choose.draw(chosen, 400, 1, "organism-gemma"))
    assert not many["spelling"].equals(choose.draw(chosen, 400, 1, "another")["spelling"])
    for prompt, part in chosen.groupby("prompt_id"):
        chances = np.exp(part.set_index("spelling")["log_prob_closed"])
        counts = many[many["prompt_id"] == prompt]["spelling"].value_counts()
        rest = np.where(chances > 0.02 * chances.sum(), chances.index, "others")
        table = pd.DataFrame({"n": counts.reindex(chances.index, fill_value=0), "p": chances})
        table = table.groupby(rest).sum()
        assert stats.chisquare(table["n"], 400 * table["p"] / table["p"].sum()).pvalue > 1e-4


def test_a_model_without_a_template_continues_texts_that_are_averaged(
    tmp_path, inventory, monkeypatch
):
    monkeypatch.setattr(scoring, "CONTINUED", templates.CONTINUED[:2])
    folder, few = small_models.write(tmp_path / "base", "llama"), load_prompts().head(3)
    out, some = tmp_path / "out.parquet", inventory.head(6)
    table = choose.score_inventory(str(folder), some, few, out, progress=False)
    engine, how = small_models.engine(folder), table.attrs["scoring"]
    check = {"algorithm": "plain", "leads": how["leads"]}
    expected = []
    for text in templates.CONTINUED[:2]:
        template = dataclasses.replace(engine.template, plain=text)
        asked = dataclasses.replace(engine, template=template)
        alone = scoring.score(asked, some["face"], few, instruction="", check=check)
        expected.append(np.exp(alone["log_prob_closed"]))
    found = np.exp(table[["log_prob_closed", "template_2"]].to_numpy())
    assert found[:, 0] == pytest.approx(np.mean(expected, axis=0), rel=1e-3)
    assert found[:, 1] == pytest.approx(expected[1], rel=1e-3)
    assert -10 < how["reliability"] <= 1
    assert template.render(" {text} hi").startswith("{text} hi\n\nThe kaomoji")


def test_the_closed_set_of_a_run_is_kept_and_read_without_its_model(
    inventory, tmp_path, monkeypatch
):
    FEW.to_csv(tmp_path / "few.csv", index=False)
    options = {"prompts": tmp_path / "few.csv", "generations": 1, "progress": False}
    run = collect("organism-qwen", out=tmp_path / "run", **options)
    monkeypatch.setattr(choose, "load_inventory", lambda path=None: inventory.head(5))
    table = choose.closed_set(run, progress=False)
    monkeypatch.setattr(choose, "score_inventory", lambda *_, **__: pytest.fail("kept"))
    pd.testing.assert_frame_equal(choose.closed_set(run), table)
    assert choose.is_scored(run) and (table["listed"] < 1).all()


def test_reliability_is_one_for_agreeing_texts_and_near_zero_for_unrelated_ones():
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=(1, 40, 10)), rng.normal(size=(6, 40, 10))
    face = 5 * rng.normal(size=(1, 1, 10))
    assert choose.reliability(np.repeat(signal + face, 6, axis=0)) == pytest.approx(1)
    assert abs(choose.reliability(noise + face)) < 0.2
    # Spearman-Brown: six texts of reliability one half each.
    assert choose.reliability(signal + noise + face) == pytest.approx(6 / 7, abs=0.03)


def test_one_message_is_answered_with_probabilities_and_a_state(inventory, capsys):
    engine = small_models.engine("organism-gemma")
    faces, state = choose.ask(engine, load_prompts()["text"][0], inventory)
    assert faces["probability"].sum() == pytest.approx(1)
    assert faces["probability"].is_monotonic_decreasing and 0.5 < faces.attrs["listed"] <= 1
    assert state.shape == (len(engine.layers), 96)
    with pytest.raises(KaomojiError, match="message is empty"):
        choose.ask(engine, " ", inventory)
    assert cli.main(["ask", "organism-gemma", "we won!", "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4 and lines[0].split()[0].endswith("%") and "listed kaomoji" in lines[3]
