"""What happens to the prose of a page before it is written: numbers and the words of the glossary."""

import re
import textwrap
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from kaomoji_lib.html import element

GLOSSARY = "book/glossary"
ESTIMATE = re.compile(r"(.+?) \((\d+% CI .+)\)")
# An estimate in the midst of a sentence.
INSIDE = re.compile(r"(?<!\S)([−-]?\d[\d.,]*%?) \((\d+% CI [^()]+)\)")
NUMBER = re.compile(r"[−-]?[\d.,]+ ?%?")
ABSENT = "not available"
RANGE = re.compile(r"(?<=\d)-(?=\d)")
# A command in a glued sentence; faces have backticks too, but no letters and spaces alone between two of them.
COMMAND = re.compile(r"`([a-z][a-z0-9 ._/=-]*)`")
# Characters that the shipped font sets and a typewriter font would not.
SYMBOLS = re.compile(r"[^\x00-\u024f\u2010-\u2044\u2192]")
CLOSED = (
    nodes.literal,
    nodes.literal_block,
    nodes.reference,
    nodes.title,
    nodes.raw,
    nodes.caption,
    nodes.FixedTextElement,
    addnodes.pending_xref,
    addnodes.glossary,
    nodes.term,
    nodes.table,
    nodes.citation,
)
# Words of the glossary that everyday English uses too: linked by hand, with {term}, where they are meant.
EVERYDAY = {"reading", "outcome", "interval", "category", "kaomoji"}


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
        if node.astext() == ABSENT:
            node["classes"].append("kao-absent")
            node.children = [nodes.Text("(no data)")]
        found = ESTIMATE.fullmatch(node.astext())
        words = ["", found[1], found[2], ""] if found else INSIDE.split(node.astext())
        if len(words) > 1:
            node.children = []
            for place in range(0, len(words) - 1, 3):
                node.extend([nodes.Text(words[place]), *_estimate(*words[place + 1 : place + 3])])
            node += nodes.Text(words[-1])


def _estimate(value, rest):
    parts = [_minus(RANGE.sub("–", part)).replace(" ", "\u00a0") for part in rest.split("; ")]
    return [
        nodes.inline(text=_minus(value), classes=["kao-value"]),
        nodes.Text("\u00a0"),
        nodes.inline(text=f"({'; '.join(parts)})", classes=["kao-interval"]),
    ]


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


def say_reasons_once(document):
    """A page that lacks its data says why once; below, it says that the reason is the same."""
    said = set()
    for node in list(document.findall(nodes.raw)):
        if 'class="kao-missing"' not in (text := node.astext()):
            continue
        if text in said:
            same = element(
                "p",
                element("strong", "Not available here"),
                ", for the same reason as above.",
                class_="kao-missing",
            )
            node.replace_self(nodes.raw(text=same, format="html", classes=node.get("classes", [])))
        said.add(text)


def definitions(env):
    """The glossary as a dict: term in lower case -> (its anchor, its definition in plain words)."""
    if GLOSSARY not in env.found_docs:
        return {}
    found = {}
    for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        words = " ".join(_without_citations(node) for node in item.findall(nodes.paragraph))
        for term in item.findall(nodes.term):
            found[term.astext().lower()] = (term["ids"][0], re.sub(r"\s+", " ", words).strip())
    return found


def _without_citations(paragraph):
    copy = paragraph.deepcopy()
    for node in list(copy.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "cite":
            words = nodes.Text("" if "p" in node.get("reftype", "") else _author(node))
            node.parent.replace(node, words)
    return re.sub(r"\s+([.;,])", r"\1", copy.astext().replace("()", ""))


def _author(node):
    return re.sub(r"\d+.*", "", node.get("reftarget", "")).capitalize()


def link_terms(app, document, docname):
    """Explain each word of the glossary where a page first uses it."""
    known = getattr(app, "kaomoji_terms", None)
    if known is None:
        known = app.kaomoji_terms = definitions(app.env)
    for node in document.findall(nodes.reference):
        target = node.get("refuri", "") + "#" + node.get("refid", "")
        if (
            "std-term" in str(node)
            and (entry := known.get(node.astext().lower()))
            and "term" in target
        ):
            node.replace_self(_explained(app, docname, node.astext(), *entry))
    if docname == GLOSSARY:
        return
    names = sorted(set(known) - EVERYDAY, key=len, reverse=True)
    if not names:
        return
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})(s?)\b", re.IGNORECASE)
    used = set()
    for text in list(document.findall(nodes.Text)):
        if not _is_prose(text):
            continue
        pieces, end = [], 0
        for match in pattern.finditer(text.astext()):
            name = match[1].lower()
            if name in used:
                continue
            used.add(name)
            pieces += [
                nodes.Text(text.astext()[end : match.start()]),
                _explained(app, docname, match[0], *known[name]),
            ]
            end = match.end()
        if pieces:
            pieces.append(nodes.Text(text.astext()[end:]))
            place = text.parent.index(text)
            text.parent[place : place + 1] = pieces


def _is_prose(text):
    node, inside = text.parent, False
    while node is not None:
        if isinstance(node, CLOSED) or "kao-interval" in (
            node.get("classes", ()) if isinstance(node, nodes.Element) else ()
        ):
            return False
        inside = inside or isinstance(node, nodes.paragraph)
        node = node.parent
    return inside


def _explained(app, docname, words, anchor, definition):
    address = f"{app.builder.get_relative_uri(docname, GLOSSARY)}#{anchor}"
    return nodes.raw(
        text=element("a", words, class_="kao-term", href=address, data_definition=definition),
        format="html",
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
    say_reasons_once(document)
    if app.builder.format == "html":
        link_terms(app, document, docname)
