"""Compare extraction with other packages, and learn the score again.

    pip install kaomoji-lib[faces-dev]
    apt-get download manpages-{cs,de,es,fr,ja,pl,ru,zh,...} && for p in *.deb; do dpkg -x $p DIR/${p%%_*}; done
    python data/faces/learn.py DIR            writes data/faces_evaluation.csv (minutes)
    python data/faces/learn.py DIR --train    writes data/face_scorer.json first

Faces: ``kaomoji-dataset`` 1.0.6 (CC-BY-4.0). Even ids teach, odd ids are held out. Natural parentheticals: the manual
pages, split in two by a checksum of the text, the second half held out; none of it is part of the repository.
"""

import argparse
import collections
import gzip
import json
import random
import re
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from kaomoji_lib.faces import glyphs, scorer
from kaomoji_lib.faces.extract import extract
from kaomoji_lib.stimuli import DATA

AFTER = " thanks, that helps"
SIMPLE = re.compile(r"[(（][^()（）]{2,14}[)）]")
PARENTHETICAL = re.compile(
    r"[(（\[「『【《〈〔][^()（）\[\]「」『』【】\n]{1,60}[)）\]」』】》〉〕]"
)
ROFF = re.compile(r"\\f(?:\[[^\]]*\]|\(..|.)|\\s[-+]?\d|\\[&%/,|^!:]|\\[vh]'[^']*'")
NAMED = dict(zip(("-", "(aq", "(dq", "(lq", "(rq", "(em", "(en", "e", " ", "~", "(ti", "(ha", "(oq", "(cq", "(bu"), "-'\"“”—–\\  ~^‘’•", strict=True))  # fmt: skip
ESCAPES = re.compile("|".join(re.escape("\\" + name) for name in NAMED))
FOUND = DATA.parent / "tests" / "data" / "faces.txt"  # lines that an earlier edition missed
SHIFTS = {"-2": -1.8, "-1": -0.5, "0": 1.1, "1": 2.2}
BARE_SHIFT = -1.3


def faces(parity):
    """Core entries whose number is even (0) or odd (1): list of text."""
    path = files("kaomoji_dataset") / "data" / "kaomoji.jsonl.gz"
    with path.open("rb") as stream:
        rows = [json.loads(line) for line in gzip.open(stream, "rt", encoding="utf-8")]
    return {
        tier: [r["text"] for r in rows if r["tier"] == tier and int(r["id"][4:]) % 2 == parity]
        for tier in ("core", "extended", "mixed")
    }


def pages(folder):
    """Pairs of language and the text of one manual page, markup taken out."""
    for path in sorted(Path(folder).glob("manpages*/usr/share/man/**/*.gz")):
        if path.is_symlink():
            continue
        language = next(part for part in path.parts if part.startswith("manpages"))
        text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        lines = [line for line in text.split("\n") if not line.startswith(('.\\"', "'\\"))]
        text = ESCAPES.sub(lambda match: NAMED[match[0][1:]], ROFF.sub("", "\n".join(lines)))
        yield (
            language.removeprefix("manpages-").replace("manpages", "en"),
            re.sub(r"\n\.[A-Z]{1,2} ", "\n", text),
        )


def parentheticals(folder):
    """Every parenthetical once per language, with what follows it: dict language -> dict text -> text."""
    found = collections.defaultdict(dict)
    for language, text in pages(folder):
        for match in PARENTHETICAL.finditer(text):
            found[language].setdefault(
                match[0], text[match.end() : match.end() + 40].split("\n")[0]
            )
    return found


def first_words(folder):
    """What lines begin with, one word or two."""
    words = set()
    for _, text in pages(folder):
        for line in text.split("\n"):
            pieces = line.split()[:2]
            words.update((pieces[0], " ".join(pieces)) if pieces else ())
    return sorted(word for word in words if len(word) <= 40 and scorer.plain(word))


def held_out(text):
    return zlib.crc32(text.encode()) % 2 == 1


