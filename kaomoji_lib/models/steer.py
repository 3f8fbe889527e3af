"""Steering, patching and erasing while a prompt is processed: exact face probabilities under each, as tables.

Directions and erasers are estimated on most prompts of each category and tested on the others, drawn at random. Cells of
the tables are P(the reply opens with the spelling), prefix-closed; tables are cached in the run's folder.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading, measuring, scoring, verify
from kaomoji_lib.models import spellings as spelled
from kaomoji_lib.models.forward import Sizes, in_batches, on_states, plain_logits, prefill
from kaomoji_lib.models.job import Progress

ROWS_PER_FORWARD = 48


@dataclass(frozen=True)
class Change:
    """What is done to the states after block ``layer`` (1 is the first; 0 the embedding).

    ``apply(states, length, *values)`` changes states (batch, positions, hidden) of prompts that end at position
    ``length``, in place; ``values``: arrays with one row per prompt, ``change[rows]`` has those of some prompts.
    """

    layer: int
    apply: object
    values: tuple = ()

    def __getitem__(self, rows):
        return replace(self, values=tuple(value[rows] for value in self.values))


def addition(layer, vectors):
    """Add ``vectors`` (prompts, hidden) at every position but the last, whose logits choose the face's first token.

    Whatever is generated is computed without them, so the face can only change through what the model has put into its
    cache about the message (Turner et al. 2023, arXiv:2308.10248; contrastive directions: Rimsky et al. 2024,
    arXiv:2312.06681).
    """

    def apply(states, length, vectors):
        states[:, : length - 1] += torch.as_tensor(vectors).to(states)[:, None]

    return Change(layer, apply, (vectors,))


def erasure(layer, eraser):
    """Apply an :class:`Eraser` at the last position."""

    def apply(states, length):
        matrix, centre = (torch.as_tensor(one).to(states) for one in eraser)
        states[:, length - 1] -= (states[:, length - 1] - centre) @ matrix

    return Change(layer, apply)


def patch(layer, vectors, back):
    """Put ``vectors`` (prompts, hidden) at position ``back`` (int array (prompts,), 1 is the prompt's last).

    Interchange intervention (Geiger et al. 2021, arXiv:2106.02997); activation patching (Meng et al. 2022, arXiv:2202.05262).
    """

    def apply(states, length, vectors, back):
        places = torch.as_tensor(length - back, device=states.device)
        states[torch.arange(len(states)), places] = torch.as_tensor(vectors).to(states)

    return Change(layer, apply, (vectors, back))


@contextmanager
def applied(engine, change, length=None):
    """Apply a :class:`Change` (or None) to every forward pass inside the context.

    ``length``: number of the prompts' positions, if the pass continues after them; default all.
    """

    def alter(layer, states):
        states = states.clone()
        change.apply(states, length or states.shape[1], *change.values)
        return states

    with on_states(engine, alter, [] if change is None else [change.layer]):
        yield


@torch.inference_mode()
def face_log_probs(engine, prompts, plan, change=None, algorithm="packed"):
    """Return log P that each spelling opens the reply under ``change``: two float64 arrays (prompts, spellings).

    The second is prefix-closed (see :func:`.scoring.score`). ``prompts``: lists of token ids, one per row of ``change``;
    ``plan``: of :func:`.spellings.plan`, with the white space that may come before a face.
    """
    plain = algorithm == "plain"

    def measure(batch):
        rows = slice(batch[0], batch[-1] + 1)
        some, changed = prompts[rows], change and change[rows]

        def read(engine, prompts):
            with applied(engine, changed):
                return prefill(engine, prompts, share=False)

        with applied(engine, changed if plain else None, len(some[0])):
            return measuring.measure(engine, some, plan, algorithm, read=read)

    sizes = Sizes(1 if plain else ROWS_PER_FORWARD, nodes=1)
    parts = in_batches(range(len(prompts)), measure, sizes)
    return tuple(np.concatenate(one) for one in zip(*(pair for _, pair in parts), strict=True))


def verified_algorithm(engine, prompts, plan, change):
    """Return the fastest algorithm whose scores under ``change`` equal those of plain forward passes on two prompts (str)."""
    ends = [0, len(prompts) - 1]
    some = [prompts[row] for row in ends], plan, change[ends]
    expected = face_log_probs(engine, *some, "plain")[0]
    for name in measuring.applicable(engine):
        difference = np.abs(face_log_probs(engine, *some, name)[0] - expected)
        if np.nanmax(difference) <= verify.TOLERANCES[engine.dtype].log_prob:
            break
    return name


# -- what is estimated ------------------------------------------------------------------------------


def encoded(engine, messages, instruction):
    """Return DataFrame[ids, start, end]: token ids of the prompts, the message's first token and the one after its last."""
    rows = []
    for text in messages:
        rendered = engine.template.render(f"{instruction} {text}")
        begin = rendered.rindex(text)
        tokens = engine.tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
        low, high = np.array(tokens["offset_mapping"]).T
        inside = np.flatnonzero((low < begin + len(text)) & (high > begin))
        rows.append((tokens["input_ids"], inside[0], inside[-1] + 1))
    return pd.DataFrame(rows, columns=["ids", "start", "end"])


@torch.inference_mode()
def prompt_states(engine, prompts):
    """Return the states of every layer of ``engine.layers``: dict of float32 arrays (prompts, layers, hidden).

    ``prompts``: of :func:`encoded`. ``message``: mean over the message's tokens; ``end``: at its last token; ``emit``: at
    the prompt's last position; ``norm``: median length of a state over the message's tokens (prompts, layers).
    """
    parts = {"message": [], "end": [], "emit": [], "norm": []}
    for ids, start, end in prompts.itertuples(index=False):
        layers = {}
        with on_states(engine, lambda layer, states, kept=layers: kept.update({layer: states[0]})):
            plain_logits(engine, list(ids), [])
        # One layer after another, since they may be on different devices.
        states = torch.stack([layers[layer].float().cpu() for layer in sorted(layers)])
        message = states[:, start:end]
        parts["message"].append(message.mean(dim=1))
        parts["end"].append(message[:, -1])
        parts["emit"].append(states[:, -1])
        parts["norm"].append(message.norm(dim=-1).median(dim=-1).values)
    return {name: torch.stack(arrays).numpy() for name, arrays in parts.items()}


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


class Eraser(NamedTuple):
    """x -> x - (x - ``centre``) @ ``matrix`` (hidden, hidden)."""

    matrix: np.ndarray
    centre: np.ndarray

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
    root, inverse = (vectors * roots) @ vectors.T, (vectors / roots) @ vectors.T
    centre = states.mean(axis=0)
    member = (np.asarray(labels)[:, None] == np.unique(labels)[None]).astype(float)
    cross = (states - centre).T @ (member - member.mean(axis=0)) / len(states)
    left, singular, _ = np.linalg.svd(inverse @ cross, full_matrices=False)
    basis = left[:, singular > 1e-8 * max(singular[0], 1e-30)]
    return Eraser(inverse @ (basis @ basis.T) @ root, centre)


def matched_eraser(states, labels, like):
    """Return an eraser that changes as much variance as ``like`` and keeps the differences between the labels.

    It scales as many of the largest principal components of the states within labels as ``like`` removes dimensions
    (Elazar et al. 2021, arXiv:2006.00995, ask for such a control).
    """
    states, rank = np.asarray(states, dtype=float), round(np.trace(like.matrix))
    means = pd.DataFrame(states).groupby(np.asarray(labels)).transform("mean").to_numpy()
    basis = np.linalg.svd(states - means, full_matrices=False)[2][:rank].T
    plain = Eraser(basis @ basis.T, states.mean(axis=0))
    return Eraser(
        np.sqrt(like.removed(states) / plain.removed(states)) * plain.matrix, plain.centre
    )


# -- tables -----------------------------------------------------------------------------------------


def steering_table(
    run, words, scales=(0.5, 1.0, 2.0), per_category=2, targets=2, seed=0, device="auto"
):
    """Steer tested prompts toward categories that are not their own.

    Parameters
    ----------
    words : spellings whose probability is measured.
    scales : lengths of what is added a quarter of the way up, in units of the median length of a state over the
        message's tokens there.
    per_category : tested prompts. targets : directions of each condition per prompt.

    Returns
    -------
    DataFrame[prompt_id, topic, layer, condition, direction, scale, one column per spelling]. ``condition``: none;
    category (difference of means); shuffled (the same after categories were permuted over prompts, so that it lies where
    states vary); isotropic (random directions). ``direction``: a category's code, or a number.
    """
    settings = {"layer": None, "scales": list(scales), "targets": targets}
    steps = 3 * len(scales) + 1
    return _table(run, "steering", _steering, words, settings, steps, per_category, seed, device)


def _steering(lab, rng, scales, targets, **_):
    prompts, codes = lab.prompts, list(dict.fromkeys(lab.prompts["category"]))
    states = prompt_states(lab.engine, lab.encoded[lab.train])
    labels = prompts["category"].to_numpy()[lab.train]
    layer = max(1, round(len(lab.engine.blocks) / 4))
    message, unit = states["message"][:, layer], float(np.median(states["norm"][:, layer]))
    sets = {"category": directions(message, labels, codes)}
    isotropic = rng.normal(size=sets["category"].shape)
    sets["shuffled"] = directions(message, rng.permutation(labels), codes)
    sets["isotropic"] = isotropic / np.linalg.norm(isotropic, axis=1, keepdims=True)
    for condition, vectors in sets.items():
        names = codes if condition == "category" else [str(one) for one in range(len(codes))]
        for scale in scales:
            drawn = _targets(prompts, lab.tested, codes, targets, rng)
            rows, numbers = zip(*drawn, strict=True)
            about = pd.DataFrame({"layer": layer, "condition": condition, "scale": scale}, rows)
            about["direction"] = [names[one] for one in numbers]
            moved = (vectors[list(numbers)] * unit * scale).astype(np.float32)
            yield about, addition(layer, moved)
    still = {"layer": layer, "condition": "none", "direction": "", "scale": 0.0}
    yield pd.DataFrame(still, lab.tested), None


def _targets(prompts, tested, codes, targets, rng):
    """Draw ``targets`` categories that are not its own for each tested prompt: pairs (prompt, category)."""
    for row in tested:
        own = codes.index(prompts["category"].iloc[row])
        for step in rng.permutation(len(codes) - 1)[:targets]:
            yield int(row), int((own + 1 + step) % len(codes))


def erasure_table(run, words, layers, per_category=2, seed=0, device="auto"):
    """Erase the category from the emission state after each of ``layers`` (ints; arguments as in :func:`steering_table`).

    Returns
    -------
    DataFrame[prompt_id, topic, layer, condition, removed, one column per spelling]. ``condition``: none; category (LEACE);
    matched (:func:`matched_eraser`); topic (LEACE of the topic, where prompts have several). ``removed``: share of the
    tested states' variance that the eraser changes.
    """
    settings, steps = {"layers": list(layers)}, 3 * len(layers) + 1
    return _table(run, "erasure", _erasure, words, settings, steps, per_category, seed, device)


def _erasure(lab, rng, layers):
    emit = prompt_states(lab.engine, lab.encoded)["emit"]
    category, topic = (lab.prompts[name].to_numpy()[lab.train] for name in ("category", "topic"))
    for layer in layers:
        states = emit[lab.train][:, layer]
        main = leace(states, category)
        erasers = {"category": main, "matched": matched_eraser(states, category, main)}
        if len(set(topic)) > 1:
            erasers["topic"] = leace(states, topic)
        for condition, eraser in erasers.items():
            removed = eraser.removed(emit[lab.tested][:, layer])
            about = {"layer": layer, "condition": condition, "removed": removed}
            yield pd.DataFrame(about, lab.tested), erasure(layer, eraser)
    yield pd.DataFrame({"layer": 0, "condition": "none", "removed": 0.0}, lab.tested), None


def patching_table(run, words, layers, per_category=2, seed=0, device="auto"):
    """Replace a host's state after each of ``layers`` by a donor's (arguments as in :func:`steering_table`).

    Returns
    -------
    DataFrame[prompt_id, donor_id, topic, layer, position, condition, one column per spelling]. ``prompt_id``, ``topic``:
    the host's. ``position``: ``message`` (the message's last token) or ``emission`` (the prompt's last position).
    ``condition``: none (every host and donor as it is; ``donor_id`` empty); donor (same topic, another category);
    same_category (a donor of the host's category); other_topic (the donor's category, another topic);
    shuffled_position (the donor's state at a random token of the host's message).
    """
    settings, steps = {"layers": list(layers)}, 2 * len(layers) + 1
    return _table(run, "patching", _patching, words, settings, steps, per_category, seed, device)


def _patching(lab, rng, layers):
    drawn = [pair for host in lab.tested for pair in _donors(lab.prompts, int(host), rng)]
    hosts, donors, conditions = (np.array(part) for part in zip(*drawn, strict=True))
    involved = sorted({*hosts, *donors})
    states = prompt_states(lab.engine, lab.encoded.iloc[involved])
    host = lab.encoded.iloc[hosts]
    length, start, end = host["ids"].map(len), host["start"], host["end"]
    anywhere = rng.integers(start, np.maximum(end - 1, start + 1))
    about = pd.DataFrame({"condition": conditions}, hosts)
    about["donor_id"] = lab.prompts["id"].to_numpy()[donors]
    donors = np.searchsorted(involved, donors)
    for position, source, place in (("message", "end", end - 1), ("emission", "emit", length - 1)):
        back = length - np.where(conditions == "shuffled_position", anywhere, place)
        for layer in layers:
            change = patch(layer, states[source][donors, layer], back.to_numpy())
            yield about.assign(layer=layer, position=position), change
    still = {"layer": 0, "position": "none", "condition": "none", "donor_id": ""}
    yield pd.DataFrame(still, involved), None


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


def _table(run, name, design, words, settings, steps, per_category, seed, device):
    """Score what ``design`` yields ``steps`` times: what is said of prompts (DataFrame, indexed by their rows), and a Change.

    The last time, without a change, it comes first in the table.
    """
    words = list(words)
    # Tables of earlier versions did not sum over white space before a face.
    key = {"spellings": words, "leads": True, "per_category": per_category, "seed": seed}

    def compute():
        engine, prompts, parts = loading.load_run(run, device), run.prompts(), []
        instruction, algorithm = run.manifest["instruction"], None
        train, tested = train_test_prompts(prompts, per_category, seed)
        tokens = encoded(engine, prompts["text"], instruction)
        check = scoring.self_check(engine, words, prompts, instruction=instruction)
        plan = spelled.plan(engine, words, leads=check["leads"])
        lab = SimpleNamespace(
            engine=engine, prompts=prompts, encoded=tokens, train=train, tested=tested
        )
        with Progress(f"{run.source}, {name}", steps, unit="steps") as report:
            for about, change in design(lab, np.random.default_rng(seed), **settings):
                ids = list(tokens["ids"].iloc[about.index])
                algorithm = algorithm or verified_algorithm(engine, ids, plan, change)
                closed = face_log_probs(engine, ids, plan, change, algorithm)[1]
                chances = pd.DataFrame(np.exp(closed), about.index, words)
                asked = prompts.iloc[about.index].rename(columns={"id": "prompt_id"})
                parts.append(pd.concat([asked[["prompt_id", "topic"]], about, chances], axis=1))
                report(1)
        return pd.concat([parts[-1], *parts[:-1]], ignore_index=True)

    return run.cached(name, key | settings, compute)
