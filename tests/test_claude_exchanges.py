"""Exchanges from exports and journals: read, masked, sampled, and kept out of everything that is written."""

import json

import pytest

from kaomoji_lib.claude import exchanges as rows_of
from kaomoji_lib.claude.questions import synthesize
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import canonical

SECRET = "grandmother's recipe 4711"


def read(tmp_path, value, skipped=None):
    """What is read from a file of bytes or text, of JSON lines (a tuple), or of one JSON value."""
    if isinstance(value, tuple):
        value = "\n".join(map(json.dumps, value)) + "\n\n"
    content = value if isinstance(value, str | bytes) else json.dumps(value, ensure_ascii=False)
    (tmp_path / "x").write_bytes(content if isinstance(content, bytes) else content.encode())
    return rows_of.read(tmp_path / "x", skipped)


def test_own_json_lines_and_journals_of_coding_agents(tmp_path):
    """Equal rows once, faces in front only; journals keep the face apart and may have taken it off the text."""
    hello = {"user": "hi", "assistant": "(◕‿◕) hello", "source_model": "m1"}
    behind = {**hello, "assistant": "hello (◕‿◕)"}
    found = read(tmp_path, (hello, hello, behind, {"user": "ho", "assistant": "(T_T)"}))
    assert [(r.source_model, r.face) for r in found] == [("m1", "(◕‿◕)"), ("unknown", "(T_T)")]
    texts = [("(◕‿◕)", "Done."), ("(T_T)", "(T_T) it broke"), ("", "no idea")]
    rows = (dict(user_text="fix it", kaomoji=face, assistant_text=t) for face, t in texts)
    found = read(tmp_path, tuple(rows))
    assert [row.assistant for row in found] == ["(◕‿◕) Done.", "(T_T) it broke"]


def test_chatgpt_export_follows_the_branch_that_was_shown(tmp_path):
    nodes = {"root": {"parent": None, "message": None}}
    for name, parent, role, text in (
        ("a", "root", "user", "hi"),
        ("b", "a", "assistant", "(T_T) old answer"),
        ("c", "a", "assistant", "(◕‿◕) shown answer"),
    ):
        message = {"author": {"role": role}, "content": {"parts": [text]}}
        nodes[name] = {"parent": parent, "message": message}
    for parent in ("root", "c"):
        nodes["a"]["parent"] = parent
        [row] = read(tmp_path, [{"mapping": nodes, "current_node": "c"}])
        assert (row.source_model, row.face) == ("chatgpt", "(◕‿◕)")


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
    "no tree": ("h hi; a (◕‿◕) one; i now?; b (T_T) two", "hi (◕‿◕); now? (T_T)"),
    "a loop": ("a<b (◕‿◕) x; b<a (T_T) y; h<0 hi", ""),
}


def messages(rows):
    for row in rows.split("; "):
        place, _, text = row.partition(" ")
        name, _, parent = place.partition("<")
        sender = "human" if name in "hi" else "assistant"
        content = [{"type": "text", "text": text}]
        yield {"uuid": name, "parent_message_uuid": parent, "sender": sender, "content": content}


@pytest.mark.parametrize(("rows", "pairs"), TREES.values(), ids=TREES)
def test_claude_export_pairs_each_reply_with_the_message_it_answers(tmp_path, rows, pairs):
    exchanges = read(tmp_path, [{"uuid": "u", "chat_messages": list(messages(rows))}])
    assert "; ".join(f"{one.user} {one.face}" for one in exchanges) == pairs


def test_a_bad_line_or_conversation_is_named_and_the_rest_is_kept(tmp_path):
    good, skipped = json.dumps({"user": "hi", "assistant": "(◕‿◕) hello"}), []
    content = f"{good}\r\nnot json {SECRET}\n[1]\n\n{good.replace('hi', 'ho')}\n".encode()
    content = b"\xef\xbb\xbf" + content + b'{"user": "\xff"}\n'
    assert [one.user for one in read(tmp_path, content, skipped)] == ["hi", "ho"]
    tree = {"chat_messages": list(messages(TREES["the reply before the message"][0]))}
    whole = json.dumps([{"title": SECRET}, tree, 7]).encode("utf-16")
    assert len(read(tmp_path, whole, skipped)) == 1
    named = [line.split(": no exchange")[0].split(", ")[1] for line in skipped]
    assert named == ["line 2", "line 3", "line 6", "conversation 1", "conversation 3"]
    assert SECRET not in "".join(skipped)


def test_other_files_are_refused_without_quoting_them(tmp_path):
    for content in ("not json", "[1, 2", '[{"title": "x"}]', '{"user": 3, "assistant": "x"}'):
        with pytest.raises(KaomojiError, match="expected") as caught:
            read(tmp_path, content.replace("x", SECRET))
        assert SECRET not in str(caught.value)


def test_the_face_is_masked_however_it_is_spelt_and_other_faces_stay():
    for text in ["(◕‿◕) hello", "ヽ(◕‿◕)ﾉ hello", "I like (◕ ᴗ ◕) and (◑‿◑)", "（◕‿◕）",
                 "so: (◕‿◕)(◕‿◕)!", "nested ((◕‿◕))"]:  # fmt: skip
        hidden = rows_of.masked(text, "(◕‿◕)", "(◕‿◕)")
        assert rows_of.MASK in hidden and "‿" not in hidden and "ᴗ" not in hidden
    hidden = rows_of.masked("^_^ yes ^＿^ and (T_T)", "^_^", "^_^")
    assert hidden == f"{rows_of.MASK} yes {rows_of.MASK} and (T_T)"
    assert rows_of.masked("call f(x) and (1)", "(◕‿◕)", "(◕‿◕)") == "call f(x) and (1)"


def test_no_question_shows_the_face_it_asks_about_and_no_private_text_is_stored_or_shown():
    for raw in ("ヽ(◕‿◕)ﾉ", "(´・ω・`)", "^_^", "ʕ•ᴥ•ʔ", "¯\\_(ツ)_/¯"):
        turn = ("m", f"{SECRET}: {raw} again", f"{raw} yes, {canonical(raw)}!")
        exchanges = rows_of.opened([turn])
        [request] = synthesize("m", exchanges).requests
        asked = request.params["messages"][0]["content"]
        assert canonical(raw) not in asked and raw not in asked and asked.count(rows_of.MASK) == 3
        seen = json.dumps(request.public()) + repr([*exchanges, request])
        assert SECRET in asked and SECRET not in seen


def test_samples_are_few_seeded_and_independent_of_the_order():
    one = lambda model, number: rows_of.Exchange(model, "(^_^)", "(^_^)", f"u{number}", "(^_^) a")
    found = [one(model, number) for model in ("m1", "m2") for number in range(9)]
    drawn = rows_of.samples(found)
    assert [(count, len(rows)) for count, rows in drawn.values()] == [(9, 4), (9, 4)]
    assert rows_of.samples(found[::-1]) == drawn
    assert rows_of.samples(found[:9])["m1", "(^_^)"] == drawn["m1", "(^_^)"]
