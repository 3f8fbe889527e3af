"""How fast scoring and sampling are beside other ways to the same numbers, all in one run on one model.

The model has random weights and the shape given by a :class:`Size`; the tokenizer and template are an organism's. Time is
CPU seconds on a CPU and wall-clock seconds on an accelerator. Alternatives that would take hours are timed on a few faces
and multiplied; the tables say so.
"""

import dataclasses
import itertools
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.engine import loading, measuring, sampling, scoring, scoring_algorithms, spellings
from kaomoji_lib.engine.forwarding import prefill
from kaomoji_lib.store import registry
from kaomoji_lib.study import statistics
from kaomoji_lib.study.stimuli import INSTRUCTION, load_prompts

EYES, MOUTHS, SIDES = "^>oT≧◕・•ಠ°¬ಥ-*@", "_‿ω﹏д∀3▽ヮ.", (("(", ")"), ("(｡", "｡)"), ("ヽ(", ")ﾉ"), ("ʕ", "ʔ"), ("(っ", "c)"), ("(╯", ")╯"))
FLOOR = "arithmetic floor"
PEERS = {"lm-evaluation-harness": "lm_eval", "minicons": "minicons"}


@dataclass(frozen=True)
class Size:
    """Shape of the model and extent of the measurement. ``sampled``: faces timed for what is too slow for all."""

    hidden: int = 256
    layers: int = 4
    vocabulary: int = 8_000
    faces: int = 800
    prompts: int = 4
    sampled: int = 32
    repeats: int = 3
    vocabularies: tuple = (8_000, 32_000, 128_000, 250_000)


SIZES = {"small": Size(), "large": Size(hidden=512, layers=8, vocabulary=32_000, sampled=64, repeats=5)}


@dataclass(frozen=True)
class Bench:
    """A model to measure on, with its faces (list of str) and prompts (lists of token ids)."""

    engine: loading.Engine
    words: tuple
    prompts: tuple
    size: Size


def make(size=SIZES["small"], device="cpu"):
    """A :class:`Bench` with random weights, always the same."""
    return Bench(_engine(size, size.vocabulary, device), faces(size.faces), _prompts(size, device), size)


def faces(count):
    """``count`` different made-up faces (at most 900), in an order that mixes their parts."""
    every = [f"{side[0]}{eye}{mouth}{eye}{side[1]}" for side, eye, mouth in itertools.product(SIDES, EYES, MOUTHS)]
    return tuple(np.random.default_rng(0).permutation(every)[:count].tolist())


def _engine(size, vocabulary, device):
    from transformers import LlamaConfig, LlamaForCausalLM

    base = loading.load(registry.model("organism-granite"), device="cpu", dtype="float32")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=size.hidden, intermediate_size=4 * size.hidden, num_hidden_layers=size.layers,
        num_attention_heads=max(4, size.hidden // 64), eos_token_id=None, bos_token_id=None, pad_token_id=0,
    )
    model = LlamaForCausalLM(config).to(device).eval().requires_grad_(False)
    return dataclasses.replace(base, model=model, blocks=tuple(model.model.layers), device=torch.device(device))


def _prompts(size, device):
    base = loading.load(registry.model("organism-granite"), device="cpu", dtype="float32")
    texts = load_prompts()["text"].iloc[:size.prompts]
    return tuple(tuple(base.encode(base.template.render(f"{INSTRUCTION} {text}"))) for text in texts)


def seconds(engine, function):
    """Seconds that ``function()`` takes: of this process's CPU, on an accelerator of the wall clock. And its result."""
    clock = time.process_time if engine.device.type == "cpu" else time.perf_counter
    _wait(engine)
    started = clock()
    result = function()
    _wait(engine)
    return clock() - started, result


def _wait(engine):
    if engine.device.type == "cuda":
        torch.cuda.synchronize()


def multiply_rate(engine, rows=512):
    """Floating-point operations per second of a matrix product of the model's own shape: the best of many."""
    width = engine.model.config.hidden_size
    left = torch.randn(rows, width, device=engine.device, dtype=engine.dtype)
    right = torch.randn(width, 4 * width, device=engine.device, dtype=engine.dtype)
    times = [seconds(engine, lambda: [left @ right for _ in range(10)])[0] for _ in range(8)]
    return 10 * 2 * rows * width * 4 * width / min(times)


def operations(bench, plan):
    """Multiplications and additions that cannot be avoided: every prompt token and trie node once, the head per node."""
    engine = bench.engine
    head = engine.model.get_output_embeddings().weight.numel()
    body = sum(parameter.numel() for block in engine.blocks for parameter in block.parameters())
    nodes, width = int(plan.trie.internal.sum()), engine.model.config.hidden_size
    longest = np.mean([len(prompt) for prompt in bench.prompts])
    attention = 4 * width * len(engine.blocks) * (longest + plan.trie.depth[plan.trie.internal].mean())
    per_prompt = (longest + nodes - 1) * 2 * body + nodes * 2 * head + (nodes - 1) * attention + 2 * width * len(engine.blocks) * longest**2
    return float(per_prompt * len(bench.prompts))


