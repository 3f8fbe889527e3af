"""The bytes behind each token, whatever kind of tokenizer it is."""

import re
from functools import cache

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_METASPACE = "▁"


def token_bytes(tokenizer, size=None):
    """The bytes each token id stands for.

    Parameters
    ----------
    tokenizer : a transformers tokenizer.
    size : int, optional; length of the result, for models whose head is wider than the vocabulary.

    Returns
    -------
    list of bytes, indexed by token id. Special tokens and ids without a token stand for no bytes.
    """
    vocabulary = tokenizer.get_vocab()
    count = max(size or 0, max(vocabulary.values(), default=-1) + 1)
    translate = _bytes_of_symbols if _is_byte_level(tokenizer) else _bytes_of_piece
    table = [b""] * count
    special, added = set(tokenizer.all_special_ids), tokenizer.added_tokens_decoder
    for token, identity in vocabulary.items():
        if identity in special or (identity in added and added[identity].special):
            continue
        table[identity] = token.encode() if identity in added else translate(token)
    return table


def _is_byte_level(tokenizer):
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and "ByteLevel" in str(backend.decoder)


@cache
def _symbols():
    """The printable character that byte-level BPE writes for each byte (Radford et al. 2019, GPT-2)."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + rank): byte for rank, byte in enumerate(others)
    }


def _bytes_of_symbols(token):
    symbols = _symbols()
    if any(char not in symbols for char in token):
        return token.encode()
    return bytes(symbols[char] for char in token)


def _bytes_of_piece(token):
    found = _BYTE_TOKEN.fullmatch(token)
    return (
        bytes([int(found[1], 16)])
        if found
        else token.replace(_METASPACE, " ").encode("utf-8", "surrogatepass")
    )
