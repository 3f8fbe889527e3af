"""The published study, recomputed from its own data: the article's number, the published rule's, and ours.

The data (CC-BY-SA-4.0) is downloaded to the user's cache on first use and verified; KAOMOJI_PUBLISHED_DIR names a folder
that holds it instead.
"""

import json
import sys
from collections import Counter

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

HELP = "recompute the article's numbers from its published data"
EXAMPLES = """examples:
  kaomoji published --fetch                       download and verify all files
  kaomoji published                               the table
  kaomoji published --only similarity             the rows whose id begins so
  kaomoji published --json > published.json       the same for programs

each row of --json: id, article, recomputed (published rule), corrected (our rule) with low, high (95%) and n, and
reference: what a reader gets who knows nothing. null: there is no such number.
"""
COLUMNS = ("article", "recomputed", "corrected", "low", "high", "n", "reference")


def configure(parser):
    parser.add_argument("--json", action="store_true", help="a JSON list, one object a row")
    parser.add_argument(
        "--only", metavar="PREFIX", default="", help="rows whose id begins with PREFIX"
    )
    parser.add_argument(
        "--fetch", action="store_true", help="download and verify all files, then stop"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of folds, permutations and resamples (default: 0)"
    )


def run(arguments):
    from kaomoji_lib.published import files as published

    if arguments.fetch:
        return _fetch(published)
    from kaomoji_lib.published import study as analysis

    known = published.registry()
    if not any(entry_id.startswith(arguments.only) for entry_id in analysis.entries()["id"]):
        raise KaomojiError(
            f"no row begins with {arguments.only!r}; expected a prefix such as accuracy or similarity; see data/published_article.csv"
        )
    published.locate(next(iter(known.files)))
    found = analysis.rows(analysis.Study(seed=arguments.seed), only=arguments.only)
    if arguments.json:
        print(json.dumps([row.record() for row in found], indent=1, allow_nan=False))
        for line in _absent(found):
            print(f"kaomoji: {line}", file=sys.stderr)
        return 0
    _table(found)
    print(f"\n{known.attribution}")
    return 0


def _fetch(published):
    problems = []
    known = published.registry()
    count = published.fetch_all(report=problems.append)
    print(f"{count} of {len(known.files)} files are here and as published. {known.attribution}")
    if problems:
        raise KaomojiError(f"{len(problems)} files are missing; the first: {problems[0]}")
    return 0


def _table(found):
    width = max(len(row.id) for row in found)
    print("  ".join([f"{'id':<{width}}", *(f"{name:>10}" for name in COLUMNS)]))
    for row in found:
        record = row.record()
        print(
            "  ".join([f"{row.id:<{width}}", *(f"{_words(record[name]):>10}" for name in COLUMNS)])
        )
    for line in _absent(found):
        print(f"\n{line}")


def _absent(found):
    """A line for each reason why rows were not computed."""
    counts = Counter(row.missing for row in found if row.missing)
    return [
        f"{count} rows are not computed: {escape.terminal(reason)}"
        for reason, count in counts.items()
    ]


def _words(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
