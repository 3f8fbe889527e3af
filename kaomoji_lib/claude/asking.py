"""Asking many questions: a few at a time, each stored as it is answered, stopping before the money runs out."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kaomoji_lib.claude.client import Refused

WORKERS = 4
FAILURES_IN_A_ROW = 6


@dataclass(frozen=True)
class Failure:
    """A question without an answer, and why."""

    about: dict
    kind: str
    detail: str


@dataclass
class Report:
    """What asking came to. ``stopped``: why it ended early, or an empty string."""

    asked: int = 0
    answered: int = 0
    failures: list = field(default_factory=list)
    stopped: str = ""
    waiting: list = field(default_factory=list)

    def add(self, other):
        self.asked += other.asked
        self.answered += other.answered
        self.failures += other.failures
        self.stopped = self.stopped or other.stopped
        self.waiting += other.waiting
        return self


def record(message, ask, dropped, usd, batch=None):
    """What is stored of one reply."""
    return {
        **ask.public(),
        "dropped": list(dropped),
        **message,
        "usd": usd,
        "batch": batch,
        "received": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def due(asks, origin, store, again=lambda stored, ask: False):
    """The questions that want asking, by key: those without a reply, and those whose reply ``again`` condemns."""
    wanted = {}
    for ask in asks:
        key = ask.key(origin)
        stored = store.get(key)
        if stored is None or again(stored, ask):
            wanted.setdefault(key, ask)
    return wanted


def ask_all(
    session, asks, store, budget, *, workers=WORKERS, again=lambda stored, ask: False, told=None
):
    """Ask what is not stored yet, ``workers`` at a time.

    ``told(done, total)`` is called after every question. Returns a :class:`Report`; never raises for
    what the service does. A reply is on disk before the next question of its worker is sent.
    """
    wanted = due(asks, session.origin, store, again)
    report, lock, stop, row = Report(asked=len(wanted)), threading.Lock(), threading.Event(), [0]

    def one(key, ask):
        if stop.is_set():
            return
        most = budget.most(ask.params)
        if not budget.reserve(most):
            halt(
                f"the next request could cost more than what is left of --max-usd ({budget.limit:g})"
            )
            return
        paid = None
        try:
            answer = session.ask(ask.params)
            paid = budget.cost(answer.message["usage"])
            store.put(key, record(answer.message, ask, answer.dropped, paid), replace=True)
            failure = None
        except Refused as error:
            failure = error
            if error.paid:
                paid = most if budget.price else None
                store.lose(key, paid, error.kind)
        finally:
            budget.settle(most, paid)
        with lock:
            row[0] = row[0] + 1 if failure else 0
            if failure:
                report.failures.append(Failure(ask.about, failure.kind, failure.detail))
            else:
                report.answered += 1
            if told:
                told(report.answered + len(report.failures), len(wanted))
        if failure and failure.hopeless:
            halt(f"the service refuses every request: {failure.detail}")
        elif row[0] >= FAILURES_IN_A_ROW:
            halt(
                f"{FAILURES_IN_A_ROW} requests in a row failed, the last with {failure.kind}: {failure.detail}"
            )

    def halt(reason):
        with lock:
            report.stopped = report.stopped or reason
        stop.set()

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = [pool.submit(one, key, ask) for key, ask in wanted.items()]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return report
