"""States of every architecture: equal to plain forward passes as closely as the arithmetic allows, alone or among sixteen."""

import numpy as np
import pytest
import torch
import toy_families

from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.forward import capture
from kaomoji_lib.models.verify import closest_calls
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

RECURRENT = {"qwen3_5", "qwen3_5-wrapper", "granitemoehybrid"}
ROUTED = {"gpt_oss", "granitemoehybrid"}
FEW = sampling.Sampling(generations=2, seed=3, max_new_tokens=5)
CLOSE = 1e-5


@pytest.fixture(scope="module")
def asked():
    prompts = load_prompts().iloc[::11].head(16)
    return [f"{INSTRUCTION} {text}" for text in prompts["text"]], list(prompts["id"])


@pytest.fixture(scope="module", params=toy_families.FAMILIES)
def family(request, tmp_path_factory):
    folder = toy_families.write(tmp_path_factory.mktemp("toy"), request.param)
    return request.param, folder, toy_families.engine(folder)


@pytest.fixture(scope="module")
def together(family, asked):
    return sampling.sample(family[2], *asked, FEW)


def plain(engine, ids):
    """States at the last position of one uncached, unpadded forward pass, and its closest router decision."""
    with torch.inference_mode(), capture(engine) as record, closest_calls(engine) as calls:
        engine.model(input_ids=torch.tensor([ids]), use_cache=False)
    return record[0][0].float(), min(calls, default=np.inf)


def pairs(engine, asked, sampled):
    """Of sampled replies each state at the prompt's end and at the first token, beside plain ones and the closest decision."""
    rows, tensors = sampled
    prompts = [engine.encode(engine.template.render(message)) for message in asked[0]]
    for prompt, state in zip(prompts, tensors["emit"], strict=False):
        yield state.float(), *plain(engine, prompt)
    for row in {row["first_row"]: row for row in rows if row["first_row"] >= 0}.values():
        pieces = [engine.decode([token]).strip() for token in row["token_ids"]]
        visible = next(place for place, piece in enumerate(pieces) if piece)
        ids = [*prompts[row["prompt"]], *row["token_ids"][: visible + 1]]
        yield tensors["first"][row["first_row"]].float(), *plain(engine, ids)


def relative(found, expected):
    return float(((found - expected).abs().amax(dim=-1) / expected.abs().amax(dim=-1)).max())


def test_states_equal_plain_ones(family, asked, together):
    name, _, engine = family
    lengths = {len(engine.encode(engine.template.render(message))) for message in asked[0]}
    assert len(lengths) > 3, "some prompts are padded"
    found = list(pairs(engine, asked, together))
    off = [
        (relative(state, expected), margin)
        for state, expected, margin in found
        if relative(state, expected) > (1e-4 if name in RECURRENT else CLOSE)
    ]
    assert len(found) >= 32 and (off == [] if name not in ROUTED else len(off) <= 2)
    assert all(margin < 1e-5 and error < 1 for error, margin in off)


def test_one_equals_sixteen(family, asked, together):
    name, _, engine = family
    rows, tensors = together
    for place, (message, key) in enumerate(zip(*asked, strict=True)):
        alone, states = sampling.sample(engine, [message], [key], FEW)
        assert [row["token_ids"] for row in alone] == [
            row["token_ids"] for row in rows if row["prompt"] == place
        ]
        assert relative(states["emit"][0], tensors["emit"][place]) < 1e-4


def test_bfloat16_stays_within_its_rounding(family, asked, together):
    name, folder, engine = family
    half = toy_families.engine(folder, "bfloat16")
    few = [part[:4] for part in asked]
    _, tensors = sampling.sample(half, *few, FEW)
    assert tensors["emit"].dtype == torch.bfloat16
    prompts = [half.encode(half.template.render(message)) for message in few[0]]
    exact, rounded = (
        together[1]["emit"][:4],
        torch.stack([plain(half, prompt)[0] for prompt in prompts]),
    )
    scale = exact.abs().amax(dim=-1, keepdim=True)
    rounding, fast = (
        ((rounded - exact).abs() / scale).mean(),
        ((tensors["emit"].float() - exact).abs() / scale).mean(),
    )
    assert fast < 1.5 * rounding + 1e-3
