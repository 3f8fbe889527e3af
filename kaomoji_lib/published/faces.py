"""What the published replies say: category from the face, and where extraction differs."""

from dataclasses import dataclass

import pandas as pd

from kaomoji_lib.faces.glyphs import is_emoji
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.published import rules as published_rules

FIRST = ("first-gemma", "first-qwen", "first-ministral")
NINE = ("gemma", "qwen", "ministral", "granite", "gpt-oss", "claude")
LATER = ("granite", "gpt-oss")


@dataclass(frozen=True)
class FaceAccuracy:
    """Category from the face: ``published`` is the old rule's share of hits, ``corrected`` a :class:`Prediction` by ours."""

    published: float
    corrected: prediction.Prediction


def accuracy(emissions, *, permutations=200, seed=0):
    """Both rules on the emissions of one source (columns of ``published_tables.emissions``).

    Dealt labels as a null: Fisher 1935.
    """
    old = emissions.assign(face=emissions["published_face"])
    return FaceAccuracy(
        published_rules.lookup_accuracy(old),
        prediction.from_faces(emissions, permutations=permutations, seed=seed),
    )


def differences(emissions):
    """Where our extraction differs from the stored span, and why.

    Returns a DataFrame [reason, rows, stored, ours] with one example each, most frequent reason first.
    """
    rows = []
    for item in emissions.itertuples():
        stored, ours = _text(item.published_face), _text(item.face)
        if stored != ours:
            rows.append((_reason(stored, ours, item.outcome), stored or "–", ours or item.outcome))
    found = pd.DataFrame(rows, columns=["reason", "stored", "ours"])
    if found.empty:
        return found.assign(rows=pd.Series(dtype=int))[["reason", "rows", "stored", "ours"]]
    counted = found.groupby("reason").agg(
        rows=("stored", "size"), stored=("stored", _commonest), ours=("ours", _commonest)
    )
    return counted.sort_values("rows", ascending=False, kind="stable").reset_index()


def _text(value):
    return value if isinstance(value, str) else ""


def _commonest(column):
    return column.value_counts().index[0]


def _reason(stored, ours, outcome):
    if not stored:
        return "a face was there and none was stored"
    if ours:
        return (
            "an arm was kept apart"
            if stored.endswith(ours) and len(stored) < len(ours) + 2
            else "the span was cut at a space or an arm"
        )
    if outcome == "truncated":
        return "the reply was cut inside the face"
    if outcome == "emoji" or any(is_emoji(char) for char in stored):
        return "an emoji in brackets is no kaomoji"
    return "what was stored is no face"
