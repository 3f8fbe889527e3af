"""The explorer in a notebook: a widget whose state can be read and set from Python."""

import anywidget
import pandas as pd
import traitlets

from kaomoji_lib import theme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import assemble
from kaomoji_lib.explorer.data import Bundle
from kaomoji_lib.explorer.payload import payload
from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.stimuli import DATA

MIME = "application/vnd.kaomoji.explorer+json"
FONT = DATA.parent / "book" / "_static" / "fonts" / "kaomoji.woff2"
COLOURS = ("primary", "mix", "cluster", "count", "entropy", "disagreement")


class Explorer(anywidget.AnyWidget):
    """Faces of a :class:`Bundle` to look through, in a notebook or, without a kernel, in the book.

    ``source``, ``compare`` (ids), ``layer``, ``view`` (``3d``, ``2d``, ``tree``, ``flat:NAME``), ``colour`` (one of ``COLOURS``),
    ``minimum``, ``search``, ``face`` (whose card is open), ``selected`` (list of faces), ``clusters`` (0: as the criterion
    chooses), ``ellipses`` and ``only`` (an entry of the legend) change with what the reader does, and what is set here shows there.

    >>> explorer = Explorer(bundle, colour="mix")        # doctest: +SKIP
    >>> explorer.search = "(╥"                           # doctest: +SKIP
    >>> explorer.selection                               # doctest: +SKIP
    """

    _esm = assemble.module()
    _css = assemble.style()
    _bundle = traitlets.Dict().tag(sync=True)
    _font = traitlets.Bytes(b"").tag(sync=True)
    source = traitlets.Unicode().tag(sync=True)
    compare = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode("3d").tag(sync=True)
    colour = traitlets.Unicode("primary").tag(sync=True)
    minimum = traitlets.Int(3).tag(sync=True)
    search = traitlets.Unicode().tag(sync=True)
    face = traitlets.Unicode().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    clusters = traitlets.Int(0).tag(sync=True)
    ellipses = traitlets.Bool(False).tag(sync=True)
    only = traitlets.Unicode().tag(sync=True)

    def __init__(self, bundle, **chosen):
        theme.require(bundle, Bundle, "Explorer")
        self.bundle = bundle
        font = FONT.read_bytes() if FONT.is_file() else b""
        super().__init__(
            _bundle=payload(bundle), _font=font, **{"source": bundle.sources[0].id, **chosen}
        )

    @traitlets.validate("source", "compare")
    def _known_source(self, proposal):
        if proposal.value and proposal.value not in [source.id for source in self.bundle.sources]:
            raise KaomojiError(
                f"unknown source {proposal.value!r}; expected one of {', '.join(source.id for source in self.bundle.sources)}"
            )
        return proposal.value

    @traitlets.validate("colour")
    def _known_colour(self, proposal):
        if proposal.value not in COLOURS:
            raise KaomojiError(
                f"unknown colour {proposal.value!r}; expected one of {', '.join(COLOURS)}"
            )
        return proposal.value

    @traitlets.validate("face")
    def _known_face(self, proposal):
        face = canonical(proposal.value)
        if face and face not in self.bundle.faces:
            raise KaomojiError(
                f"no source knows the face {proposal.value!r}; expected one of bundle.faces; set `search` to look for it"
            )
        return face

    @property
    def selection(self):
        """The selected faces as a DataFrame: face, weight, primary category, a share per category, place in the chosen layer."""
        found = next(source for source in self.bundle.sources if source.id == self.source)
        name = self.layer if self.layer in found.layouts else next(iter(found.layouts))
        faces = [face for face in self.selected if face in found.reading.table.index]
        rows = [found.faces.index(face) for face in faces]
        table = found.reading.table.loc[faces]
        places = pd.DataFrame(
            found.layouts[name].scores[rows], index=faces, columns=["pc1", "pc2", "pc3"]
        )
        clusters = (
            None
            if found.clustering is None
            else found.clustering.cuts.get(self.clusters, found.clustering.clusters).reindex(faces)
        )
        first = pd.DataFrame(
            {
                "weight": found.reading.weight[faces],
                "primary": table.idxmax(axis=1) if faces else [],
                "cluster": clusters,
            },
            index=faces,
        )
        return pd.concat([first, table, places], axis=1).rename_axis("face").reset_index()

    @selection.setter
    def selection(self, faces):
        self.selected = list(faces["face"] if isinstance(faces, pd.DataFrame) else faces)

    def state(self):
        """What is chosen, as the page's address keeps it."""
        names = (
            "source",
            "compare",
            "layer",
            "view",
            "colour",
            "minimum",
            "search",
            "face",
            "selected",
            "clusters",
            "ellipses",
            "only",
        )
        return {name: getattr(self, name) for name in names}

    def _repr_mimebundle_(self, **kwargs):
        """The widget for notebooks, and its data for the book, which has no kernel to ask."""
        shown = super()._repr_mimebundle_(**kwargs)
        data, metadata = shown if isinstance(shown, tuple) else (shown or {}, {})
        return {
            **data,
            "text/plain": repr(self),
            MIME: {**self._bundle, "start": self.state()},
        }, metadata

    def __repr__(self):
        return f"Explorer({len(self.bundle.faces)} faces of {len(self.bundle.sources)} sources)"
