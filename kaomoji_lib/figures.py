"""Two-dimensional figures: what was asked, what was answered, what can be read from it."""

from kaomoji_lib import html as escape
from kaomoji_lib import theme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.geometry import Alignment
from kaomoji_lib.metrics.predict import Prediction
from kaomoji_lib.missing import Missing, passes_missing
from kaomoji_lib.show.clusters import criterion
from kaomoji_lib.show.finding import dumbbells
from kaomoji_lib.show.heatmaps import cka, confusion, face_similarity, planted
from kaomoji_lib.spaces import centroids, prompt_space
from kaomoji_lib.stats import Estimate

__all__ = [
    "accuracies",
    "accuracies_across",
    "centroids",
    "circumplex",
    "cka",
    "confusion",
    "criterion",
    "dumbbells",
    "emission",
    "emission_across",
    "face_similarity",
    "layer_curve",
    "planted",
    "prompt_space",
    "residuals",
]

# Strength of the grey and pattern of what is no kaomoji.
OTHER_OUTCOMES = {
    "truncated": (0.75, "x"),
    "emoji": (0.6, "/"),
    "words": (0.45, ""),
    "refusal": (0.45, "\\"),
    "empty": (0.3, "."),
}


def circumplex(scheme, source):
    """The categories on the plane of valence and arousal; high and low dominance stand a little above and below."""
    fig = theme.figure(
        f"{len(scheme.codes)} categories on the plane of valence and arousal",
        f"{source} · high dominance (D) drawn a little above its place, low (S) a little below",
        height=560,
        showlegend=False,
    )
    for radius in (0.5, 1.0):
        fig.add_shape(
            type="circle",
            x0=-radius,
            x1=radius,
            y0=-radius,
            y1=radius,
            layer="below",
            line={"color": theme.FAINT, "width": 1.5},
        )
    lift = {"D": 0.15, "S": -0.15}
    for code, row in scheme.table.iterrows():
        fig.add_scatter(
            x=[row["valence"]],
            y=[row["arousal"] + lift.get(row["dominance"], 0)],
            mode="markers+text",
            marker={"color": row["colour"], "symbol": row["symbol"], "size": 18},
            # Two hard spaces keep the words off the symbol, which plotly's text touches.
            text=[
                f"\u00a0\u00a0<b>{escape.label(code)}</b> {escape.label(row['gloss'])}\u00a0\u00a0"
            ],
            # Beside the symbol, and above or below it where the line at zero would run through the words.
            textposition=f"{'middle' if row['arousal'] + lift.get(row['dominance'], 0) else 'bottom' if row['valence'] else 'top'} {'left' if row['valence'] > 0 else 'right'}",
            textfont={"size": 16, "family": theme.FONT},
            cliponaxis=False,
            customdata=[escape.label(row["description"])],
            hovertemplate="%{customdata}<extra></extra>",
        )
    fig.update_xaxes(
        **theme.axis(
            "valence: unpleasant → pleasant",
            range=[-1.3, 1.3],
            showgrid=False,
            tickvals=[-1, 0, 1],
            ticktext=["−1", "0", "+1"],
        )
    )
    fig.update_yaxes(
        **theme.axis(
            "arousal: calm → aroused",
            range=[-1.35, 1.4],
            scaleanchor="x",
            constrain="domain",
            showgrid=False,
            tickvals=[-1, 0, 1],
            ticktext=["−1", "0", "+1"],
        )
    )
    return fig


