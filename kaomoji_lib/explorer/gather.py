"""Gather the sources that the explorer shows: finished runs, the published models, and their mean."""

from dataclasses import replace

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.explorer import data, neighbour_maps


def of_run(source, seed=0):
    """Return the :class:`data.FaceSource` of a run (:class:`kaomoji_lib.page.Source`)."""
    found = data.from_emissions(
        source.spec.alias,
        source.title,
        source.caption,
        source.emissions,
        source.scheme,
        prompts=source.prompts,
        states=source.states,
        seed=seed,
    )
    places = neighbour_maps.lay(next(iter(found.layouts.values())), seed)
    return replace(found, flat=found.flat | places)


def bundle(sources):
    """Return the :class:`data.Bundle` of a list of :class:`data.FaceSource`."""
    return data.bundle(list(sources), load_scheme())
