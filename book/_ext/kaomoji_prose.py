"""What happens to the prose of a page before it is written: numbers and the words of the glossary."""

import re
import textwrap
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from kaomoji_lib.html import element

ESTIMATE = re.compile(r"(.+?) \((\d+% CI .+)\)")
# An estimate in the midst of a sentence.
INSIDE = re.compile(r"(?<!\S)([−-]?\d[\d.,]*%?) \((\d+% CI [^()]+)\)")
NUMBER = re.compile(r"[−-]?[\d.,]+ ?%?")
RANGE = re.compile(r"(?<=\d)-(?=\d)")
# A command in a glued sentence; faces have backticks too, but no letters and spaces alone between two of them.
COMMAND = re.compile(r"`([a-z][a-z0-9 ._/=-]*)`")
# Characters that the shipped font sets and a typewriter font would not.
SYMBOLS = re.compile(r"[^\x00-\u024f\u2010-\u2044\u2192]")


def set_estimates(document):
    """Let the value of a glued estimate stand out and its interval, null and n step back."""
    for node in list(document.findall(nodes.inline)):
        if "pasted-text" not in node.get("classes", ()):
            continue
        if NUMBER.fullmatch(node.astext()):
            node["classes"].append("kao-value")
            node.children = [nodes.Text(_minus(node.astext()))]
        if len(pieces := COMMAND.split(node.astext())) > 1:
            node.children = []
            node.extend(
                nodes.literal(text=piece) if place % 2 else nodes.Text(piece)
                for place, piece in enumerate(pieces)
            )
        found = ESTIMATE.fullmatch(node.astext())
        words = ["", found[1], found[2], ""] if found else INSIDE.split(node.astext())
        if len(words) > 1:
            node.children = []
            for place in range(0, len(words) - 1, 3):
                node.extend([nodes.Text(words[place]), *_estimate(*words[place + 1 : place + 3])])
            node += nodes.Text(words[-1])


def _estimate(value, rest):
    """The value, with what is needed to believe it (interval, null, p and n) shown on hover and on focus."""
    words = "; ".join(_minus(RANGE.sub("–", part)) for part in rest.split("; "))
    settings = {"class_": "kao-value", "tabindex": "0", "role": "note", "data_interval": words}
    label = f"{_minus(value)}, {words}"
    text = element("span", _minus(value), aria_label=label, **settings)
    return [nodes.raw(text=text, format="html")]


def set_faces(document):
    """Faces in the prose are set in the font that has their glyphs."""
    for node in document.findall(nodes.literal):
        if SYMBOLS.search(node.astext()):
            node["classes"].append("kao-face")


def _minus(text):
    """Numbers with a minus sign, and no minus before a zero."""
    return re.sub(
        r"(?<![\w.–])-(?=\d)", "−", re.sub(r"(?<![\w.])-(?=0(?:\.0+)?(?![\d.]))", "", text)
    )


class BookCitation(SphinxDirective):
    """How to cite the book, from CITATION.cff, so that both always agree."""

    def run(self):
        import yaml

        path = Path(self.env.srcdir) / "CITATION.cff"
        self.env.note_dependency(str(path))
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        authors = " and ".join(
            " ".join(filter(None, (who.get("given-names"), who.get("family-names"))))
            or f"{{{who['name']}}}"
            for who in said["authors"]
        )
        fields = {
            "title": f"{{{said['title']}}}",
            "author": authors,
            "version": said["version"],
            "year": self.env.config.copyright[:4],
            "note": f"{said['abstract']} Licence: {said['license']}",
            "url": said.get("repository-code") or said.get("url"),
        }
        lines = [
            line
            for name, value in fields.items()
            if value
            for line in textwrap.wrap(
                f"{name} = {{{value}}},",
                72,
                initial_indent="  ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        ]
        block = nodes.literal_block(
            text="\n".join(["@software{introspection_via_kaomoji,", *lines, "}"]), language="bibtex"
        )
        return [block]


def resolve(app, document, docname):
    set_estimates(document)
    set_faces(document)
