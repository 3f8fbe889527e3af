"""Small random models of every architecture that has to be exact, multimodal wrappers included, and a GGUF file."""

import json

import gguf
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from kaomoji_lib.models import loading
from kaomoji_lib.runs import registry

TEXT = "start each message with a kaomoji that best represents how you feel. the dog ate my lunch again (^_^)"
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
# Architectures whose states no shared cache reproduces, or that capture differently.
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
WRAPPERS = ("gemma4-wrapper", "qwen3_5-wrapper", "mistral3-wrapper")


def tokenizer(special=("<eos>",)):
    """A byte-level BPE tokenizer without pad token and without chat template."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        [TEXT] * 20,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=list(special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=special[0])


def write(folder, family="gpt2", template=None, seed=0):
    """Write a random model of a family, livelier than fresh weights are, with its own tokenizer. Returns the folder."""
    words = tokenizer()
    words.chat_template = template
    name, arguments = (FAMILIES | UNUSUAL)[family]
    end = words.eos_token_id
    ids = dict(vocab_size=len(words), eos_token_id=end, bos_token_id=end, pad_token_id=end)
    if "text_config" in arguments:
        arguments = {**arguments, "text_config": {**arguments["text_config"], **ids}}
        ids = {}
    torch.manual_seed(seed)
    config = getattr(transformers, name)(**arguments, **ids)
    auto = "AutoModelForImageTextToText" if family in WRAPPERS else "AutoModelForCausalLM"
    model = getattr(transformers, auto).from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4.0)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def engine(name, dtype="float32"):
    """A loaded engine: an organism's name or a folder."""
    return loading.load(registry.model(str(name)), device="cpu", dtype=dtype)


def write_gguf(path, seed=0):
    """Write a random model of the Qwen2 family as one GGUF file of float32 numbers. Returns its weights by GGUF name."""
    words, sizes = tokenizer(), dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2)
    config = transformers.Qwen2Config(
        vocab_size=len(words), num_attention_heads=4, num_key_value_heads=2, **sizes
    )
    torch.manual_seed(seed)
    weights = transformers.AutoModelForCausalLM.from_config(config).state_dict()
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("toy")
    writer.add_context_length(512)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    vocabulary = sorted(words.get_vocab(), key=words.get_vocab().get)
    merges = json.loads(words.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3 if token == "<eos>" else 1 for token in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_eos_token_id(words.eos_token_id)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config.num_hidden_layers)
    for name, weight in weights.items():
        writer.add_tensor(names.get_name(name, (".weight", ".bias")), weight.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights
