"""What is measured: models with random weights of four architectures, made-up faces, and the least arithmetic they need."""

import dataclasses
import itertools
from dataclasses import dataclass

import numpy as np
import torch

from kaomoji_lib.models import loading
from kaomoji_lib.models.forward import text_config
from kaomoji_lib.models.score import routing, tree_delta, tree_masks
from kaomoji_lib.runs import registry
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

EYES, MOUTHS, SIDES = (
    "^>oT≧◕・•ಠ°¬ಥ-*@",
    "_‿ω﹏д∀3▽ヮ.",
    (("(", ")"), ("(｡", "｡)"), ("ヽ(", ")ﾉ"), ("ʕ", "ʔ"), ("(っ", "c)"), ("(╯", ")╯")),
)
TOKENIZER = "organism-granite"
TEMPLATES = (
    "organism-gemma",
    "organism-qwen",
    "organism-ministral",
    "organism-gptoss",
    "organism-granite",
)
WINDOW = 32


@dataclass(frozen=True)
class Size:
    """Shape of the model and extent of the measurement.

    ``messages``: how many of the study's messages stand in the first prompt, the second and so on, in turn. ``sampled``: faces
    timed for what is too slow for all; ``drawn``: prompts of the sampling.
    """

    hidden: int = 128
    layers: int = 4
    vocabulary: int = 4_000
    faces: int = 200
    prompts: int = 2
    messages: tuple = (1,)
    sampled: int = 8
    repeats: int = 3
    drawn: int = 2
    generations: int = 8
    tokens: int = 16
    counts: tuple = (50, 100, 200)
    askings: tuple = (1, 2, 4)
    vocabularies: tuple = (8_000, 64_000, 250_000)


SIZES = {
    "small": Size(),
    "large": Size(
        hidden=512,
        layers=8,
        vocabulary=32_000,
        faces=800,
        sampled=32,
        drawn=6,
        counts=(50, 100, 200, 400, 800),
        askings=(1, 2, 4),
        vocabularies=(8_000, 32_000, 128_000, 250_000),
    ),
}


@dataclass(frozen=True)
class Bench:
    """A model to measure on, with its faces (tuple of str) and prompts (tuples of token ids)."""

    engine: loading.Engine
    words: tuple
    prompts: tuple
    size: Size
    architecture: str


def _llama(size):
    return "Llama", dict(intermediate_size=4 * size.hidden)


def _gemma(size):
    return "Gemma4Text", dict(
        intermediate_size=4 * size.hidden,
        head_dim=_head(size),
        global_head_dim=_head(size),
        sliding_window=WINDOW,
        hidden_size_per_layer_input=0,
        vocab_size_per_layer_input=1,
        num_kv_shared_layers=0,
        layer_types=_types(size, [tree_masks.SLIDING] * 3 + [tree_masks.FULL]),
        final_logit_softcapping=30.0,
    )


def _qwen(size):
    heads = size.hidden // _head(size)
    return "Qwen3_5Text", dict(
        intermediate_size=4 * size.hidden,
        head_dim=_head(size),
        linear_num_key_heads=heads // 2,
        linear_num_value_heads=heads,
        linear_key_head_dim=_head(size),
        linear_value_head_dim=_head(size),
        linear_conv_kernel_dim=4,
        layer_types=_types(size, [tree_masks.LINEAR] * 3 + [tree_masks.FULL]),
    )


def _gptoss(size):
    return "GptOss", dict(
        intermediate_size=size.hidden,
        head_dim=_head(size),
        num_local_experts=8,
        num_experts_per_tok=4,
        sliding_window=WINDOW,
        layer_types=_types(size, [tree_masks.SLIDING, tree_masks.FULL]),
    )


ARCHITECTURES = {
    "full attention": _llama,
    "sliding attention": _gemma,
    "recurrent layers": _qwen,
    "mixture of experts": _gptoss,
}


