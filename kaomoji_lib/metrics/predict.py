"""How well something predicts the category of a prompt that it was not fitted on.

States, faces and text share one protocol: folds are drawn over prompts, stratified by category; intervals resample
prompts; the null gives categories to other prompts of the same fold, so that each fold keeps its class counts and all
rows of a prompt stay together. A probe, a table of faces too, varies with its training prompts, which a bootstrap of
held-out hits does not show: the interval is widened by Nadeau and Bengio's factor (2003, doi:10.1023/A:1024068626366).

A state is a function of its text: that it "predicts the category" says nothing until the words of the prompt are put
through the same probe. The headline is the gain over the *strongest* probe of the text alone (the choice favours the
text). Nulls permute categories within folds or topics (Winkler et al. 2015).
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.states import compact, one_thread, stack

FOLDS, REPEATS = 5, 5
WIDENED = np.sqrt(1 + FOLDS / (FOLDS - 1))
COMPONENTS, ITERATIONS = 50, 60
SURFACE, WORDS = "length and punctuation", "words and characters (tf-idf)"
SENTENCES, EMIT = "sentence encoder", "hidden state"
STRONGEST = "strongest text probe"
TEXT = (SURFACE, WORDS, SENTENCES)
MEAN = "mean over sets"


@dataclass(frozen=True)
class Prediction:
    """Cross-validated prediction of the category.

    ``confusion``: prompts, true category x predicted category, mean over repeats and over the rows of a prompt. ``hits``:
    Series by prompt id, share of right answers, for paired comparisons. ``null``: accuracies with permuted categories.
    """

    accuracy: stats.Estimate
    confusion: pd.DataFrame
    hits: pd.Series
    null: np.ndarray


def _by_prompt(labels, groups):
    """Category of each prompt (Series by prompt id), as ints too, and the place of the prompt of each row: ints (n,)."""
    category = pd.Series(np.asarray(labels), np.asarray(groups))
    category = category[~category.index.duplicated()]
    if category.nunique() < 2:
        raise KaomojiError(
            f"only {category.nunique()} category occurs; expected at least 2; add prompts of another"
        )
    return category, pd.factorize(category)[0], category.index.get_indexer(groups)


@lru_cache(maxsize=256)
def folds(label, seed):
    """Fold number of each prompt: at most ``FOLDS``, stratified by category, at least one prompt of each in training.

    ``label``: tuple of ints, one per prompt.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    smallest = np.bincount(label).min()
    if smallest < 2:
        raise KaomojiError(
            "a category has fewer than 2 prompts to read it from; expected at least 2, to hold one out; add prompts"
        )
    number = np.empty(len(label), dtype=int)
    splitter = StratifiedGroupKFold(min(FOLDS, smallest), shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(label, label, np.arange(len(label)))):
        number[test] = fold
    number.flags.writeable = False
    return number


@one_thread
def from_states(X, labels, groups, *, repeats=REPEATS, permutations=stats.REFITS, seed=0):
    """Predict the category from states (or any features): PCA(50), standardise, logistic regression in each fold.

    ``X``: (n, d); ``labels``, ``groups``: (n,), category and prompt id of each row. The null refits the first repeat
    alone, so it is a little wider than the observed mean over ``repeats``. Linear probes: Alain & Bengio 2017,
    arXiv:1610.01644.
    """
    X, prompts = compact(X), _by_prompt(labels, groups)
    return _probe(*prompts, lambda train: X, repeats, permutations, seed)


@one_thread
def from_text(prompts, kind="tfidf", *, repeats=REPEATS, permutations=stats.REFITS, seed=0):
    """Predict the category from the text of the prompt alone, through the same classifier.

    ``prompts``: DataFrame[id, category, text]. ``kind``: ``tfidf`` (words, word pairs and runs of 2 to 5 characters,
    fitted inside the fold; Salton & Buckley 1988) or ``surface`` (lengths and punctuation).
    """
    features = partial(FEATURES[kind], prompts["text"].astype(str))
    by_prompt = _by_prompt(prompts["category"], prompts["id"])
    return _probe(*by_prompt, features, repeats, permutations, seed)


def _surface(text, train):
    marks = [",", ".", "!", "?", "'", "-", "…", "...", ";", ":"]
    words = text.str.split()
    lengths = words.map(lambda found: [len(word) for word in found] or [0])
    different = words.map(lambda found: len(set(found)) / max(len(found), 1))
    columns = [text.str.len(), words.str.len(), lengths.map(np.mean), lengths.map(max), different]
    columns += [text.str.count(found) for found in ("[A-Z]", r"\d", *map(re.escape, marks))]
    return np.column_stack(columns).astype(float)


