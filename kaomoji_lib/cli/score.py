"""Say how probable every face is behind every prompt, under a model, and write the table as a Parquet file.

Kill it at any moment: the same command goes on where it stopped. A finished file is left as it is. Before anything is
scored, the fast path is compared with plain forward passes of the same model.
"""

from kaomoji_lib.cli.collect import many_machines

HELP = "how probable every face is behind every prompt"
EXAMPLES = """examples:
  kaomoji score organism-gemma --faces faces.txt --out scores.parquet
  kaomoji score organism-gemma --run runs/organism-gemma
  kaomoji score Qwen/Qwen3-0.6B --faces faces.txt --prompts my-prompts.csv --out qwen.parquet --dtype bfloat16

The file has the columns prompt_id, spelling, face, log_prob (natural logarithm, the spelling's own tokens),
log_prob_closed (with the tokens that go beyond its end) and n_tokens.
"""


def configure(parser):
    parser.add_argument(
        "model", metavar="MODEL", help="an alias (data/models.yml), a Hugging Face id or a folder"
    )
    parser.add_argument("--faces", metavar="FILE", help="one spelling a line, UTF-8")
    parser.add_argument(
        "--run",
        dest="folder",
        metavar="DIR",
        help="instead of --faces, --prompts and --out: what this run typed, into its folder",
    )
    parser.add_argument(
        "--prompts",
        metavar="CSV",
        help="columns id, category, text (default: this project's prompts)",
    )
    parser.add_argument("--out", metavar="FILE.parquet", help="where the table goes")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:0, mps (default: auto)"
    )
    parser.add_argument(
        "--dtype", default="auto", help="auto, float32, bfloat16, float16 (default: auto)"
    )
    parser.add_argument(
        "--algorithm",
        default="auto",
        help="auto, packed, levels, batched, plain (default: auto, the fastest that proves right)",
    )
    parser.add_argument("--no-closed", action="store_true", help="leave log_prob_closed out")
    many_machines(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments):
    import sys

    from kaomoji_lib import html as escape

    frame, where = _scored(arguments)
    made = frame.attrs["scoring"]
    for warning in made["warnings"]:
        print(f"kaomoji: {escape.terminal(warning)}", file=sys.stderr)
    by_spelling = frame.drop_duplicates("spelling")
    for what, rows in (
        ("are no face by themselves", by_spelling["face"].isna()),
        ("cannot be written by this model's tokenizer", by_spelling["n_tokens"] == 0),
    ):
        if rows.any():
            print(
                f"kaomoji: {rows.sum()} spellings {what}: {escape.terminal(', '.join(by_spelling['spelling'][rows][:5]))}",
                file=sys.stderr,
            )
    print(
        f"{where}: {by_spelling.shape[0]} spellings x {frame['prompt_id'].nunique()} prompts, {made['dtype']}, "
        f"algorithm {made['algorithm']}, {made['largest_difference']:.1g} nats from plain forward passes"
    )


def _scored(arguments):
    from kaomoji_lib.errors import KaomojiError
    from kaomoji_lib.models.score import job as scoring_files
    from kaomoji_lib.runs.folder import RunFolder

    options = dict(
        closed=not arguments.no_closed,
        algorithm=arguments.algorithm,
        device=arguments.device,
        dtype=arguments.dtype,
        progress=not arguments.quiet,
        ray=arguments.ray,
        workers=arguments.workers,
    )
    if arguments.folder:
        if arguments.faces or arguments.prompts or arguments.out:
            raise KaomojiError(
                "--run takes faces and prompts from the run and writes into its folder; leave --faces, --prompts and --out out"
            )
        run = RunFolder(arguments.folder)
        return scoring_files.score_run(run, arguments.model, **options), run.likelihoods_path
    if not (arguments.faces and arguments.out):
        raise KaomojiError(
            "nothing to score, or nowhere to write it; expected --faces FILE and --out FILE.parquet, or --run DIR"
        )
    return scoring_files.score_file(
        arguments.model, arguments.faces, arguments.prompts, arguments.out, **options
    ), arguments.out
