"""The same requests through Message Batches, at half the price.

The intent (the hashes of the requests) is stored before a batch is created, its id afterwards. A process that dies in
between leaves an intent without an id; the next run stops and says how to go on, since only a person can look up
whether that batch exists.
"""

import time
from datetime import UTC, datetime

from kaomoji_lib.claude.connection import STATUS, Refused
from kaomoji_lib.claude.requests import Failure, Report, Request
from kaomoji_lib.errors import KaomojiError

READS, CREATE_TRIES = 3, 5


class Batches:
    """The batches of one :class:`~kaomoji_lib.claude.client.Client`."""

    def __init__(self, client):
        self.client, self.settings, self.store = client, client.settings, client.store
        self.budget, self.connection = client.budget, client.connection

    def ask(self, due):
        """Submit the requests ``due`` (dict key -> Request) and collect the replies. Returns a Report."""
        report, part = Report(), {}
        for key, request in due.items():
            if not self.budget.reserve(self._most(request), wait=False):
                report.stopped = f"more requests could cost more than what is left of --max-usd ({self.budget.limit:g})"
                break
            part[key] = request
        if part:
            try:
                report.add(self._collect(self._submit(part)))
            except Refused as error:
                report.stopped = f"the batch was not accepted: {error}"
        return report

    def collect_open(self):
        """Collect the batches of earlier runs. Returns a Report; raises KaomojiError for one without an id."""
        report = Report()
        for entry in self.store.open_batches():
            if entry["origin"] != self.connection.origin or report.stopped:
                continue
            if entry["id"] is None:
                if self.settings.resend:
                    self.store.write_batch({**entry, "state": "abandoned"})
                    continue
                if not self.settings.batch_id:
                    raise KaomojiError(
                        f"a batch of {len(entry['requests'])} requests may have been created at {entry['created']} and its id "
                        "was not stored; expected to know whether it exists; look at https://console.anthropic.com under "
                        "Batches, then run the same command with --batch ID, or with --resend if there is none"
                    )
                entry = self._adopted(entry)
            self.budget.reserve(entry["reserved"], wait=False)
            report.add(self._collect(entry))
        return report

    def _adopted(self, entry):
        batch_id = self.settings.batch_id
        try:
            with self.connection.errors():
                self.connection.sdk.messages.batches.retrieve(batch_id)
        except Refused as error:
            raise KaomojiError(
                f"batch {batch_id} cannot be looked up ({error}); expected the id of an existing batch; correct --batch ID"
            ) from None
        return self.store.write_batch(
            {**entry, "id": batch_id, "state": "submitted", "adopted": True}
        )

    def _most(self, request):
        return self.budget.most(request.params, batch=True)

    def _submit(self, part):
        entry = self.store.write_batch(
            {
                "state": "intended",
                "id": None,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "origin": self.connection.origin,
                "reserved": sum(map(self._most, part.values())),
                "requests": {key: request.public() for key, request in part.items()},
                "most": {key: self._most(request) for key, request in part.items()},
                "model": next(iter(part.values())).params["model"],
            }
        )
        requests = [{"custom_id": key, "params": request.params} for key, request in part.items()]
        try:
            batch = self._create(requests)
        except Refused as error:
            # Anything but a refusal by the API leaves open whether the batch exists.
            if error.kind in STATUS:
                self._finish(entry, "refused")
            raise
        return self.store.write_batch({**entry, "id": batch.id, "state": "submitted"})

    def _create(self, requests):
        # Not left to the SDK: it would also repeat a creation whose answer was lost, and pay for the batch twice.
        once = self.connection.sdk.with_options(max_retries=0).messages.batches
        for attempt in range(1, CREATE_TRIES + 1):
            try:
                with self.connection.errors():
                    batch = once.create(requests=requests)
                if isinstance(getattr(batch, "id", None), str):
                    return batch
                raise Refused("unreadable", "the service's answer names no batch")
            except Refused as error:
                passing = error.kind in ("rate_limit_error", "overloaded_error")
                if not passing or attempt == CREATE_TRIES:
                    raise
            time.sleep(min(self.settings.poll, 2.0**attempt))

    def _collect(self, entry):
        """Wait for a batch and store its replies. Returns a Report."""
        report = Report()
        lines = self._results(entry, report)
        if lines is None:
            return report
        lines = [line for line in lines if getattr(line, "custom_id", None) in entry["requests"]]
        if entry.get("adopted") and not lines:
            self.store.write_batch({**entry, "id": None, "state": "intended", "adopted": False})
            raise KaomojiError(
                f"batch {entry['id']} has no result of this run's requests; expected the batch that was created at "
                f"{entry['created']}; name another with --batch ID, or use --resend if there is none"
            )
        failed = {}
        for line in lines:
            self._keep(entry, line, failed)
        for key, facts in entry["requests"].items():
            if key not in failed and not self._answered(entry, key):
                detail = f"batch {entry['id']} returned no result for it"
                failed[key] = Failure(facts["about"], "absent", detail)
        self._finish(entry, "collected")
        report.failures += failed.values()
        return report

    def _results(self, entry, report):
        """Return all result lines of a batch, or None, with the reason in the report."""
        batches, batch_id = self.connection.sdk.messages.batches, entry["id"]
        try:
            while True:
                with self.connection.errors():
                    batch = batches.retrieve(batch_id)
                counts = batch.request_counts
                done = counts.succeeded + counts.errored + counts.expired + counts.canceled
                self.client.on_progress(done, done + counts.processing)
                if batch.processing_status == "ended":
                    break
                if not self.settings.wait:
                    report.waiting.append(batch_id)
                    return None
                time.sleep(self.settings.poll)
        except (Refused, AttributeError) as error:
            report.stopped = f"batch {batch_id} cannot be looked up: {error}; it goes on by itself"
            return None
        for attempt in range(READS):
            try:
                with self.connection.errors():
                    return list(batches.results(batch_id))
            except Refused as error:
                problem = error
            time.sleep(min(self.settings.poll, 2.0**attempt))
        report.stopped = f"the results of batch {batch_id} could not be read ({problem}); they stay with the service"
        return None

    def _keep(self, entry, line, failed):
        key, result = line.custom_id, getattr(line, "result", None)
        if self._answered(entry, key):
            return
        facts = entry["requests"][key]
        kind = str(getattr(result, "type", "unreadable"))
        if kind == "succeeded":
            message = self.connection.plain(result.message)
            usd = self.budget.cost(message["usage"], entry["most"][key], batch=True)
            request = Request(facts["params"], facts["about"])
            self.client.keep(key, request, message, usd, entry["id"])
            self.budget.settle(0.0, usd)
            failed.pop(key, None)
            return
        detail = f"batch {entry['id']}: the request {kind}"
        if kind == "errored":
            error = getattr(getattr(result, "error", None), "error", None)
            kind = str(getattr(error, "type", "error"))
            detail = self.connection.redact(getattr(error, "message", None) or "no reason given")
        failed[key] = Failure(facts["about"], kind, detail)

    def _answered(self, entry, key):
        record = self.store.get(key)
        return record is not None and record.get("batch") == entry["id"]

    def _finish(self, entry, state):
        self.budget.settle(entry["reserved"], None)
        self.store.write_batch({**entry, "state": state, "requests": list(entry["requests"])})