def _tfidf(texts, train):
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    characters = TfidfVectorizer(ngram_range=(2, 5), sublinear_tf=True, analyzer="char_wb")
    parts = [part.fit(texts[train]).transform(texts) for part in (words, characters)]
    return compact(np.hstack([part.toarray() for part in parts]))


FEATURES = {"surface": _surface, "tfidf": _tfidf}


def _probe(category, label, group, features, repeats, permutations, seed):
    """``features``: boolean training rows -> features of all rows, fitted on these alone."""
    answered, null = np.zeros((len(label), label.max() + 1)), np.zeros(0)
    for repeat in range(repeats):
        fold, labellings = folds(tuple(label), seed + repeat), label[group][None]
        if repeat == 0:
            shuffled = label[stats.orders(fold, permutations, seed)]
            labellings = np.vstack([labellings, shuffled[:, group]])
        answers = held_out(features, labellings, fold[group])
        if repeat == 0:
            null = (answers[1:] == labellings[1:]).mean(axis=1)
        np.add.at(answered, (group, answers[0]), 1 / (np.bincount(group)[group] * repeats))
    return _summary(category, label, answered, null, seed)


def held_out(features, labellings, fold, tested=None):
    """Return the answers of probes to rows that they were not fitted on: ints like ``labellings``.

    ``features``: boolean training rows -> features of all rows (n, d); ``labellings``: ints (m, n); ``fold``: ints (n,);
    ``tested``: other features (n, d) of the same rows, to answer for; default the same.
    """
    answers = np.empty(labellings.shape, dtype=int)
    for number in range(fold.max() + 1):
        test = fold == number
        X = features(~test)
        rows = np.vstack([X[~test], (X if tested is None else tested)[test]])
        train = np.arange(len(rows)) < (~test).sum()
        scores = project(rows, train)
        weights = fit_probes(scores[train], labellings[:, ~test], labellings.max() + 1)
        answers[:, test] = answers_of(scores[~train], weights)
    return answers


def _summary(category, label, answered, null, seed):
    """``answered``: (prompts, categories), how often each category is the answer; rows sum to 1."""
    n, codes = len(label), category.unique()
    hits = answered[np.arange(n), label]
    replicates = stats.resampling_counts(n, seed=seed) @ hits / n
    widened = hits.mean() + (replicates - hits.mean()) * WIDENED
    null_or_none = null if len(null) else None
    accuracy = stats.estimate(hits.mean(), widened, n, "prompts", null=null_or_none, bounds=(0, 1))
    confusion = pd.DataFrame(np.eye(len(codes))[label].T @ answered, codes, codes)
    return Prediction(accuracy, confusion, pd.Series(hits, category.index, name="hits"), null)


def from_faces(emissions, *, repeats=REPEATS, permutations=stats.PERMUTATIONS, seed=0):
    """Predict the category from the generated face: the face's modal category among the training prompts.

    ``emissions``: DataFrame[prompt_id, category, face]; rows without a face are left out, and every prompt counts once,
    however many rows it has. Categories that tie share the answer; for a face that training lacks all categories tie.
    """
    typed = emissions[emissions["face"].notna()]
    if typed.empty:
        raise KaomojiError(
            "no emission has a face; expected faces of at least two categories; see the emission report"
        )
    prompts = typed.drop_duplicates("prompt_id")
    shares = pd.crosstab(typed["prompt_id"], typed["face"], normalize="index")
    options = {"repeats": repeats, "permutations": permutations, "seed": seed}
    return from_probabilities(shares.loc[prompts["prompt_id"]], prompts["category"], **options)


@one_thread
def from_probabilities(table, labels, *, repeats=REPEATS, permutations=stats.PERMUTATIONS, seed=0):
    """Predict the category from one face drawn from each prompt's exact distribution: expected values, no sampling noise.

    ``table``: DataFrame prompt x face, rows sum to 1; ``labels``: category of each prompt, in the order of the rows.
    """
    category, label, _ = _by_prompt(labels, table.index)
    shares, k, prompts = table.to_numpy(float), label.max() + 1, np.arange(len(table))
    drawn = [folds(tuple(label), seed + repeat) for repeat in range(repeats)]
    answered = np.mean([_lookup(shares, label, fold, k) for fold in drawn], axis=0)
    null = [
        _lookup(shares, moved, drawn[0], k)[prompts, moved].mean()
        for moved in label[stats.orders(drawn[0], permutations, seed)]
    ]
    return _summary(category, label, answered, np.array(null), seed)


