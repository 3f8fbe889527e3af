"""Faults of a service, one at a time. Files that rot are in tests/test_files.py and tests/test_claude.py."""

from unittest import mock

from fake_api import BATCH_FAULTS, FACES, FAULTS, UNPAID, FakeAPI
from kills import prompts
from report import Count

from kaomoji_lib.claude import connection
from kaomoji_lib.claude import exchanges as exchanges_of
from kaomoji_lib.claude.client import Settings
from kaomoji_lib.claude.method import ask
from kaomoji_lib.claude.questions import elicit, introspect, synthesize
from kaomoji_lib.claude.store import ReplyStore

CLAUDE = "claude-haiku-4-5"


def campaign(place):
    return [
        serving(place, "a service that misbehaves", FAULTS),
        serving(place, "batches whose creation fails", [*UNPAID, "cut-body"], batch=True),
        serving(place, "batches with failed items", BATCH_FAULTS, batch=True),
    ]


def serving(place, name, faults, batch=False):
    """Every method under one fault after the other: reported, completed by the next run, nothing paid for twice."""
    count, few = Count("fault", name), prompts(place, 1)
    exchanges = exchanges_of.opened((f"m{n}", f"hello {n}", f"{f} hi") for n, f in enumerate(FACES))
    methods = {
        "elicit": elicit(CLAUDE, few, runs=1),
        "introspect": introspect(CLAUDE, FACES),
        "synthesize": synthesize(CLAUDE, exchanges),
    }
    for fault in faults:
        for name, method in methods.items():
            out = place / f"{fault}-{name}-{batch}-{len(faults)}"
            quick = {"poll": 0.01, "workers": 2, "batch": batch}
            items = {"batch_faults": [fault]} if faults is BATCH_FAULTS else {"faults": [fault]}
            with (
                FakeAPI(stall=1.3, **items).environment() as there,
                mock.patch("anthropic._base_client.INITIAL_RETRY_DELAY", 0.02),
                mock.patch.multiple(connection, RETRIES=2, TIMEOUT=1.0),
            ):
                count.tried += 1
                try:
                    _, first = ask(Settings(CLAUDE, str(out), **quick), method)
                    before = ReplyStore(out).log
                    wrong = [why for _, why in first.unusable if "answered by" in why]
                    unfinished = first.counts["missing"] + len(first.unusable) - len(wrong)
                    count.broken += bool(unfinished) != bool(first.remedy)
                    decided = {"retry_invalid": bool(first.unusable)}
                    if ReplyStore(out).open_batches():
                        ids = list(there.batches)
                        decided |= {"batch": ids[0]} if ids else {"resend": True}
                    _, last = ask(Settings(CLAUDE, str(out), **{**quick, **decided}), method)
                except Exception as error:
                    print(f"  {fault}, {name}: {type(error).__name__}: {error}")
                    count.broken += 1
                    continue
                kept = ReplyStore(out).log
            n_requests = sum(last.counts.values())
            count.rows += n_requests
            count.lost += last.counts["missing"] + sum(record not in kept for record in before)
            extra = sum(there.paid.values()) - n_requests
            allowed = len(first.unusable) - len(wrong) + (fault == "cut-body" and not batch)
            count.duplicated += max(0, extra - allowed)
    return count
