"""Small models of any architecture, made from their configuration classes, for tests."""

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
