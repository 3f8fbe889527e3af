"""The published study's files as the common tables: emissions, likelihoods, judgements, synthesized words."""

from dataclasses import dataclass

import pandas as pd

from kaomoji_lib.categories import Scheme, load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import extract
from kaomoji_lib.faces.published_fold import published_fold
from kaomoji_lib.published import files as published
from kaomoji_lib.published import plotly_figures
from kaomoji_lib.runs.files import parse_json
from kaomoji_lib.runs.folder import EMISSION_COLUMNS
from kaomoji_lib.stimuli import DATA, read_table

CUT = 16
# The published folds did not know this wide arm: `＼(^o^)／` stayed apart from `(^o^)`, and was dropped later because it
# does not start with "(". Without it the published numbers cannot be had to the last digit.
UNKNOWN_ARM = "＼"


@dataclass(frozen=True)
class Files:
    """The tables of one published round by name, read when asked for. ``known``: another registry than the project's."""

    known: published.Registry | None = None

    def emissions(self, name, cells=None):
        return emissions(name, cells, self.known)

    def likelihoods(self, name):
        return likelihoods(name, self.known)

    def judgements(self, name):
        return judgements(name, self.known)

    def syntheses(self):
        return syntheses(self.known)

    def components(self, name):
        return components(name, self.known)


def scheme(name):
    """The category scheme of a cell table: ``nine``, ``six`` or ``first`` (five classes), as :class:`Scheme`."""
    cells = _cells(name)
    everything = load_scheme(DATA / "published_categories.csv").table
    return Scheme(
        everything.loc[[code for code in everything.index if code in set(cells["category"])]]
    )


def category(prompt_ids, name):
    """Category of each prompt id (``hp21``) under a cell scheme: list, None where the scheme has no such cell."""
    cells = _cells(name)
    spans = list(
        zip(
            cells["prefix"],
            cells["first"].astype(int),
            cells["last"].astype(int),
            cells["category"],
            strict=True,
        )
    )
    known = {}
    for prompt in dict.fromkeys(prompt_ids):
        prefix, number = prompt.rstrip("0123456789"), prompt[len(prompt.rstrip("0123456789")) :]
        known[prompt] = next(
            (
                code
                for start, first, last, code in spans
                if start == prefix and number and first <= int(number) <= last
            ),
            None,
        )
    return [known[prompt] for prompt in prompt_ids]


def _cells(name):
    table = read_table(
        DATA / "published_cells.csv", ("scheme", "prefix", "first", "last", "category")
    )
    found = table[table["scheme"] == name]
    if found.empty:
        raise KaomojiError(
            f"unknown cell scheme {name!r}; expected one of {', '.join(dict.fromkeys(table['scheme']))}; see data/published_cells.csv"
        )
    return found


def published_face(stored):
    """The spelling that the published numbers were counted with; None for an empty span."""
    if not isinstance(stored, str) or not stored:
        return None
    return (UNKNOWN_ARM if stored.startswith(UNKNOWN_ARM) else "") + published_fold(stored)


def source(name, known=None):
    """The registry entry of a published source (dict)."""
    known = known or published.registry()
    if name not in known.sources:
        raise KaomojiError(
            f"unknown published source {name!r}; expected one of {', '.join(known.sources)}; see data/published.yml"
        )
    return known.sources[name]


def emissions(name, cells=None, known=None):
    """Emissions of a published source, faces extracted anew from its texts.

    Columns: those of a run's emissions, ``prompt_text``, and of the span that the published extractor had stored (None
    without one) ``published_raw`` as it stands and ``published_face`` under the published fold, as is ``face``. Texts were cut at 16 tokens, so an open span
    is *truncated*. ``cells``: another cell scheme than the source's own; prompts outside it are left out.
    """
    entry = source(name, known)
    parts = [
        _json_lines(path, ("prompt_id", "text", "first_word"), known) for path in entry["emissions"]
    ]
    raw = pd.concat(parts, ignore_index=True)
    found = [extract(text, truncated=True) for text in raw["text"]]
    faced = [item.outcome == "kaomoji" for item in found]
    table = pd.DataFrame(
        {
            "source": name,
            "prompt_id": raw["prompt_id"],
            "generation": raw.groupby("prompt_id").cumcount(),
            "category": category(list(raw["prompt_id"]), cells or entry["scheme"]),
            "text": raw["text"],
            "raw_face": _objects(
                item.raw_face if kept else None for item, kept in zip(found, faced, strict=True)
            ),
            "face": _objects(
                published_fold(item.raw_face) if kept else None
                for item, kept in zip(found, faced, strict=True)
            ),
            "outcome": [item.outcome for item in found],
            "seed": raw["seed"] if "seed" in raw else 0,
            "prompt_text": raw["prompt_text"] if "prompt_text" in raw else "",
            "published_raw": _objects(
                word if isinstance(word, str) and word else None for word in raw["first_word"]
            ),
            "published_face": _objects(map(published_face, raw["first_word"])),
        }
    )
    return table[table["category"].notna()].reset_index(drop=True)[
        [*EMISSION_COLUMNS, "prompt_text", "published_raw", "published_face"]
    ]


