"""The shape of the five real models' states, as far as the published figures tell: three components per prompt."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import geometry
from kaomoji_lib.published import plotly_figures
from kaomoji_lib.published import tables as published_tables

MODELS = ("gemma", "qwen", "ministral", "granite", "gpt-oss")


@dataclass(frozen=True)
class Cloud:
    """Prompts of one model in the space of its first three components.

    ``prompts``: DataFrame[id, category, topic, text]; ``scores``: (n, 3), signs fixed by the scheme; ``shares``: shares of
    variance that the figure's axes tell (None where they do not); ``silhouette``: of the categories, in these three
    dimensions; ``valence``, ``arousal``: as in :class:`geometry.Components`.
    """

    title: str
    prompts: pd.DataFrame
    scores: np.ndarray
    shares: tuple
    silhouette: statistics.Estimate
    valence: statistics.Estimate
    arousal: statistics.Estimate

    @property
    def labels(self):
        return self.prompts["category"].to_numpy()


def cloud(name, data=None, *, seed=0):
    """The :class:`Cloud` of a published model, from its interactive figure. ``data``: as of :class:`published_tables.Files`.

    Raises
    ------
    KaomojiError
        If the figure is not to be had or cannot be read.
    """
    data = data or published_tables.Files()
    entry = published_tables.source(name, data.known)
    return from_components(
        *data.components(name), entry["title"], published_tables.scheme(entry["scheme"]), seed=seed
    )


def from_components(table, shares, title, scheme, *, seed=0):
    """The :class:`Cloud` of component scores: DataFrame[category, x, y, z], a row a prompt; categories of ``scheme``."""
    order = pd.Categorical(table["category"], scheme.codes)
    table = table.iloc[np.argsort(order.codes, kind="stable")].reset_index(drop=True)
    number = table.groupby("category").cumcount() + 1
    prompts = pd.DataFrame(
        {
            "id": [
                f"{code}:{index}" for code, index in zip(table["category"], number, strict=True)
            ],
            "category": table["category"],
            "topic": "",
            "text": "",
        }
    )
    found = geometry.pca(
        table[list(plotly_figures.COORDINATES)].to_numpy(), prompts, scheme, seed=seed
    )
    return Cloud(
        title,
        prompts,
        found.scores[:, :3],
        shares,
        geometry.silhouette(found.scores, prompts["category"], permutations=500, seed=seed),
        found.valence,
        found.arousal,
    )


def align(reference, moved, codes, *, seed=0):
    """Category centroids of ``moved`` laid onto those of ``reference`` (both Cloud): a :class:`geometry.Alignment`."""
    common = set(reference.labels) & set(moved.labels)
    if len(common) < 3:
        raise KaomojiError(
            f"{moved.title} and {reference.title} have {len(common)} categories in common; expected at least 3; fetch both figures again"
        )
    # A figure holds the messages that were answered with a face, not the same ones in every model.
    own = None if list(reference.labels) == list(moved.labels) else moved.labels
    return geometry.procrustes(
        reference.scores, moved.scores, reference.labels, codes, own_labels=own, seed=seed
    )


def nearest(cloud_, codes):
    """Distances between category centroids divided by their mean: DataFrame category x category."""
    centres = np.array([cloud_.scores[cloud_.labels == code].mean(axis=0) for code in codes])
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    return pd.DataFrame(
        distances / distances[np.triu_indices(len(codes), 1)].mean(), list(codes), list(codes)
    )
