"""Tables that reach the page: every cell escaped, every estimate beside its interval, null and p."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import Missing, passes_missing
from kaomoji_lib.stats import Estimate

ABSENT = "–"
SHORT = 24
SHORT_WORD = 12
MANY_FACES = 12
SENTENCE = 80
WIDE = 160
# A word longer than this, a hash or a path, may break anywhere, after / and _ first.
UNBROKEN = 34
LONG = 24
# Characters that fit beside each other in the text column; what has more is set smaller and closer.
ROOM = 97
GAP = "   "
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
INTERVAL = "95% interval"
# What stands beside a number that is claimed: what chance, or a reader who knows nothing, would give.
LEVELS = ("null", "shuffled", "p", "reference", "majority")
TAG = re.compile(r"<[^>]*>")
MEASURED = re.compile(r"^[^\d]{0,3}\d[\d,]*(\.\d|.?%)")


@dataclass(frozen=True)
class Table:
    """Columns and rows of text, ready to show.

    ``header``: column names; ``rows``: tuples of str; ``kinds``: per column ``text``, ``number``, ``face`` or ``faces`` (several,
    ``GAP`` between them, where a line may break); ``caption``: one sentence. All are plain text; HTML is made, and escaped, here alone.
    A column of measured numbers has its interval on its right and what chance gives somewhere in the row, unless it is one of
    ``described``, whose numbers describe what is there and claim nothing.

    Raises
    ------
    KaomojiError
        If a column holds bare measured numbers.
    """

    header: tuple
    rows: tuple
    kinds: tuple
    caption: str = ""
    described: tuple = ()

    def __post_init__(self):
        beside = [name for name in self.header if _is_level(name)]
        for place, (name, kind) in enumerate(zip(self.header, self.kinds, strict=True)):
            if kind != "number" or name in self.described or name == INTERVAL or name in beside:
                continue
            bare = next((row[place] for row in self.rows if MEASURED.match(row[place])), None)
            if bare is not None and not (
                beside and self.header[place + 1 : place + 2] == (INTERVAL,)
            ):
                raise KaomojiError(
                    f"the column {name!r} holds bare numbers ({bare}); expected its interval and null beside it; show the "
                    "Estimates, or name it in `described` if it claims nothing"
                )

    @property
    def of_estimates(self):
        """Whether the table shows estimates: such a table has a twin where there is nothing to find."""
        return INTERVAL in self.header or any(_is_level(name) for name in self.header)

    def _repr_html_(self):
        element = escape.element
        kinds = [self._class(number, kind) for number, kind in enumerate(self.kinds)]
        head = element(
            "thead",
            element(
                "tr",
                *(
                    element(
                        "th",
                        name,
                        scope="col",
                        class_=" ".join(
                            filter(
                                None,
                                [kind if kind not in ("face", "faces") else None, _whole(name)],
                            )
                        )
                        or None,
                    )
                    for name, kind in zip(self.header, kinds, strict=True)
                ),
            ),
        )
        body = element(
            "tbody",
            *(
                element("tr", *(_cell(text, kind) for text, kind in zip(row, kinds, strict=True)))
                for row in self.rows
            ),
        )
        caption = [element("caption", element("span", self.caption))] if self.caption else []
        scroll = "kao-scroll kao-long" if len(self.rows) > LONG else "kao-scroll"
        named = [
            "kao-table",
            *["kao-dense"] * (self._width(kinds) > ROOM),
            *["kao-estimates"] * self.of_estimates,
        ]
        return element(
            "div", element("table", *caption, head, body, class_=" ".join(named)), class_=scroll
        )

    def _width(self, kinds):
        """About how many characters stand beside each other in a row, the space between columns among them."""
        total = 0
        for number, (name, kind) in enumerate(zip(self.header, kinds, strict=True)):
            longest = max((len(_shown(row[number])) for row in self.rows), default=0)
            word = max(map(len, name.split() or [""])) + 2
            total += (
                max(
                    word,
                    min(
                        longest,
                        40 if kind in (None, "long", "wide", "faces", "breaks") else longest,
                    ),
                )
                + 3
            )
        return total

    def _class(self, number, kind):
        if kind != "text":
            return kind
        shown = [_shown(row[number]) for row in self.rows]
        longest = max(map(len, shown), default=0)
        word = max((len(part) for text in shown for part in text.split()), default=0)
        return (
            "short"
            if longest <= SHORT
            else "breaks"
            if word > UNBROKEN
            else "wide"
            if longest >= WIDE
            else "long"
            if longest >= SENTENCE
            else None
        )

    def __repr__(self):
        rows = [[escape.terminal(text) for text in row] for row in self.rows]
        return pd.DataFrame(
            rows, columns=[escape.terminal(name) for name in self.header]
        ).to_string(index=False)


def _shown(text):
    """What a reader sees of a cell."""
    return TAG.sub("", text) if isinstance(text, escape.Markup) else str(text)


def _whole(name):
    """A short word that a hyphen must not break, such as a code of a category."""
    return "whole" if " " not in name and len(name) <= SHORT_WORD else None


def _cell(text, kind):
    if kind == "breaks" and not isinstance(text, escape.Markup):
        return escape.element(
            "td",
            *[
                piece
                for part in re.split(r"(?<=[/_])", text)
                for piece in (part, escape.element("wbr"))
            ][:-1],
            class_=kind,
        )
    if kind != "faces":
        return escape.element("td", text, class_=kind)
    parts = [escape.element("span", part, class_="kao-face") for part in text.split(GAP)]
    return escape.element(
        "td",
        *[piece for part in parts for piece in (part, " ")][:-1],
        class_="faces many" if len(parts) > MANY_FACES else kind,
    )


def _is_level(name):
    return name.partition(",")[0].partition(" ")[0] in LEVELS


def build(frame, caption="", *, faces=(), formats=None, described=()):
    """A :class:`Table` of a DataFrame (its index is left out). ``faces``: columns set in the face font, one or, with ``GAP``, several a cell.

    ``formats``: column -> format specification for numbers, such as ``.1%``; ``described``: as in :class:`Table`.
    """
    formats = formats or {}
    kinds = tuple(
        ("faces" if frame[name].astype(str).str.contains(GAP, regex=False).any() else "face")
        if name in faces
        else "number"
        if _numeric(frame[name])
        else "text"
        for name in frame.columns
    )
    columns = [[words(value, formats.get(name)) for value in frame[name]] for name in frame.columns]
    return Table(
        tuple(str(name) for name in frame.columns),
        tuple(zip(*columns, strict=True)),
        kinds,
        caption,
        tuple(described),
    )


def _numeric(column):
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def words(value, specification=None):
    """A value as the text of a cell: an Estimate with its interval, a number with a true minus and none before nought, or a dash."""
    if isinstance(value, Estimate):
        return _kept_together(
            re.sub(r"(?<![\w.])-(?=\d)", "−", re.sub(r"(?<=\d)-(?=\d)", "–", str(value)))
        )
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ABSENT
    if isinstance(value, float | np.floating):
        return _signed(format(float(value), specification or ".2f"))
    if specification:
        return _signed(format(value, specification))
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


def _signed(text):
    return text.lstrip("+-") if text.strip("+-0.") == "" else text.replace("-", "−")


def scientific(value, digits=0):
    """``5 × 10⁻⁶`` for what is small, plain decimals for what is not."""
    if value == 0:
        return "0"
    if abs(value) >= 0.001:
        return f"{value:.{digits + 3}f}".replace("-", "−")
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return _kept(f"{mantissa} × 10{str(int(exponent)).translate(RAISED)}".replace("-", "−"))


def source(title):
    """The title of a source for a cell: ``Gemma organism`` for ``Gemma-shaped organism``."""
    return title.replace("-shaped organism", " organism")


def _kept(text):
    return text.replace(" ", "\u00a0")


def _kept_together(text):
    """An estimate in words breaks between its parts alone."""
    return "; ".join(_kept(part) for part in text.split("; "))


def _category(scheme, code):
    return _kept(f"{code} {scheme.gloss(code)}")


def estimates(named, caption=""):
    """One row per Estimate: measure, value, 95% interval, null, p, n. ``named``: dict name -> Estimate or Missing."""
    rows = [(str(name), *cells(value)) for name, value in named.items()]
    header = ("measure", "value", "95% interval", "null", "p", "n")
    return Table(
        header, tuple(rows), ("text", "number", "number", "number", "number", "text"), caption
    )


def cells(value):
    """An Estimate (or Missing) as cells: value, interval, null, p, n; nothing else is taken."""
    if isinstance(value, Missing):
        return ABSENT, ABSENT, ABSENT, ABSENT, value.reason.replace("`", "")
    if not isinstance(value, Estimate):
        raise KaomojiError(
            f"tables: got {type(value).__name__}; expected an Estimate; pass the result, not a number taken from it"
        )
    p = (
        ABSENT
        if value.p is None
        else statistics.format_p(value.p).removeprefix("p ").removeprefix("= ")
    )
    form = f".{value.digits}f"
    return (
        words(value.value, form),
        _interval(value.ci_low, value.ci_high, form),
        words(value.null_mean, form),
        _kept(p),
        _kept(f"{value.n} {value.unit}"),
    )


def _interval(low, high, form=None):
    return (
        ABSENT
        if np.isnan(low) or np.isnan(high)
        else _kept(f"{words(low, form)} to {words(high, form)}")
    )


def brief(value):
    """Value and interval of an Estimate in one cell; what else belongs to it stands in columns of its own."""
    number, interval = cells(value)[:2]
    return f"{number} ({interval})"


def null_and_p(value):
    """Null and p of an Estimate in one cell."""
    _, _, null, p, _ = cells(value)
    return f"{null},\u00a0{p}"


@passes_missing
def components(found, caption=""):
    """Shares of variance, participation ratio and the circumplex reading of :class:`Components`."""
    named = {
        f"PC{index} share of variance": item for index, item in enumerate(found.variance, start=1)
    }
    named["participation ratio"] = found.participation_ratio
    named["|r| of PC1 with valence"], named["|r| of PC2 with arousal"] = (
        found.valence,
        found.arousal,
    )
    return estimates(named, caption)


def predictions(found, caption=""):
    """Readings of the category, one row each: accuracy, interval, null, p, macro-F1, prompts. Missing ones say why."""
    rows = []
    for item in found:
        if isinstance(item, Missing):
            name = f"{item.called}, not read" if item.called else "not read"
            rows.append((f"{name}: {item.reason.partition(';')[0]}", *[ABSENT] * 6))
            continue
        value, interval, null, p, n = cells(item.accuracy)
        rows.append((item.name, value, interval, null, p, words(item.macro_f1.value), n))
    present = [item for item in found if not isinstance(item, Missing)]
    if present:
        rows.append(
            (
                "always the most frequent",
                words(present[0].majority),
                *[ABSENT] * 4,
                _kept(f"{present[0].accuracy.n} prompts"),
            )
        )
    header = ("category read from", "accuracy", "95% interval", "shuffled", "p", "macro-F1", "n")
    return Table(header, tuple(rows), ("text", *["number"] * 5, "text"), caption, ("macro-F1",))


@passes_missing
def emission(report, scheme, caption=""):
    """The emission report with its outcomes, one row per category; outcomes that never occur are left out."""
    ranked = report.set_index("category", drop=False)
    report = ranked.loc[[code for code in scheme.codes if code in ranked.index]]
    outcomes = [name for name in report.columns[5:] if name != "kaomoji" and report[name].sum()]
    frame = pd.DataFrame(
        {
            "category": [_category(scheme, code) for code in report["category"]],
            "replies": report["n"],
            "kaomoji": [f"{item.value:.0%}" for item in report["rate"]],
            "95% interval": [
                _kept(f"{item.ci_low:.0%} to {item.ci_high:.0%}") for item in report["rate"]
            ],
            "different faces": report["distinct_faces"],
            **{name: report[name] for name in outcomes},
        }
    )
    return build(frame, caption, described=("kaomoji",))


@passes_missing
def typed_faces(emissions, scheme, caption="", most=5):
    """The most typed faces of every category with their counts, raw spellings folded into their canonical face."""
    rows = []
    for code in scheme.codes:
        found = emissions.loc[emissions["category"] == code, "face"].dropna().value_counts()
        if len(found):
            rows.append(
                (
                    _category(scheme, code),
                    GAP.join(f"{face}\u00a0{count}" for face, count in found.head(most).items()),
                    f"{len(found)}",
                )
            )
    if not rows:
        return Missing("no reply begins with a kaomoji")
    return Table(
        ("category", "most typed", "different faces"),
        tuple(rows),
        ("text", "faces", "number"),
        caption,
    )


@passes_missing
def faces(emissions, scheme, caption=""):
    """Every face with its count, the category it was typed for most often and its share there, and how it was spelled."""
    typed = emissions.dropna(subset=["face"])
    if typed.empty:
        return Missing("no reply begins with a kaomoji")
    rows = []
    for face, part in typed.groupby("face", sort=False):
        shares = part["category"].value_counts(normalize=True)
        code = next(code for code in scheme.codes if shares.get(code, 0) == shares.max())
        others = [raw for raw in part["raw_face"].value_counts().index if raw != face]
        rows.append(
            (
                len(part),
                (
                    face,
                    f"{len(part):,}",
                    _category(scheme, code),
                    f"{shares.max():.0%}",
                    f"{len(shares)}",
                    GAP.join(others) or ABSENT,
                ),
            )
        )
    rows = [row for _, row in sorted(rows, key=lambda item: (-item[0], item[1][0]))]
    return Table(
        ("face", "typed", "most often for", "share there", "categories", "other spellings"),
        tuple(rows),
        ("face", "number", "text", "number", "number", "faces"),
        caption,
        ("share there",),
    )


@passes_missing
def clusters(heatmap, means, caption=""):
    """The clusters of the chosen cut, largest first: name, stability, the categories of its faces, its members."""
    rows, stability = [], heatmap.clustering.stability[heatmap.chosen]
    for number, part in heatmap.clusters.groupby(heatmap.clusters):
        faces = [face for face in heatmap.order if face in part.index]
        shares = means.primary[faces].value_counts()
        rows.append(
            (
                heatmap.names[number],
                f"{len(faces)}",
                words(float(stability[number])),
                ", ".join(f"{code}\u00a0{count}" for code, count in shares.items()),
                GAP.join(faces),
            )
        )
    rows.sort(key=lambda row: -int(row[1]))
    return Table(
        ("cluster", "faces", "stability", "primary categories", "members"),
        tuple(rows),
        ("text", "number", "number", "text", "faces"),
        caption,
        ("stability",),
    )


@passes_missing
def recovery(found, caption=""):
    """Planted against measured: similarity, what sampling allows, Bayes-optimal and measured accuracy."""
    table = estimates(
        {
            "JS similarity of measured and planted reading": found.similarity,
            "the same, faces redrawn from the planted table": found.expected,
            "measured kaomoji → category accuracy": found.measured_accuracy,
        },
        caption,
    )
    exact = [
        ("Bayes-optimal accuracy of the planted table", found.bayes_accuracy),
        ("typed faces that were never planted", found.unplanted),
    ]
    rows = table.rows + tuple((name, words(value), *[ABSENT] * 3, "exact") for name, value in exact)
    return Table(table.header, rows, table.kinds, caption)


def prompts(table, scheme, caption=""):
    """The prompts with their category in words."""
    frame = pd.DataFrame(
        {
            "id": table["id"],
            "category": [_category(scheme, code) for code in table["category"]],
            "topic": table["topic"],
            "prompt": table["text"],
        }
    )
    return build(frame if (frame["topic"] != "").any() else frame.drop(columns="topic"), caption)


def surface(table, scheme, caption=""):
    """What could give a category away without its meaning: mean length and punctuation per category."""
    text = table["text"]
    counted = pd.DataFrame(
        {
            "words": text.str.split().str.len(),
            "characters": text.str.len(),
            "commas": text.str.count(","),
            "full stops": text.str.count(r"\."),
            "exclamation marks": text.str.count("!"),
            "question marks": text.str.count(r"\?"),
            "digits": text.str.count(r"\d"),
        }
    )
    means = counted.groupby(table["category"]).mean()
    means = means.loc[[code for code in scheme.codes if code in means.index]]
    means.insert(0, "category", [_category(scheme, code) for code in means.index])
    return build(
        means, caption, formats={name: ".1f" for name in counted}, described=tuple(counted)
    )


def topics(table, scheme, caption=""):
    """Number of prompts per category and topic."""
    counts = pd.crosstab(table["category"], table["topic"])
    counts = counts.loc[[code for code in scheme.codes if code in counts.index]]
    counts.insert(0, "category", list(counts.index))
    return build(counts, caption)


def scheme(found, caption=""):
    """The category table in words."""
    frame = found.table.reset_index()[["code", "description", "valence", "arousal", "dominance"]]
    frame["dominance"] = frame["dominance"].map({"D": "high", "S": "low"}).fillna("")
    return build(
        frame,
        caption,
        formats={"valence": "+.0f", "arousal": "+.0f"},
        described=("valence", "arousal"),
    )


def accuracies_across(found, caption=""):
    """Accuracy of every reading of every source. ``found``: dict title -> list of Prediction or Missing."""
    rows = []
    for title, items in found.items():
        for index, item in enumerate(items):
            name = "" if index else source(title)
            if isinstance(item, Missing):
                rows.append((name, item.reason, *[ABSENT] * 5))
            else:
                rows.append((name, item.name, *cells(item.accuracy)))
    return Table(
        ("source", "category read from", "accuracy", "95% interval", "shuffled", "p", "n"),
        tuple(rows),
        ("text", "text", "number", "number", "number", "number", "text"),
        caption,
    )


def by_source(found, caption=""):
    """Estimates of several sources, grouped by measure. ``found``: dict title -> dict measure -> Estimate, or Missing."""
    measures = dict.fromkeys(
        name for named in found.values() if not isinstance(named, Missing) for name in named
    )
    rows = []
    for name in measures:
        part = [
            (title, named[name])
            for title, named in found.items()
            if not isinstance(named, Missing) and name in named
        ]
        rows += [
            (name if index == 0 else "", source(title), *cells(value))
            for index, (title, value) in enumerate(part)
        ]
    rows += [
        (named.reason.replace("`", ""), source(title), *[ABSENT] * 5)
        for title, named in found.items()
        if isinstance(named, Missing)
    ]
    return Table(
        ("measure", "source", "value", "95% interval", "null", "p", "n"),
        tuple(rows),
        ("text", "text", "number", "number", "number", "number", "text"),
        caption,
    )


def cka(pairs, caption=""):
    """Linear CKA of every two sources against the free and the within-category null."""
    rows, units = [], set()
    for (left, right), (free, within) in pairs.items():
        value, interval, null, p, n = cells(free)
        units.add(n)
        rows.append((source(left), source(right), value, interval, null, p, *cells(within)[2:4]))
    header = (
        "source",
        "and",
        "CKA",
        "95% interval",
        "null, all prompts",
        "p",
        "null, within categories",
        "p within",
    )
    return Table(header, tuple(rows), ("text", "text", *["number"] * 6), counted(caption, units))


def counted(caption, units):
    """The caption with the numbers of units behind the rows, most often one for all."""
    return "; ".join([*([caption] if caption else []), " or ".join(sorted(units))])
