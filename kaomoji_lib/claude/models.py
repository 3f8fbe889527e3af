"""Claude models: the spellings of their names, and the table of what they cost and which parameters they reject."""

import re
from functools import cache

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, read_table

TABLE = DATA / "claude_models.csv"
TOKENS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_write": "cache_creation_input_tokens",
    "cache_read": "cache_read_input_tokens",
}


def bare_name(name):
    """Return a model's name without provider, region, version, date and alias suffix; words first, then numbers.

    ``claude-haiku-4-5`` for ``claude-haiku-4-5-20251001``, ``claude-haiku-4-5@20251001`` (Vertex AI),
    ``us.anthropic.claude-haiku-4-5-20251001-v1:0`` (Bedrock), ``anthropic/claude-haiku-4.5`` and
    ``anthropic/claude-4.5-haiku-20251001`` (OpenRouter).
    """
    name = str(name).lower()
    found = re.search(r"claude[\w.-]*", name)
    name = found[0].replace(".", "-") if found else name.rpartition("/")[2]
    while (shorter := re.sub(r"-(v\d+|\d{8}|latest|default|0)$", "", name)) != name:
        name = shorter
    return "-".join(sorted(name.split("-"), key=str.isdigit))


def same_model(asked, echoed):
    """Return whether two spellings may name one model: equal bare names, and equal dates where both have one."""
    dates = [re.search(r"(?<!\d)20\d{6}(?!\d)", str(name)) for name in (asked, echoed)]
    if all(dates) and dates[0][0] != dates[1][0]:
        return False
    return bare_name(asked) == bare_name(echoed)


def price(model):
    """Return the prices of a model in any spelling, or None where the table has none.

    Dict: US dollars per million tokens for each of ``TOKENS``, and ``batch_factor``, by which a batch multiplies them.

    Raises
    ------
    KaomojiError
        If a cell of the table is not a number.
    """
    row = _table().get(bare_name(model))
    if row is None or not row["input"]:
        return None
    try:
        return {name: float(row[name]) for name in (*TOKENS, "batch_factor")}
    except ValueError:
        raise KaomojiError(
            f"{TABLE}: a price of {row['model']} is no number; expected US dollars per million tokens; correct the row"
        ) from None


def cost(prices, usage, batch=False):
    """Return the US dollars for a ``usage`` object of the service (dict; absent counts are 0)."""
    total = sum(prices[name] * (usage.get(field) or 0) for name, field in TOKENS.items())
    return total / 1_000_000 * (prices["batch_factor"] if batch else 1.0)


def omitted(model):
    """Return the names of the request parameters that a model rejects (tuple of str), by the table."""
    return tuple(_table().get(bare_name(model), {"omits": ""})["omits"].split())


@cache
def _table():
    table = read_table(TABLE, ("model", *TOKENS, "batch_factor", "omits"))
    return {bare_name(row["model"]): row for row in table.to_dict("records")}
