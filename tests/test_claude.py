"""The real SDK talks real HTTP to a fake API: nothing is lost, nothing is paid for twice, the key stays unseen."""

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

import fake_api
import pandas as pd
import pytest
from fake_api import FACES, FakeAPI

from kaomoji_lib import cli
from kaomoji_lib.claude import client, connection, method, models
from kaomoji_lib.claude.connection import Request, body
from kaomoji_lib.claude.exchanges import opened
from kaomoji_lib.claude.questions import elicit, introspect, likelihoods, synthesize, vocabulary
from kaomoji_lib.claude.store import CHARGE, FILE, REPLY, ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import load_lexicon, load_prompts, load_scheme

ROOT = Path(__file__).resolve().parents[1]
CANARY, MODEL = "sk-ant-canary-0123456789abcdef", "claude-haiku-4-5"
KILLS = int(os.environ.get("KILLS", "1"))
BOTH = pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])


@pytest.fixture
def few(tmp_path):
    """Three prompts of each of two categories."""
    table = load_prompts()
    part = table[table["category"].isin(["LP", "HN-D"])].groupby("category").head(3)
    part.to_csv(tmp_path / "few.csv", index=False)
    return tmp_path / "few.csv"


@pytest.fixture
def server(monkeypatch):
    """Start fake APIs that the environment points to, with a canary for a key."""
    monkeypatch.setattr(connection, "RETRIES", 2)
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(FakeAPI(**given).environment(CANARY))


@pytest.fixture
def ask(tmp_path, few):
    """Ask by a method, by default elicit one reply per prompt (six in all) with one worker into one folder."""

    def asked(chosen=None, out="out", runs=1, prompts=few, temperature=1.0, **changes):
        quick = {"model": MODEL, "poll": 0.01, "workers": 1, **changes}
        settings = client.Settings(out=str(tmp_path / out), **quick)
        return method.ask(settings, chosen or elicit(settings.model, prompts, runs, temperature))

    return asked


@pytest.fixture
def stored(tmp_path):
    """What is stored of a kind: list of dict."""
    return lambda kind=REPLY: [v for k, _, v in ReplyStore(tmp_path / "out").log if k == kind]


def payments(there):
    return sum(there.paid.values())


@BOTH
def test_elicit_ends_in_emissions(ask, server, batch):
    there = server()
    folder, outcome = ask(runs=2, batch=batch, workers=2)
    table, category = folder.table(), load_prompts().set_index("id")["category"]
    assert outcome.complete and outcome.remedy == "" and len(table) == 12
    assert table["face"].isin(FACES).all() and set(table["outcome"]) == {"kaomoji"}
    assert (table["category"] == table["prompt_id"].map(category)).all()
    assert folder.manifest["origin"] == there.url.removeprefix("http://")
    again, second = ask(runs=2, batch=batch)
    assert second.complete and payments(there) == 12
    pd.testing.assert_frame_equal(again.table(), table)


@BOTH
def test_judges_end_in_likelihoods_and_in_words_of_the_lexicon(ask, server, batch):
    there = server()
    folder, outcome = ask(introspect(MODEL, [*FACES[:6], "( ^_^ )", "(^_^)"]), batch=batch)
    values = folder.table()[list(load_scheme().codes)].to_numpy()
    assert outcome.complete and list(folder.table()["face"]) == FACES[:6] and payments(there) == 6
    assert values.min() >= 0 and values.max() <= 1 and values.std() > 0
    turns = [("m1", f"hello {n}", f"{FACES[n % 3]} hi") for n in range(15)]
    for _ in range(2):
        folder, outcome = ask(synthesize(MODEL, opened(turns)), batch=batch)
    table, (anchors, others, version) = folder.table(), vocabulary()
    assert outcome.complete and len(table) == 3 == payments(there) - 6
    assert set(table["count"]) == {5} and set(table["lexicon_version"]) == {version}
    for row in table.itertuples():
        assert 1 <= len(row.primary) <= 3 and set(row.primary) <= set(anchors)
        assert 3 <= len(row.others) <= 5 and set(row.others) <= set(others)


