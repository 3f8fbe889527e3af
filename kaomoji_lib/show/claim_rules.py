"""Claims and the numbers that carry them: which test speaks to which claim is data, what it says is read from executed pages."""

from dataclasses import dataclass

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stats import Estimate
from kaomoji_lib.stimuli import DATA, read_table

COLUMNS = ("whose", "number", "page", "key", "rule", "expected", "twin", "test", "statement")
FOUND, NOT_FOUND = "found", "not found"
ALPHA = 0.05


@dataclass(frozen=True)
class Claim:
    """One claim and its test: ``value`` is None where no executed page reports it; ``twin``: the same number where there is
    nothing to find, as the page ``twin_page`` reports it, None where that was not executed; ``verdict``: ``found`` or ``not found``, None without a value or a rule; ``expected``: what a control was built to show, or empty.
    """

    whose: str
    number: int
    statement: str
    test: str
    page: str
    value: Estimate | None
    twin: Estimate | None
    verdict: str | None
    expected: str
    twin_page: str = ""
    rule: str = "shown"

    @property
    def as_built(self):
        """Whether a control shows what it was built to show; None where nothing was expected or nothing measured."""
        return None if self.verdict is None or not self.expected else self.verdict == self.expected


def judge(value, rule):
    """``found`` or ``not found``. Rules: ``beyond``: p <= 0.05; ``above``: the interval lies above 0, or above the number
    that follows (``above 0.02``, the smallest effect that matters), and p, where there is one, <= 0.05; ``shown``: no verdict (None), the number stands for itself.

    Raises
    ------
    KaomojiError
        If the rule is unknown, or ``beyond`` is asked of an Estimate without a null.
    """
    if rule == "shown":
        return None
    rule, _, least = rule.partition(" ")
    if rule not in ("beyond", "above"):
        raise KaomojiError(
            f"unknown rule {rule!r}; expected beyond, above or shown; correct data/claims.csv"
        )
    if rule == "beyond" and value.p is None:
        raise KaomojiError(
            f"no null stands beside {value}; expected one for the rule 'beyond'; use 'above', or add a null"
        )
    beaten = value.p is None or value.p <= ALPHA
    return FOUND if beaten and (rule == "beyond" or value.ci_low > float(least or 0)) else NOT_FOUND


def claims(results, path=None):
    """All :class:`Claim` of the table of claims. ``results``: dict page -> dict key -> Estimate
    (:func:`kaomoji_lib.show.results.read`). The table names the page that takes away what each claim is about.
    """
    found = []
    for row in read_table(path or DATA / "claims.csv", COLUMNS).itertuples():
        value = results.get(row.page, {}).get(row.key)
        twin = results.get(row.twin, {}).get(row.key)
        verdict = None if value is None else judge(value, row.rule)
        found.append(
            Claim(
                row.whose,
                int(row.number),
                row.statement,
                row.test,
                row.page,
                value,
                twin,
                verdict,
                row.expected,
                row.twin,
                row.rule,
            )
        )
    return found


def alarms(results, edition, apart=()):
    """How many tests the pages of a null edition report, and how many of them have p <= 0.05: (alarms, tests).

    ``results`` as in :func:`claims`; ``apart``: keys of numbers that the edition does not take anything from. In an edition with nothing to find, about one in twenty may; the tests of one page share its
    data, so that their number is no binomial one.
    """
    ps = [
        value.p
        for page, values in results.items()
        if page.endswith(f"--{edition}")
        for key, value in values.items()
        if value.p is not None and key not in apart
    ]
    return sum(p <= ALPHA for p in ps), len(ps)
