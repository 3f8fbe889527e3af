"""Claude models: the spellings of their names, and the table of what they cost and which parameters they reject."""

import re
from dataclasses import dataclass
from functools import cache

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, read_table

TABLE = DATA / "claude_models.csv"
PRICES = ("input", "output", "cache_write", "cache_read", "batch_factor")
_TOKENS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_write": "cache_creation_input_tokens",
    "cache_read": "cache_read_input_tokens",
}


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens; ``batch_factor`` multiplies all of them in a batch."""

    input: float
    output: float
    cache_write: float
    cache_read: float
    batch_factor: float

    def of(self, usage, batch=False):
        """Return the US dollars for a ``usage`` object of the service (dict; absent counts are 0)."""
        counts = {name: usage.get(field) or 0 for name, field in _TOKENS.items()}
        total = sum(counts[name] * getattr(self, name) for name in counts) / 1_000_000
        return total * (self.batch_factor if batch else 1.0)


def bare_name(name):
    """Return a model's name without provider, region, version, date and alias suffix.

    ``claude-haiku-4-5`` for ``claude-haiku-4-5-20251001``, ``claude-haiku-4-5@20251001`` (Vertex AI),
    ``us.anthropic.claude-haiku-4-5-20251001-v1:0`` (Bedrock) and ``anthropic/claude-haiku-4.5`` (OpenRouter).
    """
    name = str(name).lower()
    found = re.search(r"claude[\w.-]*", name)
    name = found[0].replace(".", "-") if found else name.rpartition("/")[2]
    while (shorter := re.sub(r"-(v\d+|\d{8}|latest|default|0)$", "", name)) != name:
        name = shorter
    return name


def same_model(asked, echoed):
    """Return whether two spellings may name one model: equal bare names, and equal dates where both have one."""
    dates = [re.search(r"(?<!\d)20\d{6}(?!\d)", str(name)) for name in (asked, echoed)]
    if all(dates) and dates[0][0] != dates[1][0]:
        return False
    return bare_name(asked) == bare_name(echoed)


def price(model, path=TABLE):
    """Return the :class:`Price` of a model in any spelling, or None where the table has none.

    Raises
    ------
    KaomojiError
        If a cell of the table is not a number.
    """
    row = _row(model, path)
    if row is None or not row["input"]:
        return None
    try:
        return Price(*(float(row[name]) for name in PRICES))
    except ValueError:
        raise KaomojiError(
            f"{path}: a price of {row['model']} is no number; expected US dollars per million tokens; correct the row"
        ) from None


def omitted(model, path=TABLE):
    """Return the names of the request parameters that a model rejects (tuple of str), by the table."""
    row = _row(model, path)
    return () if row is None else tuple(row["omits"].split())


def _row(model, path):
    return _table(path).get(bare_name(model))


@cache
def _table(path):
    table = read_table(path, ("model", *PRICES, "omits"))
    return {row["model"]: row for row in table.to_dict("records")}
