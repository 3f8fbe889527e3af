"""The same requests through Message Batches, at half the price.

The intent (the hashes of the requests) is stored before a batch is created, its id afterwards. A process that dies in
between leaves an intent without an id; the next run stops and says how to go on, since only a person can look up
whether that batch exists.
"""

import time
from datetime import UTC, datetime

from kaomoji_lib.claude.connection import STATUS, Refused
from kaomoji_lib.claude.requests import Report
from kaomoji_lib.errors import KaomojiError


class Batches:
    """The batches of one :class:`~kaomoji_lib.claude.client.Client`."""

    def __init__(self, client):
        self.client, self.settings, self.store = client, client.settings, client.store
        self.budget, self.connection = client.budget, client.connection

    def ask(self, due):
        """Submit the requests ``due`` (dict key -> Request) and collect the replies. Returns a Report."""
        report, part, most = Report(), {}, {}
        for key, request in due.items():
            usd = self.budget.most(request.params, batch=True)
            if not self.budget.reserve(usd):
                report.stopped = f"more requests could cost more than what is left of --max-usd ({self.budget.limit:g})"
                break
            part[key], most[key] = request, usd
        if part:
            try:
                self._collect(self._submit(part, most), report)
            except Refused as error:
                report.stopped = f"the batch was not accepted: {error}"
        return report

    def collect_open(self):
        """Collect the batches of earlier runs. Returns a Report; raises KaomojiError for one without an id."""
        report = Report()
        for entry in self.store.open_batches():
            if entry["origin"] != self.connection.origin or report.stopped:
                continue
            if entry["id"] is None and self.settings.resend:
                self.store.write_batch({**entry, "state": "abandoned"})
                continue
            if entry["id"] is None and not self.settings.batch_id:
                raise KaomojiError(
                    f"a batch of {len(entry['requests'])} requests may have been created at {entry['created']} and its id "
                    "was not stored; expected to know whether it exists; look at https://console.anthropic.com under "
                    "Batches, then run the same command with --batch ID, or with --resend if there is none"
                )
            self.budget.reserve(entry["reserved"])
            self._collect({**entry, "id": entry["id"] or self.settings.batch_id}, report)
        return report

    def _submit(self, part, most):
        entry = self.store.write_batch(
            {
                "state": "intended",
                "id": None,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "origin": self.connection.origin,
                "reserved": sum(most.values()),
                "requests": {key: request.public() for key, request in part.items()},
                "most": most,
            }
        )
        requests = [{"custom_id": key, "params": request.params} for key, request in part.items()]
        # Without retries: the SDK would repeat a creation whose answer was lost, and pay for the batch twice.
        once = self.connection.sdk.with_options(max_retries=0).messages.batches
        try:
            with self.connection.errors():
                batch = once.create(requests=requests)
            if not isinstance(getattr(batch, "id", None), str):
                raise Refused("unreadable", "the service's answer names no batch")
        except Refused as error:
            # Anything but a refusal by the API leaves open whether the batch exists.
            if error.kind in STATUS:
                self._finish(entry, "refused")
            raise
        return self.store.write_batch({**entry, "id": batch.id, "state": "submitted"})

    def _collect(self, entry, report):
        """Wait for a batch, store its replies, and add to the report what has none."""
        lines = self._results(entry["id"], report)
        if lines is None:
            return
        lines = [line for line in lines if getattr(line, "custom_id", None) in entry["requests"]]
        if not lines and entry["state"] == "intended":
            raise KaomojiError(
                f"batch {entry['id']} has no result of this run's requests; expected the batch that was created at "
                f"{entry['created']}; name another with --batch ID, or use --resend if there is none"
            )
        problems = dict.fromkeys(
            entry["requests"], Refused("absent", f"batch {entry['id']} returned no result for it")
        )
        for line in lines:
            problems[line.custom_id] = self._keep(entry, line)
        abouts = {key: facts["about"] for key, facts in entry["requests"].items()}
        report.failures += [(abouts[key], one) for key, one in problems.items() if one]
        self._finish(entry, "collected")

    def _results(self, batch_id, report):
        """Return all result lines of a batch, or None, with the reason in the report."""
        batches = self.connection.sdk.messages.batches
        try:
            while True:
                with self.connection.errors():
                    batch = batches.retrieve(batch_id)
                    if batch.processing_status == "ended":
                        return list(batches.results(batch_id))
                if not self.settings.wait:
                    report.waiting.append(batch_id)
                    return None
                time.sleep(self.settings.poll)
        except (Refused, AttributeError) as error:
            report.stopped = (
                f"batch {batch_id} cannot be looked up: {error}; its replies stay with the service"
            )
            return None

    def _keep(self, entry, line):
        """Store the reply of a result line; returns a :class:`.connection.Refused` where it has none."""
        key, result = line.custom_id, getattr(line, "result", None)
        facts, stored = entry["requests"][key], self.store.get(key)
        if stored is not None and stored["batch"] == entry["id"]:
            return None
        kind = str(getattr(result, "type", "unreadable"))
        if kind == "succeeded":
            message = self.connection.plain(result.message)
            usd = self.budget.cost(message["usage"], entry["most"][key], batch=True)
            self.client.keep(key, facts, message, usd, entry["id"])
            self.budget.settle(0.0, usd)
            return None
        detail = f"batch {entry['id']}: the request {kind}"
        if error := getattr(getattr(result, "error", None), "error", None):
            kind, detail = str(error.type), self.connection.redact(str(error.message))
        return Refused(kind, detail)

    def _finish(self, entry, state):
        self.budget.settle(entry["reserved"], None)
        self.store.write_batch({**entry, "state": state, "requests": list(entry["requests"])})
