"""Figures and tables of the benchmark page."""

from kaomoji_lib import html as escape
from kaomoji_lib import tables, theme
from kaomoji_lib.missing import Missing, passes_missing
from kaomoji_lib.models import benchmark, benchmark_peers


def machine(made):
    """What a measurement was made on and with, as the source line of its figures. ``made``: dict of ``benchmark_record.made``."""
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return f"{made['model']} · {made['asked'].replace(' x ', ' × ')} · {made['machine']}, {made['threads']} thread{'' if made['threads'] == 1 else 's'}, {made['date']}, {versions}"


def line(table):
    """The source line of a kept table, or of what is missing."""
    return "not measured" if isinstance(table, Missing) else machine(table.attrs["made"])


@passes_missing
def of(found, name):
    """The Estimate of one alternative of ``ratios``, Missing where it was not timed."""
    part = found[found["alternative"] == name]
    return part["times"].iloc[0] if len(part) else Missing(f"{name} was not installed")


def floors(kinds, caption=""):
    """One row per architecture. ``kinds``: dict name -> DataFrame of ``score_times``, or Missing."""
    rows = []
    for name, times in kinds.items():
        if isinstance(times, Missing):
            rows.append((name, "–", "–", times.reason, "–"))
            continue
        plain = of(benchmark.ratios(times), "plain")
        packed = times.loc[times["alternative"] == "packed", "off"].max()
        rows.append(
            (
                name,
                tables.words(benchmark.over_floor(times)),
                str(plain) if isinstance(plain, Missing) else tables.words(plain),
                times.attrs["made"]["model"],
                tables.scientific(packed),
            )
        )
    header = (
        "layers",
        "times the floor",
        "plain: times as long",
        "model",
        "largest difference from plain (nats)",
    )
    return tables.Table(header, tuple(rows), ("text", "text", "text", "text", "number"), caption)


@passes_missing
def templates(times, caption):
    """One row per chat template. ``times``: DataFrame of :func:`kaomoji_lib.models.benchmark.template_times`."""
    rows = []
    for (tokens, name), part in times.groupby(["prompt_tokens", "template"]):
        found = benchmark.ratios(part).set_index("alternative")["times"]
        rows.append(
            (
                f"{tokens:.0f}",
                name,
                tables.words(benchmark.over_floor(part)),
                *(
                    tables.words(found[peer]) if peer in found else "–"
                    for peer in benchmark_peers.PEERS
                ),
            )
        )
    header = (
        "prompt tokens",
        "template of",
        "times the floor",
        *(f"{name}: times as long" for name in benchmark_peers.PEERS),
    )
    return tables.Table(header, tuple(rows), ("number", *["text"] * (len(header) - 1)), caption)


@passes_missing
def times(found, caption):
    """Table of :func:`kaomoji_lib.models.benchmark.ratios`."""
    shown = found.assign(off=[tables.scientific(value) for value in found["off"]]).rename(
        columns={
            "times": "times as long",
            "timed": "timed on",
            "off": "largest difference from plain (nats)",
        }
    )
    return tables.build(shown, caption)


@passes_missing
def sampling(found, caption):
    """Table of the sampling ratios, which have no scores to differ in."""
    return tables.build(
        found[["alternative", "times"]].rename(columns={"times": "times as long"}), caption
    )


@passes_missing
def bars(found, reference, source):
    """How many times as long each alternative takes. ``found``: DataFrame of ``ratios``; ``reference``: its name."""
    fig = theme.figure(
        f"How many times as long as “{reference}” each alternative takes",
        source,
        height=120 + 46 * len(found),
        showlegend=False,
    )
    rows = found.iloc[::-1]
    up, down = zip(*(theme.whiskers(item) for item in rows["times"]), strict=True)
    fig.add_scatter(
        x=[item.value for item in rows["times"]],
        y=[escape.label(name) for name in rows["alternative"]],
        mode="markers",
        marker={"size": 12, "color": theme.SEQUENCE[0]},
        error_x={
            "type": "data",
            "array": up,
            "arrayminus": down,
            "thickness": 2,
            "width": 0,
            "color": theme.SEQUENCE[0],
        },
        customdata=[escape.label(str(item)) for item in rows["times"]],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    fig.add_vline(x=1, line={"color": theme.QUIET, "dash": "dot"})
    fig.update_xaxes(**theme.axis("times as long", rangemode="tozero"))
    fig.update_yaxes(**theme.axis(showgrid=False, type="category"))
    return fig


@passes_missing
def growth(table, source):
    """Seconds against the tokens that were computed. ``table``: DataFrame of ``scaling``."""
    fig = theme.figure(
        "The cost grows with the tokens that are computed, whether faces or prompts bring them",
        source,
        height=380,
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    for place, (what, part) in enumerate(table.groupby("what", sort=False)):
        fig.add_scatter(
            x=part["computed"],
            y=part["seconds"],
            mode="lines+markers",
            name=f"more {what}",
            marker={"size": 10, "symbol": theme.SYMBOLS[place]},
            line={"color": theme.SEQUENCE[place]},
            customdata=part[["faces", "prompts"]],
            hovertemplate="%{customdata[0]} faces, %{customdata[1]} prompts: %{y:.2f} s<extra></extra>",
        )
    fig.update_xaxes(**theme.axis("distinct trie tokens × prompts", rangemode="tozero"))
    fig.update_yaxes(**theme.axis("seconds", rangemode="tozero"))
    return fig


@passes_missing
def memory(table, caption):
    """Table of seconds and peak memory by vocabulary."""
    shown = table.rename(
        columns={
            "gigabytes": "GB beyond model and prompt cache",
            "naive_gigabytes": "GB of all logits at once",
        }
    )
    return tables.build(shown, caption, described=tuple(shown.columns))
