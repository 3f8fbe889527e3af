"""Derive the tables of facts in this folder from the article's originals: counts and numbers, never texts.

The originals are downloaded by commit and verified by their SHA-256 (``data/published.yml``), so their form is known.
They are kept in the user's cache, or in the folder that KAOMOJI_PUBLISHED_DIR names. Nothing in a figure (HTML) is executed.

python data/published/derive.py --verify    are the shipped tables what the originals give?
python data/published/derive.py             write them again
"""

import argparse
import base64
import datetime
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
from requests.exceptions import RequestException

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import extract
from kaomoji_lib.published import faces, tables
from kaomoji_lib.runs.files import atomic, parse_json, sha256, write_json

PLACE = "KAOMOJI_PUBLISHED_DIR"
AXES = ["PC1", "PC2", "PC3"]
CALL = re.compile(r"Plotly\.newPlot\(\s*\"[^\"]*\",\s*")


def export(folder=None, known=None, today=None):
    """Write every table of :data:`tables.NAMES` and ``manifest.json`` to ``folder`` (default: ``data/published``).

    Returns
    -------
    The folder (Path). LICENSE and README.md, which are written by hand, are left as they are.

    Raises
    ------
    KaomojiError
        If an original is not to be had.
    """
    folder, known = Path(folder or tables.FOLDER), known or tables.registry()
    entries = {}
    for name, table in derive(known).items():
        path = folder / name
        with atomic(path) as temporary:
            if path.suffix == ".parquet":
                floats = list(table.select_dtypes("float32"))
                table.to_parquet(
                    temporary,
                    index=False,
                    compression="zstd",
                    compression_level=19,
                    use_dictionary=[column for column in table if column not in floats],
                    use_byte_stream_split=floats,
                )
            else:
                table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")
        entries[name] = {"sha256": sha256(path), "bytes": path.stat().st_size, "rows": len(table)}
    manifest = {
        "licence": known["licence"],
        "author": known["author"],
        "commits": tables.commits(known),
        "derived": str(today or datetime.date.today()),
        "by": "data/published/derive.py",
        "tables": entries,
    }
    write_json(folder / "manifest.json", manifest)
    return folder


def verify(known=None):
    """Derive every table again from the originals: dict name -> number of rows that differ from the shipped table.

    A table with other columns or another number of rows counts with all its rows.
    """
    differing = {}
    for name, table in derive(known or tables.registry()).items():
        shipped = tables.read(name)
        if list(shipped) != list(table) or len(shipped) != len(table):
            differing[name] = max(len(shipped), len(table))
            continue
        same = [_same(table[column], shipped[column]) for column in table]
        differing[name] = int((~np.logical_and.reduce(same)).sum())
    return differing


def _same(derived, shipped):
    if pd.api.types.is_float_dtype(derived):
        return np.isclose(derived, shipped.astype(float), rtol=1e-6, atol=1e-9, equal_nan=True)
    return (derived.astype(object).fillna("") == shipped.astype(object).fillna("")).to_numpy()


def derive(known):
    """Return every table by file name: dict of DataFrames as described in ``data/published/README.md``."""
    emissions = pd.concat(
        [_emissions(name, entry, known) for name, entry in known["sources"].items()],
        ignore_index=True,
    )
    drawn = [name for name, entry in known["sources"].items() if "figure" in entry]
    clouds, shares = zip(*(_cloud(name, known, emissions) for name in drawn), strict=True)
    variance = pd.DataFrame(shares, columns=AXES)
    variance.insert(0, "source", drawn)
    return {
        "emissions.parquet": emissions,
        "likelihoods.parquet": _likelihoods(known),
        "judgements.csv": _judgements(known),
        "words.csv": _words(known),
        "components.csv": pd.concat(clouds, ignore_index=True),
        "variance.csv": variance,
    }


def _emissions(name, entry, known):
    raw = _json_lines(entry["emissions"], known)
    # Texts were cut at 16 tokens, so a span that is still open is truncated.
    ours = [extract(text, truncated=True) for text in raw["text"]]
    typed = [item.raw_face if item.outcome == "kaomoji" else None for item in ours]
    stored = [word if isinstance(word, str) and word else None for word in raw["first_word"]]
    stored = pd.Series(stored, dtype=object)
    index = raw["run_index"] if "run_index" in raw else raw["seed"]
    return pd.DataFrame(
        {
            "source": name,
            "prompt_id": raw["prompt_id"],
            "generation": index.astype("int8"),
            "outcome": [item.outcome for item in ours],
            "raw_face": pd.Series(typed, dtype=object),
            "published_raw": stored,
            "published_face": tables.each(tables.published_face, stored),
        }
    )


def _likelihoods(known):
    """One row per source and spelling; a column per prompt with log P (nat, float32)."""
    parts = []
    for name, entry in known["sources"].items():
        if "likelihoods" in entry:
            long = pd.read_parquet(locate(entry["likelihoods"], known))
            wide = long.pivot(index="first_word", columns="prompt_id", values="log_prob")
            tokens = long.groupby("first_word")["n_face_tokens"].first()
            first = {"source": name, "spelling": wide.index, "n_tokens": tokens.astype("int8")}
            parts.append(pd.DataFrame(first).join(wide.astype("float32")))
    return pd.concat(parts, ignore_index=True)


