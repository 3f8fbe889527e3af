"""Exchanges from exports and journals: read, masked, sampled, and kept out of everything that is written."""

import json

import pytest

from kaomoji_lib.claude import exchanges as rows_of
from kaomoji_lib.claude import synthesize
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import canonical

SECRET = "grandmother's recipe 4711"


def written(path, value):
    path.write_text(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8"
    )
    return path


def lines_of(rows):
    return "\n".join(map(json.dumps, rows)) + "\n\n"


def test_own_json_lines(tmp_path):
    hello = {"user": "hi", "assistant": "(◕‿◕) hello", "source_model": "m1"}
    behind = {**hello, "assistant": "hello (◕‿◕)"}
    lines = lines_of([hello, hello, behind, {"user": "ho", "assistant": "(T_T)"}])
    found = rows_of.read(written(tmp_path / "x.jsonl", lines))
    pairs = [(row.source_model, row.face) for row in found]
    assert pairs == [("m1", "(◕‿◕)"), ("unknown", "(T_T)")], "equal rows once, faces in front only"


def test_journal_of_a_coding_agent(tmp_path):
    """Journals keep the face apart and may have taken it off the text."""
    texts = [("(◕‿◕)", "Done."), ("(T_T)", "(T_T) it broke"), ("", "no idea")]
    rows = [{"user_text": "fix it", "kaomoji": face, "assistant_text": t} for face, t in texts]
    found = rows_of.read(written(tmp_path / "journal.jsonl", lines_of(rows)))
    replies = [(row.face, row.assistant) for row in found]
    assert replies == [("(◕‿◕)", "(◕‿◕) Done."), ("(T_T)", "(T_T) it broke")]


def test_claude_export_without_a_tree(tmp_path):
    blocks = lambda text: {"text": "", "content": [{"type": "text", "text": text}]}
    messages = [
        {"sender": "human", **blocks("hi")},
        {"sender": "assistant", **blocks("(◕‿◕) hello")},
        {"sender": "human", "text": "and now?"},
        {"sender": "assistant", "text": "(T_T) gone"},
    ]
    export = [{"chat_messages": messages}, {"chat_messages": []}]
    found = rows_of.read(written(tmp_path / "conversations.json", export))
    rows = [(row.source_model, row.user, row.face) for row in found]
    assert rows == [("claude.ai", "hi", "(◕‿◕)"), ("claude.ai", "and now?", "(T_T)")]


def test_chatgpt_export_follows_the_branch_that_was_shown(tmp_path):
    def node(parent, role, text):
        content = {"content_type": "text", "parts": [text]}
        author = {"author": {"role": role}, "metadata": {"model_slug": "gpt-x"}}
        return {"parent": parent, "message": {"content": content, **author}}

    mapping = {
        "root": {"parent": None, "message": None},
        "a": node("root", "user", "hi"),
        "b": node("a", "assistant", "(T_T) old answer"),
        "c": node("a", "assistant", "(◕‿◕) shown answer"),
    }
    export = [{"mapping": mapping, "current_node": "c"}]
    for parent in ("root", "c"):
        mapping["a"]["parent"] = parent
        found = rows_of.read(written(tmp_path / "conversations.json", export))
        assert [(row.source_model, row.face) for row in found] == [("gpt-x", "(◕‿◕)")]


HUMAN, REPLY = "human", "assistant"


def message(uuid, parent, sender, text):
    return {"uuid": uuid, "parent_message_uuid": parent, "sender": sender, "text": text}


# Messages as "id<parent text", of a person where the id is h or i; the pairs of message and face that are read from them.
TREES = {
    "a retried reply": ("h<0 hi; a<h (◕‿◕) one; b<h (T_T) two", "hi (◕‿◕); hi (T_T)"),
    "a reply retried after others were written": (
        "h<0 hi; a<h (◕‿◕) one; i<a now?; c<i (>_<) three; b<h (T_T) two",
        "hi (◕‿◕); now? (>_<); hi (T_T)",
    ),
    "an edited message": ("h<0 hi; a<h (◕‿◕) one; i<0 ho; b<i (T_T) two", "hi (◕‿◕); ho (T_T)"),
    "the reply before the message": ("a<h (◕‿◕) one; h<0 hi", "hi (◕‿◕)"),
    "a reply to a reply": ("h<0 hi; a<h let me see; b<a (T_T) no", "hi (T_T)"),
    "a parent that is not there": ("h<0 hi; a<gone (◕‿◕) x; b<h (T_T) y", "hi (T_T)"),
    "a loop": ("a<b (◕‿◕) x; b<a (T_T) y; h<0 hi", ""),
}


def messages(rows):
    for row in rows.split("; "):
        place, _, text = row.partition(" ")
        name, _, parent = place.partition("<")
        yield message(name, parent, HUMAN if name in "hi" else REPLY, text)


