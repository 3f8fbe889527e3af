"""Claude models: spellings of their names, which parameters they reject, what they cost, and what a run may cost."""

import json
import re
from functools import cache

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, read_table

TABLE = DATA / "claude_models.csv"
# The service adds a few tokens of its own to every message, and a few hundred that describe a schema.
OVERHEAD, SCHEMA_OVERHEAD = 32, 600
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


def most_tokens(params):
    """Return an upper bound of the input tokens of a request: no token is shorter than one byte."""
    schema = SCHEMA_OVERHEAD if "output_config" in params else 0
    return len(_text(params).encode()) + OVERHEAD + schema


def estimated_tokens(params):
    """Return a rough count of input tokens: four ASCII characters, or two thirds of any other, per token."""
    text = _text(params)
    n_ascii = sum(char.isascii() for char in text)
    schema = SCHEMA_OVERHEAD // 3 if "output_config" in params else 0
    return round(n_ascii / 4 + 1.5 * (len(text) - n_ascii)) + OVERHEAD // 4 + schema


def _text(params):
    parts = [params.get("system", ""), params["messages"], params.get("output_config", "")]
    return json.dumps(parts, ensure_ascii=False)


class Budget:
    """Money that may still be spent in one folder.

    ``limit``: US dollars for the whole folder, what earlier runs ``spent`` included; None: no limit.

    Raises
    ------
    KaomojiError
        If there is a limit but the model has no price, or the limit is no positive number.
    """

    def __init__(self, model, limit=None, spent=0.0):
        self.price = price(model)
        if limit is not None and not limit > 0:
            raise KaomojiError(
                f"--max-usd is {limit}; expected a number above 0; leave it out for no limit"
            )
        if limit is not None and self.price is None:
            raise KaomojiError(
                f"no price is known for {model!r}, so --max-usd cannot be kept; add its row to data/claude_models.csv"
            )
        self.limit, self.spent, self._reserved = limit, spent, 0.0

    def most(self, params, batch=False):
        """Return the most one request can cost, in US dollars (0 where the price is unknown)."""
        if self.price is None:
            return 0.0
        # Writing to the cache costs more than plain input, so the bound takes the dearer of both.
        rate = max(self.price["input"], self.price["cache_write"])
        dollars = most_tokens(params) * rate + params["max_tokens"] * self.price["output"]
        return dollars / 1_000_000 * (self.price["batch_factor"] if batch else 1.0)

    def cost(self, usage, most, batch=False):
        """Return the US dollars for ``usage``, ``most`` where the service did not say; None without a price."""
        if self.price is None:
            return None
        return cost(self.price, usage, batch) if usage else most

    def reserve(self, dollars):
        """Set ``dollars`` aside if they fit under the limit; returns whether they do."""
        fits = self.limit is None or self.spent + self._reserved + dollars <= self.limit
        self._reserved += dollars if fits else 0.0
        return fits

    def settle(self, reserved, dollars):
        """Replace a reservation by what was paid (None counts nothing)."""
        self._reserved = max(self._reserved - reserved, 0.0)
        self.spent += dollars or 0.0
