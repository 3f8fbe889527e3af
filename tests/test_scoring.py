"""Scores: every algorithm equals plain forward passes, on every architecture, alone or together."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import small_models
import torch
import toy_families
import transformers
from scipy import stats

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import likelihoods
from kaomoji_lib.models import organisms
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.loading import text_blocks
from kaomoji_lib.models.score import algorithms as scoring_algorithms
from kaomoji_lib.models.score import measuring, routing, scoring, spellings, tree_delta, tree_masks
from kaomoji_lib.models.score.job import ScoringJob, score_file
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

ORGANISMS = [f"organism-{short}" for short in ("gemma", "qwen")]
FACES = list(organisms.pool()["spelling"])
FAST = [name for name in scoring_algorithms.ALGORITHMS if name != "plain"]
RECURRENT = {"qwen3_5", "qwen3_5-wrapper", "organism-qwen"}
LEVELS_ONLY = {"granitemoehybrid"}
PER_PART = ScoringJob.prompts_per_part
ROUTED = {"gpt_oss", "granitemoehybrid"}


@pytest.fixture(scope="module")
def asked():
    return load_prompts().iloc[[3, 50, 90, 171]]


@pytest.fixture(scope="module", params=[*ORGANISMS, *toy_families.FAMILIES])
def named_engine(request, tmp_path_factory):
    if request.param in ORGANISMS:
        return request.param, small_models.engine(request.param)
    return request.param, toy_families.engine(
        toy_families.write(tmp_path_factory.mktemp("toy"), request.param)
    )


@pytest.fixture(scope="module")
def wanted(named_engine):
    return spellings.plan(named_engine[1], FACES)


@pytest.fixture(scope="module")
def encoded(named_engine, asked):
    return encode(named_engine[1], asked)


@pytest.fixture(scope="module")
def reference(named_engine, wanted, encoded):
    return measuring.measure(named_engine[1], encoded, wanted, "plain")


def encode(engine, asked):
    return [
        engine.encode(engine.template.render(f"{INSTRUCTION} {text}")) for text in asked["text"]
    ]


def by_hand(engine, prompt, sequence):
    """log P of a token sequence and the closest router decision on the way, by one call of the whole model."""
    with torch.inference_mode(), routing.closest_calls(engine) as calls:
        logs = (
            engine.model(torch.tensor([[*prompt, *sequence]]), use_cache=False)
            .logits[0]
            .double()
            .log_softmax(-1)
        )
    value = sum(float(logs[len(prompt) - 1 + place, token]) for place, token in enumerate(sequence))
    return value, min(calls, default=np.inf)


def test_plain_scores_equal_a_call_of_the_whole_model(named_engine, wanted, encoded, reference):
    _, engine = named_engine
    for row, column in [(0, 0), (1, 7), (2, 20), (3, len(FACES) - 1)]:
        value, _ = by_hand(engine, encoded[row], wanted.sequences[column])
        assert reference[0][row, column] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("algorithm", FAST)
def test_fast_scores_equal_plain_ones(named_engine, wanted, encoded, reference, algorithm):
    name, engine = named_engine
    applicable = scoring_algorithms.applicable(engine)
    assert ("packed" in applicable) == (name not in LEVELS_ONLY)
    if algorithm not in applicable:
        return
    for found, expected in zip(
        measuring.measure(engine, encoded, wanted, algorithm, nodes=24), reference, strict=True
    ):
        off = np.argwhere(np.abs(found - expected) > 1e-3)
        assert len(off) == 0 if name not in ROUTED else len(off) <= 0.02 * found.size
        for row, column in off:
            _, margin = by_hand(engine, encoded[row], wanted.sequences[column])
            assert margin < 1e-5 and abs(found[row, column] - expected[row, column]) < 2


def test_padded_equals_unpadded_and_one_equals_many(named_engine, wanted, encoded, reference):
    _, engine = named_engine
    fastest = scoring_algorithms.applicable(engine)[0]
    assert len({len(prompt) for prompt in encoded}) > 1
    alone = np.concatenate(
        [measuring.measure(engine, [prompt], wanted, fastest)[0] for prompt in encoded]
    )
    many = measuring.measure(engine, encoded * 4, wanted, fastest)[0]
    assert np.abs(alone - reference[0]).max() < 1e-3
    assert np.abs(many - np.tile(reference[0], (4, 1))).max() < 1e-3


def test_bfloat16_stays_within_its_rounding(named_engine, tmp_path_factory, asked):
    name, engine = named_engine
    if name in ORGANISMS:
        return
    half = toy_families.engine(
        toy_families.write(tmp_path_factory.mktemp("half"), name), "bfloat16"
    )
    assert half.dtype == torch.bfloat16
    words, prompts = spellings.plan(half, FACES[::4]), encode(half, asked)
    plain, _ = measuring.measure(half, prompts, words, "plain")
    fast, _ = measuring.measure(half, prompts, words, scoring_algorithms.applicable(half)[0])
    exact, _ = measuring.measure(engine, prompts, spellings.plan(engine, FACES[::4]), "plain")
    rounding = np.abs(plain - exact)
    assert np.abs(fast - exact).mean() < 1.5 * rounding.mean() + 0.02
    assert np.abs(fast - plain).max() < max(2 * rounding.max(), 0.5)


def test_the_wrapper_class_itself_is_scored_alike(tmp_path, asked):
    folder = toy_families.write(tmp_path, "qwen3_5-wrapper")
    engine = toy_families.engine(folder)
    whole = transformers.AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32
    ).eval()
    assert type(whole).__name__ == "Qwen3_5ForConditionalGeneration" != type(engine.model).__name__
    wrapped = dataclasses.replace(engine, model=whole, blocks=text_blocks(whole))
    prompts = encode(engine, asked)
    words = spellings.plan(engine, FACES)
    expected, _ = measuring.measure(engine, prompts, words, "plain")
    assert np.abs(measuring.measure(wrapped, prompts, words, "plain")[0] - expected).max() < 1e-4
    assert np.abs(measuring.measure(wrapped, prompts, words, "packed")[0] - expected).max() < 1e-3


def test_controls_that_must_be_wrong_are_wrong(
    named_engine, wanted, encoded, reference, monkeypatch
):
    name, engine = named_engine
    if "packed" not in scoring_algorithms.applicable(engine):
        return

    def error():
        return np.abs(measuring.measure(engine, encoded, wanted, "packed")[0] - reference[0]).max()

    assert error() < 1e-3
    with monkeypatch.context() as patch:
        patch.setattr(
            tree_masks,
            "ancestry",
            lambda parent: torch.ones(len(parent), len(parent)).tril().bool(),
        )
        assert error() > 0.01
    config = scoring_algorithms.text_config(engine)
    if "sliding_attention" in tree_masks.layer_kinds(config):
        real = tree_masks.tree_masks
        with monkeypatch.context() as patch:
            patch.setattr(
                tree_masks,
                "tree_masks",
                lambda config, *rest: dict.fromkeys(
                    masks := real(config, *rest), masks["full_attention"]
                ),
            )
            assert error() > 0.01
    if name in RECURRENT:
        with monkeypatch.context() as patch:
            patch.setattr(tree_delta, "delta_layers", lambda model: ())
            assert error() > 0.01


def test_closed_mass_equals_brute_force(tmp_path, asked):
    engine = toy_families.engine(toy_families.write(tmp_path, "llama"))
    prompt = encode(engine, asked)[0]
    words = ["(^_^", "(^_^)", "(>_<", "the do"]
    found = spellings.plan(engine, words)
    log_probs, closed = measuring.measure(engine, [prompt], found, "packed")
    for column, word in enumerate(words):
        sequence = found.sequences[column]
        along_path = all_ways(engine, prompt, word.encode(), path=sequence)
        every_way = all_ways(engine, prompt, word.encode())
        assert closed[0, column] == pytest.approx(np.log(along_path), abs=1e-4)
        assert log_probs[0, column] <= closed[0, column] <= np.log(every_way) + 1e-4
    assert (closed > log_probs + 1e-3).any()


def all_ways(engine, prompt, rest, path=None, typed=()):
    """P(the reply begins with the bytes ``rest``) by plain forward passes over all ways to tokenise it.

    With ``path``, only ways that follow this sequence until the token that completes the bytes.
    """
    with torch.inference_mode():
        odds = (
            engine.model(torch.tensor([[*prompt, *typed]]), use_cache=False)
            .logits[0, -1]
            .double()
            .softmax(-1)
        )
    total = 0.0
    for token, content in enumerate(engine.vocabulary):
        if content and content.startswith(rest):
            total += float(odds[token])
        elif content and rest.startswith(content) and (path is None or path[len(typed)] == token):
            total += float(odds[token]) * all_ways(
                engine, prompt, rest[len(content) :], path, (*typed, token)
            )
    return total


def test_tokens_beyond_the_end_are_added_for_tokenizers_of_both_kinds(asked):
    for name in ("organism-gemma", "organism-qwen"):
        engine = small_models.engine(name)
        found = spellings.plan(engine, FACES)
        for entry, row in zip(found.overshoot_entry, found.overshoot_token, strict=True):
            node, spelling = found.entry_node[entry], found.entry_spelling[entry]
            typed = [found.trie.token[one] for one in found.trie.path(int(node))]
            whole = b"".join(engine.vocabulary[one] for one in [*typed, row])
            assert whole.startswith(FACES[spelling].encode())
        frame = scoring.score(engine, FACES, asked)
        assert (frame["log_prob_closed"] >= frame["log_prob"] - 1e-9).all()
        assert (frame["log_prob_closed"] > frame["log_prob"] + 1e-3).any()
        assert scoring.score(engine, FACES[:3], asked, closed=False)["log_prob_closed"].isna().all()


def test_logits_are_made_in_chunks_of_bounded_size(asked, monkeypatch):
    engine = small_models.engine("organism-gemma")
    expected = scoring.score(engine, FACES, asked)
    sizes, real = [], measuring.lm_head_logits
    monkeypatch.setattr(
        measuring, "lm_head_logits", lambda *arguments: sizes.append(real(*arguments)) or sizes[-1]
    )
    monkeypatch.setattr(measuring, "LOGITS_AT_ONCE", 20 * len(engine.vocabulary))
    monkeypatch.setattr(measuring, "COLUMNS_AT_ONCE", 100)
    found = scoring.score(engine, FACES, asked)
    assert max(logits.numel() for logits in sizes) <= measuring.LOGITS_AT_ONCE and len(sizes) > 10
    assert np.allclose(found["log_prob_closed"], expected["log_prob_closed"], atol=1e-4)
    random = torch.randn(3, 5, 1234, generator=torch.Generator().manual_seed(0)) * 50
    assert torch.allclose(measuring.log_normaliser(random), random.logsumexp(-1), atol=1e-4)


def test_batches_shrink_when_memory_does_not_suffice(asked, monkeypatch):
    engine = small_models.engine("organism-gemma")
    expected, real, tried = scoring.score(engine, FACES, asked), measuring.measure, []

    def scarce(engine, prompts, words, algorithm, nodes=None, **rest):
        if len(words.spellings) == len(FACES):
            tried.append((len(prompts), nodes))
            if len(prompts) > 1 or (nodes or 512) > 128:
                raise torch.OutOfMemoryError("no more memory")
        return real(engine, prompts, words, algorithm, nodes)

    monkeypatch.setattr(measuring, "measure", scarce)
    found = scoring.score(engine, FACES, asked)
    assert np.allclose(found["log_prob"], expected["log_prob"], atol=1e-4)
    assert tried[0][0] == 4 and tried[-4:] == [(1, 128)] * 4
    monkeypatch.setattr(measuring, "measure", lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(KaomojiError, match="--dtype"):
        scoring.score(engine, FACES, asked, check={"algorithm": "packed"})


def test_scores_agree_with_what_the_model_types(asked):
    engine = small_models.engine("organism-gemma")
    words, replies = FACES, 1500
    for place in (0, 2):
        one = asked.iloc[[place]]
        drawn, _ = sampling.sample(
            engine,
            [f"{INSTRUCTION} {text}" for text in one["text"]],
            list(one["id"]),
            sampling.Sampling(generations=replies, seed=7),
        )
        counts = pd.Series(
            [row["face"] for row in drawn if row["outcome"] == "kaomoji"]
        ).value_counts()
        predicted = np.exp(likelihoods.by_face(scoring.score(engine, words, one))).iloc[0]
        frequent = counts[counts >= 30]
        assert len(frequent) >= 3
        for face, count in frequent.items():
            low, high = stats.binomtest(int(count), replies).proportion_ci(confidence_level=0.999)
            assert low <= predicted[face] <= high, (face, count / replies, predicted[face])


def test_typed_faces_are_likelier_where_they_were_typed(asked):
    engine = small_models.engine("organism-gemma")
    prompts = load_prompts().groupby("category").head(3)
    drawn, _ = sampling.sample(
        engine,
        [f"{INSTRUCTION} {text}" for text in prompts["text"]],
        list(prompts["id"]),
        sampling.Sampling(4),
    )
    typed = pd.DataFrame(
        {
            "prompt_id": [prompts["id"].iloc[row["prompt"]] for row in drawn],
            "face": [row["face"] for row in drawn],
        }
    )
    scores = likelihoods.by_face(scoring.score(engine, FACES, prompts))
    found = likelihoods.own_prompt_advantage(scores, typed.dropna())
    assert found.ci_low > 1 and found.p < 0.01
    lost = scores.copy()
    lost[:] = np.random.default_rng(0).permutation(scores.to_numpy())
    nothing = likelihoods.own_prompt_advantage(lost, typed.dropna())
    assert nothing.p > 0.01 and nothing.value < found.value / 3


def frame(rows):
    return pd.DataFrame(
        rows, columns=["prompt_id", "spelling", "face", "log_prob", "log_prob_closed"]
    )


def test_spellings_of_a_face_are_combined_and_nested_ones_counted_once():
    scores = frame(
        [
            ("a", "(≖ᴗ≖)", "(≖‿≖)", np.log(0.10), np.log(0.115)),
            ("a", "(≖‿≖)", "(≖‿≖)", np.log(1e-7), np.log(1e-7)),
            ("a", "(^_^)", "(^_^)", np.log(0.2), np.log(0.2)),
            ("a", "(^_^)ﾉ", "(^_^)", np.log(0.05), np.log(0.05)),
            ("a", "(", None, np.log(0.9), np.log(0.99)),
            ("a", "□", "□", np.nan, np.nan),
        ]
    )
    found = np.exp(likelihoods.by_face(scores)).loc["a"]
    assert found["(≖‿≖)"] == pytest.approx(0.1150001)
    assert found["(^_^)"] == pytest.approx(0.2)
    assert list(found.index) == ["(≖‿≖)", "(^_^)"]
    assert np.exp(likelihoods.by_face(scores, "log_prob")).loc["a", "(≖‿≖)"] == pytest.approx(
        0.1000001
    )


def test_a_face_is_read_by_mean_probability_and_by_the_published_rule():
    prompts = pd.DataFrame({"id": ["a", "b", "c", "d"], "category": ["X", "X", "Y", "Y"]})
    log_probs = np.log(
        pd.DataFrame(
            {"f": [0.4, 0.2, 0.1, 0.1], "rare": [1e-200, 1e-200, 3e-200, 3e-200]},
            index=list("abcd"),
        )
    )
    mean = likelihoods.by_category(log_probs, prompts, ["X", "Y"]).table
    assert mean.loc["f", "X"] == pytest.approx(0.3 / 0.4)
    assert mean.loc["rare", "Y"] == pytest.approx(0.75)
    published = likelihoods.by_category(log_probs, prompts, ["X", "Y"], "mean log").table
    assert published.loc["f", "X"] == pytest.approx(np.sqrt(0.08) / (np.sqrt(0.08) + 0.1))
    with pytest.raises(KaomojiError, match="category Z"):
        likelihoods.by_category(log_probs, prompts, ["X", "Z"])
    with pytest.raises(KaomojiError, match="unknown rule"):
        likelihoods.by_category(log_probs, prompts, ["X", "Y"], "median")


def test_a_spelling_that_is_no_face_is_marked_and_an_unwritable_one_is_not_scored(
    asked, monkeypatch
):
    engine = small_models.engine("organism-gemma")
    found = scoring.score(engine, ["(", "(^_^)"], asked)
    assert found.loc[found["spelling"] == "(", "face"].isna().all()
    assert (found.loc[found["spelling"] == "(", "log_prob_closed"] > np.log(0.2)).any()
    real = spellings.tokens
    monkeypatch.setattr(
        spellings, "tokens", lambda engine, one: () if one == "(^_^)" else real(engine, one)
    )
    found = scoring.score(engine, ["(^_^)", "(T_T)"], asked).set_index("spelling")
    assert (
        found.loc["(^_^)", "log_prob"].isna().all() and (found.loc["(^_^)", "n_tokens"] == 0).all()
    )
    assert found.loc["(T_T)", "log_prob"].notna().all()


@pytest.mark.parametrize("words", [[], [""], ["(^_^)", "  "]])
def test_empty_lists_of_faces_are_refused(words, asked):
    with pytest.raises(KaomojiError, match="check the list"):
        scoring.score(small_models.engine("organism-gemma"), words, asked)


# -- files and command line ------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    (tmp_path / "faces.txt").write_text(
        "\ufeff" + "\n".join([*FACES, "", FACES[0], "("]) + "\r\n", encoding="utf-8"
    )
    load_prompts().head(PER_PART + 5).to_csv(tmp_path / "prompts.csv", index=False)
    return tmp_path


def test_a_stopped_file_goes_on_and_a_finished_one_is_left(files, monkeypatch):
    arguments = ("organism-gemma", files / "faces.txt", files / "prompts.csv")
    whole = score_file(*arguments, files / "whole.parquet", progress=False)
    assert list(whole.columns) == list(scoring.COLUMNS) and len(whole) == (len(FACES) + 1) * (
        PER_PART + 5
    )
    real, calls = scoring.score, []

    def interrupted(*given, **named):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **named)

    monkeypatch.setattr(scoring, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score_file(*arguments, files / "again.parquet", progress=False)
    assert not (files / "again.parquet").exists()
    again = score_file(*arguments, files / "again.parquet", progress=False)
    assert len(calls) == 3
    pd.testing.assert_frame_equal(whole, again)
    pd.testing.assert_frame_equal(whole, pd.read_parquet(files / "again.parquet"))
    assert (
        score_file(*arguments, files / "again.parquet", progress=False).equals(whole)
        and len(calls) == 3
    )
    assert not list(files.glob(".*"))
    with pytest.raises(KaomojiError, match="dtype: there"):
        score_file(*arguments, files / "again.parquet", dtype="bfloat16", progress=False)


def test_the_command_survives_being_killed(files):
    command = [
        sys.executable,
        "-m",
        "kaomoji_lib",
        "score",
        "organism-gemma",
        "--faces",
        files / "faces.txt",
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, "--out", files / "killed.parquet", "--quiet"],
        env=environment,
        start_new_session=True,
    )
    parts = files / ".killed.parquet.parts"
    while process.poll() is None and len(list(parts.glob("*.parquet"))) < 2:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (files / "killed.parquet").exists()
    for name in ("killed", "whole"):
        done = subprocess.run(
            [*command, "--out", files / f"{name}.parquet"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert (
            done.returncode == 0
            and "algorithm packed" in done.stdout
            and "no face by themselves: (" in done.stderr
        )
    pd.testing.assert_frame_equal(
        pd.read_parquet(files / "killed.parquet"), pd.read_parquet(files / "whole.parquet")
    )


@pytest.mark.parametrize(
    "content, named",
    [(None, "does not exist"), (b"\n \n", "has no spelling"), (b"\xff\xfe(", "cannot be read")],
)
def test_a_bad_list_of_faces_is_named_with_the_remedy(tmp_path, content, named):
    if content is not None:
        (tmp_path / "faces.txt").write_bytes(content)
    with pytest.raises(KaomojiError, match=named):
        score_file(
            "organism-gemma", tmp_path / "faces.txt", out=tmp_path / "out.parquet", progress=False
        )
