"""Simulated data for the statistics of the published study: replies that share one random stream per index."""

import numpy as np
import pandas as pd

from kaomoji_lib.published import faces, geometry, scorer_audit, tables

PROMPTS = tables.prompts()
CODES = list(tables.scheme().codes)
LABEL = PROMPTS["category"].map(CODES.index).to_numpy()
INDICES = 8


def replies(rng, alpha, effect, stream, kinds=12):
    """Faces of nested replies: a prompt's Dirichlet around its category's; with ``stream``, one uniform per index for all."""
    centre = np.exp(effect * rng.normal(size=(len(CODES), kinds)))
    centre = centre / centre.sum(axis=1, keepdims=True)
    shares = np.array([rng.dirichlet(alpha * kinds * centre[code]) for code in LABEL])
    draws = rng.random(INDICES) if stream else rng.random((len(LABEL), INDICES))
    drawn = (
        shares.cumsum(axis=1)[:, None] < np.broadcast_to(draws, (len(LABEL), INDICES))[..., None]
    )
    drawn = np.minimum(drawn.sum(axis=2), kinds - 1)
    table = PROMPTS[["id", "category"]].set_axis(["prompt_id", "category"], axis=1)
    table = table.loc[table.index.repeat(INDICES)].reset_index(drop=True)
    faces = [f"(^{kind}^)" for kind in drawn.ravel()]
    return table.assign(generation=np.tile(np.arange(INDICES), len(LABEL)), face=faces)


def cloud(rng, guide=0.0, spread=1.0):
    """Nine clusters of prompts, placed at random beside ``guide`` times the categories' valence."""
    valence = tables.scheme().table["valence"].to_numpy(float)[:, None] * [1, 0, 0]
    centres = rng.normal(size=(len(CODES), 3)) * spread + guide * valence
    scores = centres[LABEL] + 0.3 * rng.normal(size=(len(LABEL), 3))
    return pd.DataFrame(
        scores - scores.mean(axis=0), pd.MultiIndex.from_frame(PROMPTS[["id", "category"]])
    )


def accuracy(rng, effect):
    table = replies(rng, 1.0, 0.6 * effect, stream=True)
    value = faces.accuracy(table, repeats=1, permutations=99).estimate()
    return value if effect else (value, 1 / len(CODES))


def same_face(rng, effect):
    return faces.same_face(replies(rng, 1.0, 0.5, stream=bool(effect)), permutations=99)


def follows(rng, effect):
    return geometry.follows(cloud(rng, 2.0 * effect), "valence", permutations=499)


def face_blocks(rng, effect):
    table = replies(rng, 1.0, 2 * effect, stream=False, kinds=60)
    return geometry.face_blocks(cloud(rng), table, permutations=99)


def audit(rng, effect):
    table = replies(rng, 1.0, 0.5, stream=False)
    counts = pd.crosstab(table["prompt_id"], table["face"])
    scores = rng.normal(size=counts.shape) + 0.1 * effect * counts
    rows = scores.index.get_indexer(table["prompt_id"])
    return scorer_audit._better(scores[table["face"]].to_numpy(), rows, 0)
