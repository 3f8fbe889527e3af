"""The command line: a thin face over the functions the notebooks call.

A command is a module of this package named in ``COMMANDS``, with ``HELP`` (one line), ``EXAMPLES`` (text),
``configure(parser)`` and ``run(arguments)``. Heavy imports belong inside ``run``.
"""

import argparse
import os
import sys
from importlib import import_module

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

COMMANDS = ("ask", "claude", "collect", "doctor", "extract", "published", "score")
FAILED, INTERRUPTED = 2, 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line: what is wrong, and where help is."""

    def error(self, message):
        # argparse lists choices and quotes what was typed; both come from outside.
        self.exit(
            FAILED,
            f"kaomoji: {escape.terminal(message)}; {self.prog} --help shows what is expected\n",
        )


def parser():
    """The complete argument parser."""
    top = Parser(
        prog="kaomoji",
        description="What a chat model's first kaomoji says about its hidden state.",
        epilog="kaomoji COMMAND --help shows examples.",
    )
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"{__name__}.{name}")
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(command)
        command.set_defaults(run=module.run)
    return top


def main(argv=None):
    """Run one command. Returns the exit code: 0, 2 for a mistake of the caller, 130 when interrupted."""
    arguments = parser().parse_args(argv)
    try:
        code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of our output has what it wants (``kaomoji … | head``); what is buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("kaomoji: interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except (KaomojiError, ModuleNotFoundError, OSError) as error:
        if arguments.debug:
            raise
        print(f"kaomoji: {escape.terminal(_complaint(error, arguments.command))}", file=sys.stderr)
        return FAILED


def _complaint(error, command):
    if isinstance(error, ModuleNotFoundError):
        extra = command if command in ("claude", "published") else "figures"
        return f"the package {error.name} is not installed; expected the packages of this command; install kaomoji-lib[{extra}] or requirements.txt"
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}; expected a file or folder that can be used; check the path and its permissions"
    return str(error)
