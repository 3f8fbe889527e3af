"""The one exception a user of the library is meant to read."""


class KaomojiError(Exception):
    """A problem the user can fix.

    The message names the thing, says what was expected, and gives the remedy.
    """
