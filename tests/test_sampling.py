"""Replies and states of every architecture: equal to plain forward passes, whoever shares the batch."""

import numpy as np
import pytest
import small_models
import torch

from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.verify import closest_calls
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

ORGANISMS = ("organism-gemma", "organism-qwen")
RECURRENT = {"organism-qwen", "qwen3_5", "qwen3_5-wrapper", "granitemoehybrid"}
ROUTED = {"gpt_oss", "granitemoehybrid"}
FEW = sampling.Sampling(generations=2, seed=5, max_new_tokens=16)


@pytest.fixture(scope="module")
def asked():
    prompts = load_prompts().iloc[[3, 25, 50, 72, 90, 130, 150, 171]]
    return [f"{INSTRUCTION} {text}" for text in prompts["text"]], list(prompts["id"])


@pytest.fixture(scope="module", params=[*ORGANISMS, *small_models.FAMILIES])
def family(request, tmp_path_factory):
    folder = request.param
    if folder not in ORGANISMS:
        folder = small_models.write(tmp_path_factory.mktemp("model"), folder)
    return request.param, small_models.engine(folder)


@pytest.fixture(scope="module")
def sampled(family, asked):
    return sampling.sample(family[1], *asked, FEW)


def plain_states(engine, ids):
    """States (layers, positions, hidden) of one uncached, unpadded forward pass, and its closest router decision."""
    outputs = []

    def keep(module, args, output):
        outputs.append(output[0] if isinstance(output, tuple) else output)

    handles = [block.register_forward_hook(keep) for block in engine.blocks]
    with torch.inference_mode(), closest_calls(engine) as calls:
        whole = engine.model(torch.tensor([ids]), use_cache=False, output_hidden_states=True)
    for handle in handles:
        handle.remove()
    states = torch.cat([whole.hidden_states[0], *outputs])
    assert not torch.allclose(states[-1], whole.hidden_states[-1], atol=1e-3), "before the norm"
    return states.float(), min(calls, default=np.inf)


def relative(found, expected):
    return float(((found - expected).abs().amax(dim=-1) / expected.abs().amax(dim=-1)).max())


def test_states_equal_plain_forward_passes(family, asked, sampled):
    name, engine = family
    (rows, tensors), off, face_states = sampled, [], iter(sampled[1]["face"])
    prompts = [engine.encode(engine.template.render(message)) for message in asked[0]]
    assert len(set(map(len, prompts))) > 2, "some prompts are padded"
    for row in rows:
        prompt = prompts[row["prompt"]]
        plain, margin = plain_states(engine, prompt + row["token_ids"])
        behind = plain[:, len(prompt) :]
        pairs = [(tensors["emit"][row["prompt"]], plain[:, len(prompt) - 1])]
        if row["first_row"] >= 0:
            visible = sampling.visible(engine, row["token_ids"])
            pairs.append((tensors["first"][row["first_row"]], behind[:, visible]))
        if row["outcome"] == "kaomoji":
            owner = [at for at, one in enumerate(row["token_ids"]) for _ in engine.vocabulary[one]]
            start = b"".join(engine.vocabulary[one] for one in row["token_ids"]).index(
                face := row["raw_face"].encode()
            )
            inside = sorted(set(owner[start : start + len(face)]))
            pairs.append((next(face_states), behind[:, inside].mean(dim=1)))
        errors = [relative(*pair) for pair in pairs]
        close = 1e-4 if name in RECURRENT else 1e-5
        off += [(error, margin) for error in errors if error > close]
    assert next(face_states, None) is None
    assert len(off) <= (4 if name in ROUTED else 0), off
    assert all(margin < 1e-5 and error < 1 for error, margin in off)


def test_batch_and_order_do_not_change_replies(family, asked, sampled):
    engine, (messages, keys), (rows, tensors) = family[1], asked, sampled
    assert {row["outcome"] for row in rows} <= set(faces.OUTCOMES)
    together = {(keys[row["prompt"]], row["generation"]): row["token_ids"] for row in rows}
    assert list(together) == [(key, number) for key in keys for number in range(2)]
    typed = [row for row in rows if row["outcome"] == "kaomoji"]
    assert all(len(row["text"]) - len(row["raw_face"]) < 12 for row in typed), "they end soon"
    assert len(set(map(tuple, together.values()))) > 4
    for some in [([messages[0]], [keys[0]]), (messages[::-1], keys[::-1])]:
        for row in sampling.sample(engine, *some, FEW)[0]:
            assert together[some[1][row["prompt"]], row["generation"]] == row["token_ids"]
    _, alone = sampling.sample(engine, messages[:1], keys[:1], FEW)
    assert relative(alone["emit"][0], tensors["emit"][0]) < 1e-4


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