def _judgements(known):
    parts = []
    for judge, entry in known["judgements"].items():
        raw = _json_lines(entry["file"], known)
        values = {code: raw[f"{judge}_lik_{code}"].round(6) for code in tables.scheme().codes}
        parts.append(pd.DataFrame({"judge": judge, "spelling": raw["face"], **values}))
    return pd.concat(parts, ignore_index=True)


def _words(known):
    rows = []
    for entry in _json_lines(known["syntheses"], known).itertuples():
        for item in entry.descriptions:
            lists = item.get("synthesis") or {}
            row = {"spelling": entry.kaomoji}
            for field in ("count", "lexicon_version", "source_model", "contributor", "bundle"):
                row[field] = item[field]
            row["primary"] = " ".join(lists.get("primary_affect", []))
            row["others"] = " ".join(lists.get("stance_modality_function", []))
            rows.append(row)
    return pd.DataFrame(rows)


def _cloud(name, known, emissions):
    """Three component scores of every prompt, and the shares of variance that the figure's axes give.

    The figure has a point for each reply with a kaomoji, in the order of the replies and without their ids. All points
    of a prompt coincide, so that the n-th place of a category is its n-th prompt that has such a reply.
    """
    path = locate(known["sources"][name]["figure"], known)
    traces, layout = figure(path.read_text(encoding="utf-8"))
    own = emissions[emissions["source"] == name]
    own = own[own["published_face"].map(faces.is_kaomoji).astype(bool)]
    category = np.array(tables.category(own["prompt_id"]))
    parts = []
    for code in tables.scheme().codes:
        named = [t for t in traces if re.match(rf"{code} \(n=\d+\)$", str(t.get("name")))]
        places = _distinct(_points(named[0])) if named else []
        ids = own.loc[category == code, "prompt_id"].unique()
        if len(ids) != len(places):
            raise KaomojiError(
                f"the figure of {name} has {len(places)} places of {code}; expected {len(ids)}, one for each prompt with a kaomoji; fetch it again"
            )
        parts.append(pd.DataFrame(places, columns=AXES).assign(source=name, prompt_id=ids))
    titles = [layout["scene"][f"{axis}axis"]["title"] for axis in "xyz"]
    shares = [float(re.search(r"([\d.]+)\s*%", str(title))[1]) / 100 for title in titles]
    return pd.concat(parts, ignore_index=True)[["source", "prompt_id", *AXES]], shares


def figure(html):
    """Return the traces (list) and the layout (dict) of the figure that plotly wrote to ``html``."""
    start = CALL.search(html).end()
    traces, end = json.JSONDecoder().raw_decode(html, start)
    layout, _ = json.JSONDecoder().raw_decode(html, re.compile(r"[\s,]*").match(html, end).end())
    return traces, layout


def _points(trace):
    """The coordinates of a 3-D trace, (n, 3); plotly packs them as ``{"dtype", "bdata"}``."""
    packed = [trace[axis] for axis in "xyz"]
    columns = [np.frombuffer(base64.b64decode(x["bdata"]), f"<{x['dtype']}") for x in packed]
    return np.column_stack(columns).astype(float)


def _distinct(points, tolerance=1e-3):
    """The places of ``points`` (n, 3) in order; neighbours that differ by rounding alone are one."""
    step = np.abs(np.diff(points, axis=0)).max(axis=1)
    return points[np.r_[True, step > tolerance * np.abs(points).max()]]


def _json_lines(name, known):
    with locate(name, known).open(encoding="utf-8") as handle:
        return pd.DataFrame([parse_json(line) for line in handle if line.strip()])


def locate(name, known=None):
    """Return the verified local path of an original, downloaded if it is not there yet.

    It lies in the folder that ``KAOMOJI_PUBLISHED_DIR`` names, or else in the user's cache.

    Raises
    ------
    KaomojiError
        If the file is neither there nor to be had.
    """
    known = known or tables.registry()
    pooch.get_logger().setLevel("WARNING")
    keeper = pooch.create(
        path=pooch.os_cache("kaomoji") / "published",
        env=PLACE,
        base_url="",
        registry={path: f"sha256:{digest}" for path, digest in known["files"].items()},
        urls={path: _address(path, known["repositories"]) for path in known["files"]},
    )
    try:
        return Path(keeper.fetch(name, downloader=pooch.HTTPDownloader(timeout=(5, 60))))
    except (ValueError, RequestException, OSError) as error:
        raise KaomojiError(
            f"{name} cannot be had ({type(error).__name__}); expected the file with SHA-256 {known['files'].get(name)}; connect "
            f"to the network, or let {PLACE} name a folder that has the files"
        ) from None


def _address(path, repositories):
    name, _, inside = path.partition("/")
    return repositories[name] + inside


def main(arguments=None):
    """Write or verify the tables; return the exit status (int)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verify", action="store_true", help="derive and compare, write nothing")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: this folder)")
    chosen = parser.parse_args(arguments)
    try:
        if not chosen.verify:
            print(f"{export(chosen.out)}: the tables are written")
            return 0
        differing = verify()
    except KaomojiError as error:
        print(f"derive.py: {error}", file=sys.stderr)
        return 2
    for name, rows in differing.items():
        print(f"{name}: {f'{rows} rows differ' if rows else 'as derived from the originals'}")
    return 2 if any(differing.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