def test_what_is_asked(few):
    scheme, anchors = load_scheme(), set(load_lexicon()["word"])
    params = introspect(MODEL, ["(^_^)"]).requests[0].params
    [system] = params["system"]
    for code, described in scheme.table["description"].items():
        words = re.search(f"^- {code}: (.*)$", system["text"], re.M)[1].split(", ")
        own = {*described.split(", ")}
        assert 3 <= len(words) <= 6 and set(words) & own and set(words) & anchors
    assert params["messages"] == [{"role": "user", "content": "(^_^)"}]
    assert system["cache_control"] == {"type": "ephemeral"}
    requests, text = elicit(MODEL, few, runs=2).requests, load_prompts(few)["text"][0]
    [message] = requests[0].params["messages"]
    assert message["content"].endswith(f"how you feel. {text}")
    assert {*requests[0].params} == {*"model messages max_tokens thinking temperature".split()}
    assert len({request.key(host) for request in requests for host in "ab"}) == 24


BATCHED = [*fake_api.UNPAID, "cut-body", *fake_api.BATCH_FAULTS]
CASES = [(name, False) for name in fake_api.FAULTS] + [(name, True) for name in BATCHED]


@pytest.mark.parametrize("fault, batch", CASES)
def test_no_fault_of_the_service_loses_a_reply_or_pays_twice(
    tmp_path, ask, server, stored, monkeypatch, fault, batch
):
    """Reported with a remedy, and completed by the next run; what is unusable is paid for again on request alone."""
    kind = "batch_faults" if fault in fake_api.BATCH_FAULTS else "faults"
    there, judged = server(**{kind: [fault]}, stall=1.5), introspect(MODEL, FACES)
    monkeypatch.setattr(connection, "TIMEOUT", 1.0 if fault == "timeout" else 30.0)
    folder, first = ask(judged, batch=batch, workers=2)
    before, paid, is_other = stored(), payments(there), fault == "wrong-model"
    unfinished = first.counts["missing"] + first.counts["unusable"] - is_other
    assert bool(unfinished) == bool(first.remedy)
    assert len(folder.table()) == 9 - first.counts["refused"] - unfinished - is_other
    if fault in fake_api.UNPAID and fault not in ("400", "401") and not batch:
        # Also errors and foreign pages that come with status 200: the SDK retries them.
        assert first.complete and there.requests["/v1/messages"] == 10 and stored(CHARGE) == []
    if first.unusable:
        assert len(ask(judged)[1].unusable) == 1 and payments(there) == paid
        assert is_other or "--retry-invalid" in first.remedy
    decided = {"batch": batch, "retry_invalid": True}
    if ReplyStore(tmp_path / "out").open_batches():
        decided |= {"batch": next(iter(there.batches))} if there.batches else {"resend": True}
    _, last = ask(judged, **decided)
    assert last.counts["missing"] == 0 and last.counts["unusable"] == is_other
    assert stored()[: len(before)] == before, "nothing is replaced or lost"
    asked_again = len(first.unusable) - is_other + (fault == "cut-body" and not batch)
    assert payments(there) == 9 + asked_again == len(stored()) + len(stored(CHARGE))


@pytest.mark.parametrize("fault", ["500", "wrong-model", "html-200", "error-200", "401"])
def test_a_service_that_does_not_serve_is_not_asked_for_ever(
    ask, server, stored, monkeypatch, fault
):
    there = server(faults=[fault] * 1000)
    monkeypatch.setattr(connection, "RETRIES", 0)
    assert "in a row failed" in ask(runs=8)[1].stopped and there.requests["/v1/messages"] < 12
    assert fault == "wrong-model" or stored() == []


def test_what_is_paid_but_not_counted_costs_the_most_that_it_could(few, ask, server, stored):
    """A body that was cut is noted as a charge and asked again; a reply without usage is kept."""
    server(faults=["cut-body", "no-usage"])
    _, outcome = ask()
    most = [models.Budget(MODEL).most(one.params) for one in elicit(MODEL, few).requests[:2]]
    assert [stored(CHARGE)[0]["usd"], stored()[0]["usd"]] == most and outcome.usd > sum(most)


