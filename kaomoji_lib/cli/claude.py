"""Ask Claude, or whatever speaks the Messages API: elicit faces, introspect on them, synthesize what they did.

The key is read from ANTHROPIC_API_KEY and nowhere else; ANTHROPIC_BASE_URL names another service. Every reply is stored
once: kill it at any moment, and the same command goes on without paying twice. --dry-run shows what is stored, what would
be sent and what it would cost.
"""

import sys

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

HELP = "elicit, introspect, synthesize with Claude (paid calls; --dry-run shows their cost)"
EXAMPLES = """examples:
  kaomoji claude elicit --dry-run
  kaomoji claude elicit --model claude-opus-4-7 --runs 8 --max-usd 5
  kaomoji claude introspect --model claude-opus-4-7 --faces faces.txt --batch
  kaomoji claude synthesize --exchanges conversations.json --max-usd 2
"""
FLAG, NUMBER = {"action": "store_true"}, {"type": int, "metavar": "N"}
FROM = {"dest": "run_folder", "metavar": "DIR"}
BATCH = {"nargs": "?", "const": True, "default": False, "metavar": "ID"}
# Method -> what it asks for, its default model and temperature, its own options.
METHODS = {
    "elicit": (
        "messages that begin with a kaomoji",
        ("claude-opus-4-7", "1.0"),
        {
            "--prompts": {"metavar": "CSV", "help": "columns id, category, text (default: ours)"},
            "--runs": {**NUMBER, "default": 8, "help": "generations per prompt (default: 8)"},
        },
    ),
    "introspect": (
        "likelihoods of every category per face",
        ("claude-opus-4-7", "0.0"),
        {
            "--faces": {"metavar": "FILE", "help": "one per line (default: the faces of --from)"},
            "--from": {**FROM, "help": "run folder with faces (default: what was elicited)"},
        },
    ),
    "synthesize": (
        "words for what a masked face did in exchanges",
        ("claude-haiku-4-5", "0.0"),
        {
            "--exchanges": {"nargs": "+", "metavar": "FILE", "help": "JSON lines, a journal or conversations.json"},
            "--from": {**FROM, "help": "take the replies of a run folder instead"},
        },
    ),
}  # fmt: skip
OPTIONS = {
    "--out": {"metavar": "DIR", "help": "folder of the replies (default: runs/claude-<model>)"},
    "--dry-run": {**FLAG, "help": "print requests, tokens and cost, send nothing"},
    "--max-usd": {"type": float, "metavar": "X", "help": "what the folder may cost in all"},
    "--batch": {**BATCH, "help": "half the price, up to a day; ID: of a batch that was not noted"},
    "--resend": {**FLAG, "help": "send the requests of a batch again that does not exist"},
    "--poll": {"type": float, "default": 30.0, "metavar": "SECONDS", "help": "between looks (30)"},
    "--workers": {**NUMBER, "default": 4, "help": "requests at a time (default: 4)"},
    "--retry-invalid": {**FLAG, "help": "ask (and pay) again where a reply is unusable"},
    "--quiet": {**FLAG, "help": "no progress bar"},
}
SETTINGS = "model out max_usd batch resend poll workers retry_invalid quiet".split()


def configure(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (words, (model, given), own) in METHODS.items():
        add = actions.add_parser(name, help=words, description=words).add_argument
        add("--model", default=model, help=f"default: {model}")
        whose = f"or none, the model's own ({given})"
        add("--temperature", type=temperature, default=given, help=whose)
        for option, how in {**own, **OPTIONS}.items():
            add(option, **how)


def temperature(text):
    """Return a number, or None for ``none``; raises ValueError."""
    return None if text == "none" else float(text)


def run(arguments):
    from kaomoji_lib.claude import questions
    from kaomoji_lib.claude.client import Settings
    from kaomoji_lib.claude.method import ask, plan

    settings = Settings(**{name: getattr(arguments, name) for name in SETTINGS})
    given = {"elicit": _elicit, "introspect": _introspect, "synthesize": _synthesize}
    options = given[arguments.action](arguments, settings)
    describe = getattr(questions, arguments.action)
    method = describe(settings.model, **options, temperature=arguments.temperature)
    if arguments.dry_run:
        print(plan(settings, method))
        return 0
    _, outcome = ask(settings, method)
    print(outcome)
    return 0 if outcome.complete else 1


def _elicit(arguments, settings):
    return {"prompts": arguments.prompts, "runs": arguments.runs}


def _introspect(arguments, settings):
    from kaomoji_lib.models.scoring import read_spellings

    if arguments.faces:
        return {"faces": read_spellings(arguments.faces)}
    emissions = _opened(arguments.run_folder or settings.folder / "elicit").emissions()
    return {"faces": emissions["face"].dropna().value_counts().index}


def _synthesize(arguments, settings):
    from kaomoji_lib.claude import exchanges as rows

    if bool(arguments.exchanges) == bool(arguments.run_folder):
        raise KaomojiError(
            "synthesize needs either --exchanges FILE ... or --from DIR; expected one of them; name the exchanges"
        )
    if arguments.run_folder:
        run = _opened(arguments.run_folder)
        return {"exchanges": rows.from_emissions(run.emissions(), run.prompts())}
    skipped = []
    exchanges = [one for path in arguments.exchanges for one in rows.read(path, skipped)]
    if skipped:
        line = f"kaomoji: {len(skipped)} parts left out; the first: {skipped[0]}"
        print(escape.terminal(line), file=sys.stderr)
    return {"exchanges": list(dict.fromkeys(exchanges))}


def _opened(folder):
    from kaomoji_lib.runs.folder import RunFolder

    run = RunFolder(folder)
    if not run.exists:
        raise KaomojiError(
            f"{folder} is no run folder; expected one with replies; elicit first, or name another with --from"
        )
    return run
