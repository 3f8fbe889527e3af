"""The published study, recomputed from tables that ship with this project: the article's number, its rule's, and ours.

No network is needed. The tables (data/published, CC-BY-SA-4.0) were derived from the author's public files by
data/published/derive.py, which also verifies them.
"""

import json
import sys

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

HELP = "recompute the article's numbers from its published data"
EXAMPLES = """examples:
  kaomoji published                               the table
  kaomoji published --only similarity             the rows whose id begins so
  kaomoji published --json > published.json       the same for programs
  kaomoji published --claims                      the article's eleven claims: what reproduces, what holds

each row of --json: id, article, recomputed (published rule), corrected (our rule) with low, high (95%) and n, and
reference: what a guess gets. null: there is no such number.
"""


def configure(parser):
    add = parser.add_argument
    add("--json", action="store_true", help="a JSON list, one object a row")
    add("--only", metavar="PREFIX", default="", help="rows whose id begins with PREFIX")
    add("--claims", action="store_true", help="a verdict on each claim, then stop")
    add("--seed", type=int, default=0, help="of folds, permutations and resamples (default: 0)")


def run(arguments):
    from kaomoji_lib.published import study, tables

    if arguments.claims:
        _claims(study.verdicts(arguments.seed), arguments.json)
    else:
        if not study.entries()["id"].str.startswith(arguments.only).any():
            raise KaomojiError(
                f"no row begins with {arguments.only!r}; expected a prefix such as accuracy or similarity; see data/published_article.csv"
            )
        _table(study.article(arguments.only, seed=arguments.seed), arguments.json)
        if not arguments.json:
            print(f"\n{tables.attribution()}")


def _table(rows, as_json):
    import pandas as pd

    from kaomoji_lib.published import study

    records = [study.record(row) for _, row in rows.iterrows()]
    if as_json:
        print(json.dumps(records, indent=1, allow_nan=False))
    else:
        table = pd.DataFrame(records, dtype=object).set_index("id")[list(study.KEYS)]
        print(table.rename_axis(index=None, columns="id").map(_cell).to_string())
    for reason, count in rows.loc[rows["missing"] != "", "missing"].value_counts().items():
        line = f"kaomoji: {count} rows are not computed: {escape.terminal(reason)}"
        print(line, file=sys.stderr)


def _claims(table, as_json):
    if as_json:
        print(json.dumps(table.to_dict("records"), indent=1))
        return
    for claim in table.itertuples(index=False):
        parts = [claim.verdict]
        parts += [f"reproduces {claim.reproduces}"] if claim.reproduces else []
        parts += [f"holds {claim.holds}"] if claim.holds else []
        print(f"{claim.number}. {claim.statement}\n   {'; '.join(parts)}")


def _cell(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
