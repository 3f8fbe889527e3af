"""The published study's own definitions, kept apart from ours so that its numbers can be had to the last digit."""

from collections import Counter

import numpy as np

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError

FOLDS = 5
LONGEST = 32
# A face that one side never puts into a category would give log 0; the published values had no smoothing to speak of.
SMOOTHING = 1e-12


def carries(face):
    """Whether a stored span counts as a kaomoji: 2 to 32 characters, something in it besides brackets, ASCII letters and digits.

    ``()``, which is what is left of an emoji that was suppressed in parts, ``OwO`` and a lone heart do not.
    """
    return (
        isinstance(face, str)
        and 2 <= len(face) <= LONGEST
        and any(char not in "()" and not (char.isascii() and char.isalnum()) for char in face)
    )


def lookup_accuracy(emissions, split=0):
    """Category from the face as it was published: share of rows that are right, 0..1.

    ``emissions``: DataFrame[prompt_id, category, face], rows in file order; those count whose face :func:`carries`. One
    split into five folds of rows, stratified, grouped by prompt (seed ``split``); a face's category is the commonest one
    in training, on a tie the one met first; an unseen face gets the training majority.

    Raises
    ------
    KaomojiError
        If no row has a face, or a category has fewer rows than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    typed = emissions[emissions["face"].map(carries).astype(bool)]
    if typed.empty or typed.groupby("category")["prompt_id"].nunique().min() < 2:
        raise KaomojiError(
            "too few faces to hold any out; expected every category with faces from at least 2 prompts; read more emissions"
        )
    face, label, group = (
        typed[name].to_numpy(dtype=object) for name in ("face", "category", "prompt_id")
    )
    hits = 0
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=split).split(
        face, label.astype(str), group.astype(str)
    ):
        seen = {}
        for typed_face, code in zip(face[train], label[train], strict=True):
            seen.setdefault(typed_face, Counter())[code] += 1
        majority = Counter(label[train]).most_common(1)[0][0]
        modal = {name: counts.most_common(1)[0][0] for name, counts in seen.items()}
        hits += sum(
            modal.get(name, majority) == code
            for name, code in zip(face[test], label[test], strict=True)
        )
    return hits / len(typed)


def luck(emissions, splits=20):
    """Least and greatest :func:`lookup_accuracy` over other seeds of the split: what the one published split was worth."""
    found = [lookup_accuracy(emissions, split) for split in range(1, splits + 1)]
    return min(found), max(found)


def similarity(a, b, faces, weights=None):
    """Mean Jensen-Shannon similarity of two readings over ``faces`` as it was published, 0..1.

    ``weights``: one non-negative number per face; None: uniform.
    """
    columns = a.table.columns
    values = statistics.js_similarity(
        a.table.loc[faces].to_numpy(float), b.table.loc[faces, columns].to_numpy(float), SMOOTHING
    )
    return float(
        np.average(values, weights=None if weights is None else np.asarray(weights, dtype=float))
    )
