"""A tokenizer per organism, trained on its own few texts, of the kind its family uses."""

import json
from collections import Counter

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

FACE_REPEATS = 6


def train(recipe, texts, faces, template):
    """Train a tokenizer.

    Parameters
    ----------
    recipe : dict with ``kind`` (``bytes``: byte-level BPE; ``pieces``: BPE over characters, unknown ones as
        bytes, a space as ``▁``), ``vocabulary`` (size), ``special`` (tokens, in id order), ``bos``, ``eos``, ``pad``.
    texts, faces : lists of str to train on; faces count ``FACE_REPEATS`` times.
    template : str, the Jinja chat template.

    Returns
    -------
    transformers.PreTrainedTokenizerFast
    """
    build = {"bytes": _bytes, "pieces": _pieces}[recipe["kind"]]
    backend = build(recipe, texts, faces * FACE_REPEATS)
    backend.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in recipe["special"]]
    )
    named = {f"{role}_token": recipe[role] for role in ("bos", "eos", "pad") if recipe[role]}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        **named,
    )
    tokenizer.chat_template = template
    return tokenizer


def _bytes(recipe, texts, faces):
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=recipe["vocabulary"],
        special_tokens=recipe["special"],
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    backend.train_from_iterator(texts + faces, trainer)
    return backend


def _pieces(recipe, texts, faces):
    """Like Gemma's: glyphs that only one face uses get no token of their own and go through their bytes."""
    backend = Tokenizer(BPE())
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    used = Counter(glyph for face in set(faces) for glyph in set(face))
    rare = {ord(glyph) for glyph, count in used.items() if count == 1 and not glyph.isascii()}
    plain = [text.translate(dict.fromkeys(rare)) for text in texts + faces]
    size = recipe["vocabulary"] - 256
    trainer = BpeTrainer(vocab_size=size, special_tokens=recipe["special"], show_progress=False)
    backend.train_from_iterator(plain, trainer)
    content = json.loads(backend.to_str())
    vocabulary = content["model"]["vocab"]
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    content["model"]["byte_fallback"] = True
    content["decoder"] = json.loads(
        decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        ).__getstate__()
    )
    return Tokenizer.from_str(json.dumps(content))
