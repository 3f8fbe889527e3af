"""The one exception whose message is written for users of the library."""


class KaomojiError(Exception):
    """A problem the user can fix.

    The message names the thing, says what was expected, and gives the remedy.
    """
