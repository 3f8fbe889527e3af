"""The page of frames: the same prompts under other instructions, model by model."""

from dataclasses import dataclass

import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import page, tables, theme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import emission, frames
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.perspectives import SELF, load_frames
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.show import nulls


@dataclass(frozen=True)
class Framed:
    """One model's runs under all frames: ``runs``, dict frame -> Source; ``found``: SelfSpecificity, or Missing."""

    runs: dict
    found: object

    @property
    def source(self):
        return self.runs[SELF]


def gather(models, names=(), null="", seed=0, **settings):
    """Collect what is lacking and measure: dict title -> :class:`Framed`.

    ``models``: aliases, ids or folders. ``names``: frames beside ``self``; empty: all of ``data/frames.csv``. ``null``: a null
    edition. ``settings``: of
    :func:`kaomoji_lib.models.collect.collect`.
    """
    from kaomoji_lib.models.collect import collect

    wanted = [SELF, *(name for name in names or load_frames().index if name != SELF)]
    if not models:
        raise KaomojiError("no model named; expected at least one; give `models`")
    result = {}
    for model in models:
        runs = {
            frame: page.read(collect(model, frame=frame, seed=seed, **settings), null=null)
            for frame in wanted
        }
        found = attempt(
            frames.self_specificity,
            {frame: source.emissions for frame, source in runs.items()},
            seed=seed,
        )
        result[runs[SELF].title] = Framed(runs, found)
    return result


def runs(found):
    """Every run folder behind the page."""
    return [
        source.run if isinstance(source.run, RunFolder) else RunFolder(source.run)
        for item in found.values()
        for source in item.runs.values()
    ]


def instructions(caption=""):
    """The frames in words."""
    frame = load_frames().reset_index()[["frame", "instruction", "purpose"]]
    return tables.build(frame.assign(frame=frame["frame"].map(spoken)), caption)


def spoken(frame):
    """The name of a frame as a word of the prose."""
    return frame.replace("_", " ")


def rates(found, seed=0):
    """How often each frame opens with a face, for :func:`tables.by_source`."""
    return {
        title: {
            f"emission rate, {load_frames().at[frame, 'title'] if frame in load_frames().index else frame}": emission.rate(
                source.emissions, seed=seed
            )
            for frame, source in item.runs.items()
        }
        for title, item in found.items()
    }


def headlines(found):
    """Every headline number of the page: dict title -> dict measure -> Estimate, or Missing."""
    return {
        title: item.found if isinstance(item.found, Missing) else _numbers(item.found)
        for title, item in found.items()
    }


def _numbers(found):
    named = {
        "repeated by the self face (bits)": found.repeated.bits,
        "repeated, beyond the category (bits)": found.repeated.within,
    }
    for item in found.frames:
        named[f"self-specific against {spoken(item.frame)} (bits)"] = item.bits
        named[f"self-specific against {spoken(item.frame)}, given the category (bits)"] = (
            item.within
        )
    named["self-specific against every frame, given the category (bits)"] = found.beyond_all
    return named


def shared(found):
    """What a face under each frame tells about a self face, for :func:`tables.by_source`."""
    rows = {}
    for title, item in found.items():
        rows[title] = (
            item.found
            if isinstance(item.found, Missing)
            else {
                "self": item.found.repeated.bits,
                **{spoken(one.frame): one.shared.bits for one in item.found.frames},
                "self, beyond the category": item.found.repeated.within,
                **{
                    f"{spoken(one.frame)}, beyond the category": one.shared.within
                    for one in item.found.frames
                },
            }
        )
    return rows


def told(found, line):
    """What a second face of each frame tells about a self face: dots with intervals, one symbol per model."""
    kept = {
        title: item.found for title, item in found.items() if not isinstance(item.found, Missing)
    }
    if not kept:
        return next(iter(found.values())).found
    fig = theme.figure(
        "What a face under each frame tells about a self face of the same prompt",
        line,
        height=150 + 62 * 5,
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    for place, (title, item) in enumerate(kept.items()):
        rows = [(SELF, item.repeated.bits), *((one.frame, one.shared.bits) for one in item.frames)][
            ::-1
        ]
        values = [value for _, value in rows]
        up, down = zip(*(theme.whiskers(value) for value in values), strict=True)
        colour = theme.SEQUENCE[place % 8]
        fig.add_scatter(
            x=[value.value for value in values],
            y=[row + 0.2 * ((len(kept) - 1) / 2 - place) for row in range(len(rows))],
            mode="markers",
            name=escape.label(title),
            marker={"size": 12, "color": colour, "symbol": theme.SYMBOLS[place % 9]},
            error_x={
                "type": "data",
                "array": up,
                "arrayminus": down,
                "thickness": 2,
                "width": 0,
                "color": colour,
            },
            customdata=[[escape.label(name), escape.label(str(value))] for name, value in rows],
            hovertemplate=f"{escape.label(title)}, %{{customdata[0]}}<br>%{{customdata[1]}}<extra></extra>",
        )
    fig.update_xaxes(**theme.axis("bits about the self face, beyond chance"))
    fig.update_yaxes(
        **theme.axis(
            showgrid=False,
            tickvals=list(range(len(rows))),
            ticktext=[escape.label(spoken(name)) for name, _ in rows],
            zeroline=False,
        )
    )
    return fig


def license(found):
    """What the page may say, given who was asked."""
    if all(item.source.is_organism for item in found.values()):
        return (
            "The organisms were trained on the self instruction alone and have never seen another. That their faces do not change with the frame "
            "shows that the measure gives nothing where there is nothing; it does not show that they have, or lack, a state of their own."
        )
    return "Where frames give alike faces, the self face may be a reading of the message; only what no other frame's face tells can be the model's own."


def first(found, measure):
    """One number of the first model, for the prose."""
    numbers = next(iter(headlines(found).values()))
    return numbers if isinstance(numbers, Missing) else numbers[measure]


def line(found):
    """The source line of the page's figures."""
    item = next(iter(found.values()))
    names = ", ".join(
        f"{title} ({one.source.what.partition(':')[0]})" for title, one in found.items()
    )
    return f"{names} · {len(item.source.prompts)} prompts × {len(item.runs)} frames{nulls.edition(item.source.null)}"


def summary(found):
    """How many models and frames, as a small table: faces and replies per frame."""
    rows = []
    for title, item in found.items():
        for frame, source in item.runs.items():
            typed = source.emissions["face"]
            rows.append(
                {
                    "source": tables.source(title),
                    "frame": spoken(frame),
                    "replies": len(typed),
                    "open with a face": typed.notna().mean(),
                    "different faces": typed.nunique(),
                }
            )
    return tables.build(
        pd.DataFrame(rows),
        "What each frame brought",
        formats={"open with a face": ".1%"},
        described=("open with a face",),
    )
