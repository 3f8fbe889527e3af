"""What the explorer shows of each source: faces, readings with intervals, places, clusters, examples. One frozen bundle."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import layout as face_layout
from kaomoji_lib.metrics import clusters
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics.faces import cosine, face_means
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.runs.folder import States

FIRM_COUNT, FIRM_PROMPTS = readings.MIN_WEIGHT, 2
MOST_LAYERS, EXAMPLES, SPELLINGS = 6, 3, 8
ALL_LAYERS, CATEGORIES, WORDS = "all layers", "categories", "words"


@dataclass(frozen=True)
class FaceSource:
    """One source of faces.

    ``kind``: ``states`` (places by mean hidden state), ``counts`` (by the categories typed for), ``reading`` (by the
    categories read into it) or ``words``. ``reading``: shares and weights; ``low`` / ``high``: DataFrames like its
    table, 95% intervals over prompts, None where nothing was resampled. ``prompts``: Series, prompts that drew a face.
    ``layouts``: dict name -> Layout, faces in the order of the reading; ``flat``: dict name -> (faces, 2), places that were
    computed elsewhere, such as UMAP. ``clustering`` (None below five faces) and ``names``: dict number -> dict
    cluster -> name. ``spellings``: dict face -> tuple of (raw, count). ``examples``: dict face -> tuple of (prompt id, prompt,
    category, reply). ``words``: dict face -> tuple of (word, share). ``control``: whether nothing was planted for it to say.
    """

    id: str
    title: str
    what: str
    kind: str
    unit: str
    reading: readings.Reading
    layouts: dict
    low: pd.DataFrame | None = None
    high: pd.DataFrame | None = None
    prompts: pd.Series | None = None
    flat: dict = field(default_factory=dict)
    clustering: clusters.Clustering | None = None
    names: dict = field(default_factory=dict)
    spellings: dict = field(default_factory=dict)
    examples: dict = field(default_factory=dict)
    words: dict = field(default_factory=dict)
    control: bool = False

    @property
    def faces(self):
        return tuple(self.reading.table.index)


@dataclass(frozen=True)
class Bundle:
    """All sources with what they share. ``disagreement``: Series face -> 1 - mean similarity of its readings, two at least."""

    scheme: object
    sources: tuple
    disagreement: pd.Series

    @property
    def faces(self):
        """Every face of every source, the most typed first."""
        total = sum(
            (
                Counter(source.reading.weight.to_dict())
                for source in self.sources
                if source.kind in ("states", "counts")
            ),
            Counter(),
        )
        others = dict.fromkeys(face for source in self.sources for face in source.faces)
        return tuple(sorted(others, key=lambda face: (-total[face], face)))


def bundle(sources, scheme):
    """A :class:`Bundle` of sources (a list of :class:`FaceSource`).

    Raises
    ------
    KaomojiError
        If there is no source, or two have the same id.
    """
    ids = [source.id for source in sources]
    if not ids or len(set(ids)) < len(ids):
        raise KaomojiError(
            f"sources {', '.join(ids) or 'none'}; expected at least one, each with an id of its own; rename or add"
        )
    return Bundle(
        scheme,
        tuple(sources),
        disagreement([source for source in sources if source.id != "pooled"]),
    )


def from_emissions(
    name,
    title,
    what,
    emissions,
    scheme,
    *,
    prompts=None,
    states=None,
    layers=None,
    control=False,
    resamples=400,
    seed=0,
):
    """The source that typed ``emissions`` (the columns of a run); with ``states`` (one row a prompt) faces lie by their mean state.

    ``prompts``: DataFrame[id, text] for the examples. ``layers``: which layers stand alone beside all together; None:
    at most six, evenly spaced.

    Intervals: Efron 1979.

    Raises
    ------
    KaomojiError
        If fewer than three faces are typed three times for two prompts.
    """
    typed = emissions[emissions["face"].notna()]
    found = states if states is not None else _as_categories(emissions, scheme)
    means = face_means(found, typed, min_emissions=1, min_prompts=1)
    uses = means.uses
    drawn = pd.Series((uses > 0).sum(axis=1), index=list(means.faces))
    firm = (means.counts >= FIRM_COUNT) & (drawn >= FIRM_PROMPTS)
    if firm.sum() < face_layout.AXES:
        raise KaomojiError(
            f"{title}: {firm.sum()} faces are typed {FIRM_COUNT} times or more for {FIRM_PROMPTS} prompts or more; expected at least {face_layout.AXES}, to lay out the others; collect more"
        )
    reading = readings.elicited(typed, scheme.codes)
    table = reading.table.loc[list(means.faces)]
    low, high = intervals(uses, found.index["prompt_id"], emissions, table, resamples, seed)
    guide = _guide(table, scheme)
    layouts = {
        name: face_layout.lay(uses, gram, guide, fitted=firm.to_numpy(), seed=seed)
        for name, gram in _grams(means, states, layers)
    }
    return FaceSource(
        id=name,
        title=title,
        what=what,
        kind="counts" if states is None else "states",
        unit="times typed",
        control=control,
        reading=readings.Reading(table, means.counts.astype(float)),
        low=low,
        high=high,
        prompts=drawn,
        layouts=layouts,
        spellings={
            face: tuple(Counter(part).most_common(SPELLINGS))
            for face, part in typed.groupby("face")["raw_face"]
        },
        examples=_examples(typed, prompts),
        **_clustered(found, typed, scheme, min(resamples, 100), seed),
    )


def from_reading(
    name,
    title,
    what,
    reading,
    scheme,
    *,
    vectors=None,
    words=None,
    unit="times typed",
    control=False,
    seed=0,
):
    """The source that reads faces without typing them; ``vectors``: DataFrame face x word that places them, else the reading does."""
    table = reading.table
    X = (table if vectors is None else vectors.reindex(table.index).fillna(0.0)).to_numpy(float)
    layout = face_layout.lay(np.eye(len(X)), X @ X.T, _guide(table, scheme), resampled=False)
    clustering = (
        clusters.cluster_vectors(pd.DataFrame(X, index=table.index), seed=seed)
        if len(X) >= 5
        else None
    )
    return FaceSource(
        id=name,
        title=title,
        what=what,
        kind="reading" if vectors is None else "words",
        unit=unit,
        reading=reading,
        control=control,
        layouts={CATEGORIES if vectors is None else WORDS: layout},
        words=words or {},
        clustering=clustering,
        names=_names(clustering, table.mul(reading.weight.clip(lower=1e-9), axis=0), scheme),
    )


def pooled(sources, scheme, *, title="Pooled", seed=0):
    """The mean of the readings of every face that two sources or more know with enough weight: a :class:`FaceSource`."""
    tables = [source.reading.table[_known(source)] for source in sources]
    stacked = pd.concat(tables)
    times = stacked.groupby(level=0).size()
    mean = stacked.groupby(level=0).mean().loc[times[times >= 2].index]
    if len(mean) < face_layout.AXES:
        raise KaomojiError(
            f"{len(mean)} faces are known to two sources; expected at least {face_layout.AXES}; add sources"
        )
    typed = sum(
        (
            Counter(source.reading.weight.to_dict())
            for source in sources
            if source.kind in ("states", "counts")
        ),
        Counter(),
    )
    found = readings.Reading(mean, pd.Series({face: float(typed[face]) for face in mean.index}))
    return from_reading(
        "pooled",
        title,
        f"mean of {len(sources)} readings, faces that two or more know",
        found,
        scheme,
        unit="times typed",
        seed=seed,
    )


def disagreement(sources):
    """1 - mean Jensen-Shannon similarity over every two sources that know a face: Series; faces of one source are absent."""
    known = [source.reading.table[_known(source)] for source in sources]
    total, pairs = Counter(), Counter()
    for place, left in enumerate(known):
        for right in known[place + 1 :]:
            faces = left.index.intersection(right.index)
            if len(faces):
                values = statistics.js_similarity(
                    left.loc[faces].to_numpy(), right.loc[faces, left.columns].to_numpy()
                )
                total.update(dict(zip(faces, values, strict=True)))
                pairs.update(faces)
    return pd.Series({face: 1 - total[face] / count for face, count in pairs.items()}, dtype=float)


def intervals(uses, prompt_ids, emissions, table, resamples=400, seed=0):
    """95% intervals of each face's shares when prompts are resampled: two DataFrames like ``table``.

    Bootstrap: Efron 1979.
    """
    category = (
        emissions.drop_duplicates("prompt_id")
        .set_index("prompt_id")["category"]
        .reindex(prompt_ids)
        .to_numpy()
    )
    weights = statistics.resampling_counts(uses.shape[1], resamples, seed)
    mass = weights @ uses.T
    low, high = np.full(table.shape, np.nan), np.full(table.shape, np.nan)
    of = (uses > 0).sum(axis=1)
    for column, code in enumerate(table.columns):
        own = category == code
        part = weights[:, own] @ uses[:, own].T
        for face in range(len(table)):
            drawn = part[:, face][mass[:, face] > 0] / mass[:, face][mass[:, face] > 0]
            found = statistics.estimate(
                table.iat[face, column], drawn, int(of[face]), "prompts", bounds=(0, 1)
            )
            low[face, column], high[face, column] = found.ci_low, found.ci_high
    return pd.DataFrame(low, table.index, table.columns), pd.DataFrame(
        high, table.index, table.columns
    )


def _known(source):
    return source.reading.weight >= (FIRM_COUNT if source.kind in ("states", "counts") else 1e-9)


def _as_categories(emissions, scheme):
    """A state that knows its prompt's category and nothing else, so that faces of counts go the way of faces of states."""
    prompts = emissions.drop_duplicates("prompt_id")[["prompt_id", "category"]].reset_index(
        drop=True
    )
    array = np.eye(len(scheme.codes), dtype=np.float32)[
        [scheme.codes.index(code) for code in prompts["category"]]
    ]
    return States(prompts[["prompt_id"]], array[:, None], (CATEGORIES,))


