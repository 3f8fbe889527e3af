"""Scores: all algorithms equal plain forward passes, on every architecture, alone or together."""

import random

import numpy as np
import pandas as pd
import pytest
import small_models
import torch

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import forward, measuring, organisms, scoring, spellings, tree
from kaomoji_lib.models.scoring import PROMPTS_PER_PART as PER_PART
from kaomoji_lib.models.scoring import score_file
from kaomoji_lib.models.verify import closest_calls
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

ORGANISMS = ["organism-gemma", "organism-qwen"]
FACES = list(organisms.pool()["spelling"])
RANDOM = random.Random(0)
SEQUENCES = {
    "one": [(5,)],
    "nested": [(1,), (1, 2), (1, 2, 3)],
    "chain": [tuple(range(40))],
    "random": {tuple(RANDOM.choices(range(4), k=RANDOM.randint(1, 9))) for _ in range(300)},
}


@pytest.fixture(scope="module")
def asked():
    return load_prompts().iloc[[3, 50, 90, 171]]


@pytest.fixture(scope="module", params=[*ORGANISMS, *small_models.FAMILIES])
def setting(request, tmp_path_factory, asked):
    """A family's name, its engine, four prompts, a plan, and the plan's scores by plain forward passes."""
    folder = request.param
    if folder not in ORGANISMS:
        folder = small_models.write(tmp_path_factory.mktemp("toy"), folder)
    engine = small_models.engine(folder)
    prompts, plan = encode(engine, asked), spellings.plan(engine, FACES[::3])
    return request.param, engine, prompts, plan, measuring.measure(engine, prompts, plan, "plain")


def encode(engine, asked):
    messages = [f"{INSTRUCTION} {text}" for text in asked["text"]]
    return [engine.encode(engine.template.render(message)) for message in messages]


def by_hand(engine, prompt, sequence):
    """log P of a token sequence and the closest router decision on the way, by one call of the whole model."""
    ids = torch.tensor([[*prompt, *sequence]])
    with torch.inference_mode(), closest_calls(engine) as calls:
        logs = engine.model(ids, use_cache=False).logits[0].double().log_softmax(-1)
    steps = logs[len(prompt) - 1 : -1][range(len(sequence)), list(sequence)]
    return float(steps.sum()), min(calls, default=np.inf)


def test_scores_equal_a_call_of_the_whole_model_however_they_are_computed(setting):
    name, engine, prompts, plan, expected = setting
    for row, column in [(0, 0), (1, 7), (2, 10), (3, len(plan.spellings) - 1)]:
        value, _ = by_hand(engine, prompts[row], plan.sequences[column])
        assert expected[0][row, column] == pytest.approx(value, abs=1e-4)
    assert ("packed" in measuring.applicable(engine)) == (name != "granitemoehybrid")
    for algorithm in measuring.applicable(engine)[:-1]:
        for found, wanted in zip(measuring.measure(engine, prompts, plan, algorithm, 24), expected):
            off = np.argwhere(np.abs(found - wanted) > 1e-3)
            assert len(off) <= (0.02 * found.size if name == "gpt_oss" else 0)
            for row, column in off:
                _, margin = by_hand(engine, prompts[row], plan.sequences[column])
                assert margin < 1e-5 and abs(found[row, column] - wanted[row, column]) < 2
    # Padded equals unpadded, one equals many.
    fastest = measuring.applicable(engine)[0]
    assert len({len(prompt) for prompt in prompts}) > 1
    alone = [measuring.measure(engine, [one], plan, fastest)[0] for one in prompts]
    many = measuring.measure(engine, prompts * 2, plan, fastest)[0]
    assert np.abs(np.concatenate(alone) - expected[0]).max() < 1e-3
    assert np.abs(many - np.tile(expected[0], (2, 1))).max() < 1e-3


