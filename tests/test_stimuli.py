"""The tables of the study: sets of messages give nothing away, colours are legible, users' files are read or refused by line."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import snowballstemmer
import yaml
from scipy.spatial.distance import cdist
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from kaomoji_lib import page as pages
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import predict
from kaomoji_lib.models import organisms, sentences
from kaomoji_lib.runs import registry
from kaomoji_lib.stimuli import DATA, load_lexicon, load_prompts, load_scheme, read_table

SCHEME = load_scheme()
NAMES_OF_FEELINGS = re.compile(
    r"\b(?:happy|happily|happiness|joy\w*|glad|sad\w*|angry|anger|mad|furious|afraid|scared|fear\w*|anxi\w+|worr\w+|relie[fv]\w*|"
    r"grateful\w*|thankful\w*|excite\w*|content\w*|peaceful\w*|calm\w*|confus\w+|puzzl\w+|bored|boring|lonely|frustrat\w+|upset|"
    r"annoy\w*|delight\w*|thrill\w*|mischie\w+|playful\w*|proud\w*|griev\w+|grief|weary|tired)\b",
    re.IGNORECASE,
)
PARAPHRASES = ("prompts_paraphrase1", "prompts_paraphrase2")
SETS = [name for name in ("prompts", *PARAPHRASES, "prompts_b") if (DATA / f"{name}.csv").exists()]
CONTENT = "bill bottom call cry empty fill find fire found front full give keep made move part put see show side take top"
FUNCTION = "second says said let lets get gets got goes going gone come comes came does did half near just away ahead far"
FUNCTION_WORDS = (ENGLISH_STOP_WORDS - set(CONTENT.split())) | set(FUNCTION.split())
# The second author's set shares first names and props with the toy models' training: no toy is tested on it.
APART = [name for name in SETS if name != "prompts_b"]
STEM = snowballstemmer.stemmer("english").stemWords


def words(text):
    return re.findall(r"[a-z0-9']+", text)


def count(texts):
    return Counter(word for text in texts for word in set(words(text)))


def content_stems(text):
    return set(STEM(sorted(set(words(text)) - FUNCTION_WORDS)))


def messages(name):
    return load_prompts(DATA / f"{name}.csv")


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_balanced_and_plain(name):
    prompts = messages(name)
    counts = prompts.groupby(["category", "topic"]).size().unstack(fill_value=0)
    assert set(counts.index) == set(SCHEME.codes) and counts.shape[1] == 10
    assert (counts == 2).all(axis=None) and prompts["id"].is_unique and prompts["text"].is_unique
    plain = prompts["text"].str.fullmatch(r"(?:[a-z0-9,.'-]+ ){3,24}[a-z0-9,.'-]+")
    assert (plain & ~prompts["text"].str.contains(NAMES_OF_FEELINGS)).all()


@pytest.mark.parametrize("name", APART)
def test_no_name_or_prop_of_a_training_message(name):
    """A prop is a word of at least 5 of a situation's 11 messages that at most two situations use."""
    toy = read_table(DATA / "organisms" / "messages.csv", ("situation", "text"))
    counts = toy.groupby("situation")["text"].agg(count)
    situations = Counter(word for counted in counts for word in counted)
    props = {w for counted in counts for w, n in counted.items() if n >= 5 and situations[w] <= 2}
    shared = messages(name).set_index("id")["text"].map(lambda text: props & set(words(text)))
    assert shared[shared.map(bool)].to_dict() == {}


@pytest.mark.parametrize("name", SETS)
def test_no_word_marks_one_category(name):
    prompts = messages(name)
    counts = prompts.groupby("category")["text"].agg(count)
    frequent = Counter(word for counted in counts for word, n in counted.items() if n > 4)
    assert [word for word, categories in frequent.items() if categories == 1] == []


def test_length_and_punctuation_do_not_tell_categories_apart():
    prompts = messages("prompts")
    texts = prompts["text"]
    surface = {"words": texts.str.split().map(len), "letters": texts.str.len()}
    surface |= {mark: texts.str.count(mark) for mark in (",", "['’]")}
    spread = prompts.assign(**surface).groupby("category")[list(surface)].mean()
    spread = spread.max() - spread.min()
    assert (spread < pd.Series({"words": 3, "letters": 14, ",": 0.6, "['’]": 0.4})).all()
    marks = prompts["category"].map(lambda code: "!" * SCHEME.codes.index(code))
    giveaway = prompts.assign(text=texts + marks)
    assert predict.from_text(giveaway, "surface", permutations=20).accuracy.value > 0.4


@pytest.mark.parametrize("name", SETS)
def test_words_give_the_category_less_than_meaning_does(name):
    prompts = messages(name)
    settings = {"repeats": 2, "permutations": 1}
    surface, tfidf = (predict.from_text(prompts, kind, **settings) for kind in ("surface", "tfidf"))
    meaning = predict.from_states(
        sentences.encode(prompts["text"]), prompts["category"], prompts["id"], **settings
    )
    assert tfidf.accuracy.value <= meaning.accuracy.value and surface.accuracy.value < 0.25
    assert meaning.accuracy.ci_low > 1.5 / 9


