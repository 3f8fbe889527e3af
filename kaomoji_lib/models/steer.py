"""Steering, patching and erasing while a prompt is processed: exact face probabilities under each, as tables.

Directions and erasers are estimated on most prompts of each category and tested on the others, drawn at random. Cells of
the tables are P(the reply opens with the spelling), prefix-closed; tables are cached in the run's folder.
"""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading, measuring, scoring, verify
from kaomoji_lib.models import spellings as spelled
from kaomoji_lib.models.forward import (
    Sizes,
    existing_layers,
    in_batches,
    on_states,
    plain_logits,
    prefill,
)
from kaomoji_lib.models.job import Progress

ROWS_PER_FORWARD = 48

# What is done to states (batch, positions, hidden) after a block: a function of them, the number of the prompts' positions
# (they end at the same one) and the prompts' rows, which changes the states in place.


def adding(vectors):
    """Add ``vectors`` (prompts, hidden) at every position but the last, whose logits choose the face's first token.

    Whatever is generated is computed without them, so the face can only change through what the model has put into its
    cache about the message (Turner et al. 2023, arXiv:2308.10248; contrastive directions: Rimsky et al. 2024,
    arXiv:2312.06681).
    """

    def change(states, length, rows):
        states[:, : length - 1] += torch.as_tensor(vectors[rows]).to(states)[:, None]

    return change


def erasing(matrix, centre):
    """Apply x -> x - (x - ``centre``) @ ``matrix`` (hidden, hidden) at the last position."""

    def change(states, length, rows):
        moved, by = (torch.as_tensor(one).to(states) for one in (centre, matrix))
        states[:, length - 1] -= (states[:, length - 1] - moved) @ by

    return change


def replacing(vectors, back):
    """Put ``vectors`` (prompts, hidden) at position ``back`` (int array (prompts,), 1 is the prompt's last).

    Interchange intervention (Geiger et al. 2021, arXiv:2106.02997); activation patching (Meng et al. 2022, arXiv:2202.05262).
    """

    def change(states, length, rows):
        places = torch.as_tensor(length - back[rows], device=states.device)
        prompts = torch.arange(len(states), device=states.device)
        states[prompts, places] = torch.as_tensor(vectors[rows]).to(states)

    return change


@contextmanager
def applied(engine, layer, change, rows, length=None):
    """Apply ``change`` after block ``layer`` (1 is the first; 0 the embedding) to every forward pass inside the context.

    ``rows``: of the prompts in the batch; ``length``: number of their positions, if the pass continues after them.
    """

    def alter(_, states):
        states = states.clone()
        change(states, length or states.shape[1], rows)
        return states

    with on_states(engine, alter, [layer] if change else []):
        yield


@torch.inference_mode()
def face_log_probs(engine, prompts, plan, layer=0, change=None, algorithm="packed", rows=None):
    """Return log P that each spelling opens the reply under ``change``: two float64 arrays (prompts, spellings).

    The second is prefix-closed (see :func:`.scoring.score`). ``prompts``: lists of token ids, of which ``rows`` (default
    all) are scored; ``plan``: of :func:`.spellings.plan`, with the white space that may come before a face.
    """
    plain = algorithm == "plain"

    def measure(rows):
        some, rows = [prompts[row] for row in rows], list(rows)

        def read(engine, prompts):
            with applied(engine, layer, change, rows):
                return prefill(engine, prompts, share=False)

        with applied(engine, layer, change if plain else None, rows, len(some[0])):
            return measuring.measure(engine, some, plan, algorithm, read=read)

    sizes = Sizes(1 if plain else ROWS_PER_FORWARD, nodes=1)
    parts = in_batches(range(len(prompts)) if rows is None else rows, measure, sizes)
    return tuple(np.concatenate(one) for one in zip(*(pair for _, pair in parts), strict=True))


