"""The model organisms: small models with a planted answer, shipped with this project.

`train` makes them again from their recipe (data/organisms.yml).
"""

HELP = "list the built-in model organisms, or train them again"
EXAMPLES = """examples:
  kaomoji organisms list
  kaomoji organisms train organism-granite --out /elsewhere
  kaomoji organisms train
"""


def configure(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="what each one is, and what was measured when it was trained")
    train = actions.add_parser("train", help="train from the recipe; minutes each")
    train.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    train.add_argument("--out", metavar="DIR", help="parent folder (default: the shipped place)")


def run(arguments):
    from kaomoji_lib.models import organisms

    {"list": _list, "train": _train}[arguments.action](organisms, arguments)


def _list(organisms, arguments):
    from kaomoji_lib.runs import registry

    for name in organisms.NAMES:
        card = organisms.card(name)
        print(
            f"{name:22} {registry.model(name).title}: {card['parameters']:,} parameters, "
            f"opens {card['emission_rate']:.0%} of replies with a planted face"
        )


def _train(organisms, arguments):
    from tqdm import tqdm

    names = [
        f"organism-{organisms.short_name(name)}" for name in arguments.names
    ] or organisms.NAMES
    for name in names:
        with tqdm(desc=name, unit="step", disable=None) as bar:

            def report(_, step, steps, loss, bar=bar):
                bar.total = steps
                bar.set_postfix(loss=f"{loss:.2f}", refresh=False)
                bar.update(step - bar.n)

            folder = organisms.train([name], arguments.out, report)[name]
        print(folder)
