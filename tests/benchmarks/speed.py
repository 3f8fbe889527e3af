"""How long scoring and sampling take next to other ways to the same numbers: ``python tests/benchmarks [MODEL ...]``.

All in one process on one thread and one model; CPU seconds of the process, wall-clock seconds on an accelerator. What would
take hours is timed on a few faces and scaled up to all of them; ``timed`` says on how many. Writes ``data/benchmark.json``.
"""

import dataclasses
import itertools
import json
import platform
import re
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.models import loading, measuring, sample, spellings, tree
from kaomoji_lib.models.forward import text_config
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import write_json
from kaomoji_lib.stimuli import DATA, INSTRUCTION, load_prompts, read_table

MODELS = ("smollm2-135m-instruct", "gemma-3-270m")
PACKAGES = ("torch", "transformers", "lm_eval", "minicons")
COLUMNS = ["alternative", "repeat", "seconds", "timed", "off"]
OURS, FLOOR, PLAIN = "kaomoji_lib", "arithmetic floor", "plain forward passes"
FEW_FACES = 8


def make(engine, faces=60, prompts=2):
    """Return what is measured on: ``engine``, ``faces``, user ``messages``, spread over the study's, and ``prompts`` (token ids)."""
    texts = load_prompts()["text"]
    rows = np.linspace(0, len(texts) - 1, prompts).astype(int)
    pool = read_table(DATA / "organisms" / "faces.csv", ("spelling",))["spelling"]
    messages = [f"{INSTRUCTION} {text}" for text in texts[rows]]
    encoded = [engine.encode(engine.template.render(one)) for one in messages]
    return SimpleNamespace(
        engine=engine, faces=list(pool[:faces]), messages=messages, prompts=encoded
    )


def seconds(engine, function):
    """Return the seconds ``function()`` takes and its result."""
    clock = time.process_time if engine.device.type == "cpu" else time.perf_counter
    started, result = clock(), function()
    if engine.device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - started, result


def multiply_rate(engine, rows=512):
    """Return the floating-point operations per second of a matrix product of the model's width, the best of eight."""
    width, how = text_config(engine).hidden_size, {"device": engine.device, "dtype": engine.dtype}
    left, right = torch.randn(rows, width, **how), torch.randn(width, 4 * width, **how)
    times = [seconds(engine, lambda: [left @ right for _ in range(10)])[0] for _ in range(8)]
    return 10 * 2 * rows * width * 4 * width / min(times)


def operations(bench, plan):
    """Return the multiplications and additions that cannot be avoided.

    Every prompt token and every internal trie node once, the head once per node, attention over the tokens in sight.
    """
    engine, config, inner = bench.engine, text_config(bench.engine), plan.trie.internal
    below = plan.trie.depth[inner][1:]
    lengths = [len(prompt) for prompt in bench.prompts]
    places = [np.concatenate([np.arange(1, one + 1), one + below]) for one in lengths]
    weights = sum(one.numel() for block in engine.blocks for one in block.parameters())
    head = engine.model.get_output_embeddings().weight.numel()
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    total = sum(map(len, places)) * 2 * weights + len(places) * int(inner.sum()) * 2 * head
    for kind in tree.layer_kinds(config):
        reach = config.sliding_window if kind == tree.SLIDING else np.inf
        total += sum(4 * width * np.minimum(one, reach).sum() for one in places)
    return float(total)


def _lm_eval(bench, plan):
    from lm_eval.models.huggingface import HFLM

    engine = bench.engine
    how = {"batch_size": 32, "device": str(engine.device)}
    scorer = HFLM(pretrained=engine.model, tokenizer=engine.tokenizer, **how)
    # Token ids: given strings, it moves trailing white space from the context to the continuation.
    cells = itertools.product(bench.prompts, zip(plan.spellings, plan.sequences, strict=True))
    requests = [
        ((str(row), spelling), list(prompt), list(ids))
        for row, (prompt, (spelling, ids)) in enumerate(cells)
    ]

    def run():
        found = scorer._loglikelihood_tokens(requests, disable_tqdm=True)
        return np.reshape([value for value, _ in found], (len(bench.prompts), -1))

    return run


def _minicons(bench, plan):
    from minicons import scorer

    engine = bench.engine
    peer = scorer.IncrementalLMScorer(engine.model, str(engine.device), tokenizer=engine.tokenizer)
    prefixes = [engine.tokenizer.decode(prompt) for prompt in bench.prompts]
    count, faces = len(plan.spellings), list(plan.spellings)
    how = {"separator": "", "reduction": lambda one: one.sum(0).item()}
    return lambda: np.array(
        [peer.conditional_score([one] * count, faces, **how) for one in prefixes]
    )


