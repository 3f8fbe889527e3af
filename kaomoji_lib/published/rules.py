"""The article's own definitions, kept apart from ours so that its numbers come out to the last digit."""

from collections import Counter

import numpy as np

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.published_fold import published_fold

FOLDS = 5
LONGEST = 32
# A face that one side never puts into a category would give log 0; the published values had no smoothing to speak of.
SMOOTHING = 1e-12
# The published folds did not know this wide arm: `＼(^o^)／` stayed apart from `(^o^)`, and was dropped later because it
# does not start with "(". Without it the published numbers cannot be had to the last digit.
UNKNOWN_ARM = "＼"


def published_face(stored):
    """Return the canonical form that the published numbers were counted with; None for an empty span."""
    if not isinstance(stored, str) or not stored:
        return None
    return (UNKNOWN_ARM if stored.startswith(UNKNOWN_ARM) else "") + published_fold(stored)


def is_kaomoji(face):
    """Return whether a stored span counts: 2 to 32 characters, not only brackets, ASCII letters and digits.

    ``()``, which is what is left of an emoji that was suppressed in parts, ``OwO`` and a lone heart do not.
    """
    return (
        isinstance(face, str)
        and 2 <= len(face) <= LONGEST
        and any(char not in "()" and not (char.isascii() and char.isalnum()) for char in face)
    )


def lookup_accuracy(emissions, split=0):
    """Return the category accuracy from faces as it was published: share of rows that are right, 0..1.

    ``emissions``: DataFrame[prompt_id, category, face], rows in file order; those count whose face :func:`is_kaomoji`.
    One split into five folds of rows, stratified, grouped by prompt (seed ``split``); a face's category is the commonest
    one in training, on a tie the one met first; an unseen face gets the training majority.

    Raises
    ------
    KaomojiError
        If no row has a face, or a category has fewer than two prompts with one.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    typed = emissions[emissions["face"].map(is_kaomoji).astype(bool)]
    if typed.empty or typed.groupby("category")["prompt_id"].nunique().min() < 2:
        raise KaomojiError(
            "too few faces to leave any out; expected every category with faces from at least 2 prompts; read more emissions"
        )
    face, label, group = (
        typed[name].to_numpy(object) for name in ("face", "category", "prompt_id")
    )
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=split)
    hits = 0
    for train, test in splitter.split(face, label.astype(str), group.astype(str)):
        seen = {}
        for typed_face, code in zip(face[train], label[train], strict=True):
            seen.setdefault(typed_face, Counter())[code] += 1
        majority = Counter(label[train]).most_common(1)[0][0]
        modal = {name: counts.most_common(1)[0][0] for name, counts in seen.items()}
        pairs = zip(face[test], label[test], strict=True)
        hits += sum(modal.get(name, majority) == code for name, code in pairs)
    return hits / len(typed)


def similarity(a, b, faces, weights=None):
    """Return the mean Jensen-Shannon similarity of two distributions over ``faces`` as it was published, 0..1.

    ``a``, ``b``: objects with a ``table`` face x category. ``weights``: one non-negative number per face; None: uniform.
    """
    columns = a.table.columns
    values = stats.js_similarity(
        a.table.loc[faces].to_numpy(float), b.table.loc[faces, columns].to_numpy(float), SMOOTHING
    )
    return float(
        np.average(values, weights=None if weights is None else np.asarray(weights, float))
    )
