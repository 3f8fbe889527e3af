"""Compute how probable every face is given every prompt, under a model; write the table as a Parquet file.

Kill it at any moment: the same command continues where it stopped. A finished file is left as it is. Before anything is
scored, the fast path is compared with plain forward passes of the same model.
"""

from kaomoji_lib.cli.collect import add_model_options, add_template_options, model_of

HELP = "how probable every face is given every prompt"
EXAMPLES = """examples:
  kaomoji score organism-gemma --faces faces.txt --out scores.parquet
  kaomoji score organism-gemma --run runs/organism-gemma
  kaomoji score smollm2-135m-instruct --inventory --out choices.parquet
  kaomoji score Qwen/Qwen3-0.6B --faces faces.txt --prompts my-prompts.csv --out qwen.parquet --dtype bfloat16

The file has the columns prompt_id, spelling, face, log_prob (natural logarithm, the spelling's own tokens),
log_prob_closed (with the tokens that extend past its end) and n_tokens.
"""
RUN = "instead of --faces, --prompts and --out: what this run typed, into its folder"
INVENTORY = (
    "instead of --faces: a closed set with the columns face, category (default: the project's)"
)
ALGORITHM = "auto, packed, batched, plain (default: auto, the fastest that passes the self-check)"


def configure(parser):
    add_model_options(parser)
    add = parser.add_argument
    add("--faces", metavar="FILE", help="one spelling per line, UTF-8")
    add("--run", dest="folder", metavar="DIR", help=RUN)
    add("--inventory", nargs="?", const="", metavar="CSV", help=INVENTORY)
    add("--out", metavar="FILE.parquet", help="where the table is written")
    add("--algorithm", default="auto", help=ALGORITHM)
    add_template_options(parser)


def run(arguments):
    import sys

    from kaomoji_lib import html

    frame, path = _scored(arguments)
    check = frame.attrs["scoring"]
    for warning in check["warnings"]:
        print(f"kaomoji: {html.terminal(warning)}", file=sys.stderr)
    by_spelling = frame.drop_duplicates("spelling")
    for what, rows in (
        ("are no face by themselves", by_spelling["face"].isna()),
        ("cannot be written by this model's tokenizer", by_spelling["n_tokens"] == 0),
    ):
        if rows.any():
            some = html.terminal(", ".join(by_spelling["spelling"][rows][:5]))
            print(f"kaomoji: {rows.sum()} spellings {what}: {some}", file=sys.stderr)
    print(
        f"{path}: {by_spelling.shape[0]} spellings x {frame['prompt_id'].nunique()} prompts, {check['dtype']}, "
        f"algorithm {check['algorithm']}, {check['largest_difference']:.1g} nats from plain forward passes"
    )


def _scored(arguments):
    from kaomoji_lib.errors import KaomojiError
    from kaomoji_lib.models import choose, scoring
    from kaomoji_lib.runs.folder import RunFolder

    model = model_of(arguments)
    options = {name: getattr(arguments, name) for name in ("algorithm", "device", "dtype")}
    options["progress"] = not arguments.quiet
    if arguments.folder:
        if arguments.faces or arguments.prompts or arguments.out:
            raise KaomojiError(
                "--run takes faces and prompts from the run and writes into its folder; leave --faces, --prompts and --out out"
            )
        run = RunFolder(arguments.folder)
        if arguments.inventory is not None:
            inventory = choose.load_inventory(arguments.inventory) if arguments.inventory else None
            table = choose.closed_set(run, run.perspective, inventory, **options)
            return table, f"{run.path}, closed set"
        return scoring.score_run(run, model, **options), run.likelihoods_path
    if arguments.inventory is not None and arguments.out and not arguments.faces:
        files = arguments.inventory or None, arguments.prompts, arguments.out
        return choose.score_inventory(model, *files, **options), arguments.out
    if not (arguments.faces and arguments.out):
        raise KaomojiError(
            "nothing to score, or nowhere to write it; expected --faces FILE or --inventory, and --out FILE.parquet, or --run DIR"
        )
    files = arguments.faces, arguments.prompts, arguments.out
    return scoring.score_file(model, *files, **options), arguments.out
