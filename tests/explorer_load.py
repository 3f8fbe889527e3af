"""A made-up explorer for the tests, written as a page of its own the way the book does."""

import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from markupsafe import Markup

from kaomoji_lib import html as escape
from kaomoji_lib.explorer import data, payload
from kaomoji_lib.explorer.gather import bundle
from kaomoji_lib.metrics import clusters, distributions
from kaomoji_lib.stimuli import load_scheme

ROOT = Path(__file__).resolve().parents[1]
EYES, MOUTHS, ENDS = "◕^TOo>•-;@¬⊙˘≧皿눈ಠ°・´", "_‿ω▽Д∀ー.", ("", ";", "♥", "ノ", "✧", "*", "!")
ASKED = {"search": "fearful, frustrated", "ellipses": True}
TOURS = (("Fearful or frustrated?", "Two emotions at once.", ASKED),)
TOURS += (("One kaomoji", "The card of one.", {"source": "source-1", "face": "(T_T)"}),)


def make():
    """Return a Bundle of made-up numbers of the shape of real ones: 60 faces, 3 sources, the last types nothing itself."""
    rng = np.random.default_rng(0)
    return bundle(_source(number, rng, typed=number < 2) for number in range(3))


def _source(number, rng, typed):
    faces = [f"({eye}{mouth}{eye}{end})" for end, mouth, eye in product(ENDS, MOUTHS, EYES)][:60]
    codes, n = list(load_scheme().codes), len(faces)
    group = rng.integers(len(codes), size=n)
    shares = rng.dirichlet(np.full(len(codes), 0.3), n) + 2 * np.eye(len(codes))[group]
    table = pd.DataFrame(shares, faces, codes).pipe(lambda t: t.div(t.sum(axis=1), axis=0))
    weight = pd.Series(np.ceil(3 + 400 / np.arange(1, n + 1)), faces)
    vectors = rng.normal(size=(len(codes), 12))[group] + 0.8 * rng.normal(size=(n, 12))
    tree = pd.DataFrame(vectors, faces)
    tree = clusters.cluster_vectors(tree, permutations=19, resamples=5, seed=number)
    own = {"clustering": tree}
    layouts = {f"layer {layer}": _layout(vectors, rng, typed) for layer in range(2)}
    if typed:
        own |= {"low": table * 0.8, "high": table + 0.2 * (1 - table)}
        own |= {"prompts": pd.Series(9, faces)}
        own["spellings"] = {face: ((face, 3), (f"ヽ{face}ﾉ", 1)) for face in faces}
        said = [(f"Message {k}.", codes[k], "a reply of words" * 4) for k in range(3)]
        own["examples"] = dict.fromkeys(faces, tuple(said))
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

    folder, env = Path(folder), SimpleNamespace(docname="page", new_serialno=lambda _: 0)
    env.app = SimpleNamespace(outdir=str(folder))
    font = (ROOT / "book" / "_static" / "fonts" / "kaomoji.woff2").as_uri()
    face = f'@font-face {{ font-family: Kaomoji; src: url("{font}"); }} .kx {{ background: var(--kx-paper); }}\n'
    (folder / "explorer.js").write_text(payload.script(), encoding="utf-8")
    head = Markup('<meta charset="utf-8">'), escape.element("title", "Explorer")
    head += (escape.element("style", Markup(face + payload.style())),)
    head += (escape.element("script", "", src="explorer.js", defer=""),)
    body = escape.element("body", kaomoji_explorer.place(payload.payload(shown, TOURS), env))
    html = escape.element(
        "html", escape.element("head", *head), body, lang="en", data_theme="light"
    )
    (folder / "page.html").write_text(f"<!doctype html>{html}", encoding="utf-8")
    return folder / "page.html"
