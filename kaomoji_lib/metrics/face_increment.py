"""Does the face explain variance of the state above prompt and category (nested models)?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify, predict
from kaomoji_lib.metrics.stacking import coordinates
from kaomoji_lib.metrics.threads import one_thread

SHRINKAGE = 2.0


@one_thread
def explained(states, emissions, text=None, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return how much variance of the state the face explains on held-out prompts: tidy table.

    Parameters
    ----------
    states : a run's States at one position (index, array). text : DataFrame indexed by prompt id, vectors of the prompts
        (sentence encoder), for the text twin at the emission position.

    Returns
    -------
    Signed shares of variance (-1..1) over prompts. ``within prompts``: of what varies among the replies to one prompt (only
    where states differ by reply), null: faces permuted among these replies. ``within categories``: of what varies within a
    category, null: all faces of a prompt moved to another prompt of the category. With ``text``: ``within categories, text``,
    the same of the text vectors, and ``state minus text``, paired over prompts: the emission state determines the first token,
    so that any dependence of the face on the prompt shows in it; only what exceeds the text says more.

    A face's effect is its mean deviation over the training prompts, shrunken by two replies; the share is the signed squared
    correlation of effect and state, all layers scaled and reduced to 50 components. Folds and intervals keep prompts whole.
    Nested models: Cohen et al. 2003.

    Raises
    ------
    KaomojiError
        If fewer than two faces occur under several prompts.
    """
    by_reply = "generation" in states.index.columns
    keys = ["prompt_id", "generation"] if by_reply else ["prompt_id"]
    typed = emissions[emissions["face"].notna()]
    typed = typed.merge(states.index[keys].assign(row=np.arange(len(states.index))), on=keys)
    prompts = typed.groupby("face")["prompt_id"].nunique()
    if (prompts > 1).sum() < 2:
        raise KaomojiError(
            f"{(prompts > 1).sum()} faces occur under two prompts; expected at least 2; collect more generations"
        )
    design, X = _Design.of(typed, seed), coordinates(states.array)[typed["row"].to_numpy()]
    shares = {}
    if by_reply:
        Y = X - _means(X, design.prompt)[design.prompt]
        orders = resampling.orders(design.prompt, permutations, seed)
        null = (design.face[order] for order in orders)
        shares["within prompts"] = _tested(Y, design, null, centred=True, seed=seed)
    own = _tested(X, design, _among_prompts(design, permutations, seed), centred=False, seed=seed)
    shares["within categories"] = own
    if text is not None:
        T = classify.compact(text.loc[design.names].to_numpy(float))[design.prompt]
        twin = _tested(
            T, design, _among_prompts(design, permutations, seed), centred=False, seed=seed
        )
        shares["within categories, text"] = twin
        gap, error = own[0].value - twin[0].value, np.std(own[1] - twin[1], ddof=1)
        shares["state minus text"] = stats.normal(gap, error, own[0].n, "prompts"), None
    return results.frame({measure: value for measure, (value, _) in shares.items()})


@dataclass(frozen=True)
class _Design:
    """Integer codes of each row's prompt, face and generation; of each prompt's category and fold; the prompts' ids."""

    prompt: np.ndarray
    face: np.ndarray
    generation: np.ndarray
    category: np.ndarray
    fold: np.ndarray
    names: pd.Index

    @classmethod
    def of(cls, typed, seed):
        prompt, names = pd.factorize(typed["prompt_id"])
        category = pd.Series(pd.factorize(typed["category"])[0]).groupby(prompt).first().to_numpy()
        face, generation = pd.factorize(typed["face"])[0], typed["generation"].to_numpy()
        return cls(prompt, face, generation, category, predict.folds(category, seed), names)

    @property
    def splits(self):
        """Per fold: training rows and test rows."""
        fold = self.fold[self.prompt]
        numbers = range(int(fold.max()) + 1)
        return [(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in numbers]


def _sums(X, group, groups):
    """Sums of the rows of each group (groups, d), and how many there are (groups, 1); rows of group -1 are left out."""
    rows = np.flatnonzero(group >= 0)
    member = csr_matrix((np.ones(len(rows)), (group[rows], rows)), shape=(groups, len(group)))
    return member @ X, np.bincount(group[rows], minlength=groups)[:, None]


def _means(X, group):
    sums, sizes = _sums(X, group, int(group.max()) + 1)
    return sums / np.maximum(sizes, 1)


def _tested(X, design, null_faces, *, centred, seed):
    """(Estimate, resampled values) of the share of ``X`` (n, d), centred already or to be centred by category in training."""
    category = design.category[design.prompt]
    parts = []
    for train, test in design.splits:
        rest = X if centred else X - _means(X[train], category[train])[category]
        parts.append((train, test, rest[train], rest[test]))
    observed = _products(parts, design, design.face, centred)
    null = [_share(_products(parts, design, face, centred).sum(axis=0)) for face in null_faces]
    by_prompt = np.column_stack([np.bincount(design.prompt, column) for column in observed.T])
    resampled = _share(stats.resampling_counts(len(by_prompt), seed=seed) @ by_prompt)
    value = _share(observed.sum(axis=0))
    return (
        stats.estimate(value, resampled, len(by_prompt), "prompts", null=null, bounds=(-1, 1)),
        resampled,
    )


def _share(sums):
    """Signed squared correlation from sums of x e, x x and e e: (..., 3) -> (...)."""
    cross, own, effect = np.moveaxis(np.asarray(sums), -1, 0)
    return np.sign(cross) * cross**2 / np.maximum(own * effect, 1e-300)


def _products(parts, design, face, centred):
    """x e, x x and e e of each row, x its state and e its face's effect, both centred: (n, 3); 0 without a face."""
    products, faces = np.zeros((len(face), 3)), int(design.face.max()) + 1
    for train, test, fitted, tested in parts:
        sums, sizes = _sums(fitted, face[train], faces)
        present = np.flatnonzero(face[test] >= 0)
        rows, x = test[present], tested[present]
        effect = (sums / (sizes + SHRINKAGE))[face[rows]]
        if centred:
            effect = effect - _means(effect, design.prompt[rows])[design.prompt[rows]]
        terms = (x * effect).sum(axis=1), (x * x).sum(axis=1), (effect * effect).sum(axis=1)
        products[rows] = np.stack(terms, axis=1)
    return products


def _among_prompts(design, permutations, seed):
    """Faces with the prompts of a category exchanged: reply g of a prompt gets the face of reply g of another (-1: none)."""
    table = np.full((len(design.category), int(design.generation.max()) + 1), -1)
    table[design.prompt, design.generation] = design.face
    for order in resampling.orders(design.category, permutations, [seed, 1]):
        yield table[order][design.prompt, design.generation]
