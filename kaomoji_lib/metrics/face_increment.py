"""Does the typed face tell something of the state that the prompt, or the category, does not tell already?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.metrics.stacking import coordinates
from kaomoji_lib.metrics.threads import one_thread
from kaomoji_lib.stats import Estimate

SHRINKAGE = 2.0


@dataclass(frozen=True)
class Beyond:
    """Shares of variance of the state that the face explains on prompts it was not fitted on, -1..1.

    ``prompt``: of what varies among the replies to one prompt (None where the state cannot vary, at the emission
    position), null: faces dealt to other replies to the same prompt. ``category``: of what varies within a category, null:
    the faces of whole prompts dealt to other prompts of the category. Below 0: the faces' effects point the wrong way.
    """

    position: str
    prompt: Estimate | None
    category: Estimate


@one_thread
def beyond(states, emissions, position, *, permutations=300, seed=0):
    """How much the face adds to prompt and category at one position: :class:`Beyond`.

    ``states``: a run's :class:`kaomoji_lib.runs.folder.States`; ``emissions``: its emissions. A face's effect is its mean
    deviation (from the prompt's mean, from the category's mean) over the training prompts, shrunken by two replies. On held-out
    prompts it is laid beside what is left of the state when the prompt (or the category) is known: the share is the squared
    correlation of the two with its sign, all layers scaled and reduced to 50 components. Nested models: Cohen et al. 2003;
    Prompts stay whole, as the emission state is shared by all replies to a
    prompt; intervals resample prompts.

    Raises
    ------
    KaomojiError
        If fewer than two faces occur under several prompts.
    """
    typed, X = _rows(states, emissions)
    design = _Design.of(typed, seed)
    inside = None
    if position != "emit":
        Y = X - _means(X, design.prompt)[design.prompt]
        inside = _tested(
            Y, design, _among_replies(design, permutations, seed), centred=True, seed=seed
        )
    within = _tested(
        X, design, _among_prompts(design, permutations, seed), centred=False, seed=seed
    )
    return Beyond(position, inside, within)


def _rows(states, emissions):
    typed = emissions[emissions["face"].notna()]
    keys = [key for key in ("prompt_id", "generation") if key in states.index.columns]
    typed = typed.merge(states.index[keys].assign(row=np.arange(len(states.index))), on=keys)
    prompts = typed.groupby("face")["prompt_id"].nunique()
    if (prompts > 1).sum() < 2:
        raise KaomojiError(
            f"{(prompts > 1).sum()} faces occur under two prompts; expected at least 2; collect more generations"
        )
    X = coordinates(states.array)
    return typed.reset_index(drop=True), X[typed["row"].to_numpy()]


@dataclass(frozen=True)
class _Design:
    """Integer codes of each row's prompt, face and generation; of each prompt's category and fold."""

    prompt: np.ndarray
    face: np.ndarray
    generation: np.ndarray
    category: np.ndarray
    fold: np.ndarray

    @classmethod
    def of(cls, typed, seed):
        prompt, _ = pd.factorize(typed["prompt_id"])
        category = pd.Series(pd.factorize(typed["category"])[0]).groupby(prompt).first().to_numpy()
        return cls(
            prompt,
            pd.factorize(typed["face"])[0],
            typed["generation"].to_numpy(),
            category,
            prediction.folds(category, seed),
        )

    @property
    def splits(self):
        """Per fold: training rows and test rows."""
        fold = self.fold[self.prompt]
        return [
            (np.flatnonzero(fold != number), np.flatnonzero(fold == number))
            for number in range(int(fold.max()) + 1)
        ]


def _sums(X, group, groups):
    """Sums of the rows of each group (groups, d), and how many they are (groups, 1); rows of group -1 are left out."""
    kept = group if group.min(initial=0) >= 0 else group[group >= 0]
    X = X if len(kept) == len(group) else X[group >= 0]
    member = csr_matrix(
        (np.ones(len(kept)), kept, np.arange(len(kept) + 1)), shape=(len(kept), groups)
    )
    return member.T @ X, np.bincount(kept, minlength=groups)[:, None]


def _means(X, group):
    sums, sizes = _sums(X, group, int(group.max()) + 1)
    return sums / np.maximum(sizes, 1)


def _tested(X, design, dealt, *, centred, seed):
    """``X``: (n, d), what is known taken off by the prompt's own mean (``centred``) or by the category's mean over training prompts."""
    category = design.category[design.prompt]
    parts = []
    for train, test in design.splits:
        rest = X if centred else X - _means(X[train], category[train])[category]
        parts.append((train, test, rest[train], rest[test]))
    observed = _products(parts, design, design.face, centred)
    null = [_share(_products(parts, design, face, centred).sum(axis=0)) for face in dealt]
    by_prompt = np.column_stack([np.bincount(design.prompt, column) for column in observed.T])
    counts = statistics.resampling_counts(len(by_prompt), seed=seed)
    return statistics.estimate(
        _share(observed.sum(axis=0)),
        _share(counts @ by_prompt),
        len(by_prompt),
        "prompts",
        null=null,
        bounds=(-1, 1),
    )


def _share(sums):
    """Signed squared correlation from sums of x e, x x and e e: (..., 3) -> (...)."""
    cross, own, effect = np.moveaxis(np.asarray(sums), -1, 0)
    return np.sign(cross) * cross**2 / np.maximum(own * effect, 1e-300)


def _products(parts, design, face, centred):
    """x e, x x and e e of each row, x being its state and e its face's effect, both without what is known: (n, 3); 0 without a face."""
    found, faces = np.zeros((len(face), 3)), int(design.face.max()) + 1
    for train, test, fitted, held in parts:
        sums, sizes = _sums(fitted, face[train], faces)
        present = np.flatnonzero(face[test] >= 0)
        rows, x = test[present], held[present]
        effect = (sums / (sizes + SHRINKAGE))[face[rows]]
        if centred:
            effect = effect - _means(effect, design.prompt[rows])[design.prompt[rows]]
        found[rows] = np.stack(
            [(x * effect).sum(axis=1), (x * x).sum(axis=1), (effect * effect).sum(axis=1)], axis=1
        )
    return found


def _among_replies(design, permutations, seed):
    for order in resampling.orders(design.prompt, permutations, seed):
        yield design.face[order]


def _among_prompts(design, permutations, seed):
    """Faces with the prompts of a category exchanged: reply g of a prompt gets the face of reply g of another (-1: it had none)."""
    table = np.full((len(design.category), int(design.generation.max()) + 1), -1)
    table[design.prompt, design.generation] = design.face
    for order in resampling.orders(design.category, permutations, [seed, 1]):
        yield table[order][design.prompt, design.generation]
