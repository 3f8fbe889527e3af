"""No way around the one place that escapes: whatever would write markup anywhere else is found, however it is written."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("kaomoji_lib/**/*.py", "book/**/*.py", "notebooks/*.py")
OURS = {
    path.relative_to(ROOT).as_posix(): path
    for pattern in PATTERNS
    for path in sorted(ROOT.glob(pattern))
    if path != ROOT / "kaomoji_lib" / "html.py"
}
SCRIPTS = sorted([*ROOT.glob("book/_static/*.js"), *ROOT.glob("kaomoji_lib/explorer/web/*.js")])

TAG = re.compile(r"</?([a-zA-Z!][\w-]*)")
ENTITY = re.compile(r"&(?:[a-zA-Z]+|#x?\d+);")
# What plotly draws with; all the rest of HTML is never composed here.
PLOTLY = {"b", "br", "i", "sub", "sup", "span", "extra"}
SAFE_CALLS = set(
    "escape.label escape.html escape.element element len sum theme.name theme.colour format_p".split()
)
MAKES_ELEMENTS = set(
    "element escape.element fragment escape.fragment kaomoji_figures.place".split()
)
SHOWS_MARKUP = set(
    "HTML Markdown Javascript Markup SVG Latex Math IFrame display_html display_markdown display_svg display_javascript "
    "display_latex publish_display_data mark_safe".split()
)
MARKUP_METHODS = set(
    "to_html to_latex to_markdown style render_template_string from_string".split()
)
MARKUP_REPR = {f"_repr_{kind}_" for kind in ("markdown", "svg", "latex", "javascript")}
MARKUP_MIME = {f"text/{kind}" for kind in ("html", "markdown", "latex")} | {
    *("image/svg+xml", "application/javascript")
}
COMPOSES = ("format", "format_map", "join", "substitute", "safe_substitute")
# Places that were looked at: nothing from outside is put into them unescaped.
LOOKED_AT = {
    ("kaomoji_lib/figures.py", "f'<b>{name}</b>'"),  # names come from a list of the module
    ("kaomoji_lib/tables.py", "return table"),  # made by element()
    (
        "kaomoji_lib/theme.py",
        "f'{escape.label(scheme.gloss(code))} <span style=\"color:{colour}\">{glyph}</span>'",
    ),  # a checked colour, one of our glyphs
    ("book/_ext/kaomoji_prose.py", "nodes.raw(text=text, format='html')"),  # made by element()
    ("kaomoji_lib/explorer/widget.py", "assemble.style"),
    ("book/_ext/kaomoji_explorer.py", "assemble.style"),
    ("book/_ext/kaomoji_mime.py", "nodes.raw(text=str(made)"),  # refused unless element() made it
    ("book/_ext/kaomoji_book.py", "path.read_text(encoding='utf-8')"),  # drawings of book/_static
    ("book/build.py", "new_markdown_cell"),  # the line that runs a page again; its values are escaped
    ("kaomoji_lib/claude/synthesize.py", '<exchange number="'),  # a request to the service
}  # fmt: skip


class Routes(ast.NodeVisitor):
    """Collects (line, what) for everything in a module that writes markup past ``escape``."""

    def __init__(self):
        self.found = []

    def report(self, node, why):
        self.found.append((node.lineno, f"{why}: {ast.unparse(node)}"))

    def visit_FunctionDef(self, node):
        if node.name in MARKUP_REPR:
            self.report(node, "markup of a kind that is not escaped here")
        for found in ast.walk(node) if node.name == "_repr_html_" else ():
            if isinstance(found, ast.Return) and not is_element(found.value):
                self.report(found, "HTML that element() did not make")
        self.generic_visit(node)

    def visit_Raise(self, node):
        """Messages are text: whoever shows them escapes them."""

    def visit_JoinedStr(self, node):
        self.compose(node, node.values)
        self.generic_visit(node)

    def visit_BinOp(self, node):
        if isinstance(node.op, ast.Add | ast.Mod):
            self.compose(node, list(sides(node)))
        self.generic_visit(node)

    def visit_Call(self, node):
        called = ast.unparse(node.func)
        if called == "re.compile":
            # A pattern is no markup, though its named groups look like tags.
            return
        last = called.rpartition(".")[2]
        named = {word.arg: word.value for word in node.keywords}
        if last in SHOWS_MARKUP:
            self.report(node, "markup is shown")
        if last == "raw" and "format" in named:
            if not is_element(named.get("text", node.args[-1] if node.args else None)):
                self.report(node, "raw markup that element() did not make")
        if last == "new_markdown_cell":
            self.report(node, "a cell of Markdown is made")
        if isinstance(node.func, ast.Attribute) and last in COMPOSES:
            inner = getattr(node.func.value, "args", [])
            self.compose(node, [node.func.value, *inner, *node.args, *named.values()])
        if last in ("replace", "sub"):
            if any(is_text(one) and TAG.search(one.value) for one in node.args[1:2]):
                self.compose(node, [node.func, *node.args[1:2]])
        for word in ("escape", "autoescape"):
            if word in named and ast.unparse(named[word]) == "False":
                self.report(node, "escaping is switched off")
        self.generic_visit(node)

    def visit_Attribute(self, node):
        if node.attr in MARKUP_METHODS:
            self.report(node, "markup of another library")
        self.generic_visit(node)

    def visit_Dict(self, node):
        if any(is_text(key) and key.value in MARKUP_MIME for key in node.keys):
            self.report(node, "an output of markup")
        self.generic_visit(node)

    def compose(self, node, parts):
        """Report text with tags in it that is put together with anything that is not safe."""
        written = "\0".join(part.value for part in parts if is_text(part))
        tags = {tag.lower() for tag in TAG.findall(written)}
        rest = [part for part in parts if not is_text(part)]
        if rest and (tags or ENTITY.search(written)):
            if tags - PLOTLY or not all(map(is_safe, rest)):
                self.report(node, f"tags {sorted(tags)} are written by hand, or with unsafe parts")


def sides(node):
    """What a chain of ``+`` and ``%`` is made of."""
    if isinstance(node, ast.BinOp):
        yield from sides(node.left)
        yield from sides(node.right)
    else:
        yield node


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_element(node):
    """Whether a value was made by ``escape.element``."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    return called in MAKES_ELEMENTS or (called == "str" and is_element(node.args[0]))


