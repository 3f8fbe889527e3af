"""Elicit: ask for messages that begin with a kaomoji, run after run, until a category brings nothing new."""

import math
from collections import Counter

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.claude.answers import AnswerFolder
from kaomoji_lib.claude.asking import Report
from kaomoji_lib.claude.asks import Ask
from kaomoji_lib.claude.service import Service, manifest, other_model, outcome
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.folder import EMISSION_COLUMNS
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

RUNS, MAX_TOKENS = 8, 40
MOST_UNSEEN, MOST_NATS, FEWEST_RUNS = 1, 0.10, 2


def ask_for(
    model, prompt, generation, *, temperature=1.0, max_tokens=MAX_TOKENS, instruction=INSTRUCTION
):
    """The question for one prompt (row with id, category, text) and generation: no system message, no thinking."""
    params = {
        "model": model,
        "max_tokens": max_tokens,
        "thinking": {"type": "disabled"},
        "messages": [{"role": "user", "content": f"{instruction} {prompt['text']}"}],
        **({} if temperature is None else {"temperature": temperature}),
    }
    about = {"prompt_id": prompt["id"], "category": prompt["category"], "generation": generation}
    return Ask(params=params, about=about, occasion=str(generation))


def saturated(before, latest, most_unseen=MOST_UNSEEN, most_nats=MOST_NATS):
    """Whether a run brought nothing new: at most ``most_unseen`` new faces, and at most ``most_nats`` away.

    ``before``: Counter of the faces of all earlier runs; ``latest``: of the newest. The distance is the
    Jensen-Shannon divergence of the two, in nats (0 to ln 2). A run without faces is never enough.
    """
    if not before or not latest:
        return False
    seen = sorted(set(before) | set(latest))
    unseen = sum(face not in before for face in latest)
    P, Q = (np.array([[counts[face] for face in seen]], dtype=float) for counts in (before, latest))
    nats = (1 - statistics.js_similarity(P, Q, epsilon=1e-12)[0]) * math.log(2)
    return unseen <= most_unseen and nats <= most_nats


def problem(record, ask):
    """Every reply of the right model is an outcome, refusals and words too."""
    return other_model(record, ask.params["model"])


def elicit(
    settings,
    prompts=None,
    runs=RUNS,
    temperature=1.0,
    max_tokens=MAX_TOKENS,
    instruction=INSTRUCTION,
    told=None,
):
    """Elicit faces from a model.

    Parameters
    ----------
    settings : :class:`kaomoji_lib.claude.service.Settings`.
    prompts : path of a CSV file (id, category, text); default this project's.
    runs : most generations per prompt; a category stops earlier once it is :func:`saturated`.
    temperature : sent unless None; models that reject it answer at their own.
    told : callable (done, total), after every answer.

    Returns
    -------
    AnswerFolder, Outcome

    Raises
    ------
    KaomojiError
        For what the user can mend (no key, no price, a bad table); not for what the service does.
    """
    asked = load_prompts(prompts)
    chosen = {"temperature": temperature, "max_tokens": max_tokens, "instruction": instruction}
    _check(runs, max_tokens)
    with Service(settings, told) as service:
        active, report, done = list(dict.fromkeys(asked["category"])), Report(), []
        stops = {}
        for run in range(runs):
            part = one_run(settings.model, asked, run, active, **chosen)
            if not part:
                break
            done += part
            report.add(service.ask(part, problem))
            held = {ask.about["category"] for ask in part if service.stored(ask) is None}
            rows = emissions(service, done)
            finished = {
                code
                for code in active
                if code not in held and run + 1 >= FEWEST_RUNS and _enough(rows, code, run)
            }
            stops.update(dict.fromkeys(finished, run + 1))
            active = [code for code in active if code not in held | finished]
            if report.stopped or report.waiting:
                break
        options = _options(prompts, runs, temperature, max_tokens)
        found = outcome(service, "elicit", done, problem, report, options)
        folder = AnswerFolder(found.folder)
        folder.write(
            emissions(service, done),
            manifest(
                service,
                "elicit",
                done,
                found,
                prompts=asked.to_dict("records"),
                settings={**chosen, "runs": runs},
                saturated_after=stops,
            ),
        )
    return folder, found


def one_run(model, prompts, run, categories, **chosen):
    """The questions of one run: one per prompt of the ``categories``."""
    return [
        ask_for(model, row, run, **chosen)
        for row in prompts.to_dict("records")
        if row["category"] in categories
    ]


def all_asks(model, prompts=None, runs=RUNS, **chosen):
    """Every question that eliciting may come to, should no category be saturated early."""
    asked = load_prompts(prompts)
    _check(runs, chosen.get("max_tokens", MAX_TOKENS))
    return [
        ask
        for run in range(runs)
        for ask in one_run(model, asked, run, set(asked["category"]), **chosen)
    ]


def _check(runs, max_tokens):
    if runs < 1 or max_tokens < 1:
        raise KaomojiError(f"runs {runs}, max_tokens {max_tokens}; expected at least 1 of each")


def _enough(rows, code, run):
    own = rows[(rows["category"] == code) & rows["face"].notna()]
    return saturated(
        Counter(own.loc[own["generation"] < run, "face"]),
        Counter(own.loc[own["generation"] == run, "face"]),
    )


def emissions(service, asks):
    """The replies to ``asks`` as emission rows; those of another model and those still missing are left out."""
    rows = []
    for ask in asks:
        record = service.stored(ask)
        if record is None or problem(record, ask):
            continue
        stop = record["stop_reason"]
        found = faces.extract(
            record["text"], truncated=stop == "max_tokens", refused=stop == "refusal"
        )
        rows.append(
            {
                "source": service.settings.label,
                **ask.about,
                "text": record["text"],
                "raw_face": found.raw_face,
                "face": found.face,
                "outcome": found.outcome,
                "seed": 0,
            }
        )
    return pd.DataFrame(rows, columns=list(EMISSION_COLUMNS))


def _options(prompts, runs, temperature, max_tokens):
    options = ["--prompts", prompts] if prompts else []
    options += ["--runs", runs] if runs != RUNS else []
    options += (
        ["--temperature", "none" if temperature is None else temperature]
        if temperature != 1.0
        else []
    )
    return options + (["--max-tokens", max_tokens] if max_tokens != MAX_TOKENS else [])
