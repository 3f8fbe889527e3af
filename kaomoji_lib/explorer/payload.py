"""The bundle as plain data for the browser: JSON, with tables of numbers packed as base64.

What a source's own map and card need can be taken out of it (:func:`parted`), to be read when the source is chosen.
"""

import base64

import numpy as np

from kaomoji_lib import theme
from kaomoji_lib.faces.canonical import tables

NEIGHBOURS = 14
MOST_ROWS = 200
LONGEST_REPLY = 140
TYPES = {"u1": "u8", "i1": "i8", "u2": "u16", "i2": "i16", "f4": "f32"}
SHARE = 1 / 50_000
UNKNOWN = -32768  # a spread that cannot be told
OWN = ("layouts", "flat", "tree", "low", "high", "drawn", "examples")


def payload(bundle, start=None):
    """A JSON-able dictionary of a :class:`explorer_data.Bundle`; ``start``: what is chosen at first (dict)."""
    faces = bundle.faces
    place = {face: index for index, face in enumerate(faces)}
    prompts, vocabulary = {}, {}
    sources = [_source(source, place, prompts, vocabulary) for source in bundle.sources]
    return {
        "version": 2,
        "categories": _categories(bundle.scheme),
        "canonical": tables(),
        "faces": list(faces),
        "disagreement": pack(bundle.disagreement.reindex(list(faces)).to_numpy(), "f4"),
        "sources": sources,
        "prompts": [list(key) for key in prompts],
        "vocabulary": list(vocabulary),
        "start": start or {},
    }


def parted(data):
    """``payload`` in two: what all sources share and are searched by, and dict source id -> what it alone needs."""
    parts = {
        source["id"]: {name: source[name] for name in OWN if name in source}
        for source in data["sources"]
    }
    common = [
        {name: value for name, value in source.items() if name not in OWN}
        for source in data["sources"]
    ]
    return {**data, "sources": common}, parts


def pack(values, kind, scale=None):
    """Numbers as ``{"type", "data", "scale"}``; with ``scale`` they are stored as whole multiples of it."""
    values = np.asarray(values, float)
    if scale is not None:
        limits = np.iinfo(kind)
        values = np.clip(np.round(values / scale), limits.min, limits.max)
    data = base64.b64encode(np.ascontiguousarray(values.astype(f"<{kind}")).tobytes()).decode()
    return {"type": TYPES[kind], "data": data, **({"scale": scale} if scale is not None else {})}


def _categories(scheme):
    return [
        {
            "code": code,
            "gloss": scheme.gloss(code),
            "description": scheme.table.at[code, "description"],
            "colour": scheme.colour(code),
            "glyph": theme.GLYPHS[theme.symbol(scheme, code)],
        }
        for code in scheme.codes
    ]


def _source(source, place, prompts, vocabulary):
    faces = source.faces
    optional = {}
    if source.low is not None:
        optional |= {
            "low": pack(source.low, "u2", SHARE),
            "high": pack(source.high, "u2", SHARE),
            "drawn": pack(source.prompts, "u2"),
        }
    if source.spellings:
        optional["spellings"] = [
            [["" if raw == face else raw, count] for raw, count in source.spellings.get(face, ())]
            for face in faces
        ]
    if source.words:
        optional["words"] = [
            [
                [vocabulary.setdefault(word, len(vocabulary)), round(float(share), 3)]
                for word, share in source.words.get(face, ())
            ]
            for face in faces
        ]
    if source.examples:
        optional["examples"] = [
            [
                [prompts.setdefault((name, code, text), len(prompts)), _short(reply)]
                for name, text, code, reply in source.examples.get(face, ())
            ]
            for face in faces
        ]
    return {
        "id": source.id,
        "title": source.title,
        "what": source.what,
        "kind": source.kind,
        "unit": source.unit,
        "control": source.control,
        "index": pack([place[face] for face in faces], "u2"),
        "weight": pack(source.reading.weight, "f4"),
        "shares": pack(source.reading.table, "u2", SHARE),
        "layouts": [_layout(name, layout) for name, layout in source.layouts.items()],
        "flat": [
            {"name": name, "scores": _scores(np.column_stack([xy, np.zeros(len(xy))]))}
            for name, xy in source.flat.items()
        ],
        "tree": None if source.clustering is None else _tree(source),
        **optional,
    }


def _short(text):
    text = " ".join(str(text).split())
    return text if len(text) <= LONGEST_REPLY else f"{text[:LONGEST_REPLY]}…"


def _scores(scores):
    return pack(scores, "i2", float(max(np.abs(scores).max(), 1e-9)) / 32000)


def _roots(spread):
    """Lower triangular roots of covariances (n, 6), row by row: whole numbers keep them to a part of a pixel, far as they differ."""
    filled = np.zeros((len(spread), 3, 3))
    filled[:, *np.triu_indices(3)] = np.nan_to_num(spread)
    values, vectors = np.linalg.eigh(filled + np.triu(filled, 1).transpose(0, 2, 1))
    # QR of V sqrt(L) makes a triangle of any covariance, flat ones too, where Cholesky fails.
    triangles = np.linalg.qr(
        (vectors * np.sqrt(np.maximum(values, 0))[:, None]).transpose(0, 2, 1)
    ).R.transpose(0, 2, 1)
    roots = triangles[:, *np.tril_indices(3)]
    scale = float(max(np.abs(roots).max(initial=0), 1e-9)) / 32000
    return pack(np.where(np.isnan(spread), UNKNOWN * scale, roots), "i2", scale)


def _layout(name, layout):
    cosine = layout.cosine - 4 * np.eye(len(layout.cosine))
    near = np.argsort(-cosine, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(cosine) - 1)]
    return {
        "name": name,
        "variance": [round(float(share), 4) for share in layout.variance],
        "scores": _scores(layout.scores),
        "spread": None if layout.spread is None else _roots(layout.spread),
        "neighbours": near.shape[1],
        "near": pack(near, "u2"),
        "cosine": pack(np.take_along_axis(cosine, near, axis=1), "i2", 1 / 10000),
    }


def _tree(source):
    found = source.clustering
    members = list(found.clusters.index)
    local = {face: index for index, face in enumerate(source.faces)}
    leaf = {face: index for index, face in enumerate(members)}
    matrix = None
    if len(members) <= MOST_ROWS:
        rows = [local[face] for face in members]
        matrix = pack(next(iter(source.layouts.values())).cosine[np.ix_(rows, rows)], "i1", 1 / 127)
    return {
        "members": pack([local[face] for face in members], "u2"),
        "order": pack([leaf[face] for face in found.order], "u2"),
        "merges": pack(found.linkage[:, :3], "f4"),
        "matrix": matrix,
        "numbers": list(found.cuts),
        "chosen": found.chosen,
        "labels": pack(np.concatenate([labels.to_numpy() for labels in found.cuts.values()]), "u1"),
        "names": [list(source.names[number].values()) for number in found.cuts],
        "stability": [
            [_number(value) for value in found.stability[number]] for number in found.cuts
        ],
        "criterion": [
            [
                row.clusters,
                *map(
                    _number,
                    (
                        row.value,
                        row.ci_low,
                        row.ci_high,
                        row.null_mean,
                        row.p_adjusted,
                        row.stability,
                    ),
                ),
            ]
            for row in found.criterion.itertuples()
        ],
    }


def _number(value):
    return None if value is None or np.isnan(value) else round(float(value), 4)
