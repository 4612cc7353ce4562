"""What every command shares: how it fails, the options that several have, and how it prints."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from edgehybrid.errors import EdgehybridError, UsageError

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
runs_option = click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
    envvar="EDGEHYBRID_RUNS", help="Folder of run folders.",
)  # fmt: skip
results_option = click.option(
    "--results", "store", type=click.Path(path_type=Path, dir_okay=False), default=None,
    help="SQLite file of result rows.  [default: RUNS/results.sqlite]",
)  # fmt: skip
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an existing output.")
threads_option = click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe field, such as training.epochs=3."
)


class Commands(click.Group):
    """Turns an EdgehybridError into its message on stderr and its exit status; other errors are bugs and stay."""

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


def emit(result: Any, as_json: bool, text: str) -> None:
    """The result on stdout: as one JSON document, or as text for a person."""
    click.echo(json.dumps(result, indent=2, ensure_ascii=False) if as_json else text)