def _head(size):
    return min(64, size.hidden // 4)


def _types(size, pattern):
    return [pattern[layer % len(pattern)] for layer in range(size.layers)]


def make(size=SIZES["small"], device="cpu", architecture="full attention", tokenizer=TOKENIZER):
    """A :class:`Bench` with random weights, always the same. ``tokenizer``: the organism that lends it, and its template."""
    base = _organism(tokenizer)
    texts = iter(load_prompts()["text"])
    asked = [
        " ".join(itertools.islice(texts, size.messages[place % len(size.messages)]))
        for place in range(size.prompts)
    ]
    prompts = tuple(
        tuple(base.encode(base.template.render(f"{INSTRUCTION} {text}"))) for text in asked
    )
    return Bench(
        engine(size, size.vocabulary, device, architecture, tokenizer),
        faces(size.faces),
        prompts,
        size,
        architecture,
    )


def faces(count):
    """``count`` different made-up faces (at most 900), in an order that mixes their parts."""
    every = [
        f"{side[0]}{eye}{mouth}{eye}{side[1]}"
        for side, eye, mouth in itertools.product(SIDES, EYES, MOUTHS)
    ]
    return tuple(np.random.default_rng(0).permutation(every)[:count].tolist())


def _organism(name):
    return loading.load(registry.model(name), device="cpu", dtype="float32")


def engine(size, vocabulary, device, architecture="full attention", tokenizer=TOKENIZER):
    """A random model of an architecture with an organism's tokenizer and template."""
    import transformers

    base = _organism(tokenizer)
    name, more = ARCHITECTURES[architecture](size)
    heads = size.hidden // _head(size)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=vocabulary,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        eos_token_id=None,
        bos_token_id=None,
        pad_token_id=0,
        max_position_embeddings=2048,
        **more,
    )
    torch.manual_seed(0)
    model = (
        transformers.AutoModelForCausalLM.from_config(config)
        .to(device)
        .eval()
        .requires_grad_(False)
    )
    return dataclasses.replace(
        base, model=model, blocks=loading.text_blocks(model), device=torch.device(device)
    )


def operations(bench, plan):
    """Multiplications and additions that cannot be avoided: every prompt token and trie node once, the head per node.

    Of experts those that are chosen; of attention the tokens in sight; of recurrent layers one step of the delta rule.
    """
    config, inner = text_config(bench.engine), plan.trie.internal
    seen = [np.arange(1, len(prompt) + 1) for prompt in bench.prompts]
    below = plan.trie.depth[inner][1:]
    tokens = [np.concatenate([own, len(own) + below]) for own in seen]
    width, head = (
        _attention_width(config),
        bench.engine.model.get_output_embeddings().weight.numel(),
    )
    total = (
        sum(map(len, tokens)) * 2 * _active(bench.engine)
        + len(bench.prompts) * int(inner.sum()) * 2 * head
    )
    for kind in tree_masks.layer_kinds(config):
        if kind == tree_masks.LINEAR:
            layer = tree_delta.delta_layers(bench.engine.model)[0]
            total += (
                sum(map(len, tokens)) * 7 * layer.num_v_heads * layer.head_k_dim * layer.head_v_dim
            )
        else:
            reach = config.sliding_window if kind == tree_masks.SLIDING else np.inf
            total += sum(4 * width * np.minimum(places, reach).sum() for places in tokens)
    return float(total)


def _attention_width(config):
    return config.num_attention_heads * (
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )


def _active(engine):
    """Weights of the blocks that one token meets."""
    config = text_config(engine)
    _, chosen = routing.routers(engine)
    experts = getattr(config, "num_local_experts", 0) if chosen else 0
    weights = [parameter for block in engine.blocks for parameter in block.parameters()]
    return sum(
        one.numel() * (chosen / experts if experts and one.ndim == 3 and len(one) == experts else 1)
        for one in weights
    )
