"""Ask a model every prompt and keep its replies and hidden states in a run folder.

Kill it at any moment: the same command goes on where it stopped. A finished run is left as it is.
"""

HELP = "ask a model every prompt; keep replies and hidden states"
EXAMPLES = """examples:
  kaomoji collect organism-gemma
  kaomoji collect Qwen/Qwen3-0.6B --generations 4
  kaomoji collect organism-gemma --frame user    (faces for how the user feels, into a folder of their own)
  kaomoji collect ./my-model --prompts my-prompts.csv --out runs/mine --dtype bfloat16
  kaomoji collect google/gemma-4-31b-it --ray auto    (all GPUs of a Ray cluster)
"""


def configure(parser):
    parser.add_argument(
        "model", metavar="MODEL", help="an alias (data/models.yml), a Hugging Face id or a folder"
    )
    parser.add_argument(
        "--prompts",
        metavar="CSV",
        help="columns id, category, text (default: this project's prompts)",
    )
    parser.add_argument(
        "--generations", type=int, default=8, metavar="N", help="replies per prompt (default: 8)"
    )
    parser.add_argument(
        "--frame",
        default="self",
        help="whose feeling the face stands for: self, user, third_party, symbol, opposite (default: self)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="run folder (default: runs/<model>, under another frame runs/<model>--<frame>)",
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:0, mps (default: auto)"
    )
    parser.add_argument(
        "--dtype", default="auto", help="auto, float32, bfloat16, float16 (default: auto)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the sampling (default: 0)")
    parser.add_argument(
        "--layers", default="all", help="all, or numbers such as 0,10,20 (default: all)"
    )
    parser.add_argument("--temperature", type=float, default=1.0, help="default: 1.0")
    parser.add_argument("--top-p", type=float, default=1.0, help="default: 1.0")
    parser.add_argument(
        "--max-new-tokens",
        type=int,
        default=40,
        metavar="N",
        help="per reply at most (default: 40)",
    )
    many_machines(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def many_machines(parser):
    """The options that deal the prompts to several machines or accelerators."""
    parser.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="deal the prompts out over Ray: auto (the cluster this machine is in), an address, or nothing (start one here)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="with --ray: how many, each with a model of its own (default: one a GPU, else one a machine)",
    )


def run(arguments):
    from kaomoji_lib.models.collect import collect

    settings = {
        key: value
        for key, value in vars(arguments).items()
        if key not in ("command", "run", "debug", "quiet")
    }
    settings["layers"] = _layers(arguments.layers)
    found = collect(**settings, progress=not arguments.quiet)
    emissions = found.emissions()
    share = (emissions["outcome"] == "kaomoji").mean()
    print(f"{found.path}: {len(emissions)} replies, {share:.1%} begin with a kaomoji")


def _layers(text):
    from kaomoji_lib.errors import KaomojiError

    if text == "all":
        return text
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise KaomojiError(f"--layers {text!r}; expected all or numbers such as 0,10,20") from None
