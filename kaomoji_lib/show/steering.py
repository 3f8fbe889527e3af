"""The steering page: a source, its unsteered reading, what steering and erasing did to it."""

from dataclasses import dataclass
from math import log

import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import page, tables, theme
from kaomoji_lib.metrics import erasure, exact, steering
from kaomoji_lib.metrics.verdicts import FOUND, verdict
from kaomoji_lib.missing import Missing, passes_missing
from kaomoji_lib.models import exact as engine
from kaomoji_lib.models import steering_conditions as steering_arms
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stats import Estimate

SMALLEST_MASS = 0.01
LEAST_PROBABLE = 0.01


@dataclass(frozen=True)
class Trial:
    """What is steered: ``words``, the spellings that reach ``LEAST_PROBABLE`` behind some prompt; ``faces``, Series spelling -> face;
    ``reading``, what a face says about the category when nothing is done."""

    source: page.Source
    words: list
    faces: pd.Series
    reading: object
    device: str

    @property
    def arguments(self):
        return self.faces, self.reading, self.source.prompts


def gather(model, **settings):
    """The Source of a run folder, or of a model (alias, id or folder) that is collected if need be."""
    from kaomoji_lib.models.collect import collect

    return page.read(RunFolder(model) if RunFolder(model).exists else collect(model, **settings))


def prepare(source, device="auto"):
    """The :class:`Trial` of a source. Raises KaomojiError where its model cannot be asked again."""
    scores = engine.scores(source.run, engine.spellings([source.run]), device)
    best = scores.groupby("spelling", sort=False)["log_prob_closed"].max()
    kept = scores[scores["spelling"].isin(best.index[best > log(LEAST_PROBABLE)])]
    codes = [code for code in source.scheme.codes if (source.labels == code).any()]
    reading = exact.reading(exact.distribution(kept), source.prompts, codes)
    faces = kept.drop_duplicates("spelling").set_index("spelling")["face"]
    return Trial(source, list(faces.index), faces, reading, device)


def steered(trial, layer=None, doses=(0.5, 1.0, 2.0), prompts=3, seed=0):
    """What the model types under every arm (see :func:`kaomoji_lib.models.steering_conditions.table`)."""
    plan = steering_arms.Plan(layer=layer, doses=tuple(doses), per_category=prompts, seed=seed)
    return steering_arms.table(trial.source.run, trial.words, plan, trial.device)


def effects(trial, table, seed=0):
    """list of :class:`kaomoji_lib.metrics.steering.Effect`."""
    return steering.effects(table, *trial.arguments, seed=seed)


def erased(trial, prompts=4, seed=0):
    """list of :class:`kaomoji_lib.metrics.erasure.Erased`, by layer."""
    table = erasure.table(
        trial.source.run, trial.words, erasure.Plan(per_category=prompts, seed=seed), trial.device
    )
    return erasure.effects(table, *trial.arguments, seed=seed)


def main(found):
    """The effects at the layer where the dose was varied, by dose."""
    return sorted((item for item in found if item.shuffled is not None), key=lambda item: item.dose)


def headlines(trial, table, found, gone, seed=0):
    """Every headline number of the page: dict name -> Estimate."""
    strongest = main(found)[-1]
    deepest = max(gone, key=lambda item: item.drop.value)
    return {
        f"mass gained by the steered category, dose {strongest.dose:g}": strongest.target,
        f"selectivity, dose {strongest.dose:g}": strongest.selectivity,
        "largest selectivity over the layers, dose 1": steering.best_layer(
            table, *trial.arguments, 1.0, seed=seed
        ),
        f"own category's mass lost to erasure beyond a random subspace, layer {deepest.layer}": deepest.drop,
    }


def number(numbers, place):
    """One of the headlines by its place; Missing where they are."""
    return numbers if isinstance(numbers, Missing) else list(numbers.values())[place]


@passes_missing
def said(estimate):
    """The verdict on a mass, in words."""
    return verdict(estimate, SMALLEST_MASS)


