"""What the three methods share: which replies are answers, the table they end in, and the report of a run.

``emissions.parquet``    elicit: one row per generation, as in every run folder
``judgements.parquet``   introspect: source, face, and one likelihood in 0..1 per category
``syntheses.parquet``    synthesize: source, source_model, face, count, primary, others (lists of words), lexicon_version
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib.claude.client import Client, other_model
from kaomoji_lib.claude.models import omitted
from kaomoji_lib.claude.store import ReplyStore
from kaomoji_lib.claude.strict import NotAnswered
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import read_parquet, sha256, write_parquet
from kaomoji_lib.runs.folder import SCHEMA, RunFolder, default_folder

TABLES = {"elicit": "emissions", "introspect": "judgements", "synthesize": "syntheses"}
# Stop reasons of replies that end before the model had finished.
CUT = ("max_tokens", "model_context_window_exceeded")


class AnswerFolder(RunFolder):
    """A method's table and its manifest; opened and verified as a :class:`RunFolder`."""

    def write(self, table, manifest):
        """Write the table of ``manifest['method']``, then the manifest with its SHA-256."""
        name = f"{TABLES[manifest['method']]}.parquet"
        write_parquet(self.path / name, table)
        self.write_manifest({**manifest, "files": {name: sha256(self.path / name)}})

    def table(self):
        """Return the method's table: DataFrame; empty, with its columns, while nothing is answered."""
        name = TABLES[self.manifest["method"]]
        if name == "emissions":
            return self.emissions()
        return read_parquet(self._verified(f"{name}.parquet"), self._remedy)

    @property
    def _recompute_hint(self):
        # The manifest, which names the method, may be what is damaged; the folder is named after it, too.
        return f"run `kaomoji claude {self.path.name}` again; stored replies are not paid for twice"

    _remedy = _recompute_hint


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


def judge(settings, name, requests, read, columns, facts, options=(), on_progress=None):
    """Ask ``requests``, and write what ``read`` finds in the replies as the table of the method ``name``.

    ``facts`` go into the manifest; ``options``: command line options that repeat the run. Returns (AnswerFolder, Outcome).
    """
    validate = validator(read)
    with Client(settings, on_progress) as client:
        result = outcome(client, name, requests, validate, client.ask(requests, validate), options)
        rows = []
        for request in requests:
            record = client.stored(request)
            if record and record["stop_reason"] != "refusal" and not validate(record, request):
                rows.append({"source": settings.model, **request.about, **read(record)})
        folder = AnswerFolder(result.folder)
        table = pd.DataFrame(rows, columns=list(columns))
        folder.write(table, manifest(client, name, requests, result, **facts))
    return folder, result


@dataclass(frozen=True)
class Outcome:
    """What a run of a method came to.

    ``folder``: of its table. ``missing``: requests without a reply; ``unusable``: replies that say nothing usable, as
    (about, problem); ``refused``: replies that are refusals, which are results. ``command``: the command line that
    continues the run, or an empty string when nothing is missing.
    """

    folder: Path
    n_requests: int
    usable: int
    refused: int
    missing: tuple
    unusable: tuple
    failures: tuple
    stopped: str
    waiting: tuple
    usd: float
    command: str

    @property
    def complete(self):
        return not self.missing and not self.unusable

    def __str__(self):
        counts = {
            "refused": self.refused,
            "missing": len(self.missing),
            "unusable": len(self.unusable),
        }
        parts = [f"{self.folder}: {self.usable} of {self.n_requests} replies are usable"]
        parts += [f"{count} {name}" for name, count in counts.items() if count]
        lines = [f"{', '.join(parts)}; {self.usd:.4f} US dollars so far"]
        lines += [f"stopped: {self.stopped}"] if self.stopped else []
        lines += [f"under way: batch {name}" for name in self.waiting]
        failures = [
            (failure.about, f"{failure.kind}: {failure.detail}") for failure in self.failures
        ]
        for word, pairs in (("failed", failures), ("unusable", self.unusable)):
            reasons = {}
            for about, reason in pairs:
                reasons.setdefault(reason, []).append(", ".join(map(str, about.values())))
            lines += [
                f"{word}: {len(abouts)}: {reason} (first: {abouts[0]})"
                for reason, abouts in reasons.items()
            ]
        lines += [f"to complete it: {self.command}"] if self.command else []
        return "\n".join(escape.terminal(line) for line in lines)


def outcome(client, name, requests, validate, report, options=()):
    """Return the :class:`Outcome` of ``requests`` after they were asked."""
    settings, missing, unusable, usable, refused = client.settings, [], [], 0, 0
    needed, again = client.budget.spent, False
    for request in requests:
        record = client.stored(request)
        if record is None:
            missing.append(request.about)
            needed += client.budget.most(request.params, settings.batch)
        elif problem := validate(record, request):
            unusable.append((request.about, problem))
            again = again or not other_model(record, request)
        elif record["stop_reason"] == "refusal":
            refused += 1
        else:
            usable += 1
    command = ""
    if missing or again:
        limit = settings.max_usd
        higher = None if limit is None or needed <= limit else math.ceil(needed * 100) / 100
        options = [*options, *(["--retry-invalid"] if again and not missing else [])]
        command = settings.command(name, *options, max_usd=higher)
    return Outcome(
        settings.folder / name,
        len(requests),
        usable,
        refused,
        tuple(missing),
        tuple(unusable),
        tuple(report.failures),
        report.stopped,
        tuple(report.waiting),
        client.budget.spent,
        command,
    )


def manifest(client, name, requests, result, **facts):
    """Return what is written beside a method's table: settings and provenance, no text and no key."""
    model, records = client.settings.model, [client.stored(request) for request in requests]
    return {
        "schema": SCHEMA,
        "method": name,
        "status": "complete" if result.complete else "incomplete",
        "source": model,
        "model": {"alias": model, "id": model, "title": model, "kind": "claude"},
        "origin": client.connection.origin,
        "answered_by": sorted({record["model"] for record in records if record}),
        "omitted_parameters": list(omitted(model)),
        "usable": result.usable,
        "refused": result.refused,
        "missing": len(result.missing),
        "unusable": len(result.unusable),
        "usd_of_folder": round(client.budget.spent, 6),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: _version(package) for package in ("anthropic", "kaomoji-lib")},
        **facts,
    }


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def folders():
    """Return the folders of replies in their usual place, sorted."""
    return sorted(path for path in default_folder("x").parent.glob("claude-*") if path.is_dir())


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
            counts = ", ".join(
                f"{facts[word]} {word}" for word in ("usable", "refused", "missing", "unusable")
            )
            lines.append(f"  {name}: {facts['status']}, {counts}; {facts['model']['title']}")
    lines += [
        f"  batch {entry['id'] or 'without an id'}: {entry['state']}, {len(entry['requests'])} requests"
        for entry in store.open_batches()
    ]
    if charges := store.unreceived_charges():
        lines.append(f"  {len(charges)} replies were sent but arrived unreadable")
    return "\n".join(escape.terminal(line) for line in lines)
