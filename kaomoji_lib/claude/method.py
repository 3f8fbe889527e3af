"""What the three methods share: which replies are answers, the table they end in, and the report of a run.

``emissions.parquet``    elicit: one row per generation, as in every run folder
``judgements.parquet``   introspect: source, face, and one likelihood in 0..1 per category
``syntheses.parquet``    synthesize: source, source_model, face, count, primary, others (lists of words), lexicon_version
"""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib.claude.client import Client, other_model
from kaomoji_lib.claude.models import omitted
from kaomoji_lib.claude.requests import Report
from kaomoji_lib.claude.store import ReplyStore
from kaomoji_lib.claude.strict import NotAnswered
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import read_parquet, sha256, write_parquet
from kaomoji_lib.runs.folder import SCHEMA, RunFolder

TABLES = {"elicit": "emissions", "introspect": "judgements", "synthesize": "syntheses"}
# Stop reasons of replies that end before the model had finished.
CUT = ("max_tokens", "model_context_window_exceeded")


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
        lines += [f"under way: batch {name}" for name in self.waiting]
        problems = [(f"failed: {error}", about) for about, error in self.failures]
        problems += [(f"unusable: {problem}", about) for about, problem in self.unusable]
        first = dict(reversed(problems))
        for problem, count in Counter(problem for problem, _ in problems).items():
            place = ", ".join(map(str, first[problem].values()))
            lines.append(f"{problem} ({count} times, first: {place})")
        lines += [f"to complete it: {self.remedy}"] if self.remedy else []
        return "\n".join(escape.terminal(line) for line in lines)


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
    manifest = {
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
    folder.write_manifest(manifest)
    return folder, outcome


def status(folder):
    """Return a few lines of text about one folder of replies; needs neither key nor network.

    Raises
    ------
    KaomojiError
        If there is no such folder, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise KaomojiError(f"{folder} does not exist; expected a folder of replies; check the path")
    store = ReplyStore(folder)
    lines = [f"{folder}: {len(store.records())} replies stored, {store.spent():.4f} US dollars"]
    for name in TABLES:
        run = AnswerFolder(folder / name)
        if run.exists:
            facts = run.manifest
            counts = ", ".join(f"{count} {word}" for word, count in facts["counts"].items())
            lines.append(f"  {name}: {facts['status']}, {counts}; {facts['model']['title']}")
    lines += [
        f"  batch {entry['id'] or 'without an id'}: {entry['state']}, {len(entry['requests'])} requests"
        for entry in store.open_batches()
    ]
    if charges := store.unreceived_charges():
        lines.append(f"  {len(charges)} replies were sent but arrived unreadable")
    return "\n".join(escape.terminal(line) for line in lines)
