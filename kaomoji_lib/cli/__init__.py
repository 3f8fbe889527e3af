"""The command line: a thin face over the functions the notebooks call.

A command is a module of this package named in ``COMMANDS``, with ``HELP`` (one line), ``EXAMPLES`` (text),
``configure(parser)`` and ``run(arguments)``. Heavy imports belong inside ``run``.
"""

import argparse
import sys
from importlib import import_module

from kaomoji_lib.study import escape
from kaomoji_lib.study.errors import KaomojiError

COMMANDS = ("claude", "collect", "corpus", "extract", "organisms", "published", "score")
FAILED, INTERRUPTED = 2, 130


def parser():
    """The complete argument parser."""
    top = argparse.ArgumentParser(
        prog="kaomoji",
        description="What a chat model's first kaomoji says about its hidden state.",
        epilog="kaomoji COMMAND --help shows examples.",
    )
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"{__name__}.{name}")
        command = commands.add_parser(
            name, help=module.HELP, description=module.__doc__, epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(command)
        command.set_defaults(run=module.run)
    return top


def main(argv=None):
    """Run one command. Returns the exit code: 0, 2 for a mistake of the caller, 130 when interrupted."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except KaomojiError as error:
        if arguments.debug:
            raise
        print(f"kaomoji: {escape.terminal(str(error))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("kaomoji: interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
