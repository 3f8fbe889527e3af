"""What is suppressed cannot be typed, whatever the tokens; everything else can."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import small_models
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import organisms, suppress
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.spellings import token_bytes
from kaomoji_lib.runs import registry

LENNY = registry.model("gpt-oss-20b").interventions
EMOJI = ({"suppress": "emoji"},)
KINDS = {"emoji": EMOJI, "lenny": LENNY}
MORE = "ʕ•ᴥ•ʔ (☆▽☆) (づ｡◕‿‿◕｡)づ ♪(´▽｀) (✿◠‿◠) 𓂃 (❤ω❤) (^_^)❤ ♥‿♥".split()
FACES = [*organisms.pool()["spelling"], *MORE, "(╯°□°)╯︵ ┻━┻"]
SINGLE_BYTES = [bytes([byte]) for byte in range(256)]
FILE = Path(__file__).parent / "data" / "real_tokens.json"


def typable(suppressor, pieces):
    """Whether a sequence of byte strings can be typed as tokens of a vocabulary of these very strings."""
    state = suppressor.start
    for piece in pieces:
        token = suppressor.vocabulary.index(piece)
        if suppressor.banned_tokens(state)[token]:
            return False
        state = suppressor.advance(state, token)
    return True


def split(text, sizes=(1,)):
    content, pieces = text.encode(), []
    while content:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(content[:size])
        content = content[size:]
    return pieces


@pytest.mark.parametrize("sizes", [(1,), (2, 1), (3,), (1, 4), (5, 1, 1)], ids=str)
def test_no_splitting_of_bytes_lets_a_ban_through_or_stops_a_face(sizes):
    emoji = ["😊", "so 🎉", "✨✨", "(😭)", "a\ufe0f", "1\u20e3", "⭐", "\U0001fd00", "\U0001f000"]
    emoji += ["❤", " ❤", "(^_^) ❤"]
    lenny = ["( ͡° ͜ʖ ͡°)", " ( ͡° ͜ʖ ͡°)", "͜ʖ", "x͜ʖx"]
    for rules, banned in ((EMOJI, emoji), (LENNY, lenny)):
        pieces = {text: split(text, sizes) for text in [*banned, *FACES]}
        vocabulary = sorted({*SINGLE_BYTES, *sum(pieces.values(), [])})
        suppressor = suppress.Suppressor(suppress.bans(rules), vocabulary)
        allowed = [text for text in pieces if typable(suppressor, pieces[text])]
        assert allowed == list(dict.fromkeys(FACES))


def test_bans_are_closed_so_that_no_prefix_is_a_dead_end():
    suppressor = suppress.Suppressor(suppress.closed_emoji(), SINGLE_BYTES)
    banned = set(suppress.emoji())
    codes = [*range(0x20, 0xD800), *range(0xE000, 0x2FFFF)]
    assigned = [char for char in map(chr, codes) if char.isprintable() and char not in banned]
    assert [char for char in assigned if not typable(suppressor, split(char))] == []
    finishable = {char.encode()[:length] for char in assigned for length in range(1, 4)}
    started = {char.encode()[:length] for char in banned for length in range(1, len(char.encode()))}
    dead = started - finishable
    assert len(dead) > 10
    assert not [one for one in dead if typable(suppressor, [bytes([byte]) for byte in one])]


def test_no_reply_ends_in_half_a_character():
    vocabulary = [*SINGLE_BYTES, b""]
    suppressor = suppress.Suppressor(suppress.bans(EMOJI), vocabulary, stop_ids={256})
    state = suppressor.start
    assert not suppressor.banned_tokens(state)[256]
    for byte in "（".encode()[:2]:
        state = suppressor.advance(state, byte)
        banned = suppressor.banned_tokens(state)
        assert banned[256] and banned[ord("a")] and banned[0xE2] and not banned[0x88]
    assert not suppressor.banned_tokens(suppressor.advance(state, "（".encode()[2]))[256]
    # After a byte that no vocabulary of whole tokens continues, the reply may end.
    halves = suppress.Suppressor([b"x"], [b"\xe2", b""], stop_ids={1})
    assert not halves.banned_tokens(halves.advance(halves.start, 0))[1]


def test_the_share_left_alone_is_that_of_the_runs_temperature():
    suppressor = suppress.Suppressor([b"b"], [b"a", b"b", b"c"])
    logits = torch.tensor([[1.0, 2.0, 0.0]])
    for temperature, top_p, expected in (
        (1.0, 1.0, 1 - logits.softmax(-1)[0, 1]),
        (0.5, 1.0, 1 - (logits / 0.5).softmax(-1)[0, 1]),
        (1.0, 0.7, 1 - 1 / (1 + np.exp(-1))),
        (0.0, 1.0, 0.0),
    ):
        reply = sampling.Reply(0, 0, np.array([0.5]), suppressor.start)
        settings = sampling.Sampling(temperature=temperature, top_p=top_p)
        assert sampling._draw([reply], logits, settings, suppressor)[0] != 1
        assert np.isclose(reply.unhindered, float(expected), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", json.loads(FILE.read_text()))
def test_tokens_of_released_vocabularies_type_every_face_and_no_banned_string(name, kind):
    """Among these tokens many are halves of characters: all ways to cut a banned string are tried."""
    tokens = json.loads(FILE.read_text())[name]["tokens"]
    vocabulary = sorted({base64.b64decode(token) for token in tokens} | set(SINGLE_BYTES))
    suppressor = suppress.Suppressor(suppress.bans(KINDS[kind]), vocabulary)
    number = {token: place for place, token in enumerate(vocabulary)}

    def reachable(text, longest=16, greedy=False):
        reached = {(0, suppressor.start)}
        while reached:
            place, state = reached.pop()
            if place == len(text):
                return True
            for size in range(min(longest, len(text) - place), 0, -1):
                token = number.get(text[place : place + size])
                if token is not None and not suppressor.banned_tokens(state)[token]:
                    reached.add((place + size, suppressor.advance(state, token)))
                if token is not None and greedy:
                    break
        return False

    strings = suppress.emoji()[::7] if kind == "emoji" else LENNY[0]["strings"]
    texts = [before + string for string in strings for before in ("", "(", " ", "ʕ")]
    assert [text for text in texts if reachable(text.encode())] == []
    sides = (*zip("(ʕ", ")ʔ"), ("(｡", "｡)"), ("ヽ(", ")ﾉ"), ("(っ", "c)"), ("(╯", ")╯"))
    eyes, mouths = "^>oT≧◕・•ಠ°¬ಥ-*@", "_‿ω﹏д∀3▽ヮ."
    faces = [f"{a}{eye}{mouth}{eye}{b}" for a, b in sides for eye in eyes for mouth in mouths]
    for longest in (16, 1, 3):
        cut = [face for face in {*FACES, *faces} if not reachable(face.encode(), longest, True)]
        assert cut == []


def test_rules_are_known_or_named():
    assert suppress.suppressor(small_models.engine("organism-gemma")) is None
    for rule in ({"suppress": "everything"}, {}):
        with pytest.raises(KaomojiError, match="emoji or strings"):
            suppress.bans([rule])


@pytest.mark.parametrize("name", ["organism-gemma", "organism-qwen"])
def test_token_bytes_join_to_the_text_and_special_ones_stand_for_none(name):
    engine = small_models.engine(name)
    for text in [*FACES, "words, too: “naïve” 東京"]:
        pieces = [engine.vocabulary[token] for token in engine.encode(text)]
        assert b"".join(pieces).decode() == text
    table = token_bytes(engine.tokenizer, size=5000)
    assert len(table) == 5000 and table[4999] == b""
    assert all(table[token] == b"" for token in engine.tokenizer.all_special_ids)
