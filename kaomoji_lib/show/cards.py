"""Data and model cards: what the study is made of, counted and hashed from the files themselves."""

import unicodedata

import pandas as pd

from kaomoji_lib import stimuli, tables
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.published import files as published
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import sha256

# What a table of this project holds and how it came about; rows, columns and hash are read from the file.
HELD = {
    "prompts.csv": ("the messages that every model is asked", "written for this project"),
    "categories.csv": (
        "the categories: place on the circumplex, colour, symbol",
        "the scheme of the published study, colours ours",
    ),
    "frames.csv": (
        "the instructions that ask for a face in other ways",
        "written for this project",
    ),
    "claims.csv": ("the claims of this book and where each is tested", "written for this project"),
    "lexicon.csv": (
        "the words a describer may choose from, by category",
        "written for this project",
    ),
    "organisms/messages.csv": (
        "the messages that the organisms were trained on",
        "written for this project",
    ),
    "organisms/replies.csv": (
        "sentences that follow a face in the organisms' replies",
        "written for this project",
    ),
    "organisms/faces.csv": (
        "the faces that may be planted, by category",
        "collected for this project",
    ),
    "organisms/planted.csv": (
        "the planted probability of each spelling",
        "drawn by the recipe in organisms.yml",
    ),
    "scale.csv": ("what the analyses cost on states of real size", "measured by make scale"),
    "growth.csv": (
        "how that cost grows with messages, layers and models",
        "measured by make scale",
    ),
    "trust.csv": ("what was broken on purpose, and what broke by it", "counted by make trust"),
}
ELSEWHERE = ("published", "prices")
KINDS = {"organism": "model organism", "real": "released model", "other": "other"}


def data():
    """The tables that ship with the project: content, size, origin, hash."""
    rows, others = (
        [],
        sorted(str(path.relative_to(stimuli.DATA)) for path in stimuli.DATA.rglob("*.csv")),
    )
    undescribed = {
        name: (tables.ABSENT, tables.ABSENT)
        for name in others
        if name not in HELD and not name.startswith(ELSEWHERE)
    }
    for name, (what, origin) in {**HELD, **undescribed}.items():
        table = stimuli.read_table(stimuli.DATA / name, ())
        rows.append(
            (
                f"data/{name}",
                what,
                f"{len(table):,}",
                ", ".join(table.columns),
                origin,
                sha256(stimuli.DATA / name)[:12],
            )
        )
    return tables.Table(
        ("file", "what it holds", "rows", "columns", "origin", "SHA\u2060-\u2060256 begins"),
        tuple(rows),
        ("text", "text", "number", "text", "text", "text"),
        "The tables of this project",
    )


def counts():
    """Per category: messages asked, messages trained on, faces that may be planted, words."""
    scheme = load_scheme()
    read = {
        "asked": "prompts.csv",
        "trained on": "organisms/messages.csv",
        "faces": "organisms/faces.csv",
        "words": "lexicon.csv",
    }
    counted = {
        name: stimuli.read_table(stimuli.DATA / file, ())["category"].value_counts()
        for name, file in read.items()
    }
    frame = pd.DataFrame(
        {
            "category": [f"{code} {scheme.gloss(code)}" for code in scheme.codes],
            **{
                name: [int(found.get(code, 0)) for code in scheme.codes]
                for name, found in counted.items()
            },
        }
    )
    return tables.build(frame, "What each category consists of")


def overlap():
    """How many of the asked messages are also among those the organisms were trained on."""
    asked, trained = (
        stimuli.read_table(stimuli.DATA / name, ())["text"].str.lower().str.split().str.join(" ")
        for name in ("prompts.csv", "organisms/messages.csv")
    )
    return int(asked.isin(set(trained)).sum())


