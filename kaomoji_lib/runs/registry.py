"""The model registry: aliases, where weights are, template options and interventions, as data."""

import os
import re
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import sha256
from kaomoji_lib.stimuli import DATA


@dataclass(frozen=True)
class ModelSpec:
    """One model and what its own files do not say about it; ``data/models.yml`` explains the fields that it sets.

    ``kind``: ``real`` (a listed checkpoint), ``organism`` (a positive control that ships with this project) or ``other``.
    ``weights``: path of a file or folder on this machine. ``quantize``: ``8bit`` or ``4bit``, how weights are packed while
    loading. ``parameters``: how many the model has, where its file holds some twice; else 0, and they are counted.
    """

    alias: str
    id: str
    title: str
    kind: str = "other"
    adapter: dict = field(default_factory=dict)
    interventions: tuple = ()
    revision: str = "main"
    licence: str = ""
    hub: str = ""
    file: str = ""
    sha256: str = ""
    quantization: str = ""
    package: str = ""
    weights: str = ""
    quantize: str = ""
    parameters: int = 0

    @property
    def location(self):
        """Folder, GGUF file or Hugging Face id (of the repository that has ``file``)."""
        if self.kind == "organism":
            return str(DATA / self.id)
        return self.weights or self._packaged() or self._configured() or self.hub or self.id

    @property
    def is_local(self):
        """Whether its weights are on this machine; a model of the hub is not, even when it has been downloaded."""
        return Path(self.location).exists()

    def _packaged(self):
        """The file in the installed package that carries it, found without importing the package; else ''."""
        module = self.package.partition("==")[0].replace("-", "_")
        found = find_spec(module) if module else None
        path = Path(found.origin).parent / self.file if found else None
        return str(path) if path and path.is_file() else ""

    def _configured(self):
        """The file under ``$KAOMOJI_WEIGHTS`` (files and folders, separated as in PATH) with the right SHA-256; else ''."""
        for place in filter(None, os.environ.get("KAOMOJI_WEIGHTS", "").split(os.pathsep)):
            path = Path(place).expanduser()
            for file in sorted(path.glob("*.gguf")) if path.is_dir() else [path]:
                if self.sha256 and file.is_file() and digest(file) == self.sha256:
                    return str(file.resolve())
        return ""


def digest(path):
    """Return the hex SHA-256 of a file, read once per process as long as size and time stay the same."""
    state = os.stat(path)
    return _digest(str(path), state.st_size, state.st_mtime_ns)


@cache
def _digest(path, size, time):
    return sha256(path)


@cache
def _entries():
    entries = yaml.safe_load((DATA / "models.yml").read_text(encoding="utf-8"))
    return {
        alias: ModelSpec(alias, **{**entry, "interventions": tuple(entry.get("interventions", ()))})
        for alias, entry in entries.items()
    }


def aliases():
    """Names of the listed models, in registry order."""
    return tuple(_entries())


def model(
    name, *, weights=None, quantize="", suppress=None, suppress_text=(), system=None, prefill=None
):
    """Return the :class:`ModelSpec` of an alias, a GGUF file, a folder or a Hugging Face id.

    What exists on this machine is looked at before a name is taken for an id. A known file is recognised by its SHA-256.

    Parameters
    ----------
    name : str, path, or a ModelSpec that only takes the options. weights : path of the model's GGUF file or folder, if
        it is elsewhere than the entry says.
    quantize : ``8bit`` or ``4bit``, or '' for the numbers of the checkpoint.
    suppress : ``emoji``, or ``none`` for no suppression at all. suppress_text : strings that must not be typed.
    system, prefill : str, system message and first characters of the reply, in place of the entry's.

    Raises
    ------
    KaomojiError
        If ``name`` is neither listed, nor something that exists and holds a model, nor shaped like ``owner/name``; if an
        option is none of the above.
    """
    spec = name if isinstance(name, ModelSpec) else _named(str(name))
    if weights:
        spec = replace(spec, weights=_existing(weights))
    if quantize not in ("", "8bit", "4bit") or suppress not in (None, "none", "emoji"):
        raise KaomojiError(
            f"quantize is {quantize!r} and suppress {suppress!r}; expected 8bit or 4bit, and emoji or none; correct them"
        )
    rules = () if suppress == "none" else spec.interventions
    if suppress == "emoji" and {"suppress": "emoji"} not in rules:
        rules += ({"suppress": "emoji"},)
    if suppress_text:
        texts = [suppress_text] if isinstance(suppress_text, str) else list(suppress_text)
        rules += ({"suppress": "strings", "strings": texts},)
    asked = (("system", system), ("prefill", prefill))
    adapter = spec.adapter | {key: value for key, value in asked if value is not None}
    return replace(spec, quantize=quantize or spec.quantize, interventions=rules, adapter=adapter)


def _named(name):
    entries = _entries()
    if name in entries:
        return entries[name]
    if Path(name).expanduser().exists():
        path = _existing(name)
        known = path.endswith(".gguf") and digest(path)
        spec = next((one for one in entries.values() if one.sha256 == known), None)
        title = Path(path).stem if known else Path(path).name
        return replace(spec, weights=path) if spec else ModelSpec(title, path, title, weights=path)
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+(?<!\.gguf)", name):
        listed = (spec for spec in entries.values() if spec.id == name and not spec.file)
        return next(listed, ModelSpec(name, name, name.partition("/")[2]))
    raise KaomojiError(
        f"unknown model {name!r}; expected an alias ({', '.join(entries)}), a Hugging Face id (owner/name), "
        "or a GGUF file or model folder that exists; check the path"
    )


def _existing(path):
    """The resolved path of a GGUF file, or of a folder that holds one model in a way that can be loaded."""
    place = Path(path).expanduser().resolve()
    files = [place] if place.suffix == ".gguf" and place.is_file() else sorted(place.glob("*.gguf"))
    if (place / "config.json").is_file():
        return str(place)
    if len(files) == 1:
        return str(files[0])
    problem, remedy = "has no config.json", "check the path"
    if not place.is_dir():
        problem = "is no GGUF file" if place.exists() else "does not exist"
    elif (place / "adapter_config.json").is_file():
        problem = "holds only an adapter"
        remedy = "load its base model with peft, merge_and_unload() it and save the result"
    elif files:
        problem, remedy = f"holds {len(files)} GGUF files", f"name one of them: {files[0]}"
    raise KaomojiError(
        f"{str(path)!r} {problem}; expected a folder written by save_pretrained, or one GGUF file; {remedy}"
    )
