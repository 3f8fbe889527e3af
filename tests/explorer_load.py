"""A made-up explorer for the tests, of any size, written as a page of its own the way the book does."""

import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from kaomoji_lib.explorer import data, payload
from kaomoji_lib.explorer.gather import bundle
from kaomoji_lib.metrics import clusters, distributions
from kaomoji_lib.stimuli import load_scheme

ROOT = Path(__file__).resolve().parents[1]
EYES, MOUTHS, ENDS = "◕^TOo>•-;@¬⊙˘≧皿눈ಠ°・´", "_‿ω▽Д∀ー.", ("", ";", "♥", "ノ", "✧", "*", "!")
ASKED = {"search": "fearful, frustrated", "ellipses": True}
TOURS = (("Fearful or frustrated?", "Two emotions at once.", ASKED),)
TOURS += (("One kaomoji", "The card of one.", {"source": "source-1", "face": "(T_T)"}),)


def make(faces=60, sources=3, layers=2, seed=0):
    """Return a Bundle of made-up numbers of the size and shape of real ones; the last source types nothing itself."""
    rng, scheme = np.random.default_rng(seed), load_scheme()
    names = [f"({eye}{mouth}{eye}{end})" for end, mouth, eye in product(ENDS, MOUTHS, EYES)][:faces]
    return bundle(
        _source(number, names, layers, scheme, rng, typed=number < sources - 1)
        for number in range(sources)
    )


def _source(number, faces, layers, scheme, rng, typed):
    codes, n = list(scheme.codes), len(faces)
    group = rng.integers(len(codes), size=n)
    shares = rng.dirichlet(np.full(len(codes), 0.3), n) + 2 * np.eye(len(codes))[group]
    table = pd.DataFrame(shares, faces, codes).pipe(lambda t: t.div(t.sum(axis=1), axis=0))
    weight = pd.Series(np.ceil(3 + 400 / np.arange(1, n + 1)), faces)
    vectors = rng.normal(size=(len(codes), 12))[group] + 0.8 * rng.normal(size=(n, 12))
    few = pd.DataFrame(vectors[:150], faces[:150])
    tree = clusters.cluster_vectors(few, permutations=19, resamples=5, seed=number)
    own = {"clustering": tree, "names": dict.fromkeys(sorted(set(tree.clusters)), "named")}
    layouts = {f"layer {layer}": _layout(vectors, rng, typed) for layer in range(layers)}
    if typed:
        own |= {
            "low": table * 0.8,
            "high": table + 0.2 * (1 - table),
            "prompts": pd.Series(9, faces),
        }
        own["spellings"] = {face: ((face, 3), (f"ヽ{face}ﾉ", 1)) for face in faces}
        examples = [
            (f"p{k}", f"Message {k}.", codes[k], "a reply of some words" * 4) for k in range(3)
        ]
        own["examples"] = dict.fromkeys(faces, tuple(examples))
    else:
        own["words"] = dict.fromkeys(faces[:5], (("weary", 0.7), ("sly", 0.3)))
        layouts = dict(list(layouts.items())[:1])
    title, reading = f"Source {number}", distributions.Reading(table, weight)
    return data.FaceSource(f"source-{number}", title, "made up", typed, reading, layouts, **own)


def _layout(vectors, rng, spread):
    turned = vectors @ np.linalg.qr(rng.normal(size=(12, 12)))[0]
    root = 0.3 * rng.normal(size=(len(vectors), 3, 3))
    covariance = (root @ root.transpose(0, 2, 1))[:, *np.triu_indices(3)]
    cosine = 1 - clusters.cosine_distances(vectors)
    return data.Layout(
        turned[:, :3], np.array([0.3, 0.2, 0.1]), covariance if spread else None, cosine
    )


def page(shown, folder):
    """Write the explorer of a Bundle as a page of its own, as the book does; return its path."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    import kaomoji_explorer
    from kaomoji_explorer import escape

    folder = Path(folder)
    app = SimpleNamespace(outdir=str(folder))
    env = SimpleNamespace(docname="page", app=app, new_serialno=lambda _: 0)
    font = (ROOT / "book" / "_static" / "fonts" / "kaomoji.woff2").as_uri()
    face = f'@font-face {{ font-family: Kaomoji; src: url("{font}"); }} .kx {{ background: var(--kx-paper); }}\n'
    (folder / "explorer.js").write_text(payload.script(), encoding="utf-8")
    style = escape.element("style", escape.Markup(face + payload.style()))
    script = escape.element("script", "", src="explorer.js", defer="")
    charset, title = escape.Markup('<meta charset="utf-8">'), escape.element("title", "Explorer")
    head = escape.element("head", charset, title, style, script)
    place = kaomoji_explorer.place(payload.payload(shown, TOURS), env)
    body = escape.element("body", place)
    path = folder / "page.html"
    html = escape.element("html", head, body, lang="en", data_theme="light")
    path.write_text(f"<!doctype html>{html}", encoding="utf-8")
    return path