@passes_missing
def emission(report, scheme, source):
    """How replies began, per category. ``report``: :func:`kaomoji_lib.metrics.emission.report`."""
    _require_columns(
        report, ("category", "n", "rate", "kaomoji"), "figures.emission", "emission.report"
    )
    fig = theme.figure(
        _most_and_least(report),
        source,
        height=150 + 40 * len(report),
        barmode="stack",
        bargap=0.38,
        margin={"b": 96},
        legend={**theme.LEGEND, "traceorder": "normal"},
    )
    ranked = report.set_index("category", drop=False)
    rows = ranked.loc[[code for code in scheme.codes if code in ranked.index]].iloc[::-1]
    names = [theme.name(scheme, code) for code in rows["category"]]
    up, down = zip(
        *(
            theme.whiskers(theme.require(item, Estimate, "figures.emission"))
            for item in rows["rate"]
        ),
        strict=True,
    )
    fig.add_bar(
        y=names,
        x=[item.value for item in rows["rate"]],
        orientation="h",
        name="kaomoji",
        showlegend=False,
        marker={"color": [scheme.colour(code) for code in rows["category"]], "opacity": 0.75},
        error_x={"type": "data", "array": up, "arrayminus": down, "thickness": 2, "width": 5},
        customdata=[
            [escape.label(str(item)), found]
            for item, found in zip(rows["rate"], rows["distinct_faces"], strict=True)
        ],
        hovertemplate="%{y}: kaomoji in %{customdata[0]}<br>%{customdata[1]} different faces<extra></extra>",
    )
    for outcome, (strength, pattern) in OTHER_OUTCOMES.items():
        if outcome in rows and rows[outcome].sum():
            fig.add_bar(
                y=names,
                x=rows[outcome] / rows["n"],
                orientation="h",
                name=outcome,
                marker={
                    "color": f"rgba(128,128,128,{strength})",
                    "pattern": {
                        "shape": pattern,
                        "fillmode": "overlay",
                        "fgcolor": theme.GREY,
                        "size": 6,
                    },
                },
                customdata=rows[outcome],
                hovertemplate=f"%{{y}}: %{{customdata}} replies of {escape.label(outcome)}<extra></extra>",
            )
    fig.update_xaxes(**theme.axis("share of replies", range=[0, 1.04], tickformat=".0%"))
    fig.update_yaxes(**theme.axis(ticklen=0, showgrid=False))
    return fig


def _most_and_least(report):
    rates = report.set_index("category")["kaomoji"] / report.set_index("category")["n"]
    ends = {
        words: rates.index[rates == value]
        for words, value in (("most often", rates.max()), ("least often", rates.min()))
    }
    said = [f"{words} in {found[0]}" for words, found in ends.items() if len(found) == 1]
    return (
        f"Replies begin with a kaomoji {', '.join(said)}"
        if said
        else "How often replies begin with a kaomoji, by category"
    )


