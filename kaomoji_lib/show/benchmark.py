"""Figures and tables of the benchmark page."""

import platform

import torch

from kaomoji_lib.show import tables, theme
from kaomoji_lib.show.missing import passes_missing
from kaomoji_lib.study import escape


def machine(bench):
    """What it was measured on and with, as the source line of its figures."""
    engine, size = bench.engine, bench.size
    where = torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else f"{platform.machine()} CPU"
    return (f"random Llama-shaped model, {size.layers} layers of {size.hidden}, vocabulary {size.vocabulary:,} · {len(bench.words)} "
            f"faces x {len(bench.prompts)} prompts · {where}, {torch.get_num_threads()} thread(s), torch {torch.__version__}")


@passes_missing
def times(found, caption):
    """Table of :func:`kaomoji_lib.engine.benchmark.ratios`."""
    shown = found.assign(off=[f"{value:.0e}" for value in found["off"]]).rename(columns={
        "times": "times as long", "timed": "timed on", "off": "largest difference from plain (nats)"})
    return tables.build(shown, caption)


@passes_missing
def sampling(found, caption):
    """Table of the sampling ratios, which have no scores to differ in."""
    return tables.build(found[["alternative", "times"]].rename(columns={"times": "times as long"}), caption)


@passes_missing
def bars(found, reference, source):
    """How many times as long each alternative takes. ``found``: DataFrame of ``ratios``; ``reference``: its name."""
    fig = theme.figure(f"How many times as long as “{reference}” each alternative takes", source, height=120 + 46 * len(found), showlegend=False)
    rows = found.iloc[::-1]
    up, down = zip(*(theme.whiskers(item) for item in rows["times"]), strict=True)
    fig.add_scatter(
        x=[item.value for item in rows["times"]], y=[escape.label(name) for name in rows["alternative"]], mode="markers",
        marker={"size": 12, "color": theme.SEQUENCE[0]},
        error_x={"type": "data", "array": up, "arrayminus": down, "thickness": 2, "width": 0, "color": theme.SEQUENCE[0]},
        customdata=[escape.label(str(item)) for item in rows["times"]], hovertemplate="%{y}: %{customdata}<extra></extra>")
    fig.add_vline(x=1, line={"color": theme.QUIET, "dash": "dot"})
    fig.update_xaxes(**theme.axis("times as long", rangemode="tozero"))
    fig.update_yaxes(**theme.axis(showgrid=False, type="category"))
    return fig


@passes_missing
def growth(table, source):
    """Seconds against the tokens that were computed. ``table``: DataFrame of ``scaling``."""
    fig = theme.figure("The cost grows with the tokens that are computed, whether faces or prompts bring them", source, height=380,
                       margin={"b": 100}, legend=theme.LEGEND)
    for place, (what, part) in enumerate(table.groupby("what", sort=False)):
        fig.add_scatter(
            x=part["computed"], y=part["seconds"], mode="lines+markers", name=f"more {what}",
            marker={"size": 10, "symbol": theme.SYMBOLS[place]}, line={"color": theme.SEQUENCE[place]},
            customdata=part[["faces", "prompts"]], hovertemplate="%{customdata[0]} faces, %{customdata[1]} prompts: %{y:.2f} s<extra></extra>")
    fig.update_xaxes(**theme.axis("distinct trie tokens x prompts", rangemode="tozero"))
    fig.update_yaxes(**theme.axis("seconds", rangemode="tozero"))
    return fig


@passes_missing
def memory(table, caption):
    """Table of peak memory by vocabulary."""
    shown = table.rename(columns={"gigabytes": "GB beyond model and prompt cache", "naive_gigabytes": "GB of all logits at once"})
    return tables.build(shown, caption)