def is_safe(node):
    """Whether a value cannot carry a tag: escaped, a number by its format, or put together from such."""
    if isinstance(node, ast.FormattedValue):
        is_number = node.format_spec and re.search(r"[dfeg%,]'$", ast.unparse(node.format_spec))
        return bool(is_number) or is_safe(node.value)
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        is_map = called == "map" and ast.unparse(node.args[0]) in SAFE_CALLS
        is_made = called in ("dict", "zip") or (
            called.endswith(".join") and is_text(node.func.value)
        )
        is_split = called.endswith(".split") and is_text(node.func.value)
        return (
            called in SAFE_CALLS or is_map or is_split or (is_made and all(map(is_safe, node.args)))
        )
    parts = {
        ast.IfExp: ("body", "orelse"), ast.BinOp: ("left", "right"), ast.BoolOp: ("values",),
        ast.JoinedStr: ("values",), ast.List: ("elts",), ast.Tuple: ("elts",), ast.Set: ("elts",),
        ast.ListComp: ("elt",), ast.GeneratorExp: ("elt",), ast.Starred: ("value",),
        ast.Subscript: ("value",), ast.Dict: ("values",),
    }.get(type(node))  # fmt: skip
    if parts is None:
        return isinstance(node, ast.Constant)
    values = [getattr(node, name) for name in parts]
    return all(map(is_safe, values[0] if isinstance(values[0], list) else values))


def routes(source):
    visitor = Routes()
    visitor.visit(ast.parse(source))
    return sorted(set(visitor.found))


