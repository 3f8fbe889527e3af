"""The first map of an explorer as a still picture, for readers without scripts."""

import base64

import numpy as np

from kaomoji_lib.html import element, fragment

WIDTH, HEIGHT, EDGE = 900, 560, 60
BESIDE = (
    (0, 0),
    *(
        (dx * reach, dy * reach)
        for reach in (22, 40)
        for dx, dy in (
            (0, 1),
            (0, -1),
            (1.6, 0),
            (-1.6, 0),
            (1.4, 0.8),
            (-1.4, 0.8),
            (1.4, -0.8),
            (-1.4, -0.8),
        )
    ),
)
LETTER = 0.62  # the width of a glyph, as a part of its height
KINDS = {"u8": "u1", "i8": "i1", "u16": "<u2", "i16": "<i2", "f32": "<f4"}


def picture(payload):
    """The faces of the first source on its flat map, the most typed first, or near their places; a symbol where there is no room: Markup."""
    source = payload["sources"][0]
    layout = next(iter(source["flat"]), source["layouts"][0])
    scores = _unpacked(layout["scores"]).reshape(-1, 3)[:, :2]
    shares = _unpacked(source["shares"]).reshape(len(scores), -1)
    weight, index = _unpacked(source["weight"]), _unpacked(source["index"]).astype(int)
    kept = np.flatnonzero(weight >= min(3, weight.max()))
    reach = np.abs(scores[kept]).max() or 1
    taken, drawn, symbols = [], [], []
    for local in kept[np.argsort(-weight[kept], kind="stable")]:
        face = payload["faces"][index[local]]
        size = 15 + 11 * float(np.sqrt(weight[local] / weight.max()))
        x, y = (
            WIDTH / 2 + scores[local, 0] / reach * (WIDTH / 2 - 2 * EDGE),
            HEIGHT / 2 - scores[local, 1] / reach * (HEIGHT / 2 - EDGE / 2),
        )
        category = payload["categories"][int(shares[local].argmax())]
        half = LETTER * size * len(face) / 2
        spots = ((x + dx, y + dy) for dx, dy in BESIDE)
        spot = next(
            (
                spot
                for spot in spots
                if not any(
                    abs(spot[0] - other[0]) < half + other[2]
                    and abs(spot[1] - other[1]) < (size + other[3]) / 2
                    for other in taken
                )
            ),
            None,
        )
        if spot is None:
            symbols.append(
                element(
                    "text",
                    category["glyph"],
                    x=f"{x:.1f}",
                    y=f"{y:.1f}",
                    font_size="12",
                    fill=category["colour"],
                    text_anchor="middle",
                    opacity="0.55",
                )
            )
            continue
        (x, y) = spot
        taken.append((x, y, half, size))
        drawn.append(
            element(
                "text",
                face,
                x=f"{x:.1f}",
                y=f"{y:.1f}",
                font_size=f"{size:.1f}",
                fill=category["colour"],
                text_anchor="middle",
            )
        )
    svg = element(
        "svg",
        *symbols,
        *drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="kao-still",
        role="img",
        aria_label=f"Map of {len(drawn)} faces of {source['title']}",
    )
    key = (
        element(
            "span",
            element("span", item["glyph"], style=f"color:{item['colour']}"),
            f" {item['gloss']}",
        )
        for item in payload["categories"]
    )
    return fragment(
        element(
            "p",
            f"{source['title']}, by {layout['name']}: {len(drawn)} of {len(kept)} faces, the most typed; the others are symbols",
        ),
        svg,
        element("p", *key, class_="kao-still-key"),
    )


def _unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), KINDS[packed["type"]]).astype(
        float
    ) * packed.get("scale", 1)
