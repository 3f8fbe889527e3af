"""The tables of the study: sets of messages give nothing away, users' files are read or refused by line."""

import re
from collections import Counter

import pytest
import snowballstemmer
import yaml
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
SETS = ("prompts", *PARAPHRASES, "prompts_b")
CONTENT = "bill bottom call cry empty fill find fire found front full give keep made move part put see show side take top"
FUNCTION = "second says said let lets get gets got goes going gone come comes came does did half near just away ahead far"
FUNCTION_WORDS = (ENGLISH_STOP_WORDS - set(CONTENT.split())) | set(FUNCTION.split())
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
def test_a_set_is_balanced_and_plain_and_no_word_marks_one_category(name):
    prompts = messages(name)
    counts = prompts.groupby(["category", "topic"]).size().unstack(fill_value=0)
    assert set(counts.index) == set(SCHEME.codes) and counts.shape[1] == 10
    assert (counts == 2).all(axis=None) and prompts["id"].is_unique and prompts["text"].is_unique
    plain = prompts["text"].str.fullmatch(r"(?:[a-z0-9,.'-]+ ){3,24}[a-z0-9,.'-]+")
    assert (plain & ~prompts["text"].str.contains(NAMES_OF_FEELINGS)).all()
    used = prompts.groupby("category")["text"].agg(count)
    frequent = Counter(word for counted in used for word, n in counted.items() if n > 4)
    assert [word for word, categories in frequent.items() if categories == 1] == []


@pytest.mark.parametrize("name", ("prompts", *PARAPHRASES))
def test_no_name_or_prop_of_a_training_message(name):
    """A prop is a word of at least 5 of a situation's 11 messages that at most two situations use.

    The second author's set shares names and props with the toy models' training: no toy is tested on it.
    """
    toy = read_table(DATA / "organisms" / "messages.csv", ("situation", "text"))
    counts = toy.groupby("situation")["text"].agg(count)
    situations = Counter(word for counted in counts for word in counted)
    props = {w for counted in counts for w, n in counted.items() if n >= 5 and situations[w] <= 2}
    shared = messages(name).set_index("id")["text"].map(lambda text: props & set(words(text)))
    assert shared[shared.map(bool)].to_dict() == {}


@pytest.mark.parametrize("name", SETS)
def test_words_and_marks_give_the_category_less_than_meaning_does(name):
    prompts, settings = messages(name), {"repeats": 2, "permutations": 1}
    codes = prompts["category"]
    marks = codes.map(lambda code: "!" * SCHEME.codes.index(code))
    giveaway = prompts.assign(text=prompts["text"] + marks)
    surface, tfidf, given_away = (
        predict.from_text(table, kind, **settings).accuracy
        for table, kind in ((prompts, "surface"), (prompts, "tfidf"), (giveaway, "surface"))
    )
    states = sentences.encode(prompts["text"])
    meaning = predict.from_states(states, codes, prompts["id"], **settings).accuracy
    assert surface.value < 0.25 and tfidf.value <= meaning.value and meaning.ci_low > 1.5 / 9
    assert given_away.value > 0.3, "length and punctuation would be noticed"


def test_paraphrases_share_no_content_word():
    tables = [messages(name) for name in ("prompts", *PARAPHRASES)]
    for table in tables[1:]:
        assert table.drop(columns="text").equals(tables[0].drop(columns="text"))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        pairs = zip(tables[one]["text"], tables[other]["text"], strict=True)
        assert [(a, b) for a, b in pairs if content_stems(a) & content_stems(b)] == []


def test_lexicon_registry_and_scheme_are_complete():
    lexicon = load_lexicon()
    anchors = lexicon[lexicon["category"] != ""]
    assert len(lexicon) == 50 and lexicon["word"].is_unique and lexicon["version"].nunique() == 1
    assert len(anchors) == 26 and set(anchors["category"]) == set(SCHEME.codes)
    five = {"gemma-4-31b-it", "qwen3.6-27b", "ministral-3-14b", "gpt-oss-20b", "granite-4.1-30b"}
    assert five | set(organisms.NAMES) <= set(registry.aliases())
    assert registry.model("openai/gpt-oss-20b").alias == "gpt-oss-20b"
    assert registry.model("some/other-model").kind == "other"
    assert SCHEME.table["colour"].is_unique and SCHEME.table["symbol"].is_unique


# -- tables of users --------------------------------------------------------------------------------------------

