"""Compute how probable every face is given every prompt, under a model; write the table as a Parquet file.

Kill it at any moment: the same command continues where it stopped. A finished file is left as it is. Before anything is
scored, the fast path is compared with plain forward passes of the same model.
"""

from kaomoji_lib.cli.collect import add_model_options, add_template_options, model_of

HELP = "how probable every face is given every prompt"
EXAMPLES = """examples:
  kaomoji score organism-gemma --faces faces.txt --out scores.parquet
  kaomoji score smollm2-135m-instruct --inventory --out choices.parquet
  kaomoji score Qwen/Qwen3-0.6B --faces faces.txt --prompts my-prompts.csv --out qwen.parquet --dtype bfloat16

The file has the columns prompt_id, spelling, face, log_prob (natural logarithm, the spelling's own tokens),
log_prob_closed (with the tokens that extend past its end) and n_tokens.
"""
INVENTORY = "instead of --faces: a closed set, columns face, category (default: the project's)"


def configure(parser):
    add_model_options(parser)
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--faces", metavar="FILE", help="one spelling per line, UTF-8")
    what.add_argument("--inventory", nargs="?", const="", metavar="CSV", help=INVENTORY)
    add("--out", metavar="FILE.parquet", required=True, help="where the table is written")
    add_template_options(parser)


def run(arguments):
    import sys

    from kaomoji_lib import html
    from kaomoji_lib.models import choose, scoring

    options = {name: getattr(arguments, name) for name in ("device", "dtype")}
    options["progress"] = not arguments.quiet
    score = scoring.score_file if arguments.faces else choose.score_inventory
    listed = arguments.faces or arguments.inventory or None
    frame = score(model_of(arguments), listed, arguments.prompts, arguments.out, **options)
    check, notes = frame.attrs["scoring"], list(frame.attrs["scoring"]["warnings"])
    by_spelling = frame.drop_duplicates("spelling")
    if (unwritable := by_spelling["n_tokens"] == 0).any():
        some = ", ".join(by_spelling["spelling"][unwritable][:5])
        notes.append(f"{unwritable.sum()} spellings that the tokenizer cannot write: {some}")
    for note in notes:
        print(f"kaomoji: {html.terminal(note)}", file=sys.stderr)
    print(
        f"{arguments.out}: {by_spelling.shape[0]} spellings x {frame['prompt_id'].nunique()} prompts, {check['dtype']}, "
        f"algorithm {check['algorithm']}, {check['largest_difference']:.1g} nats from plain forward passes"
    )