@pytest.mark.parametrize(("rows", "pairs"), TREES.values(), ids=TREES)
def test_claude_export_pairs_each_reply_with_the_message_it_answers(tmp_path, rows, pairs):
    conversation = {"uuid": "u", "chat_messages": list(messages(rows))}
    exchanges = rows_of.read(written(tmp_path / "conversations.json", [conversation]))
    assert "; ".join(f"{one.user} {one.face}" for one in exchanges) == pairs


def test_a_bad_line_is_named_and_the_rest_is_kept(tmp_path):
    good = json.dumps({"user": "hi", "assistant": "(◕‿◕) hello"})
    content = f"{good}\r\nnot json {SECRET}\n[1]\n\n{good.replace('hi', 'ho')}\n".encode()
    path, skipped = tmp_path / "x.jsonl", []
    path.write_bytes(b"\xef\xbb\xbf" + content + b'{"user": "\xff"}\n')
    assert [one.user for one in rows_of.read(path, skipped)] == ["hi", "ho"]
    named = [line.split(": no exchange")[0].split(", ")[1] for line in skipped]
    assert named == ["line 2", "line 3", "line 6"]
    assert SECRET not in "".join(skipped)


def test_a_bad_conversation_is_named_and_the_rest_is_kept(tmp_path):
    rows = [message("h", "0", HUMAN, "hi"), message("a", "h", REPLY, "(◕‿◕) one")]
    value, skipped = [{"title": SECRET}, {"chat_messages": rows}, 7], []
    path = tmp_path / "conversations.json"
    path.write_bytes(json.dumps(value).encode("utf-16"))
    assert len(rows_of.read(path, skipped)) == 1 and len(skipped) == 2
    assert "conversation 1: " in skipped[0] and SECRET not in "".join(skipped)


@pytest.mark.parametrize(
    "content",
    ["not json", "[1, 2", '{"a": 1}', '[{"title": "x"}]', '{"user": 3, "assistant": "x"}'],
)
def test_other_files_are_refused_without_quoting_them(tmp_path, content):
    path = written(tmp_path / "x.json", content.replace("x", SECRET))
    with pytest.raises(KaomojiError, match="expected") as caught:
        rows_of.read(path)
    assert SECRET not in str(caught.value)


SPELT = ["(◕‿◕) hello", "ヽ(◕‿◕)ﾉ hello", "I like (◕ ᴗ ◕) and (◑‿◑)", "（◕‿◕）"]
SPELT += ["so: (◕‿◕)(◕‿◕)!", "nested ((◕‿◕))"]


@pytest.mark.parametrize("text", SPELT)
def test_the_face_is_masked_however_it_is_spelt(text):
    hidden = rows_of.masked(text, "(◕‿◕)", "(◕‿◕)")
    assert rows_of.MASK in hidden and "‿" not in hidden and "ᴗ" not in hidden


def test_bare_faces_are_masked_and_other_faces_stay():
    hidden = rows_of.masked("^_^ yes ^＿^ and (T_T)", "^_^", "^_^")
    assert hidden == f"{rows_of.MASK} yes {rows_of.MASK} and (T_T)"
    assert rows_of.masked("call f(x) and (1)", "(◕‿◕)", "(◕‿◕)") == "call f(x) and (1)"


def test_no_question_shows_the_face_it_asks_about():
    anchors, others, _ = synthesize.vocabulary()
    for raw in ("ヽ(◕‿◕)ﾉ", "(´・ω・`)", "^_^", "ʕ•ᴥ•ʔ", "¯\\_(ツ)_/¯"):
        exchange = rows_of.opened(
            [("m", f"you typed {raw} again", f"{raw} yes, {canonical(raw)}!")]
        )[0]
        request = synthesize.request_for("m", "m", exchange.face, 1, [exchange], anchors, others)
        shown = request.params["messages"][0]["content"]
        assert canonical(raw) not in shown and raw not in shown and shown.count(rows_of.MASK) == 3


def test_samples_are_few_seeded_and_independent_of_the_order():
    found = [
        rows_of.Exchange(model, "(◕‿◕)", "(◕‿◕)", f"u{number}", "(◕‿◕) a")
        for model in ("m1", "m2")
        for number in range(9)
    ]
    drawn = rows_of.samples(found, seed=1)
    assert {key: (count, len(rows)) for key, (count, rows) in drawn.items()} == {
        ("m1", "(◕‿◕)"): (9, 4),
        ("m2", "(◕‿◕)"): (9, 4),
    }
    assert rows_of.samples(found[::-1], seed=1) == drawn and rows_of.samples(found, seed=2) != drawn
    assert rows_of.samples(found[:9], seed=1)["m1", "(◕‿◕)"] == drawn["m1", "(◕‿◕)"]


def test_private_text_stays_out_of_what_is_stored_or_shown():
    exchange = rows_of.opened([("m", SECRET, f"(◕‿◕) {SECRET}")])[0]
    anchors, others, _ = synthesize.vocabulary()
    request = synthesize.request_for("m", "m", exchange.face, 1, [exchange], anchors, others)
    assert (
        SECRET in json.dumps(request.params)
        and SECRET not in json.dumps(request.public())
        and SECRET not in repr(exchange) + repr(request)
        and SECRET not in json.dumps(request.shown())
    )
