"""The published study, recomputed from tables that ship with this project: the article's number, its rule's, and ours.

No network is needed. The tables (data/published, CC-BY-SA-4.0) were derived from the author's public files by
data/published/derive.py, which also verifies them.
"""

import json
import sys

HELP = "recompute the article's numbers from its published data"
EXAMPLES = """examples:
  kaomoji published                               the table
  kaomoji published --only similarity             the rows whose id begins so
  kaomoji published --json > published.json       the same for programs

each row of --json: id, article, recomputed (published rule), corrected (our rule) with low, high (95%) and n, and
reference: what a guess gets. null: there is no such number.
"""


def configure(parser):
    add = parser.add_argument
    add("--json", action="store_true", help="a JSON list, one object a row")
    add("--only", metavar="PREFIX", default="", help="rows whose id begins with PREFIX")


def run(arguments):
    import pandas as pd

    from kaomoji_lib.published import study, tables

    rows = study.article(arguments.only)
    records = [study.record(row) for _, row in rows.iterrows()]
    if arguments.json:
        print(json.dumps(records, indent=1, allow_nan=False))
    else:
        table = pd.DataFrame(records).set_index("id").astype(float).astype({"n": "Int64"})
        print(
            table.rename_axis(index=None, columns="id").to_string(
                na_rep="-", float_format="{:.3f}".format
            )
        )
        print(f"\n{tables.attribution()}")
    if left := (rows["rule"] == "unpublished").sum():
        words = f"kaomoji: {left} rows are not computed: the hidden states were not published"
        print(words, file=sys.stderr)
