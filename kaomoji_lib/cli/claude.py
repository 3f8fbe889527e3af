"""Ask Claude, or whatever speaks the Messages API: elicit faces, introspect on them, synthesize what they did.

The key is read from ANTHROPIC_API_KEY and nowhere else; ANTHROPIC_BASE_URL names another service. Every reply is stored
once: kill it at any moment, and the same command goes on without paying twice. --dry-run shows requests and cost first.
"""

import sys
from pathlib import Path

from kaomoji_lib.errors import KaomojiError

HELP = "elicit, introspect, synthesize with Claude (paid calls; --dry-run shows their cost)"
EXAMPLES = """examples:
  kaomoji claude elicit --dry-run
  kaomoji claude elicit --model claude-opus-4-7 --runs 8 --max-usd 5
  kaomoji claude introspect --model claude-opus-4-7 --faces faces.txt --batch
  kaomoji claude synthesize --exchanges conversations.json --max-usd 2
  kaomoji claude elicit --source stand-in --out runs/trial
  kaomoji claude status
"""
ELICITED, SYNTHESIZER = "claude-opus-4-7", "claude-haiku-4-5"
INCOMPLETE = 1


def configure(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    elicit = _method(
        actions, "elicit", "messages that begin with a kaomoji, run after run", ELICITED, "1.0"
    )
    elicit.add_argument(
        "--prompts",
        metavar="CSV",
        help="columns id, category, text (default: this project's prompts)",
    )
    elicit.add_argument(
        "--runs",
        type=int,
        default=8,
        metavar="N",
        help="generations per prompt at most (default: 8)",
    )
    elicit.add_argument(
        "--max-tokens", type=int, default=40, metavar="N", help="per reply at most (default: 40)"
    )
    introspect = _method(
        actions, "introspect", "likelihoods of every category for every face", ELICITED, "0.0"
    )
    introspect.add_argument(
        "--faces", metavar="FILE", help="one face per line (default: the faces of --from)"
    )
    introspect.add_argument(
        "--from",
        dest="run_folder",
        metavar="DIR",
        help="run folder whose faces are asked about (default: what was elicited)",
    )
    introspect.add_argument(
        "--categories", metavar="CSV", help="a category table (default: this project's)"
    )
    synthesize = _method(
        actions, "synthesize", "words for what a masked face did in exchanges", SYNTHESIZER, "0.0"
    )
    synthesize.add_argument(
        "--exchanges",
        nargs="+",
        metavar="FILE",
        help="JSON lines, a journal, or an export's conversations.json",
    )
    synthesize.add_argument(
        "--from", dest="run_folder", metavar="DIR", help="take the replies of a run folder instead"
    )
    synthesize.add_argument("--seed", type=int, default=0, help="of the samples (default: 0)")
    synthesize.add_argument(
        "--samples",
        type=int,
        default=4,
        metavar="N",
        help="exchanges per source model and face at most (default: 4)",
    )
    status = actions.add_parser("status", help="what is stored, what is under way, what it cost")
    status.add_argument("folders", nargs="*", metavar="DIR", help="default: runs/claude-*")
    trial = actions.add_parser(
        "stand-in", help="run the stand-in server, for trying things without a key"
    )
    trial.add_argument(
        "--host", default="127.0.0.1", help="a loopback address (default: 127.0.0.1)"
    )
    trial.add_argument("--port", type=int, default=0, help="default: any free one")
    trial.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="misbehave once, in this way; may be given again",
    )
    trial.add_argument(
        "--rejects",
        action="append",
        default=[],
        metavar="PARAMETER",
        help="refuse an optional parameter, as newer models do",
    )


