"""What the three methods share: a description, the run that ends in a table and a report, and the plan of a run.

``emissions.parquet``    elicit: one row per generation, as in every run folder
``judgements.parquet``   introspect: source, face, and one likelihood in 0..1 per category
``syntheses.parquet``    synthesize: source, source_model, face, count, primary, others (lists of words), lexicon_version
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError, create_model

from kaomoji_lib import html as escape
from kaomoji_lib.claude.client import now, opened, other_model
from kaomoji_lib.claude.connection import origin
from kaomoji_lib.claude.models import Budget, most_tokens, omitted
from kaomoji_lib.claude.store import ReplyStore
from kaomoji_lib.runs.files import read_parquet, sha256, write_parquet
from kaomoji_lib.runs.folder import SCHEMA, RunFolder

TABLES = {"elicit": "emissions", "introspect": "judgements", "synthesize": "syntheses"}
# Stop reasons of replies that end before the model had finished.
CUT = ("max_tokens", "model_context_window_exceeded")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL)


class NotAnswered(ValueError):
    """A reply that is no answer to what was asked; the text says why, without quoting the reply."""


def answer_of(fields):
    """Return the form of an answer, a JSON object with just these fields (dict name -> type), for :func:`read_answer`."""
    return create_model("Answer", __config__={"extra": "forbid", "strict": True}, **fields)


def read_answer(record, answer):
    """Return the JSON object that a stored reply is, of the form ``answer``, as a dict; a Markdown fence is skipped.

    Raises :class:`NotAnswered` for all else: no JSON, cut off, a field missing, twice or too many, a number as text, NaN.
    """
    fenced = _FENCE.match(record["text"])
    try:
        text = fenced[1] if fenced else record["text"]
        return answer.model_validate(json.loads(text, object_pairs_hook=_object)).model_dump()
    except ValidationError as error:
        # The kind of the first error alone: the rest may quote the reply.
        kind = error.errors(include_input=False)[0]["type"].replace("_", " ")
    except (ValueError, RecursionError):
        kind = "no JSON, or a field twice"
    raise NotAnswered(f"the reply is not of the form that was asked for: {kind}")


def _object(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


@dataclass(frozen=True)
class Method:
    """What is asked, and how a reply becomes a row.

    ``name``: a key of ``TABLES``. ``requests``: list of :class:`.connection.Request`. ``columns``: of the table.
    ``read(record)``: a stored reply as columns (dict), beside ``source`` and those of ``Request.about``; raises
    :class:`NotAnswered`. ``facts``: what the manifest says of it (dict).
    """

    name: str
    requests: list
    columns: list
    read: Callable
    facts: dict

    def row(self, record, request):
        """Return (row, problem): a dict or None, and why the reply cannot be used or an empty string.

        A refusal is an answer, also where there is nothing to read in it.
        """
        if wrong := other_model(record, request):
            return None, wrong
        try:
            read = self.read(record)
        except NotAnswered as error:
            return None, "" if record["stop_reason"] == "refusal" else str(error)
        return {"source": request.params["model"], **request.about, **read}, ""


class AnswerFolder(RunFolder):
    """A method's table and its manifest; opened and verified as a :class:`RunFolder`."""

    def table(self):
        """Return the method's table: DataFrame; empty, with its columns, while nothing is answered."""
        name = TABLES[self.manifest["method"]]
        if name == "emissions":
            return self.emissions()
        return read_parquet(self._verified(f"{name}.parquet"), self._remedy)

    @property
    def _remedy(self):
        # The manifest, which names the method, may be what is damaged; the folder is named after it, too.
        return f"run `kaomoji claude {self.path.name}` again; stored replies are not paid for twice"


@dataclass
class Outcome:
    """What a run of a method came to: ``failures``, ``stopped`` as in :class:`.client.Client`.

    ``folder``: of its table. ``counts``: dict of usable, refused (which are results), missing and unusable replies.
    ``unusable``: (about, problem) of replies. ``usd``: cost of the folder. ``remedy``: how to complete it, or "".
    """

    failures: list
    stopped: str
    folder: Path
    counts: dict
    unusable: list
    usd: float
    remedy: str

    @property
    def complete(self):
        return not self.counts["missing"] and not self.counts["unusable"]

    def __str__(self):
        parts = [f"{count} {name}" for name, count in self.counts.items() if count]
        lines = [f"{self.folder}: {', '.join(parts)}; {self.usd:.4f} US dollars so far"]
        lines += [f"stopped: {self.stopped}"] if self.stopped else []
        problems = [(f"failed: {error}", about) for about, error in self.failures]
        problems += [(f"unusable: {problem}", about) for about, problem in self.unusable]
        first = dict(reversed(problems))
        for problem, count in Counter(problem for problem, _ in problems).items():
            place = ", ".join(map(str, first[problem].values()))
            lines.append(f"{problem} ({count} times, first: {place})")
        lines += [f"to complete it: {self.remedy}"] if self.remedy else []
        return "\n".join(map(escape.terminal, lines))


