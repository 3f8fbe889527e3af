"""The self-check: passes what is exact, finds what is not, and says what it saw."""

import json

import numpy as np
import pytest
import small_models
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import measuring, organisms, scoring, spellings, templates
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models import verify as selfcheck
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

FACES = list(organisms.pool()["spelling"])
MESSAGES = [f"{INSTRUCTION} {text}" for text in load_prompts()["text"]]
ORGANISMS = ("organism-gemma", "organism-qwen")
EXACT = [("organism-gemma", "float32"), ("organism-qwen", "bfloat16")]
EXACT += [(family, "bfloat16") for family in small_models.FAMILIES]


def model(folder, name, dtype="float32"):
    return small_models.engine(
        name if name in ORGANISMS else small_models.write(folder, name), dtype
    )


@pytest.fixture
def lost_prompts(monkeypatch):
    """Every prompt is read as if it were the first one; all else is sound."""
    for module in (measuring, sampling):
        real = module.prefill
        lost = lambda engine, prompts, real=real: real(engine, [prompts[0]] * len(prompts))  # noqa: E731
        monkeypatch.setattr(module, "prefill", lost)


@pytest.mark.parametrize("name, dtype", EXACT)
def test_what_is_exact_passes_by_a_wide_margin(name, dtype, tmp_path):
    engine = model(tmp_path, name, dtype)
    scored, sampled = (
        selfcheck.scoring(engine, FACES, MESSAGES),
        selfcheck.sampling(engine, MESSAGES),
    )
    assert scored["algorithm"] == measuring.applicable(engine)[0] and scored["compared"] == 12
    assert sampled["algorithm"] == selfcheck.TOGETHER
    for check in (scored, sampled):
        assert check["share_between_prompts"] < 0.1 and check["warnings"] == []
        assert json.loads(json.dumps(check)) == check


@pytest.mark.parametrize("name, dtype", EXACT[:2])
@pytest.mark.parametrize("count", [1, len(MESSAGES)])
def test_lost_prompts_are_found_in_every_number_format(name, dtype, lost_prompts, count, tmp_path):
    """Also of one message, which is compared with a control."""
    engine = model(tmp_path, name, dtype)
    scored = selfcheck.scoring(engine, FACES, MESSAGES[:count])
    assert scored["algorithm"] == "plain" and len(scored["warnings"]) == 2
    sampled = selfcheck.sampling(engine, MESSAGES[:count])
    assert sampled["algorithm"] == selfcheck.ALONE and "prompts together" in sampled["warnings"][0]


def test_no_check_is_passed_by_close_calls_alone(lost_prompts, tmp_path):
    """In bfloat16 every cell of this mixture of experts is a close call, so that no cell has a strict tolerance."""
    scored = selfcheck.scoring(model(tmp_path, "gpt_oss", "bfloat16"), FACES, MESSAGES)
    assert scored["close_calls"] == scored["compared"] and scored["algorithm"] == "plain"


@pytest.mark.parametrize("name", ORGANISMS)
def test_white_space_before_a_face_adds_its_probability(name):
    engine, faces, leads = small_models.engine(name), FACES[:8], templates.LEADS
    prompts = [engine.encode(engine.template.render(message)) for message in MESSAGES[:2]]

    def measured(words, **options):
        plan = spellings.plan(engine, words, **options)
        return measuring.measure(engine, prompts, plan, "packed")

    apart = [measured([lead + face for face in faces]) for lead in leads]
    for kind, together in enumerate(measured(faces, leads=leads)):
        expected = np.logaddexp.reduce([one[kind] for one in apart])
        assert np.allclose(together, expected, atol=1e-4)
        gain = together - apart[0][kind]
        assert (gain > -1e-5).all() and (gain > 0).any(), "more events, up to rounding"


@pytest.mark.parametrize("failing, reason", [(False, "nats from plain"), (True, "no such cache")])
def test_the_next_algorithm_is_taken_otherwise_and_the_reason_is_kept(monkeypatch, failing, reason):
    engine, real = small_models.engine("organism-gemma"), measuring.packed

    def faulty(*given):
        if failing:
            raise NotImplementedError("no such cache")
        for nodes, slices in real(*given):
            yield nodes, [(start, one + 0.02 * torch.randn(one.shape)) for start, one in slices]

    monkeypatch.setitem(measuring.ALGORITHMS, "packed", faulty)
    check = scoring.score(engine, FACES, load_prompts().head(2)).attrs["scoring"]
    assert check["algorithm"] == "batched" and reason in check["warnings"][0]