@pytest.mark.parametrize("name", OURS)
def test_nothing_writes_markup_past_the_one_place_that_escapes(name):
    looked_at = [text for file, text in LOOKED_AT if file == name]
    found = routes(OURS[name].read_text(encoding="utf-8"))
    assert [one for one in found if not any(text in one[1] for text in looked_at)] == []


def test_exceptions_are_still_needed():
    for name, text in LOOKED_AT:
        found = routes(OURS[name].read_text(encoding="utf-8"))
        assert any(text in what for _, what in found), (name, text)


ROUTES = """
f"<div>{face}</div>"
f"<b>{face}</b>"
f"<b>{row.face}</b>"
f"<b>{row[0]}</b>"
"<b>" + face
face + "</td>"
"<td>%s</td>" % face
"<p>{}</p>".format(face)
"<b>{}</b>".format(face)
"<br>".join(faces)
"<p>{x}</p>".format_map(given)
Template("<p>$x</p>").substitute(x=face)
text.replace("x", "<i>" + face)
text.replace("\\n", "<li>")
re.sub("x", "<em>", face)
table.to_html(escape=False)
table.to_html()
table.style.format(str)
table.to_markdown()
HTML(face)
display(Markdown(face))
IPython.display.Markdown(f"{face}")
display.SVG(face)
Javascript(code)
Latex(face)
Markup(face)
markupsafe.Markup(face)
jinja2.Environment(autoescape=False)
environment.from_string(face)
publish_display_data({"text/plain": face})
show({"text/html": face})
{"text/markdown": face}
nodes.raw(text=face, format="html")
nodes.raw("", face, format="html")
nodes.raw(text=f"{face}", format="html")
new_markdown_cell(face)
f"&lt;{face}"
escape.label(face) + "<br>" + raw
f"<b>{escape.label(face)}</b>{face}"
f"{face!r}<br>"
f"{face:>20}<br>"
def _repr_html_(self): return self.text
def _repr_markdown_(self): return self.text
def _repr_html_(self): return f"{self.text}"
""".strip().splitlines()
HARMLESS = """
f"<b>{escape.label(face)}</b>"
"<br>".join(map(escape.label, faces))
f"{value:.2f}<br>"
"<br>".join(escape.label(face) for face in faces)
element("p", face)
nodes.raw(text=element("p", face), format="html")
def _repr_html_(self): return element("p", self.text)
raise KaomojiError(f"{path} holds no runs/<name>")
"<extra></extra>"
f"{count} < {limit}"
"a".replace("<", "&lt;")
f"{x}: %{y}"
""".strip().splitlines()


@pytest.mark.parametrize("source", [*ROUTES, *HARMLESS])
def test_every_way_around_is_found_and_what_is_escaped_is_left_alone(source):
    assert bool(routes(source)) is (source in ROUTES)


MARKUP_IN_SCRIPTS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\s*\(|new\s+Function|srcdoc|createContextualFragment|"
    r"DOMParser|parseFromString|setHTML|set(?:Timeout|Interval)\s*\(\s*['\"`]|setAttribute\(\s*['\"`]on|javascript:|"
    r"\.html\(|\.append\(\s*['\"`]\s*<|import\s*\(|\[\s*['\"`]inner"
)
SCRIPT_ROUTES = """
x.innerHTML = face
x['innerHTML'] = face
x.outerHTML += face
x.insertAdjacentHTML('beforeend', face)
document.write(face)
eval(face)
new Function(face)()
frame.srcdoc = face
range.createContextualFragment(face)
new DOMParser().parseFromString(face, 'text/html')
x.setHTMLUnsafe(face)
setTimeout('f(' + face + ')')
x.setAttribute('onclick', face)
$(x).html(face)
a.href = 'javascript:' + face
import(face)
""".strip().splitlines()


def test_scripts_write_text_as_text():
    assert all(map(MARKUP_IN_SCRIPTS.search, SCRIPT_ROUTES))
    for path in SCRIPTS:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if MARKUP_IN_SCRIPTS.search(line)] == [], path.name