def test_paraphrases_share_no_content_word():
    tables = [messages(name) for name in ("prompts", *PARAPHRASES)]
    for table in tables[1:]:
        assert table.drop(columns="text").equals(tables[0].drop(columns="text"))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        pairs = zip(tables[one]["text"], tables[other]["text"], strict=True)
        assert [(a, b) for a, b in pairs if content_stems(a) & content_stems(b)] == []


def test_lexicon_and_registry_are_complete():
    lexicon = load_lexicon()
    anchors = lexicon[lexicon["category"] != ""]
    assert len(lexicon) == 50 and lexicon["word"].is_unique and lexicon["version"].nunique() == 1
    assert len(anchors) == 26 and set(anchors["category"]) == set(SCHEME.codes)
    five = {"gemma-4-31b-it", "qwen3.6-27b", "ministral-3-14b", "gpt-oss-20b", "granite-4.1-30b"}
    assert five | set(organisms.NAMES) <= set(registry.aliases())
    assert registry.model("openai/gpt-oss-20b").alias == "gpt-oss-20b"
    assert registry.model("some/other-model").kind == "other"


# -- colours ----------------------------------------------------------------------------------------------------

HEX = SCHEME.table["colour"]
RGB = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in HEX])
LINEAR = np.where(RGB <= 0.04045, RGB / 12.92, ((RGB + 0.055) / 1.055) ** 2.4)
COLOUR_VISION = {
    "normal": np.eye(3).tolist(),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
CONES = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
OKLAB = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]]  # fmt: skip


def test_colours_and_symbols_are_distinct_and_legible_on_light_and_dark():
    assert HEX.is_unique and SCHEME.table["symbol"].is_unique
    luminance = LINEAR @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() >= 3, "on white"
    assert ((luminance + 0.05) / (0.0060 + 0.05)).min() >= 3, "on #121212"
    with pytest.raises(KaomojiError, match="not in the scheme"):
        SCHEME.colour("??")


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_colours_differ_for_every_colour_vision(vision):
    """Simulation: Machado et al. 2009; distance: Oklab, in which 0.02 is just noticeable."""
    seen = np.clip(LINEAR @ np.array(COLOUR_VISION[vision]).T, 0, 1)
    lab = np.cbrt(seen @ np.array(CONES).T) @ np.array(OKLAB).T
    assert cdist(lab, lab)[np.triu_indices(len(lab), 1)].min() > 0.06


# -- tables of users --------------------------------------------------------------------------------------------

GOOD = [["a", "LP", "", "x, y"], ["b", "NB", "", 'say "hi"']]
ACCEPTED = {
    "quoted commas": 'id,category,text\na,LP,"x, y"\nb,NB,"say ""hi"""\n',
    "trailing commas": 'id,category,text,\na,LP,"x, y",\nb,NB,"say ""hi""",,\n',
    "trailing commas below": 'id,category,text\na,LP,"x, y",\nb,NB,"say ""hi"""\n',
    "semicolons": 'id;category;text\na;LP;x, y\nb;NB;"say ""hi"""\n',
    "a line for Excel": 'sep=;\nid;category;text\na;LP;x, y\nb;NB;"say ""hi"""\n',
    "tabs": "id\tcategory\ttext\na\tLP\tx, y\nb\tNB\t\"say \"\"hi\"\"\"\n",
    "another case": 'ID, Category ,TEXT\na,LP,"x, y"\nb,NB,"say ""hi"""\n',
    "another order": 'Text;id;Category\nx, y;a;LP\n"say ""hi""";b;NB\n',
    "a byte-order mark, CRLF": '\ufeffid,category,text\r\na,LP,"x, y"\r\nb,NB,"say ""hi"""\r\n',
    "CR alone": 'id,category,text\ra,LP,"x, y"\rb,NB,"say ""hi"""',
    "empty lines": '\n\nid,category,text\n\na,LP,"x, y"\n,,\nb,NB,"say ""hi"""\n\n',
}  # fmt: skip


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_that_can_mean_one_thing_only_are_read(tmp_path, text, encoding):
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert load_prompts(tmp_path / "t.csv").values.tolist() == GOOD


