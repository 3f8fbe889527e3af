"""The frame of a page: what it reads, what it is made from, and how its numbers reach the prose."""

import platform
import time
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata

import numpy as np

from kaomoji_lib import tables
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import emission, geometry
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.show import dealing, nulls, results

__all__ = [
    "Missing",
    "Source",
    "align",
    "asking",
    "attempt",
    "glue",
    "interventions",
    "part",
    "planted",
    "provenance",
    "read",
    "reference",
    "start",
    "stimuli_line",
]

PACKAGES = ("torch", "transformers", "numpy", "pandas", "scikit-learn", "plotly")
CONTROL = "positive control: a toy model trained by this project on planted faces"
CONTROLS = {
    "organism-scrambled": "negative control: a toy model whose faces were drawn regardless of the category",
    "organism-untrained": "negative control: a toy model with random weights, nothing planted, nothing learned",
}


@dataclass(frozen=True)
class Source:
    """A finished run with what its page needs. ``states`` are those at the emission position; ``null`` names a null edition."""

    run: RunFolder
    scheme: object
    null: str = ""

    @cached_property
    def spec(self):
        return _spec(self.run.manifest["model"])

    @cached_property
    def prompts(self):
        return self.run.prompts()

    @cached_property
    def emissions(self):
        return self.dealt(dealing.emissions, self.run.emissions())

    def dealt(self, how, table):
        """``table`` as the null edition has it; ``how``: a function of :mod:`kaomoji_lib.show.dealing`."""
        return nulls.dealt(how, table, self.null, f"{self.run.source} {self.run.frame}")

    @cached_property
    def states(self):
        return self.states_at("emit")

    def states_at(self, position):
        """The states at ``position``, as the null edition has them where one is asked for."""
        return nulls.states(self.run, position, self.null)

    def controls(self, **loading):
        """The rungs below the emission state, as the null edition has them. ``loading``: device and dtype, where they must be measured."""
        return nulls.controls(self.run, self.null, **loading)

    @cached_property
    def stacked(self):
        """All layers of the emission state, each scaled to unit mean norm: (prompts, layers * hidden)."""
        return geometry.stack(self.states.array)

    @property
    def labels(self):
        return self.prompts["category"].to_numpy()

    @property
    def title(self):
        return self.spec.title

    @property
    def is_organism(self):
        return self.spec.is_organism

    @property
    def is_negative_control(self):
        return self.spec.alias in CONTROLS

    @property
    def what(self):
        """What kind of model this is, in words that go beside every figure."""
        return CONTROLS.get(self.spec.alias, CONTROL) if self.is_organism else "language model"

    @property
    def statement(self):
        """What kind of model the page is about, as its first sentence."""
        if self.null:
            return f"A null edition of {self.title}: {nulls.statement(self.null)}"
        if not self.is_organism:
            return f"{self.title} answered {len(self.prompts)} messages; this page reads its faces and its hidden states."
        note = f" {self.spec.note}" if self.spec.note else ""
        return (
            f"This is a model organism, a stand-in for a real model and a {self.what}.{note} The page shows what the "
            "instruments can see; it says nothing about any released model."
        )

    @property
    def heading(self):
        if self.null:
            return f"{self.title}, null edition: {nulls.SHORT[self.null]}"
        return f"{self.title}: a {self.what.partition(':')[0]}" if self.is_organism else self.title

    @property
    def line(self):
        """The source line of every figure."""
        generations = len(self.emissions) / max(len(self.prompts), 1)
        return f"{self.title} ({self.what}) · {len(self.prompts)}\u00a0prompts\u00a0× {generations:.0f}\u00a0replies{nulls.edition(self.null)}"


def _spec(model):
    alias = model["alias"]
    if alias in registry.aliases():
        return registry.model(alias)
    return registry.ModelSpec(
        alias, model.get("id", alias), model.get("title", alias.rpartition("/")[2])
    )


def start():
    """The moment the page began, for :func:`provenance`."""
    return time.monotonic()


def read(run, categories=None, null=""):
    """The :class:`Source` of a run folder (a RunFolder or its path), with its category scheme, or its null edition.

    Raises
    ------
    KaomojiError
        If a prompt's category is none of the scheme's.
    """
    nulls.require(null)
    source, scheme = run if isinstance(run, RunFolder) else RunFolder(run), load_scheme(categories)
    unknown = sorted(set(source.prompts()["category"]) - set(scheme.codes))
    if unknown:
        raise KaomojiError(
            f"the prompts of {source.path} have categories the scheme does not know: {', '.join(unknown)}; expected "
            f"{', '.join(scheme.codes)}; name a scheme of your own with the parameter `categories`"
        )
    return Source(source, scheme, null)


def asking(source):
    """How the model's prompt was rendered where it deviates from its own template, in words."""
    notes = source.run.manifest["model"]["template_notes"]
    return " ".join(notes) if notes else "The model's own chat template was used as it is."


def interventions(source, seed=0):
    """What was kept from being typed, and how often that mattered, in words."""
    rules = source.run.manifest["interventions"]
    if not rules:
        return "Nothing was kept from being typed."
    named = "; ".join(
        ", ".join(rule["strings"]) if "strings" in rule else rule["suppress"] for rule in rules
    )
    return (
        f"Kept from being typed: {named}. Left alone, this share of the replies would have held it: "
        f"{emission.suppressed(source.emissions, seed=seed)}."
    )


