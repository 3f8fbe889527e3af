"""Elicit: ask for messages that begin with a kaomoji, several times per prompt."""

import pandas as pd

from kaomoji_lib.claude.client import Client, other_model
from kaomoji_lib.claude.method import CUT, write
from kaomoji_lib.claude.requests import Request, body
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.folder import EMISSION_COLUMNS
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

RUNS, MAX_TOKENS = 8, 40


def request_for(
    model, prompt, generation, *, temperature=1.0, max_tokens=MAX_TOKENS, instruction=INSTRUCTION
):
    """Return the request for one prompt (row with id, category, text) and generation: one user message, no system."""
    about = {"prompt_id": prompt["id"], "category": prompt["category"], "generation": generation}
    content = f"{instruction} {prompt['text']}"
    return Request(
        body(model, max_tokens, content, temperature=temperature), about, occasion=str(generation)
    )


def elicit(
    settings,
    prompts=None,
    runs=RUNS,
    temperature=1.0,
    max_tokens=MAX_TOKENS,
    instruction=INSTRUCTION,
    on_progress=None,
):
    """Elicit faces from a model. Every reply of the right model is an outcome, refusals and words too.

    Parameters
    ----------
    settings : :class:`kaomoji_lib.claude.client.Settings`.
    prompts : path of a CSV file (id, category, text); default this project's.
    runs : generations per prompt.
    temperature : sent unless None, or rejected by the model (``data/claude_models.csv``).
    on_progress : callable (done, total), after every reply.

    Returns
    -------
    AnswerFolder, Outcome

    Raises
    ------
    KaomojiError
        For what the user can fix (no key, no price, a bad table); not for what the service does.
    """
    chosen = {"temperature": temperature, "max_tokens": max_tokens, "instruction": instruction}
    requests = all_requests(settings.model, prompts, runs, **chosen)
    facts = {
        "prompts": load_prompts(prompts).to_dict("records"),
        "settings": {**chosen, "runs": runs},
    }
    with Client(settings, on_progress) as client:
        report = client.ask(requests, other_model)
        rows = emissions(client, requests)
        return write(client, "elicit", requests, other_model, report, rows, facts)


def all_requests(model, prompts=None, runs=RUNS, **chosen):
    """Return every request of eliciting; ``chosen``: options of :func:`request_for`.

    Raises
    ------
    KaomojiError
        If ``runs`` or ``max_tokens`` is below 1, or the prompts cannot be read.
    """
    max_tokens = chosen.get("max_tokens", MAX_TOKENS)
    if runs < 1 or max_tokens < 1:
        raise KaomojiError(f"runs {runs}, max_tokens {max_tokens}; expected at least 1 of each")
    rows = load_prompts(prompts).to_dict("records")
    return [request_for(model, row, run, **chosen) for run in range(runs) for row in rows]


def emissions(client, requests):
    """Return the replies as emission rows (``EMISSION_COLUMNS``); missing ones and those of another model are left out."""
    rows = []
    for request in requests:
        record = client.stored(request)
        if record is None or other_model(record, request):
            continue
        stop = record["stop_reason"]
        face = faces.extract(record["text"], truncated=stop in CUT, refused=stop == "refusal")
        rows.append(
            {
                "source": client.settings.model,
                **request.about,
                "text": record["text"],
                "raw_face": face.raw_face,
                "face": face.face,
                "outcome": face.outcome,
                "seed": 0,
            }
        )
    return pd.DataFrame(rows, columns=list(EMISSION_COLUMNS))