# Asked for | echoed spellings of it | spellings of other models.
SPELLINGS = """
claude-haiku-4-5 | claude-haiku-4-5-20251001 claude-haiku-4-5@20251001 claude-haiku-4-5@default \
us.anthropic.claude-haiku-4-5-20251001-v1:0 anthropic.claude-haiku-4-5-20251001-v1:0 \
arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0 |
claude-opus-4-7 | publishers/anthropic/models/claude-opus-4-7@20260101 anthropic/claude-opus-4.7 Claude-Opus-4-7 \
anthropic/claude-4.7-opus-20260101 anthropic/claude-4.7-opus:beta | claude-opus-4-6 claude-sonnet-4-7 gpt-5 claude-7.4-opus
claude-opus-4 | claude-opus-4-0 | claude-opus-4-7
claude-sonnet-4-0 | claude-sonnet-4-20250514 |
claude-3-5-sonnet-20240620 | claude-3-5-sonnet-latest | claude-3-5-sonnet-20241022
claude-3-5-sonnet-latest | claude-3-5-sonnet-v2@20241022 |
owner/some-model | some-model | other-model
"""


def test_a_model_is_known_in_every_spelling():
    """As clouds and gateways echo it; otherwise replies that were paid for would be unusable."""
    for line in SPELLINGS.strip().splitlines():
        asked, same, others = line.split("|")
        request = Request(body(asked.strip(), 4, "x"), {})
        for echoed in (*same.split(), *others.split()):
            complaint = client.other_model({"model": echoed}, request)
            assert (complaint == "") == (echoed in same.split()), echoed
    assert client.other_model({"model": ""}, request)
    assert models.prices("us.anthropic.claude-haiku-4-5-20251001-v1:0") == models.prices(MODEL)
    assert not any(models.prices("some-model").values()) and models.omitted("some-model") == ()


ODD = {"refusal": "refusal", "empty": "empty", "context-full": "truncated", "surrogate": "kaomoji"}


def test_odd_replies_are_outcomes_of_eliciting_and_refusals_answers_of_judges(ask, server):
    there = server(faults=list(ODD))
    folder, result = ask()
    table = folder.table()
    assert result.complete and list(table["outcome"][:4]) == list(ODD.values())
    assert table["text"][3].startswith("(・_・) \ufffd") and payments(there) == 6
    server(faults=["refusal"])
    folder, outcome = ask(introspect(MODEL, FACES))
    assert outcome.complete and outcome.counts["refused"] == 1 == len(FACES) - len(folder.table())
    server(faults=["unknown-word"])
    exchanges = opened([("m", "hello", "(◕‿◕) hi"), ("m", "bye", "(T_T) oh")])
    folder, outcome = ask(synthesize(MODEL, exchanges))
    assert outcome.counts["unusable"] == 1 == len(folder.table())


def test_what_a_model_rejects_is_left_out_by_the_table_or_named(ask, server):
    there = server(rejects="temperature")
    folder, outcome = ask(out="new", model="claude-opus-4-7")
    assert outcome.complete and folder.manifest["omitted_parameters"] == ["temperature"]
    assert "temperature" not in body("claude-opus-4-7@20260101", 4, "x", temperature=0.0)
    _, outcome = ask()
    assert "--temperature none" in str(outcome) and "claude_models.csv" in outcome.stopped
    assert payments(there) == 6 and ask(temperature=None)[1].complete


@pytest.mark.parametrize("fault", ["reset", "500", "timeout"])
@BOTH
def test_a_batch_that_may_exist_is_neither_sent_again_nor_forgotten_unasked(
    ask, server, stored, monkeypatch, fault, batch
):
    there = server(faults=[fault], stall=1.5)
    monkeypatch.setattr(connection, "TIMEOUT", 1.0)
    assert "not accepted" in ask(batch=True)[1].stopped and len(there.batches) == (fault == "reset")
    before, maybe = there.requests.copy(), "6 requests may have been created.*--batch ID.*--resend"
    with pytest.raises(KaomojiError, match=maybe):
        ask(batch=batch)
    assert there.requests == before, "nothing was sent"
    wrong = "msgbatch_x cannot be looked up: not_found_error"
    assert wrong in ask(batch="msgbatch_x")[1].stopped
    exists = {"batch": next(iter(there.batches), "")}
    _, outcome = ask(**exists) if there.batches else ask(batch=batch, resend=True)
    assert outcome.complete and len(stored()) == 6 == payments(there)
    assert len(there.batches) == (fault == "reset" or batch) and ask(batch=batch)[1].complete


