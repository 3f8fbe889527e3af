"""How long scoring and sampling take next to other ways to the same numbers, all in one process on one model.

Seconds are CPU seconds of the process on a CPU and wall-clock seconds on an accelerator. What would take hours is timed
on a few faces and scaled up to all of them; ``timed`` says on how many.
"""

import dataclasses
import itertools
import time
from importlib.util import find_spec

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.models import loading, measuring, sample, spellings, tree
from kaomoji_lib.models.forward import text_config
from kaomoji_lib.stimuli import DATA, INSTRUCTION, load_prompts, read_table

OURS, FLOOR, PLAIN = "kaomoji_lib", "arithmetic floor", "plain forward passes"
FEW_FACES = 8


@dataclasses.dataclass(frozen=True)
class Bench:
    """A model, faces (tuple of str) and user messages (list of str) to measure on."""

    engine: loading.Engine
    faces: tuple
    messages: list

    @property
    def prompts(self):
        return [self.engine.encode(self.engine.template.render(one)) for one in self.messages]


def make(engine, faces=60, prompts=2):
    """Return a :class:`Bench` of the first faces and evenly spread prompts of the study."""
    texts = load_prompts()["text"]
    rows = np.linspace(0, len(texts) - 1, prompts).astype(int)
    pool = read_table(DATA / "organisms" / "faces.csv", ("spelling",))["spelling"]
    return Bench(engine, tuple(pool[:faces]), [f"{INSTRUCTION} {text}" for text in texts[rows]])


def seconds(engine, function):
    """Return the seconds ``function()`` takes and its result."""
    clock = time.process_time if engine.device.type == "cpu" else time.perf_counter
    started, result = clock(), function()
    if engine.device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - started, result


def multiply_rate(engine, rows=512):
    """Return the floating-point operations per second of a matrix product of the model's width, the best of eight."""
    width = text_config(engine).hidden_size
    left = torch.randn(rows, width, device=engine.device, dtype=engine.dtype)
    right = torch.randn(width, 4 * width, device=engine.device, dtype=engine.dtype)
    times = [seconds(engine, lambda: [left @ right for _ in range(10)])[0] for _ in range(8)]
    return 10 * 2 * rows * width * 4 * width / min(times)


def operations(bench, plan):
    """Return the multiplications and additions that cannot be avoided.

    Every prompt token and every internal trie node once, the head once per node, attention over the tokens in sight.
    """
    engine, config, inner = bench.engine, text_config(bench.engine), plan.trie.internal
    below = plan.trie.depth[inner][1:]
    places = [
        np.concatenate([np.arange(1, len(prompt) + 1), len(prompt) + below])
        for prompt in bench.prompts
    ]
    weights = sum(one.numel() for block in engine.blocks for one in block.parameters())
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    total = sum(map(len, places)) * 2 * weights
    total += (
        len(places) * int(inner.sum()) * 2 * engine.model.get_output_embeddings().weight.numel()
    )
    for kind in tree.layer_kinds(config):
        reach = config.sliding_window if kind == tree.SLIDING else np.inf
        total += sum(4 * width * np.minimum(one, reach).sum() for one in places)
    return float(total)


def _lm_eval(bench, plan):
    from lm_eval.models.huggingface import HFLM

    engine = bench.engine
    scorer = HFLM(
        pretrained=engine.model,
        tokenizer=engine.tokenizer,
        batch_size=32,
        device=str(engine.device),
    )
    # Token ids: given strings, it moves trailing white space from the context to the continuation.
    cells = itertools.product(bench.prompts, zip(plan.spellings, plan.sequences, strict=True))
    requests = [
        ((str(row), spelling), list(prompt), list(ids))
        for row, (prompt, (spelling, ids)) in enumerate(cells)
    ]
    return lambda: np.reshape(
        [value for value, _ in scorer._loglikelihood_tokens(requests, disable_tqdm=True)],
        (len(bench.prompts), -1),
    )


def _minicons(bench, plan):
    from minicons import scorer

    engine = bench.engine
    peer = scorer.IncrementalLMScorer(engine.model, str(engine.device), tokenizer=engine.tokenizer)
    prefixes = [engine.tokenizer.decode(prompt) for prompt in bench.prompts]
    return lambda: np.array(
        [
            peer.conditional_score(
                [prefix] * len(plan.spellings),
                list(plan.spellings),
                separator="",
                reduction=lambda one: one.sum(0).item(),
            )
            for prefix in prefixes
        ]
    )


