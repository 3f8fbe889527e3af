"""Neighbourhood maps: planted groups stand together, chance does not, and the same data gives the same map."""

import sys
from types import ModuleType

import numpy as np
import pytest

from kaomoji_lib.explorer import layout as face_layout
from kaomoji_lib.explorer import neighbour_maps
from kaomoji_lib.metrics import clusters

GROUPS = np.repeat(np.arange(4), 12)


def layout(vectors):
    X = vectors - vectors.mean(axis=0)
    U, S, _ = np.linalg.svd(X, full_matrices=False)
    return face_layout.Layout(
        (U * S)[:, :3], np.ones(3) / 3, None, 1 - clusters.cosine_distances(X)
    )


def purity(xy, groups):
    """Share of faces whose nearest three are mostly of their own group."""
    gaps = np.linalg.norm(xy[:, None] - xy[None], axis=2) + 1e9 * np.eye(len(xy))
    near = groups[np.argsort(gaps, axis=1)[:, :3]]
    return np.mean((near == groups[:, None]).mean(axis=1) > 0.5)


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    return layout(4 * rng.normal(size=(4, 10))[GROUPS] + rng.normal(size=(len(GROUPS), 10)))


def test_groups_stand_together_and_twice_in_the_same_places(planted):
    found = neighbour_maps.lay(planted)["t-SNE"]
    assert (
        found.shape == (len(GROUPS), 2)
        and np.isfinite(found).all()
        and purity(found, GROUPS) > 0.95
    )
    assert (found == neighbour_maps.lay(planted)["t-SNE"]).all()


def test_chance_makes_no_groups():
    noise = layout(np.random.default_rng(1).normal(size=(len(GROUPS), 10)))
    assert purity(neighbour_maps.lay(noise)["t-SNE"], GROUPS) < 0.4


def test_few_faces_have_no_neighbourhoods(planted):
    few = layout(np.random.default_rng(2).normal(size=(7, 10)))
    assert neighbour_maps.lay(few) == {}


def test_umap_is_laid_where_it_is_installed(planted, monkeypatch):
    asked = {}

    class UMAP:
        def __init__(self, **given):
            asked.update(given)

        def fit_transform(self, distances):
            asked["distances"] = distances
            return asked["init"]

    module = ModuleType("umap")
    module.UMAP = UMAP
    monkeypatch.setitem(sys.modules, "umap", module)
    monkeypatch.setattr(neighbour_maps, "find_spec", lambda name: name == "umap")
    found = neighbour_maps.lay(planted, seed=3)
    assert (
        list(found) == ["t-SNE", "UMAP"]
        and asked["metric"] == "precomputed"
        and asked["random_state"] == 3
        and asked["n_jobs"] == 1
    )
    assert (
        asked["distances"]
        == pytest.approx(np.where(np.eye(len(GROUPS)), 0, 1 - planted.cosine), abs=1e-9)
        and purity(asked["init"], GROUPS) > 0.9
    )
    monkeypatch.setattr(neighbour_maps, "find_spec", lambda name: None)
    assert list(neighbour_maps.lay(planted)) == ["t-SNE"]