def test_a_batch_of_something_else_is_not_taken_for_ours(ask, server):
    there = server(faults=["", "reset"])
    ask(introspect(MODEL, FACES[:2]), out="other", batch=True)
    ask(batch=True)
    other, own = there.batches
    for _ in range(2):
        with pytest.raises(KaomojiError, match="no result of this run's requests.*--resend"):
            ask(batch=other)
    assert ask(batch=own)[1].complete and payments(there) == 8


@BOTH
def test_the_limit_is_never_crossed_also_over_several_runs(ask, server, stored, batch):
    there, limit = server(), 0.001
    for _ in range(2):
        _, outcome = ask(runs=8, max_usd=limit, batch=batch)
        assert "--max-usd" in outcome.stopped and outcome.usd <= limit
    assert 0 < payments(there) < 48 and sum(one["usd"] for one in stored()) <= limit
    higher = float(outcome.remedy.split("--max-usd ")[1])
    _, outcome = ask(runs=8, max_usd=higher, batch=batch)
    assert outcome.complete and outcome.usd <= higher and payments(there) == 48


def test_no_request_costs_more_than_was_reserved():
    budget = models.Budget(MODEL)
    for text in ("hello", "(◕‿◕)" * 50, "a" * 5000):
        params, usage = body(MODEL, 40, text), {"input_tokens": len(text.encode())}
        assert budget.most(params) >= budget.cost({**usage, "output_tokens": 40}, 0.0) > 0


def run_cli(*words, **environment):
    command = [sys.executable, "-m", "kaomoji_lib", "claude", *map(str, words), "--quiet"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, **pipes)


@BOTH
def test_killed_at_random_moments_it_goes_on_and_pays_for_nothing_twice(
    tmp_path, few, server, stored, batch
):
    def slowly(params):
        time.sleep(0.02)
        return fake_api.answer(params)

    there, out, decided = server(answers=slowly, batch_time=1.0), tmp_path / "out", []
    words = ["elicit", "--model", MODEL, "--out", out, "--prompts", few, "--workers", "2"]
    words += ["--batch", "--poll", "0.05"] if batch else []
    for _ in range(KILLS):
        process, before = run_cli(*words, *decided), there.requests.total()
        while there.requests.total() == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 1.5 if batch else 0.2))
        process.kill()
        process.communicate()
        # What is under way ends without its client.
        time.sleep(1.2 if batch else 0.1)
        paid, kept, ids = payments(there), len(stored()), list(there.batches)
        assert batch or paid - kept <= 6, "at most the requests under way are lost"
        unknown = [one for one in ReplyStore(out).open_batches() if one["id"] is None]
        decided = (["--batch", ids[0]] if ids else ["--resend"]) if unknown else []
    process = run_cli(*words, *decided)
    assert process.communicate(timeout=120) and process.returncode == 0
    assert payments(there) == (48 if batch else paid + 48 - kept), "no reply was paid for again"
    assert len(there.batches) == batch and len(method.AnswerFolder(out / "elicit").table()) == 48


def test_two_processes_do_not_share_a_folder(tmp_path, ask, server):
    server()
    left = tmp_path / "out" / "elicit" / ".manifest.json.77.part"
    left.parent.mkdir(parents=True)
    left.write_text("half", encoding="utf-8")
    with client.opened(client.Settings(MODEL, str(tmp_path / "out"))):
        assert not left.exists(), "what a killed process left"
        with pytest.raises(KaomojiError, match="another process"):
            ask()
    assert ask()[1].complete


