"""Elicit: ask for messages that begin with a kaomoji, run after run, until a category brings nothing new."""

import math
from collections import Counter

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.claude.client import Client, other_model
from kaomoji_lib.claude.method import CUT, write
from kaomoji_lib.claude.requests import Report, Request, body
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.folder import EMISSION_COLUMNS
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

RUNS, MAX_TOKENS = 8, 40
MOST_UNSEEN, MOST_NATS, FEWEST_RUNS = 1, 0.10, 2


def request_for(
    model, prompt, generation, *, temperature=1.0, max_tokens=MAX_TOKENS, instruction=INSTRUCTION
):
    """Return the request for one prompt (row with id, category, text) and generation: one user message, no system."""
    about = {"prompt_id": prompt["id"], "category": prompt["category"], "generation": generation}
    content = f"{instruction} {prompt['text']}"
    return Request(
        body(model, max_tokens, content, temperature=temperature), about, occasion=str(generation)
    )


def saturated(before, latest, most_unseen=MOST_UNSEEN, most_nats=MOST_NATS):
    """Return whether a run brought nothing new: at most ``most_unseen`` new faces, at most ``most_nats`` away.

    ``before``: Counter of the faces of all earlier runs; ``latest``: of the newest. The distance is the
    Jensen-Shannon divergence of the two, in nats (0 to ln 2). A run without faces is never enough.
    """
    if not before or not latest:
        return False
    seen = sorted(set(before) | set(latest))
    unseen = sum(face not in before for face in latest)
    P, Q = (np.array([[counts[face] for face in seen]], dtype=float) for counts in (before, latest))
    nats = (1 - stats.js_similarity(P, Q, epsilon=1e-12)[0]) * math.log(2)
    return bool(unseen <= most_unseen and nats <= most_nats)


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
    runs : most generations per prompt; a category stops earlier once it is :func:`saturated`.
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
    table = load_prompts(prompts)
    chosen = {"temperature": temperature, "max_tokens": max_tokens, "instruction": instruction}
    _check(runs, max_tokens)
    with Client(settings, on_progress) as client:
        active, report, done, stops = list(dict.fromkeys(table["category"])), Report(), [], {}
        for run in range(runs):
            part = one_run(settings.model, table, run, active, **chosen)
            if not part:
                break
            done += part
            report.add(client.ask(part, other_model))
            unanswered = {r.about["category"] for r in part if client.stored(r) is None}
            rows = emissions(client, done)
            finished = {
                code
                for code in active
                if code not in unanswered and run + 1 >= FEWEST_RUNS and _enough(rows, code, run)
            }
            stops.update(dict.fromkeys(finished, run + 1))
            active = [code for code in active if code not in unanswered | finished]
            if report.stopped or report.waiting:
                break
        facts = {
            "prompts": table.to_dict("records"),
            "settings": {**chosen, "runs": runs},
            "saturated_after": stops,
        }
        rows = emissions(client, done)
        return write(client, "elicit", done, other_model, report, rows, facts)


def one_run(model, prompts, run, categories, **chosen):
    """Return the requests of one run: one per prompt of the ``categories``."""
    return [
        request_for(model, row, run, **chosen)
        for row in prompts.to_dict("records")
        if row["category"] in categories
    ]


def all_requests(model, prompts=None, runs=RUNS, **chosen):
    """Return every request that eliciting may need, should no category be saturated early."""
    table = load_prompts(prompts)
    _check(runs, chosen.get("max_tokens", MAX_TOKENS))
    codes = set(table["category"])
    return [r for run in range(runs) for r in one_run(model, table, run, codes, **chosen)]


def _check(runs, max_tokens):
    if runs < 1 or max_tokens < 1:
        raise KaomojiError(f"runs {runs}, max_tokens {max_tokens}; expected at least 1 of each")


def _enough(rows, code, run):
    own = rows[(rows["category"] == code) & rows["face"].notna()]
    before, latest = own["generation"] < run, own["generation"] == run
    return saturated(Counter(own.loc[before, "face"]), Counter(own.loc[latest, "face"]))


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
