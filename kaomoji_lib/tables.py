"""Tables that reach the page: every cell escaped, every estimate beside its interval, null and p."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import results
from kaomoji_lib.results import passes_missing
from kaomoji_lib.stats import Estimate, format_p

ABSENT = "–"
GAP = "   "
LONG, WRAPS, SHORT = 24, 48, 15
INTERVAL = "95% interval"


@dataclass(frozen=True)
class Table:
    """Columns and rows of text, ready to show.

    ``header``: column names; ``rows``: tuples of str; ``kinds``: per column ``text``, ``number`` or ``face`` (kaomoji,
    several separated by :data:`GAP`); ``caption``: one sentence; ``fold``: when given, the table is folded away
    under this line. All are plain text: HTML is made, and escaped, here alone.
    """

    header: tuple
    rows: tuple
    kinds: tuple
    caption: str = ""
    fold: str = ""

    def _repr_html_(self):
        element = escape.element
        kinds = [self._class(number) for number in range(len(self.kinds))]
        heads = [
            element("th", name, scope="col", class_=kind if kind == "number" else None)
            for name, kind in zip(self.header, kinds, strict=True)
        ]
        body = [
            element("tr", *(_cell(text, kind) for text, kind in zip(row, kinds, strict=True)))
            for row in self.rows
        ]
        caption = [element("caption", element("span", self.caption))] if self.caption else []
        parts = [element("thead", element("tr", *heads)), element("tbody", *body)]
        scroll = "kao-scroll kao-long" if len(self.rows) > LONG else "kao-scroll"
        table = element(
            "div", element("table", *caption, *parts, class_="kao-table"), class_=scroll
        )
        if not self.fold:
            return table
        return element("details", element("summary", self.fold), table, class_="kao-fold")

    def _class(self, number):
        longest = max((len(str(row[number])) for row in self.rows), default=0)
        width = "long" if longest > WRAPS else "short" if longest < SHORT else None
        return width if self.kinds[number] == "text" else self.kinds[number]

    def __repr__(self):
        rows = [[escape.terminal(text) for text in row] for row in self.rows]
        header = [escape.terminal(name) for name in self.header]
        return pd.DataFrame(rows, columns=header).to_string(index=False)


def _cell(text, kind):
    if kind != "face" or GAP not in text:
        return escape.element("td", text, class_=kind)
    parts = [escape.element("span", part, class_="kao-face") for part in text.split(GAP)]
    return escape.element("td", *[item for part in parts for item in (part, " ")], class_="faces")


@passes_missing
def table(frame, caption="", *, faces=(), formats=(), fold=""):
    """Return a :class:`Table` of a DataFrame without its index.

    ``faces``: columns of kaomoji; ``formats``: column -> format of its numbers, such as ``.1%``; ``fold``: fold it away
    under this line.
    """
    kinds = ["face" if name in faces else _kind(frame[name]) for name in frame.columns]
    columns = [
        [words(value, dict(formats).get(name)) for value in frame[name]] for name in frame.columns
    ]
    rows = tuple(zip(*columns, strict=True))
    return Table(tuple(map(str, frame.columns)), rows, tuple(kinds), caption, fold)


def _kind(column):
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return "number" if numeric else "text"


@passes_missing
def estimates(frame, caption="", *, labels=None, percent=False, fold=""):
    """Return a table of a tidy table of estimates: labels, value, 95 % interval, null mean, p and n.

    ``labels``: columns that name a row, in order; by default those of ``source`` and ``measure`` that vary.
    ``percent``: show shares as percentages.
    """
    labels = labels or [name for name in ("source", "measure") if frame[name].nunique() > 1]
    rows = [
        (*(words(row[name]) for name in labels), *cells(results.estimate(row), percent))
        for _, row in frame.iterrows()
    ]
    header = (*labels, "value", INTERVAL, "null", "p", "n")
    kinds = (*["text"] * len(labels), *["number"] * 4, "text")
    return Table(header, tuple(rows), kinds, caption, fold)


def cells(value, percent=False):
    """Return an :class:`Estimate` as the text of five cells: value, interval, null mean, p, n."""
    form = ".0%" if percent else f".{value.digits}f"
    low, high = words(value.ci_low, form), words(value.ci_high, form)
    interval = ABSENT if ABSENT in (low, high) else f"{low} to {high}".replace(" ", "\u00a0")
    p = ABSENT if value.p is None else format_p(value.p).removeprefix("p ").removeprefix("= ")
    return (
        words(value.value, form),
        interval,
        words(value.null_mean, form),
        p,
        f"{value.n:,} {value.unit}",
    )


def sentence(value, percent=False):
    """Return an :class:`Estimate` as running text: ``75% (95% CI 69% to 80%; null 11%, p ≤ 0.001; n = 180 prompts)``.

    ``percent``: ``True`` for a share, ``"points"`` for a difference of two: ``26 percentage points (95% CI 16 to 35; …)``.
    """
    if np.isnan(value.value):
        return f"not defined (n = {value.n} {value.unit})"
    sign, unit = ("", " percentage points") if percent == "points" else ("%", "")
    shown, interval, null, _, n = (part.replace("%", sign) for part in cells(value, percent))
    chance = [f"null {null}"] * (value.null_mean is not None)
    chance += [] if value.p is None else [format_p(value.p)]
    parts = filter(None, [f"95% CI {interval}", ", ".join(chance), f"n = {n}"])
    return f"{shown}{unit} ({'; '.join(parts)})"


def words(value, form=None):
    """Return a value as the text of a cell: numbers with a true minus sign, a dash where there is none."""
    if isinstance(value, Estimate):
        return sentence(value)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ABSENT
    if isinstance(value, float | np.floating):
        return _signed(format(float(value), form or ".2f"))
    if form and not isinstance(value, str):
        return _signed(format(value, form))
    return _signed(f"{value:,}") if isinstance(value, int | np.integer) else str(value)


def _signed(text):
    return text.lstrip("+-") if text.strip("+-0.%") == "" else text.replace("-", "−")
