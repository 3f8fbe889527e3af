"""Gather the sources that the explorer shows: the published models, Claude's three methods, people, and finished runs."""

from collections import Counter

import numpy as np
import pandas as pd

from kaomoji_lib import stimuli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import data
from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.metrics import clusters, distributions, geometry, human, synthesis
from kaomoji_lib.metrics.states import stack
from kaomoji_lib.models import choose
from kaomoji_lib.published import sources as published_sources
from kaomoji_lib.published import tables
from kaomoji_lib.runs.folder import States
from kaomoji_lib.stimuli import load_lexicon, load_scheme

MAX_LAYERS, EXAMPLES, WORDS = 5, 3, 8
ALL_LAYERS, CATEGORIES = "all layers", "categories"
RESAMPLES, CLUSTERING = 200, {"permutations": 49, "resamples": 25}
ASKED = "asked which category a kaomoji suggests"
DESCRIBED = "adjectives that Claude gave to kaomoji in messages, counted by category"
METHODS = {"opus": ASKED, "haiku": ASKED, "synthesized": DESCRIBED}


def bundle(sources):
    """Return the :class:`data.Bundle` of some :class:`data.FaceSource`, each with an id of its own."""
    sources = tuple(sources)
    ids = [source.id for source in sources]
    if not ids or len(set(ids)) < len(ids):
        raise KaomojiError(
            f"sources {', '.join(ids) or 'none'}; expected at least one, each with an id of its own; rename or add"
        )
    return data.Bundle(load_scheme(), sources, data.disagreement(sources))


def published(seed=0):
    """Return the models whose replies the article published, Gemma first: list of sources."""
    sources, titles = [], {**tables.titles(), "claude": f"{tables.titles()['claude']}, elicited"}
    for name in (*tables.LOCAL, "claude"):
        replies = tables.emissions(name)
        what = f"{len(replies):,} published replies to {replies['prompt_id'].nunique()} messages"
        states = _components(name) if name in tables.LOCAL else None
        sources.append(of_emissions(name, titles[name], what, replies, states=states, seed=seed))
    return sources


def meanings(sources, seed=0):
    """Return what Claude and people say that the kaomoji of ``sources`` mean: list of sources."""
    typed, others = data.typed(sources), published_sources.corrected().others
    labels = human.load(load_scheme()).theta(list(typed), prior=0)
    what = "labels of a dictionary of kaomoji, shared among the categories they may mean"
    words = {"synthesized": _words()}
    readings = [
        of_reading(name, title, METHODS[name], others[name].table, typed, words.get(name), seed)
        for name, title in published_sources.TITLES.items()
    ]
    return [*readings, of_reading("people", "Human dictionary", what, labels, typed, seed=seed)]


def of_run(run, seed=0):
    """Return the source of a run (:class:`kaomoji_lib.page.Source`).

    A model that hardly types kaomoji by itself is shown by its choices from the closed set, where these were scored.
    """
    given = {"scheme": run.scheme, "prompts": run.prompts, "states": run.states, "seed": seed}
    try:
        return of_emissions(run.spec.alias, run.title, run.caption, run.emissions, **given)
    except KaomojiError:
        if not (run.run.path / f"closed-{stimuli.SELF}.parquet").is_file():
            raise
    chosen = choose.draw(choose.closed_set(run.run), seed=seed, model=run.run.manifest["source"])
    category = chosen["prompt_id"].map(run.prompts.set_index("id")["category"])
    chosen = chosen.assign(category=category, raw_face=chosen["spelling"])
    chosen["face"] = chosen["raw_face"].map(canonical)
    what = f"{run.caption} · chosen from a closed set, as it types few kaomoji by itself"
    return of_emissions(run.spec.alias, run.title, what, chosen, **given)


