"""The page of readers and emitters: models asked about each other's faces, and each other's states."""

import numpy as np
import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import tables, theme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import agreement, exact, readers, state_readers
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.missing import Missing, attempt, passes_missing
from kaomoji_lib.models import exact as engine
from kaomoji_lib.models import introspect as asked
from kaomoji_lib.show import across, dealing

LEAST_MASS = 0.05


def emitters(sources):
    """How each source used its faces: dict title -> Reading of counts."""
    return {
        title: readings.elicited(source.emissions, _codes(source))
        for title, source in zip(across.titles(sources), sources, strict=True)
    }


def _codes(source):
    return [code for code in source.scheme.codes if (source.labels == code).any()]


def by_likelihood(sources, device="auto"):
    """What each source's own probabilities say of every face: dict title -> (Exact, Reading) or Missing."""
    words = engine.spellings([source.run for source in sources])
    return {
        title: attempt(_likelihood, source, words, device)
        for title, source in zip(across.titles(sources), sources, strict=True)
    }


def _likelihood(source, words, device):
    found = exact.distribution(
        source.dealt(dealing.scores, engine.scores(source.run, words, device))
    )
    return found, exact.reading(found, source.prompts, _codes(source))


def by_question(sources, used, device="auto"):
    """What each source answers when it is asked about every face that an emitter in ``used`` typed often: (readings, attention).

    Two dicts title -> Reading and title -> mean probability that it answered with a digit at all.
    """
    often = [
        face
        for item in used.values()
        for face in item.table.index[item.weight >= readings.MIN_WEIGHT]
    ]
    words = list(dict.fromkeys(often))
    named = dict(zip(across.titles(sources), sources, strict=True))
    tables_ = {
        title: attempt(asked.judgements, source.run, words, source.scheme, device)
        for title, source in named.items()
    }
    kept = {title: table for title, table in tables_.items() if not isinstance(table, Missing)}
    said = {
        title: agreement.judged(named[title].dealt(dealing.judgements, table), _codes(sources[0]))
        for title, table in kept.items()
    }
    return said, {title: float(table["attention"].mean()) for title, table in kept.items()}


def matrix(said, used, seed=0):
    """A :class:`kaomoji_lib.metrics.readers.Matrix`; ``said``: dict title -> Reading, (Exact, Reading) or Missing."""
    known = {
        title: item[1] if isinstance(item, tuple) else item
        for title, item in said.items()
        if not isinstance(item, Missing)
    }
    if not known:
        raise KaomojiError(
            "no source could be asked; expected runs whose models can be loaded again"
        )
    return readers.matrix(known, used, seed=seed)


def by_state(sources, likelihoods, seed=0):
    """States as readers: a :class:`kaomoji_lib.metrics.state_readers.StateReaders`.

    Sources that open with a listed face in less than a twentieth of all cases have no faces to predict and are left out.
    """
    faces, states = {}, {}
    for title, source in zip(across.titles(sources), sources, strict=True):
        item = likelihoods[title]
        if not isinstance(item, Missing) and 1 - item[0].other.mean() >= LEAST_MASS:
            faces[title], states[title] = item[0].conditional.to_numpy(), source.states.array
    return state_readers.compare(states, faces, sources[0].labels, seed=seed)


def headlines(asked_matrix, likely_matrix, states):
    """Every headline number of the page: dict name -> Estimate or Missing."""
    return {
        "self-advantage, asked": _value(asked_matrix),
        "self-advantage, by likelihood": _value(likely_matrix),
        "self-advantage of states, best depth": states
        if isinstance(states, Missing)
        else states.advantage.value,
        "self-advantage of states, best depth before the last block": states
        if isinstance(states, Missing)
        else states.earlier.value,
    }


def _value(found):
    if isinstance(found, Missing):
        return found
    return (
        Missing("fewer than three models are both reader and emitter")
        if found.advantage is None
        else found.advantage.value
    )


def power(named):
    """What each test could have found: table. ``named``: dict name -> Matrix, Advantage or Missing."""
    rows = []
    for name, item in named.items():
        found = getattr(item, "advantage", item) if isinstance(item, readers.Matrix) else item
        if isinstance(found, readers.Advantage):
            count = "all" if found.exact else "random"
            rows.append(
                {
                    "test": name,
                    "self-advantage": found.value.value,
                    "detectable (80% power)": found.detectable,
                    "smallest possible p": tables.scientific(found.smallest_p),
                    "assignments": count,
                    "models": found.value.n,
                }
            )
    if not rows:
        return Missing("fewer than three models are both reader and emitter")
    sizes = ("self-advantage", "detectable (80% power)")
    return tables.build(
        pd.DataFrame(rows),
        "Power: the smallest self-advantage that would be found, given how these scores scatter",
        formats=dict.fromkeys(sizes, ".3f"),
        described=sizes,
    )