def _grams(means, states, layers):
    if states is None:
        yield CATEGORIES, means.gram
        return
    yield ALL_LAYERS, means.gram
    chosen = layers or [
        states.layers[place]
        for place in np.unique(
            np.linspace(0, len(states.layers) - 1, MOST_LAYERS).round().astype(int)
        )
    ]
    for layer in chosen:
        X = stack(states.array[:, [states.layers.index(layer)]])
        yield f"layer {layer}" if layer != "embed" else "embedding", X @ X.T


def _guide(table, scheme):
    coordinates = scheme.table.loc[list(table.columns)]
    dominance = coordinates["dominance"].map({"D": 1.0, "S": -1.0}).fillna(0.0)
    return table.to_numpy() @ np.column_stack(
        [coordinates["valence"], coordinates["arousal"], dominance]
    ).astype(float)


def _clustered(states, typed, scheme, resamples, seed):
    try:
        means = face_means(states, typed, FIRM_COUNT, FIRM_PROMPTS)
    except KaomojiError:
        return {}
    if len(means.faces) < 5:
        return {}
    clustering = cosine(means, permutations=resamples, resamples=resamples, seed=seed).clustering
    return {
        "clustering": clustering,
        "names": _names(clustering, means.shares.mul(means.counts, axis=0), scheme),
    }


def _names(clustering, masses, scheme):
    if clustering is None:
        return {}
    words = {code: scheme.gloss(code) for code in masses.columns}
    return {
        number: clusters.names(labels, masses, words) for number, labels in clustering.cuts.items()
    }


def _examples(typed, prompts):
    """For each face replies to the prompts that drew it most, each prompt once."""
    texts = {} if prompts is None else dict(zip(prompts["id"], prompts["text"], strict=True))
    first = typed.drop_duplicates(["face", "prompt_id"])
    often = typed.groupby(["face", "prompt_id"]).size()
    first = first.assign(
        often=[often[pair] for pair in zip(first["face"], first["prompt_id"], strict=True)]
    )
    ranked = first.sort_values("often", ascending=False, kind="stable")
    found = {}
    for item in ranked.itertuples():
        kept = found.setdefault(item.face, [])
        if len(kept) < EXAMPLES:
            kept.append((item.prompt_id, texts.get(item.prompt_id, ""), item.category, item.text))
    return {face: tuple(rows) for face, rows in found.items()}
