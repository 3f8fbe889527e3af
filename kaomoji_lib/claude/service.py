"""Everything that one run of a method needs: the session, the store, the budget, and the way of asking."""

import math
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

from kaomoji_lib import html as escape
from kaomoji_lib.claude import asking, client
from kaomoji_lib.claude.batches import POLL_SECONDS, Batches
from kaomoji_lib.claude.budget import Budget
from kaomoji_lib.claude.replies import ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import sweep
from kaomoji_lib.runs.folder import SCHEMA, default_folder
from kaomoji_lib.runs.locks import alone

SOURCES = ("api", "stand-in")
STAND_IN_REPLY = "msg_standin_"
SHARED_WAIT = 600


@dataclass(frozen=True)
class Settings:
    """How to ask. The parameters of every method.

    ``source``: ``api`` (what the environment names) or ``stand-in`` (starts one in this process).
    ``out``: folder of the replies; default ``runs/claude-<model>`` or ``runs/claude-stand-in``.
    ``max_usd``: US dollars that this folder may cost in all, None for no limit. ``batch``: Message
    Batches, half the price; ``wait``: False submits them and leaves the rest to a later run.
    ``again``: ask anew where the stored reply is unusable (and pay anew).
    """

    model: str
    source: str = "api"
    out: str | None = None
    max_usd: float | None = None
    batch: bool = False
    wait: bool = True
    poll: float = POLL_SECONDS
    workers: int = asking.WORKERS
    again: bool = False
    retries: int = client.RETRIES
    timeout: float = client.TIMEOUT
    stand_in: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.source not in SOURCES:
            raise KaomojiError(
                f"unknown source {self.source!r}; expected one of {', '.join(SOURCES)}"
            )
        if not self.model or not self.model.strip() or any(char.isspace() for char in self.model):
            raise KaomojiError(
                f"model {self.model!r} is no model name; expected something like claude-opus-4-7"
            )
        if self.workers < 1 or self.poll < 0:
            raise KaomojiError(
                "workers and poll; expected at least 1 worker and no negative seconds"
            )
        object.__setattr__(self, "stand_in", MappingProxyType(dict(self.stand_in)))

    @property
    def folder(self):
        name = (
            "claude-stand-in"
            if self.source == "stand-in"
            else f"claude-{escape.filename(self.model.removeprefix('claude-'))}"
        )
        return Path(self.out) if self.out else default_folder(name)

    @property
    def label(self):
        """What the rows of a table name as their source."""
        return "claude-stand-in" if self.source == "stand-in" else self.model

    @property
    def origin(self):
        """The origin that the questions' hashes carry; needs no key."""
        import os

        return (
            client.stand_in_origin()
            if self.source == "stand-in"
            else client.origin(os.environ.get(client.BASE) or f"https://{client.PUBLIC_HOST}")
        )

    def command(self, method, *options, max_usd=None):
        """The command line that goes on with this run; ``max_usd``: a limit that suffices, where the old one does not."""
        words = ["kaomoji", "claude", method, "--model", self.model]
        words += ["--source", self.source] if self.source != "api" else []
        words += ["--out", str(self.out)] if self.out else []
        words += ["--batch"] if self.batch else []
        limit = self.max_usd if max_usd is None else max_usd
        words += ["--max-usd", f"{limit:g}"] if limit is not None else []
        return shlex.join([*words, *map(str, options)])


class Service:
    """An open connection with its store and budget; a context manager, one process per folder at a time.

    Raises
    ------
    KaomojiError
        On entering: another process uses the folder, it cannot be written, or there is no key.
    """

    def __init__(self, settings, told=None):
        self.settings, self.told = settings, told
        self.store = ReplyStore(settings.folder)

    def __enter__(self):
        # The pages share the stand-in's folder and are built side by side: they wait for each other.
        self._lock = alone(
            self.settings.folder, SHARED_WAIT if self.settings.source == "stand-in" else 0
        )
        self._server = None
        try:
            sweep(self.settings.folder, below=True)
            self.budget = Budget(self.settings.model, self.settings.max_usd, self.store.spent())
            if self.settings.source == "stand-in":
                from kaomoji_lib.claude.standin import StandIn

                self._server = StandIn(**self.settings.stand_in).__enter__()
                self.session = client.stand_in(
                    self._server, self.settings.retries, self.settings.timeout
                )
            else:
                self.session = client.connect(self.settings.retries, self.settings.timeout)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *error):
        self.session.close()
        self._close()

    def _close(self):
        if self._server is not None:
            self._server.__exit__()
        self._lock.release()

    def ask(self, asks, problem):
        """Ask what is missing. ``problem(record, ask)``: what makes a stored reply unusable, or an empty string."""

        def again(stored, ask):
            return self.settings.again and bool(problem(stored, ask))

        if self.settings.batch:
            batches = Batches(
                self.session,
                self.store,
                self.budget,
                poll=self.settings.poll,
                wait=self.settings.wait,
                told=self.told,
            )
            return batches.ask_all(asks, again)
        return asking.ask_all(
            self.session,
            asks,
            self.store,
            self.budget,
            workers=self.settings.workers,
            again=again,
            told=self.told,
        )

    def stored(self, ask):
        """The stored record of a question, or None."""
        return self.store.get(ask.key(self.session.origin))