def _method(actions, name, words, model, temperature):
    parser = actions.add_parser(name, help=words)
    parser.add_argument("--model", default=model, help=f"default: {model}")
    parser.add_argument("--source", default="api", choices=("api", "stand-in"), help="default: api")
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the replies (default: runs/claude-<model>)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print requests, tokens and cost, send nothing"
    )
    parser.add_argument(
        "--max-usd",
        type=float,
        metavar="X",
        help="stop before this folder has cost more, in US dollars",
    )
    parser.add_argument(
        "--batch", action="store_true", help="message batches: half the price, up to a day"
    )
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="with --batch: submit, and leave the rest to a later call",
    )
    parser.add_argument(
        "--poll",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="between looks at a batch (default: 30)",
    )
    parser.add_argument(
        "--workers", type=int, default=4, metavar="N", help="requests at a time (default: 4)"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="ask (and pay) again where the stored reply is unusable",
    )
    parser.add_argument(
        "--temperature",
        default=temperature,
        help=f"a number, or none to leave it to the model (default: {temperature})",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def run(arguments):
    return {
        "elicit": _elicit,
        "introspect": _introspect,
        "synthesize": _synthesize,
        "status": _status,
        "stand-in": _stand_in,
    }[arguments.action](arguments)


def _settings(arguments):
    from kaomoji_lib.claude.service import Settings

    return Settings(
        arguments.model,
        arguments.source,
        arguments.out,
        arguments.max_usd,
        arguments.batch,
        not arguments.no_wait,
        arguments.poll,
        arguments.workers,
        arguments.again,
    )


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


def _elicit(arguments):
    from kaomoji_lib.claude import elicit as method

    chosen = {
        "temperature": _temperature(arguments.temperature),
        "max_tokens": arguments.max_tokens,
    }
    settings = _settings(arguments)
    if arguments.dry_run:
        note = "a category ends earlier once a run brings it nothing new, so that fewer may be sent"
        return _plan(
            settings,
            method.all_asks(settings.model, arguments.prompts, arguments.runs, **chosen),
            note,
        )
    return _report(
        arguments,
        lambda told: method.elicit(
            settings, arguments.prompts, arguments.runs, **chosen, told=told
        ),
    )


def _introspect(arguments):
    from kaomoji_lib.claude import introspect as method

    settings, temperature = _settings(arguments), _temperature(arguments.temperature)
    faces, options = _faces(arguments, settings)
    if arguments.dry_run:
        return _plan(
            settings, method.all_asks(settings.model, faces, arguments.categories, temperature)
        )
    options += ["--categories", arguments.categories] if arguments.categories else []
    options += _changed(arguments.temperature, "0.0")
    return _report(
        arguments,
        lambda told: method.introspect(
            settings, faces, arguments.categories, temperature, told, options
        ),
    )


def _faces(arguments, settings):
    if arguments.faces:
        path = Path(arguments.faces)
        try:
            return path.read_text(encoding="utf-8-sig").splitlines(), ["--faces", arguments.faces]
        except (OSError, UnicodeDecodeError):
            raise KaomojiError(
                f"{path} cannot be read; expected a UTF-8 text file with one face per line; check the path"
            ) from None
    emissions, _ = _emissions(arguments.run_folder or settings.folder / "elicit")
    counts = emissions["face"].dropna().value_counts()
    return list(counts.index), ["--from", arguments.run_folder] if arguments.run_folder else []


def _emissions(folder):
    from kaomoji_lib.runs.folder import RunFolder

    found = RunFolder(folder)
    if not found.exists:
        raise KaomojiError(
            f"{folder} is no run folder; expected one with replies; elicit first, or name another with --from"
        )
    return found.emissions(), found.prompts()


def _synthesize(arguments):
    from kaomoji_lib.claude import exchanges as rows
    from kaomoji_lib.claude import synthesize as method

    settings, temperature = _settings(arguments), _temperature(arguments.temperature)
    if bool(arguments.exchanges) == bool(arguments.run_folder):
        raise KaomojiError(
            "synthesize needs either --exchanges FILE ... or --from DIR; expected one of them; name the exchanges"
        )
    if arguments.exchanges:
        found = [exchange for path in arguments.exchanges for exchange in rows.read(path)]
        exchanges, options = list(dict.fromkeys(found)), ["--exchanges", *arguments.exchanges]
    else:
        exchanges, options = (
            rows.from_emissions(*_emissions(arguments.run_folder)),
            ["--from", arguments.run_folder],
        )
    options += ["--seed", arguments.seed] if arguments.seed else []
    options += ["--samples", arguments.samples] if arguments.samples != 4 else []
    options += _changed(arguments.temperature, "0.0")
    chosen = {"seed": arguments.seed, "most": arguments.samples, "temperature": temperature}
    if arguments.dry_run:
        return _plan(settings, method.all_asks(settings.model, exchanges, **chosen))
    return _report(
        arguments,
        lambda told: method.synthesize(settings, exchanges, **chosen, told=told, options=options),
    )


def _changed(temperature, default):
    return [] if temperature == default else ["--temperature", temperature]


def _plan(settings, asks, note=""):
    from kaomoji_lib.claude.dryrun import plan

    print(plan(settings, asks, note))


def _report(arguments, method):
    from tqdm import tqdm

    with tqdm(unit="reply", disable=arguments.quiet or None, file=sys.stderr) as bar:

        def told(done, total):
            bar.total, bar.n = total, done
            bar.refresh()

        _, found = method(told)
    print(found)
    return 0 if found.complete else INCOMPLETE


def _status(arguments):
    from kaomoji_lib.claude.status import folders, status

    found = [Path(name) for name in arguments.folders] or folders()
    print(
        "\n".join(status(folder) for folder in found)
        or "no replies of Claude are stored yet; kaomoji claude elicit --dry-run shows what asking costs"
    )


def _stand_in(arguments):
    import time

    from kaomoji_lib.claude.standin import StandIn

    with StandIn(
        arguments.host, arguments.port, faults=arguments.fault, rejects=arguments.rejects
    ) as server:
        print(
            f"the stand-in answers at {server.url}; to use it: ANTHROPIC_BASE_URL={server.url} ANTHROPIC_API_KEY=none-needed",
            flush=True,
        )
        while True:
            time.sleep(3600)
