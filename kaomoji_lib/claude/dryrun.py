"""What a run would send and cost, without sending it. Needs neither key nor network; counts tokens with them."""

import json
from dataclasses import dataclass

from kaomoji_lib import html as escape
from kaomoji_lib.claude import client
from kaomoji_lib.claude.budget import MILLION, Budget, estimated_tokens, price
from kaomoji_lib.claude.replies import ReplyStore
from kaomoji_lib.errors import KaomojiError

COUNTED = 12
SHOWN = 2


@dataclass(frozen=True)
class Plan:
    """A run on paper. ``tokens``: of all input; ``counted``: by the service, or estimated.

    ``usd``: the input, and the most that the output can cost; None where the model has no price.
    """

    model: str
    requests: int
    stored: int
    input_tokens: int
    output_tokens: int
    counted: str
    usd: float | None
    spent: float
    limit: float | None
    batch: bool
    examples: tuple
    note: str = ""

    def __str__(self):
        cost = (
            "unknown: no price for this model in data/prices.csv"
            if self.usd is None
            else f"at most about {self.usd:.2f} US dollars"
        )
        lines = [
            f"{self.model}: {self.requests} requests to send, {self.stored} replies stored already"
            + (" (batch prices)" if self.batch else ""),
            f"input: {self.input_tokens:,} tokens ({self.counted}); output: at most {self.output_tokens:,} tokens",
            f"cost: {cost}; spent in this folder so far: {self.spent:.4f}",
        ]
        lines += [self.note] if self.note else []
        if self.limit is not None and self.usd is not None and self.spent + self.usd > self.limit:
            lines.append(
                f"--max-usd {self.limit:g} may stop it before the end; what is stored by then stays, and the same command goes on"
            )
        lines += [f"example request:\n{example}" for example in self.examples]
        lines.append(
            "nothing was sent but token counts"
            if "by the service" in self.counted
            else "nothing was sent"
        )
        return "\n".join(escape.terminal(line) for part in lines for line in part.splitlines())


def plan(settings, asks, note=""):
    """The :class:`Plan` of ``asks`` under ``settings``; replies that are stored cost nothing."""
    store, origin = ReplyStore(settings.folder), settings.origin
    wanted = {key: ask for ask in asks if (key := ask.key(origin)) not in store}
    todo = list(wanted.values())
    tokens, counted = _tokens(settings, todo)
    most_output = sum(ask.params["max_tokens"] for ask in todo)
    rate, spent = price(settings.model), store.spent()
    # Checked here so that a limit that cannot be kept is noticed before anything is sent.
    Budget(settings.model, settings.max_usd, spent)
    usd = None
    if rate is not None:
        usd = (
            (tokens * rate.input + most_output * rate.output)
            / MILLION
            * (rate.batch_factor if settings.batch else 1.0)
        )
    return Plan(
        settings.model,
        len(todo),
        len(asks) - len(todo),
        tokens,
        most_output,
        counted,
        usd,
        spent,
        settings.max_usd,
        settings.batch,
        tuple(_shown(ask) for ask in todo[:SHOWN]),
        note,
    )


def _tokens(settings, todo):
    rough = [estimated_tokens(ask.params) for ask in todo]
    if not todo or settings.source != "api" or not client.has_key():
        return sum(rough), "estimated from their length"
    chosen = range(0, len(todo), max(1, len(todo) // COUNTED))
    try:
        session = client.connect(retries=1, timeout=15.0)
        try:
            exact = {number: session.count_tokens(todo[number].params) for number in chosen}
        finally:
            session.close()
    except (client.Refused, KaomojiError):
        return sum(rough), "estimated from their length; the service did not count them"
    scale = sum(exact.values()) / max(sum(rough[number] for number in exact), 1)
    return round(
        sum(rough) * scale
    ), f"{len(exact)} of them counted by the service, the rest in proportion"


def _shown(ask):
    params = ask.params
    if ask.private:
        hidden = [
            {**message, "content": f"[private: {len(message['content'])} characters]"}
            for message in params["messages"]
        ]
        params = {**params, "messages": hidden}
    return json.dumps(params, ensure_ascii=False, indent=1)
