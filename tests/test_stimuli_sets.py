"""Every set of messages: balanced, plain, apart from the toy models' training, and no easier for words than for meaning."""

import re
from collections import Counter

import pytest
import snowballstemmer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from test_stimuli import NAMES_OF_FEELINGS

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.metrics import predict
from kaomoji_lib.models import sentences
from kaomoji_lib.stimuli import DATA, load_prompts, read_table

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
    assert set(counts.index) == set(load_scheme().codes) and counts.shape[1] == 10
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
    counts = messages(name).groupby("category")["text"].agg(count)
    frequent = Counter(word for counted in counts for word, n in counted.items() if n > 4)
    assert [word for word, categories in frequent.items() if categories == 1] == []


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
