"""How to run a page again: the papermill line with its parameters, and what each of them means."""

import ast
import io
import re
import shlex
import tokenize
from dataclasses import dataclass

import yaml

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell. ``default``: the value written there; ``words``: its comment."""

    name: str
    kind: str
    default: object
    words: str


def parameters(cell):
    """The parameters of a cell such as ``seed: int = 0  # of everything random``, in order.

    Raises
    ------
    KaomojiError
        If a default is not a plain value (text, number, truth value, list, dictionary, None).
    """
    tokens = tokenize.generate_tokens(io.StringIO(cell).readline)
    words = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    result = []
    for node in ast.parse(cell).body:
        if not isinstance(node, ast.AnnAssign) or node.value is None:
            continue
        try:
            default = ast.literal_eval(node.value)
        except ValueError:
            raise KaomojiError(
                f"parameter {node.target.id}: its default is computed; expected a plain value; write one"
            ) from None
        result.append(
            Parameter(
                node.target.id,
                ast.unparse(node.annotation),
                default,
                words.get(node.end_lineno, ""),
            )
        )
    return result


def line(template, page, values):
    """The shell line that runs ``notebooks/<template>.ipynb`` with ``values`` (dict name -> plain value) into ``<page>.ipynb``."""
    said = [shlex.join(_argument(name, value)) for name, value in values.items()]
    return " ".join(
        ["papermill", f"notebooks/{template}.ipynb", shlex.quote(f"{page}.ipynb"), *said]
    )


def _argument(name, value):
    """``-p`` takes text and guesses numbers from it, ``-r`` leaves text alone, ``-y`` takes anything else as YAML."""
    if isinstance(value, str):
        guessed = value in ("True", "False", "None", "") or re.fullmatch(
            r"[+-]?[\d_.]+(e[+-]?\d+)?|[+-]?(nan|inf(inity)?)", value, re.IGNORECASE
        )
        return ["-r" if guessed else "-p", name, value]
    if isinstance(value, bool | int | float) or value is None:
        return ["-p", name, str(value)]
    return [
        "-y",
        yaml.safe_dump(
            {name: value}, default_flow_style=True, allow_unicode=True, width=10**6
        ).strip(),
    ]


def box(template, page, values, cell):
    """The part of a page that says how to run it again, as Markdown (every value in it escaped).

    ``template``: file name of the template without suffix; ``values``: what the page was run with;
    ``cell``: the source of the template's parameters cell.
    """
    known = parameters(cell)
    lines = [
        "## Run this page yourself",
        "",
        f"The numbers and figures above come from these two lines{'; the second takes the parameters of this page' if values else ''}.",
        "",
        "```shell",
        "make notebooks",
        line(template, page, values),
        "```",
        "",
    ]
    if known:
        rows = [
            (
                f"`{item.name}`",
                _shown(values.get(item.name, item.default)),
                escape.markdown(item.words),
            )
            for item in known
        ]
        lines += [
            ":::{dropdown} Its parameters",
            "| parameter | here | meaning |",
            "|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in rows),
            ":::",
            "",
        ]
    return "\n".join([*lines, f"```{{launch}} {template}", "```"])


def _shown(value):
    if value in ("", [], {}, None):
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(escape.markdown(str(item)) for item in value)
    return escape.markdown(str(value))
