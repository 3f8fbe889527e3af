"""The rungs below the emission state: the user turn's end, the input embeddings, and twins with random weights."""

import copy
import dataclasses
import gc
from dataclasses import dataclass

import numpy as np

TWIN_SEEDS = (0, 1, 2)
BATCH = 16


@dataclass(frozen=True)
class Controls:
    """Control states of a run, float32, rows in the order of the run's prompts.

    ``user``: states at the user turn's last token (prompts, layers, hidden); ``inputs``: the model's own input
    embeddings averaged over the prompt's tokens (prompts, hidden); ``twins``: emission states of models of the same
    architecture with random weights, each (prompts, layers, hidden).
    """

    user: np.ndarray
    inputs: np.ndarray
    twins: tuple


def controls(run, device="auto", dtype="auto", twins=TWIN_SEEDS):
    """Return the :class:`Controls` of a run, computed once and kept in its cache.

    A twin has the run's architecture, tokenizer and template, and random weights drawn from the seed by the
    architecture's own initialisation: what its states know of a prompt, the wiring alone gives
    (Zhang & Bowman 2018, arXiv:1809.10040).

    Raises
    ------
    KaomojiError
        If the controls have to be computed and the model cannot be loaded.
    """
    arrays = run.cached(
        "controls", {"seeds": list(twins)}, lambda: _measure(run, device, dtype, twins)
    )
    return Controls(
        arrays["user"], arrays["inputs"], tuple(arrays[f"twin-{seed}"] for seed in twins)
    )


def _measure(run, device, dtype, twins):
    from kaomoji_lib.models.reloading import reload

    engine = reload(run, device, dtype)
    instruction, texts = run.manifest["instruction"], list(run.prompts()["text"])
    rendered = [engine.template.render(f"{instruction} {text}") for text in texts]
    spans = [user_span(engine, whole, text) for whole, text in zip(rendered, texts, strict=True)]
    ids = [engine.encode(whole) for whole in rendered]
    layers = _layers(engine, run)
    tensors = {
        "user": states(
            engine, [row[:end] for row, (_, end) in zip(ids, spans, strict=True)], layers
        ),
        "inputs": _inputs(
            engine, [row[start:end] for row, (start, end) in zip(ids, spans, strict=True)]
        ),
    }
    kind, config, precision = type(engine.model), engine.model.config, engine.dtype
    engine = dataclasses.replace(engine, model=None, blocks=())
    gc.collect()
    for seed in twins:
        tensors[f"twin-{seed}"] = states(twin(engine, kind, config, precision, seed), ids, layers)
    return tensors


def _layers(engine, run):
    names = list(engine.layers)
    return [names.index(name) for name in run.manifest["layers"]]


def user_span(engine, rendered, text):
    """First token of ``text`` in the ``rendered`` prompt, and the token after its last: (start, end)."""
    begin = rendered.rindex(text)
    offsets = engine.tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)[
        "offset_mapping"
    ]
    inside = [
        row for row, (low, high) in enumerate(offsets) if low < begin + len(text) and high > begin
    ]
    return inside[0], inside[-1] + 1


def states(engine, prompts, layers=None):
    """Block outputs at the last position of each prompt (lists of token ids): tensor (prompts, layers, hidden)."""
    import torch

    from kaomoji_lib.models.forward import prefill
    from kaomoji_lib.models.loading import capture

    parts = []
    with torch.inference_mode(), capture(engine, layers) as record:
        for start in range(0, len(prompts), BATCH):
            prefill(engine, prompts[start : start + BATCH])
            parts.append(record[0])
    return torch.cat(parts)


def _inputs(engine, prompts):
    import torch

    embed = engine.model.get_input_embeddings()
    with torch.inference_mode():
        return torch.stack(
            [
                embed(torch.tensor(row, device=engine.device)).float().mean(dim=0).cpu()
                for row in prompts
            ]
        )


def twin(engine, kind, config, dtype, seed):
    """An Engine of the same architecture (class ``kind``, ``config``) with random weights."""
    import torch

    from kaomoji_lib.models.loading import text_blocks

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
    return dataclasses.replace(engine, model=model, blocks=text_blocks(model))
