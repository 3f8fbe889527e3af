"""Replies and states: equal to plain forward passes, and independent of who shares the batch."""

import numpy as np
import pytest
import small_models
import torch

from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import organisms
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

FAMILIES = ["organism-gemma", "organism-qwen"]
FEW = sampling.Sampling(generations=3, seed=5)


@pytest.fixture(scope="module")
def asked():
    prompts = load_prompts().iloc[[3, 50, 90, 171]]
    return [f"{INSTRUCTION} {text}" for text in prompts["text"]], list(prompts["id"])


@pytest.fixture(scope="module", params=[*FAMILIES, "gpt2", "llama"])
def engine(request, tmp_path_factory):
    if request.param in organisms.NAMES:
        return small_models.engine(request.param)
    return small_models.engine(
        small_models.write(tmp_path_factory.mktemp(request.param), request.param)
    )


@pytest.fixture(scope="module")
def sampled(engine, asked):
    return sampling.sample(engine, *asked, FEW)


def plain_states(engine, ids):
    """Outputs of every block at every position, from one uncached, unpadded forward: (layers, positions, hidden)."""
    outputs = []

    def keep(module, args, output):
        outputs.append(output[0] if isinstance(output, tuple) else output)

    handles = [block.register_forward_hook(keep) for block in engine.blocks]
    with torch.inference_mode():
        whole = engine.model(torch.tensor([ids]), use_cache=False, output_hidden_states=True)
    for handle in handles:
        handle.remove()
    return torch.stack([whole.hidden_states[0][0], *(output[0] for output in outputs)])


def test_states_equal_plain_forward_passes(engine, asked, sampled):
    rows, tensors = sampled
    faces = iter(tensors["face"])
    for row in rows:
        prompt = engine.encode(engine.template.render(asked[0][row["prompt"]]))
        plain = plain_states(engine, prompt + row["token_ids"])
        behind = plain[:, len(prompt) :]
        pairs = [(tensors["emit"][row["prompt"]], plain[:, len(prompt) - 1])]
        if row["first_row"] >= 0:
            visible = sampling.visible(engine, row["token_ids"])
            pairs.append((tensors["first"][row["first_row"]], behind[:, visible]))
        if row["outcome"] == "kaomoji":
            pieces = [engine.vocabulary[token] for token in row["token_ids"]]
            face = row["raw_face"].encode()
            start, ends = b"".join(pieces).index(face), np.cumsum([len(one) for one in pieces])
            starts = ends - [len(one) for one in pieces]
            inside = np.flatnonzero((ends > start) & (starts < start + len(face)))
            pairs.append((next(faces), behind[:, inside].mean(dim=1)))
        for found, expected in pairs:
            assert (found - expected).abs().max() / plain.abs().max() < 1e-4
    assert next(faces, None) is None


def test_last_layer_is_taken_before_the_final_norm(engine, asked, sampled):
    prompt = engine.encode(engine.template.render(asked[0][0]))
    with torch.inference_mode():
        normed = engine.model(
            torch.tensor([prompt]), use_cache=False, output_hidden_states=True
        ).hidden_states[-1][0, -1]
    assert not torch.allclose(sampled[1]["emit"][0, -1], normed, atol=1e-3)


def test_batch_and_order_do_not_change_replies(engine, asked, sampled):
    messages, keys = asked
    found = {}
    for part in [([m], [k]) for m, k in zip(*asked, strict=True)], [(messages[::-1], keys[::-1])]:
        for some in part:
            for row in sampling.sample(engine, *some, FEW)[0]:
                known = found.setdefault((some[1][row["prompt"]], row["generation"]), row)
                assert known["token_ids"] == row["token_ids"]
    for row in sampled[0]:
        assert found[keys[row["prompt"]], row["generation"]]["token_ids"] == row["token_ids"]


def test_every_reply_has_one_outcome_and_its_own_stream(engine, sampled):
    rows, _ = sampled
    assert {row["outcome"] for row in rows} <= set(faces.OUTCOMES)
    assert [(row["prompt"], row["generation"]) for row in rows] == [
        (p, g) for p in range(4) for g in range(3)
    ]
    assert len({tuple(row["token_ids"]) for row in rows}) > 4


def test_replies_end_soon_after_the_face():
    engine = small_models.engine("organism-gemma")
    prompts = load_prompts()
    rows, _ = sampling.sample(
        engine,
        [f"{INSTRUCTION} {text}" for text in prompts["text"][:20]],
        list(prompts["id"][:20]),
        FEW,
    )
    typed = [row for row in rows if row["outcome"] == "kaomoji"]
    assert len(typed) > 40
    assert all(len(row["text"]) - len(row["raw_face"]) < 12 for row in typed)


def test_first_tokens_follow_the_models_distribution_its_nucleus_or_its_best(asked):
    engine = small_models.engine("organism-gemma")
    prompt = engine.encode(engine.template.render(asked[0][0]))
    with torch.inference_mode():
        expected = engine.model(torch.tensor([prompt])).logits[0, -1].softmax(-1)

    def drawn(**options):
        how = sampling.Sampling(seed=1, max_new_tokens=1, **options)
        rows, _ = sampling.sample(engine, asked[0][:1], asked[1][:1], how)
        return [row["token_ids"][0] for row in rows if row["token_ids"]]

    counts = np.bincount(drawn(generations=600), minlength=len(expected)) / 600
    chances = expected.numpy()
    likely, error = chances > 0.02, np.sqrt(chances * (1 - chances) / 600)
    assert likely.sum() > 3 and (np.abs(counts - chances)[likely] < 4.5 * error[likely]).all()
    ordered, order = expected.sort(descending=True)
    nucleus = set(order[: int((ordered.cumsum(0) < 0.5).sum()) + 1].tolist())
    assert set(drawn(generations=100, top_p=0.5)) <= nucleus
    assert set(drawn(generations=100, temperature=0.0)) == {int(order[0])}


def test_without_a_cache_the_same_is_sampled(engine, asked):
    few, two = sampling.Sampling(2, seed=5, max_new_tokens=4), [part[:2] for part in asked]
    (rows, tensors), (others, expected) = (
        sampling.sample(engine, *two, few, cached=cached) for cached in (False, True)
    )
    assert [row["token_ids"] for row in rows] == [row["token_ids"] for row in others]
    for name, tensor in tensors.items():
        assert torch.allclose(tensor, expected[name], atol=1e-3, rtol=1e-3)


def test_only_wanted_layers_are_kept(asked):
    engine = small_models.engine("organism-gemma")
    _, every = sampling.sample(engine, *asked, FEW)
    _, some = sampling.sample(engine, *asked, FEW, layers=[0, 3])
    for position in ("emit", "first", "face"):
        assert torch.equal(some[position], every[position][:, [0, 3]])
