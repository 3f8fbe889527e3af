"""Scores: every algorithm equals plain forward passes, on every architecture, alone or together."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import small_models
import torch
import transformers
from scipy import stats

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import forward, measuring, organisms, scoring, spellings, tree
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.loading import text_blocks
from kaomoji_lib.models.scoring import PROMPTS_PER_PART as PER_PART
from kaomoji_lib.models.scoring import score_file
from kaomoji_lib.models.verify import closest_calls
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

ORGANISMS = [f"organism-{short}" for short in ("gemma", "qwen")]
FACES = list(organisms.pool()["spelling"])
SOME = FACES[::3]
RECURRENT = {"qwen3_5", "qwen3_5-wrapper", "organism-qwen"}
ROUTED = {"gpt_oss", "granitemoehybrid"}


@pytest.fixture(scope="module")
def asked():
    return load_prompts().iloc[[3, 50, 90, 171]]


@pytest.fixture(scope="module", params=[*ORGANISMS, *small_models.FAMILIES])
def named_engine(request, tmp_path_factory):
    if request.param in ORGANISMS:
        return request.param, small_models.engine(request.param)
    return request.param, small_models.engine(
        small_models.write(tmp_path_factory.mktemp("toy"), request.param)
    )


@pytest.fixture(scope="module")
def wanted(named_engine):
    return spellings.plan(named_engine[1], SOME)


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
    ids = torch.tensor([[*prompt, *sequence]])
    with torch.inference_mode(), closest_calls(engine) as calls:
        logs = engine.model(ids, use_cache=False).logits[0].double().log_softmax(-1)
    steps = logs[len(prompt) - 1 : -1][range(len(sequence)), list(sequence)]
    return float(steps.sum()), min(calls, default=np.inf)


def test_plain_scores_equal_a_call_of_the_whole_model(named_engine, wanted, encoded, reference):
    _, engine = named_engine
    for row, column in [(0, 0), (1, 7), (2, 10), (3, len(SOME) - 1)]:
        value, _ = by_hand(engine, encoded[row], wanted.sequences[column])
        assert reference[0][row, column] == pytest.approx(value, abs=1e-4)


def test_fast_scores_equal_plain_ones(named_engine, wanted, encoded, reference):
    name, engine = named_engine
    assert ("packed" in measuring.applicable(engine)) == (name != "granitemoehybrid")
    for algorithm in measuring.applicable(engine)[:-1]:
        pairs = measuring.measure(engine, encoded, wanted, algorithm, nodes=24)
        for found, expected in zip(pairs, reference, strict=True):
            off = np.argwhere(np.abs(found - expected) > 1e-3)
            assert len(off) <= (0.02 * found.size if name in ROUTED else 0)
            for row, column in off:
                _, margin = by_hand(engine, encoded[row], wanted.sequences[column])
                assert margin < 1e-5 and abs(found[row, column] - expected[row, column]) < 2
    # Padded equals unpadded, one equals many.
    fastest = measuring.applicable(engine)[0]
    assert len({len(prompt) for prompt in encoded}) > 1
    alone = [measuring.measure(engine, [one], wanted, fastest)[0] for one in encoded]
    many = measuring.measure(engine, encoded * 2, wanted, fastest)[0]
    assert np.abs(np.concatenate(alone) - reference[0]).max() < 1e-3
    assert np.abs(many - np.tile(reference[0], (2, 1))).max() < 1e-3


def test_bfloat16_stays_within_its_rounding(named_engine, tmp_path, asked):
    name, engine = named_engine
    if name in ORGANISMS:
        return
    half = small_models.engine(small_models.write(tmp_path, name), "bfloat16")
    words, prompts = spellings.plan(half, FACES[::4]), encode(half, asked)
    plain = measuring.measure(half, prompts, words, "plain")[0]
    fast = measuring.measure(half, prompts, words, measuring.applicable(half)[0])[0]
    exact = measuring.measure(engine, prompts, spellings.plan(engine, FACES[::4]), "plain")[0]
    rounding = np.abs(plain - exact)
    assert half.dtype_name == "bfloat16"
    assert np.abs(fast - exact).mean() < 1.5 * rounding.mean() + 0.02
    assert np.abs(fast - plain).max() < max(2 * rounding.max(), 0.5)


def test_the_wrapper_class_itself_is_scored_alike(tmp_path, asked):
    folder = small_models.write(tmp_path, "qwen3_5-wrapper")
    engine, wrapper = small_models.engine(folder), transformers.AutoModelForImageTextToText
    whole = wrapper.from_pretrained(folder, dtype=torch.float32).eval()
    assert type(whole).__name__ == "Qwen3_5ForConditionalGeneration" != type(engine.model).__name__
    wrapped = dataclasses.replace(engine, model=whole, blocks=text_blocks(whole))
    prompts, words = encode(engine, asked), spellings.plan(engine, SOME)
    expected = measuring.measure(engine, prompts, words, "plain")[0]
    for algorithm in ("plain", "packed"):
        found = measuring.measure(wrapped, prompts, words, algorithm)[0]
        assert np.abs(found - expected).max() < 1e-3


def test_controls_that_must_be_wrong_are_wrong(
    named_engine, wanted, encoded, reference, monkeypatch
):
    name, engine = named_engine
    if "packed" not in measuring.applicable(engine):
        return

    def error():
        return np.abs(measuring.measure(engine, encoded, wanted, "packed")[0] - reference[0]).max()

    def blind(config, *rest):
        masks = real(config, *rest)
        return dict.fromkeys(masks, masks["full_attention"])

    real = tree.masks
    faults = [(tree, "ancestry", lambda parent: torch.ones(len(parent), len(parent)).tril().bool())]
    if "sliding_attention" in tree.layer_kinds(forward.text_config(engine)):
        faults.append((tree, "masks", blind))
    if name in RECURRENT:
        faults.append((tree, "delta_layers", lambda model: ()))
    assert error() < 1e-3
    for module, function, fault in faults:
        with monkeypatch.context() as patch:
            patch.setattr(module, function, fault)
            assert error() > 0.01


def test_closed_mass_equals_brute_force(tmp_path, asked):
    engine = small_models.engine(small_models.write(tmp_path, "llama"))
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


def test_tokens_beyond_the_end_are_added_for_tokenizers_of_both_kinds(asked):
    for name in ("organism-gemma", "organism-qwen"):
        engine = small_models.engine(name)
        found = spellings.plan(engine, FACES)
        for node, spelling, token in found.overshoot.T:
            typed = [found.trie.token[one] for one in found.trie.path(int(node))]
            whole = b"".join(engine.vocabulary[one] for one in [*typed, token])
            assert whole.startswith(FACES[spelling].encode())
        frame = scoring.score(engine, FACES, asked)
        assert (frame["log_prob_closed"] >= frame["log_prob"] - 1e-9).all()
        assert (frame["log_prob_closed"] > frame["log_prob"] + 1e-3).any()


def test_slices_of_the_head_are_its_logits(named_engine):
    engine = named_engine[1]
    weight = engine.model.get_output_embeddings().weight
    with torch.inference_mode():
        states = forward.prefill(engine, [engine.encode("a"), engine.encode("b")]).last
        whole = forward.lm_head_logits(engine, states)
        starts, slices = zip(*forward.lm_head_slices(engine, states, 100), strict=True)
    assert starts == tuple(range(0, whole.shape[-1], 100))
    assert torch.allclose(torch.cat(slices, dim=-1), whole, atol=1e-5)
    assert engine.model.get_output_embeddings().weight is weight


def test_what_prompts_begin_with_is_read_once_and_changes_nothing(named_engine, encoded):
    _, engine = named_engine
    with torch.inference_mode():
        shared, whole = (forward.prefill(engine, encoded, share) for share in (True, False))
    kinds = {type(layer).__name__ for layer in whole.cache.layers}
    if kinds == {"DynamicLayer"} and not getattr(forward.text_config(engine), "sliding_window", 0):
        assert shared.mask.shape[1] > 20 and (shared.mask[:, :20] == 1).all()
    assert (shared.mask.sum(1) == whole.mask.sum(1)).all()
    assert torch.allclose(shared.last, whole.last, atol=1e-4)


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


def test_scores_agree_with_what_the_model_types(asked):
    engine, replies = small_models.engine("organism-gemma"), 1500
    for place in (0, 2):
        one, how = asked.iloc[[place]], sampling.Sampling(generations=replies, seed=7)
        message = f"{INSTRUCTION} {one['text'].iloc[0]}"
        rows, _ = sampling.sample(engine, [message], list(one["id"]), how)
        counts = pd.Series([row["face"] for row in rows]).value_counts()
        scores = scoring.score(engine, FACES, one).groupby("face")["log_prob_closed"]
        predicted = np.exp(scores.agg(np.logaddexp.reduce))
        frequent = counts[counts >= 30]
        assert len(frequent) >= 3
        for face, count in frequent.items():
            low, high = stats.binomtest(int(count), replies).proportion_ci(confidence_level=0.999)
            assert low <= predicted[face] <= high, (face, count / replies, predicted[face])


def test_a_spelling_that_is_no_face_is_marked_and_an_unwritable_one_is_not_scored(
    asked, monkeypatch
):
    engine = small_models.engine("organism-gemma")
    found = scoring.score(engine, ["(", "(^_^)"], asked)
    assert found.loc[found["spelling"] == "(", "face"].isna().all()
    assert (found.loc[found["spelling"] == "(", "log_prob_closed"] > np.log(0.2)).any()
    real = spellings.tokens
    unwritable = lambda engine, one: () if one == "(^_^)" else real(engine, one)  # noqa: E731
    monkeypatch.setattr(spellings, "tokens", unwritable)
    found = scoring.score(engine, ["(^_^)", "(T_T)"], asked).set_index("spelling")
    assert found.loc["(^_^)", "log_prob"].isna().all()
    assert (found.loc["(^_^)", "n_tokens"] == 0).all()
    assert found.loc["(T_T)", "log_prob"].notna().all()


# -- files and command line ------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    lines = "\ufeff" + "\n".join([*FACES, "", FACES[0], "("]) + "\r\n"
    (tmp_path / "faces.txt").write_text(lines, encoding="utf-8")
    load_prompts().head(PER_PART + 5).to_csv(tmp_path / "prompts.csv", index=False)
    return tmp_path


def test_a_stopped_file_goes_on_and_a_finished_one_is_left(files, monkeypatch, capsys):
    real, calls = scoring.score, []

    def interrupted(*given, **named):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **named)

    def scored(name, **options):
        inputs = files / "faces.txt", files / "prompts.csv", files / name
        return score_file("organism-gemma", *inputs, progress=False, **options)

    whole = scored("whole.parquet")
    assert " ".join(whole) == "prompt_id spelling face log_prob log_prob_closed n_tokens"
    assert len(whole) == (len(FACES) + 1) * (PER_PART + 5)
    monkeypatch.setattr(scoring, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scored("again.parquet")
    assert not (files / "again.parquet").exists()
    for _ in range(2):
        pd.testing.assert_frame_equal(whole, scored("again.parquet"))
        assert len(calls) == 3 and not list(files.glob(".*"))
    with pytest.raises(KaomojiError, match="dtype: there"):
        scored("again.parquet", dtype="bfloat16")
    command = ["score", "organism-gemma", "--faces", str(files / "faces.txt"), "--prompts"]
    command += [str(files / "prompts.csv"), "--out", str(files / "again.parquet")]
    assert cli.main(command) == 0
    assert "algorithm packed" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"\n \n", b"\xff\xfe("])
def test_a_bad_list_of_faces_is_named_with_the_remedy(tmp_path, content):
    if content is not None:
        (tmp_path / "faces.txt").write_bytes(content)
    out = tmp_path / "out.parquet"
    with pytest.raises(KaomojiError, match="faces.txt.*expected a UTF-8 text file"):
        score_file("organism-gemma", tmp_path / "faces.txt", None, out, progress=False)
    with pytest.raises(KaomojiError, match="check the list"):
        scoring.score(small_models.engine("organism-gemma"), [], load_prompts())