@pytest.mark.parametrize("family", ["organism-gemma", "organism-qwen", "gemma4"])
def test_controls_that_must_be_wrong_are_wrong(family, tmp_path, asked, monkeypatch):
    written = family in ORGANISMS or small_models.write(tmp_path, family)
    engine = small_models.engine(family if written is True else written)
    prompts, plan, real = encode(engine, asked), spellings.plan(engine, FACES[::3]), tree.masks
    expected = measuring.measure(engine, prompts, plan, "plain")[0]

    def error():
        return np.abs(measuring.measure(engine, prompts, plan, "packed")[0] - expected).max()

    def blind(*given):
        masks = real(*given)
        return dict.fromkeys(masks, masks["full_attention"])

    faults = {"ancestry": lambda parent: torch.ones(len(parent), len(parent)).tril().bool()}
    if family == "organism-qwen":
        faults["delta_layers"] = lambda model: ()
    else:
        faults["masks"] = blind
    assert error() < 1e-3
    for name, fault in faults.items():
        with monkeypatch.context() as patch:
            patch.setattr(tree, name, fault)
            assert error() > 0.01


@pytest.mark.parametrize("family", ["llama", *ORGANISMS])
def test_closed_mass_equals_brute_force(tmp_path, asked, family):
    engine = small_models.engine(
        family if family in ORGANISMS else small_models.write(tmp_path, family)
    )
    [prompt], words = encode(engine, asked.head(1)), ["(^_^", "(^_^)", "(>_<"]
    plan = spellings.plan(engine, words)
    log_probs, closed = measuring.measure(engine, [prompt], plan, "packed")
    for column, word in enumerate(words):
        along_path = all_ways(engine, prompt, word.encode(), path=plan.sequences[column])
        every_way = all_ways(engine, prompt, word.encode())
        assert closed[0, column] == pytest.approx(np.log(along_path), abs=1e-4)
        assert log_probs[0, column] <= closed[0, column] <= np.log(every_way) + 1e-4
    assert (closed > log_probs + 1e-3).any()


def all_ways(engine, prompt, rest, path=None, typed=()):
    """P(the reply begins with the bytes ``rest``) by plain forward passes over all ways to tokenise it.

    With ``path``, only ways that follow this sequence until the token that completes the bytes.
    """
    with torch.inference_mode():
        logits = engine.model(torch.tensor([[*prompt, *typed]]), use_cache=False).logits[0, -1]
    total = 0.0
    for token, odds in enumerate(logits.double().softmax(-1).tolist()):
        content = engine.vocabulary[token]
        if content and content.startswith(rest):
            total += odds
        elif content and rest.startswith(content) and (path is None or path[len(typed)] == token):
            beyond = rest[len(content) :]
            total += odds * all_ways(engine, prompt, beyond, path, (*typed, token))
    return total


def test_slices_of_the_head_and_shared_beginnings_change_nothing(setting):
    name, engine, prompts, _, _ = setting
    weight = engine.model.get_output_embeddings().weight
    with torch.inference_mode():
        shared, whole = (forward.prefill(engine, prompts, share) for share in (True, False))
        logits = forward.lm_head_logits(engine, whole.last)
        starts, slices = zip(*forward.lm_head_slices(engine, whole.last, 100), strict=True)
    assert starts == tuple(range(0, logits.shape[-1], 100))
    assert torch.allclose(torch.cat(slices, dim=-1), logits, atol=1e-5)
    assert engine.model.get_output_embeddings().weight is weight
    if name in ("gpt2", "llama", "granite"):
        assert shared.mask.shape[1] > 20 and (shared.mask[:, :20] == 1).all()
    assert torch.allclose(shared.last, whole.last, atol=1e-4)


@pytest.mark.parametrize("limit", [1, 7, 32, 512])
@pytest.mark.parametrize("kind", SEQUENCES)
def test_bins_compute_every_internal_node_once(kind, limit):
    sequences = list(SEQUENCES[kind])
    trie = spellings.build(sequences)
    assert [tuple(trie.token[list(path)]) for path in trie.paths] == sequences
    found = spellings.bins(trie, limit)
    computed = [int(node) for nodes, _, fresh in found for node in nodes[fresh]]
    assert sorted(computed) == [node for node in np.flatnonzero(trie.internal) if node]
    for nodes, parent, _ in found:
        assert len(nodes) <= max(limit, trie.depth.max())
        for place, above in enumerate(trie.parent[nodes]):
            assert nodes[parent[place]] == above if above else parent[place] == -1
    if (kind, limit) == ("random", 32):
        assert sum(len(nodes) for nodes, _, _ in found) < 1.5 * trie.internal.sum()


