"""Random toy models of every architecture that scoring has to be exact on, multimodal wrappers included."""

import small_models
import torch
import transformers

from kaomoji_lib.models import loading
from kaomoji_lib.runs import registry

HIDDEN = dict(
    hidden_size=32, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512
)
GEMMA = dict(
    **HIDDEN,
    intermediate_size=64,
    num_hidden_layers=4,
    head_dim=8,
    global_head_dim=8,
    sliding_window=16,
    hidden_size_per_layer_input=0,
    vocab_size_per_layer_input=1,
    num_kv_shared_layers=0,
    layer_types=["sliding_attention", "sliding_attention", "full_attention", "full_attention"],
    final_logit_softcapping=30.0,
)
QWEN = dict(
    **HIDDEN,
    intermediate_size=64,
    num_hidden_layers=4,
    head_dim=16,
    linear_num_key_heads=2,
    linear_num_value_heads=4,
    linear_key_head_dim=8,
    linear_value_head_dim=8,
    linear_conv_kernel_dim=4,
    layer_types=["linear_attention", "linear_attention", "linear_attention", "full_attention"],
)
MINISTRAL = dict(**HIDDEN, intermediate_size=64, num_hidden_layers=3, head_dim=8)
VISION = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)

FAMILIES = {
    "gpt2": ("GPT2Config", dict(n_embd=32, n_layer=3, n_head=4, n_positions=512)),
    "llama": ("LlamaConfig", dict(**HIDDEN, intermediate_size=64, num_hidden_layers=3)),
    "granite": (
        "GraniteConfig",
        dict(
            **HIDDEN,
            intermediate_size=64,
            num_hidden_layers=3,
            logits_scaling=2.0,
            embedding_multiplier=4.0,
            residual_multiplier=0.5,
        ),
    ),
    "gemma4": ("Gemma4TextConfig", GEMMA),
    "gemma4-wrapper": (
        "Gemma4Config",
        dict(text_config=GEMMA, vision_config=None, audio_config=None),
    ),
    "qwen3_5": ("Qwen3_5TextConfig", QWEN),
    "qwen3_5-wrapper": (
        "Qwen3_5Config",
        dict(
            text_config=QWEN,
            vision_config=dict(
                depth=1, hidden_size=16, intermediate_size=32, num_heads=2, out_hidden_size=32
            ),
        ),
    ),
    "ministral3": ("Ministral3Config", MINISTRAL),
    "mistral3-wrapper": (
        "Mistral3Config",
        dict(
            text_config=dict(model_type="ministral3", **MINISTRAL),
            vision_config=dict(model_type="pixtral", head_dim=8, **VISION),
        ),
    ),
    "gpt_oss": (
        "GptOssConfig",
        dict(
            **HIDDEN,
            intermediate_size=32,
            num_hidden_layers=4,
            head_dim=8,
            num_local_experts=4,
            num_experts_per_tok=2,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"] * 2,
        ),
    ),
    "granitemoehybrid": (
        "GraniteMoeHybridConfig",
        dict(
            **HIDDEN,
            intermediate_size=64,
            num_hidden_layers=3,
            num_local_experts=4,
            num_experts_per_tok=2,
            shared_intermediate_size=32,
            mamba_n_heads=4,
            mamba_d_head=16,
            mamba_n_groups=1,
            mamba_d_state=8,
            mamba_expand=2,
            layer_types=["mamba", "attention", "mamba"],
        ),
    ),
}
# Architectures whose states no shared cache reproduces, or that capture differently; not in FAMILIES, since they are slow.
RECURRENT = dict(hidden_size=32, num_hidden_layers=3, state_size=8)
UNUSUAL = {
    "mamba": ("MambaConfig", RECURRENT),
    "mamba2": ("Mamba2Config", dict(**RECURRENT, num_heads=8, head_dim=8, n_groups=1)),
    "gemma3n": (
        "Gemma3nTextConfig",
        dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            sliding_window=16,
            hidden_size_per_layer_input=8,
            vocab_size_per_layer_input=400,
            num_kv_shared_layers=0,
            laurel_rank=4,
            activation_sparsity_pattern=[0.0] * 4,
            layer_types=["sliding_attention", "full_attention"] * 2,
        ),
    ),
    "openai-gpt": ("OpenAIGPTConfig", dict(n_embd=32, n_layer=3, n_head=4)),
}
WRAPPERS = {
    "gemma4-wrapper": "AutoModelForImageTextToText",
    "qwen3_5-wrapper": "AutoModelForImageTextToText",
    "mistral3-wrapper": "AutoModelForImageTextToText",
}


def write(folder, family, seed=0):
    """Write a random model of a family, livelier than fresh weights are, with its own tokenizer. Returns the folder."""
    words = small_models.tokenizer()
    name, arguments = (FAMILIES | UNUSUAL)[family]
    ids = dict(
        vocab_size=len(words),
        eos_token_id=words.eos_token_id,
        bos_token_id=words.eos_token_id,
        pad_token_id=words.eos_token_id,
    )
    if "text_config" in arguments:
        arguments = {**arguments, "text_config": {**arguments["text_config"], **ids}}
        ids = {}
    torch.manual_seed(seed)
    config = getattr(transformers, name)(**arguments, **ids)
    model = getattr(transformers, WRAPPERS.get(family, "AutoModelForCausalLM")).from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4.0)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def engine(folder, dtype="float32"):
    return loading.load(registry.model(str(folder)), device="cpu", dtype=dtype)