def _lookup(shares, label, fold, k):
    """Return how often each category is the answer for each held-out prompt: (prompts, k); ``shares``: (prompts, faces)."""
    answered = np.empty((len(label), k))
    for number in range(fold.max() + 1):
        train = fold != number
        # Rounded, so that what is equal but for the order of adding is a tie.
        seen = np.round(shares[train].T @ np.eye(k)[label[train]], 9)
        best = seen == seen.max(axis=1, keepdims=True)
        answered[~train] = shares[~train] @ (best / best.sum(axis=1, keepdims=True))
    return answered


def difference(left, right, seed=0):
    """Return the accuracy of ``left`` minus that of ``right`` (Predictions of the same prompts): Estimate over prompts.

    Paired by prompt; p by sign flips (Fisher 1935), the interval is widened as that of the accuracies.
    """
    gap = stats.paired(left.hits, right.hits[left.hits.index], seed=seed)
    low, high = (gap.value + (end - gap.value) * WIDENED for end in (gap.ci_low, gap.ci_high))
    return replace(gap, ci_low=float(low), ci_high=float(high))


def project(X, train):
    """Standardised scores of all rows on at most 50 principal components, fitted on the rows ``train`` alone.

    ``X``: (n, d); ``train``: boolean (n,). Returns (n, k).
    """
    centred = X - X[train].mean(axis=0)
    _, singular, axes = np.linalg.svd(centred[train], full_matrices=False)
    rank = int((singular > 1e-8 * singular.max(initial=1e-290)).sum())
    scores = centred @ axes[: min(COMPONENTS, rank)].T
    return scores / np.maximum(scores[train].std(axis=0), 1e-12)


def fit_probes(X, labels, n_classes):
    """Multinomial logistic regression with L2 penalty, one model per labelling: weights (m, d + 1, n_classes).

    Minimises the sum of log losses + ||W||^2 / 2, as scikit-learn does, by accelerated steps under Boehning's (1992)
    bound on the curvature: the bound depends on ``X`` alone, so all labellings share one factorisation. ``X``: (n, d);
    ``labels``: ints (m, n). The last row of the weights is the (all but unpenalised) intercept.
    """
    X = np.hstack([X, np.ones((len(X), 1))])
    penalty = np.append(np.ones(X.shape[1] - 1), 1e-4)
    step = np.linalg.inv(X.T @ X / 2 + np.diag(penalty))
    # One matrix product for all labellings; classes come before rows, since numpy reduces a short last axis slowly.
    target = np.eye(n_classes)[labels].swapaxes(1, 2)
    weights = ahead = np.zeros((len(labels) * n_classes, X.shape[1]))
    momentum = 1.0
    for _ in range(ITERATIONS):
        residual = (ahead @ X.T).reshape(target.shape)
        residual -= residual.max(axis=1, keepdims=True)
        np.exp(residual, out=residual)
        residual /= residual.sum(axis=1, keepdims=True)
        residual -= target
        moved = ahead - (residual.reshape(len(ahead), -1) @ X + penalty * ahead) @ step
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights.reshape(len(labels), n_classes, -1).swapaxes(1, 2)


def answers_of(X, weights):
    """Most likely class per row: ints (m, n)."""
    return (X @ weights[:, :-1] + weights[:, -1:]).argmax(axis=-1)


def text_probes(prompts, sentences, *, permutations=stats.REFITS, seed=0):
    """Return the probes of the text: dict name -> Prediction. ``sentences``: vectors of the prompts (n, d).

    Tf-idf: Salton & Buckley 1988; sentence vectors: Reimers & Gurevych 2019, arXiv:1908.10084.
    """
    settings = {"permutations": permutations, "seed": seed}
    labels = prompts["category"], prompts["id"]
    return {
        SURFACE: from_text(prompts, "surface", **settings),
        WORDS: from_text(prompts, "tfidf", **settings),
        SENTENCES: from_states(sentences, *labels, **settings),
    }


