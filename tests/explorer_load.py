"""An explorer as large as the promise: 1,000 faces, 10 sources. As a program: how long it takes to come, and to hover.

python -m tests.explorer_load       # needs Chromium
"""

import sys
import tempfile
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.explorer import assemble
from kaomoji_lib.explorer import data as explorer_data
from kaomoji_lib.explorer import layout as face_layout
from kaomoji_lib.explorer.payload import payload
from kaomoji_lib.metrics import clusters
from kaomoji_lib.metrics import distributions as readings

ROOT = Path(__file__).resolve().parents[1]
FACES, SOURCES, LAYERS = 1000, 10, 7
EYES, MOUTHS, ENDS = "◕^TOo>•-;@¬⊙˘≧皿눈ಠ°・´", "_‿ω▽Д∀ー.", ("", ";", "♥", "ノ", "✧", "*", "!")


def made(faces=FACES, sources=SOURCES, layers=LAYERS, seed=0):
    """A Bundle of made-up numbers, of the size and the shape of real ones."""
    rng, scheme = np.random.default_rng(seed), load_scheme()
    names = [f"({eye}{mouth}{eye}{end})" for end, mouth, eye in product(ENDS, MOUTHS, EYES)][:faces]
    return explorer_data.bundle(
        [_source(f"source-{number}", names, layers, scheme, rng) for number in range(sources)],
        scheme,
    )


def _source(name, faces, layers, scheme, rng):
    codes, n = list(scheme.codes), len(faces)
    group = rng.integers(len(codes), size=n)
    table = pd.DataFrame(
        rng.dirichlet(np.full(len(codes), 0.3), n) + 2 * np.eye(len(codes))[group], faces, codes
    )
    table = table.div(table.sum(axis=1), axis=0)
    weight = pd.Series(np.ceil(3 + 400 / np.arange(1, n + 1)), faces)
    vectors = rng.normal(size=(len(codes), 12))[group] + 0.8 * rng.normal(size=(n, 12))
    few = pd.DataFrame(vectors[:150], faces[:150])
    tree = clusters.cluster_vectors(
        few, [rng.permuted(few.to_numpy(), axis=0)], resamples=5, seed=0
    )
    return explorer_data.FaceSource(
        name,
        f"Source {name[-1]}",
        "made up",
        "states",
        "times typed",
        readings.Reading(table, weight),
        {f"layer {layer}": _layout(vectors, rng) for layer in range(layers)},
        flat={"t-SNE": vectors[:, :2]},
        low=table * 0.8,
        high=table + 0.2 * (1 - table),
        prompts=pd.Series(np.full(n, 9), faces),
        clustering=tree,
        names={
            number: dict.fromkeys(sorted(set(labels)), "named")
            for number, labels in tree.cuts.items()
        },
        spellings={face: ((face, 3), (f"{face} ", 1)) for face in faces},
        examples={
            face: tuple(
                (
                    f"p{k}",
                    f"Prompt number {k} that says something of some length.",
                    codes[k % 9],
                    f"{face} {'a reply of some words ' * 4}",
                )
                for k in range(3)
            )
            for face in faces
        },
    )


def _layout(vectors, rng):
    turned = vectors @ np.linalg.qr(rng.normal(size=(12, 12)))[0]
    root = 0.3 * rng.normal(size=(len(vectors), 3, 3))
    covariance = root @ root.transpose(0, 2, 1)
    return face_layout.Layout(
        turned[:, :3],
        np.array([0.3, 0.2, 0.1]),
        covariance[:, *np.triu_indices(3)],
        1 - clusters.cosine_distances(vectors),
    )


def page(bundle, folder):
    """Write the explorer of ``bundle`` as a page of its own, as the book does; returns its path."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    import kaomoji_explorer

    folder = Path(folder)
    env = SimpleNamespace(
        docname="page", app=SimpleNamespace(outdir=str(folder)), new_serialno=lambda _: 0
    )
    font = (ROOT / "book" / "_static" / "fonts" / "kaomoji.woff2").as_uri()
    place = kaomoji_explorer.place(payload(bundle), env)
    style = f'@font-face {{ font-family: Kaomoji; src: url("{font}"); }}\n{assemble.style()}'
    (folder / "explorer.js").write_text(assemble.script(), encoding="utf-8")
    element = kaomoji_explorer.escape.element
    raw = kaomoji_explorer.escape.Markup
    html = element(
        "html",
        element(
            "head",
            raw('<meta charset="utf-8">'),
            element("title", "Explorer"),
            element("style", raw(style)),
            element("script", "", src="explorer.js", defer=""),
        ),
        element("body", place),
        lang="en",
        data_theme="light",
    )
    path = folder / "page.html"
    path.write_text(f"<!doctype html>{html}", encoding="utf-8")
    return path


WATCH = """window.tasks = []; new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(task => task.duration))).observe({type: 'longtask', buffered: true});"""


def measure(address, browser):
    """Seconds until the explorer of a page can be used, and its longest tasks in ms: dict."""
    tab = browser.new_page(viewport={"width": 1280, "height": 1000})
    tab.add_init_script(WATCH)
    tab.goto(address, wait_until="commit")
    tab.wait_for_selector(".kx[data-ready]")
    found = {
        "seconds": tab.evaluate("performance.now() / 1000"),
        "opening": tab.evaluate("Math.max(0, ...window.tasks)"),
    }
    box = tab.locator(".kx-map").first.bounding_box()
    for name, hold in (("hovering", False), ("turning", True)):
        tab.evaluate("window.tasks = []")
        tab.mouse.move(box["x"] + 40, box["y"] + 40)
        if hold:
            tab.mouse.down()
        for step in range(120):
            tab.mouse.move(
                box["x"] + 40 + (step * 37) % (box["width"] - 80),
                box["y"] + 40 + (step * 23) % (box["height"] - 80),
            )
        tab.mouse.up()
        tab.wait_for_timeout(300)
        found[name] = tab.evaluate("Math.max(0, ...window.tasks)")
    tab.evaluate("window.tasks = []")
    tab.locator("select[name=source]").select_option(index=1)
    tab.wait_for_timeout(1500)
    found["another source"] = tab.evaluate("Math.max(0, ...window.tasks)")
    tab.close()
    return found


def main():
    from playwright.sync_api import sync_playwright

    from tests.conftest import FLAGS, chromium

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as engine:
        path = page(made(), folder)
        parts = sorted(Path(folder).glob("_explorer/*/*.js"))
        print(
            f"{path.stat().st_size / 1e6:.2f} MB page, {len(parts)} sources of {max(part.stat().st_size for part in parts) / 1e6:.2f} MB each, read when chosen"
        )
        browser = engine.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name, value in measure(path.as_uri(), browser).items():
            print(
                f"{name}: {value:.2f}"
                + (
                    ""
                    if name == "seconds"
                    else " ms, longest task (tasks below 50 ms are not counted)"
                )
            )
        browser.close()


if __name__ == "__main__":
    main()
