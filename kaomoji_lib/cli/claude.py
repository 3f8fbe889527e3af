"""Ask Claude, or whatever speaks the Messages API: elicit faces, introspect on them, synthesize what they did.

The key is read from ANTHROPIC_API_KEY and nowhere else; ANTHROPIC_BASE_URL names another service. Every reply is stored
once: kill it at any moment, and the same command goes on without paying twice. --dry-run shows what is stored, what would
be sent and what it would cost.
"""

import sys
from importlib import import_module

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

HELP = "elicit, introspect, synthesize with Claude (paid calls; --dry-run shows their cost)"
EXAMPLES = """examples:
  kaomoji claude elicit --dry-run
  kaomoji claude elicit --model claude-opus-4-7 --runs 8 --max-usd 5
  kaomoji claude introspect --model claude-opus-4-7 --faces faces.txt --batch
  kaomoji claude synthesize --exchanges conversations.json --max-usd 2
"""
ELICITED, SYNTHESIZER = "claude-opus-4-7", "claude-haiku-4-5"
INCOMPLETE = 1


def configure(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    run_folder = {"dest": "run_folder", "metavar": "DIR"}
    one = _method(actions, "elicit", "messages that begin with a kaomoji", ELICITED, "1.0")
    one("--prompts", metavar="CSV", help="columns id, category, text (default: this project's)")
    one("--runs", type=int, default=8, metavar="N", help="generations per prompt (default: 8)")
    one = _method(actions, "introspect", "likelihoods of every category per face", ELICITED, "0.0")
    one("--faces", metavar="FILE", help="one face per line (default: the faces of --from)")
    one("--from", **run_folder, help="run folder with faces (default: what was elicited)")
    one("--categories", metavar="CSV", help="a category table (default: this project's)")
    words = "words for what a masked face did in exchanges"
    one = _method(actions, "synthesize", words, SYNTHESIZER, "0.0")
    one(
        "--exchanges", nargs="+", metavar="FILE", help="JSON lines, a journal or conversations.json"
    )
    one("--from", **run_folder, help="take the replies of a run folder instead")
    one("--seed", type=int, default=0, help="of the samples (default: 0)")


def _method(actions, name, words, model, temperature):
    parser = actions.add_parser(name, help=words, description=words)
    one, flag = parser.add_argument, {"action": "store_true"}
    batch = {"nargs": "?", "const": True, "default": False, "metavar": "ID"}
    one("--model", default=model, help=f"default: {model}")
    one("--out", metavar="DIR", help="folder of the replies (default: runs/claude-<model>)")
    one("--dry-run", **flag, help="print requests, tokens and cost, send nothing")
    one("--max-usd", type=float, metavar="X", help="US dollars that the folder may cost in all")
    one("--batch", **batch, help="half the price, up to a day; ID: of a batch that was not noted")
    one("--resend", **flag, help="send the requests of a batch again that does not exist")
    one("--poll", type=float, default=30.0, metavar="SECONDS", help="between looks (default: 30)")
    one("--workers", type=int, default=4, metavar="N", help="requests at a time (default: 4)")
    one("--retry-invalid", **flag, help="ask (and pay) again where a reply is unusable")
    one("--temperature", default=temperature, help=f"or none for the model's own ({temperature})")
    one("--quiet", **flag, help="no progress bar")
    return one


def run(arguments):
    from kaomoji_lib.claude.client import Settings
    from kaomoji_lib.claude.method import plan

    names = ("model", "out", "max_usd", "resend", "poll", "workers", "retry_invalid")
    batch = {"batch": bool(arguments.batch)}
    if isinstance(arguments.batch, str):
        batch["batch_id"] = arguments.batch
    settings = Settings(**{name: getattr(arguments, name) for name in names}, **batch)
    method = import_module(f"kaomoji_lib.claude.{arguments.action}")
    chosen = {"elicit": _elicit, "introspect": _introspect, "synthesize": _synthesize}
    options = chosen[arguments.action](arguments, settings)
    options["temperature"] = _temperature(arguments.temperature)
    if arguments.dry_run:
        print(plan(settings, method.all_requests(settings.model, **options)))
        return 0
    return _ask(arguments, getattr(method, arguments.action), settings, options)


def _ask(arguments, ask, settings, options):
    from tqdm import tqdm

    with tqdm(unit="reply", disable=arguments.quiet or None, file=sys.stderr) as bar:

        def on_progress(done, total):
            bar.total, bar.n = total, done
            bar.refresh()

        _, outcome = ask(settings, **options, on_progress=on_progress)
    print(outcome)
    return 0 if outcome.complete else INCOMPLETE


def _temperature(text):
    if str(text).lower() == "none":
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 2:
        raise KaomojiError(f"--temperature {text!r}; expected a number from 0 to 2, or none")
    return value


def _elicit(arguments, settings):
    return {"prompts": arguments.prompts, "runs": arguments.runs}


def _introspect(arguments, settings):
    if arguments.faces:
        from kaomoji_lib.models.scoring import read_spellings

        faces = read_spellings(arguments.faces)
    else:
        emissions = _opened(arguments.run_folder or settings.folder / "elicit").emissions()
        faces = list(emissions["face"].dropna().value_counts().index)
    return {"faces": faces, "categories": arguments.categories}


def _synthesize(arguments, settings):
    from kaomoji_lib.claude import exchanges as rows

    if bool(arguments.exchanges) == bool(arguments.run_folder):
        raise KaomojiError(
            "synthesize needs either --exchanges FILE ... or --from DIR; expected one of them; name the exchanges"
        )
    if arguments.exchanges:
        skipped = []
        exchanges = [one for path in arguments.exchanges for one in rows.read(path, skipped)]
        if skipped:
            line = f"kaomoji: {len(skipped)} parts left out; the first: {skipped[0]}"
            print(escape.terminal(line), file=sys.stderr)
    else:
        run = _opened(arguments.run_folder)
        exchanges = rows.from_emissions(run.emissions(), run.prompts())
    return {"exchanges": list(dict.fromkeys(exchanges)), "seed": arguments.seed}


def _opened(folder):
    from kaomoji_lib.runs.folder import RunFolder

    run = RunFolder(folder)
    if not run.exists:
        raise KaomojiError(
            f"{folder} is no run folder; expected one with replies; elicit first, or name another with --from"
        )
    return run
