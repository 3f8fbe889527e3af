"""Claude models: spellings of their names, which parameters they reject, what they cost, and what a run may cost."""

import json
import re
from functools import cache

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, read_table

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


def omitted(model):
    """Return the names of the request parameters that a model rejects (tuple of str), by the table."""
    return tuple(_row(model).get("omits", "").split())


def prices(model):
    """Return US dollars per million tokens for each of ``TOKENS``, and ``batch_factor``, by which a batch multiplies them.

    All are 0 where ``data/claude_models.csv`` has no price for any spelling of the model.
    """
    return {name: float(_row(model).get(name) or 0) for name in (*TOKENS, "batch_factor")}


def _row(model):
    return _table().get(bare_name(model), {})


@cache
def _table():
    table = read_table(DATA / "claude_models.csv", ("model", *TOKENS, "batch_factor", "omits"))
    return {bare_name(row["model"]): row for row in table.to_dict("records")}


def most_tokens(params):
    """Return an upper bound of the input tokens of a request: no token is shorter than one byte."""
    parts = [params.get("system", ""), params["messages"], params.get("output_config", "")]
    schema = SCHEMA_OVERHEAD if "output_config" in params else 0
    return len(json.dumps(parts, ensure_ascii=False).encode()) + OVERHEAD + schema


class Budget:
    """Money that may still be spent in one folder.

    ``limit``: US dollars for the whole folder, None for no limit; ``spent``: so far. A model without a price costs 0.
    Raises KaomojiError if there is a limit but the model has no price, or the limit is no positive number.
    """

    def __init__(self, model, limit=None):
        self.prices = prices(model)
        if limit is not None and not limit > 0:
            raise KaomojiError(
                f"--max-usd is {limit}; expected more than 0; leave it out for no limit"
            )
        if limit is not None and not self.prices["input"]:
            raise KaomojiError(
                f"no price is known for {model!r}, so --max-usd cannot be kept; add its row to data/claude_models.csv"
            )
        self.limit, self.spent, self._reserved = limit, 0.0, 0.0

    def most(self, params, batch=False):
        """Return the most one request can cost, in US dollars."""
        # Writing to the cache costs more than plain input, so the bound takes the dearer of both.
        rate = max(self.prices["input"], self.prices["cache_write"])
        total = most_tokens(params) * rate + params["max_tokens"] * self.prices["output"]
        return total / 1_000_000 * (self.prices["batch_factor"] if batch else 1.0)

    def cost(self, usage, most, batch=False):
        """Return the US dollars for a ``usage`` object of the service (dict), ``most`` where it did not say."""
        if not usage:
            return most
        total = sum(self.prices[name] * (usage.get(field) or 0) for name, field in TOKENS.items())
        return total / 1_000_000 * (self.prices["batch_factor"] if batch else 1.0)

    def reserve(self, dollars):
        """Set ``dollars`` aside if they fit under the limit; returns whether they do."""
        fits = self.limit is None or self.spent + self._reserved + dollars <= self.limit
        self._reserved += dollars if fits else 0.0
        return fits

    def settle(self, reserved, dollars=0.0):
        """Replace a reservation by what was paid."""
        self._reserved = max(self._reserved - reserved, 0.0)
        self.spent += dollars
