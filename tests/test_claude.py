"""The real SDK talks real HTTP to the stand-in: nothing is lost, nothing is paid for twice, the key stays unseen."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib import cli
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.claude import (
    asks,
    client,
    elicit,
    introspect,
    service,
    standin,
    strict,
    synthesize,
)
from kaomoji_lib.claude import exchanges as rows_of
from kaomoji_lib.claude.answers import AnswerFolder
from kaomoji_lib.claude.budget import Budget, most_tokens, price
from kaomoji_lib.claude.replies import ReplyStore
from kaomoji_lib.claude.standin import StandIn
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import load_prompts

ROOT = Path(__file__).resolve().parents[1]
CANARY = "sk-ant-canary-0123456789abcdef"
MODEL = "claude-haiku-4-5"
FACES = ["(◕‿◕)", "(T_T)", "(>_<)", "(・_・)", "(^_^)", "(ಠ_ಠ)"]


@pytest.fixture
def few(tmp_path):
    """Three prompts of each of two categories."""
    table = load_prompts()
    part = pd.concat([table[table["category"] == code].head(3) for code in ("LP", "HN-D")])
    path = tmp_path / "few.csv"
    part.to_csv(path, index=False)
    return path


@pytest.fixture
def server(monkeypatch):
    """Start stand-ins that the environment points to, with a canary for a key."""
    running = []

    def start(**settings):
        running.append(StandIn(**settings).__enter__())
        monkeypatch.setenv("ANTHROPIC_BASE_URL", running[-1].url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
        return running[-1]

    yield start
    for item in running:
        item.__exit__()


def settings(out, **changes):
    return service.Settings(
        MODEL, out=str(out), **{"retries": 2, "timeout": 30, "poll": 0.01, "workers": 2, **changes}
    )


def asked_once(server):
    """Whether no question was answered more often than it was asked for."""
    return max(server.paid.values(), default=0)


# -- methods, end to end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_elicit_ends_in_emissions(tmp_path, few, server, batch):
    there = server()
    folder, found = elicit.elicit(settings(tmp_path / "out", batch=batch), few, runs=2)
    table = folder.table()
    assert found.complete and found.command == "" and len(table) == 12
    assert set(table["outcome"]) <= {"kaomoji", "words", "refusal"}
    typed = table[table["outcome"] == "kaomoji"]
    assert (
        typed["face"].notna().all()
        and (
            typed["category"] == typed["prompt_id"].map(load_prompts().set_index("id")["category"])
        ).all()
    )
    assert (
        folder.manifest["origin"] == client.origin(there.url)
        and folder.manifest["model"]["kind"] == "stand-in"
    )
    paid = sum(there.paid.values())
    again, second = elicit.elicit(settings(tmp_path / "out", batch=batch), few, runs=2)
    assert second.complete and sum(there.paid.values()) == paid == 12
    pd.testing.assert_frame_equal(again.table(), table)


def test_batch_costs_half(tmp_path, few, server):
    server()
    _, single = elicit.elicit(settings(tmp_path / "single"), few, runs=1)
    server()
    _, batch = elicit.elicit(settings(tmp_path / "batch", batch=True), few, runs=1)
    assert batch.usd == pytest.approx(single.usd / 2)


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_introspect_ends_in_likelihoods(tmp_path, server, batch):
    server()
    folder, found = introspect.introspect(
        settings(tmp_path / "out", batch=batch), [*FACES, "ヽ(^_^)ﾉ"]
    )
    table = folder.table()
    assert found.complete and list(table["face"]) == [
        "(◕‿◕)",
        "(T_T)",
        "(>_<)",
        "(・_・)",
        "(^_^)",
        "(ಠ_ಠ)",
    ]
    values = table[list(load_scheme().codes)].to_numpy()
    assert values.min() >= 0 and values.max() <= 1


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_synthesize_ends_in_words_of_the_lexicon(tmp_path, server, batch):
    there = server()
    exchanges = rows_of.opened(
        [
            (model, f"{model}: hello {which} {number}", f"{face} hi")
            for model in ("m1", "m2")
            for which, face in enumerate(FACES)
            for number in range(5)
        ]
    )
    folder, found = synthesize.synthesize(settings(tmp_path / "out", batch=batch), exchanges)
    table, (anchors, others, version) = folder.table(), synthesize.vocabulary()
    assert (
        found.complete
        and len(table) == 12
        and set(table["count"]) == {5}
        and set(table["lexicon_version"]) == {version}
    )
    assert (
        table["primary"]
        .map(lambda words: 1 <= len(words) <= 3 and set(words) <= set(anchors))
        .all()
    )
    assert (
        table["others"].map(lambda words: 3 <= len(words) <= 5 and set(words) <= set(others)).all()
    )
    _, second = synthesize.synthesize(settings(tmp_path / "out", batch=batch), exchanges)
    assert second.complete and sum(there.paid.values()) == 12


def test_the_question_of_introspection_has_the_tables_adjectives():
    scheme = load_scheme()
    for code, words in introspect.adjectives(scheme).items():
        assert 3 <= len(words) <= 6 and set(words) & set(
            scheme.table.at[code, "description"].replace(" ", "").split(",")
        )
    ask = introspect.ask_for(MODEL, "(^_^)", "(^_^)", scheme)
    assert ask.params["messages"] == [{"role": "user", "content": "(^_^)"}]
    assert ask.params["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert set(ask.params["output_config"]["format"]["schema"]["required"]) == set(scheme.codes)


def test_elicit_sends_one_user_message_without_system():
    ask = elicit.ask_for(MODEL, {"id": "lp01", "category": "LP", "text": "tea."}, 3)
    assert "system" not in ask.params and len(ask.params["messages"]) == 1
    assert ask.params["messages"][0]["content"].endswith("how you feel. tea.")
    assert ask.params["temperature"] == 1.0 and ask.params["max_tokens"] == 40
    assert ask.key("a") != elicit.ask_for(
        MODEL, {"id": "lp01", "category": "LP", "text": "tea."}, 4
    ).key("a")
    assert ask.key("a") != ask.key("b")


# -- saturation -------------------------------------------------------------------------------------------------


def test_saturation_needs_few_new_faces_and_a_near_distribution():
    from collections import Counter

    before = Counter({"a": 12, "b": 8})
    assert elicit.saturated(before, Counter({"a": 11, "b": 9}))
    assert elicit.saturated(before, Counter({"a": 11, "b": 8, "c": 1}))
    assert not elicit.saturated(before, Counter({"a": 11, "b": 7, "c": 1, "d": 1})), (
        "two unseen faces"
    )
    assert not elicit.saturated(before, Counter({"b": 20})), "the same faces, another distribution"
    assert not elicit.saturated(Counter(), Counter({"a": 1})) and not elicit.saturated(
        before, Counter()
    )


def test_a_category_that_repeats_itself_is_left_alone(tmp_path, few, server):
    def one_face(params, occurrence):
        joy = "tea" in params["messages"][0]["content"] or any(
            text in params["messages"][0]["content"] for text in calm
        )
        return (
            "(◕‿◕) hi" if joy else f"(ಠ_ಠ{'.' * occurrence}{rng.integers(10**6)}) hm"
        ), "end_turn"

    table, rng = load_prompts(few), np.random.default_rng(0)
    calm = list(table.loc[table["category"] == "LP", "text"])
    there = server(answers=one_face)
    folder, _ = elicit.elicit(settings(tmp_path / "out"), few, runs=5)
    runs = folder.table().groupby("category")["generation"].nunique()
    assert runs["LP"] == 2 and runs["HN-D"] == 5 and folder.manifest["saturated_after"] == {"LP": 2}
    assert sum(there.paid.values()) == 2 * 3 + 5 * 3


# -- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["429", "529", "500", "reset", "timeout"])
def test_passing_troubles_are_the_sdks_business(tmp_path, few, server, fault):
    there = server(faults=[fault], stall=3)
    folder, found = elicit.elicit(
        settings(tmp_path / "out", timeout=2 if fault == "timeout" else 30), few, runs=1
    )
    assert found.complete and len(folder.table()) == 6
    assert sum(there.paid.values()) == 6 and there.requests["/v1/messages"] == 7


def test_a_lasting_trouble_ends_in_a_report_and_a_command_that_completes(tmp_path, few, server):
    there = server(faults=["500"] * 6)
    folder, found = elicit.elicit(settings(tmp_path / "out", workers=1), few, runs=1)
    assert (
        len(found.missing) == 2
        and len(folder.table()) == 4
        and folder.manifest["status"] == "incomplete"
    )
    assert (
        "2 missing" in str(found)
        and "500" not in found.command
        and found.command.startswith("kaomoji claude elicit --model")
    )
    folder, found = elicit.elicit(settings(tmp_path / "out"), few, runs=1)
    assert (
        found.complete
        and len(folder.table()) == 6
        and sum(there.paid.values()) == 6
        and asked_once(there) == 1
    )


def test_a_service_that_is_down_is_not_asked_for_ever(tmp_path, server):
    there = server(faults=["500"] * 1000)
    _, found = elicit.elicit(settings(tmp_path / "out", retries=0), runs=8)
    assert (
        "in a row failed" in found.stopped
        and there.requests["/v1/messages"] < 12
        and len(found.missing) == 180
    )


def test_a_cut_http_body_is_noted_as_a_loss_and_asked_again(tmp_path, few, server):
    there = server(faults=["cut-body"])
    _, found = elicit.elicit(settings(tmp_path / "out", workers=1), few, runs=1)
    assert len(found.missing) == 1 and found.failures[0].kind == "unreadable"
    lost = ReplyStore(tmp_path / "out").losses()
    assert len(lost) == 1 and lost[0]["usd"] > 0
    _, found = elicit.elicit(settings(tmp_path / "out"), few, runs=1)
    assert found.complete and sum(there.paid.values()) == 7


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cut-json", "no JSON"),
        ("schema", "fields are not"),
        ("likelihood", "outside 0 to 1"),
        ("nan", "no number"),
        ("bare-nan", "NaN"),
        ("empty", "empty"),
        ("wrong-model", "answered by"),
    ],
)
def test_an_unusable_judgement_is_kept_reported_and_only_asked_again_on_request(
    tmp_path, server, fault, said
):
    there = server(faults=[fault])
    folder, found = introspect.introspect(settings(tmp_path / "out", workers=1), FACES)
    assert (
        len(folder.table()) == len(FACES) - 1
        and len(found.unusable) == 1
        and said in found.unusable[0][1]
    )
    assert found.command.endswith("--again") and said in str(found)
    _, found = introspect.introspect(settings(tmp_path / "out"), FACES)
    assert len(found.unusable) == 1 and sum(there.paid.values()) == len(FACES), (
        "not paid for without being asked"
    )
    folder, found = introspect.introspect(settings(tmp_path / "out", again=True), FACES)
    assert (
        found.complete
        and len(folder.table()) == len(FACES)
        and sum(there.paid.values()) == len(FACES) + 1
    )
    assert len(ReplyStore(tmp_path / "out").records()) == len(FACES) + 1, (
        "the unusable reply is kept aside"
    )


@pytest.mark.parametrize("fault", ["refusal", "empty"])
def test_refusals_and_empty_replies_are_outcomes_of_eliciting(tmp_path, few, server, fault):
    there = server(faults=[fault])
    folder, found = elicit.elicit(settings(tmp_path / "out", workers=1), few, runs=1)
    assert (
        found.complete
        and (folder.table()["outcome"] == fault).sum() >= 1
        and sum(there.paid.values()) == 6
    )


def test_half_a_surrogate_pair_is_stored_as_a_replacement(tmp_path, few, server):
    there = server(faults=["surrogate"])
    folder, found = elicit.elicit(settings(tmp_path / "out", workers=1), few, runs=1)
    assert found.complete and sum(there.paid.values()) == 6
    assert folder.table()["text"].str.startswith("(・_・) \ufffd").sum() == 1


def test_a_refused_judgement_is_a_result(tmp_path, server):
    server(faults=["refusal"])
    folder, found = introspect.introspect(settings(tmp_path / "out", workers=1), FACES)
    assert found.complete and found.refused == 1 and len(folder.table()) == len(FACES) - 1


def test_an_unknown_adjective_is_no_word_of_the_lexicon(tmp_path, server):
    server(faults=["unknown-word"])
    exchanges = rows_of.opened([("m", "hello", "(◕‿◕) hi"), ("m", "bye", "(T_T) oh")])
    folder, found = synthesize.synthesize(settings(tmp_path / "out", workers=1), exchanges)
    assert len(found.unusable) == 1 and "not in its list" in found.unusable[0][1]
    assert not folder.table()["primary"].map(lambda words: "sparkly" in words).any()


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_rejected_parameters_are_left_out_and_recorded(tmp_path, server, batch):
    there = server(rejects=["temperature", "output_config", "cache_control"])
    folder, found = introspect.introspect(settings(tmp_path / "out", batch=batch), FACES)
    assert found.complete and folder.manifest["dropped_parameters"] == [
        "cache_control",
        "output_config",
        "temperature",
    ]
    assert sum(there.paid.values()) == len(FACES)


def test_what_a_complaint_names_is_left_out_and_nothing_else():
    params = introspect.ask_for(MODEL, "x", "x", load_scheme()).params
    assert asks.rejected(params, "`temperature` is deprecated for this model.") == ("temperature",)
    assert asks.rejected(params, "output_config.format: not supported") == ("output_config",)
    assert asks.rejected(params, "max_tokens: too large") == ()
    assert asks.rejected(asks.drop(params, ("temperature",)), "`temperature` is deprecated") == ()
    assert "temperature" in params, "the question itself stays as it was"


@pytest.mark.parametrize(
    "faults",
    [["expired"], ["errored"], ["canceled"], ["missing"], ["expired", "errored", "duplicate"]],
    ids="-".join,
)
def test_batch_items_that_fail_are_missing_and_the_rest_is_kept(tmp_path, few, server, faults):
    there = server(batch_faults=faults)
    lost = sum(fault != "duplicate" for fault in faults)
    folder, found = elicit.elicit(settings(tmp_path / "out", batch=True), few, runs=1)
    assert (
        len(found.missing) == lost
        and len(found.failures) == lost
        and len(folder.table()) == 6 - lost
    )
    folder, found = elicit.elicit(settings(tmp_path / "out", batch=True), few, runs=1)
    assert found.complete and sum(there.paid.values()) == 6 and asked_once(there) == 1
    assert len(ReplyStore(tmp_path / "out").records()) == 6


def test_batch_whose_creation_went_unanswered_is_found_again(tmp_path, few, server):
    there = server(faults=["reset"])
    _, found = elicit.elicit(settings(tmp_path / "out", batch=True), few, runs=1)
    assert "not accepted" in found.stopped and len(there.stored) == 1
    _, found = elicit.elicit(settings(tmp_path / "out", batch=True), few, runs=1)
    assert found.complete and len(there.stored) == 1 and sum(there.paid.values()) == 6


def test_batch_can_be_left_and_collected_later(tmp_path, few, server):
    there = server(batch_seconds=0.3)
    _, found = elicit.elicit(settings(tmp_path / "out", batch=True, wait=False), few, runs=1)
    assert found.waiting and len(found.missing) == 6
    time.sleep(0.4)
    _, found = elicit.elicit(settings(tmp_path / "out", batch=True, wait=False), few, runs=1)
    assert found.complete and len(there.stored) == 1


# -- money ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_the_limit_is_never_crossed_also_over_several_runs(tmp_path, server, batch):
    there = server()
    limit = 0.002
    for _ in range(2):
        _, found = elicit.elicit(settings(tmp_path / "out", max_usd=limit, batch=batch), runs=1)
        assert "--max-usd" in found.stopped and found.usd <= limit
    assert 0 < sum(there.paid.values()) < 180 and ReplyStore(tmp_path / "out").spent() <= limit
    raised = float(found.command.split("--max-usd ")[1].split()[0])
    _, found = elicit.elicit(settings(tmp_path / "out", max_usd=raised, batch=batch), runs=1)
    assert found.complete and found.usd <= raised and asked_once(there) == 1


def test_upper_bound_of_the_cost_holds():
    budget = Budget(MODEL)
    for text in ("hello", "(◕‿◕)" * 50, "a" * 5000):
        params = {"model": MODEL, "max_tokens": 40, "messages": [{"role": "user", "content": text}]}
        assert most_tokens(params) >= len(text.encode()) and budget.most(params) >= budget.cost(
            {"input_tokens": len(text.encode()), "output_tokens": 40}
        )
        assert budget.most(params, batch=True) == pytest.approx(budget.most(params) / 2)


def test_a_limit_needs_a_price():
    assert price("claude-haiku-4-5-20251001") == price(MODEL) and price("some-local-model") is None
    with pytest.raises(KaomojiError, match="no price.*prices.csv"):
        Budget("some-local-model", limit=1.0)
    with pytest.raises(KaomojiError, match="above 0"):
        Budget(MODEL, limit=0.0)


# -- killed processes -------------------------------------------------------------------------------------------


def run_cli(*words, wait=True, **environment):
    command = [sys.executable, "-m", "kaomoji_lib", "claude", *map(str, words), "--quiet"]
    started = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return started if not wait else (*started.communicate(timeout=120), started.returncode)


def kill_when(process, condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_killed_mid_run_and_resumed(tmp_path, server):
    def slowly(params, occurrence):
        time.sleep(0.02)
        return rules(params, occurrence)

    rules = standin.Rules()
    there, out = server(answers=slowly), tmp_path / "out"
    words = ["elicit", "--model", MODEL, "--out", out, "--runs", "1", "--workers", "2"]
    kill_when(run_cli(*words, wait=False), lambda: len(list(out.glob("replies/*/*.json"))) >= 20)
    stored = {path.stem for path in out.glob("replies/*/*.json")}
    before = sum(there.paid.values())
    assert 20 <= len(stored) < 180 and before - len(stored) <= 2, (
        "at most the requests under way are lost"
    )
    said, trouble, code = run_cli(*words)
    assert code == 0, trouble
    assert sum(there.paid.values()) == before + 180 - len(stored), (
        "no stored reply was paid for again"
    )
    assert len(AnswerFolder(out / "elicit").table()) == 180 and not list(out.glob("**/*.part"))


def test_killed_mid_batch_and_resumed(tmp_path, server):
    there, out = server(batch_seconds=2.0), tmp_path / "out"
    words = ["elicit", "--model", MODEL, "--out", out, "--runs", "1", "--batch", "--poll", "0.1"]
    kill_when(
        run_cli(*words, wait=False),
        lambda: there.requests and any(entry["id"] for entry in ReplyStore(out).batches()),
    )
    assert not list(out.glob("replies/*/*.json"))
    said, trouble, code = run_cli(*words)
    assert code == 0, trouble
    assert (
        len(there.stored) == 1
        and sum(there.paid.values()) == 180
        and len(AnswerFolder(out / "elicit").table()) == 180
    )


def test_killed_between_creating_a_batch_and_noting_its_id(tmp_path, few, server):
    there, out = server(), tmp_path / "out"
    elicit.elicit(settings(out, batch=True), few, runs=1)
    store = ReplyStore(out)
    entry = store.batches()[0]
    part = elicit.one_run(MODEL, load_prompts(few), 0, {"LP", "HN-D"})
    keys = {ask.key(client.origin(there.url)): ask.public() for ask in part}
    store.write_batch({**entry, "id": None, "state": "submitting", "asks": keys})
    for path in out.glob("replies/*/*.json"):
        path.unlink()
    _, found = elicit.elicit(settings(out, batch=True), few, runs=1)
    assert found.complete and len(there.stored) == 1 and sum(there.paid.values()) == 6


def test_what_a_killed_process_left_half_written_goes_when_the_folder_is_asked_for(
    tmp_path, few, server
):
    server()
    left = [
        tmp_path / "out" / place
        for place in (
            "replies/ab/.ab1.json.77.part",
            "batches/.1.json.77.part",
            "elicit/.manifest.json.77.part",
        )
    ]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_text("half", encoding="utf-8")
    with service.Service(settings(tmp_path / "out")):
        assert not any(path.exists() for path in left)


def test_two_processes_do_not_share_a_folder(tmp_path, few, server):
    server()
    with service.Service(settings(tmp_path / "out")):
        written = tmp_path / "out" / ".ab1.json.77.part"
        written.write_text("half", encoding="utf-8")
        with pytest.raises(KaomojiError, match="another process"):
            elicit.elicit(settings(tmp_path / "out"), few, runs=1)
        assert written.exists(), "it belongs to the one who holds the folder"


# -- the key ----------------------------------------------------------------------------------------------------


def test_the_key_is_written_nowhere(tmp_path, few, server, capsys, caplog):
    secret = "my-neighbour-zebedee-7741"
    exchanges, faces = tmp_path / "private.jsonl", tmp_path / "faces.txt"
    exchanges.write_text(
        json.dumps(
            {
                "user": f"{secret} said hello",
                "assistant": f"(◕‿◕) {secret} is nice",
                "source_model": "m",
            }
        )
    )
    faces.write_text("\n".join(FACES), encoding="utf-8")
    caplog.set_level("DEBUG", logger="httpx2")
    seen, said = [], []
    everything = [
        "401",
        "echo-key",
        "429",
        "500",
        "cut-body",
        "cut-json",
        "schema",
        "refusal",
        "wrong-model",
    ]
    for number, (faults, batch) in enumerate(
        [(everything, False), (["401"], True), ([], True), (["echo-key"], False)]
    ):
        server(faults=list(faults), batch_faults=["errored", "expired"], rejects=["temperature"])
        common = [
            "--model",
            MODEL,
            "--out",
            tmp_path / f"out{number}",
            "--workers",
            "1",
            "--quiet",
            *(["--batch", "--poll", "0.01"] if batch else []),
        ]
        for words in (
            ["elicit", "--prompts", few, "--runs", "1"],
            ["introspect", "--faces", faces],
            ["synthesize", "--exchanges", exchanges],
        ):
            for extra in ([], ["--dry-run"], ["--again"]):
                cli.main(["claude", *map(str, [*words, *common, *extra])])
        cli.main(["claude", "status", str(tmp_path / f"out{number}")])
        said += list(capsys.readouterr())
    # The SDK's own debug log shows requests, so only the key is looked for in it.
    server(faults=["401"])
    seen += run_cli(
        "elicit",
        "--prompts",
        few,
        "--runs",
        "1",
        "--out",
        tmp_path / "debug",
        "--workers",
        "1",
        ANTHROPIC_LOG="debug",
    )[:2]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 40 and "HTTP Request" in seen[1]
    for path in files:
        text = path.read_bytes()
        assert CANARY.encode() not in text, path
        assert path == exchanges or secret.encode() not in text, path
    assert not any(CANARY in text for text in [*seen, *said, caplog.text]) and not any(
        secret in text for text in said
    )
    assert any("[key]" in text for text in said), "the fault that echoes the key was met"


def test_an_exception_does_not_carry_the_key(server):
    server(faults=["401"])
    session = client.connect(retries=0)
    with pytest.raises(client.Refused) as caught:
        session.ask(
            {"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "x"}]}
        )
    assert CANARY not in "".join(traceback.format_exception(caught.value)) and caught.value.hopeless
    assert CANARY not in repr(session)


def test_no_key_no_server(monkeypatch, tmp_path):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    said, trouble, code = run_cli("elicit", "--dry-run", "--out", tmp_path / "none")
    assert (
        code == 0
        and "1440 requests" in said
        and "US dollars" in said
        and "nothing was sent" in said
        and not (tmp_path / "none").exists()
    )
    said, trouble, code = run_cli("elicit", "--out", tmp_path / "out")
    assert code == 2 and "ANTHROPIC_API_KEY is not set" in trouble and "Traceback" not in trouble


def test_dry_run_counts_tokens_at_the_service_when_there_is_a_key(tmp_path, few, server):
    there = server()
    said, _, code = run_cli(
        "elicit", "--dry-run", "--prompts", few, "--out", tmp_path / "none", "--model", MODEL
    )
    assert (
        code == 0
        and "counted by the service" in said
        and there.requests["/v1/messages/count_tokens"] > 0
        and not there.paid
    )


# -- the parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "localhost", "example.org", ""])
def test_the_stand_in_stays_on_this_machine(host):
    with pytest.raises(KaomojiError, match="this machine only"):
        StandIn(host)


def test_the_stand_in_refuses_unknown_faults():
    with pytest.raises(KaomojiError, match="unknown fault"):
        StandIn(faults=["tea"])


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("https://api.anthropic.com", "api.anthropic.com"),
        ("https://user:secret@gate.example:8443/x?token=y", "gate.example:8443"),
    ],
)
def test_origin_holds_no_secret(base, name):
    assert client.origin(base) == name


@pytest.mark.parametrize("base", ["api.anthropic.com", "ftp://x", "http://", "http://host:port"])
def test_base_url_must_be_an_address(base):
    with pytest.raises(KaomojiError, match="http or https"):
        client.origin(base)


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", True),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514", True),
        ("anthropic/claude-opus-4-7", "claude-opus-4-7", True),
        ("claude-opus-4-7", "claude-opus-4-6", False),
        ("claude-opus-4-7", "", False),
    ],
)
def test_an_alias_may_answer_with_its_dated_name(asked, answered, same):
    assert (service.other_model({"model": answered}, asked) == "") is same


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        '{"a": 1',
        "[1]",
        "",
        "a: 1",
        '{"b": 1}',
        '{"a": 1, "b": 2}',
        "[" * 100_000,
    ],
)
def test_strict_reading_refuses(text):
    with pytest.raises(strict.NotAnswered):
        strict.read_object(text, ("a",))


def test_strict_reading_looks_through_a_fence():
    assert strict.read_object('```json\n{"a": 0.5}\n```', ("a",)) == {"a": 0.5}


@pytest.mark.parametrize(
    "value", [1.7, -0.1, "0.5", "NaN", True, None, float("nan"), float("inf"), [0.5]]
)
def test_a_likelihood_is_a_number_from_0_to_1(value):
    with pytest.raises(strict.NotAnswered):
        strict.likelihood(value)


def test_replies_are_never_overwritten(tmp_path):
    store = ReplyStore(tmp_path)
    assert store.put("ab1", {"text": "first", "usd": 1.0}) and not store.put(
        "ab1", {"text": "second", "usd": 1.0}
    )
    assert store.get("ab1")["text"] == "first"
    store.put("ab1", {"text": "third", "usd": 2.0}, replace=True)
    assert (
        store.get("ab1")["text"] == "third" and store.spent() == 3.0 and len(store.records()) == 2
    )
    (tmp_path / "replies" / "ab" / "ab1.json").write_text("{")
    with pytest.raises(KaomojiError, match="is damaged"):
        store.get("ab1")


def test_shared_requests_are_sent_once(tmp_path, server):
    there = server()
    _, found = introspect.introspect(
        settings(tmp_path / "out", workers=4), ["(^_^)", "( ^_^ )", "(^_^)"]
    )
    assert found.wanted == 1 and sum(there.paid.values()) == 1
