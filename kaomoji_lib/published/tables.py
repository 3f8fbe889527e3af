"""The article's data as the common tables, read from the tables of facts that ship in ``data/published/``."""

from functools import cache

import pandas as pd
import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.canonical import canonical, published_fold
from kaomoji_lib.stimuli import DATA, Scheme, load_scheme, read_table

FOLDER = DATA / "published"
NAMES = (
    "emissions.parquet",
    "likelihoods.parquet",
    "judgements.csv",
    "words.csv",
    "components.csv",
    "variance.csv",
)
LOCAL = ("gemma", "qwen", "ministral", "granite", "gpt-oss")
JUDGES = ("opus", "haiku")
# The published folds did not know this wide arm: `＼(^o^)／` stayed apart from `(^o^)`, and was dropped later because it
# does not start with "(". Without it the published numbers cannot be had to the last digit.
UNKNOWN_ARM = "＼"


@cache
def read(name):
    """Return a shipped table by file name, as it is. Callers copy before they change it."""
    if name.endswith(".parquet"):
        return pd.read_parquet(FOLDER / name)
    return pd.read_csv(FOLDER / name, na_filter=False)


@cache
def registry():
    """Return ``data/published.yml`` (dict): ``files`` maps path to SHA-256, ``repositories`` name to address of a commit."""
    return yaml.safe_load((DATA / "published.yml").read_text(encoding="utf-8"))


def commits(known):
    """Return dict ``author/repository`` -> commit of a registry."""
    addresses = known["repositories"].items()
    return {f"{known['author']}/{name}": url.split("/")[-2] for name, url in addresses}


def attribution():
    """Return whose data this is, in one sentence for every page that uses it."""
    known = registry()
    where = ", ".join(f"{name} {sha[:8]}" for name, sha in commits(known).items())
    return f"Data by {known['author']}, licensed {known['licence']} ({where}); the numbers are computed from it here."


def titles():
    """Return the title of each source of emissions: dict name -> title."""
    return {name: entry["title"] for name, entry in registry()["sources"].items()}


@cache
def prompts(scheme="nine"):
    """Return the prompts of a round: DataFrame[id, category]; their texts are not part of what ships.

    ``scheme``: ``nine``, or ``first`` (the five classes of the first round): a column of ``published_categories.csv``.
    """
    spans = read_table(DATA / "published_categories.csv", ("code", scheme)).set_index("code")
    spans, rows = spans[scheme].str.extract(r"(..)(\d+)-..(\d+)").dropna(), []
    for code, prefix, first, last in spans.itertuples():
        numbers = range(int(first), int(last) + 1)
        rows += [(f"{prefix}{number:02d}", code) for number in numbers]
    return pd.DataFrame(rows, columns=["id", "category"])


@cache
def scheme(name="nine"):
    """Return the categories of a round as a :class:`Scheme`."""
    table = load_scheme(DATA / "published_categories.csv").table
    return Scheme(table.loc[prompts(name)["category"].unique()])


def category(prompt_ids, name="nine"):
    """Return the category of each prompt id (``hp21``) in a round: list, None where there is none."""
    codes = dict(prompts(name).to_numpy())
    return [codes.get(prompt) for prompt in prompt_ids]


def emissions(name, scheme=None):
    """Return the emissions of a published source, one row per reply, in the order of the originals.

    Columns: source, prompt_id, generation (index of the seed, of Claude's run), category, raw_face, face (None without
    one), outcome; and ``published_raw``, ``published_face``: the span that the article's own extractor cut. There are no
    texts: what our extractor reads was fixed when the tables were derived. ``scheme``: another one than the source's own;
    prompts without a category in it are left out. Raises KaomojiError for an unknown name.
    """
    known = registry()["sources"]
    if name not in known:
        raise KaomojiError(f"unknown published source {name!r}; expected one of {', '.join(known)}")
    table = read("emissions.parquet")
    table = table[table["source"] == name].astype(object)
    table = table.where(table.notna(), None).astype({"generation": int})
    table["category"] = category(table["prompt_id"], scheme or known[name]["scheme"])
    table["face"] = each(canonical, table["raw_face"])
    columns = ["source", "prompt_id", "generation", "category", "raw_face", "face", "outcome"]
    rows = table[table["category"].notna()].reset_index(drop=True)
    return rows[[*columns, "published_raw", "published_face"]]


def published_face(stored):
    """Return the canonical form of a span that the published numbers were counted with."""
    return (UNKNOWN_ARM if stored.startswith(UNKNOWN_ARM) else "") + published_fold(stored)


def as_published(table):
    """Return emissions with the faces that the published numbers were counted with."""
    return table.assign(face=table["published_face"])


def log_probs(name):
    """Return log P(face | prompt) of a local model: DataFrame prompt x face (the 770 scored spellings), nat."""
    table = read("likelihoods.parquet")
    table = table[table["source"] == name]
    table = table.set_index(each(published_face, table["spelling"]).rename("face"))
    return table.drop(columns=["source", "spelling", "n_tokens"]).T.astype(float)


def judgements(judge):
    """Return a judge's likelihoods: DataFrame[source, face, one column per category, 0..1], independent of each other."""
    table = read("judgements.csv").rename(columns={"judge": "source", "spelling": "face"})
    own = table[table["source"] == judge].reset_index(drop=True)
    return own.assign(face=each(published_face, own["face"]))


def syntheses():
    """Return the synthesized words, one row per description, repeated uploads included.

    Columns: face, count, lexicon_version, source_model, contributor, bundle, primary and others (lists of words).
    """
    table = read("words.csv").rename(columns={"spelling": "face"})
    lists = {column: table[column].str.split() for column in ("primary", "others")}
    return table.assign(face=each(published_face, table["face"]), **lists)


def uploads_once(words):
    """Return the rows of :func:`syntheses` with each upload counted once: of uploads that repeat each other, the latest.

    Two bundles are uploads of one corpus if nine tenths of the (face, source model) pairs of the smaller one are in the
    other, whoever signed them: an identifier that changed between uploads hides the repetition.
    """
    pairs = pd.Series(list(zip(words["face"], words["source_model"])), words.index)
    kept, rows = [], []
    # The names of bundles sort by time.
    for _, own in sorted(pairs.groupby([words["bundle"], words["contributor"]]), reverse=True):
        shares = [len({*own} & other) / min(own.nunique(), len(other)) for other in kept]
        if max(shares, default=0) < 0.9:
            kept.append({*own})
            rows += list(own.index)
    return words.loc[sorted(rows)]


def components(name):
    """Return three component scores per prompt of a local model: DataFrame[id, category, PC1, PC2, PC3].

    Decoded from the article's interactive figures; all that was published of the hidden states. A prompt without a
    kaomoji in any reply has none (two prompts of granite).
    """
    table = read("components.csv").rename(columns={"prompt_id": "id"})
    table = table[table["source"] == name].drop(columns="source").reset_index(drop=True)
    table.insert(1, "category", category(table["id"]))
    return table


def each(function, column):
    """Return ``function`` of each text of a column, called once per distinct one; None stays None."""
    known = {value: function(value) if value else None for value in column.unique()}
    return pd.Series([known[value] for value in column], column.index, dtype=object)