def other_model(record, asked):
    """A complaint when another model answered than was asked, else an empty string."""
    echoed = record.get("model") or ""
    return "" if _bare(echoed) == _bare(asked) else f"answered by {echoed!r}"


def _bare(name):
    """A model's name without provider, date and alias suffix: the API answers an alias with the dated name."""
    name = name.rpartition("/")[2].removesuffix("-latest")
    name = name[:-9] if name[-8:].isdigit() and name[-9:-8] == "-" else name
    return name.removesuffix("-0")


@dataclass(frozen=True)
class Outcome:
    """What a run of a method came to.

    ``folder``: where its table lies. ``missing``: questions without a reply; ``unusable``: replies that are
    stored but say nothing usable, as (about, problem); ``refused``: replies that are refusals, which are
    results. ``command``: what goes on from here, or an empty string when nothing is missing.
    """

    folder: Path
    wanted: int
    usable: int
    refused: int
    missing: tuple
    unusable: tuple
    failures: tuple
    stopped: str
    waiting: tuple
    usd: float
    command: str
    stand_in: bool = False

    @property
    def complete(self):
        return not self.missing and not self.unusable

    def __str__(self):
        parts = [f"{self.folder}: {self.usable} of {self.wanted} answers usable"]
        parts += [f"{self.refused} refusals"] if self.refused else []
        parts += [f"{len(self.missing)} missing"] if self.missing else []
        parts += [f"{len(self.unusable)} unusable"] if self.unusable else []
        lines = [
            ", ".join(parts)
            + (
                "; the stand-in answered, nothing was paid"
                if self.stand_in
                else f"; {self.usd:.4f} US dollars so far"
            )
        ]
        lines += [f"stopped: {self.stopped}"] if self.stopped else []
        lines += [f"under way: batch {name}" for name in self.waiting]
        kinds = {}
        for failure in self.failures:
            kinds.setdefault((failure.kind, failure.detail), []).append(failure.about)
        lines += [
            f"failed: {len(abouts)} with {kind}: {detail} (first: {_where(abouts[0])})"
            for (kind, detail), abouts in kinds.items()
        ]
        problems = {}
        for about, problem in self.unusable:
            problems.setdefault(problem, []).append(about)
        lines += [
            f"unusable: {len(abouts)} where {problem} (first: {_where(abouts[0])})"
            for problem, abouts in problems.items()
        ]
        if self.command:
            lines.append(f"to complete it: {self.command}")
        return "\n".join(escape.terminal(line) for line in lines)


def _where(about):
    return ", ".join(str(value) for value in about.values())


def outcome(service, method, asks, problem, report, options=()):
    """The :class:`Outcome` of ``asks`` after they were asked."""
    missing, unusable, usable, refused, needed = [], [], 0, 0, service.budget.spent
    for ask in asks:
        record = service.stored(ask)
        if record is None:
            missing.append(ask.about)
            needed += service.budget.most(ask.params, service.settings.batch)
        elif said := problem(record, ask):
            unusable.append((ask.about, said))
        elif record["stop_reason"] == "refusal":
            refused += 1
        else:
            usable += 1
    command = ""
    if missing or unusable:
        limit = service.settings.max_usd
        raised = None if limit is None or needed <= limit else math.ceil(needed * 100) / 100
        command = service.settings.command(
            method, *options, *(["--again"] if unusable and not missing else []), max_usd=raised
        )
    return Outcome(
        service.settings.folder / method,
        len(asks),
        usable,
        refused,
        tuple(missing),
        tuple(unusable),
        tuple(report.failures),
        report.stopped,
        tuple(report.waiting),
        service.budget.spent,
        command,
        _by_stand_in(service, asks),
    )


def _by_stand_in(service, asks):
    """Whether the stand-in answered any of ``asks``: it marks its replies, behind whatever address it was."""
    if service.settings.source == "stand-in":
        return True
    return any(
        record["id"].startswith(STAND_IN_REPLY) for ask in asks if (record := service.stored(ask))
    )


def manifest(service, method, asks, found, **more):
    """What is written beside a method's table: settings and provenance, no text and no key."""
    records = [record for ask in asks if (record := service.stored(ask))]
    answered = sorted({record["model"] for record in records})
    dropped = sorted({name for record in records for name in record["dropped"]})
    stand_in = _by_stand_in(service, asks)
    model = service.settings.model
    return {
        "schema": SCHEMA,
        "method": method,
        "status": "complete" if found.complete else "incomplete",
        "source": "claude-stand-in" if stand_in else model,
        "model": {
            "alias": "claude-stand-in" if stand_in else model,
            "id": model,
            "title": f"Stand-in for {model}" if stand_in else model,
            "kind": "stand-in" if stand_in else "claude",
        },
        "origin": service.session.origin,
        "answered_by": answered,
        "dropped_parameters": dropped,
        "usable": found.usable,
        "refused": found.refused,
        "missing": len(found.missing),
        "unusable": len(found.unusable),
        "usd_of_folder": round(service.budget.spent, 6),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: _version(name) for name in ("anthropic", "kaomoji-lib")},
        **more,
    }


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