def ask(settings, method):
    """Ask what a :class:`Method` asks; write its table, and a manifest of settings and provenance without text and key.

    ``settings``: :class:`.client.Settings`. Returns (AnswerFolder, Outcome). Raises KaomojiError for what the user can
    fix (no key, no price, a damaged file); not for what the service does.
    """
    with opened(settings) as client:
        client.ask(method.requests, lambda record, request: method.row(record, request)[1])
        return _write(client, method)


def _write(client, method):
    settings, spent = client.settings, client.budget.spent
    counts, unusable = dict.fromkeys(("usable", "refused", "missing", "unusable"), 0), []
    rows, names, needed, again = [], set(), spent, False
    for request in method.requests:
        record = client.stored(request)
        if record is None:
            counts["missing"] += 1
            needed += client.budget.most(request.params, bool(settings.batch))
            continue
        names.add(record["model"])
        row, problem = method.row(record, request)
        rows += [row] if row else []
        if problem:
            counts["unusable"] += 1
            unusable.append((request.about, problem))
            again = again or not other_model(record, request)
        else:
            counts["refused" if record["stop_reason"] == "refusal" else "usable"] += 1
    remedy = ""
    if counts["missing"] or again:
        remedy = "run the same command again"
        if settings.max_usd is not None and needed > settings.max_usd:
            remedy += f" with --max-usd {math.ceil(needed * 100) / 100:g}"
        elif not counts["missing"]:
            remedy += " with --retry-invalid, which pays again"
    folder = AnswerFolder(settings.folder / method.name)
    found = folder.path, counts, unusable, spent, remedy
    outcome = Outcome(client.failures, client.stopped, *found)
    path = folder.path / f"{TABLES[method.name]}.parquet"
    write_parquet(path, pd.DataFrame(rows, columns=list(method.columns)))
    model = dict.fromkeys(("alias", "id", "title"), settings.model)
    folder.write_manifest(
        {
            "schema": SCHEMA,
            "method": method.name,
            "status": "complete" if outcome.complete else "incomplete",
            "source": settings.model,
            "model": {**model, "kind": "claude"},
            "origin": client.connection.origin,
            "answered_by": sorted(names),
            "omitted_parameters": list(omitted(settings.model)),
            "counts": counts,
            "usd_of_folder": round(spent, 6),
            "written": now(),
            "versions": {"anthropic": client.connection.version},
            "files": {path.name: sha256(path)},
            **method.facts,
        }
    )
    return folder, outcome


def plan(settings, method):
    """Return a run on paper as text: requests, the most tokens and US dollars that they can take, and examples.

    Sends nothing; needs neither key nor network.
    """
    store, host = ReplyStore(settings.folder), origin()
    budget = Budget(settings.model, settings.max_usd)
    keys = {request.key(host): request for request in method.requests}
    due = [request for key, request in keys.items() if store.get(key) is None]
    usd = sum(budget.most(request.params, bool(settings.batch)) for request in due)
    tokens = sum(most_tokens(request.params) for request in due)
    output = sum(request.params["max_tokens"] for request in due)
    cost = f"at most {usd:.2f} US dollars{' (batch prices)' if settings.batch else ''}"
    if not budget.prices["input"]:
        cost = "unknown: no price for this model in data/claude_models.csv"
    lines = [
        f"{settings.model}: {len(due)} requests to send, {len(keys) - len(due)} replies stored already",
        f"tokens: at most {tokens:,} in (a token has a byte or more, mostly about four), {output:,} out",
        f"cost: {cost}; spent in this folder so far: {store.spent():.4f}",
    ]
    lines += [
        f"batch {entry['id'] or 'without an id'}: {entry['state']}, {len(entry['requests'])} requests"
        for entry in store.open_batches()
    ]
    for request in due[:2]:
        shown = json.dumps(request.public(), ensure_ascii=False, indent=1)
        lines += ["example request:", *shown.splitlines()]
    return "\n".join(map(escape.terminal, [*lines, "nothing was sent"]))