REFUSED = {
    "nothing": ("", "lacks the column"),
    "no rows": ("id,category,text\n", "no rows"),
    "an id twice": ("id,category,text\na,LP,x\na,LP,y\n", "twice"),
    "an unquoted comma": (
        "id,category,text\na,LP,x\nb,NB,oh no, my tea\n",
        r"line 3: 4 cells, but the first line names 3.*quotation marks",
    ),
    "a missing cell": ("id,category,text\na,LP\n", "line 2: 2 cells"),
    "an open quote": ('id,category,text\na,LP,x\nb,NB,"tea\nc,NB,y\n', "line 3: not CSV"),
    "text after a quote": ('id,category,text\n\na,LP,"x" y\n', "line 3: not CSV.*doubled"),
    "a column twice": ("id,category,text,Text\na,LP,x,y\n", "column.s. text twice"),
    "other names": (
        "id,label,message\na,LP,x\n",
        "lacks the column.s. category, text; found id, label, message",
    ),
    "another encoding": ("id,category,text\na,LP,caf\udce9\n", "line 2: not UTF-8.*save it again"),
    "an empty text": ('id,category,text\na,LP,"x\ny"\n\nb,LP,\n', "empty id.*: 5;"),
}


CATEGORIES = (
    "code,description,gloss,valence,arousal,dominance,colour,symbol\nA,a,a,1,1,,#112233,x\n"
)
REFUSED_SCHEMES = {
    "no columns": ("code\nA\n", "lacks the column"),
    "one category": (CATEGORIES, "at least two"),
    "a valence": (CATEGORIES + "B,b,b,9,1,,#112233,x\n", "malformed valence.*'B'"),
    "a colour": (CATEGORIES + "B,b,b,1,1,,red,x\n", "malformed colour.*'B'"),
}
ALL_REFUSED = [(load_prompts, *one) for one in REFUSED.values()]
ALL_REFUSED += [(load_scheme, *one) for one in REFUSED_SCHEMES.values()]


@pytest.mark.parametrize("read, text, named", ALL_REFUSED, ids=[*REFUSED, *REFUSED_SCHEMES])
def test_tables_that_are_ambiguous_are_refused_by_line(tmp_path, read, text, named):
    (tmp_path / "t.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(KaomojiError, match=named) as caught:
        read(tmp_path / "t.csv")
    assert "\n" not in str(caught.value) and "t.csv" in str(caught.value)


def test_cells_stay_text_however_long_and_odd(tmp_path):
    text = "x" * 200_000 + "\u2028\x0b(^_^)"
    (tmp_path / "t.csv").write_text(f'a,b,c\nNA,1e5,"{text}"\n', encoding="utf-8")
    table = read_table(tmp_path / "t.csv", ("a", "b", "c"))
    assert table.iloc[0].tolist() == ["NA", "1e5", text]


# -- parameters of pages ----------------------------------------------------------------------------------------

PARAMETERS = [
    (int, "7", 7), (int, 1e3, 1000), (int, 2**60 + 1, 2**60 + 1), (float, "1e-3", 0.001),
    (bool, "False", False), (bool, 0, False), (str, 7, "7"), (int | None, None, None),
    (int | None, "4", 4), (list, [1], [1]),
]  # fmt: skip


@pytest.mark.parametrize("kind, given, expected", PARAMETERS)
def test_parameters_take_the_type_they_are_annotated_with(kind, given, expected):
    page = {"__annotations__": {"x": kind, "absent": int}, "x": given, "y": "left alone"}
    pages.check_parameters(page)
    assert page["x"] == expected and type(page["x"]) is type(expected) and page["y"] == "left alone"


@pytest.mark.parametrize(
    "kind, given",
    [(int, "1.5"), (int, "many"), (float, "nan"), (bool, "dealt"), (bool, 2), (str, None)],
)
def test_a_parameter_of_another_type_is_named_with_what_was_expected(kind, given):
    with pytest.raises(
        KaomojiError, match=f"x is {given!r}: Input should be a .*; pass it as"
    ) as caught:
        pages.check_parameters({"__annotations__": {"x": kind}, "x": given})
    assert "\n" not in str(caught.value)


def test_no_parameter_is_named_like_a_value_of_yaml():
    """Papermill reads parameters as YAML, where a name such as null or yes is no name."""
    for path in sorted((DATA.parent / "notebooks").glob("[0-9]*.py")):
        names = re.findall(r"^(\w+): \w+.* = ", path.read_text(encoding="utf-8"), re.MULTILINE)
        for name in names:
            assert yaml.safe_load(name) == name, (path.name, name)


def test_parameters_are_checked_when_a_page_starts():
    """A notebook's cells share one namespace: declared in one cell, injected in another, checked in a third."""
    cells = [
        "seed: int = 0\nlikelihoods: bool = True",
        "seed = '1000'\nlikelihoods = 'false'",
        "from kaomoji_lib import page\nstarted = page.start()",
    ]
    page = {}
    for cell in cells:
        exec(compile(cell, "cell", "exec"), page)
    assert page["seed"] == 1000 and page["likelihoods"] is False
    page["seed"] = "many"
    with pytest.raises(KaomojiError, match="seed is 'many': Input should be a valid integer"):
        exec(compile(cells[2], "cell", "exec"), page)
