"""The prompts give nothing away on their surface; the tables hold what they promise."""

import re

import pandas as pd
import pytest
import yaml

from kaomoji_lib import parameters
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.models import organisms
from kaomoji_lib.runs import registry
from kaomoji_lib.stimuli import DATA, load_lexicon, load_prompts, read_table

NAMES_OF_FEELINGS = re.compile(
    r"\b(?:happy|happily|happiness|joy\w*|glad|sad\w*|angry|anger|mad|furious|afraid|scared|fear\w*|anxi\w+|worr\w+|relie[fv]\w*|"
    r"grateful\w*|thankful\w*|excite\w*|content\w*|peaceful\w*|calm\w*|confus\w+|puzzl\w+|bored|boring|lonely|frustrat\w+|upset|"
    r"annoy\w*|delight\w*|thrill\w*|mischie\w+|playful\w*|proud\w*|griev\w+|grief|weary|tired)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def prompts():
    return load_prompts()


def test_prompts_are_written_as_people_type(prompts):
    assert prompts["id"].str.fullmatch(r"[a-z]{2}\d{2}").all()
    assert (prompts["id"].str[:2].str.upper() == prompts["category"].str[:2]).all()
    assert prompts["text"].str.contains(r"\b(?:i|my|me|we|our|us|i'm|i've|mine)\b").mean() > 0.9


def test_length_and_punctuation_do_not_tell_categories_apart(prompts):
    texts = prompts["text"]
    counts = {"words": texts.str.split().map(len), "letters": texts.str.len()}
    counts |= {mark: texts.str.count(mark) for mark in (",", "['’]")}
    spread = prompts.assign(**counts).groupby("category")[list(counts)].mean()
    spread = spread.max() - spread.min()
    assert (spread < pd.Series({"words": 3, "letters": 14, ",": 0.6, "['’]": 0.4})).all()
    marks = prompts["category"].map(lambda code: "!" * load_scheme().codes.index(code))
    giveaway = prompts.assign(text=texts + marks)
    found = prediction.from_text(giveaway, "surface", permutations=20)
    assert found.accuracy.value > 0.4


def test_lexicon_has_fifty_words_with_anchors_for_every_category():
    lexicon = load_lexicon()
    anchors = lexicon[lexicon["category"] != ""]
    assert len(lexicon) == 50 and len(anchors) == 26
    assert set(anchors["category"]) == set(load_scheme().codes)


def test_registry_lists_the_five_models_and_the_organisms():
    five = {"gemma-4-31b-it", "qwen3.6-27b", "ministral-3-14b", "gpt-oss-20b", "granite-4.1-30b"}
    assert five | set(organisms.NAMES) <= set(registry.aliases())
    assert registry.model("openai/gpt-oss-20b").alias == "gpt-oss-20b"
    assert registry.model("some/other-model").kind == "other"


def test_cells_stay_text(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\nNA,1e5\n", encoding="utf-8")
    assert read_table(tmp_path / "t.csv", ("a", "b")).iloc[0].tolist() == ["NA", "1e5"]


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


@pytest.mark.parametrize("text, named", REFUSED.values(), ids=REFUSED)
def test_tables_that_are_ambiguous_are_refused_by_line(tmp_path, text, named):
    (tmp_path / "t.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(KaomojiError, match=named) as caught:
        load_prompts(tmp_path / "t.csv")
    assert "\n" not in str(caught.value) and "t.csv" in str(caught.value)


def test_long_cells_and_odd_separators_inside_cells_stay(tmp_path):
    text = "x" * 200_000 + "\u2028\x0b(^_^)"
    (tmp_path / "t.csv").write_text(f'id,category,text\na,LP,"{text}"\n', encoding="utf-8")
    assert load_prompts(tmp_path / "t.csv")["text"][0] == text


PARAMETERS = [
    (int, 3, 3), (int, "7", 7), (int, "1e3", 1000), (int, 1e3, 1000), (int, " 12 ", 12),
    (int, 2**60 + 1, 2**60 + 1), (float, "0.5", 0.5), (float, 1, 1.0), (float, "1e-3", 0.001),
    (bool, "false", False), (bool, "False", False), (bool, "true", True), (bool, 0, False),
    (bool, True, True), (str, "x", "x"), (str, 7, "7"), (int | None, None, None),
    (int | None, "4", 4), (list, [1], [1]),
]  # fmt: skip


@pytest.mark.parametrize("kind, given, expected", PARAMETERS)
def test_parameters_take_the_type_they_are_annotated_with(kind, given, expected):
    page = {"__annotations__": {"x": kind, "absent": int}, "x": given, "y": "left alone"}
    parameters.check(page)
    assert page["x"] == expected and type(page["x"]) is type(expected) and page["y"] == "left alone"


@pytest.mark.parametrize(
    "kind, given, named",
    [
        (int, "1.5", "x is '1.5'; expected a whole number; pass it as in `-p x 8`"),
        (int, "many", "expected a whole number"),
        (int, True, "expected a whole number"),
        (int, "inf", "expected a whole number"),
        (float, "nan", "expected a number"),
        (bool, "dealt", "x is 'dealt'; expected true or false"),
        (bool, 2, "expected true or false"),
        (str, None, "x is None; expected text"),
        (str, True, "expected text"),
        (int, None, "expected a whole number"),
    ],
)
def test_a_parameter_of_another_type_is_named_with_what_was_expected(kind, given, named):
    with pytest.raises(KaomojiError, match=named) as caught:
        parameters.check({"__annotations__": {"x": kind}, "x": given})
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
        "seed = '1e3'\nlikelihoods = 'false'",
        "from kaomoji_lib import page\nstarted = page.start()",
    ]
    page = {}
    for cell in cells:
        exec(compile(cell, "cell", "exec"), page)
    assert page["seed"] == 1000 and page["likelihoods"] is False
    page["seed"] = "many"
    with pytest.raises(KaomojiError, match="seed is 'many'; expected a whole number"):
        exec(compile(cells[2], "cell", "exec"), page)