@passes_missing
def attention(values):
    """How likely each reader answered with a number at all."""
    rows = tuple(
        (tables.source(title), tables.scientific(value, 1)) for title, value in values.items()
    )
    return tables.Table(
        ("reader", "probability of a digit"),
        rows,
        ("text", "number"),
        "Whether the question was understood: the probability that the answer begins with a digit",
        ("probability of a digit",),
    )


@passes_missing
def heatmap(found, title, line):
    """Readers (rows) by emitters (columns); the numbers are similarities to the emitter's counts."""
    theme.require(found, readers.Matrix, "readers.heatmap")
    values = found.values
    rows, columns = list(values.index), list(values.columns)
    words = [
        [
            f"{escape.label(row)} reads {escape.label(column)}<br>{escape.label(str(found.scores[row, column]))}"
            for column in columns
        ]
        for row in rows
    ]
    return _grid(values.to_numpy(), rows, columns, words, title, line)


@passes_missing
def state_heatmap(found, depth, line):
    """Owners of states (rows) by emitters (columns) at one depth; the numbers are held-out R²."""
    place = found.depths.index(depth)
    names = list(found.names)
    words = [
        [
            f"states of {escape.label(row)}, faces of {escape.label(column)}<br>R² {escape.label(str(found.scores[depth, row, column]))}"
            for column in names
        ]
        for row in names
    ]
    return _grid(
        found.values[place],
        names,
        names,
        words,
        f"Whose states predict whose faces, at depth {depth:g}",
        line,
    )


def _grid(values, rows, columns, words, title, line):
    fig = theme.figure(title, line, height=150 + 46 * len(rows), showlegend=False)
    fig.add_heatmap(
        z=values,
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        xgap=2,
        ygap=2,
        zmin=min(0.0, float(np.nanmin(values))),
        zmax=max(1.0, float(np.nanmax(values))),
        colorscale=theme.SEQUENTIAL,
        showscale=False,
        customdata=words,
        hovertemplate="%{customdata}<extra></extra>",
    )
    across_, down = np.meshgrid(np.arange(len(columns)), np.arange(len(rows)))
    fig.add_scatter(
        x=across_.ravel(),
        y=down.ravel(),
        mode="text",
        hoverinfo="skip",
        showlegend=False,
        textfont={"size": 13, "family": theme.FONT},
        text=[
            f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−") for value in values.ravel()
        ],
    )
    own = [(columns.index(name), rows.index(name)) for name in rows if name in columns]
    for x, y in own:
        fig.add_shape(
            type="rect",
            x0=x - 0.48,
            x1=x + 0.48,
            y0=y - 0.46,
            y1=y + 0.46,
            line={"color": theme.SEQUENCE[1], "width": 2},
        )
    fig.update_xaxes(
        **theme.axis(
            "whose faces",
            tickvals=list(range(len(columns))),
            ticktext=[escape.label(across.short(name)) for name in columns],
            showgrid=False,
            zeroline=False,
        )
    )
    fig.update_yaxes(
        **theme.axis(
            "who reads",
            tickvals=list(range(len(rows))),
            ticktext=[escape.label(across.short(name)) for name in rows],
            showgrid=False,
            zeroline=False,
            autorange="reversed",
        )
    )
    return fig


@passes_missing
def by_depth(found, line):
    """R² of own and of other models' states, and the self-advantage, by depth."""
    fig = theme.figure(
        "Own states and others' states as readers of the face, by depth",
        line,
        height=380,
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    for place, (name, values) in enumerate(
        (
            ("own states", found.own),
            ("other models' states", found.other),
            ("self-advantage", found.advantage.by_place),
        )
    ):
        up, down = zip(*(theme.whiskers(item) for item in values), strict=True)
        colour = theme.SEQUENCE[place]
        fig.add_scatter(
            x=found.depths,
            y=[item.value for item in values],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2},
            marker={"size": 10, "symbol": theme.SYMBOLS[place]},
            error_y={
                "type": "data",
                "array": up,
                "arrayminus": down,
                "thickness": 1.5,
                "width": 0,
                "color": colour,
            },
            customdata=[escape.label(str(item)) for item in values],
            hovertemplate=f"{escape.label(name)}, depth %{{x}}<br>%{{customdata}}<extra></extra>",
        )
    fig.update_xaxes(
        **theme.axis(
            "depth: 0 the embedding, 1 the last block", range=[0, 1.05], tickvals=[0, *found.depths]
        )
    )
    fig.update_yaxes(**theme.axis("held-out R² of the face's probabilities"))
    return fig
