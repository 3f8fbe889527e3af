"""Which prompt is steered, erased or patched where, and how its faces change: one table of exact probabilities each.

Directions and erasers are estimated on most prompts of each category and tested on the others, drawn at random. Cells of
the tables are P(the reply opens with the spelling), prefix-closed; tables are cached in the run's folder.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading, scoring, steer
from kaomoji_lib.models import spellings as spelled
from kaomoji_lib.models.job import Progress

STEERING = ("prompt_id", "topic", "layer", "condition", "direction", "scale")
ERASURE = ("prompt_id", "topic", "layer", "condition", "removed")
PATCHING = ("prompt_id", "donor_id", "topic", "layer", "position", "condition")


def train_test_prompts(prompts, per_category, seed=0):
    """Return which prompts are estimated on (bool array), and which are tested (int array, equally many per category).

    The tested ones are drawn at random, so that their topics vary.
    """
    rng, tested = np.random.default_rng(seed), []
    for _, part in prompts.reset_index(drop=True).groupby("category", sort=False):
        tested.extend(sorted(rng.permutation(part.index)[:per_category]))
    train = np.ones(len(prompts), dtype=bool)
    train[tested] = False
    return train, np.array(tested)


def directions(states, labels, codes):
    """Return unit vectors from the mean of the categories' means to each of them: (categories, hidden).

    ``states``: (prompts, hidden); ``labels``: (prompts,). Raises KaomojiError where a category has no prompt.
    """
    absent = [code for code in codes if not (labels == code).any()]
    if absent:
        raise KaomojiError(
            f"no prompt of category {', '.join(absent)} to estimate a direction on; expected all of {', '.join(codes)}; "
            "add prompts, or test fewer"
        )
    means = np.array([states[labels == code].mean(axis=0) for code in codes])
    moved = means - means.mean(axis=0)
    # States that do not differ have no direction; a zero vector then changes nothing.
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)


def steering_table(
    run,
    words,
    *,
    layer=None,
    scales=(0.5, 1.0, 2.0),
    per_category=3,
    targets=3,
    seed=0,
    device="auto",
):
    """Steer tested prompts toward categories that are not their own: DataFrame[STEERING, one column per spelling].

    ``layer``: 0 is the embedding; None: a quarter of the way up. ``scales``: lengths of what is added, in units of the
    median length of a state over the message's tokens there. ``per_category``: tested prompts; ``targets``: directions of
    each condition per prompt. ``condition``: none; category (difference of means); shuffled (the same after categories
    were permuted over prompts, so that it lies where states vary); isotropic (random directions). ``direction``: a
    category's code, or a number.
    """
    settings = {"layer": layer, "scales": list(scales), "targets": targets}
    return _cached(run, "steering", words, per_category, seed, device, _steering, settings)


def _steering(lab, rng, layer, scales, targets):
    prompts, codes = lab.prompts, list(dict.fromkeys(lab.prompts["category"]))
    states, labels = steer.prompt_states(lab.engine, lab.encoded[lab.train]), prompts["category"]
    if layer is None:
        layer = max(1, round(len(lab.engine.blocks) / 4))
    message, labels = states["message"][:, layer], labels.to_numpy()[lab.train]
    unit = float(np.median(states["norm"][:, layer]))
    sets = {"category": directions(message, labels, codes)}
    isotropic = rng.normal(size=sets["category"].shape)
    sets["shuffled"] = directions(message, rng.permutation(labels), codes)
    sets["isotropic"] = isotropic / np.linalg.norm(isotropic, axis=1, keepdims=True)
    for condition, vectors in sets.items():
        for scale in lab.counted(f"steered by {condition}", scales):
            rows, numbers = zip(*_targets(prompts, lab.tested, codes, targets, rng), strict=True)
            names = codes if condition == "category" else [str(one) for one in range(len(codes))]
            about = {"condition": condition, "scale": scale, "layer": layer}
            about = pd.DataFrame(about | {"direction": [names[one] for one in numbers]})
            moved = (vectors[list(numbers)] * unit * scale).astype(np.float32)
            lab.score(list(rows), about, steer.Addition(layer, moved))
    still = {"layer": layer, "condition": "none", "direction": "", "scale": 0.0}
    return lab.table(STEERING, lab.tested, still)


def _cached(run, name, words, per_category, seed, device, make, settings):
    # Tables of earlier versions did not sum over white space before a face.
    key = {"spellings": list(words), "leads": True, "per_category": per_category, "seed": seed}

    def compute():
        lab = _Lab(run, list(words), per_category, seed, device)
        return make(lab, np.random.default_rng(seed), **settings)

    return run.cached(name, key | settings, compute)


class _Lab:
    """A run's model, its prompts (``train``: bool array, ``tested``: int array) and the scores that a table consists of.

    ``encoded``: DataFrame[ids, start, end] of :func:`.steer.prompt_states`.
    """

    def __init__(self, run, words, per_category, seed, device):
        self.engine, self.prompts, self.words = loading.load_run(run, device), run.prompts(), words
        self.source, self.algorithm, self.parts = run.source, None, []
        instruction, rows = run.manifest["instruction"], []
        for text in self.prompts["text"]:
            rendered = self.engine.template.render(f"{instruction} {text}")
            span = steer.user_span(self.engine, rendered, text)
            rows.append((self.engine.encode(rendered), *span))
        self.encoded = pd.DataFrame(rows, columns=["ids", "start", "end"])
        self.train, self.tested = train_test_prompts(self.prompts, per_category, seed)
        check = scoring.self_check(self.engine, words, self.prompts, instruction=instruction)
        self.plan = spelled.plan(self.engine, words, leads=check["leads"])

    def counted(self, what, layers):
        """Yield the layers, reporting how many are done."""
        with Progress(f"{self.source}, {what}", len(layers), unit="layers") as progress:
            for layer in layers:
                yield layer
                progress(1)

    def score(self, rows, about, change=None):
        """Keep ``about`` (DataFrame, one row per scored prompt) with ids, topics and exp(log P) of the words."""
        ids, table = list(self.encoded["ids"].iloc[rows]), self.prompts.iloc[rows]
        if self.algorithm is None:
            self.algorithm = steer.verified_algorithm(self.engine, ids, self.plan, change)
        closed = steer.face_log_probs(self.engine, ids, self.plan, change, self.algorithm)[1]
        about = about.assign(prompt_id=table["id"].to_numpy(), topic=table["topic"].to_numpy())
        chances = pd.DataFrame(np.exp(closed), columns=self.words)
        self.parts.append(pd.concat([about.reset_index(drop=True), chances], axis=1))

    def table(self, columns, rows, still):
        """Return the table: the prompts ``rows`` as they are (described by the dict ``still``), then what was scored."""
        self.score(rows, pd.DataFrame(still, rows))
        table = pd.concat([self.parts[-1], *self.parts[:-1]], ignore_index=True)
        return table[[*columns, *self.words]]


def _targets(prompts, tested, codes, targets, rng):
    """Draw ``targets`` categories that are not its own for each tested prompt: pairs (prompt, category)."""
    for row in tested:
        own = codes.index(prompts["category"].iloc[row])
        for step in rng.permutation(len(codes) - 1)[:targets]:
            yield int(row), int((own + 1 + step) % len(codes))


@dataclass(frozen=True)
class Eraser:
    """x -> x - (x - ``centre``) @ ``matrix``; ``rank``: dimensions that are removed."""

    matrix: np.ndarray
    centre: np.ndarray
    rank: int

    def __call__(self, states):
        """Return erased states (n, hidden)."""
        return states - (states - self.centre) @ self.matrix

    def removed(self, states):
        """Return the share of the states' variance that is changed, mean ||x - erased x||² over mean ||x - mean||²."""
        return float(
            np.square(states - self(states)).sum() / np.square(states - states.mean(axis=0)).sum()
        )


