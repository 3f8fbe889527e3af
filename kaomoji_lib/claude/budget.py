"""What a run costs: the price table, estimates before asking, and the limit that is never crossed."""

import json
import threading
from dataclasses import dataclass

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, read_table

COLUMNS = ("model", "input", "output", "cache_write", "cache_read", "batch_factor")
MILLION = 1_000_000
# The service adds a few tokens of its own to every message, and a few hundred that describe a schema.
OVERHEAD, SCHEMA_OVERHEAD = 32, 600


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens; ``batch_factor`` multiplies all of them in a batch."""

    input: float
    output: float
    cache_write: float
    cache_read: float
    batch_factor: float

    def of(self, usage, batch=False):
        """US dollars for a ``usage`` object of the service (dict; absent counts are 0)."""
        counts = {name: usage.get(field) or 0 for name, field in _FIELDS.items()}
        total = sum(counts[name] * getattr(self, name) for name in counts) / MILLION
        return total * (self.batch_factor if batch else 1.0)


_FIELDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_write": "cache_creation_input_tokens",
    "cache_read": "cache_read_input_tokens",
}


def price(model, path=None):
    """The :class:`Price` of a model, or None. A dated name (``…-20251001``) falls back on its undated row.

    Raises
    ------
    KaomojiError
        If a cell of the table is not a number.
    """
    path = path or DATA / "prices.csv"
    table = read_table(path, COLUMNS).set_index("model")
    name = (
        model if model in table.index else model.rpartition("-")[0] if model[-8:].isdigit() else ""
    )
    if name not in table.index:
        return None
    try:
        return Price(*(float(table.at[name, column]) for column in COLUMNS[1:]))
    except ValueError:
        raise KaomojiError(
            f"{path}: a price of {name} is no number; expected US dollars per million tokens; correct the row"
        ) from None


def estimated_tokens(params):
    """A rough count of input tokens: four ASCII characters, or two thirds of any other, per token."""
    text = _body(params)
    ascii_characters = sum(char.isascii() for char in text)
    rough = ascii_characters / 4 + 1.5 * (len(text) - ascii_characters)
    return round(rough) + OVERHEAD // 4 + (SCHEMA_OVERHEAD // 3 if "output_config" in params else 0)


def most_tokens(params):
    """An upper bound of input tokens: no token is shorter than one byte."""
    return (
        len(_body(params).encode())
        + OVERHEAD
        + (SCHEMA_OVERHEAD if "output_config" in params else 0)
    )


def _body(params):
    return json.dumps(
        [params.get("system", ""), params["messages"], params.get("output_config", "")],
        ensure_ascii=False,
    )


class Budget:
    """Money that may still be spent. Every request reserves the most it can cost before it is sent.

    ``limit``: US dollars for the whole folder, what was spent in earlier runs included; None: no limit.

    Raises
    ------
    KaomojiError
        If there is a limit but the model has no price, or the limit is no positive number.
    """

    def __init__(self, model, limit=None, spent=0.0, prices=None):
        self.price = price(model, prices)
        if limit is not None and not limit > 0:
            raise KaomojiError(
                f"--max-usd is {limit}; expected a number above 0; leave it out for no limit"
            )
        if limit is not None and self.price is None:
            raise KaomojiError(
                f"no price is known for {model!r}, so --max-usd cannot be kept; add its row to data/prices.csv"
            )
        self.limit, self.spent, self._reserved = limit, spent, 0.0
        self._changed = threading.Condition()

    def most(self, params, batch=False):
        """The most one request can cost, in US dollars (0 where the price is unknown)."""
        if self.price is None:
            return 0.0
        # Writing to the cache costs more than plain input, so the bound takes the dearer of both.
        rate = max(self.price.input, self.price.cache_write)
        dollars = (most_tokens(params) * rate + params["max_tokens"] * self.price.output) / MILLION
        return dollars * (self.price.batch_factor if batch else 1.0)

    def cost(self, usage, batch=False):
        """US dollars for what was used, or None where the price is unknown."""
        return None if self.price is None else self.price.of(usage, batch)

    def reserve(self, dollars, wait=True):
        """Whether ``dollars`` fit under the limit. With ``wait``, requests under way may still free some."""
        with self._changed:
            while self.limit is not None and self.spent + self._reserved + dollars > self.limit:
                if not wait or self._reserved <= 1e-12:
                    return False
                self._changed.wait(timeout=1.0)
            self._reserved += dollars
            return True

    def settle(self, reserved, dollars):
        """Replace a reservation by what was paid (None counts nothing)."""
        with self._changed:
            self._reserved = max(self._reserved - reserved, 0.0)
            self.spent += dollars or 0.0
            self._changed.notify_all()
