"""Exchanges that open with a face: reading them from exports and journals, masking the face, drawing samples.

Rows are JSON lines with ``user``, ``assistant`` and ``source_model``. The texts are private: they stay in memory and
in the request.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.files import parse_json

MASK = "[FACE]"
SAMPLES = 4
UNKNOWN_MODEL = "unknown"
_OPEN, _CLOSE = "([（［ʕ", ")]）］ʔ"


@dataclass(frozen=True)
class Exchange:
    """One message and the reply that opens with ``face`` (canonical; ``raw`` as typed). The texts stay out of its repr."""

    source_model: str
    face: str
    raw: str
    user: str
    assistant: str

    def __repr__(self):
        return f"Exchange(source_model={self.source_model!r}, face={self.face!r})"


def read(path):
    """All exchanges of a file whose reply opens with a face; equal ones once.

    The format is found out: JSON lines of this project, journals of coding agents, or the
    ``conversations.json`` of a claude.ai or ChatGPT export.

    Raises
    ------
    KaomojiError
        If the file is missing, or holds none of the known formats. The message quotes nothing of it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise KaomojiError(
            f"{path} cannot be read as UTF-8 text; expected JSON lines or an unpacked conversations.json; check the path"
        ) from None
    try:
        whole = parse_json(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict) and "conversations" in whole:
        whole = whole["conversations"]
    if isinstance(whole, list):
        turns = [
            turn
            for conversation in whole
            if isinstance(conversation, dict)
            for turn in _conversation(conversation, path)
        ]
    else:
        turns = _lines(text, path)
    return opened(turns)


def opened(turns):
    """The turns (source_model, user, assistant) whose reply opens with a face, as exchanges; equal ones once."""
    kept = {}
    for source_model, user, assistant in turns:
        found = faces.extract(assistant)
        if found.outcome == "kaomoji":
            exchange = Exchange(
                source_model or UNKNOWN_MODEL, found.face, found.raw_face, user, assistant
            )
            kept.setdefault((exchange.source_model, user, assistant), exchange)
    return list(kept.values())


def from_emissions(emissions, prompts):
    """The replies of a run as exchanges: the study's own messages, nothing private. Equal ones once."""
    text = dict(zip(prompts["id"], prompts["text"], strict=True))
    rows = emissions[emissions["outcome"] == "kaomoji"]
    return opened(zip(rows["source"], rows["prompt_id"].map(text), rows["text"], strict=True))


def _lines(text, path):
    turns = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except (ValueError, RecursionError):
            row = None
        turn = _row(row) if isinstance(row, dict) else None
        if turn is None:
            raise KaomojiError(
                f"{path}, line {number}: no exchange; expected a JSON object with the texts user and assistant "
                "(or user_text and assistant_text, or a conversations.json)"
            )
        turns.append(turn)
    return turns


def _row(row):
    for user, assistant, model in (
        ("user", "assistant", "source_model"),
        ("user_text", "assistant_text", "model"),
    ):
        if isinstance(row.get(user), str) and isinstance(row.get(assistant), str):
            named = row.get(model) or row.get("model") or ""
            reply = row[assistant]
            # Journals keep the face apart and may have taken it off the text.
            face = row.get("kaomoji")
            if isinstance(face, str) and face and not reply.lstrip().startswith(face):
                reply = f"{face} {reply}"
            return str(named), row[user], reply
    return None


def _conversation(conversation, path):
    if isinstance(conversation.get("chat_messages"), list):
        return _claude(conversation)
    if isinstance(conversation.get("mapping"), dict):
        return _chatgpt(conversation)
    raise KaomojiError(
        f"{path}: a conversation is of no known format; expected an export of claude.ai (chat_messages) or ChatGPT (mapping)"
    )


def _claude(conversation):
    user = None
    for message in conversation["chat_messages"]:
        if not isinstance(message, dict):
            continue
        blocks = message.get("content") if isinstance(message.get("content"), list) else []
        text = "\n".join(
            block["text"]
            for block in blocks
            if isinstance(block, dict) and isinstance(block.get("text"), str)
        )
        text = text or (message.get("text") if isinstance(message.get("text"), str) else "")
        if message.get("sender") == "human":
            user = text
        elif message.get("sender") == "assistant" and user is not None:
            yield str(conversation.get("model") or "claude.ai"), user, text


def _chatgpt(conversation):
    """Along the branch that was shown last; regenerated replies beside it are left out."""
    nodes, name, path, seen = conversation["mapping"], conversation.get("current_node"), [], set()
    while isinstance(name, str) and name in nodes and name not in seen:
        seen.add(name)
        path.append(nodes[name])
        name = nodes[name].get("parent") if isinstance(nodes[name], dict) else None
    user = None
    for node in reversed(path):
        message = node.get("message") if isinstance(node, dict) else None
        if not isinstance(message, dict):
            continue
        role = (message.get("author") or {}).get("role")
        parts = (message.get("content") or {}).get("parts") or []
        text = "\n".join(part for part in parts if isinstance(part, str))
        if role == "user" and text:
            user = text
        elif role == "assistant" and text and user is not None:
            yield str((message.get("metadata") or {}).get("model_slug") or "chatgpt"), user, text


def masked(text, face, raw):
    """``text`` with every occurrence of the face replaced by ``MASK``, however it is spelt."""
    for spelling in sorted({raw, face}, key=len, reverse=True):
        text = text.replace(spelling, MASK)
    spans = []
    for start, char in enumerate(text):
        if char in _OPEN and (not spans or start >= spans[-1][1]):
            for end in range(start + 2, min(start + faces.LONGEST + 8, len(text)) + 1):
                if text[end - 1] in _CLOSE and faces.canonical(text[start:end]) == face:
                    spans.append((start, end))
                    break
    spans += [
        found.span() for found in re.finditer(r"\S{2,}", text) if faces.canonical(found[0]) == face
    ]
    for start, end in sorted(set(spans), reverse=True):
        text = text[:start] + MASK + text[end:]
    return text


def samples(exchanges, seed=0, most=SAMPLES):
    """Up to ``most`` exchanges per (source model, face), drawn with a seed of their own.

    Returns dict (source_model, face) -> (count, list of Exchange), sorted; the draw of one group does
    not depend on the other groups, nor on the order of the file.
    """
    groups = {}
    for exchange in exchanges:
        groups.setdefault((exchange.source_model, exchange.face), []).append(exchange)
    drawn = {}
    for key in sorted(groups):
        ordered = sorted(groups[key], key=lambda item: (item.user, item.assistant))
        rng = np.random.default_rng([seed, *"\0".join(key).encode()])
        chosen = rng.permutation(len(ordered))[:most]
        drawn[key] = (len(ordered), [ordered[index] for index in sorted(chosen)])
    return drawn
