"""Names of files in sentences: a name may hold a line break, an escape sequence, or bytes that are no text."""

import os
from collections.abc import Sequence

NAMED = 10


def shown(path: str | os.PathLike[str]) -> str:
    """A path on one line: what cannot be printed is escaped as in Python."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        for letter in os.fspath(path)
    )


def listed(names: Sequence[str]) -> str:
    """The first ``NAMED`` names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shown(name) for name in names[:NAMED]) + more
