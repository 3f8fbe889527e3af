"""How fast scoring and sampling are beside other ways to the same numbers, all in one run on one model.

Time is CPU seconds of one thread on a CPU and wall-clock seconds on an accelerator. Alternatives that would take hours are
timed on a few faces and multiplied; the tables say so.
"""

import dataclasses
import itertools
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from kaomoji_lib import stats as statistics
from kaomoji_lib.models import benchmark_models as models
from kaomoji_lib.models import benchmark_peers as peers
from kaomoji_lib.models import loading
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.forward import prefill
from kaomoji_lib.models.score import algorithms as scoring_algorithms
from kaomoji_lib.models.score import measuring, scoring, spellings
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

FLOOR = "arithmetic floor"
OURS = "shared prefill"


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
    width = engine.model.config.get_text_config().hidden_size
    left = torch.randn(rows, width, device=engine.device, dtype=engine.dtype)
    right = torch.randn(width, 4 * width, device=engine.device, dtype=engine.dtype)
    times = [seconds(engine, lambda: [left @ right for _ in range(10)])[0] for _ in range(8)]
    return 10 * 2 * rows * width * 4 * width / min(times)


@torch.inference_mode()
def score_times(bench, only=None):
    """Seconds for all faces behind all prompts, one row per alternative and repeat.

    Returns
    -------
    DataFrame[alternative, repeat, seconds, timed (faces that were timed), off (nats from plain passes, the largest)]; of the
    alternatives in ``only`` where it is given.
    ``arithmetic floor`` is :func:`kaomoji_lib.models.benchmark_models.operations` over the :func:`multiply_rate` of the same moment.
    """
    engine, plan = bench.engine, spellings.plan(bench.engine, bench.words)
    few = spellings.plan(engine, bench.words[: bench.size.sampled])
    expected, _ = measuring.measure(engine, bench.prompts, few, "plain")

    def ours(name, words):
        return lambda: measuring.measure(engine, bench.prompts, words, name)[0]

    runs = {
        name: (ours(name, plan), plan)
        for name in scoring_algorithms.applicable(engine)
        if name != "plain"
    }
    runs["plain"] = ours("plain", few), few
    runs |= {
        name: (prepare(bench, few), few)
        for name, prepare in peers.available().items()
        if only is None or name in only
    }
    runs = {name: run for name, run in runs.items() if only is None or name in only}
    next(iter(runs.values()))[0]()
    rows = []
    for repeat in range(bench.size.repeats):
        for name, (run, words) in runs.items():
            taken, found = seconds(engine, run)
            count = len(words.spellings)
            off = float(np.abs(found[:, : len(few.spellings)] - expected).max())
            rows.append((name, repeat, taken * len(bench.words) / count, count, off))
        rows.append(
            (
                FLOOR,
                repeat,
                models.operations(bench, plan) / multiply_rate(engine),
                len(bench.words),
                0.0,
            )
        )
    return pd.DataFrame(rows, columns=["alternative", "repeat", "seconds", "timed", "off"])


def template_times(bench, only=None):
    """:func:`score_times` behind the same prompts in the chat template of each family, by a model of the same shape.

    Returns
    -------
    DataFrame of ``score_times`` with ``template`` (the organism that lends tokenizer and template) and ``prompt_tokens`` (their mean).
    """
    parts = []
    for template in models.TEMPLATES:
        one = models.make(bench.size, str(bench.engine.device), bench.architecture, template)
        parts.append(
            score_times(one, only).assign(
                template=template, prompt_tokens=np.mean([len(prompt) for prompt in one.prompts])
            )
        )
    return pd.concat(parts, ignore_index=True)


class _Unending(loading.Engine):
    """An engine whose replies never close their face, so that all alternatives type the same number of tokens."""

    def decode(self, ids):
        super().decode(ids)
        return "("


