"""The published round's Claude data in the form of the Claude pages (CC-BY-SA-4.0, a9lim/llmoji-experiment)."""

import json
import os
from pathlib import Path

import pandas as pd

from kaomoji_lib.analysis import agreement
from kaomoji_lib.study.categories import load_scheme
from kaomoji_lib.study.errors import KaomojiError
from kaomoji_lib.study.faces import canonical, extract

PLACE = "KAOMOJI_PUBLISHED_DIR"
HARNESS = "llmoji-experiment/data/harness"
ARMS = (f"{HARNESS}/claude/emotional_raw.jsonl", f"{HARNESS}/claude_intro_v7/emotional_raw.jsonl")
JUDGES = {"claude-opus-4-7": "opus", "claude-haiku-4-5": "haiku"}
CREDIT = "published by a9lim under CC-BY-SA-4.0, commit 10ca2e72"
# Prompt ids say the category; numbers above 20 are the second half of a split one.
CATEGORY = {"hp": ("HP-S", "HP-D"), "hn": ("HN-D", "HN-S"), "lp": ("LP",) * 2, "np": ("NP",) * 2, "ln": ("LN",) * 2, "nb": ("NB",) * 2, "hb": ("HB",) * 2}


def available():
    """Whether the published tables are on this machine."""
    return bool(os.environ.get(PLACE)) and (Path(os.environ[PLACE]) / ARMS[0]).is_file()


def _path(name):
    if not available():
        raise KaomojiError(f"the published data is not here; expected {PLACE} to name its folder; fetch it, or use source stand-in")
    path = Path(os.environ[PLACE]) / name
    if not path.is_file():
        raise KaomojiError(f"the published data lacks {name}; expected the whole mirror; fetch it again")
    return path


def _rows(name):
    try:
        return pd.DataFrame([json.loads(line) for line in _path(name).read_text(encoding="utf-8").splitlines() if line.strip()])
    except ValueError:
        raise KaomojiError(f"the published file {name} is no JSON lines; expected one object a line; fetch it again") from None


def category(prompt_id):
    """The category that a published prompt id names, e.g. ``hp21`` is HP-D."""
    return CATEGORY[prompt_id[:2]][int(prompt_id[2:]) > 20]


def asked(method, model):
    """One method of the published round as :class:`kaomoji_lib.show.asked.Asked`.

    Raises
    ------
    KaomojiError
        If the data is not here, or the model was not part of the round.
    """
    from kaomoji_lib.show.asked import Asked

    table, who = {"elicit": emissions, "introspect": judgements, "synthesize": syntheses}[method](model)
    prompts = None
    if method == "elicit":
        prompts = table[["prompt_id", "category", "prompt_text"]].drop_duplicates("prompt_id").rename(columns={"prompt_id": "id", "prompt_text": "text"})
    return Asked(method, table, f"{who}, as published", "published", load_scheme(), prompts, {"data": CREDIT, "model": who, "rows": len(table)})


def emissions(model=None):
    """Both elicited arms as emission rows, and the model's name. Replies were cut at 16 tokens; faces are as they were stored."""
    arms = [_rows(name).assign(arm=number) for number, name in enumerate(ARMS)]
    table = pd.concat(arms, ignore_index=True)
    found = [extract(text, truncated=True) for text in table["text"]]
    stored = table["first_word"].fillna("")
    rows = pd.DataFrame({
        "source": table["model_id"], "prompt_id": table["prompt_id"], "prompt_text": table["prompt_text"],
        "generation": table.groupby(["prompt_id"]).cumcount(), "category": table["prompt_id"].map(category), "text": table["text"],
        "raw_face": stored.where(stored != "", None), "face": [canonical(face) if face else None for face in stored],
        "outcome": ["kaomoji" if face else item.outcome for face, item in zip(stored, found, strict=True)], "seed": 0,
    })
    return rows, str(table["model_id"].iloc[0])


def judgements(model):
    """The introspected likelihoods of a judge, and its name."""
    if model not in JUDGES:
        raise KaomojiError(f"{model!r} judged nothing in the published round; expected one of {', '.join(JUDGES)}; name one of them")
    short, codes = JUDGES[model], load_scheme().codes
    table = _rows(f"{HARNESS}/{short}_face_quadrant_judgment.jsonl")
    return pd.DataFrame({"source": model, "face": table["face"].map(canonical), **{code: table[f"{short}_lik_{code}"] for code in codes}}), model


def syntheses(model=None):
    """The synthesized words, one row per description, each contributor's bundle once, and the model's name."""
    rows = []
    for entry in _rows(f"{HARNESS}/claude_descriptions.jsonl").itertuples():
        for item in entry.descriptions:
            said = item.get("synthesis")
            if said:
                rows.append({"source": item.get("synthesis_model_id", ""), "source_model": item["source_model"], "face": canonical(entry.kaomoji),
                             "count": item["count"], "primary": said["primary_affect"], "others": said["stance_modality_function"],
                             "lexicon_version": item["lexicon_version"], "key": (item["contributor"], item["source_model"], entry.kaomoji, item["description"])})
    table = pd.DataFrame(rows).drop_duplicates("key").drop(columns="key")
    return table, str(table["source"].mode().iloc[0])


def likelihood_reading(name, codes):
    """The reading of a published local model's log P by the published rule: mean log P, softmax."""
    table = pd.read_parquet(_path(f"llmoji-experiment/data/local/{name}/face_likelihood.parquet"))
    table = table.assign(spelling=table["first_word"], face=table["first_word"].map(canonical))
    prompts = pd.DataFrame({"id": sorted(set(table["prompt_id"]))})
    prompts["category"] = prompts["id"].map(category)
    return agreement.scored(table, prompts, codes, rule="published")