def as_published(table):
    """The same emissions with the faces that the published numbers were counted with (outcome: kaomoji or words)."""
    face = table["published_face"]
    outcome = pd.Series(face.notna(), table.index).map({True: "kaomoji", False: "words"})
    return table.assign(face=face, outcome=outcome)


def prompts(table):
    """The prompts behind emissions: DataFrame[id, category, topic, text]."""
    first = table.drop_duplicates("prompt_id")
    return pd.DataFrame(
        {
            "id": first["prompt_id"],
            "category": first["category"],
            "topic": "",
            "text": first["prompt_text"],
        }
    ).reset_index(drop=True)


def likelihoods(name, known=None):
    """log P(face | prompt) of a published source: DataFrame[source, prompt_id, spelling, face, log_prob (nat), n_tokens]."""
    entry = source(name, known)
    if "likelihoods" not in entry:
        raise KaomojiError(
            f"{entry['title']} has no published likelihoods; expected a local model; name another"
        )
    columns = ["first_word", "prompt_id", "log_prob", "n_face_tokens"]
    path = published.locate(entry["likelihoods"], known)
    try:
        table = pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:
        raise KaomojiError(
            f"{entry['likelihoods']} cannot be read ({error}); expected a parquet file with {', '.join(columns)}; fetch it again"
        ) from None
    faces = {spelling: published_face(spelling) for spelling in table["first_word"].unique()}
    return pd.DataFrame(
        {
            "source": name,
            "prompt_id": table["prompt_id"],
            "spelling": table["first_word"],
            "face": table["first_word"].map(faces),
            "log_prob": table["log_prob"],
            "n_tokens": table["n_face_tokens"],
        }
    )


def judgements(name, known=None):
    """A judge's likelihoods: DataFrame[source, face, one column per category in 0..1], independent of each other."""
    known = known or published.registry()
    if name not in known.judgements:
        raise KaomojiError(
            f"unknown judge {name!r}; expected one of {', '.join(known.judgements)}; see data/published.yml"
        )
    codes = scheme("nine").codes
    table = _json_lines(
        known.judgements[name]["file"], ("face", *(f"{name}_lik_{code}" for code in codes)), known
    )
    columns = {code: table[f"{name}_lik_{code}"].astype(float) for code in codes}
    return pd.DataFrame({"source": name, "face": table["face"].map(published_face), **columns})


def syntheses(known=None):
    """Synthesized words, one row per description.

    Columns: face, count, contributor, bundle, lexicon_version, source_model, primary and others (lists of words).
    """
    known = known or published.registry()
    rows = []
    for entry in _json_lines(known.syntheses, ("kaomoji", "descriptions"), known).itertuples():
        for item in entry.descriptions:
            said = item.get("synthesis") or {}
            rows.append(
                {
                    "face": published_face(entry.kaomoji),
                    "count": int(item["count"]),
                    "contributor": item["contributor"],
                    "bundle": item["bundle"],
                    "lexicon_version": int(item["lexicon_version"]),
                    "source_model": item["source_model"],
                    "primary": list(said.get("primary_affect", [])),
                    "others": list(said.get("stance_modality_function", [])),
                }
            )
    return pd.DataFrame(rows)


def components(name, known=None):
    """Three component scores of every prompt of a published model, decoded from its interactive figure.

    Returns (DataFrame[category, x, y, z], shares of variance that the figure's axes tell, None where they do not).

    Raises
    ------
    KaomojiError
        If the figure is not to be had or cannot be read.
    """
    entry = source(name, known)
    if "figure" not in entry:
        raise KaomojiError(
            f"{entry['title']} has no published figure of its states; expected a local model; name another"
        )
    try:
        path = published.locate(entry["figure"], known)
    except KaomojiError as error:
        why = str(error).partition("; expected")[0]
        raise KaomojiError(
            f"the article's interactive figures cannot be had; expected them ({why}); run `kaomoji published --fetch`"
        ) from None
    return plotly_figures.components(
        path.read_text(encoding="utf-8", errors="replace"), scheme(entry["scheme"]).codes
    )


def _json_lines(name, required, known):
    path = published.locate(name, known)
    try:
        with path.open(encoding="utf-8") as handle:
            table = pd.DataFrame([parse_json(line) for line in handle if line.strip()])
    except (ValueError, UnicodeDecodeError) as error:
        raise KaomojiError(
            f"{name} is not JSON lines ({error}); expected one object a line; fetch it again"
        ) from None
    missing = [column for column in required if column not in table]
    if missing:
        raise KaomojiError(
            f"{name} lacks the field(s) {', '.join(missing)}; expected {', '.join(required)}; fetch it again"
        )
    return table


def _objects(values):
    return pd.Series(list(values), dtype=object)