def test_a_damaged_store_is_named_and_nothing_is_paid_for_again_unasked(tmp_path, ask, server):
    there, path = server(), tmp_path / "out" / FILE
    ask()
    content = path.read_bytes()
    changed = content.replace(b"tell me more", b"sell me more", 1)
    assert changed != content
    for wrong in (b"", b"{", content[: len(content) // 2], content[:100], bytes(9999), changed):
        path.write_bytes(wrong)
        with pytest.raises(KaomojiError, match=f"{FILE} .*restore.*pay"):
            ask()
    path.write_bytes(content)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")
    with pytest.raises(KaomojiError, match="has version 9; expected 2"):
        ask()
    assert payments(there) == 6


def test_a_disk_that_is_full_stops_asking(ask, server, monkeypatch):
    def full(store, *given):
        with store._errors():
            raise sqlite3.OperationalError("database or disk is full")

    there = server()
    monkeypatch.setattr(ReplyStore, "append", full)
    with pytest.raises(KaomojiError, match="disk is full.*free disk space"):
        ask()
    assert payments(there) <= 2


def test_the_key_and_private_text_are_written_nowhere(tmp_path, few, server, capsys, caplog):
    secret = "my-neighbour-zebedee-7741"
    exchanges, faces = tmp_path / "private.jsonl", tmp_path / "faces.txt"
    row = {"user": f"{secret} said hello", "assistant": f"(◕‿◕) {secret} is nice"}
    exchanges.write_text(json.dumps({**row, "source_model": "m"}))
    faces.write_text("\n".join(FACES), encoding="utf-8")
    caplog.set_level("DEBUG", logger="httpx2")
    elicited, judged = ["elicit", "--prompts", few, "--runs", "1"], ["introspect", "--faces", faces]
    worded, printed = ["synthesize", "--exchanges", exchanges], []
    everything = (
        "401 echo-key 429 500 cut-body cut-json schema refusal html-200 error-200 wrong-model"
    )
    for number, (faults, batch) in enumerate(
        [(everything, False), ("401", True), ("", True), ("echo-key", False), ("reset", True)]
    ):
        server(faults=faults.split(), batch_faults=["errored", "expired"])
        common = ["--model", MODEL, "--out", tmp_path / f"out{number}", "--workers", "1", "--quiet"]
        common += ["--poll", "0.01", *(["--batch"] if batch else [])]
        for words in (elicited, judged, worded):
            for extra in ([], ["--dry-run"], ["--retry-invalid"], ["--resend"]):
                cli.main(["claude", *map(str, [*words, *common, *extra])])
        printed += list(capsys.readouterr())
    # The SDK's own debug log shows requests, so only the key is looked for in it.
    server(faults=["401"])
    words = [*elicited, "--out", tmp_path / "debug", "--workers", "1"]
    logged = run_cli(*words, ANTHROPIC_LOG="debug").communicate(timeout=120)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 25 and "HTTP Request" in logged[1]
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path
        assert path == exchanges or secret.encode() not in path.read_bytes(), path
    assert not any(CANARY in text for text in [*logged, *printed, caplog.text])
    assert not any(secret in text for text in printed)
    assert any("[key]" in text for text in printed), "the fault that echoes the key was met"


def test_no_exception_and_no_name_of_a_service_carries_the_key(server, monkeypatch):
    server(faults=["401"])
    service = connection.Connection()
    with pytest.raises(connection.Refused) as caught:
        service.send(body(MODEL, 4, "x"))
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + repr(service)
    for key in ("k\n", " k", "k\u00e9", "k\x00"):
        monkeypatch.setattr(connection.os, "environ", {connection.KEY: key + CANARY})
        with pytest.raises(KaomojiError, match="is not set, or no key") as caught:
            connection.Connection()
        assert CANARY not in str(caught.value)
    gate = {connection.BASE: "https://user:secret@gate.example:8443/x?token=y"}
    monkeypatch.setattr(connection.os, "environ", gate)
    assert connection.origin() == "gate.example:8443"


NO_OBJECTS = [
    "",
    "a: 1",
    "[1]",
    '{"a": 1',
    '{"b": 1}',
    '{"a": 1, "b": 2}',
    '{"a": 1, "a": 1}',
    "[" * 100_000,
]
NO_LIKELIHOODS = ["1.7", "-0.1", '"0.5"', "true", "null", "[0.5]", "NaN", "1e999", "9" * 400]


def test_answers_are_read_strictly():
    form = likelihoods(["a"])
    for text in [*NO_OBJECTS, *(f'{{"a": {value}}}' for value in NO_LIKELIHOODS)]:
        with pytest.raises(method.NotAnswered):
            method.read_answer({"text": text}, form)
    fenced = {"text": '```json\n{"a": 0.5}\n```'}
    assert method.read_answer(fenced, form) == {"a": 0.5}
    words = synthesize(MODEL, opened([("m", "hello", "(◕‿◕) hi")])).read
    for primary in (["sly", "sly"], ["wry"], [], "sly", ["sly", "smug", "sad", "weary"]):
        answer = {"primary": primary, "others": ["wry", "eager", "proud"]}
        with pytest.raises(method.NotAnswered):
            words({"text": json.dumps(answer)})
    answer["primary"] = ["sly", "smug"]
    assert words({"text": json.dumps(answer)}) == answer
