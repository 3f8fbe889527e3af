"""Control states of a run: the end of the user's message, input embeddings, and models with random weights."""

import copy
import dataclasses
import gc
from dataclasses import dataclass

import numpy as np
import torch

from kaomoji_lib.models import loading, reloading
from kaomoji_lib.models.forward import capture, prefill

SEEDS = (0, 1, 2)
BATCH = 16


@dataclass(frozen=True)
class Controls:
    """Control states, float32, rows in the order of the run's prompts.

    ``user``: states at the last token of the user's message (prompts, layers, hidden); ``inputs``: the model's own input
    embeddings averaged over the message's tokens (prompts, hidden); ``random_init``: emission states of models of the
    same architecture with random weights, each (prompts, layers, hidden).
    """

    user: np.ndarray
    inputs: np.ndarray
    random_init: tuple


def controls(run, device="auto", dtype="auto", seeds=SEEDS):
    """Return the :class:`Controls` of a run, computed once and kept in its cache.

    A model with random weights has the run's architecture, tokenizer and template, and weights drawn from the seed by
    the architecture's own initialisation: what its states know of a prompt, the wiring alone gives
    (Zhang & Bowman 2018, arXiv:1809.10040).

    Raises
    ------
    KaomojiError
        If the controls have to be computed and the model cannot be loaded.
    """
    settings = {"seeds": list(seeds)}
    arrays = run.cached("controls", settings, lambda: _measure(run, device, dtype, seeds))
    random_init = tuple(arrays[f"random-{seed}"] for seed in seeds)
    return Controls(arrays["user"], arrays["inputs"], random_init)


@torch.inference_mode()
def _measure(run, device, dtype, seeds):
    engine = reloading.reload(run, device, dtype)
    instruction, texts = run.manifest["instruction"], list(run.prompts()["text"])
    rendered = [engine.template.render(f"{instruction} {text}") for text in texts]
    spans = [user_span(engine, whole, text) for whole, text in zip(rendered, texts, strict=True)]
    prompts = [engine.encode(whole) for whole in rendered]
    layers = [engine.layers.index(name) for name in run.manifest["layers"]]
    embed, inputs = engine.model.get_input_embeddings(), []
    for prompt, (start, end) in zip(prompts, spans, strict=True):
        tokens = torch.tensor(prompt[start:end], device=engine.device)
        inputs.append(embed(tokens).float().mean(dim=0).cpu())
    messages = [prompt[:end] for prompt, (_, end) in zip(prompts, spans, strict=True)]
    tensors = {"user": states(engine, messages, layers), "inputs": torch.stack(inputs)}
    kind, config, precision = type(engine.model), engine.model.config, engine.dtype
    engine = dataclasses.replace(engine, model=None, blocks=())
    gc.collect()
    for seed in seeds:
        other = random_init_model(engine, kind, config, precision, seed)
        tensors[f"random-{seed}"] = states(other, prompts, layers)
    return tensors


def user_span(engine, rendered, text):
    """Return (first token of ``text`` in the ``rendered`` prompt, the token after its last)."""
    begin = rendered.rindex(text)
    encoding = engine.tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
    inside = [
        row
        for row, (low, high) in enumerate(encoding["offset_mapping"])
        if low < begin + len(text) and high > begin
    ]
    return inside[0], inside[-1] + 1


def states(engine, prompts, layers=None):
    """Return the states after each block at the last position of each prompt: tensor (prompts, layers, hidden)."""
    parts = []
    with torch.inference_mode(), capture(engine, layers) as record:
        for start in range(0, len(prompts), BATCH):
            prefill(engine, prompts[start : start + BATCH])
            parts.append(record[0])
    return torch.cat(parts)


def random_init_model(engine, kind, config, dtype, seed):
    """Return an Engine of the same architecture (class ``kind``, ``config``) with random weights."""
    config = copy.deepcopy(config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.random.fork_rng(), torch.device(engine.device):
            torch.manual_seed(seed)
            model = kind(config)
    finally:
        torch.set_default_dtype(before)
    model.eval().requires_grad_(False)
    return dataclasses.replace(engine, model=model, blocks=loading.text_blocks(model))
