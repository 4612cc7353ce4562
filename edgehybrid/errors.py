"""What a user can see when something is wrong: one message with four parts, and an exit status."""

import difflib
from collections.abc import Iterable


class EdgehybridError(Exception):
    """A failure that the user can understand and act on. Exit status 1.

    Args:
        what: what is wrong, one sentence.
        received: the offending value, as the user wrote it.
        allowed: what would have been accepted.
        next_step: what to do now.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, received: object = None, allowed: object = None, next_step: str | None = None
    ) -> None:
        self.what = what
        self.received = None if received is None else str(received)
        self.allowed = None if allowed is None else str(allowed)
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = (("received", self.received), ("allowed", self.allowed), ("next", self.next_step))
        return "\n".join([self.what, *(f"  {label}: {text}" for label, text in parts if text)])

    def as_dict(self) -> dict[str, str | None]:
        """The four parts under their names, for ``--json``."""
        return {
            "what": self.what,
            "received": self.received,
            "allowed": self.allowed,
            "next": self.next_step,
        }


class UsageError(EdgehybridError):
    """The command, its options or the recipe say something that cannot be meant. Exit status 2."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that does not follow the grammar of recipes/README.md, or describes an impossible network."""


class DataError(EdgehybridError):
    """A data set that is missing, damaged or does not fit the recipe."""


class RunError(EdgehybridError):
    """A run folder that is missing, damaged or belongs to another recipe."""


class InterruptedTrainingError(EdgehybridError):
    """A training that a signal ended between two steps; its checkpoint is written."""


class FlatbufferError(EdgehybridError):
    """A file that is not a readable TFLite flatbuffer."""


class ConversionError(EdgehybridError):
    """A flatbuffer that does not do what the Keras model does, or not in the promised form."""


class RuntimeMissingError(EdgehybridError):
    """The native runtime's library is missing, or does not fit this machine or its LiteRT."""


class MissingExtraError(EdgehybridError):
    """A command needs an optional part of the installation."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"This command needs the Python package '{module}', which is not installed.",
            next_step=f"pip install 'edgehybrid[{extra}]'",
        )


def did_you_mean(word: str, names: Iterable[str]) -> str | None:
    """The next step after a misspelt name: the nearest of ``names``; None where none is near."""
    nearest = difflib.get_close_matches(word, list(names), n=1)
    return f"Did you mean '{nearest[0]}'?" if nearest else None
