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
ORGANISMS = [f"organism-{short}" for short in ("gemma", "qwen")]


@pytest.fixture(
    scope="module", params=[(ORGANISMS[0], "float32"), (ORGANISMS[1], "bfloat16")], ids="-".join
)
def engine(request):
    name, dtype = request.param
    return small_models.loading.load(small_models.registry.model(name), device="cpu", dtype=dtype)


@pytest.fixture
def lost_prompts(monkeypatch):
    """Every prompt is read as if it were the first one; all else is sound."""
    for module, name in ((measuring, "prefill"), (sampling, "prefill")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module,
            name,
            lambda engine, prompts, real=real: real(engine, [prompts[0]] * len(prompts)),
        )


def test_what_is_exact_passes_by_a_wide_margin(engine):
    scored, sampled = (
        selfcheck.scoring(engine, FACES, MESSAGES),
        selfcheck.sampling(engine, MESSAGES),
    )
    assert scored["algorithm"] == "packed" and scored["warnings"] == [] and scored["compared"] == 12
    assert scored["share_between_prompts"] < 0.1
    assert sampled["algorithm"] == selfcheck.TOGETHER and sampled["warnings"] == []
    assert sampled["share_between_prompts"] < 0.1
    assert json.loads(json.dumps([scored, sampled])) == [scored, sampled]


@pytest.mark.parametrize("count", [1, len(MESSAGES)])
def test_lost_prompts_are_found_in_every_number_format(engine, lost_prompts, count):
    """Also of one message, which is compared with a control."""
    scored = selfcheck.scoring(engine, FACES, MESSAGES[:count])
    assert scored["algorithm"] == "plain" and len(scored["warnings"]) == 1
    sampled = selfcheck.sampling(engine, MESSAGES[:count])
    assert sampled["algorithm"] == selfcheck.ALONE and "prompts together" in sampled["warnings"][0]


def test_no_check_is_passed_by_close_calls_alone(lost_prompts, tmp_path):
    """In bfloat16 every cell of this mixture of experts is a close call, so that no cell has a strict tolerance."""
    engine = small_models.engine(small_models.write(tmp_path, "gpt_oss"), "bfloat16")
    scored = selfcheck.scoring(engine, FACES, MESSAGES)
    assert scored["close_calls"] == scored["compared"] and scored["algorithm"] == "plain"


@pytest.mark.parametrize("family", ["organism-gemma", "organism-qwen"])
def test_white_space_before_a_face_adds_its_probability(family):
    engine = small_models.engine(family)
    prompts = [engine.encode(engine.template.render(message)) for message in MESSAGES[:2]]
    faces, leads = FACES[:8], templates.LEADS

    def measured(words, **options):
        return measuring.measure(
            engine, prompts, spellings.plan(engine, words, **options), "packed"
        )

    apart = [measured([lead + face for face in faces]) for lead in leads]
    for kind, together in enumerate(measured(faces, leads=leads)):
        expected = np.logaddexp.reduce([one[kind] for one in apart])
        assert np.allclose(together, expected, atol=1e-4)
        gain = together - apart[0][kind]
        assert (gain > -1e-5).all() and (gain > 0).any(), "more events, up to rounding"


@pytest.mark.parametrize("failing, reason", [(False, "nats from plain"), (True, "no such cache")])
def test_plain_passes_are_taken_otherwise_and_the_reason_is_kept(monkeypatch, failing, reason):
    engine, real = small_models.engine("organism-gemma"), measuring.packed

    def faulty(*given):
        if failing:
            raise NotImplementedError("no such cache")
        for nodes, slices in real(*given):
            yield (
                nodes,
                ((start, logits + 0.02 * torch.randn(logits.shape)) for start, logits in slices),
            )

    monkeypatch.setitem(measuring.ALGORITHMS, "packed", faulty)
    check = scoring.score(engine, FACES, load_prompts().head(2)).attrs["scoring"]
    assert check["algorithm"] == "plain" and reason in check["warnings"][0]


