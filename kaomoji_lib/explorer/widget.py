"""The explorer in a notebook: a widget whose state follows Python, and Python the page."""

import anywidget
import traitlets

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import payload
from kaomoji_lib.stimuli import DATA

MIME = "application/vnd.kaomoji.explorer+json"
FONT = DATA.parent / "book" / "_static" / "fonts" / "kaomoji.woff2"
COLOURS = ("primary", "mix", "cluster", "count", "entropy", "disagreement")
STATE = "source compare layer view colour minimum search face selected ellipses only".split()


class Explorer(anywidget.AnyWidget):
    """Kaomoji of a :class:`.data.Bundle` to look through, in a notebook or, without a kernel, in the book.

    ``source``, ``compare`` (ids), ``layer``, ``view`` (``2d``, ``3d``, ``tree``), ``colour`` (one of ``COLOURS``),
    ``minimum``, ``search``, ``face`` (whose card is open), ``selected`` (list of faces), ``ellipses`` and ``only`` (an entry
    of the legend) follow what is done on the page, and the page follows them: ``explorer.search = "sad"``. ``tours``: tuples
    of (title, sentence, state), shown as buttons that set the state.
    """

    _esm = payload.module()
    _css = payload.style()
    _bundle = traitlets.Dict().tag(sync=True)
    _font = traitlets.Bytes(b"").tag(sync=True)
    source = traitlets.Unicode().tag(sync=True)
    compare = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode("2d").tag(sync=True)
    colour = traitlets.Enum(COLOURS, "primary").tag(sync=True)
    minimum = traitlets.Int(3).tag(sync=True)
    search = traitlets.Unicode().tag(sync=True)
    face = traitlets.Unicode().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    ellipses = traitlets.Bool(False).tag(sync=True)
    only = traitlets.Unicode().tag(sync=True)

    def __init__(self, bundle, tours=(), **state):
        self.bundle = bundle
        font = FONT.read_bytes() if FONT.is_file() else b""
        data = payload.payload(bundle, tours)
        super().__init__(_bundle=data, _font=font, **{"source": bundle.sources[0].id, **state})

    @traitlets.validate("source", "compare")
    def _known_source(self, proposal):
        known = [source.id for source in self.bundle.sources]
        if proposal["value"] not in ("", *known):
            raise KaomojiError(
                f"unknown source {proposal['value']!r}; expected one of {', '.join(known)}"
            )
        return proposal["value"]

    def _repr_mimebundle_(self, **kwargs):
        """Return the widget for notebooks, and its data for the book, which has no kernel to ask."""
        shown = super()._repr_mimebundle_(**kwargs)
        data, metadata = shown if isinstance(shown, tuple) else (shown or {}, {})
        start = {name: getattr(self, name) for name in STATE}
        page = {"text/plain": repr(self), MIME: {**self._bundle, "start": start}}
        return {**data, **page}, metadata

    def __repr__(self):
        return f"Explorer({len(self.bundle.faces)} kaomoji of {len(self.bundle.sources)} sources)"
