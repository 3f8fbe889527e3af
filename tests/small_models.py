"""Small random models of every architecture that has to be exact, multimodal wrappers included, and a GGUF file."""

import json
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import gguf
import pytest
import torch
import transformers
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from kaomoji_lib.models import loading
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.folder import RunFolder

TEXT = "start each message with a kaomoji that best represents how you feel. the dog ate my lunch again (^_^)"
FAMILIES = yaml.safe_load((Path(__file__).parent / "data" / "small_models.yml").read_text())
FAMILIES = {name: entry for name, entry in FAMILIES.items() if not name.startswith(".")}
UNUSUAL = FAMILIES.pop("unusual")
WRAPPERS = tuple(name for name, entry in FAMILIES.items() if "text_config" in entry)


def tokenizer():
    """A byte-level BPE tokenizer without pad token and without chat template."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    how = {"vocab_size": 400, "special_tokens": ["<eos>"], "initial_alphabet": alphabet}
    backend.train_from_iterator([TEXT] * 20, trainers.BpeTrainer(**how))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>")


def write(folder, family="gpt2", template=None, seed=0):
    """Write a random model of a family, livelier than fresh weights are, with its own tokenizer. Returns the folder."""
    words, arguments = tokenizer(), dict((FAMILIES | UNUSUAL)[family])
    words.chat_template = template
    end, wraps = words.eos_token_id, "text_config" in arguments
    ids = dict(vocab_size=len(words), eos_token_id=end, bos_token_id=end, pad_token_id=end)
    if wraps:
        arguments["text_config"] = arguments["text_config"] | ids
        arguments["text_config"].pop("class", None)
    config = getattr(transformers, arguments.pop("class"))(**arguments, **({} if wraps else ids))
    torch.manual_seed(seed)
    auto = "AutoModelForImageTextToText" if wraps else "AutoModelForCausalLM"
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


@contextmanager
def interrupted(after):
    """Inside, collecting is interrupted once the part with the number ``after`` is stored."""
    real = RunFolder.write_shard

    def write_shard(run, number, *rest):
        real(run, number, *rest)
        if number == after:
            raise KeyboardInterrupt

    with mock.patch.object(RunFolder, "write_shard", write_shard), pytest.raises(KeyboardInterrupt):
        yield


def write_gguf(path, seed=0):
    """Write a random model of the Qwen2 family as one GGUF file of float32 numbers. Returns its weights by GGUF name."""
    words, eps, heads = tokenizer(), 1e-6, {"num_attention_heads": 4, "num_key_value_heads": 2}
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    sizes |= {"vocab_size": len(words), "rms_norm_eps": eps}
    config = transformers.Qwen2Config(**sizes, **heads)
    torch.manual_seed(seed)
    weights = transformers.AutoModelForCausalLM.from_config(config).state_dict()
    vocabulary = sorted(words.get_vocab(), key=words.get_vocab().get)
    merges = json.loads(words.backend_tokenizer.to_str())["model"]["merges"]
    facts = {"context_length": 512, "embedding_length": 32, "feed_forward_length": 64}
    facts |= {"block_count": 2, "head_count": 4, "head_count_kv": 2, "layer_norm_rms_eps": eps}
    facts |= {"name": "toy", "tokenizer_model": "gpt2", "eos_token_id": words.eos_token_id}
    facts["token_list"] = vocabulary
    facts["token_types"] = [3 if token == "<eos>" else 1 for token in vocabulary]
    facts["token_merges"] = [" ".join(pair) for pair in merges]
    writer = gguf.GGUFWriter(path, "qwen2")
    for name, value in facts.items():
        getattr(writer, f"add_{name}")(value)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config.num_hidden_layers)
    for name, weight in weights.items():
        writer.add_tensor(names.get_name(name, (".weight", ".bias")), weight.numpy())
    for step in ("header_to_file", "kv_data_to_file", "tensors_to_file"):
        getattr(writer, f"write_{step}")()
    writer.close()
    return weights
