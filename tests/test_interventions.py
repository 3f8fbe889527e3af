"""What is suppressed cannot be typed, whatever the tokens; everything else can."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import small_models
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import organisms
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models import suppress as interventions
from kaomoji_lib.models.spellings import token_bytes
from kaomoji_lib.runs import registry

LENNY = registry.model("gpt-oss-20b").interventions
EMOJI = ({"suppress": "emoji"},)
KINDS = {"emoji": EMOJI, "lenny": LENNY}
MORE = "ʕ•ᴥ•ʔ (☆▽☆) (づ｡◕‿‿◕｡)づ ♪(´▽｀) (✿◠‿◠) 𓂃 (❤ω❤)".split()
FACES = [*organisms.pool()["spelling"], *MORE, "(╯°□°)╯︵ ┻━┻"]
SINGLE_BYTES = [bytes([byte]) for byte in range(256)]


def allows(suppressor, pieces):
    """Whether a sequence of byte strings can be typed as tokens of a vocabulary of these very strings."""
    state = suppressor.start
    for piece in pieces:
        token = suppressor.vocabulary.index(piece)
        if suppressor.banned_tokens(state)[token]:
            return False
        state = suppressor.advance(state, token)
    return True


def split(text, sizes):
    content, pieces = text.encode(), []
    while content:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(content[:size])
        content = content[size:]
    return pieces


@pytest.mark.parametrize("sizes", [(1,), (2, 1), (3,), (1, 4), (5, 1, 1)], ids=str)
def test_no_splitting_of_bytes_lets_a_ban_through_or_stops_a_face(sizes):
    emoji = ["😊", "so 🎉", "✨✨", "(😭)", "a\ufe0f", "1\u20e3", "⭐"]
    lenny = ["( ͡° ͜ʖ ͡°)", " ( ͡° ͜ʖ ͡°)", "͜ʖ", "x͜ʖx"]
    for rules, banned in ((EMOJI, emoji), (LENNY, lenny)):
        pieces = {text: split(text, sizes) for text in [*banned, *FACES]}
        vocabulary = sorted({*SINGLE_BYTES, *sum(pieces.values(), [])})
        suppressor = interventions.Suppressor(interventions.bans(rules), vocabulary)
        typable = [text for text in pieces if allows(suppressor, pieces[text])]
        assert typable == list(dict.fromkeys(FACES))


def test_bans_are_closed_so_that_no_prefix_is_a_dead_end():
    suppressor = interventions.Suppressor(interventions.closed_emoji(), SINGLE_BYTES)
    banned = set(interventions.emoji())
    codes = [*range(0x20, 0xD800), *range(0xE000, 0x2FFFF)]
    assigned = [char for char in map(chr, codes) if char.isprintable() and char not in banned]
    assert [char for char in assigned if not allows(suppressor, split(char, (1,)))] == []
    finishable = {char.encode()[:length] for char in assigned for length in range(1, 4)}
    started = {char.encode()[:length] for char in banned for length in range(1, len(char.encode()))}
    dead = started - finishable
    assert len(dead) > 10
    assert not [one for one in dead if allows(suppressor, [bytes([byte]) for byte in one])]


def test_emoji_planes_and_lone_hearts_cannot_be_typed():
    suppressor = interventions.Suppressor(interventions.bans(EMOJI), SINGLE_BYTES)
    for text in ("\U0001fd00", "\U0001feff", "\U0001f000", "❤", " ❤", "(^_^) ❤"):
        assert not allows(suppressor, split(text, (1,))), text
    for text in ("(❤ω❤)", "(^_^)❤", "♥‿♥", "𓂃"):
        assert allows(suppressor, split(text, (1,))), text


def test_no_reply_ends_in_half_a_character():
    vocabulary = [*SINGLE_BYTES, b""]
    suppressor = interventions.Suppressor(interventions.bans(EMOJI), vocabulary, stop_ids={256})
    state = suppressor.start
    assert not suppressor.banned_tokens(state)[256]
    for byte in "（".encode()[:2]:
        state = suppressor.advance(state, byte)
        banned = suppressor.banned_tokens(state)
        assert banned[256] and banned[ord("a")] and banned[0xE2] and not banned[0x88]
    assert not suppressor.banned_tokens(suppressor.advance(state, "（".encode()[2]))[256]
    # After a byte that no vocabulary of whole tokens continues, the reply may end.
    halves = interventions.Suppressor([b"x"], [b"\xe2", b""], stop_ids={1})
    assert not halves.banned_tokens(halves.advance(halves.start, 0))[1]


def test_the_share_left_alone_is_that_of_the_runs_temperature():
    suppressor = interventions.Suppressor([b"b"], [b"a", b"b", b"c"])
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


def test_draws_follow_the_weights_exactly():
    weights = torch.rand(3, 1300, generator=torch.Generator().manual_seed(0)) ** 8
    weights[:, 600:1100] = 0
    cumulative = weights.double().cumsum(-1) / weights.double().sum(-1, keepdim=True)
    for number in (0.0, 1e-9, 0.3, 0.77, 1 - 1e-9, np.nextafter(1, 0)):
        found = sampling._inverse(weights, torch.full((3,), number, dtype=torch.float64))
        for row, column in enumerate(found):
            assert weights[row, column] > 0
            assert cumulative[row, column] > number - 1e-6
            assert column == 0 or cumulative[row, column - 1] < number + 1e-6


# -- tokens of released vocabularies, among which many are halves of characters -----------------------

REAL = {
    name: sorted({base64.b64decode(token) for token in kept["tokens"]} | set(SINGLE_BYTES))
    for name, kept in json.loads(
        (Path(__file__).parent / "data" / "real_tokens.json").read_text()
    ).items()
}
MANY_FACES = sorted(
    {*FACES}
    | {
        f"{left}{eye}{mouth}{eye}{right}"
        for left, right in ("()", ("(｡", "｡)"), ("ヽ(", ")ﾉ"), "ʕʔ", ("(っ", "c)"), ("(╯", ")╯"))
        for eye in "^>oT≧◕・•ಠ°¬ಥ-*@"
        for mouth in "_‿ω﹏д∀3▽ヮ."
    }
)


@pytest.fixture(
    scope="module", params=[(name, kind) for name in REAL for kind in KINDS], ids="-".join
)
def real(request):
    name, kind = request.param
    return interventions.Suppressor(interventions.bans(KINDS[kind]), REAL[name]), kind


def banned_strings(kind):
    strings = interventions.emoji() if kind == "emoji" else LENNY[0]["strings"]
    return [string.encode() for string in strings]


def test_no_segmentation_into_real_tokens_lets_a_banned_string_through(real):
    suppressor, kind = real
    number = {token: place for place, token in enumerate(suppressor.vocabulary)}
    leaks = []
    for string in banned_strings(kind)[:: 7 if kind == "emoji" else 1]:
        for before in (b"", b"(", b" ", "ʕ".encode()):
            reached = {(0, suppressor.start)}
            text = before + string
            while reached:
                place, state = reached.pop()
                if place == len(text):
                    leaks.append(text)
                for size in range(1, min(16, len(text) - place) + 1):
                    token = number.get(text[place : place + size])
                    if token is not None and not suppressor.banned_tokens(state)[token]:
                        reached.add((place + size, suppressor.advance(state, token)))
    assert leaks == []


def test_every_face_stays_typable_in_real_tokens(real):
    suppressor, _ = real
    number, rng = (
        {token: place for place, token in enumerate(suppressor.vocabulary)},
        np.random.default_rng(0),
    )
    blocked = []
    for face in MANY_FACES:
        for longest in (16, 1, int(rng.integers(2, 8))):
            text, place, state = face.encode(), 0, suppressor.start
            while place < len(text):
                size = next(
                    size
                    for size in range(min(longest, len(text) - place), 0, -1)
                    if text[place : place + size] in number
                )
                token = number[text[place : place + size]]
                if suppressor.banned_tokens(state)[token]:
                    blocked.append(face)
                    break
                place, state = place + size, suppressor.advance(state, token)
    assert len(MANY_FACES) > 900 and blocked == []


def test_rules_are_known_or_named():
    assert interventions.suppressor(small_models.engine("organism-gemma")) is None
    for rule in ({"suppress": "everything"}, {}):
        with pytest.raises(KaomojiError, match="emoji or strings"):
            interventions.bans([rule])


@pytest.mark.parametrize("name", ["organism-gemma", "organism-qwen"])
def test_token_bytes_join_to_the_text_and_special_ones_stand_for_none(name):
    engine = small_models.engine(name)
    for text in [*FACES, "words, too: “naïve” 東京"]:
        pieces = [engine.vocabulary[token] for token in engine.encode(text)]
        assert b"".join(pieces).decode() == text
    table = token_bytes(engine.tokenizer, size=5000)
    assert len(table) == 5000 and table[4999] == b""
    assert all(table[token] == b"" for token in engine.tokenizer.all_special_ids)
