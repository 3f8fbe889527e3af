"""What a run would send and cost, without sending it. Needs neither key nor network."""

import json

from kaomoji_lib import html as escape
from kaomoji_lib.claude import connection, models
from kaomoji_lib.claude.budget import estimated_tokens
from kaomoji_lib.claude.store import ReplyStore

SHOWN = 2


def plan(settings, requests):
    """Return a run on paper as text: requests, tokens, the most that they can cost, and examples."""
    store, origin = ReplyStore(settings.folder), connection.origin()
    due = list({key: r for r in requests if store.get(key := r.key(origin)) is None}.values())
    tokens = sum(estimated_tokens(request.params) for request in due)
    output, spent = sum(r.params["max_tokens"] for r in due), store.spent()
    price, limit = models.price(settings.model), settings.max_usd
    cost, usd = "unknown: no price for this model in data/claude_models.csv", 0.0
    if price is not None:
        usage = {"input_tokens": tokens, "output_tokens": output}
        usd = models.cost(price, usage, settings.batch)
        cost = f"at most about {usd:.2f} US dollars"
    lines = [
        f"{settings.model}: {len(due)} requests to send, {len(requests) - len(due)} replies stored already"
        + (" (batch prices)" if settings.batch else ""),
        f"input: about {tokens:,} tokens; output: at most {output:,} tokens",
        f"cost: {cost}; spent in this folder so far: {spent:.4f}",
    ]
    if limit is not None and spent + usd > limit:
        lines.append(
            f"--max-usd {limit:g} may stop it before the end; what is stored by then stays, and the same command goes on"
        )
    lines += [f"example request:\n{_shown(request)}" for request in due[:SHOWN]]
    lines.append("nothing was sent")
    return "\n".join(escape.terminal(line) for part in lines for line in part.splitlines())


def _shown(request):
    params = request.params
    if request.private:
        hidden = [
            {**message, "content": f"[private: {len(message['content'])} characters]"}
            for message in params["messages"]
        ]
        params = {**params, "messages": hidden}
    return json.dumps(params, ensure_ascii=False, indent=1)