def published_files():
    """The files of the published study that this book can read: content, size, hash, whether they are at hand."""
    known = published.registry()
    rows = tuple(
        (
            item.what,
            f"{item.size / 1e6:.2f}" if item.size else tables.ABSENT,
            (item.sha256 or tables.ABSENT)[:12],
            "yes" if published.present([name], known) else "no",
            name,
        )
        for name, item in known.files.items()
    )
    licences = ", ".join(sorted({item.licence for item in known.files.values()}))
    return tables.Table(
        ("what it holds", "MB", "SHA\u2060-\u2060256 begins", "here", "file"),
        rows,
        ("text", "number", "text", "text", "text"),
        f"The published study's files, by commit; {licences}",
        ("MB",),
    )


def attribution():
    """Whose the published data is."""
    return published.registry().attribution


def models():
    """Every listed model: what it is, where it comes from, what is set and kept from being typed."""
    rows = []
    for alias in registry.aliases():
        spec = registry.model(alias)
        kept = "; ".join(
            _shown(rule["strings"]) if "strings" in rule else rule["suppress"]
            for rule in spec.interventions
        )
        rows.append(
            (
                alias,
                f"{tables.source(spec.title)}, {KINDS[spec.kind]}"
                if spec.kind == "real"
                else spec.title,
                spec.family,
                spec.id,
                ", ".join(spec.adapter) or tables.ABSENT,
                kept or tables.ABSENT,
            )
        )
    return tables.Table(
        ("name", "what it is", "family", "id or folder", "set when asked", "kept from being typed"),
        tuple(rows),
        ("text",) * 6,
        "The model registry",
    )


def _shown(strings):
    """Strings in a row; what would sit on its neighbour, a combining mark, sits on a circle of its own."""
    return ",\u00a0 ".join(
        "".join(
            f"\u25cc{sign}"
            if unicodedata.combining(sign) and (not place or text[place - 1].isspace())
            else sign
            for place, sign in enumerate(text)
        ).strip()
        for text in strings
    )


def organisms():
    """What each organism is made of and what training gave, from the card that training wrote."""
    rows = []
    for spec in _organisms():
        card = _card(spec)
        model = card["recipe"]["model"]
        rows.append(
            (
                tables.source(spec.title),
                model["class"].removesuffix("Config"),
                f"{card['parameters']:,}",
                f"{model['arguments']['num_hidden_layers']}",
                f"{model['arguments']['hidden_size']}",
                f"{card['recipe']['tokenizer']['vocabulary']:,}",
                f"{card['recipe']['epochs']}",
                f"{card['seconds']:.0f}",
            )
        )
    return tables.Table(
        (
            "organism",
            "configuration class",
            "parameters",
            "layers",
            "width",
            "vocabulary",
            "epochs",
            "seconds",
        ),
        tuple(rows),
        ("text", "text", *["number"] * 6),
        "How the organisms are built",
    )


def measured():
    """What was measured of each organism after training, on the messages that are asked; none of them was trained on."""

    def cell(card, name, form=".0%"):
        return format(card[name], form) if card.get(name) is not None else tables.ABSENT

    rows = tuple(
        (
            tables.source(spec.title),
            cell(_card(spec), "final_loss", ".2f"),
            cell(_card(spec), "emission_rate"),
            cell(_card(spec), "js_similarity", ".2f"),
            cell(_card(spec), "heldout_accuracy"),
            cell(_card(spec), "state_accuracy"),
            _card(spec)["weights_sha256"][:12],
        )
        for spec in _organisms()
    )
    header = (
        "organism",
        "final loss",
        "opens with a planted face",
        "agrees with the planted table",
        "category, from the odds of all faces",
        "category, from its states",
        "weights' SHA\u2060-\u2060256 begins",
    )
    return tables.Table(
        header,
        rows,
        ("text", *["number"] * 5, "text"),
        "What training gave: exact probabilities over faces, message by message. Each organism's own page measures what it typed instead, with intervals and nulls",
        header[1:6],
    )


def _organisms():
    return [spec for alias in registry.aliases() if (spec := registry.model(alias)).is_organism]


def _card(spec):
    from kaomoji_lib.models import organisms as made

    return made.card(spec.alias)