@passes_missing
def dose_response(found, line):
    """Mass gained against dose: the steered category, the wrong one, and directions without meaning."""
    rows = main(found)
    works = said(rows[-1].selectivity) == FOUND
    fig = theme.figure(
        "The steered category gains with the dose; other directions of the same length hardly move it"
        if works
        else "No direction moves a category by as much as would matter",
        line,
        height=400,
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    _band(fig, rows)
    for place, (name, attribute) in enumerate(
        (
            ("direction to the category", "target"),
            ("direction to a wrong category", "wrong"),
            ("shuffled direction", "shuffled"),
            ("isotropic direction", "isotropic"),
        )
    ):
        _line(
            fig,
            [0, *(item.dose for item in rows)],
            [None, *(getattr(item, attribute) for item in rows)],
            name,
            place,
        )
    fig.update_xaxes(
        **theme.axis(
            "dose: length of what is added, in mean lengths of a state", rangemode="tozero"
        )
    )
    fig.update_yaxes(
        **theme.axis(
            "mass gained by a category",
            tickformat=".0%",
            range=_span(
                [
                    bound
                    for item in rows
                    for bound in (item.target.ci_low, item.target.ci_high, *item.envelope)
                ]
            ),
        )
    )
    return fig


@passes_missing
def by_layer(found, gone, line, dose=1.0):
    """Selectivity of steering and loss by erasure, layer by layer."""
    rows = steering.profile(found, dose)
    fig = theme.figure(
        "What steering and erasing behind each layer do to the face",
        line,
        height=380,
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    _line(
        fig,
        [item.layer for item in rows],
        [item.selectivity for item in rows],
        f"selectivity of steering, dose {dose:g}",
        0,
    )
    _line(
        fig,
        [item.layer for item in gone],
        [item.drop for item in gone],
        "own category's mass lost to erasure, beyond random",
        1,
    )
    fig.update_xaxes(**theme.axis("behind layer (0: the embedding)", dtick=1))
    fig.update_yaxes(
        **theme.axis(
            "mass of the category",
            tickformat=".0%",
            range=_span(
                [
                    bound
                    for item in (*(one.selectivity for one in rows), *(one.drop for one in gone))
                    for bound in (item.ci_low, item.ci_high)
                ]
            ),
        )
    )
    return fig


def _span(values):
    """An axis that shows a trace as a trace: never narrower than a twentieth of the mass."""
    known = [value for value in values if value == value]
    return [min(-0.01, *known) - 0.01, max(0.04, *known) + 0.01]


def _band(fig, rows):
    """Where directions without meaning move single categories."""
    places = [0, *(item.dose for item in rows)]
    for bound, fill in ((1, None), (0, "tonexty")):
        fig.add_scatter(
            x=places,
            y=[0, *(item.envelope[bound] for item in rows)],
            mode="lines",
            line={"width": 0},
            hoverinfo="skip",
            fill=fill,
            fillcolor=theme.SHADE,
            showlegend=fill is not None,
            name="95% of the directions without meaning, category by category",
        )


def _line(fig, places, estimates, name, place):
    values = [
        Estimate(0.0, 0.0, 0.0, 0, "prompts")
        if item is None
        else theme.require(item, Estimate, "steering")
        for item in estimates
    ]
    up, down = zip(*(theme.whiskers(item) for item in values), strict=True)
    colour = theme.SEQUENCE[place]
    fig.add_scatter(
        x=places,
        y=[item.value for item in values],
        mode="lines+markers",
        name=escape.label(name),
        line={"color": colour, "width": 2},
        marker={"size": 10, "symbol": theme.SYMBOLS[place], "color": colour},
        error_y={
            "type": "data",
            "array": up,
            "arrayminus": down,
            "thickness": 1.5,
            "width": 0,
            "color": colour,
        },
        customdata=[
            "nothing is done" if item is None else escape.label(str(item)) for item in estimates
        ],
        hovertemplate=f"{escape.label(name)}<br>%{{customdata}}<extra></extra>",
    )


@passes_missing
def table(found, caption=""):
    """Every layer and dose, one row each."""
    rows = [
        {
            "layer": item.layer,
            "dose": item.dose,
            "category gains": tables.brief(item.target),
            "selectivity": tables.brief(item.selectivity),
            "null, p": tables.null_and_p(item.selectivity),
            "entropy (bits)": tables.brief(item.entropy),
            "no listed face": tables.brief(item.other),
        }
        for item in found
    ]
    return tables.build(pd.DataFrame(rows), caption, formats={"dose": "g"}, described=("dose",))


@passes_missing
def erased_table(gone, caption=""):
    """Erasure layer by layer."""
    rows = [
        {
            "layer": item.layer,
            "before": tables.brief(item.before),
            "category erased": tables.brief(item.after),
            "random subspace": tables.brief(item.random),
            "lost beyond random": tables.brief(item.drop),
            "null, p": tables.null_and_p(item.drop),
        }
        for item in gone
    ]
    return tables.build(pd.DataFrame(rows), caption)


@passes_missing
def headline_table(numbers, caption=""):
    """The headlines, one row each."""
    return tables.estimates(numbers, caption)
