"""What the stand-in says: faces from an organism's planted tables, readings derived from them, words by rule.

Nothing here resembles what a language model would answer; it is an exercise with a known answer.
"""

import hashlib
import json
from functools import cached_property

import numpy as np

from kaomoji_lib.faces.extract import canonical
from kaomoji_lib.stimuli import INSTRUCTION, load_lexicon, load_prompts

REFUSALS, WORDS = 0.01, 0.04
PLAIN_WORDS = ("Okay.", "Noted.", "I see.")


class Rules:
    """Answers by rule. ``organism``: whose planted table is used; ``prompts``: a prompt table, or None."""

    def __init__(self, organism="gemma", prompts=None):
        self.organism, self._prompts = organism, prompts

    @cached_property
    def planted(self):
        from kaomoji_lib.models import organisms

        return organisms.planted(self.organism)

    @cached_property
    def codes(self):
        return list(dict.fromkeys(self.planted["category"]))

    @cached_property
    def category_of(self):
        table = load_prompts() if self._prompts is None else self._prompts
        return dict(zip(table["text"], table["category"], strict=True))

    @cached_property
    def given_face(self):
        """P(category | face) of the planted table, categories being equally likely: face -> array."""
        wide = self.planted.pivot_table(
            index="face", columns="category", values="probability", aggfunc="sum", fill_value=0.0
        )
        wide = wide.reindex(columns=self.codes, fill_value=0.0)
        return {
            face: row / row.sum() for face, row in zip(wide.index, wide.to_numpy(), strict=True)
        }

    @cached_property
    def words(self):
        table = load_lexicon()
        anchors = {
            code: list(group["word"])
            for code, group in table[table["category"] != ""].groupby("category")
        }
        return anchors, list(table.loc[table["category"] == "", "word"])

    def __call__(self, params, occurrence):
        """Text and stop reason for a request; ``occurrence`` counts equal requests from 0."""
        rng = np.random.default_rng(
            [occurrence, *hashlib.sha256(json.dumps(params, sort_keys=True).encode()).digest()[:8]]
        )
        asked = last_user_text(params)
        fields = schema_fields(params)
        if not params.get("system"):
            return self._face(asked, rng)
        if "primary" in fields or '"primary"' in system_text(params):
            return json.dumps(self._words(asked, rng)), "end_turn"
        return json.dumps(self._likelihoods(asked, fields or self.codes, rng)), "end_turn"

    def _face(self, asked, rng):
        prompt = asked.removeprefix(INSTRUCTION).strip()
        luck = rng.random()
        if luck < REFUSALS:
            return "", "refusal"
        if luck < REFUSALS + WORDS:
            return str(rng.choice(PLAIN_WORDS)), "end_turn"
        rows = self.planted[self.planted["category"] == self._category(prompt, self.codes)]
        return (
            f"{rng.choice(rows['spelling'], p=rows['probability'] / rows['probability'].sum())} tell me more",
            "max_tokens",
        )

    def _category(self, text, codes):
        known = self.category_of.get(text)
        return (
            known
            if known in codes
            else codes[hashlib.sha256(text.encode()).digest()[0] % len(codes)]
        )

    def _likelihoods(self, face, codes, rng):
        shares = self.given_face.get(canonical(face))
        values = np.full(len(codes), 0.15)
        if shares is not None and set(codes) == set(self.codes):
            values = np.array([shares[self.codes.index(code)] for code in codes])
            values = 0.1 + 0.75 * values / values.max()
        return {
            code: round(float(value), 2)
            for code, value in zip(
                codes, np.clip(values + rng.normal(0, 0.05, len(codes)), 0, 1), strict=True
            )
        }

    def _words(self, asked, rng):
        anchors, others = self.words
        found = [category for text, category in self.category_of.items() if text in asked]
        codes = [code for code in self.codes if code in anchors]
        code = max(set(found), key=found.count) if found else codes[int(rng.integers(len(codes)))]
        primary = rng.choice(
            anchors.get(code, anchors[codes[0]]), size=int(rng.integers(1, 3)), replace=False
        )
        return {
            "primary": primary.tolist(),
            "others": rng.choice(others, size=int(rng.integers(3, 6)), replace=False).tolist(),
        }


class Organism(Rules):
    """As :class:`Rules`, but the faces are typed by the organism itself. Slow; loads the model on first use."""

    @cached_property
    def engine(self):
        from kaomoji_lib.models.loading import load
        from kaomoji_lib.runs import registry

        return load(registry.model(f"organism-{self.organism}"), device="cpu")

    def _face(self, asked, rng):
        from kaomoji_lib.models.sample import Sampling, sample

        rows, _ = sample(
            self.engine,
            [asked],
            ["stand-in"],
            Sampling(generations=1, seed=int(rng.integers(2**31))),
            layers=[0],
        )
        return rows[0]["text"], "max_tokens" if rows[0]["outcome"] == "truncated" else "end_turn"


def system_text(params):
    system = params.get("system") or ""
    return (
        system
        if isinstance(system, str)
        else " ".join(str(block.get("text", "")) for block in system)
    )


def last_user_text(params):
    content = params["messages"][-1]["content"]
    return (
        content
        if isinstance(content, str)
        else " ".join(str(block.get("text", "")) for block in content)
    )


def schema_fields(params):
    """Names of the fields that the answer must have, or an empty list."""
    schema = ((params.get("output_config") or {}).get("format") or {}).get("schema") or {}
    return list(schema.get("properties") or {})
