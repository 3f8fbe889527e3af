"""Elicit: ask for messages that begin with a kaomoji, several times per prompt."""

from kaomoji_lib.claude.connection import Request, body
from kaomoji_lib.claude.method import CUT, Method
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.folder import EMISSION_COLUMNS
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

RUNS, MAX_TOKENS = 8, 40


def elicit(model, prompts=None, runs=RUNS, temperature=1.0):
    """Describe the method: one request per generation and prompt, one user message, no system message.

    Parameters
    ----------
    prompts : path of a CSV file (id, category, text); default this project's.
    runs : generations per prompt.
    temperature : sent unless None, or rejected by the model (``data/claude_models.csv``).

    Returns
    -------
    Method; its table has the columns ``EMISSION_COLUMNS``, one row per reply, refusals and words too.

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
    chosen = {"temperature": temperature, "max_tokens": MAX_TOKENS, "instruction": INSTRUCTION}
    facts = {"prompts": rows, "settings": {**chosen, "runs": runs}}
    return Method("elicit", requests, EMISSION_COLUMNS, read, facts)


def read(record):
    """Return the face of a stored reply, and its outcome, as columns."""
    stop = record["stop_reason"]
    face = faces.extract(record["text"], truncated=stop in CUT, refused=stop == "refusal")
    found = {"raw_face": face.raw_face, "face": face.face, "outcome": face.outcome}
    return {"text": record["text"], **found, "seed": 0}