@torch.inference_mode()
def score_times(bench):
    """Seconds for all faces behind all prompts, one row per alternative and repeat.

    Returns
    -------
    DataFrame[alternative, repeat, seconds, timed (faces that were timed), off (nats from plain passes, the largest)].
    ``arithmetic floor`` is :func:`operations` over the :func:`multiply_rate` of the same moment.
    """
    engine, plan = bench.engine, spellings.plan(bench.engine, bench.words)
    few = spellings.plan(engine, bench.words[:bench.size.sampled])
    expected, _ = measuring.measure(engine, bench.prompts, few, "plain")
    def ours(name, words):
        return lambda: measuring.measure(engine, bench.prompts, words, name)[0]

    runs = {name: (ours(name, plan), plan, len(bench.prompts)) for name in scoring_algorithms.applicable(engine) if name != "plain"}
    runs["plain"] = ours("plain", few), few, len(bench.prompts)
    runs |= {name: (prepare(bench, few), few, 1) for name, prepare in available_peers().items()}
    for run, _, _ in runs.values():
        run()
    rows = []
    for repeat in range(bench.size.repeats):
        for name, (run, words, prompts) in runs.items():
            taken, found = seconds(engine, run)
            count = len(words.spellings)
            off = float(np.abs(found[:prompts, :len(few.spellings)] - expected[:prompts]).max())
            rows.append((name, repeat, taken * len(bench.words) / count * len(bench.prompts) / prompts, count, off))
        rows.append((FLOOR, repeat, operations(bench, plan) / multiply_rate(engine), len(bench.words), 0.0))
    return pd.DataFrame(rows, columns=["alternative", "repeat", "seconds", "timed", "off"])


def available_peers():
    """The peers that are installed: dict name -> function(bench, plan), which gives the function to be timed.

    That one scores the plan's faces behind the first prompt; what a peer does once for a model is not timed.
    """
    return {name: PEER_RUNS[name] for name, module in PEERS.items() if find_spec(module)}


def missing_peers():
    return tuple(name for name, module in PEERS.items() if not find_spec(module))


def _lm_eval(bench, plan):
    from lm_eval.models.huggingface import HFLM

    scorer = HFLM(pretrained=bench.engine.model, tokenizer=bench.engine.tokenizer, batch_size=32, device=str(bench.engine.device))
    prompt = list(bench.prompts[0])
    # Numbered keys: equal ones would be answered from its cache.
    requests = [((str(row), spelling), prompt, list(ids)) for row, (spelling, ids) in enumerate(zip(plan.spellings, plan.sequences, strict=True))]
    return lambda: np.array([[value for value, _ in scorer._loglikelihood_tokens(requests, disable_tqdm=True)]])


def _minicons(bench, plan):
    from minicons import scorer

    engine = bench.engine
    peer = scorer.IncrementalLMScorer(engine.model, str(engine.device), tokenizer=engine.tokenizer)
    prefixes = [engine.tokenizer.decode(bench.prompts[0])] * len(plan.spellings)
    return lambda: np.array([peer.conditional_score(
        prefixes, list(plan.spellings), separator="", reduction=lambda one: one.sum(0).item())])


PEER_RUNS = {"lm-evaluation-harness": _lm_eval, "minicons": _minicons}


def ratios(times, reference="packed"):
    """How many times as long each alternative takes as ``reference``.

    Returns
    -------
    DataFrame[alternative, times (Estimate over repeats), timed, off], without the reference itself, whose ratio is 1.
    """
    table = times.pivot(index="repeat", columns="alternative", values="seconds")
    rows = []
    for name in dict.fromkeys(times["alternative"]):
        if name == reference:
            continue
        part = times[times["alternative"] == name]
        rows.append((name, statistics.bootstrap(table[name] / table[reference], unit="repeats"), part["timed"].iloc[0], part["off"].max()))
    return pd.DataFrame(rows, columns=["alternative", "times", "timed", "off"])


def over_floor(times, name="packed"):
    """How many times the arithmetic floor an algorithm takes: Estimate over repeats."""
    table = times.pivot(index="repeat", columns="alternative", values="seconds")
    return statistics.bootstrap(table[name] / table[FLOOR], unit="repeats")