def test_batches_shrink_when_memory_does_not_suffice(asked, monkeypatch):
    engine = small_models.engine("organism-gemma")
    expected, real, tried = scoring.score(engine, FACES, asked), measuring.measure, []

    def scarce(engine, prompts, words, algorithm, nodes=16):
        if len(words.spellings) == len(FACES):
            tried.append((len(prompts), nodes))
            if len(prompts) > 1 or nodes > 128:
                raise torch.OutOfMemoryError("no more memory")
        return real(engine, prompts, words, algorithm, nodes)

    monkeypatch.setattr(measuring, "measure", scarce)
    found = scoring.score(engine, FACES, asked)
    assert np.allclose(found["log_prob"], expected["log_prob"], atol=1e-4)
    assert tried[0][0] == 4 and tried[-4:] == [(1, 128)] * 4
    monkeypatch.setattr(measuring, "measure", lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(KaomojiError, match="--dtype"):
        scoring.score(engine, FACES, asked, check={"algorithm": "packed"})


def test_a_spelling_that_is_no_face_is_marked_and_an_unwritable_one_is_not_scored(
    asked, monkeypatch
):
    engine, real = small_models.engine("organism-gemma"), spellings.tokens
    unwritable = lambda engine, one: () if one == "(^_^)" else real(engine, one)  # noqa: E731
    monkeypatch.setattr(spellings, "tokens", unwritable)
    found = scoring.score(engine, ["(", "(^_^)", "(T_T)"], asked).set_index("spelling")
    assert found.loc["(", "face"].isna().all() and found.loc["(T_T)", "face"].notna().all()
    assert (found.loc["(", "log_prob_closed"] > np.log(0.2)).any()
    assert found.loc["(^_^)", "log_prob"].isna().all() and found.loc["(T_T)", "log_prob"].all()
    assert (found.loc["(^_^)", "n_tokens"] == 0).all()
    with pytest.raises(KaomojiError, match="check the list"):
        scoring.score(engine, ["(^_^)"], asked)


def test_a_stopped_file_goes_on_and_a_finished_one_is_left(tmp_path, monkeypatch, capsys):
    lines = "\ufeff" + "\n".join([*FACES, "", FACES[0], "("]) + "\r\n"
    (tmp_path / "faces.txt").write_text(lines, encoding="utf-8")
    load_prompts().head(PER_PART + 5).to_csv(tmp_path / "prompts.csv", index=False)
    real, calls, inputs = scoring.score, [], (tmp_path / "faces.txt", tmp_path / "prompts.csv")

    def interrupted(*given, **named):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **named)

    def scored(name, **options):
        return score_file("organism-gemma", *inputs, tmp_path / name, progress=False, **options)

    whole = scored("whole.parquet")
    assert " ".join(whole) == "prompt_id spelling face log_prob log_prob_closed n_tokens"
    assert len(whole) == (len(FACES) + 1) * (PER_PART + 5)
    monkeypatch.setattr(scoring, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scored("again.parquet")
    assert not (tmp_path / "again.parquet").exists()
    for _ in range(2):
        pd.testing.assert_frame_equal(whole, scored("again.parquet"))
        assert len(calls) == 3 and not list(tmp_path.glob(".*"))
    with pytest.raises(KaomojiError, match="dtype: there"):
        scored("again.parquet", dtype="bfloat16")
    command = ["score", "organism-gemma", "--faces", str(inputs[0]), "--prompts", str(inputs[1])]
    assert cli.main([*command, "--out", str(tmp_path / "again.parquet")]) == 0
    assert "algorithm packed" in capsys.readouterr().out