@passes_missing
def layer_curve(curve, source):
    """Category accuracy and silhouette of each layer alone. ``curve``: :func:`kaomoji_lib.metrics.geometry.layer_curve`."""
    _require_columns(
        curve,
        (
            "layer",
            "accuracy",
            "ci_low",
            "ci_high",
            "null",
            "p",
            "n",
            "silhouette",
            "silhouette_low",
            "silhouette_high",
            "silhouette_null",
        ),
        "figures.layer_curve",
        "geometry.layer_curve",
    )
    last = Estimate(
        *curve[["accuracy", "ci_low", "ci_high"]].iloc[-1],
        int(curve["n"].iloc[-1]),
        "prompts",
        *curve[["null", "p"]].iloc[-1],
    )
    fig = theme.figure(
        f"From the last layer, the category is read at {last.value:.0%}",
        source,
        estimate=last,
        height=380,
        margin={"b": 96},
        legend=theme.LEGEND,
    )
    main, side = theme.SEQUENCE[:2]
    fig.add_scatter(
        x=curve["layer"],
        y=curve["ci_high"],
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    fig.add_scatter(
        x=curve["layer"],
        y=curve["ci_low"],
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor="rgba(47,138,143,0.2)",
        hoverinfo="skip",
        showlegend=False,
    )
    fig.add_scatter(
        x=curve["layer"],
        y=curve["accuracy"],
        mode="lines+markers",
        name="accuracy, 95% interval",
        line={"color": main, "width": 3},
        marker={"size": 8},
        customdata=curve[["ci_low", "ci_high", "null"]],
        hovertemplate="layer %{x}: %{y:.1%} (95% CI %{customdata[0]:.1%} to %{customdata[1]:.1%}, null %{customdata[2]:.1%})<extra></extra>",
    )
    fig.add_scatter(
        x=curve["layer"],
        y=curve["silhouette"],
        mode="lines+markers",
        name="silhouette",
        line={"color": side, "width": 2},
        marker={"size": 7, "symbol": "square"},
        error_y={
            "type": "data",
            "array": curve["silhouette_high"] - curve["silhouette"],
            "arrayminus": curve["silhouette"] - curve["silhouette_low"],
            "thickness": 2,
            "width": 0,
            "color": side,
        },
        customdata=curve[["silhouette_low", "silhouette_high", "silhouette_null"]],
        hovertemplate="layer %{x}: silhouette %{y:.2f} (95% CI %{customdata[0]:.2f} to %{customdata[1]:.2f}, null %{customdata[2]:.2f})<extra></extra>",
    )
    fig.add_scatter(
        x=curve["layer"],
        y=curve["null"],
        mode="lines",
        name="accuracy with shuffled categories",
        line={"color": theme.GREY, "width": 2, "dash": "dot"},
        hovertemplate="null %{y:.1%}<extra></extra>",
    )
    fig.add_scatter(
        x=curve["layer"],
        y=curve["silhouette_null"],
        mode="lines",
        name="silhouette with shuffled categories",
        line={"color": theme.GREY, "width": 2, "dash": "dash"},
        hovertemplate="null %{y:.2f}<extra></extra>",
    )
    fig.update_xaxes(**theme.axis("layer", type="category", showgrid=False))
    lowest = curve[["silhouette", "silhouette_low", "silhouette_null"]].min().min()
    fig.update_yaxes(**theme.axis("", range=[min(-0.05, lowest - 0.03), 1.02]))
    return fig


def accuracies(predictions, source):
    """Accuracy of each reading of the category with its interval and its null. ``predictions``: list of Prediction or Missing."""
    found = [item for item in predictions if not isinstance(item, Missing)]
    if not found:
        return predictions[0]
    for item in found:
        theme.require(item, Prediction, "figures.accuracies")
    best = found[0]
    fig = theme.figure(
        f"Held-out prompts put into the right category from {best.name}: {best.accuracy.value:.0%}",
        source,
        estimate=best.accuracy,
        height=140 + 46 * len(found),
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    rows = found[::-1]
    names = [escape.label(item.name) for item in rows]
    _dots(fig, names, [item.accuracy for item in rows], theme.SEQUENCE[0], "accuracy, 95% interval")
    nulls = [item.accuracy.null_mean for item in rows]
    fig.add_scatter(
        x=nulls,
        y=names,
        mode="markers",
        name="shuffled categories",
        marker={"symbol": "line-ns-open", "size": 15, "color": theme.GREY, "line": {"width": 2}},
        hovertemplate="%{y}: null %{x:.1%}<extra></extra>",
    )
    fig.add_vline(x=best.majority, line={"color": theme.QUIET, "dash": "dot", "width": 1.5})
    fig.add_scatter(
        x=[None],
        y=[None],
        mode="lines",
        name="always the commonest",
        line={"color": theme.QUIET, "dash": "dot", "width": 1.5},
    )
    fig.update_xaxes(**theme.axis("accuracy", range=[0, 1.02], tickformat=".0%"))
    fig.update_yaxes(
        **theme.axis(showgrid=False, tickfont={"size": 15}, type="category", categoryarray=names)
    )
    return fig


def accuracies_across(table, source):
    """One row of dots per source. ``table``: dict source title -> list of Prediction (or Missing)."""
    faces = any(
        "face" in item.name
        for items in table.values()
        for item in items
        if not isinstance(item, Missing)
    )
    fig = theme.figure(
        f"What states{', faces' if faces else ''} and the text itself say about the category",
        source,
        height=150 + 62 * len(table),
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    titles = list(table)[::-1]
    by_reading = {}
    for title in titles:
        for item in table[title]:
            if not isinstance(item, Missing):
                theme.require(item, Prediction, "figures.accuracies_across")
                by_reading.setdefault(item.name, []).append((title, item.accuracy))
    of_title = {
        title: [reading for reading, rows in by_reading.items() if title in dict(rows)]
        for title in titles
    }
    step = min(0.22, 0.8 / max(map(len, of_title.values())))
    for index, (reading, rows) in enumerate(by_reading.items()):
        names, estimates = zip(*rows, strict=True)
        shifts = [
            step * ((len(of_title[name]) - 1) / 2 - of_title[name].index(reading)) for name in names
        ]
        places = [titles.index(name) + shift for name, shift in zip(names, shifts, strict=True)]
        _dots(
            fig,
            places,
            estimates,
            theme.SEQUENCE[index % 8],
            reading,
            symbol=theme.SYMBOLS[index % 9],
            hover=names,
        )
        fig.add_scatter(
            x=[item.null_mean for item in estimates],
            y=places,
            mode="markers",
            name="shuffled categories",
            showlegend=index == 0,
            legendgroup="null",
            marker={"symbol": "line-ns-open", "size": 9, "color": theme.GREY, "line": {"width": 2}},
            hovertemplate="null %{x:.1%}<extra></extra>",
        )
    fig.update_xaxes(
        **theme.axis("accuracy on held-out prompts", range=[0, 1.02], tickformat=".0%")
    )
    _source_axis(fig, titles)
    return fig


def _source_axis(fig, titles):
    fig.update_yaxes(
        **theme.axis(
            showgrid=False,
            tickvals=list(range(len(titles))),
            ticktext=[escape.label(name) for name in titles],
            range=[-0.6, len(titles) - 0.4],
            tickfont={"size": 15},
            zeroline=False,
        )
    )


def emission_across(rates, source):
    """Share of replies that begin with a kaomoji. ``rates``: dict source title -> Estimate."""
    fig = theme.figure(
        "How often each source begins its reply with a kaomoji",
        source,
        height=90 + 40 * len(rates),
        showlegend=False,
    )
    names = list(rates)[::-1]
    estimates = [theme.require(rates[name], Estimate, "figures.emission_across") for name in names]
    _dots(fig, [escape.label(name) for name in names], estimates, theme.SEQUENCE[0], "rate")
    fig.update_xaxes(**theme.axis("share of replies", range=[-0.015, 1.02], tickformat=".0%"))
    fig.update_yaxes(**theme.axis(showgrid=False, tickfont={"size": 15}, type="category"))
    return fig


def residuals(alignments, source):
    """Procrustes residual of each source against the reference. ``alignments``: dict title -> Alignment (or Missing)."""
    found = {
        name: theme.require(item, Alignment, "figures.residuals")
        for name, item in alignments.items()
        if not isinstance(item, Missing)
    }
    if not found:
        return next(
            iter(alignments.values()), Missing("no second source to lay onto the reference")
        )
    best = min(found, key=lambda name: found[name].residual.value)
    fig = theme.figure(
        f"{best} lies closest to the reference; 0 would be the same shape",
        source,
        height=150 + 44 * len(found),
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    names = list(found)[::-1]
    labels = [escape.label(name) for name in names]
    _dots(
        fig,
        labels,
        [found[name].residual for name in names],
        theme.SEQUENCE[0],
        "residual, 95% interval",
        percent=False,
    )
    fig.add_scatter(
        x=[found[name].residual.null_mean for name in names],
        y=labels,
        mode="markers",
        name="shuffled categories",
        marker={"symbol": "line-ns-open", "size": 15, "color": theme.GREY, "line": {"width": 2}},
        hovertemplate="%{y}: null %{x:.2f}<extra></extra>",
    )
    fig.update_xaxes(**theme.axis("relative residual", range=[0, 1.02]))
    fig.update_yaxes(**theme.axis(showgrid=False, tickfont={"size": 15}, type="category"))
    return fig


def _dots(fig, places, estimates, colour, title, *, symbol="circle", hover=None, percent=True):
    up, down = zip(*(theme.whiskers(item) for item in estimates), strict=True)
    named = [escape.label(name) for name in (hover or places)]
    fig.add_scatter(
        x=[item.value for item in estimates],
        y=places,
        mode="markers",
        name=escape.label(title),
        marker={"size": 12, "color": colour, "symbol": symbol},
        cliponaxis=False,
        error_x={
            "type": "data",
            "array": up,
            "arrayminus": down,
            "thickness": 2,
            "width": 0,
            "color": colour,
        },
        customdata=[
            [name, escape.label(str(item))] for name, item in zip(named, estimates, strict=True)
        ],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    )


def _require_columns(frame, columns, where, maker):
    if not hasattr(frame, "columns") or not set(columns) <= set(frame.columns):
        raise KaomojiError(
            f"{where}: got {type(frame).__name__}; expected the table of {maker}; pass it unchanged"
        )