def leace(states, labels):
    """Return the :class:`Eraser` of the categories ``labels`` (n,) from ``states`` (n, hidden).

    LEACE (Belrose et al. 2023, arXiv:2306.03819) is the affine map that changes states least while no linear probe can
    tell the label. The covariance is shrunk (Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4), since there are
    fewer prompts than dimensions: the covariance with the label is exactly 0 all the same, "least" is then approximate.
    """
    from sklearn.covariance import ledoit_wolf

    states = np.asarray(states, dtype=float)
    values, vectors = np.linalg.eigh(ledoit_wolf(states)[0])
    roots = np.sqrt(np.maximum(values, values.max() * 1e-9 + 1e-30))
    root, inverse, centre = (
        (vectors * roots) @ vectors.T,
        (vectors / roots) @ vectors.T,
        states.mean(axis=0),
    )
    member = (np.asarray(labels)[:, None] == np.unique(labels)[None]).astype(float)
    cross = (states - centre).T @ (member - member.mean(axis=0)) / len(states)
    left, singular, _ = np.linalg.svd(inverse @ cross, full_matrices=False)
    basis = left[:, singular > 1e-8 * max(singular[0], 1e-30)]
    return Eraser(inverse @ (basis @ basis.T) @ root, centre, basis.shape[1])


def matched_eraser(states, labels, like):
    """Return an eraser that changes as much variance as ``like`` and keeps the differences between the labels.

    It scales the ``like.rank`` largest principal components of the states within labels (Elazar et al. 2021,
    arXiv:2006.00995, ask for such a control).
    """
    states, labels = np.asarray(states, dtype=float), np.asarray(labels)
    means = pd.DataFrame(states).groupby(labels).transform("mean").to_numpy()
    basis = np.linalg.svd(states - means, full_matrices=False)[2][: like.rank].T
    plain = Eraser(basis @ basis.T, states.mean(axis=0), basis.shape[1])
    factor = np.sqrt(like.removed(states) / plain.removed(states))
    return Eraser(factor * plain.matrix, plain.centre, plain.rank)


