"""No way around the one place that escapes: whatever would write markup anywhere else is found, however it is written."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = [
    path
    for pattern in ("kaomoji_lib/**/*.py", "book/**/*.py", "notebooks/*.py")
    for path in sorted(ROOT.glob(pattern))
    if path != ROOT / "kaomoji_lib" / "html.py"
]
SCRIPTS = sorted([*ROOT.glob("book/_static/*.js"), *ROOT.glob("kaomoji_lib/explorer/web/*.js")])

TAG = re.compile(r"</?([a-zA-Z!][\w-]*)")
ENTITY = re.compile(r"&(?:[a-zA-Z]+|#x?\d+);")
# What plotly draws with; all the rest of HTML is never composed here.
PLOTLY = {"b", "br", "i", "sub", "sup", "span", "extra"}
SAFE_CALLS = {
    "escape.label",
    "escape.html",
    "escape.element",
    "element",
    "len",
    "sum",
    "theme.name",
    "theme.colour",
    "statistics.format_p",
    "format_p",
}
MAKES_ELEMENTS = {
    "element",
    "escape.element",
    "fragment",
    "escape.fragment",
    "kaomoji_figures.place",
}
SHOWS_MARKUP = {
    "HTML",
    "Markdown",
    "Javascript",
    "Markup",
    "SVG",
    "Latex",
    "Math",
    "IFrame",
    "display_html",
    "display_markdown",
    "display_svg",
    "display_javascript",
    "display_latex",
    "publish_display_data",
    "mark_safe",
}
MARKUP_METHODS = {
    "to_html",
    "to_latex",
    "to_markdown",
    "style",
    "render_template_string",
    "from_string",
}
MARKUP_REPR = {"_repr_markdown_", "_repr_svg_", "_repr_latex_", "_repr_javascript_"}
MARKUP_MIME = {
    "text/html",
    "text/markdown",
    "text/latex",
    "image/svg+xml",
    "application/javascript",
}
# Text with angle brackets that no browser and no plotly gets to see, or that nothing from outside is put into.
OWN_STYLE = {"assemble.style"}
NO_MARKUP = {
    "kaomoji_lib/claude/synthesize.py": "<exchange number="  # a request to the service
}
# Files of this project that are written into a page as they are.
OWN_FILES = {
    "book/_ext/kaomoji_book.py": "path.read_text(encoding='utf-8')"  # drawings of book/_static
}
MARKDOWN_CELLS = {"book/build.py"}  # the line that runs a page again: recipe.box escapes its values


class Routes(ast.NodeVisitor):
    """Collects (line, what) for everything in a module that writes markup past ``escape``."""

    def __init__(self, name=""):
        self.name, self.found, self.scopes, self.quiet = name, [], [], 0

    def report(self, node, why):
        self.found.append((node.lineno, f"{why}: {ast.unparse(node)[:160]}"))

    def visit_FunctionDef(self, node):
        if node.name in MARKUP_REPR:
            self.report(node, "markup of a kind that is not escaped here")
        if node.name == "_repr_html_":
            for found in ast.walk(node):
                if isinstance(found, ast.Return) and not self.is_element(found.value):
                    self.report(found, "HTML that element() did not make")
        self.scopes.append(node)
        self.generic_visit(node)
        self.scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Raise(self, node):
        # Messages are text: whoever shows them escapes them.
        self.quiet += 1
        self.generic_visit(node)
        self.quiet -= 1

    def visit_JoinedStr(self, node):
        parts = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        if parts:
            self.compose(
                node, [part.value for part in node.values if isinstance(part, ast.Constant)], parts
            )
        self.generic_visit(node)

    def visit_BinOp(self, node):
        if isinstance(node.op, ast.Add | ast.Mod):
            sides = list(_sides(node))
            self.compose(
                node,
                [side.value for side in sides if _text(side)],
                [side for side in sides if not _text(side)],
            )
        self.generic_visit(node)

    def visit_Call(self, node):
        called = ast.unparse(node.func)
        if called == "re.compile":
            # A pattern is no markup, though its named groups look like tags.
            return
        last = called.rpartition(".")[2]
        if last in SHOWS_MARKUP:
            self.report(node, "markup is shown")
        if last == "raw" and any(word.arg == "format" for word in node.keywords):
            given = next(
                (word.value for word in node.keywords if word.arg == "text"),
                node.args[1] if len(node.args) > 1 else None,
            )
            own = given is not None and ast.unparse(given) == OWN_FILES.get(self.name)
            if not own and not self.is_element(given):
                self.report(node, "raw markup that element() did not make")
        if last == "new_markdown_cell" and self.name not in MARKDOWN_CELLS:
            self.report(node, "a cell of Markdown is made")
        if isinstance(node.func, ast.Attribute) and last in (
            "format",
            "format_map",
            "join",
            "replace",
            "substitute",
            "safe_substitute",
            "sub",
            "write",
            "append",
        ):
            constants = [
                item.value
                for item in (
                    node.func.value,
                    *node.args,
                    *(node.func.value.args if isinstance(node.func.value, ast.Call) else ()),
                )
                if _text(item)
            ]
            if last in ("format", "format_map", "join", "substitute", "safe_substitute"):
                self.compose(
                    node,
                    constants,
                    [
                        item
                        for item in (*node.args, *(word.value for word in node.keywords))
                        if not _text(item)
                    ],
                )
            elif last in ("replace", "sub") and any(
                TAG.search(text) for text in [item.value for item in node.args[1:2] if _text(item)]
            ):
                self.compose(
                    node, [item.value for item in node.args[1:2] if _text(item)], [node.func.value]
                )
        for word in node.keywords:
            if (
                word.arg in ("escape", "autoescape")
                and isinstance(word.value, ast.Constant)
                and word.value.value is False
            ):
                self.report(node, "escaping is switched off")
        self.generic_visit(node)

    def visit_Attribute(self, node):
        if node.attr in MARKUP_METHODS and ast.unparse(node) not in OWN_STYLE:
            self.report(node, "markup of another library")
        self.generic_visit(node)

    def visit_Dict(self, node):
        for key in node.keys:
            if _text(key) and key.value in MARKUP_MIME:
                self.report(node, "an output of markup")
        self.generic_visit(node)

    def compose(self, node, constants, parts):
        """Text with tags in it, put together with ``parts``."""
        written = "\0".join(constants)
        tags = {tag.lower() for tag in TAG.findall(written)}
        if (
            self.quiet
            or not (tags or ENTITY.search(written))
            or NO_MARKUP.get(self.name, "\0\0") in written
        ):
            return
        if tags - PLOTLY:
            self.report(node, f"tags {sorted(tags - PLOTLY)} are written by hand")
        for part in parts:
            if not self.is_safe(part):
                self.report(node, f"{ast.unparse(part)} is not escaped")

    def is_element(self, node):
        """Whether a value was made by ``escape.element``, here or where its name got it."""
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            return (
                called in MAKES_ELEMENTS
                or (called == "str" and len(node.args) == 1 and self.is_element(node.args[0]))
                or self.returns(called, self.is_element)
            )
        if isinstance(node, ast.Name) and any(
            ast.unparse(item) == f"not isinstance({node.id}, escape.Markup)"
            for item in ast.walk((self.scopes or [self.module])[-1])
            if isinstance(item, ast.UnaryOp)
        ):
            return True
        return (
            isinstance(node, ast.Name)
            and bool(values := list(self.values_of(node.id)))
            and all(map(self.is_element, values))
        )

    def is_safe(self, node, seen=()):
        """Whether a value cannot carry a tag: escaped, a number by its format, or put together from such."""
        if isinstance(node, ast.FormattedValue):
            written = (
                "".join(
                    part.value for part in node.format_spec.values if isinstance(part, ast.Constant)
                )
                if node.format_spec
                else ""
            )
            return bool(re.search(r"[dfeg%,]$", written)) or self.is_safe(node.value, seen)
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            joined = called.endswith(".join") and _text(node.func.value) and len(node.args) == 1
            if called not in seen and self.returns(
                called, lambda item: self.is_safe(item, (*seen, called))
            ):
                return True
            split = called.endswith(".split") and _text(node.func.value)
            return (
                called in SAFE_CALLS
                or split
                or (called in ("dict", "zip") and all(self.is_safe(one, seen) for one in node.args))
                or (joined and self.is_safe(node.args[0], seen))
                or (called == "map" and ast.unparse(node.args[0]) in SAFE_CALLS)
            )
        if isinstance(node, ast.IfExp):
            return self.is_safe(node.body, seen) and self.is_safe(node.orelse, seen)
        if isinstance(node, ast.BoolOp):
            return all(self.is_safe(item, seen) for item in node.values)
        if isinstance(node, ast.BinOp):
            return self.is_safe(node.left, seen) and self.is_safe(node.right, seen)
        if isinstance(node, ast.JoinedStr):
            return all(self.is_safe(item, seen) for item in node.values)
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return all(self.is_safe(item, seen) for item in node.elts)
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return self.is_safe(node.elt, seen)
        if isinstance(node, ast.Starred):
            return self.is_safe(node.value, seen)
        if isinstance(node, ast.Subscript):
            return self.is_safe(node.value, seen)
        if isinstance(node, ast.Dict):
            return all(self.is_safe(item, seen) for item in node.values)
        if isinstance(node, ast.Name) and node.id not in seen:
            values = list(self.values_of(node.id))
            return bool(values) and all(self.is_safe(item, (*seen, node.id)) for item in values)
        return False

    def returns(self, name, test):
        """Whether everything that a function of this module returns passes ``test``."""
        found = next(
            (
                item
                for item in self.module.body
                if isinstance(item, ast.FunctionDef) and item.name == name
            ),
            None,
        )
        if found is None:
            return False
        self.scopes.append(found)
        values = [item.value for item in ast.walk(found) if isinstance(item, ast.Return)]
        passed = bool(values) and all(map(test, values))
        self.scopes.pop()
        return passed

    def values_of(self, name):
        """Everything that a name is given, in the function it stands in or in the module; None for what cannot be told."""
        places = (
            [*(self.scopes[-1:] or []), self.module]
            if hasattr(self, "module")
            else self.scopes[-1:]
        )
        for place in places:
            found = []
            for node in ast.walk(place):
                if isinstance(node, ast.Assign):
                    found += [
                        value
                        for target in node.targets
                        for value in _given(target, node.value, name)
                    ]
                elif isinstance(node, ast.NamedExpr | ast.AnnAssign | ast.AugAssign):
                    found += _given(node.target, node.value, name)
                elif isinstance(node, ast.For | ast.comprehension):
                    found += _each(node.target, node.iter, name)
                elif isinstance(node, ast.FunctionDef | ast.Lambda) and place is not getattr(
                    self, "module", None
                ):
                    found += [
                        None
                        for item in [*node.args.args, *node.args.kwonlyargs]
                        if item.arg == name
                    ]
            if found:
                return found
        return []


def _sides(node):
    """What a chain of ``+`` and ``%`` is made of."""
    if isinstance(node, ast.BinOp):
        yield from _sides(node.left)
        yield from _sides(node.right)
    else:
        yield node


def _text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _given(target, value, name):
    if isinstance(target, ast.Name):
        return [value] if target.id == name else []
    if isinstance(target, ast.Tuple | ast.List):
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            return [
                found
                for one, other in zip(target.elts, value.elts, strict=True)
                for found in _given(one, other, name)
            ]
        return (
            [None]
            if any(isinstance(item, ast.Name) and item.id == name for item in ast.walk(target))
            else []
        )
    return []


def _each(target, source, name):
    """What a loop gives a name: told for literal lists of literals."""
    if not any(isinstance(item, ast.Name) and item.id == name for item in ast.walk(target)):
        return []
    if isinstance(source, ast.Tuple | ast.List):
        return [found for item in source.elts for found in _given(target, item, name)]
    return [None]


def routes(source, name=""):
    tree, visitor = ast.parse(source), Routes(name)
    visitor.module = tree
    visitor.visit(tree)
    return sorted(set(visitor.found))


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_writes_markup_past_the_one_place_that_escapes(path):
    assert routes(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()) == []


ROUTES = [
    'f"<div>{face}</div>"',
    'f"<b>{face}</b>"',
    'f"<b>{row.face}</b>"',
    'f"<b>{row[0]}</b>"',
    '"<b>" + face',
    'face + "</td>"',
    '"<td>%s</td>" % face',
    '"<p>{}</p>".format(face)',
    '"<b>{}</b>".format(face)',
    '"<br>".join(faces)',
    '"<p>{x}</p>".format_map(given)',
    'Template("<p>$x</p>").substitute(x=face)',
    'text.replace("x", "<i>" + face)',
    'text.replace("\\n", "<li>")',
    're.sub("x", "<em>", face)',
    "table.to_html(escape=False)",
    "table.to_html()",
    "table.style.format(str)",
    "table.to_markdown()",
    "HTML(face)",
    "display(Markdown(face))",
    'IPython.display.Markdown(f"{face}")',
    "display.SVG(face)",
    "Javascript(code)",
    "Latex(face)",
    "Markup(face)",
    "markupsafe.Markup(face)",
    "jinja2.Environment(autoescape=False)",
    "environment.from_string(face)",
    'publish_display_data({"text/plain": face})',
    'show({"text/html": face})',
    '{"text/markdown": face}',
    'nodes.raw(text=face, format="html")',
    'nodes.raw("", face, format="html")',
    'nodes.raw(text=f"{face}", format="html")',
    "new_markdown_cell(face)",
    'f"&lt;{face}"',
    'words = face\nf"<b>{words}</b>"',
    'def f(name):\n    return f"<b>{name}</b>"',
    'def g(words):\n    return words\ndef f(face):\n    words = escape.label(face)\n    return f"{g(face)}<br>"',
    'def f(rows):\n    for face in rows:\n        yield f"{face}<br>"',
    "class A:\n    def _repr_html_(self):\n        return self.text",
    "class A:\n    def _repr_markdown_(self):\n        return self.text",
    'class A:\n    def _repr_html_(self):\n        return f"{self.text}"',
    'escape.label(face) + "<br>" + raw',
    'f"<b>{escape.label(face)}</b>{face}"',
    'f"{face!r}<br>"',
    'f"{face:>20}<br>"',
]
HARMLESS = [
    'f"<b>{escape.label(face)}</b>"',
    '"<br>".join(map(escape.label, faces))',
    'f"{value:.2f}<br>"',
    '"<br>".join(escape.label(face) for face in faces)',
    'element("p", face)',
    'nodes.raw(text=element("p", face), format="html")',
    'class A:\n    def _repr_html_(self):\n        return element("p", self.text)',
    'def f(made):\n    if not isinstance(made, escape.Markup):\n        raise TypeError\n    return nodes.raw(text=str(made), format="html")',
    'for name in ("a", "b"):\n    f"<b>{name}</b>"',
    'def f(face):\n    shown = escape.label(face)\n    return f"{shown}<br>"',
    'raise KaomojiError(f"{path} holds no runs/<name>")',
    '"<extra></extra>"',
    'f"{count} < {limit}"',
    '"a".replace("<", "&lt;")',
    'f"{x}: %{y}"',
]


@pytest.mark.parametrize("source", ROUTES)
def test_every_way_around_is_found(source):
    assert routes(source)


@pytest.mark.parametrize("source", HARMLESS)
def test_what_is_escaped_is_left_alone(source):
    assert routes(source) == []


def test_exceptions_are_still_needed():
    for name, text in NO_MARKUP.items():
        assert text in (ROOT / name).read_text(encoding="utf-8")
    for name, text in OWN_FILES.items():
        assert text.replace("'", '"') in (ROOT / name).read_text(encoding="utf-8")
    for name in MARKDOWN_CELLS:
        assert "new_markdown_cell" in (ROOT / name).read_text(encoding="utf-8")


MARKUP_IN_SCRIPTS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\s*\(|new\s+Function|srcdoc|createContextualFragment|DOMParser|parseFromString|setHTML|"
    r"set(?:Timeout|Interval)\s*\(\s*['\"`]|setAttribute\(\s*['\"`]on|javascript:|\.html\(|\.append\(\s*['\"`]\s*<|import\s*\(|\[\s*['\"`]inner"
)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_text_as_text(path):
    assert [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if MARKUP_IN_SCRIPTS.search(line)
    ] == []


@pytest.mark.parametrize(
    "line",
    [
        "x.innerHTML = face",
        "x['innerHTML'] = face",
        "x.outerHTML += face",
        "x.insertAdjacentHTML('beforeend', face)",
        "document.write(face)",
        "eval(face)",
        "new Function(face)()",
        "frame.srcdoc = face",
        "range.createContextualFragment(face)",
        "new DOMParser().parseFromString(face, 'text/html')",
        "x.setHTMLUnsafe(face)",
        "setTimeout('f(' + face + ')')",
        "x.setAttribute('onclick', face)",
        "$(x).html(face)",
        "a.href = 'javascript:' + face",
        "import(face)",
    ],
)
def test_every_way_around_in_a_script_is_found(line):
    assert MARKUP_IN_SCRIPTS.search(line)