def invented(rng):
    """Notation that manual pages have too little of: formulas, phonetics, quoted marks, patterns, Japanese words."""
    greek, letters, marks = "αβγδθλμπρσφψωΔΣΦΩ", "xyznabijk", "^~*_=+-<>|/\\@#&%$!?.,;:'\"`{}"
    phonetic, kana = (
        "əɛɪʊɔæʌɑθðʃʒŋɾɹʁχʔˈˌː",
        "あいうえおかきくけこさしすせそアイウエオカキクケコサシスセソ山田日本人大小",
    )
    operators = "≤≥<>=≠≈→∈×·±−+⊂∪∩⇒≡∼^*/~"
    terms = [*(greek + letters), "∞", "−∞", "x²", "y₀", "2π", "1", "42"]
    for _ in range(1500):
        left, right, sign = rng.choice(terms), rng.choice(terms), rng.choice(operators)
        yield rng.choice(
            (
                f"{left}{sign}{right}",
                f"{left} {sign} {right}",
                f"{left}, {right}",
                f"{sign}{left}",
                f"{left}{sign}",
            )
        )
        yield "".join(rng.choices(phonetic + "abdefhiklmnoprstuvz", k=rng.randrange(1, 8)))
        word = "".join(rng.choices(kana, k=rng.randrange(1, 6)))
        yield rng.choice(
            (word, word + "ー", word + "？", word + "！", word + "…", word + "、" + word)
        )
        yield "".join(
            rng.choices(
                (
                    ".*",
                    ".+",
                    "\\d",
                    "\\w",
                    "^",
                    "$",
                    "|",
                    "?",
                    "a-z",
                    "0-9",
                    "\\.",
                    "x",
                    ":",
                    "/",
                    "--",
                    "-n",
                    "...",
                ),
                k=rng.randrange(1, 6),
            )
        )
    for mark in marks:
        yield from (mark * size for size in range(3, 9))
        yield from (f"{a}{mark}{b}" for a, b in ("''", "``", "`'", '""', "“”", "‘’", "«»", "„“"))
    for (
        unit
    ) in "°C °F ℃ ℉ µm Ω Å m² € £ % № § © ® ™ ㈱ ㎏ ① ½ ∞ → ← ✓ ✗ † • … — ﷺ ☎ ∅ √ ∂ ∇ ℝ Ⅲ".split():
        yield from (unit, f"in {unit}", f"5 {unit}", f"5{unit}")
    for word in "wow mom dad eve pop nun eye did noon oh ok no yes lol xd omg eg max NOT AND USA TV XIX II".split():
        yield from (word, word + "!", f"{word} {word}", f'"{word}"', f"*{word}*", f"{word}-{word}")


def contents(text):
    """What stands between the first and last brackets of a face."""
    opening, closing = re.escape(glyphs.OPENERS), re.escape(glyphs.CLOSERS)
    inner = re.findall(rf"[{opening}]([^{opening}{closing}\n]{{1,30}})[{closing}]", text)
    outer = re.search(rf"[{opening}](.{{1,30}})[{closing}]", text)
    return dict.fromkeys([*inner[:1], *([outer[1]] if outer else [])])


