"""The explorer of kaomoji: one front end, shown as a widget in notebooks and as a page of the book.

>>> from kaomoji_lib.explorer import gather                       # doctest: +SKIP
>>> from kaomoji_lib.explorer.widget import Explorer              # doctest: +SKIP
>>> Explorer(gather.bundle(gather.published()))                   # doctest: +SKIP
"""
