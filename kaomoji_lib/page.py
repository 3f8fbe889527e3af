"""What a page of the book needs around its figures: its run, its numbers in the prose, and its provenance."""

import dataclasses
import platform
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata

import pandas as pd
from pydantic import ConfigDict, TypeAdapter, ValidationError

from kaomoji_lib import tables
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import states
from kaomoji_lib.results import Missing, attempt
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stats import Estimate
from kaomoji_lib.stimuli import load_scheme

__all__ = ["Missing", "Source", "attempt", "glue", "provenance", "read", "start"]

MIME = "application/vnd.kaomoji.estimate+json"
PACKAGES = ("torch", "transformers", "numpy", "pandas", "scikit-learn", "plotly")
SKIPPED = {"files", "layers", "status", "prompts", "schema"}


@dataclass(frozen=True)
class Source:
    """A finished run with what its page needs."""

    run: RunFolder
    scheme: object

    @cached_property
    def spec(self):
        """The registry entry of the model."""
        return spec(self.run.manifest["model"])

    @property
    def title(self):
        return self.spec.title

    @cached_property
    def prompts(self):
        """DataFrame with ``id``, ``category``, ``topic``, ``text``, one row per prompt."""
        return self.run.prompts()

    @cached_property
    def emissions(self):
        """DataFrame of replies, one row per prompt and generation."""
        return self.run.emissions()

    @cached_property
    def states(self):
        """Hidden states at the last prompt token: ``array`` (prompts, layers, hidden)."""
        return self.run.states("emit")

    @cached_property
    def stacked(self):
        """All layers side by side, each scaled to unit mean norm: (prompts, layers * hidden)."""
        return states.stack(self.states.array)

    @property
    def labels(self):
        return self.prompts["category"].to_numpy()

    @property
    def statement(self):
        """What the page is about, as its first sentence."""
        kind = (
            "toy model trained by this project"
            if self.spec.kind == "organism"
            else "language model"
        )
        return f"{self.title} is a {kind}. {self._counts}."

    @property
    def notes(self):
        """How the prompt and the sampling deviate from the model's own template, in sentences."""
        notes = list(self.run.manifest["model"].get("notes", []))
        notes += [
            f"Suppressed while sampling: {', '.join(rule.get('strings', [rule['suppress']]))}."
            for rule in self.run.manifest.get("interventions") or []
        ]
        return " ".join(notes) or "The model's own chat template was used as it is."

    @property
    def _counts(self):
        return f"{len(self.prompts)} messages × {len(self.emissions) / max(len(self.prompts), 1):.0f} replies"

    @property
    def caption(self):
        """The line under every figure: model, prompts, replies, date."""
        started = str(self.run.manifest.get("started", ""))[:10]
        return " · ".join(filter(None, [self.title, self._counts, started]))


def spec(model):
    """Return the registry entry of a manifest's ``model`` (dict), or one made from the manifest."""
    if model["alias"] in registry.aliases():
        return registry.model(model["alias"])
    title = model.get("title", model["alias"].rpartition("/")[2])
    return registry.ModelSpec(model["alias"], model.get("id", model["alias"]), title)


def start():
    """Check the parameters of the page that calls it; return the moment it began, for :func:`provenance`."""
    check_parameters(sys._getframe(1).f_globals)
    return time.monotonic()


def check_parameters(namespace):
    """Convert the annotated parameters in ``namespace`` (a page's ``globals()``) to their types, in place.

    Papermill and command lines pass numbers and flags as text: ``"8"`` becomes 8 and ``"false"`` becomes False.

    Raises
    ------
    KaomojiError
        If a value is not of its type; the message names parameter, value and what was expected.
    """
    rules = ConfigDict(coerce_numbers_to_str=True, allow_inf_nan=False)
    for name, kind in namespace.get("__annotations__", {}).items():
        if name not in namespace:
            continue
        value = namespace[name]
        try:
            namespace[name] = TypeAdapter(kind, config=rules).validate_python(value)
        except ValidationError as error:
            raise KaomojiError(
                f"parameter {name} is {value!r}: {error.errors()[0]['msg']}; pass it as `-p {name} VALUE`"
            ) from None


def read(run, categories=None):
    """Return the :class:`Source` of a run folder (RunFolder, alias or path).

    Raises
    ------
    KaomojiError
        If a prompt's category is not in the scheme.
    """
    run, scheme = run if isinstance(run, RunFolder) else RunFolder(run), load_scheme(categories)
    unknown = sorted(set(run.prompts()["category"]) - set(scheme.codes))
    if unknown:
        raise KaomojiError(
            f"the prompts of {run.path} have categories the scheme does not know: {', '.join(unknown)}; expected "
            f"{', '.join(scheme.codes)}; name your own scheme with the parameter `categories`"
        )
    return Source(run, scheme)


def on_shared_layers(sources):
    """Return the states of each source on the layers that all have: list of (prompts, layers * hidden). ``sources``: list."""
    every = [source.states for source in sources]
    shared = [name for name in every[0].layers if all(name in one.layers for one in every)]
    return [states.stack(one.array[:, list(map(one.layers.index, shared))]) for one in every]


def glue(key, value, percent=False):
    """Make ``value`` (Estimate, number or text) available to the prose as ``{glue:text}`` of ``key``.

    An Estimate keeps its fields beside its text, so that other pages and tests can read them. ``percent``: write
    shares as percentages, or with ``"points"`` a difference of two in percentage points.
    """
    from myst_nb import glue as myst_glue

    text = str(value)
    if isinstance(value, float):
        text = f"{value:.0%}" if percent else f"{value:.2f}"
    fields = {}
    if isinstance(value, Estimate):
        text = tables.sentence(value, percent)
        items = dataclasses.asdict(value).items()
        fields = {MIME: {name: None if pd.isna(item) else item for name, item in items}}
    myst_glue(key, _Glued({"text/plain": repr(text), **fields}), display=False)


class _Glued:
    def __init__(self, bundle):
        self.bundle = bundle

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.bundle


def provenance(runs, parameters, started):
    """Return the table that ends every page: models and revisions, data, parameters, versions, seconds.

    ``runs``: RunFolder, list of them, or None; ``parameters``: dict.
    """
    runs = runs if isinstance(runs, list | tuple) else [] if runs is None else [runs]
    rows = [row for run in runs for row in _run_rows(run, len(runs) > 1)]
    rows += [(f"parameter {name}", str(v)) for name, v in parameters.items() if v not in ("", None)]
    versions = [
        f"Python {platform.python_version()}",
        *(f"{name} {metadata.version(name)}" for name in PACKAGES),
    ]
    rows += [("versions", ", ".join(versions))]
    rows += [("seconds for this page", f"{time.monotonic() - started:.0f}")]
    return tables.Table(
        ("what", "value"), tuple(rows), ("text", "text"), fold="Where this page comes from"
    )


def _run_rows(run, several):
    manifest = run.manifest
    prefix = f"{spec(manifest['model']).title}: " if several else ""
    rows = [(f"{prefix}run", run.path.name), (f"{prefix}prompts", str(len(manifest["prompts"])))]
    shown = {name: value for name, value in manifest.items() if name not in SKIPPED}
    for name, value in pd.json_normalize(shown, sep=" ").to_dict("records")[0].items():
        name = name.replace("_", " ")
        if value not in (None, "", [], {}) and (
            not several or name in ("model revision", "model dtype")
        ):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((f"{prefix}{name}", text))
    return rows