@torch.inference_mode()
def sample_times(bench, generations=8, tokens=16):
    """Seconds per new token with the states of all layers, one row per alternative and repeat: DataFrame[alternative, repeat, seconds].

    Per token, because replies may end at different lengths.
    """
    engine = bench.engine
    texts = [f"{INSTRUCTION} {text}" for text in load_prompts()["text"].iloc[:bench.size.prompts]]
    settings = dict(do_sample=True, max_new_tokens=tokens, min_new_tokens=tokens, output_hidden_states=True, return_dict_in_generate=True, pad_token_id=0)

    def ours():
        rows, _ = sampling.sample(engine, texts, [str(place) for place in range(len(texts))], sampling.Sampling(generations, 0, max_new_tokens=tokens))
        return sum(len(row["token_ids"]) for row in rows)

    def generate(prompts, **more):
        for prompt in prompts:
            ids = torch.tensor([prompt], device=engine.device)
            engine.model.generate(ids, attention_mask=torch.ones_like(ids), **settings, **more)
        return len(prompts) * tokens * more.get("num_return_sequences", 1)

    alternatives = {
        "shared prefill": ours,
        "generate, 8 at once": lambda: generate(bench.prompts, num_return_sequences=generations),
        "generate, one by one": lambda: generate(bench.prompts[:1] * generations),
    }
    rows = []
    for repeat, (name, run) in itertools.product(range(bench.size.repeats), alternatives.items()):
        taken, count = seconds(engine, run)
        rows.append((name, repeat, taken / count))
    return pd.DataFrame(rows, columns=["alternative", "repeat", "seconds"]).assign(timed=generations * len(texts), off=0.0)


@torch.inference_mode()
def scaling(bench, counts=(50, 100, 200, 400, 800), prompts=(1, 2, 4, 8)):
    """Seconds against the number of unique trie tokens and of prompts: DataFrame[what, faces, prompts, computed, seconds]."""
    engine, rows = bench.engine, []
    every = (bench.prompts * 8)[:max(prompts)]
    grid = [("faces", count, len(bench.prompts)) for count in counts] + [("prompts", len(bench.words), count) for count in prompts]
    for what, count, asked in grid:
        plan = spellings.plan(engine, bench.words[:count])

        def run(plan=plan, asked=asked):
            for start in range(0, asked, scoring.PROMPTS_PER_FORWARD):
                measuring.measure(engine, every[start:min(start + scoring.PROMPTS_PER_FORWARD, asked)], plan, "packed")

        taken = min(seconds(engine, run)[0] for _ in range(bench.size.repeats))
        rows.append((what, count, asked, int(plan.trie.internal.sum()) * asked, taken))
    return pd.DataFrame(rows, columns=["what", "faces", "prompts", "computed", "seconds"])


def linearity(table):
    """Share of the variance in seconds that a straight line over the trie tokens explains, 0..1 (the rows of ``faces``)."""
    part = table[table["what"] == "faces"]
    return float(np.corrcoef(part["computed"], part["seconds"])[0, 1] ** 2)


@torch.inference_mode()
def memory(bench):
    """Peak memory of scoring beyond model and prompt cache, by vocabulary: DataFrame[vocabulary, gigabytes, naive_gigabytes].

    ``naive_gigabytes``: what the logits of all nodes at once would take. NaN where the system does not tell the peak.
    """
    rows = []
    for vocabulary in bench.size.vocabularies:
        engine = _engine(dataclasses.replace(bench.size, hidden=64, layers=1), vocabulary, str(bench.engine.device))
        plan = spellings.plan(engine, bench.words)
        prefix = prefill(engine, bench.prompts)
        measuring.measure(engine, bench.prompts, spellings.plan(engine, bench.words[:2]), "packed")
        before = _reset_peak(engine)
        measuring.measure(engine, bench.prompts, plan, "packed")
        naive = len(bench.prompts) * int(plan.trie.internal.sum()) * vocabulary * 4
        rows.append((vocabulary, (_peak(engine) - before) / 1e9, naive / 1e9))
        del prefix, engine
    return pd.DataFrame(rows, columns=["vocabulary", "gigabytes", "naive_gigabytes"])


def _reset_peak(engine):
    if engine.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return np.nan
    return _status("VmRSS")


def _peak(engine):
    return torch.cuda.max_memory_allocated() if engine.device.type == "cuda" else _status("VmHWM")


def _status(name):
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return np.nan
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), np.nan)


def main(arguments):
    bench = make(SIZES[arguments[0] if arguments else "small"])
    for title, table in (("scoring", ratios(score_times(bench))), ("sampling", ratios(sample_times(bench), "shared prefill")),
                         ("scaling", scaling(bench)), ("memory", memory(bench))):
        print(f"\n{title}\n{table.to_string(index=False)}", flush=True)
    for name in missing_peers():
        print(f"\n{name} is not installed and was left out")


if __name__ == "__main__":
    main(sys.argv[1:])
