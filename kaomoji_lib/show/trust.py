"""The page on trust: what was broken on purpose, and what broke by it."""

import math
from dataclasses import dataclass

import pandas as pd

from kaomoji_lib import tables, theme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import passes_missing
from kaomoji_lib.stimuli import DATA, read_table

COLUMNS = ("group", "what", "tried", "rows", "lost", "duplicated", "changed", "broken")
# Decades of the axis that the number beside the longest bar needs.
ROOM = 0.5
HARM = ("lost", "duplicated", "changed", "broken")


@dataclass(frozen=True)
class Trust:
    """The latest counts of every campaign. ``table``: DataFrame with ``COLUMNS``, whole numbers in all but the first two."""

    table: pd.DataFrame

    @property
    def line(self):
        return "Counted by make trust, on one machine"


def read(path=None):
    """The counts that ``make trust`` left.

    Raises
    ------
    KaomojiError
        If there are none, or a count is no whole number.
    """
    path = path or DATA / "trust.csv"
    table = read_table(path, COLUMNS)
    numbers = list(COLUMNS[2:])
    if not table[numbers].apply(lambda column: column.str.fullmatch(r"\d+")).all(axis=None):
        raise KaomojiError(
            f"{path}: a count is no whole number; expected the table that `make trust` writes; run it again"
        )
    return Trust(table.astype(dict.fromkeys(numbers, int))[list(COLUMNS)])


@passes_missing
def tried(found, group):
    """How often a group of campaigns tried: words for the prose."""
    return f"{found.table.loc[found.table['group'] == group, 'tried'].sum():,}"


@passes_missing
def total(found, column):
    """The sum of a column over all campaigns: words for the prose."""
    return f"{found.table[column].sum():,}"


@passes_missing
def counts(found, groups, caption=""):
    """The campaigns of ``groups``, one row each."""
    part = found.table[found.table["group"].isin(groups)]
    return tables.build(part.drop(columns=["group"] if len(groups) == 1 else []), caption)


@passes_missing
def drawn(found):
    """How often each campaign tried, on a logarithmic axis, the harm beside its name."""
    table = found.table.iloc[::-1]
    harm = table[list(HARM)].sum(axis=1)
    total = int(harm.sum())
    title = (
        "Nothing was lost, duplicated, changed or broken"
        if not total
        else f"{total:,} times something was lost, duplicated, changed or broken"
    )
    fig = theme.figure(title, found.line, height=90 + 30 * len(table), showlegend=False)
    names = [f"{what} ({group})" for what, group in zip(table["what"], table["group"], strict=True)]
    fig.add_bar(
        x=table["tried"],
        y=list(range(len(table))),
        orientation="h",
        marker={"color": [theme.SEQUENCE[1] if bad else theme.SEQUENCE[0] for bad in harm]},
        text=[f"{tried:,}" for tried in table["tried"]],
        textposition="auto",
        insidetextanchor="end",
        textangle=0,
        cliponaxis=False,
        hovertemplate="%{x:,} tried<extra></extra>",
    )
    fig.update_xaxes(
        **theme.axis(
            "tried (logarithmic)",
            type="log",
            range=(0, math.log10(max(2, table["tried"].max())) + ROOM),
        )
    )
    fig.update_yaxes(
        **theme.axis(
            showgrid=False, zeroline=False, tickvals=list(range(len(table))), ticktext=names
        )
    )
    return fig
