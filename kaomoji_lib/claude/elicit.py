"""Elicit: ask for messages that begin with a kaomoji, several times per prompt."""

import pandas as pd

from kaomoji_lib.claude.client import Client, other_model
from kaomoji_lib.claude.connection import Request, body
from kaomoji_lib.claude.method import CUT, write
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.folder import EMISSION_COLUMNS
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

RUNS, MAX_TOKENS = 8, 40


def elicit(settings, prompts=None, runs=RUNS, temperature=1.0, on_progress=None):
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
    requests = all_requests(settings.model, prompts, runs, temperature)
    chosen = {"temperature": temperature, "max_tokens": MAX_TOKENS, "instruction": INSTRUCTION}
    facts = {
        "prompts": load_prompts(prompts).to_dict("records"),
        "settings": {**chosen, "runs": runs},
    }
    with Client(settings, on_progress) as client:
        report = client.ask(requests, other_model)
        rows = emissions(client, requests)
        return write(client, "elicit", requests, other_model, report, rows, facts)


def all_requests(model, prompts=None, runs=RUNS, temperature=1.0):
    """Return one request per generation and prompt: one user message, no system message.

    Raises
    ------
    KaomojiError
        If ``runs`` is below 1, or the prompts cannot be read.
    """
    if runs < 1:
        raise KaomojiError(f"--runs is {runs}; expected at least 1; correct it")
    requests, rows = [], load_prompts(prompts).to_dict("records")
    for generation in range(runs):
        for row in rows:
            about = {"prompt_id": row["id"], "category": row["category"], "generation": generation}
            content = f"{INSTRUCTION} {row['text']}"
            params = body(model, MAX_TOKENS, content, temperature=temperature)
            requests.append(Request(params, about, occasion=str(generation)))
    return requests


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