def erasure_table(run, words, *, per_category=4, layers=None, seed=0, device="auto"):
    """Erase the category from the emission state after each block: DataFrame[ERASURE, one column per spelling].

    ``per_category``: tested prompts; ``layers``: default every block. ``condition``: none; category (LEACE); matched
    (:func:`matched_eraser`); topic (LEACE of the topic, where prompts have several).
    ``removed``: share of the tested states' variance that the eraser changes.
    """
    settings = {"layers": list(layers or ())}
    return _cached(run, "erasure", words, per_category, seed, device, _erasure, settings)


def _erasure(lab, rng, layers):
    emit = steer.prompt_states(lab.engine, lab.encoded)["emit"]
    category, topic = (lab.prompts[name].to_numpy()[lab.train] for name in ("category", "topic"))
    for layer in lab.counted("erased", layers or range(1, len(lab.engine.blocks) + 1)):
        states = emit[lab.train][:, layer]
        main = leace(states, category)
        erasers = {"category": main, "matched": matched_eraser(states, category, main)}
        if len(set(topic)) > 1:
            erasers["topic"] = leace(states, topic)
        for condition, eraser in erasers.items():
            removed = eraser.removed(emit[lab.tested][:, layer])
            about = {"layer": layer, "condition": condition, "removed": removed}
            change = steer.Map(layer, eraser.matrix, eraser.centre)
            lab.score(lab.tested, pd.DataFrame(about, lab.tested), change)
    still = {"layer": 0, "condition": "none", "removed": 0.0}
    return lab.table(ERASURE, lab.tested, still)


def patching_table(run, words, *, per_category=2, layers=None, seed=0, device="auto"):
    """Replace a host's state by a donor's: DataFrame[PATCHING, one column per spelling].

    ``per_category``: hosts; ``layers``: default six from the first block to the last. ``position``: ``message`` (the message's last token) or ``emission`` (the prompt's last position). ``condition``: none
    (every host and donor as it is; ``donor_id`` empty); donor (same topic, another category); same_category (a donor of
    the host's category); other_topic (the donor's category, another topic); shuffled_position (the donor's state at a random
    token of the host's message). ``topic``: the host's.
    """
    settings = {"layers": list(layers or ())}
    return _cached(run, "patching", words, per_category, seed, device, _patching, settings)


def _patching(lab, rng, layers):
    prompts = lab.prompts
    pairs = pd.DataFrame(
        [pair for host in lab.tested for pair in _donors(prompts, int(host), rng)],
        columns=["host", "donor", "condition"],
    )
    if pairs.empty:
        raise KaomojiError(
            "no two prompts of different categories share a topic; expected topics in the prompts; fill the column topic"
        )
    involved = sorted({*pairs["host"], *pairs["donor"]})
    states = steer.prompt_states(lab.engine, lab.encoded.iloc[involved])
    donors = np.searchsorted(involved, pairs["donor"])
    host = lab.encoded.iloc[pairs["host"]].reset_index(drop=True)
    length, start, end = host["ids"].map(len), host["start"], host["end"]
    anywhere = rng.integers(start, np.maximum(end - 1, start + 1))
    named = pairs.assign(donor_id=prompts["id"].to_numpy()[pairs["donor"]])
    count = len(lab.engine.blocks)
    layers = layers or sorted({round(one) for one in np.linspace(1, count, min(6, count))})
    for position, source, place in (("message", "end", end - 1), ("emission", "emit", length - 1)):
        shuffled = pairs["condition"] == "shuffled_position"
        back = (length - np.where(shuffled, anywhere, place)).to_numpy()
        for layer in lab.counted(f"patched at {position}", layers):
            change = steer.Patch(layer, states[source][donors, layer], back)
            lab.score(pairs["host"], named.assign(layer=layer, position=position), change)
    still = {"layer": 0, "position": "none", "condition": "none", "donor_id": ""}
    return lab.table(PATCHING, involved, still)


def _donors(prompts, host, rng):
    """Draw a donor of each condition for one host: triples (host, donor, condition); [] without a topic-matched one."""
    category, topic = prompts["category"].to_numpy(), prompts["topic"].to_numpy()
    others = np.arange(len(prompts)) != host
    matched = np.flatnonzero((topic == topic[host]) & (category != category[host]))
    if not len(matched):
        return []
    donor = int(rng.choice(matched))
    pools = {
        "same_category": (category == category[host]) & others,
        "other_topic": (category == category[donor]) & (topic != topic[host]),
    }
    pairs = [(host, donor, "donor"), (host, donor, "shuffled_position")]
    for condition, pool in pools.items():
        if pool.any():
            pairs.append((host, int(rng.choice(np.flatnonzero(pool))), condition))
    return pairs