def of_emissions(
    name, title, what, emissions, *, scheme=None, prompts=None, states=None, resamples=RESAMPLES, seed=0
):  # fmt: skip
    """Return the source that typed ``emissions`` (columns of a run).

    With ``states`` (one row per prompt) kaomoji lie by the mean hidden state of the prompts that drew them, without by the
    categories of these prompts. ``prompts``: DataFrame[id, text], for the examples. At least three kaomoji have to be typed
    three times for two prompts (KaomojiError).
    """
    scheme, typed = scheme or load_scheme(), emissions[emissions["face"].notna()]
    states = _as_categories(emissions, scheme) if states is None else states
    prompt_ids = states.index["prompt_id"]
    counts = clusters.usage(typed, prompt_ids)
    faces, drawn, total = list(counts.index), (counts > 0).sum(axis=1), counts.sum(axis=1)
    frequent = ((total >= data.MIN_COUNT) & (drawn >= data.MIN_PROMPTS)).to_numpy()
    uses = counts.reindex(columns=prompt_ids, fill_value=0).to_numpy(float)
    if frequent.sum() < data.AXES:
        raise KaomojiError(
            f"{title}: {frequent.sum()} kaomoji are typed {data.MIN_COUNT} times for {data.MIN_PROMPTS} prompts; "
            f"expected at least {data.AXES}, to lay out the others; collect more replies"
        )
    table = distributions.elicited(typed, scheme.codes).table.loc[faces]
    guide = _guide(table, scheme)
    low, high = data.intervals(uses, prompt_ids, emissions, table, resamples, seed)
    places = {
        layer: data.lay(uses, vectors, guide, fitted=frequent, seed=seed)
        for layer, vectors in _vectors(states)
    }
    raw = typed.groupby("face")["raw_face"]
    own = {"low": low, "high": high, "prompts": drawn}
    own["spellings"] = {face: tuple(Counter(part).most_common()) for face, part in raw}
    own["examples"] = _examples(typed, prompts) if "text" in typed else {}
    reading = distributions.Reading(table, total.astype(float))
    if frequent.sum() >= 5:
        X = stack(states.array)[pd.Index(prompt_ids).get_indexer(counts.columns)]
        own["clustering"] = clusters.cluster_means(counts[frequent], X, seed=seed, **CLUSTERING)
    return data.FaceSource(name, title, what, True, reading, places, **own)


def of_reading(name, title, what, table, typed, words=None, seed=0):
    """Return the source that says what kaomoji mean: ``table`` face x category, rows sum to 1.

    ``typed``: how often models typed each kaomoji (mapping); those typed fewer than three times are left out.
    ``words``: dict face -> tuple of (adjective, share).
    """
    table = table.groupby(canonical).mean()
    counts = pd.Series({face: float(typed.get(face, 0)) for face in table.index})
    counts = counts[counts >= data.MIN_COUNT].sort_values(ascending=False, kind="stable")
    table, scheme = table.loc[counts.index], load_scheme()
    X, guide = table.to_numpy(float), _guide(table, scheme)
    places = {CATEGORIES: data.lay(np.eye(len(X)), X, guide, resamples=0)}
    reading, own = distributions.Reading(table, counts), {"words": words or {}}
    if len(table) >= 5:
        own["clustering"] = clusters.cluster_vectors(table, seed=seed, **CLUSTERING)
    return data.FaceSource(name, title, what, False, reading, places, **own)


def _as_categories(emissions, scheme):
    """Return states that code each prompt's category and nothing else, to place kaomoji where no hidden state is known."""
    prompts = emissions.drop_duplicates("prompt_id")[["prompt_id", "category"]]
    codes = [scheme.codes.index(code) for code in prompts["category"]]
    array = np.eye(len(scheme.codes), dtype=np.float32)[codes]
    return States(prompts[["prompt_id"]].reset_index(drop=True), array[:, None], (CATEGORIES,))


def _components(name):
    """Return the published principal components of a model's hidden states, all that is public of them."""
    table = tables.components(name)
    array = table[["PC1", "PC2", "PC3"]].to_numpy(np.float32)[:, None]
    index = table[["id"]].set_axis(["prompt_id"], axis=1)
    return States(index, array, ("published hidden states",))


def _vectors(states):
    """Yield the vectors of the prompts, (n, d): of all layers together, then of some layers alone."""
    layers = list(states.layers)
    yield (ALL_LAYERS if len(layers) > 1 else layers[0]), stack(states.array)
    places = np.linspace(0, len(layers) - 1, MAX_LAYERS).round().astype(int)
    for place in np.unique(places) if len(layers) > 1 else ():
        name = "embedding" if layers[place] == "embed" else f"layer {layers[place]}"
        yield name, stack(states.array[:, [place]])


def _guide(table, scheme):
    """Return valence, arousal and dominance of each face: (faces, 3); they fix the signs of the components."""
    return table.to_numpy() @ geometry.scheme_coordinates(table.columns, scheme)


def _words():
    """Return the adjectives of the synthesis arm: dict face -> tuple of (word, share), most frequent first."""
    table = tables.uploads_once(tables.syntheses())
    shares = synthesis.word_vectors(table, load_lexicon()).groupby(canonical).mean()
    return {face: tuple(row[row > 0].nlargest(WORDS).items()) for face, row in shares.iterrows()}


def _examples(typed, prompts):
    """Return for each face replies to the prompts that drew it most, one per prompt."""
    texts = {} if prompts is None else dict(zip(prompts["id"], prompts["text"], strict=True))
    count = typed.groupby(["face", "prompt_id"])["text"].transform("size")
    ranked = typed.assign(count=count, prompt=typed["prompt_id"].map(texts).fillna(""))
    ranked = ranked.sort_values("count", ascending=False, kind="stable")
    rows = ranked.drop_duplicates(["face", "prompt_id"]).groupby("face").head(EXAMPLES)
    parts = rows.groupby("face")[["prompt", "category", "text"]]
    return {face: tuple(part.itertuples(index=False, name=None)) for face, part in parts}
