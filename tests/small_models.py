"""Small models of any architecture, made from their configuration classes, for tests."""

import json

import gguf
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from kaomoji_lib.models import loading
from kaomoji_lib.runs import registry

TEXTS = [
    "start each message with a kaomoji that best represents how you feel. the dog ate my lunch again (^_^)"
] * 20
CONFIGS = {
    "gpt2": ("GPT2Config", dict(n_embd=32, n_layer=3, n_head=4, n_positions=512)),
    "llama": (
        "LlamaConfig",
        dict(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
        ),
    ),
}


def tokenizer(special=("<eos>",)):
    """A byte-level BPE tokenizer without pad token and without chat template."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=list(special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=special[0])


def write(folder, family="gpt2", template=None, seed=0, **changes):
    """Write a random model of a family with its own tokenizer. Returns the folder."""
    words = tokenizer()
    words.chat_template = template
    name, arguments = CONFIGS[family]
    config = getattr(transformers, name)(
        vocab_size=len(words),
        eos_token_id=words.eos_token_id,
        bos_token_id=words.eos_token_id,
        **arguments,
        **changes,
    )
    torch.manual_seed(seed)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def engine(name):
    """A loaded engine: an organism's name or a folder."""
    return loading.load(registry.model(str(name)), device="cpu", dtype="float32")


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
