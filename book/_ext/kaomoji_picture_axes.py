"""Axes of a still picture: from values to places, and where the ticks stand."""

import math
from dataclasses import dataclass

import kaomoji_figure_data as figure_data

TICKS = 6


@dataclass(frozen=True)
class Axis:
    """``kind``: linear, log or category; ``low``, ``high``: its ends (log10 on a log axis); ``start``, ``end``: in pixels.

    ``names``: the categories in their order; ``spec``: what the figure says of it.
    """

    kind: str
    low: float
    high: float
    start: float
    end: float
    names: tuple
    spec: dict

    def __call__(self, value):
        """The place of a value in pixels, None where it has none."""
        if self.kind == "category" and value in self.names:
            value = self.names.index(value)
        elif self.kind == "log":
            value = math.log10(value) if number(value) is not None and value > 0 else None
        value = number(value)
        if value is None:
            return None
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (
            self.end - self.start
        )

    @property
    def step(self):
        """Pixels from one category, or one unit, to the next."""
        return abs((self.end - self.start) / ((self.high - self.low) or 1))

    def ticks(self):
        """List of (pixels, text) of the ticks that lie on the axis."""
        if self.spec.get("tickvals") is not None:
            values = figure_data.column(self.spec["tickvals"])
            texts = figure_data.column(self.spec.get("ticktext")) or [
                _shown(value, self.spec) for value in values
            ]
        elif self.kind == "category":
            values, texts = list(self.names), list(self.names)
        elif self.kind == "log":
            values = [
                10.0**power
                for power in range(
                    math.ceil(min(self.low, self.high) - 1e-9),
                    math.floor(max(self.low, self.high) + 1e-9) + 1,
                )
            ]
            texts = [f"{value:g}" for value in values]
        else:
            values = list(
                _round(
                    min(self.low, self.high),
                    max(self.low, self.high),
                    number(self.spec.get("dtick")),
                )
            )
            texts = [_shown(value, self.spec) for value in values]
        least, most = sorted((self.start, self.end))
        found = [
            (self(value), figure_data.plain(text))
            for value, text in zip(values, texts, strict=False)
        ]
        return [
            (place, text)
            for place, text in found
            if place is not None and least - 1 <= place <= most + 1
        ]


def number(value):
    """A finite number, or None."""
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else None
    )


def make(spec, values, start, end, *, cells=False):
    """The :class:`Axis` that holds ``values``; ``cells``: they are the middles of cells."""
    words = [value for value in values if isinstance(value, str)]
    kind = (
        "category"
        if spec.get("type") == "category" or (words and spec.get("type") != "log")
        else spec.get("type")
        if spec.get("type") == "log"
        else "linear"
    )
    names = ()
    if kind == "category":
        names = tuple(
            dict.fromkeys(
                [
                    *figure_data.column(spec.get("categoryarray")),
                    *(value for value in values if value is not None),
                ]
            )
        )
    low, high = _ends(spec, kind, names, values, cells)
    if spec.get("autorange") == "reversed":
        low, high = high, low
    return Axis(kind, low, high, start, end, names, spec)


def _ends(spec, kind, names, values, cells):
    given = spec.get("range")
    if given and all(number(value) is not None for value in given):
        return float(given[0]), float(given[1])
    if kind == "category":
        return -0.5, len(names) - 0.5
    numbers = [found for found in map(number, values) if found is not None]
    if kind == "log":
        numbers = [math.log10(value) for value in numbers if value > 0]
    if spec.get("rangemode") == "tozero":
        numbers.append(0.0)
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    pad = 0.5 if cells else 0.05 * (high - low) or 0.5
    return low - pad, high + pad


def _round(low, high, step):
    rough = (high - low) / TICKS or 1
    power = 10 ** math.floor(math.log10(rough))
    step = step or min((size * power for size in (1, 2, 5, 10)), key=lambda size: abs(size - rough))
    first = math.ceil(low / step - 1e-9)
    for place in range(first, min(first + 60, math.floor(high / step + 1e-9) + 1)):
        yield round(place * step, 10)


def _shown(value, spec):
    try:
        return format(value, spec.get("tickformat") or "g").replace("-", "−")
    except (ValueError, TypeError):
        return f"{value:g}" if number(value) is not None else str(value)