GOOD = [["a", "LP", "", "x, y"], ["b", "NB", "", 'say "hi"']]
ACCEPTED = [
    'id,category,text,\na,LP,"x, y",\nb,NB,"say ""hi""",,\n',
    'id;category;text\na;LP;x, y\nb;NB;"say ""hi"""\n',
    'id\tcategory\ttext\na\tLP\tx, y\nb\tNB\t"say ""hi"""\n',
    'Text;id; Category \nx, y;a;LP\n"say ""hi""";b;NB\n',
    '\ufeffid,category,text\r\na,LP,"x, y"\r\nb,NB,"say ""hi"""\r\n',
    'id,category,text\ra,LP,"x, y"\rb,NB,"say ""hi"""',
    '\n\nid,category,text\n\na,LP,"x, y"\n,,\nb,NB,"say ""hi"""\n\n',
]


@pytest.mark.parametrize("text", ACCEPTED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_that_can_mean_one_thing_only_are_read(tmp_path, text, encoding):
    marked = text if encoding == "utf-8" else text.removeprefix("\ufeff")
    (tmp_path / "t.csv").write_bytes(marked.encode(encoding))
    assert load_prompts(tmp_path / "t.csv").values.tolist() == GOOD


CATEGORIES = "code,description,gloss,valence,arousal,dominance,colour,symbol\n"
CATEGORIES += "A,a,a,1,1,,#112233,x\n"
PROMPTS = "id,category,text\n"
AMBIGUOUS = [
    (load_prompts, "", "lacks the column"),
    (load_prompts, PROMPTS, "no rows"),
    (load_prompts, PROMPTS + "a,LP,x\na,LP,y\n", "twice"),
    (load_prompts, PROMPTS + "a,LP,x\nb,NB,oh no, my tea\n", "line 3: 4 cells, .* names 3.*quotation marks"),
    (load_prompts, PROMPTS + "a,LP\n", "line 2: 2 cells"),
    (load_prompts, PROMPTS + 'a,LP,x\nb,NB,"tea\nc,NB,y\n', "line 3: not CSV"),
    (load_prompts, PROMPTS + '\na,LP,"x" y\n', "line 3: not CSV.*doubled"),
    (load_prompts, "id,category,text,Text\na,LP,x,y\n", "names twice the column.s. text"),
    (load_prompts, "id,label,message\na,LP,x\n", "lacks the column.s. category, text; found id, label, message"),
    (load_prompts, PROMPTS + "a,LP,caf\udce9\n", "line 2: not UTF-8.*save it again"),
    (load_prompts, PROMPTS + 'a,LP,"x\ny"\n\nb,LP,\n', "empty id.*: 5;"),
    (load_scheme, "code\nA\n", "lacks the column"),
    (load_scheme, CATEGORIES, "at least two"),
    (load_scheme, CATEGORIES + "B,b,b,9,1,,#112233,x\n", "malformed valence.*'B'"),
    (load_scheme, CATEGORIES + "B,b,b,1,1,,red,x\n", "malformed colour.*'B'"),
]  # fmt: skip


@pytest.mark.parametrize("read, text, named", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
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

TAKEN = [
    (int, "7", 7), (int, 1e3, 1000), (int, 2**60 + 1, 2**60 + 1), (float, "1e-3", 0.001),
    (bool, "False", False), (bool, 0, False), (str, 7, "7"), (int | None, None, None),
    (int | None, "4", 4), (list, [1], [1]),
]  # fmt: skip
REFUSED = [(int, "1.5"), (int, "many"), (float, "nan"), (bool, "dealt"), (bool, 2), (str, None)]


def test_parameters_take_the_type_they_are_annotated_with_or_are_named():
    for kind, given, expected in TAKEN:
        page = {"__annotations__": {"x": kind, "absent": int}, "x": given, "y": "left alone"}
        pages.check_parameters(page)
        assert page["x"] == expected and type(page["x"]) is type(expected)
        assert page["y"] == "left alone"
    for kind, given in REFUSED:
        with pytest.raises(KaomojiError, match=f"x is {given!r}: Input should be a .*; pass it as"):
            pages.check_parameters({"__annotations__": {"x": kind}, "x": given})


def test_no_parameter_is_named_like_a_value_of_yaml():
    """Papermill reads parameters as YAML, where a name such as null or yes is no name."""
    for path in (DATA.parent / "notebooks").glob("[0-9]*.py"):
        source = path.read_text(encoding="utf-8")
        for name in re.findall(r"^(\w+): \w+.* = ", source, re.MULTILINE):
            assert yaml.safe_load(name) == name, (path.name, name)


def test_parameters_are_checked_when_a_page_starts():
    page = {"__annotations__": {"seed": int}, "seed": "many"}
    with pytest.raises(KaomojiError, match="seed is 'many': Input should be a valid integer"):
        exec("from kaomoji_lib import page\npage.start()", page)
