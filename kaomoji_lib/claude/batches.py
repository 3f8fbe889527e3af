"""The same questions through Message Batches: half the price, and a killed process finds its batch again.

An entry is written *before* a batch is created and completed with its id afterwards. An entry without an id was
cut off in between: its batch, if there is one, is looked for among those of the service.
"""

import time
from datetime import UTC, datetime, timedelta

from kaomoji_lib.claude.asking import Failure, Report, due, record
from kaomoji_lib.claude.asks import OPTIONAL, Ask, drop, holds
from kaomoji_lib.claude.client import Refused

POLL_SECONDS = 30.0
MOST_REQUESTS = 10_000
READS = 3
CREATE_TRIES = 5
CLOCK_SKEW = timedelta(minutes=5)


class Batches:
    """Batches of one store. ``poll``: seconds between looks; ``wait``: False leaves them to a later run."""

    def __init__(self, session, store, budget, *, poll=POLL_SECONDS, wait=True, told=None):
        self.session, self.store, self.budget = session, store, budget
        self.poll, self.wait, self.told = poll, wait, told or (lambda done, total: None)

    def ask_all(self, asks, again=lambda stored, ask: False):
        """Collect what is under way, then submit what is missing, until nothing is left that a batch can bring.

        Returns a :class:`Report`; never raises for what the service does.
        """
        asks, report = list(asks), self.resume()
        if report.stopped or report.waiting:
            return report
        report = Report()
        before, failed = due(asks, self.session.origin, self.store, again), {}
        wanted = dict(before)
        # One round more than there are parameters that a model can reject.
        for _ in range(len(OPTIONAL) + 1):
            if not wanted or report.stopped or report.waiting:
                break
            refused = len(self.session.dropped.get(next(iter(wanted.values())).params["model"], ()))
            failed = self._round(wanted, report)
            learnt = (
                len(self.session.dropped.get(next(iter(wanted.values())).params["model"], ()))
                > refused
            )
            wanted = {key: wanted[key] for key in failed if key in wanted} if learnt else {}
        report.failures += failed.values()
        report.asked = len(before)
        report.answered = sum(self._fresh(key, ask, again) for key, ask in before.items())
        return report

    def _fresh(self, key, ask, again):
        stored = self.store.get(key)
        return stored is not None and not again(stored, ask)

    def _round(self, wanted, report):
        """Submit and collect ``wanted`` (dict key -> Ask). Returns the failures by key."""
        failed, keys = {}, list(wanted)
        for start in range(0, len(keys), MOST_REQUESTS):
            part = self._affordable(
                {key: wanted[key] for key in keys[start : start + MOST_REQUESTS]}, report
            )
            if part:
                try:
                    entry = self._submit(part)
                except Refused as error:
                    report.stopped = f"the batch was not accepted: {error.kind}: {error.detail}"
                    return failed
                failed.update(self._see_through(entry, report))
            if report.stopped or report.waiting:
                break
        return failed

    def _affordable(self, part, report):
        kept = {}
        for key, ask in part.items():
            if not self.budget.reserve(self.budget.most(ask.params, batch=True), wait=False):
                report.stopped = f"more requests could cost more than what is left of --max-usd ({self.budget.limit:g})"
                break
            kept[key] = ask
        return kept

    # -- one batch ----------------------------------------------------------------------------------

    def _submit(self, part):
        now = datetime.now(UTC)
        some = next(iter(part.values())).params
        dropped = self.session.dropped.get(some["model"], ())
        entry = self.store.write_batch(
            {
                "stamp": now.strftime("%Y%m%dT%H%M%S%f"),
                "created": now.isoformat(),
                "origin": self.session.origin,
                "id": None,
                "state": "submitting",
                "model": some["model"],
                "dropped": list(dropped),
                "options": [name for name in OPTIONAL if name not in dropped and holds(some, name)],
                "reserved": sum(self.budget.most(ask.params, batch=True) for ask in part.values()),
                "asks": {key: ask.public() for key, ask in part.items()},
            }
        )
        requests = [
            {"custom_id": key, "params": drop(ask.params, dropped)} for key, ask in part.items()
        ]
        try:
            batch = self._create(requests)
        except Refused as error:
            if error.kind not in ("timeout", "connection", "unreadable", "api_error"):
                self._finish(entry, "refused")
            raise
        return self.store.write_batch({**entry, "id": batch.id, "state": "submitted"})

    def _create(self, requests):
        # Not left to the SDK: it would also repeat a creation whose answer was lost, and pay for the batch twice.
        for attempt in range(1, CREATE_TRIES + 1):
            try:
                with self.session.batches(retries=0) as batches:
                    return batches.create(requests=requests)
            except Refused as error:
                if (
                    error.kind not in ("rate_limit_error", "overloaded_error")
                    or attempt == CREATE_TRIES
                ):
                    raise
            time.sleep(min(self.poll, 2.0**attempt))

    def resume(self):
        """Collect every batch of this store and service that is not collected yet. Returns a :class:`Report`."""
        report = Report()
        for entry in self.store.batches():
            if entry["origin"] == self.session.origin and entry["state"] in (
                "submitting",
                "submitted",
            ):
                self.budget.reserve(entry.get("reserved") or 0.0, wait=False)
                try:
                    entry = entry if entry["id"] else self._find(entry, report)
                except Refused as error:
                    report.stopped = (
                        f"the batches of the service cannot be listed: {error.kind}: {error.detail}"
                    )
                if entry and not report.stopped:
                    report.failures += self._see_through(entry, report).values()
                if report.stopped:
                    break
        return report

    def _find(self, entry, report):
        """The entry with the id of its batch, or None where no batch was created for it."""
        earliest = datetime.fromisoformat(entry["created"]) - CLOCK_SKEW
        known = {other["id"] for other in self.store.batches()}
        with self.session.batches() as batches:
            candidates = []
            for batch in batches.list(limit=100):
                if batch.created_at < earliest:
                    break
                counts = batch.request_counts
                total = (
                    counts.processing
                    + counts.succeeded
                    + counts.errored
                    + counts.canceled
                    + counts.expired
                )
                if batch.id not in known and total == len(entry["asks"]):
                    candidates.append(batch.id)
        for found in candidates:
            if not self._ended(found, report):
                return None
            lines, _ = self._read(found)
            if any(line.custom_id in entry["asks"] for line in lines):
                return self.store.write_batch({**entry, "id": found, "state": "submitted"})
        if not report.stopped and not report.waiting:
            self._finish(entry, "never created")
        return None

    def _see_through(self, entry, report):
        """Wait for a batch and store its replies. Returns what failed: dict key -> Failure."""
        if not self._ended(entry["id"], report):
            return {}
        lines, whole = self._read(entry["id"])
        failed = self._store(entry, lines)
        absent = [key for key in entry["asks"] if key not in failed and key not in self.store]
        for key in absent:
            failed[key] = Failure(
                entry["asks"][key]["about"],
                "absent",
                f"batch {entry['id']} returned no result for it",
            )
        if whole:
            self._finish(entry, "collected")
        else:
            report.stopped = f"the results of batch {entry['id']} could not be read to their end; they stay with the service"
        return failed

    def _ended(self, batch_id, report):
        while True:
            try:
                with self.session.batches() as batches:
                    batch = batches.retrieve(batch_id)
                status, counts = batch.processing_status, batch.request_counts
                done = counts.succeeded + counts.errored + counts.expired + counts.canceled
                self.told(done, done + counts.processing)
            except (Refused, AttributeError) as error:
                report.stopped = (
                    f"batch {batch_id} cannot be looked up: {error}; it goes on without us"
                )
                return False
            if status == "ended":
                return True
            if not self.wait:
                report.waiting.append(batch_id)
                return False
            time.sleep(self.poll)

    def _read(self, batch_id):
        """All result lines of a batch, and whether they were read to the end."""
        lines = []
        for _ in range(READS):
            lines = []
            try:
                with self.session.batches() as batches:
                    for line in batches.results(batch_id):
                        lines.append(line)
                return lines, True
            except Refused:
                time.sleep(min(self.poll, 1.0))
            except Exception as error:
                # The stream is read by the HTTP library, whose own errors do not pass through the SDK.
                if not type(error).__module__.startswith(("httpx", "httpcore", "h11")):
                    raise
                time.sleep(min(self.poll, 1.0))
        return lines, False

    def _store(self, entry, lines):
        failed = {}
        for line in lines:
            key, result = getattr(line, "custom_id", None), getattr(line, "result", None)
            if key not in entry["asks"] or result is None:
                continue
            ask = Ask(params=entry["asks"][key]["params"], about=entry["asks"][key]["about"])
            if result.type == "succeeded":
                message = self.session.redacted(result.message)
                usd = self.budget.cost(message["usage"], batch=True)
                if self._new(entry, key, message):
                    self.store.put(
                        key, record(message, ask, entry["dropped"], usd, entry["id"]), replace=True
                    )
                    self.budget.settle(0.0, usd)
                failed.pop(key, None)
            elif not self._answered(entry, key):
                failed[key] = self._failure(entry, ask, result)
        return failed

    def _answered(self, entry, key):
        stored = self.store.get(key)
        return stored is not None and stored.get("batch") == entry["id"]

    def _new(self, entry, key, message):
        """Whether this is the first reply to the question: a batch may be read twice, or answer an id twice."""
        return not self._answered(entry, key)

    def _failure(self, entry, ask, result):
        if result.type != "errored":
            return Failure(
                ask.about, str(result.type), f"batch {entry['id']}: the request {result.type}"
            )
        error = getattr(getattr(result, "error", None), "error", None)
        kind, said = (
            getattr(error, "type", "error"),
            self.session.redact(getattr(error, "message", "") or "no reason given"),
        )
        self.session.learn({"model": entry["model"], **_options_sent(entry)}, Refused(kind, said))
        return Failure(ask.about, kind, said)

    def _finish(self, entry, state):
        self.budget.settle(entry.get("reserved") or 0.0, None)
        return self.store.write_batch(
            {
                **entry,
                "state": state,
                "asks": {
                    key: {"about": item["about"], "params": None}
                    for key, item in entry["asks"].items()
                },
            }
        )


def _options_sent(entry):
    """The optional parameters of a batch, in a body without anything else."""
    plain = {name: True for name in entry["options"] if name != "cache_control"}
    return {
        **plain,
        "system": [{"cache_control": True}] if "cache_control" in entry["options"] else [],
    }