PEERS = {"lm-evaluation-harness": ("lm_eval", _lm_eval), "minicons": ("minicons", _minicons)}


@torch.inference_mode()
def score_times(bench, repeats=2):
    """Time every way to score all faces given all prompts: DataFrame of ``COLUMNS``.

    ``timed``: faces that were timed; ``off``: largest difference from plain forward passes, nats. The floor is
    :func:`operations` over :func:`multiply_rate` of the same moment.
    """
    engine, rows = bench.engine, []
    plan, few = (spellings.plan(engine, some) for some in (bench.faces, bench.faces[:FEW_FACES]))
    expected = measuring.measure(engine, bench.prompts, few, "plain")[0]

    def ours(name, words):
        return lambda: measuring.measure(engine, bench.prompts, words, name)[0]

    fastest = measuring.applicable(engine)[0]
    runs = {OURS: (ours(fastest, plan), plan), PLAIN: (ours("plain", few), few)}
    for name, (module, make_run) in PEERS.items():
        if find_spec(module):
            runs[name] = make_run(bench, few), few
    runs[OURS][0]()
    for repeat, (name, (run, words)) in itertools.product(range(repeats), runs.items()):
        taken, scores = seconds(engine, run)
        count = len(words.spellings)
        off = float(np.abs(scores[:, :FEW_FACES] - expected).max())
        rows.append((name, repeat, taken * len(bench.faces) / count, count, off))
        if name == OURS:
            floor = operations(bench, plan) / multiply_rate(engine)
            rows.append((FLOOR, repeat, floor, len(bench.faces), 0.0))
    return pd.DataFrame(rows, columns=COLUMNS)


class _Unending(loading.Engine):
    """An engine whose replies never end, so that all alternatives write the same number of tokens."""

    stop_ids = frozenset()

    def decode(self, ids):
        super().decode(ids)
        return "("


@torch.inference_mode()
def sample_times(bench, generations=8, tokens=16, repeats=2):
    """Time the ways to sample ``generations`` replies per prompt with the states of all layers: DataFrame of ``COLUMNS``.

    ``seconds`` per new token; ``timed``: tokens written.
    """
    fields = dataclasses.fields(bench.engine)
    engine = _Unending(**{field.name: getattr(bench.engine, field.name) for field in fields})
    settings = {"do_sample": True, "top_k": 0, "max_new_tokens": tokens, "min_new_tokens": tokens}
    settings |= {"output_hidden_states": True, "return_dict_in_generate": True, "pad_token_id": 0}
    keys = [str(place) for place in range(len(bench.messages))]

    def ours():
        options = sample.Sampling(generations, 0, max_new_tokens=tokens)
        rows, _ = sample.sample(engine, bench.messages, keys, options)
        return sum(len(row["token_ids"]) for row in rows)

    def generate(prompts, count):
        for prompt in prompts:
            ids = torch.tensor([prompt], device=engine.device)
            how = {"attention_mask": torch.ones_like(ids), "num_return_sequences": count}
            engine.model.generate(ids, **how, **settings)
        return len(prompts) * tokens * count

    runs = {
        OURS: ours,
        f"generate({generations})": lambda: generate(bench.prompts, generations),
        "generate, one by one": lambda: generate(bench.prompts[:1] * generations, 1),
    }
    ours()
    rows = []
    for repeat, (name, run) in itertools.product(range(repeats), runs.items()):
        taken, count = seconds(engine, run)
        rows.append((name, repeat, taken / count, count, 0.0))
    return pd.DataFrame(rows, columns=COLUMNS)


def machine():
    """Return the processor's name, the threads used, the date and the versions of what was compared: dict."""
    info = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*: (.*)", info.read_text() if info.exists() else "")
    return {
        "machine": name[1] if name else platform.machine(),
        "threads": torch.get_num_threads(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": {name: version(name) if find_spec(name) else None for name in PACKAGES},
    }


def main(names):
    torch.set_num_threads(1)
    tables = []
    for name in names or MODELS:
        bench = make(loading.load(registry.model(name), dtype="float32"))
        for what, measure in (("scoring", score_times), ("sampling", sample_times)):
            tables.append(measure(bench).assign(model=name, what=what))
            rows = json.loads(pd.concat(tables).to_json(orient="records", double_precision=6))
            write_json(DATA / "benchmark.json", {"made": machine(), "rows": rows})
            times = tables[-1].pivot(index="repeat", columns="alternative", values="seconds")
            ratios = times.div(times[OURS], axis=0).median()
            print(f"\n{name}, {what}\n{ratios.round(2).to_string()}", flush=True)
