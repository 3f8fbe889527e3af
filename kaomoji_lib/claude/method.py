"""What the three methods share: which replies are answers, the table they end in, the report of a run, and its plan.

``emissions.parquet``    elicit: one row per generation, as in every run folder
``judgements.parquet``   introspect: source, face, and one likelihood in 0..1 per category
``syntheses.parquet``    synthesize: source, source_model, face, count, primary, others (lists of words), lexicon_version
"""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib.claude.client import Client, Report, other_model
from kaomoji_lib.claude.connection import origin
from kaomoji_lib.claude.models import cost, estimated_tokens, omitted, price
from kaomoji_lib.claude.store import ReplyStore
from kaomoji_lib.runs.files import read_parquet, sha256, write_parquet
from kaomoji_lib.runs.folder import SCHEMA, RunFolder

TABLES = {"elicit": "emissions", "introspect": "judgements", "synthesize": "syntheses"}
# Stop reasons of replies that end before the model had finished.
CUT = ("max_tokens", "model_context_window_exceeded")
EXAMPLES = 2
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL)


class NotAnswered(ValueError):
    """A reply that is no answer to what was asked; the text says why, without quoting the reply."""


def read_object(text, fields):
    """Return the JSON object that ``text`` is, with exactly the names ``fields``; a Markdown fence around it is skipped.

    Raises :class:`NotAnswered` for anything else: no JSON, cut off, NaN or Infinity, a name twice, missing or too many.
    """
    fenced = _FENCE.match(text)
    content = fenced[1] if fenced else text
    try:
        value = json.loads(content, parse_constant=_refuse, object_pairs_hook=_unique)
    except NotAnswered:
        raise
    except (ValueError, RecursionError):
        problem = "the reply is no JSON" if text.strip() else "the reply is empty"
        raise NotAnswered(problem) from None
    if not isinstance(value, dict) or set(value) != set(fields):
        raise NotAnswered(f"the fields are not {', '.join(fields)}")
    return value


def _refuse(name):
    raise NotAnswered(f"a value is {name}")


def _unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise NotAnswered("a field occurs twice")
    return dict(pairs)


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


def validator(read):
    """Return ``validate(record, request)``: why ``read`` (record -> dict) cannot use a reply, else an empty string.

    A refusal is an answer, of which there is nothing to read.
    """

    def validate(record, request):
        if wrong := other_model(record, request):
            return wrong
        if record["stop_reason"] == "refusal":
            return ""
        try:
            read(record)
        except NotAnswered as error:
            cut = " (it was cut off)" if record["stop_reason"] in CUT else ""
            return f"{error}{cut}"
        return ""

    return validate


def judge(settings, name, requests, read, columns, facts, on_progress=None):
    """Ask ``requests``, and write what ``read`` finds in the replies as the table of the method ``name``.

    ``facts`` go into the manifest. Returns (AnswerFolder, Outcome).
    """
    validate = validator(read)
    with Client(settings, on_progress) as client:
        report, rows = client.ask(requests, validate), []
        for request in requests:
            record = client.stored(request)
            if record and record["stop_reason"] != "refusal" and not validate(record, request):
                rows.append({"source": settings.model, **request.about, **read(record)})
        table = pd.DataFrame(rows, columns=list(columns))
        return write(client, name, requests, validate, report, table, facts)


@dataclass(kw_only=True)
class Outcome(Report):
    """What a run of a method came to: the report of its requests, and of their replies.

    ``folder``: of its table. ``counts``: dict of usable, refused (which are results), missing and unusable replies.
    ``unusable``: (about, problem) of replies that say nothing usable; ``usd``: cost of the folder; ``remedy``: how to
    complete the run, or an empty string.
    """

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


def write(client, name, requests, validate, report, table, facts):
    """Write a method's table and its manifest: settings and provenance, no text and no key.

    Returns (AnswerFolder, Outcome).
    """
    settings, model, spent = client.settings, client.settings.model, client.budget.spent
    counts, unusable = dict.fromkeys(("usable", "refused", "missing", "unusable"), 0), []
    needed, again, names = spent, False, set()
    for request in requests:
        record = client.stored(request)
        if record is None:
            kind, needed = "missing", needed + client.budget.most(request.params, settings.batch)
        elif problem := validate(record, request):
            kind, again = "unusable", again or not other_model(record, request)
            unusable.append((request.about, problem))
        else:
            kind = "refused" if record["stop_reason"] == "refusal" else "usable"
        counts[kind] += 1
        names |= {record["model"]} if record else set()
    remedy = ""
    if counts["missing"] or again:
        remedy = "run the same command again"
        if settings.max_usd is not None and needed > settings.max_usd:
            remedy += f" with --max-usd {math.ceil(needed * 100) / 100:g}"
        elif not counts["missing"]:
            remedy += " with --retry-invalid, which pays again"
    folder = AnswerFolder(settings.folder / name)
    facts_of_run = {"folder": folder.path, "counts": counts, "usd": spent, "remedy": remedy}
    outcome = Outcome(**vars(report), unusable=unusable, **facts_of_run)
    path = folder.path / f"{TABLES[name]}.parquet"
    write_parquet(path, table)
    folder.write_manifest(
        {
            "schema": SCHEMA,
            "method": name,
            "status": "complete" if outcome.complete else "incomplete",
            "source": model,
            "model": {"alias": model, "id": model, "title": model, "kind": "claude"},
            "origin": client.connection.origin,
            "answered_by": sorted(names),
            "omitted_parameters": list(omitted(model)),
            "counts": counts,
            "usd_of_folder": round(spent, 6),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {"anthropic": client.connection.version},
            "files": {path.name: sha256(path)},
            **facts,
        }
    )
    return folder, outcome


def plan(settings, requests):
    """Return a run on paper as text: requests, tokens, the most that they can cost, and examples.

    Sends nothing; needs neither key nor network.
    """
    store, host = ReplyStore(settings.folder), origin()
    due = list({key: r for r in requests if store.get(key := r.key(host)) is None}.values())
    tokens = sum(estimated_tokens(request.params) for request in due)
    output, spent = sum(r.params["max_tokens"] for r in due), store.spent()
    prices, limit = price(settings.model), settings.max_usd
    costs, usd = "unknown: no price for this model in data/claude_models.csv", 0.0
    if prices is not None:
        usage = {"input_tokens": tokens, "output_tokens": output}
        usd = cost(prices, usage, settings.batch)
        costs = f"at most about {usd:.2f} US dollars"
    lines = [
        f"{settings.model}: {len(due)} requests to send, {len(requests) - len(due)} replies stored already"
        + (" (batch prices)" if settings.batch else ""),
        f"input: about {tokens:,} tokens; output: at most {output:,} tokens",
        f"cost: {costs}; spent in this folder so far: {spent:.4f}",
    ]
    if limit is not None and spent + usd > limit:
        lines.append(
            f"--max-usd {limit:g} may stop it before the end; what is stored by then stays, and the same command goes on"
        )
    lines += [
        f"batch {entry['id'] or 'without an id'}: {entry['state']}, {len(entry['requests'])} requests"
        for entry in store.open_batches()
    ]
    for request in due[:EXAMPLES]:
        shown = json.dumps(request.shown(), ensure_ascii=False, indent=1)
        lines += ["example request:", *shown.splitlines()]
    return "\n".join(map(escape.terminal, [*lines, "nothing was sent"]))