def test_it_refuses_when_nothing_agrees():
    engine = small_models.engine("organism-gemma")
    with torch.no_grad():
        engine.blocks[1].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(KaomojiError, match="organism-gemma.*nan.*--dtype"):
        selfcheck.scoring(engine, FACES, MESSAGES)
    with pytest.raises(KaomojiError, match="organism-gemma"):
        selfcheck.sampling(engine, MESSAGES)


@pytest.mark.parametrize("family", ["gemma3n", "mamba", "mamba2", "openai-gpt"])
def test_unusual_architectures_work_slowly_if_need_be(tmp_path, family):
    fast, engine, asked = family == "gemma3n", model(tmp_path, family), ["the dog", "start"]
    found = selfcheck.sampling(engine, asked)
    assert found["algorithm"] == (selfcheck.TOGETHER if fast else selfcheck.UNCACHED)
    assert found["largest_difference"] < 1e-4
    scored = selfcheck.scoring(engine, ["(^_^)", "o_o"], asked)
    assert scored["algorithm"] == ("packed" if fast else "plain")
    few = sampling.Sampling(2, max_new_tokens=2)
    rows, tensors = sampling.sample(engine, asked, ["a", "b"], few, cached=False)
    assert len(rows) == 4 and tensors["emit"].shape == (2, len(engine.blocks) + 1, 32)
    if fast:
        together, _ = sampling.sample(engine, asked, ["a", "b"], few)
        assert [row["token_ids"] for row in rows] == [row["token_ids"] for row in together]


def test_a_special_token_that_opens_replies_is_noted():
    engine = small_models.engine("organism-qwen")
    start = engine.tokenizer.convert_tokens_to_ids("<|im_start|>")
    engine.model.get_output_embeddings().register_forward_hook(
        lambda module, args, logits: logits.index_fill(-1, torch.tensor([start]), 50.0)
    )
    found = selfcheck.sampling(engine, MESSAGES[:1])["warnings"]
    assert "100% of the replies" in found[0] and "<|im_start|>" in found[0]


@pytest.mark.parametrize("tied, moved, used", [(1, 0.3, 1), (1, 3.0, 0), (0, 0.3, 0)])
def test_only_close_calls_may_move_and_only_so_far(tmp_path, monkeypatch, tied, moved, used):
    engine = model(tmp_path, "gpt_oss")
    if tied:
        with torch.no_grad():
            for router in selfcheck.routers(engine)[0]:
                router.weight[1:] = router.weight[0]
                router.bias.zero_()
    sound = selfcheck.scoring(engine, FACES, MESSAGES)
    assert sound["close_calls"] == (sound["compared"] if tied else 0)
    real = measuring.measure

    def one_cell_off(engine, prompts, words, algorithm):
        log_probs, closed = real(engine, prompts, words, algorithm)
        log_probs[1, 2] += moved if algorithm == "packed" else 0
        return log_probs, closed

    monkeypatch.setattr(measuring, "measure", one_cell_off)
    found = selfcheck.scoring(engine, FACES, MESSAGES)
    assert (found["algorithm"] == "packed") == used


def test_collecting_proves_itself_first_and_says_so(tmp_path, lost_prompts, monkeypatch):
    prompts = tmp_path / "prompts.csv"
    load_prompts().head(6).to_csv(prompts, index=False)
    options = {"prompts": prompts, "generations": 1, "progress": False}
    unsound = collect("organism-gemma", out=tmp_path / "unsound", **options)
    check = unsound.manifest["self_check"]
    assert check["algorithm"] == selfcheck.ALONE and check["warnings"]
    monkeypatch.undo()
    run = collect("organism-gemma", out=tmp_path / "sound", **options)
    assert run.manifest["self_check"]["algorithm"] == selfcheck.TOGETHER
    assert unsound.emissions()["text"].tolist() == run.emissions()["text"].tolist()
    assert np.allclose(unsound.states("emit").array, run.states("emit").array, atol=1e-4)