PEERS = {"lm-evaluation-harness": ("lm_eval", _lm_eval), "minicons": ("minicons", _minicons)}


@torch.inference_mode()
def score_times(bench, repeats=2):
    """Time every way to score all faces given all prompts.

    Returns
    -------
    DataFrame[alternative, repeat, seconds, timed, off]; ``timed``: faces that were timed; ``off``: largest difference
    from plain forward passes, nats. The floor is :func:`operations` over :func:`multiply_rate` of the same moment.
    """
    engine = bench.engine
    plan = spellings.plan(engine, bench.faces)
    few = spellings.plan(engine, bench.faces[:FEW_FACES])
    expected = measuring.measure(engine, bench.prompts, few, "plain")[0]

    def ours(name, words):
        return lambda: measuring.measure(engine, bench.prompts, words, name)[0]

    fastest = measuring.applicable(engine)[0]
    runs = {OURS: (ours(fastest, plan), plan), PLAIN: (ours("plain", few), few)}
    runs |= {
        name: (make_run(bench, few), few)
        for name, (module, make_run) in PEERS.items()
        if find_spec(module)
    }
    runs[OURS][0]()
    rows = []
    for repeat, (name, (run, words)) in itertools.product(range(repeats), runs.items()):
        taken, scores = seconds(engine, run)
        count = len(words.spellings)
        off = float(np.abs(scores[:, :FEW_FACES] - expected).max())
        rows.append((name, repeat, taken * len(bench.faces) / count, count, off))
        if name == OURS:
            floor = operations(bench, plan) / multiply_rate(engine)
            rows.append((FLOOR, repeat, floor, len(bench.faces), 0.0))
    return pd.DataFrame(rows, columns=["alternative", "repeat", "seconds", "timed", "off"])


class _Unending(loading.Engine):
    """An engine whose replies never end, so that all alternatives write the same number of tokens."""

    @property
    def stop_ids(self):
        return frozenset()

    def decode(self, ids):
        super().decode(ids)
        return "("


@torch.inference_mode()
def sample_times(bench, generations=8, tokens=16, repeats=2):
    """Time the ways to sample ``generations`` replies per prompt with the states of all layers.

    Returns
    -------
    DataFrame[alternative, repeat, seconds, timed, off]; ``seconds`` per new token, ``timed``: tokens written.
    """
    fields = dataclasses.fields(bench.engine)
    engine = _Unending(**{field.name: getattr(bench.engine, field.name) for field in fields})
    settings = dict(
        do_sample=True,
        top_k=0,
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        output_hidden_states=True,
        return_dict_in_generate=True,
        pad_token_id=0,
    )

    def ours():
        keys = [str(place) for place in range(len(bench.messages))]
        options = sample.Sampling(generations, 0, max_new_tokens=tokens)
        rows, _ = sample.sample(engine, bench.messages, keys, options)
        return sum(len(row["token_ids"]) for row in rows)

    def generate(prompts, **more):
        for prompt in prompts:
            ids = torch.tensor([prompt], device=engine.device)
            engine.model.generate(ids, attention_mask=torch.ones_like(ids), **settings, **more)
        return len(prompts) * tokens * more.get("num_return_sequences", 1)

    runs = {
        OURS: ours,
        f"generate({generations})": lambda: generate(
            bench.prompts, num_return_sequences=generations
        ),
        "generate, one by one": lambda: generate(bench.prompts[:1] * generations),
    }
    ours()
    rows = []
    for repeat, (name, run) in itertools.product(range(repeats), runs.items()):
        taken, count = seconds(engine, run)
        rows.append((name, repeat, taken / count, count, 0.0))
    return pd.DataFrame(rows, columns=["alternative", "repeat", "seconds", "timed", "off"])


def ratios(times):
    """Return how many times as long each alternative takes as this library, the median over repeats: Series.

    ``times``: one table of :func:`score_times` or :func:`sample_times`.
    """
    table = times.pivot(index="repeat", columns="alternative", values="seconds")
    return table.div(table[OURS], axis=0).median()
