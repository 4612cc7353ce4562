"""How every command fails, and how it prints."""

import errno
import io
import json
import os
import sys
from typing import Any

import click

from edgehybrid.errors import EdgehybridError, UsageError

# A full disk, a quota, a device that is gone: nothing that another command line would mend.
_REFUSALS_OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


class Commands(click.Group):
    """Turns an EdgehybridError into its message on stderr and its exit status; other errors are bugs and stay."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Runs the command line, and says so where stdout refuses what it prints.

        What refuses a file is said where the file is written; what is left comes from the terminal or from where the
        user sent the output, also that of ``--help``.
        """
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A path need not be text: what has no letter is printed as a number, on stderr by itself.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in _REFUSALS_OF_OUTPUT or error.filename is not None:
                raise
            # Python writes the rest once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"Error: The output cannot be printed: {error.strerror}.", err=True)
            sys.exit(EdgehybridError.exit_code)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added, which is that of the flow."""
        return list(self.commands)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parses the options before the command."""
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            _print_json_error(error)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except EdgehybridError as error:
            click.echo(f"Error: {error}", err=True)
            if "--json" in sys.argv:
                click.echo(json.dumps({"error": error.as_dict()}))
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            _print_json_error(error)
            raise


def _print_json_error(error: click.UsageError) -> None:
    """The document of ``--json``; click prints the message on stderr itself."""
    if "--json" in sys.argv:
        facts = UsageError(error.format_message(), next_step="See edgehybrid COMMAND --help.").as_dict()
        click.echo(json.dumps({"error": facts}))


def emit(result: object, as_json: bool, text: str) -> None:
    """The result on stdout: as one JSON document, or as text for a person."""
    click.echo(json.dumps(result, indent=2, ensure_ascii=False) if as_json else text)
