"""Everything the explorer can show on this machine: finished runs, Claude's three methods, the published models, and their mean."""

from dataclasses import replace

from kaomoji_lib import page
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.explorer import data as explorer_data
from kaomoji_lib.explorer import neighbour_maps
from kaomoji_lib.metrics import synthesis
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.published import files as published
from kaomoji_lib.published import tables as published_tables
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.folder import RunFolder, default_folder
from kaomoji_lib.show import across, asked, compared
from kaomoji_lib.stimuli import load_lexicon
from kaomoji_lib.tables import Table

LOCAL = ("gemma", "qwen", "ministral", "granite", "gpt-oss")
METHODS = {"elicit": "elicited", "introspect": "introspected", "synthesize": "synthesized"}


def bundle(
    models=(),
    claude="auto",
    *,
    model="claude-opus-4-7",
    judges=("claude-opus-4-7",),
    synthesizer="claude-haiku-4-5",
    seed=0,
):
    """The :class:`explorer_data.Bundle` of all sources that can be had.

    ``models``: aliases or run folders; empty: every finished run of a listed model, or else the organisms. ``claude``:
    ``auto``, ``published``, ``stand-in``, or empty for none; nothing is ever paid for here.
    """
    return assemble(
        sources(models, claude, model=model, judges=judges, synthesizer=synthesizer, seed=seed)
    )


def assemble(found):
    """The Bundle of :func:`sources`, those that are missing left out."""
    return explorer_data.bundle(
        [item for item in found.values() if not isinstance(item, Missing)], load_scheme()
    )


def sources(
    models=(),
    claude="auto",
    *,
    model="claude-opus-4-7",
    judges=("claude-opus-4-7",),
    synthesizer="claude-haiku-4-5",
    seed=0,
):
    """Every source as dict title -> FaceSource, or Missing with the reason why it is left out."""
    scheme, found = load_scheme(), {}
    for run in _runs(models):
        source = page.read(run)
        found[source.title] = attempt(_of_run, source, scheme, seed)
    for name in LOCAL if published.present(_published_files()) else ():
        entry = published_tables.source(name)
        found[f"{entry['title']}, published"] = attempt(
            _of_published, name, entry["title"], scheme, seed
        )
    if claude:
        found.update(_of_claude(claude, model, judges, synthesizer, scheme, seed))
    present = [
        item for item in found.values() if not isinstance(item, Missing) and not item.control
    ]
    found["Pooled"] = attempt(explorer_data.pooled, present, scheme, seed=seed)
    return {
        title: item if isinstance(item, Missing) else _with_neighbours(item, seed)
        for title, item in found.items()
    }


def _with_neighbours(source, seed):
    """The source with its faces also laid flat by nearness alone, by the first of its layouts."""
    return replace(
        source, flat=source.flat | neighbour_maps.lay(next(iter(source.layouts.values())), seed)
    )


def left_out(found):
    """The sources that could not be shown, with their reasons."""
    rows = tuple(
        (title, item.reason.removeprefix(f"{title}: "))
        for title, item in found.items()
        if isinstance(item, Missing)
    ) or (("none", "every source is here"),)
    return Table(("source", "why it is left out"), rows, ("text", "text"))


def overview(found):
    """The sources that are shown: what they are, how many faces, and what places them."""
    rows = tuple(
        (item.title, item.what, f"{len(item.faces)}", ", ".join([*item.layouts, *item.flat]))
        for item in found.values()
        if not isinstance(item, Missing)
    )
    return Table(
        ("source", "what it is", "faces", "places faces by"),
        rows,
        ("text", "text", "number", "text"),
        "What there is to explore",
    )


def runs(found, models=()):
    """The run folders behind the sources that were gathered from ``models``, for the provenance."""
    shown = {item.id for item in found.values() if not isinstance(item, Missing)}
    folders = [
        RunFolder(name)
        if RunFolder(name).exists
        else RunFolder(default_folder(registry.model(name).slug))
        for name in models or registry.aliases()
    ]
    return [
        folder for folder in folders if folder.exists and folder.manifest["model"]["alias"] in shown
    ]


def line(found):
    """The source line of the explorer."""
    present = [item for item in found.values() if not isinstance(item, Missing)]
    return f"{len(assemble(found).faces)} faces of {len(present)} sources"


def _runs(models):
    if models:
        from kaomoji_lib.models.collect import collect

        return [RunFolder(name) if RunFolder(name).exists else collect(name) for name in models]
    finished = [
        folder
        for folder in (
            RunFolder(default_folder(registry.model(alias).slug)) for alias in registry.aliases()
        )
        if folder.exists and folder.complete
    ]
    return finished or [source.run for source in across.gather([])]


def _of_run(source, scheme, seed):
    return explorer_data.from_emissions(
        source.spec.alias,
        source.title,
        source.what.partition(":")[0],
        source.emissions,
        scheme,
        prompts=source.prompts,
        states=source.states,
        control=source.what.startswith("negative"),
        seed=seed,
    )


def _published_files():
    return [name for source in LOCAL for name in published.registry().sources[source]["emissions"]]


def _of_published(name, title, scheme, seed):
    emissions = published_tables.emissions(name)
    return explorer_data.from_emissions(
        f"published-{name}",
        f"{title}, published",
        f"published data by {published.registry().author}, {published.registry().licence}",
        emissions,
        scheme,
        prompts=published_tables.prompts(emissions),
        seed=seed,
    )


def _of_claude(kind, model, judges, synthesizer, scheme, seed):
    first = attempt(asked.elicited, kind, model)
    found = {"Claude elicited": attempt(_elicited, first, scheme, seed)}
    for judge in judges:
        answer = attempt(asked.introspected, kind, judge, first)
        found[f"Claude introspected, {judge}"] = attempt(
            _introspected, judge, answer, first, scheme, seed
        )
    answer = attempt(asked.synthesized, kind, synthesizer, first)
    found["Claude synthesized"] = attempt(_synthesized, answer, scheme, seed)
    return found


def _title(answer):
    return f"{answer.title}, {METHODS[answer.method]}"


def _elicited(answer, scheme, seed):
    return explorer_data.from_emissions(
        "claude-elicited",
        _title(answer),
        asked.KINDS[answer.kind],
        answer.table,
        scheme,
        prompts=answer.prompts,
        seed=seed,
    )


def _introspected(judge, answer, first, scheme, seed):
    reading = compared.agreement.weighted_as(compared.judged(answer), compared.typed(first))
    return explorer_data.from_reading(
        f"introspected-{judge}",
        _title(answer),
        asked.KINDS[answer.kind],
        reading,
        scheme,
        unit="times typed",
        seed=seed,
    )


def _synthesized(answer, scheme, seed):
    lexicon = load_lexicon()
    masses = synthesis.word_masses(answer.table, lexicon)
    vectors = masses.div(masses.sum(axis=1).clip(lower=1e-12), axis=0)
    words = {
        face: tuple(row[row > 0].sort_values(ascending=False, kind="stable").head(8).items())
        for face, row in vectors.iterrows()
    }
    return explorer_data.from_reading(
        "claude-synthesized",
        _title(answer),
        asked.KINDS[answer.kind],
        compared.synthesized(answer),
        scheme,
        vectors=vectors,
        words=words,
        unit="times typed",
        seed=seed,
    )
