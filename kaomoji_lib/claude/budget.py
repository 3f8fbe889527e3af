"""What a run may cost: every request reserves the most it can cost before it is sent."""

import json

from kaomoji_lib.claude.models import cost, price
from kaomoji_lib.errors import KaomojiError

# The service adds a few tokens of its own to every message, and a few hundred that describe a schema.
OVERHEAD, SCHEMA_OVERHEAD = 32, 600


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