@torch.inference_mode()
def sample_times(bench):
    """Seconds per new token with the states of all layers, one row per alternative and repeat: DataFrame[alternative, repeat, seconds, timed]."""
    size = bench.size
    engine = _Unending(
        **{
            field.name: getattr(bench.engine, field.name)
            for field in dataclasses.fields(bench.engine)
        }
    )
    texts = [f"{INSTRUCTION} {text}" for text in load_prompts()["text"].iloc[: size.drawn]]
    asked = [tuple(engine.encode(engine.template.render(text))) for text in texts]
    settings = dict(
        do_sample=True,
        max_new_tokens=size.tokens,
        min_new_tokens=size.tokens,
        output_hidden_states=True,
        return_dict_in_generate=True,
        pad_token_id=0,
    )

    def ours():
        rows, _ = sampling.sample(
            engine,
            texts,
            [str(place) for place in range(len(texts))],
            sampling.Sampling(size.generations, 0, max_new_tokens=size.tokens),
        )
        return sum(len(row["token_ids"]) for row in rows)

    def generate(prompts, **more):
        for prompt in prompts:
            ids = torch.tensor([prompt], device=engine.device)
            engine.model.generate(ids, attention_mask=torch.ones_like(ids), **settings, **more)
        return len(prompts) * size.tokens * more.get("num_return_sequences", 1)

    alternatives = {
        OURS: ours,
        f"generate, {size.generations} at once": lambda: generate(
            asked, num_return_sequences=size.generations
        ),
        "generate, one by one": lambda: generate(asked[:1] * size.generations),
    }
    ours()
    rows = []
    for repeat, (name, run) in itertools.product(range(size.repeats), alternatives.items()):
        taken, count = seconds(engine, run)
        rows.append((name, repeat, taken / count, count))
    return pd.DataFrame(rows, columns=["alternative", "repeat", "seconds", "timed"]).assign(off=0.0)


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
        rows.append(
            (
                name,
                statistics.bootstrap(table[name] / table[reference], unit="repeats"),
                part["timed"].iloc[0],
                part["off"].max(),
            )
        )
    return pd.DataFrame(rows, columns=["alternative", "times", "timed", "off"])


def over_floor(times, name="packed"):
    """How many times the arithmetic floor an algorithm takes: Estimate over repeats."""
    table = times.pivot(index="repeat", columns="alternative", values="seconds")
    return statistics.bootstrap(table[name] / table[FLOOR], unit="repeats")


@torch.inference_mode()
def scaling(bench):
    """Seconds against the number of unique trie tokens and of prompts: DataFrame[what, faces, prompts, computed, seconds]."""
    engine, size, rows = bench.engine, bench.size, []
    every = (bench.prompts * max(size.askings))[: max(size.askings)]
    grid = [("faces", count, len(bench.prompts)) for count in size.counts] + [
        ("prompts", size.counts[-1], count) for count in size.askings
    ]
    for what, count, asked in grid:
        plan = spellings.plan(engine, bench.words[:count])

        def run(plan=plan, asked=asked):
            for start in range(0, asked, scoring.PROMPTS_PER_FORWARD):
                measuring.measure(
                    engine,
                    every[start : min(start + scoring.PROMPTS_PER_FORWARD, asked)],
                    plan,
                    "packed",
                )

        taken = min(seconds(engine, run)[0] for _ in range(2))
        rows.append((what, count, asked, int(plan.trie.internal.sum()) * asked, taken))
    return pd.DataFrame(rows, columns=["what", "faces", "prompts", "computed", "seconds"])


def linearity(table):
    """Share of the variance in seconds that a straight line over the trie tokens explains, 0..1 (the rows of ``faces``)."""
    part = table[table["what"] == "faces"]
    return float(np.corrcoef(part["computed"], part["seconds"])[0, 1] ** 2)


@torch.inference_mode()
def memory(bench):
    """Seconds and peak memory of scoring beyond model and prompt cache: DataFrame[vocabulary, seconds, gigabytes, naive_gigabytes].

    One narrow layer under heads of several widths. ``naive_gigabytes``: what the logits of all nodes at once would take.
    NaN where the system does not tell the peak.
    """
    rows = []
    for vocabulary in bench.size.vocabularies:
        engine = models.engine(
            dataclasses.replace(bench.size, hidden=64, layers=1),
            vocabulary,
            str(bench.engine.device),
        )
        plan = spellings.plan(engine, bench.words)
        prefix = prefill(engine, bench.prompts)
        measuring.measure(engine, bench.prompts, spellings.plan(engine, bench.words[:2]), "packed")
        before = _reset_peak(engine)
        taken, _ = seconds(
            engine, partial(measuring.measure, engine, bench.prompts, plan, "packed")
        )
        naive = len(bench.prompts) * int(plan.trie.internal.sum()) * vocabulary * 4
        rows.append((vocabulary, taken, (_peak(engine) - before) / 1e9, naive / 1e9))
        del prefix
    return pd.DataFrame(rows, columns=["vocabulary", "seconds", "gigabytes", "naive_gigabytes"])


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