def against_text(states, prompts, sentences, *, permutations=stats.REFITS, seed=0):
    """Compare the emission state with every baseline: tidy table.

    ``states``: emission states (n, layers, d), rows in the order of ``prompts``. Measures: ``accuracy`` of every probe
    (source), and ``gain of the state`` over the ``strongest text probe``, paired over prompts. Hewitt & Liang 2019, arXiv:1909.03368; Belinkov 2022, doi:10.1162/coli_a_00422.
    """
    settings = {"permutations": permutations, "seed": seed}
    text = text_probes(prompts, sentences, **settings)
    state = from_states(stack(states), prompts["category"], prompts["id"], **settings)
    rows = {(name, "accuracy"): probe.accuracy for name, probe in {**text, EMIT: state}.items()}
    strongest = max(text.values(), key=lambda probe: probe.accuracy.value)
    rows[STRONGEST, "gain of the state"] = difference(state, strongest, seed)
    return results.frame(rows)


def by_layer(states, labels, groups, names, *, permutations=stats.REFITS, seed=0):
    """Return the cross-validated accuracy of a probe on each layer: tidy table with ``layer`` (its number, 0 the embedding).

    ``states``: (n, layers, d); ``names``: one per layer, ``embed`` or a number. All layers are tested on the same
    permutations, and ``p`` compares each layer with the best of all permuted layers (Nichols & Holmes 2002).
    """
    settings = {"repeats": 1, "permutations": permutations, "seed": seed}
    found = [
        from_states(states[:, layer], labels, groups, **settings)
        for layer in range(states.shape[1])
    ]
    null = np.stack([probe.null for probe in found], axis=1)
    adjusted = stats.max_t([probe.accuracy.value for probe in found], null)
    rows = [
        results.frame({"accuracy": probe.accuracy}, layer=0 if name == "embed" else int(name))
        for name, probe in zip(names, found, strict=True)
    ]
    return pd.concat(rows, ignore_index=True).assign(p=adjusted)


@one_thread
def over_sets(sets, *, permutations=stats.REFITS, seed=0):
    """Return the accuracy of a probe on unseen topics in each set of messages, and their mean as ``MEAN``: dict of Estimate.

    Each topic is held out in turn. ``sets``: dict name -> (X (n, d), labels (n,), topics (n,)), one row per message.
    Intervals: topics are resampled; of the mean, whose random effect is the set, whole sets (Davison & Hinkley 1997). With
    few sets that interval covers too rarely.
    """
    parts = {name: _by_topic(*one, permutations, seed) for name, one in sets.items()}
    found = {
        name: stats.grouped(hits[0], topics, unit="topics", seed=seed, null=hits[1:].mean(axis=1))
        for name, (hits, topics) in parts.items()
    }
    hits = np.concatenate([hits for hits, _ in parts.values()], axis=1)
    options = {"unit": "sets", "seed": seed, "null": hits[1:].mean(axis=1)}
    return {**found, MEAN: stats.grouped(hits[0], _number(sets), **options)}


@one_thread
def gain_over_sets(sets, baseline, *, seed=0):
    """Return the mean gain in accuracy of ``sets`` over ``baseline``, the same sets with other features: Estimate.

    As :func:`over_sets`, paired over messages, without a null.
    """
    ours, theirs = (
        np.concatenate([_by_topic(*one, 0, seed)[0][0] for one in part.values()])
        for part in (sets, baseline)
    )
    return stats.grouped(ours - theirs, _number(sets), unit="sets", seed=seed)


def _number(sets):
    return np.repeat(np.arange(len(sets)), [len(labels) for _, labels, _ in sets.values()])


def _by_topic(X, labels, topics, permutations, seed):
    """Hits on held-out topics, (1 + permutations, n), the first row observed; topics as numbers."""
    labels, topics = (pd.factorize(np.asarray(part))[0] for part in (labels, topics))
    labellings = np.vstack([labels, labels[stats.orders(topics, permutations, seed)]])
    X = compact(X)
    hits = held_out(lambda train: X, labellings, topics) == labellings
    return hits.astype(float), topics


@one_thread
def transfer(train, test, labels, *, permutations=stats.REFITS, seed=0):
    """Return the accuracy of a probe trained on one wording of the messages and tested on another.

    ``train``, ``test``: (n, d), rows are the same messages in the same order; ``labels``: (n,). A message's own other wording
    is never in training: folds are drawn over messages.
    """
    codes = pd.factorize(np.asarray(labels))[0]
    fold, n = folds(tuple(codes), seed), len(codes)
    labellings = np.vstack([codes, codes[stats.orders(fold, permutations, seed)]])
    both = compact(np.vstack([train, test]))
    answers = held_out(lambda train: both[:n], labellings, fold, both[n:])
    hits = (answers == labellings).astype(float)
    return stats.bootstrap(hits[0], seed=seed, null=hits[1:].mean(axis=1))
