"""The published study, recomputed from tables that ship with this project: the article's number, its rule's, and ours.

No network is needed. The tables (data/published, CC-BY-SA-4.0) were derived from the author's public files; --fetch,
--verify and --export work on those files, which KAOMOJI_PUBLISHED_DIR names or which are downloaded to the user's cache.
"""

import json
import sys
from collections import Counter

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

HELP = "recompute the article's numbers from its published data"
EXAMPLES = """examples:
  kaomoji published                               the table
  kaomoji published --only similarity             the rows whose id begins so
  kaomoji published --json > published.json       the same for programs
  kaomoji published --claims                      the article's eleven claims: what reproduces, what holds
  kaomoji published --verify                      are the shipped tables what the originals give?

each row of --json: id, article, recomputed (published rule), corrected (our rule) with low, high (95%) and n, and
reference: what a guess gets. null: there is no such number.
"""
COLUMNS = ("article", "recomputed", "corrected", "low", "high", "n", "reference")


def configure(parser):
    parser.add_argument("--json", action="store_true", help="a JSON list, one object a row")
    parser.add_argument(
        "--only", metavar="PREFIX", default="", help="rows whose id begins with PREFIX"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--claims", action="store_true", help="a verdict on each claim, then stop")
    what.add_argument("--fetch", action="store_true", help="download and verify the originals")
    what.add_argument(
        "--verify", action="store_true", help="derive the tables again and compare them"
    )
    what.add_argument(
        "--export",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="derive the tables again and write them",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of folds, permutations and resamples (default: 0)"
    )


def run(arguments):
    from kaomoji_lib.published import claims, export, files, study

    if arguments.fetch:
        return _fetch(files)
    if arguments.verify:
        return _verify(export.verify())
    if arguments.export is not None:
        print(f"{export.export(arguments.export or None)}: the tables are written")
        return 0
    if arguments.claims:
        return _claims(claims.verdicts(arguments.seed), arguments.json)
    if not study.entries()["id"].str.startswith(arguments.only).any():
        raise KaomojiError(
            f"no row begins with {arguments.only!r}; expected a prefix such as accuracy or similarity; see data/published_article.csv"
        )
    rows = study.article(arguments.only, seed=arguments.seed)
    records = [study.record(row) for _, row in rows.iterrows()]
    absent = [
        f"{count} rows are not computed: {escape.terminal(reason)}"
        for reason, count in Counter(rows.loc[rows["missing"] != "", "missing"]).items()
    ]
    if arguments.json:
        print(json.dumps(records, indent=1, allow_nan=False))
        for line in absent:
            print(f"kaomoji: {line}", file=sys.stderr)
        return 0
    width = max(len(record["id"]) for record in records)
    print("  ".join([f"{'id':<{width}}", *(f"{name:>10}" for name in COLUMNS)]))
    for record in records:
        cells = (f"{_words(record[name]):>10}" for name in COLUMNS)
        print("  ".join([f"{record['id']:<{width}}", *cells]))
    print("\n".join(["", *absent, files.registry().attribution]))
    return 0


def _fetch(files):
    known, problems = files.registry(), []
    for name in known.files:
        try:
            files.locate(name)
        except KaomojiError as error:
            problems.append(str(error))
    count = len(known.files) - len(problems)
    print(f"{count} of {len(known.files)} files are here and as published. {known.attribution}")
    if problems:
        raise KaomojiError(f"{len(problems)} files are missing; the first: {problems[0]}")
    return 0


def _verify(differing):
    for name, rows in differing.items():
        print(f"{name}: {f'{rows} rows differ' if rows else 'as derived from the originals'}")
    if any(differing.values()):
        raise KaomojiError(
            "the shipped tables are not what the originals give; expected no difference; run `kaomoji published --export`"
        )
    return 0


def _claims(table, as_json):
    if as_json:
        print(json.dumps(table.to_dict("records"), indent=1))
        return 0
    for claim in table.itertuples(index=False):
        print(f"{claim.number}. {claim.statement}")
        counted = [f"reproduces {claim.reproduces}"] * bool(claim.reproduces)
        counted += [f"holds {claim.holds}"] * bool(claim.holds)
        print(f"   {'; '.join([claim.verdict, *counted])}")
    return 0


def _words(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