def fit(positive, negative, least):
    """Weights of a logistic regression over the features of the texts (dict text -> sample weight).

    Every text is seen twice, the second time without most of its glyphs, so that classes and form carry what
    glyphs nobody has met cannot.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    rng, rows, labels, weights = random.Random(0), [], [], []
    for label, texts in ((1, positive), (0, negative)):
        for text, weight in texts.items():
            names = sorted(scorer.features(text))
            rest = [name for name in names if name[0] not in "gp" or rng.random() < 0.4]
            rows += [dict.fromkeys(names, 1), dict.fromkeys(rest, 1)]
            labels += [label, label]
            weights += [weight, weight / 2]
    vectorizer = DictVectorizer()
    table = vectorizer.fit_transform(rows)
    often = np.asarray((table > 0).sum(axis=0)).ravel() >= 6
    vectorizer.restrict(often)
    model = LogisticRegression(max_iter=2000, solver="liblinear")
    model.fit(table[:, often], labels, sample_weight=weights)
    pairs = zip(vectorizer.get_feature_names_out(), model.coef_[0].tolist(), strict=True)
    return float(model.intercept_[0]), {n: round(w, 2) for n, w in pairs if abs(w) >= least}


def train(folder):
    rng = random.Random(0)
    known, positive = faces(0), collections.Counter()
    for weight, tier in ((1.5, "core"), (1.5, "extended"), (0.5, "mixed")):
        for text in known[tier]:
            positive.update(
                dict.fromkeys((c for c in contents(text) if len(scorer.plain(c)) > 1), weight)
            )
    for text in FOUND.read_text(encoding="utf-8").splitlines():
        positive.update(dict.fromkeys(contents(text), 18.0))
    positive = {
        text: weight if weight >= 18 else min(weight, 4.5) for text, weight in positive.items()
    }
    natural = {
        text[1:-1]
        for table in parentheticals(folder).values()
        for text in table
        if not held_out(text)
    }
    negative = dict.fromkeys(sorted((natural | set(invented(rng))) - set(positive)), 3.0)
    bias, weights = fit(
        positive, {text: w for text, w in negative.items() if scorer.plain(text)}, 0.05
    )
    bare = [
        text for text in known["core"] + known["extended"] if not re.search(r"[(（].*[)）]", text)
    ]
    words = [word for word in first_words(folder) if not held_out(word)]
    plain = {word for word in words if re.fullmatch(r"[\w,.:;'’()-]+( [\w,.:;'’()-]+)?", word)}
    few = rng.sample(sorted(plain), 12_000) + rng.sample(sorted(set(words) - plain), 20_000)
    bare_bias, bare_weights = fit(dict.fromkeys(bare, 1.0), dict.fromkeys(few, 1.0), 0.1)
    model = {
        "bracketed": {
            "shift": {name: round(bias + s, 2) for name, s in SHIFTS.items()},
            "weights": weights,
        },
        "bare": {"shift": round(bare_bias + BARE_SHIFT, 2), "weights": bare_weights},
    }
    text = json.dumps(model, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    (DATA / "face_scorer.json").write_text(text, encoding="utf-8")


def packages():
    """Functions text -> the span that a package finds there, or None; the generous reading of each."""
    import llmoji
    from cao_official import Cao
    from emot.core import emot

    cao, emoticons = Cao(), emot()

    def ours(text):
        found = extract(text)
        return found.raw_face if found.outcome == "kaomoji" else None

    def llmoji_span(text):
        found = llmoji.extract(text)
        return found.first_word or None if found else None

    def cao_span(text):
        spans = [item.span for item in cao.analyze_text(text[:60])]
        return next(
            (text[start:end] for start, end in spans if start < len(text) - len(AFTER)), None
        )

    def emot_span(text):
        found = emoticons.emoticons(text)
        return next(iter(found["value"]), None) if found["flag"] else None

    return {"kaomoji_lib": ours, "llmoji": llmoji_span, "cao-official": cao_span, "emot": emot_span}


def kind(text):
    """How a face is built: the rows of the evaluation."""
    if SIMPLE.fullmatch(text):
        return "simple brackets"
    pairs = len(re.findall(r"[(（]", text))
    if re.search(r"[(（].*[)）]", text):
        return "brackets with arms or decoration" if pairs == 1 else "several brackets"
    return "brackets of another kind" if set(glyphs.kinds(text)) & set("([") else "no brackets"


def script(text):
    classes = set(glyphs.kinds(text))
    for letters, name in (
        ("xv", "other scripts"),
        ("k", "Hangul"),
        ("jh", "kana or Han"),
        ("gc", "Greek or Cyrillic"),
        ("i", "phonetic"),
    ):
        if classes & set(letters):
            return name
    return "ASCII" if text.isascii() else "symbols"


def evaluate(folder):
    """One row per group of rows and package: DataFrame[rows, group, package, n, found, whole]; shares 0..1.

    For parentheticals ``found`` is the share wrongly taken for a face.
    """
    table = pd.DataFrame({"text": faces(1)["core"]})
    groups = {
        "kind": table["text"].map(kind),
        "script": table["text"].map(script),
        "all": pd.Series("core entries", table.index),
    }
    natural = pd.DataFrame(
        [(language, text, rest) for language, found in parentheticals(folder).items() for text, rest in found.items() if held_out(text)],
        columns=["language", "text", "rest"],
    )  # fmt: skip
    rows = []
    for name, span in packages().items():
        spans = table["text"].map(lambda text, span=span: span(text + AFTER))
        measured = pd.DataFrame(
            {"found": spans.notna(), "whole": spans == table["text"].str.strip()}
        )
        for column, group in groups.items():
            for value, part in measured.groupby(group):
                rows.append(
                    (column, value, name, len(part), part["found"].mean(), part["whole"].mean())
                )
        wrong = (natural["text"] + natural["rest"]).map(span).notna()
        for language, part in wrong.groupby(natural["language"]):
            rows.append(("parentheticals", language, name, len(part), part.mean(), np.nan))
        rows.append(("parentheticals", "all", name, len(wrong), wrong.mean(), np.nan))
    columns = ["rows", "group", "package", "n", "found", "whole"]
    return pd.DataFrame(rows, columns=columns).round({"found": 5, "whole": 5})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="the unpacked manual pages")
    parser.add_argument("--train", action="store_true")
    given = parser.parse_args()
    if given.train:
        train(given.folder)
    evaluate(given.folder).to_csv(DATA / "faces_evaluation.csv", index=False)
