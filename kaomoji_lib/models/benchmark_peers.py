"""Other programs that score continuations, where they are installed: optional, and named on the page when they are not."""

import itertools
from importlib.util import find_spec

import numpy as np


def _lm_eval(bench, plan):
    from lm_eval.models.huggingface import HFLM

    engine = bench.engine
    scorer = HFLM(
        pretrained=engine.model,
        tokenizer=engine.tokenizer,
        batch_size=32,
        device=str(engine.device),
    )
    # Numbered keys: equal ones would be answered from its cache. Token ids: from strings it moves trailing space.
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


def available():
    """The peers that are installed: dict name -> function(bench, plan), which gives the function to be timed.

    That one scores the plan's faces behind every prompt; what a peer does once for a model is not timed.
    """
    return {name: run for name, (module, run) in PEERS.items() if find_spec(module)}


def missing():
    return tuple(name for name, (module, _) in PEERS.items() if not find_spec(module))
