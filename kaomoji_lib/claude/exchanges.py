"""Exchanges whose reply opens with a face: read them from exports and journals, mask the face, draw samples.

The texts are private: they stay in memory and in the request.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.files import parse_json
from kaomoji_lib.stimuli import decode

MASK = "[FACE]"
SAMPLES = 4
_EXPECTED = (
    "a JSON object with the texts user and assistant (or user_text and assistant_text), or a conversation of a "
    "claude.ai or ChatGPT export"
)


@dataclass(frozen=True)
class Exchange:
    """One message and the reply that opens with ``face`` (canonical; ``raw`` as typed). The texts stay out of its repr."""

    source_model: str
    face: str
    raw: str = field(repr=False)
    user: str = field(repr=False)
    assistant: str = field(repr=False)


def read(path, skipped=None):
    """Read all exchanges of a file whose reply opens with a face; equal ones once.

    The format is recognised: JSON lines of this project, journals of coding agents, or the ``conversations.json`` of
    a claude.ai or ChatGPT export. Lines and conversations of no known format are left out, and each adds a sentence
    without quotation to the list ``skipped``. Raises KaomojiError, which quotes nothing either, if the file is missing
    or nothing in it has a known format.
    """
    path, skipped = Path(path), [] if skipped is None else skipped
    try:
        content = path.read_bytes()
    except OSError:
        raise KaomojiError(
            f"{path} cannot be read; expected JSON lines or an unpacked conversations.json; check the path"
        ) from None
    whole = _parsed(content)
    if isinstance(whole, list):
        parts = {f"conversation {number}": part for number, part in enumerate(whole, start=1)}
    else:
        lines = enumerate(re.split(rb"\r\n|\r|\n", content), start=1)
        parts = {f"line {number}": _parsed(line) for number, line in lines if line.strip()}
    turns, before = [], len(skipped)
    for where, part in parts.items():
        try:
            kind = next((name for name in _READERS if name in part), None)
            turns += list(_READERS[kind](part)) if kind else [_row(part)]
        except (AttributeError, KeyError, TypeError):
            skipped.append(f"{path}, {where}: no exchange; expected {_EXPECTED}; it was left out")
    if len(skipped) - before == len(parts):
        raise KaomojiError(f"{path}: no exchange in it; expected {_EXPECTED}; check the file")
    return opened(turns)


def _parsed(content):
    try:
        return parse_json(decode(content))
    except (ValueError, RecursionError):
        return None


def opened(turns):
    """Return the turns (source_model, user, assistant) whose reply opens with a face as exchanges; equal ones once."""
    exchanges = {}
    for source_model, user, assistant in turns:
        face = faces.extract(assistant)
        if face.outcome == "kaomoji":
            texts = face.face, face.raw_face, user, assistant
            exchanges[Exchange(source_model or "unknown", *texts)] = None
    return list(exchanges)


def from_emissions(emissions, prompts):
    """The replies of a run as exchanges: the study's own messages, nothing private. Equal ones once."""
    text = dict(zip(prompts["id"], prompts["text"], strict=True))
    rows = emissions[emissions["outcome"] == "kaomoji"]
    return opened(zip(rows["source"], rows["prompt_id"].map(text), rows["text"], strict=True))


def _row(row):
    end = "_text" if "user_text" in row else ""
    user, reply = row[f"user{end}"], row[f"assistant{end}"]
    if not isinstance(user, str) or not isinstance(reply, str):
        raise TypeError
    # Journals keep the face apart and may have taken it off the text.
    face = row.get("kaomoji")
    if isinstance(face, str) and not reply.lstrip().startswith(face):
        reply = f"{face} {reply}"
    return str(row.get("source_model") or row.get("model") or ""), user, reply


def _claude(conversation):
    """Yield the turns of a claude.ai conversation: each reply with the message that it answers.

    Retried replies and edited messages are branches of a tree (``parent_message_uuid``); files without the tree are
    read in their order.
    """
    messages = conversation["chat_messages"]
    by_id = {one["uuid"]: one for one in messages if one.get("uuid")}
    is_tree = any(one.get("parent_message_uuid") in by_id for one in messages)
    latest = None
    for message in messages:
        if message["sender"] == "human":
            latest = message
        elif message["sender"] == "assistant":
            asked = _asked(message, dict(by_id)) if is_tree else latest
            if asked is not None:
                yield str(conversation.get("model") or "claude.ai"), _text(asked), _text(message)


def _asked(message, by_id):
    """Return the nearest message above a reply that a person wrote, or None; each message of ``by_id`` is met once."""
    while message is not None and message["sender"] != "human":
        message = by_id.pop(message.get("parent_message_uuid"), None)
    return message


def _text(message):
    blocks = [block.get("text") for block in message.get("content") or []]
    joined = "\n".join(text for text in blocks if isinstance(text, str))
    return joined or str(message.get("text") or "")


def _chatgpt(conversation):
    """Yield the turns of the branch that was shown last; regenerated replies beside it are left out."""
    nodes, name, path = dict(conversation["mapping"]), conversation.get("current_node"), []
    while name in nodes:
        path.append(nodes.pop(name))
        name = path[-1].get("parent")
    user = None
    for node in reversed(path):
        message = node.get("message") or {}
        role = (message.get("author") or {}).get("role")
        parts = (message.get("content") or {}).get("parts") or []
        text = "\n".join(part for part in parts if isinstance(part, str))
        if role == "user" and text:
            user = text
        elif role == "assistant" and text and user is not None:
            yield str((message.get("metadata") or {}).get("model_slug") or "chatgpt"), user, text


_READERS = {"chat_messages": _claude, "mapping": _chatgpt}


def masked(text, face, raw):
    """``text`` with every occurrence of the face replaced by ``MASK``, however it is spelt."""
    spans = re.findall(r"\S{2,}", text)
    for opening in re.finditer(r"[(\[（［ʕ]", text):
        near = text[opening.start() : opening.start() + faces.LONGEST + 8]
        spans += [near[: end.end()] for end in re.finditer(r"[)\]）］ʔ]", near)]
    spellings = {raw, face, *(span for span in spans if faces.canonical(span) == face)}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), MASK, text)


def samples(exchanges):
    """Up to ``SAMPLES`` exchanges per (source model, face), drawn with a seed of their own.

    Returns dict (source_model, face) -> (count, list of Exchange), sorted; the draw of one group does
    not depend on the other groups, nor on the order of the file.
    """
    groups, drawn = {}, {}
    for exchange in sorted(exchanges, key=lambda one: (one.user, one.assistant)):
        groups.setdefault((exchange.source_model, exchange.face), []).append(exchange)
    for key, group in sorted(groups.items()):
        rng = np.random.default_rng([0, *"\0".join(key).encode()])
        chosen = sorted(rng.permutation(len(group))[:SAMPLES])
        drawn[key] = (len(group), [group[index] for index in chosen])
    return drawn
