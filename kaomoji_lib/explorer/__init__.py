"""The explorer of kaomoji: one front end, a widget in notebooks (:class:`.widget.Explorer`) and a page of the book."""