def verified_algorithm(engine, prompts, plan, layer, change):
    """Return the fastest algorithm (str) whose scores of two prompts under ``change`` equal those of plain forward passes."""
    asked, rows = (engine, prompts, plan, layer, change), [0, len(prompts) - 1]
    expected = face_log_probs(*asked, "plain", rows)[0]
    for name in measuring.applicable(engine):
        difference = np.abs(face_log_probs(*asked, name, rows)[0] - expected)
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
    rows = []
    for ids, start, end in prompts.itertuples(index=False):
        layers = {}
        with on_states(engine, lambda layer, states, kept=layers: kept.update({layer: states[0]})):
            plain_logits(engine, list(ids), [])
        # One layer after another, since they may be on different devices.
        states = torch.stack([layers[layer].float().cpu() for layer in sorted(layers)])
        message = states[:, start:end]
        norm = message.norm(dim=-1).median(dim=-1).values
        rows.append((message.mean(dim=1), message[:, -1], states[:, -1], norm))
    stacked = (torch.stack(part).numpy() for part in zip(*rows, strict=True))
    return dict(zip(("message", "end", "emit", "norm"), stacked, strict=True))


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


def removed(states, matrix, centre):
    """Return the share of the variance of ``states`` that :func:`erasing` changes, mean ||change||² over mean ||x - mean||²."""
    change, whole = (states - centre) @ matrix, states - states.mean(axis=0)
    return float(np.square(change).sum() / np.square(whole).sum())