def test_it_refuses_when_nothing_agrees():
    engine = small_models.engine("organism-gemma")
    with torch.no_grad():
        engine.blocks[1].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(KaomojiError, match="organism-gemma.*nan.*--dtype"):
        selfcheck.scoring(engine, FACES, MESSAGES)
    with pytest.raises(KaomojiError, match="organism-gemma"):
        selfcheck.sampling(engine, MESSAGES)


@pytest.mark.parametrize(
    "family, sampled, scored",
    [
        ("gemma3n", selfcheck.TOGETHER, "packed"),
        ("mamba", selfcheck.UNCACHED, "plain"),
        ("mamba2", selfcheck.UNCACHED, "plain"),
        ("openai-gpt", selfcheck.UNCACHED, "plain"),
    ],
)
def test_unusual_architectures_work_slowly_if_need_be(tmp_path, family, sampled, scored):
    engine = small_models.engine(small_models.write(tmp_path, family))
    asked = ["the dog", "start"]
    found = selfcheck.sampling(engine, asked)
    assert found["algorithm"] == sampled and found["largest_difference"] < 1e-4
    assert selfcheck.scoring(engine, ["(^_^)", "o_o"], asked)["algorithm"] == scored
    few = sampling.Sampling(2, max_new_tokens=2)
    rows, tensors = sampling.sample(engine, asked, ["a", "b"], few, cached=False)
    assert len(rows) == 4 and tensors["emit"].shape == (2, len(engine.blocks) + 1, 32)


def test_a_special_token_that_opens_replies_is_noted():
    engine = small_models.engine("organism-qwen")
    assert selfcheck.sampling(engine, MESSAGES[:1])["warnings"] == []
    start = engine.tokenizer.convert_tokens_to_ids("<|im_start|>")
    engine.model.get_output_embeddings().register_forward_hook(
        lambda module, args, logits: logits.index_fill(-1, torch.tensor([start]), 50.0)
    )
    found = selfcheck.sampling(engine, MESSAGES[:1])["warnings"]
    assert "100% of the replies" in found[0] and "<|im_start|>" in found[0]


@pytest.mark.parametrize("moved, passes", [(0.3, True), (3.0, False)])
@pytest.mark.parametrize("tied", [True, False])
def test_only_close_calls_may_move_and_only_so_far(tmp_path, monkeypatch, tied, moved, passes):
    engine = small_models.engine(small_models.write(tmp_path, "gpt_oss"))
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
        if algorithm == "packed":
            log_probs[1, 2] += moved
        return log_probs, closed

    monkeypatch.setattr(measuring, "measure", one_cell_off)
    found = selfcheck.scoring(engine, FACES, MESSAGES)
    assert (found["algorithm"] == "packed") == (tied and passes)
    if tied and passes:
        assert 0.2 < found["largest_difference"] < 0.4


def test_collecting_proves_itself_first_and_says_so(tmp_path, lost_prompts, monkeypatch):
    prompts, sizes, real = tmp_path / "prompts.csv", [], sampling.sample
    load_prompts().head(12).to_csv(prompts, index=False)

    def counted(engine, messages, *rest, **named):
        sizes.append(len(messages))
        return real(engine, messages, *rest, **named)

    monkeypatch.setattr(sampling, "sample", counted)
    options = {"prompts": prompts, "generations": 1, "progress": False}
    unsound = collect("organism-gemma", out=tmp_path / "unsound", **options)
    check = unsound.manifest["self_check"]
    assert check["algorithm"] == selfcheck.ALONE and check["warnings"] and set(sizes[-12:]) == {1}
    monkeypatch.undo()
    run = collect("organism-gemma", out=tmp_path / "sound", **options)
    assert run.manifest["self_check"]["algorithm"] == selfcheck.TOGETHER
    assert unsound.emissions()["text"].tolist() == run.emissions()["text"].tolist()
    assert np.allclose(unsound.states("emit").array, run.states("emit").array, atol=1e-4)