def part(result, name, index):
    """One item of a field that holds several, or the result itself where it is Missing."""
    return result if isinstance(result, Missing) else getattr(result, name)[index]


def reference(name, source):
    """The :class:`Source` that ``source`` is laid onto, asked the same prompts; Missing when none is named."""
    if not name:
        return Missing(
            "no reference was named; the parameter `reference` takes an alias, an id or a run folder"
        )
    from kaomoji_lib.models.collect import collect

    found = read(RunFolder(name) if RunFolder(name).exists else collect(name))
    require_same_prompts(found, source)
    return found


def require_same_prompts(first, other):
    """Raise KaomojiError unless both sources were asked the same prompts in the same order."""
    if list(first.prompts["text"]) != list(other.prompts["text"]):
        raise KaomojiError(
            f"{first.title} and {other.title} were asked different prompts; expected the same; collect both with one table"
        )


def titles(sources):
    """Titles in order; equal ones are told apart by the name of their run folder."""
    plain = [source.title for source in sources]
    return [
        title if plain.count(title) == 1 else f"{title} ({source.run.path.name})"
        for title, source in zip(plain, sources, strict=True)
    ]


def align(onto, source, seed=0):
    """Procrustes of the category centroids of ``source`` onto those of ``onto``: an Alignment."""
    scores = [
        geometry.pca(item.stacked, item.prompts, item.scheme, seed=seed).scores
        for item in (onto, source)
    ]
    return geometry.procrustes(*scores, source.labels, source.scheme.codes, seed=seed)


def stimuli_line(prompts):
    """The source line of figures that show the prompts alone."""
    return (
        f"{len(prompts)} prompts in {prompts['category'].nunique()} categories, no model involved"
    )


def planted(source):
    """The planted table of an organism, or Missing where nothing was planted."""
    if not source.is_organism:
        return Missing(
            "only the organisms have a planted answer; this model was not made for this project"
        )
    from kaomoji_lib.models import organisms

    table = organisms.planted(source.spec.alias)
    return Missing(f"{source.title}: nothing was planted in it") if table.empty else table


def glue(key, value):
    """Make ``value`` (Estimate, Missing, number or text) readable in the prose as ``{glue:text}`` of ``key``.

    An Estimate keeps its fields beside the words, so that the page of claims can read them from the executed page.
    """
    from myst_nb import glue as myst_glue

    myst_glue(
        key,
        _Glued(
            f"{value:.2f}" if isinstance(value, float | np.floating) else str(value),
            results.fields(value),
        ),
        display=False,
    )


def glue_each(key, sources, named):
    """Glue one value per source under ``key.<alias>``. ``named``: dict title -> value, as the analyses of several sources give it."""
    for title, alias in _aliases(sources).items():
        if title in named:
            glue(f"{key}.{alias}", named[title])


def glue_family(key, sources, found, test):
    """Glue one test of every two sources under ``key.<alias>.<alias>``. ``found``: dict pair -> Shared, or Missing; ``test``: its name."""
    aliases = _aliases(sources)
    for pair, item in ({} if isinstance(found, Missing) else found).items():
        if set(pair) <= set(aliases) and test in item.tests:
            glue(".".join([key, *(aliases[title] for title in pair)]), item.tests[test])


def _aliases(sources):
    return {
        title: source.spec.alias for title, source in zip(titles(sources), sources, strict=True)
    }


class _Glued:
    def __init__(self, words, fields):
        self.bundle = {
            "text/plain": repr(words),
            **({} if fields is None else {results.MIME: fields}),
        }

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.bundle


def provenance(run, params, started):
    """Where everything on the page comes from. ``run``: a RunFolder, a list of them, or None; ``params``: dict."""
    runs = run if isinstance(run, list | tuple) else [] if run is None else [run]
    rows = [row for item in runs for row in _run_rows(item, len(runs) > 1)]
    rows += [
        (f"parameter {name}", str(value))
        for name, value in params.items()
        if value not in ("", None)
    ]
    rows.append(
        ("versions", ", ".join([f"Python {platform.python_version()}", *map(_version, PACKAGES)]))
    )
    rows.append(("seconds for this page", f"{time.monotonic() - started:.0f}"))
    return tables.Table(
        ("what", "value"), tuple(rows), ("text", "text"), "Where this page comes from"
    )


def _version(name):
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} absent"


def _run_rows(run, several):
    manifest = run.manifest
    title = _spec(manifest["model"]).title
    prefix = f"{title}: " if several else ""
    skipped = {"files", "layers", "status", "prompts", "schema"}
    rows = [
        (f"{prefix}run", str(run.path.name)),
        (f"{prefix}prompts", str(len(manifest["prompts"]))),
    ]
    for name, value in _flat({key: value for key, value in manifest.items() if key not in skipped}):
        if not several or name in ("model revision", "model dtype"):
            rows.append((f"{prefix}{name}", value))
    return rows


def _flat(value, prefix=""):
    """Scalars of a nested dictionary with readable names; empty ones are left out."""
    for key, item in value.items():
        name = f"{prefix} {key}".strip().replace("_", " ")
        if isinstance(item, dict):
            yield from _flat(item, name)
        elif item not in (None, "", [], {}):
            yield name, ", ".join(map(_plain, item)) if isinstance(item, list) else str(item)


def _plain(item):
    return (
        " ".join(f"{key} {value}" for key, value in item.items())
        if isinstance(item, dict)
        else str(item)
    )