def leace(states, labels):
    """Return matrix and centre of :func:`erasing` that take the ``labels`` (n,) from ``states`` (n, hidden).

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
    return inverse @ (basis @ basis.T) @ root, centre


def matched_eraser(states, labels, like):
    """Return matrix and centre that change as much variance as ``like`` and keep the differences between the labels.

    They scale as many of the largest principal components of the states within labels as ``like`` removes dimensions
    (Elazar et al. 2021, arXiv:2006.00995, ask for such a control).
    """
    states, rank = np.asarray(states, dtype=float), round(np.trace(like[0]))
    means = pd.DataFrame(states).groupby(np.asarray(labels)).transform("mean").to_numpy()
    basis = np.linalg.svd(states - means, full_matrices=False)[2][:rank].T
    matrix, centre = basis @ basis.T, states.mean(axis=0)
    return np.sqrt(removed(states, *like) / removed(states, matrix, centre)) * matrix, centre


# -- tables -----------------------------------------------------------------------------------------


def intervene(run, kind, words, per_category=2, seed=0, device="auto", **settings):
    """Change the states of tested prompts and measure each spelling's probability, once: later calls read the file.

    Parameters
    ----------
    kind : ``steering`` (toward categories that are not the prompt's own), ``erasure`` (of the category, from the emission
        state) or ``patching`` (a host's state is replaced by a donor's).
    words : spellings whose probability is measured. per_category : tested prompts (hosts).
    settings : of steering ``scales``, lengths of what is added a quarter of the way up, in units of the median length of
        a state over the message's tokens there, and ``targets``, directions of each condition per prompt; else ``layers``.

    Returns
    -------
    DataFrame[prompt_id, topic, layer, condition, ..., one column per spelling]. ``condition`` is ``none`` without a change.
    Steering adds ``direction`` (a category's code, or a number) and ``scale``; conditions: category (difference of means);
    shuffled (the same after categories were permuted over prompts, so that it lies where states vary); isotropic (random
    directions). Erasure adds ``removed`` (share of the tested states' variance that is changed); conditions: category
    (LEACE); matched (:func:`matched_eraser`); topic (LEACE of the topic, where prompts have several). Patching adds
    ``donor_id`` and ``position``: ``message`` (the message's last token) or ``emission`` (the prompt's last position);
    conditions: donor (same topic, another category); same_category (a donor of the host's category); other_topic (the
    donor's category, another topic); shuffled_position (the donor's state at a random token of the host's message).
    """
    design, changes, defaults = DESIGNS[kind]
    settings, words = defaults | settings, list(words)
    # Tables of earlier versions did not sum over white space before a face.
    key = {"spellings": words, "leads": True, "per_category": per_category, "seed": seed}

    def compute():
        engine, prompts, parts = loading.load_run(run, device), run.prompts(), []
        instruction, algorithm = run.manifest["instruction"], None
        existing_layers(engine, settings.get("layers"))
        train, tested = train_test_prompts(prompts, per_category, seed)
        tokens = encoded(engine, prompts["text"], instruction)
        check = scoring.self_check(engine, words, prompts, instruction=instruction)
        plan = spelled.plan(engine, words, leads=check["leads"])
        lab = SimpleNamespace(
            engine=engine, prompts=prompts, encoded=tokens, train=train, tested=tested
        )
        steps = changes * len(settings.get("scales") or settings["layers"]) + 1
        with Progress(f"{run.manifest['source']}, {kind}", steps, unit="steps") as report:
            for about, change in design(lab, np.random.default_rng(seed), **settings):
                ids, layer = list(tokens["ids"].iloc[about.index]), about["layer"].iloc[0]
                asked = engine, ids, plan, layer, change
                algorithm = algorithm or verified_algorithm(*asked)
                chances = np.exp(face_log_probs(*asked, algorithm)[1])
                chances = pd.DataFrame(chances, about.index, words)
                named = prompts.iloc[about.index].rename(columns={"id": "prompt_id"})
                parts.append(pd.concat([named[["prompt_id", "topic"]], about, chances], axis=1))
                report(1)
        return pd.concat([parts[-1], *parts[:-1]], ignore_index=True)

    return run.cached(kind, key | settings, compute)


# A design yields what is said of prompts (DataFrame, indexed by their rows) and a change; last, the prompts without one.


def _steering(lab, rng, layer, scales, targets):
    prompts, codes = lab.prompts, list(dict.fromkeys(lab.prompts["category"]))
    states = prompt_states(lab.engine, lab.encoded[lab.train])
    labels = prompts["category"].to_numpy()[lab.train]
    layer = layer or max(1, round(len(lab.engine.blocks) / 4))
    message, unit = states["message"][:, layer], float(np.median(states["norm"][:, layer]))
    own = np.array([codes.index(code) for code in prompts["category"].iloc[lab.tested]])
    sets = {"category": directions(message, labels, codes)}
    isotropic = rng.normal(size=sets["category"].shape)
    sets["shuffled"] = directions(message, rng.permutation(labels), codes)
    sets["isotropic"] = isotropic / np.linalg.norm(isotropic, axis=1, keepdims=True)
    for condition, vectors in sets.items():
        names = codes if condition == "category" else [str(one) for one in range(len(codes))]
        for scale in scales:
            # Categories that are not the prompt's own.
            steps = [rng.permutation(len(codes) - 1)[:targets] + 1 for _ in lab.tested]
            numbers = ((own[:, None] + steps) % len(codes)).ravel()
            rows = lab.tested.repeat(len(steps[0]))
            about = pd.DataFrame({"layer": layer, "condition": condition, "scale": scale}, rows)
            about["direction"] = [names[one] for one in numbers]
            yield about, adding((vectors[numbers] * unit * scale).astype(np.float32))
    still = {"layer": layer, "condition": "none", "direction": "", "scale": 0.0}
    yield pd.DataFrame(still, lab.tested), None


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
            share = removed(emit[lab.tested][:, layer], *eraser)
            about = {"layer": layer, "condition": condition, "removed": share}
            yield pd.DataFrame(about, lab.tested), erasing(*eraser)
    yield pd.DataFrame({"layer": 0, "condition": "none", "removed": 0.0}, lab.tested), None


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
        back = (length - np.where(conditions == "shuffled_position", anywhere, place)).to_numpy()
        for layer in layers:
            made = about.assign(layer=layer, position=position)
            yield made, replacing(states[source][donors, layer], back)
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


# Of each kind: the design, changes per scale or layer, and settings.
DESIGNS = {
    "steering": (_steering, 3, {"layer": None, "scales": [0.5, 1.0, 2.0], "targets": 2}),
    "erasure": (_erasure, 3, {}),
    "patching": (_patching, 2, {}),
}
