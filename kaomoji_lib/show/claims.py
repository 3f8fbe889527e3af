"""The page of claims: one row each, from the numbers that the other pages report."""

from kaomoji_lib import html as escape
from kaomoji_lib import stats as statistics
from kaomoji_lib import tables
from kaomoji_lib.missing import Missing
from kaomoji_lib.show import claim_rules as claims
from kaomoji_lib.show import nulls, results


def gather(pages=""):
    """All claims with what the executed pages say. ``pages``: folder of executed pages; empty: the book's."""
    return claims.claims(results.read(pages or None))


def alarms(pages=""):
    """What the tests find where everything is dealt at random, in words."""
    found, tests = claims.alarms(results.read(pages or None), nulls.DEALT, nulls.UNTOUCHED)
    if not tests:
        return "The edition in which everything is dealt at random was not run for this book."
    return f"Where everything is dealt at random, {found} of the {tests} tests that the pages report have p ≤ {claims.ALPHA:g}; chance gives {claims.ALPHA * tests:.0f}."


def ours(found):
    """Our claims and the controls among them."""
    return _table(
        [item for item in found if item.whose == "ours"],
        ("claim", "verdict"),
        lambda item: (_built(item),),
        "Claims of this study. “As built”: on the built-in models the answer is known",
    )


def article(found, judged):
    """The article's claims: our test on models that one can run, and the verdict on the published data where they are at hand.

    ``judged``: list of :class:`kaomoji_lib.published.claims.Claim`, or Missing.
    """
    verdicts = {} if isinstance(judged, Missing) else {item.number: item.verdict for item in judged}
    return _table(
        [item for item in found if item.whose == "article"],
        ("the article's claim", "on its data", "here"),
        lambda item: (verdicts.get(item.number, "data not at hand"), _verdict(item)),
        "The article's claims. What stands under “here” is about the models of this book, not about the article's",
    )


def _table(claims, heads, verdicts, caption):
    """One row a claim; its twin has a column once one has been executed."""
    twins = any(item.twin is not None for item in claims)
    rows = [
        (
            _number(item),
            item.statement,
            *verdicts(item),
            _link(item),
            _value(item),
            *([_twin(item)] if twins else []),
        )
        for item in claims
    ]
    heads = ("", *heads, "test", "what it gave", *(["null twin"] if twins else []))
    return tables.Table(
        heads, tuple(rows), tuple("number" if head == "" else "text" for head in heads), caption
    )


def tally(found):
    """How many controls show what they were built to show, in words."""
    known = [item.as_built for item in found if item.as_built is not None]
    absent = sum(item.expected != "" and item.verdict is None for item in found)
    waiting = f"; {absent} not measured yet" if absent else ""
    return f"{sum(known)} of {len(known)}{waiting}" if known else "none measured yet"


def twins(found):
    """Whether the null edition was run, in words."""
    shown = sum(item.twin is not None for item in found)
    if not shown:
        return "The null edition was not run for this book; `make null` runs it."
    beaten = sum(
        item.twin is not None
        and item.rule != "shown"
        and claims.judge(item.twin, item.rule) == claims.FOUND
        for item in found
    )
    return f"Beside {shown} of them stands the same number from a page where what the claim is about was taken away; there, {beaten} would still be found."


def _value(item):
    return tables.ABSENT if item.value is None else tables.words(item.value)


def _twin(item):
    if item.twin is None:
        return tables.ABSENT
    p = [] if item.twin.p is None else [statistics.format_p(item.twin.p).replace(" ", "\u00a0")]
    return escape.element(
        "a",
        ", ".join([tables.cells(item.twin)[0], *p]),
        href=f"{escape.filename(item.twin_page)}.html",
    )


def _number(item):
    return f"{item.number}"


def _verdict(item):
    return item.verdict or ("not measured yet" if item.value is None else "see the page")


def _built(item):
    return (
        _verdict(item)
        + {True: ", as it was built", False: ", NOT as it was built", None: ""}[item.as_built]
    )


def _link(item):
    """What was tested; it leads to the page that shows it, where that was executed."""
    least = item.rule.partition(" ")[2]
    test = f"{item.test}; {least} or more would matter" if least else item.test
    return (
        test
        if item.value is None
        else escape.element("a", test, href=f"{escape.filename(item.page)}.html")
    )
