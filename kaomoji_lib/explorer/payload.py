"""What a browser gets: the explorer's data as JSON, tables of numbers quantised and packed as base64; its script and style.

Browsers refuse to import modules from ``file://``, and the module of a widget has to stand alone, so the small modules of
``web/`` are joined. Imports and exports are dropped: every name at the top of a module is used in one module only.
"""

import base64
import re
from pathlib import Path

import numpy as np

from kaomoji_lib import theme
from kaomoji_lib.metrics import clusters

WEB = Path(__file__).resolve().parent / "web"
# Each after what it needs itself.
MODULES = (
    "dom colour data place strokes input map tree search state view card controls list app".split()
)
_LINKS = re.compile(r'^import .* from "\./\w+\.js";\n|^export ', re.MULTILINE)
NEIGHBOURS = 14
LONGEST = 140  # of a reply
SHARE = 1 / 50_000


def payload(bundle, tours=()):
    """Return a JSON-able dictionary of a :class:`.data.Bundle`; ``tours``: tuples of (title, sentence, state)."""
    faces = {face: index for index, face in enumerate(bundle.faces)}
    return {
        "categories": [_category(bundle.scheme, code) for code in bundle.scheme.codes],
        "faces": list(faces),
        "disagreement": quantise(bundle.disagreement.reindex(list(faces)).to_numpy(), "f4"),
        "sources": [_source(source, faces, bundle.scheme) for source in bundle.sources],
        "tours": [{"title": title, "text": text, "state": state} for title, text, state in tours],
    }


def quantise(values, kind, scale=None):
    """Return numbers as ``{"type", "data", "scale"}``; with ``scale`` they are rounded to whole multiples of it."""
    values = np.asarray(values, float)
    if scale is not None:
        values = np.clip(np.round(values / scale), np.iinfo(kind).min, np.iinfo(kind).max)
    data = base64.b64encode(np.ascontiguousarray(values.astype(f"<{kind}")).tobytes()).decode()
    return {"type": kind, "data": data, **({"scale": scale} if scale is not None else {})}


def _category(scheme, code):
    return {
        "code": code,
        "gloss": scheme.gloss(code),
        "description": scheme.table.at[code, "description"],
        "colour": scheme.colour(code),
        "glyph": theme.GLYPHS[theme.symbol(scheme, code)],
    }


def _source(source, index, scheme):
    faces = source.faces
    own = {}
    if source.low is not None:
        own = {name: quantise(getattr(source, name), "u2", SHARE) for name in ("low", "high")}
        own["drawn"] = quantise(source.prompts, "u2")
    if source.examples:
        own["examples"] = [_examples(source.examples.get(face, ()), scheme) for face in faces]
    return {
        "id": source.id,
        "title": source.title,
        "what": source.what,
        "typed": source.typed,
        "index": quantise([index[face] for face in faces], "u2"),
        "weight": quantise(source.reading.weight, "f4"),
        "shares": quantise(source.reading.table, "u2", SHARE),
        "spellings": [source.spellings.get(face, ()) for face in faces],
        "words": [source.words.get(face, ()) for face in faces],
        "layouts": [_layout(name, layout) for name, layout in source.layouts.items()],
        "tree": None if source.clustering is None else _tree(source, scheme),
        **own,
    }


def _examples(examples, scheme):
    rows = [(scheme.gloss(code), text, " ".join(reply.split())) for text, code, reply in examples]
    return [(*row, say if len(say) <= LONGEST else f"{say[:LONGEST]}…") for *row, say in rows]


def _layout(name, layout):
    cosine = layout.cosine - 4 * np.eye(len(layout.cosine))
    near = np.argsort(-cosine, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(cosine) - 1)]
    return {
        "name": name,
        "variance": [round(float(share), 4) for share in layout.variance],
        "scores": quantise(layout.scores, "f4"),
        "spread": None if layout.spread is None else quantise(layout.spread, "f4"),
        "neighbours": near.shape[1],
        "near": quantise(near, "u2"),
        "cosine": quantise(np.take_along_axis(cosine, near, axis=1), "i2", 1 / 10000),
    }


def _tree(source, scheme):
    """Return the tree of a source at its chosen cut, its kaomoji in the order of the tree."""
    tree, order = source.clustering, list(source.clustering.order)
    masses = source.reading.table.mul(source.reading.weight, axis=0).loc[tree.clusters.index]
    glosses = {code: scheme.gloss(code) for code in masses.columns}
    rows = [source.faces.index(face) for face in order]
    number = [order.index(face) for face in tree.clusters.index]
    merges = tree.linkage[:, :3].copy()
    merges[:, :2] = np.r_[number, len(order) : 2 * len(order)][merges[:, :2].astype(int)]
    cosine = next(iter(source.layouts.values())).cosine[np.ix_(rows, rows)]
    return {
        "members": quantise(rows, "u2"),
        "merges": quantise(merges, "f4"),
        "matrix": quantise(cosine, "i1", 1 / 127),
        "labels": quantise(tree.clusters.loc[order], "u1"),
        "names": list(clusters.names(tree.clusters, masses, glosses).values()),
        "stability": [round(float(value), 4) for value in tree.stability],
    }


def module():
    """Return the widget as one ES module whose default export has ``render``."""
    return f"{join(*MODULES, 'widget')}export default {{ render }};\n"


def script():
    """Return the book's explorer as one classic script that starts by itself."""
    return f'(() => {{\n"use strict";\n{join(*MODULES, "book")}}})();\n'


def style():
    """Return the stylesheet of both."""
    return (WEB / "explorer.css").read_text(encoding="utf-8")


def join(*names):
    """Return modules of ``web/`` as one text, without what they import and export."""
    text = "".join((WEB / f"{name}.js").read_text(encoding="utf-8") for name in names)
    return _LINKS.sub("", text)
