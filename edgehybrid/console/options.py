"""The options that several commands have, and how pairs of options are refused that cannot both be meant."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from edgehybrid.errors import EdgehybridError, UsageError

RESULTS_FILE = "results.sqlite"
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    envvar="EDGEHYBRID_RUNS",
    help="Folder of run folders.",
)
results_option = click.option(
    "--results",
    "store",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help=f"SQLite file of result rows.  [default: RUNS/{RESULTS_FILE}]",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an existing output.")
# As many as the native runtime takes.
THREADS = click.IntRange(1, 256)
threads_option = click.option(
    "--threads",
    type=THREADS,
    default=1,
    show_default=True,
    help="CPU threads that the runtime may use.",
)
evaluate_every_option = click.option(
    "--evaluate-every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="EPOCHS",
    help="Look at validation and test images after every so many epochs, and after the last; a run does not keep it.",
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe field, such as training.epochs=3."
)


def results_file(store: Path | None, runs: Path) -> Path:
    """The file of ``--results``; without it the one in the folder of runs."""
    return store or runs / RESULTS_FILE


def refuse_together(why: str, options: Mapping[str, object]) -> None:
    """Refuses more than one of these options.

    Args:
        why: one sentence that says what to choose.
        options: whether each was given, by its name.
    """
    if len(given := [name for name, value in options.items() if value]) > 1:
        raise UsageError(why, received=" ".join(given), allowed="one of them")


def refuse_without(why: str, option: str, value: object, needed: object) -> None:
    """Refuses an option that would do nothing.

    Args:
        why: one sentence that says what it is for.
        value: what was given for ``option``.
        needed: what there must be, too.
    """
    if value and not needed:
        raise UsageError(why, received=option, next_step=f"Leave {option} out.")


def refuse_runs_beside_path(name: str | None, runs: Path) -> None:
    """Refuses a typed ``--runs`` beside a path, which leads elsewhere."""
    if name is not None and was_typed("runs") and Path(name).exists() and not (runs / name).exists():
        raise UsageError(
            "A path is looked for where it leads, not in the folder of runs.",
            received=f"{name} --runs {runs}",
            allowed="a path; or the name of a run, and --runs",
        )


def refuse_existing(path: Path, what: str, overwrite: bool) -> None:
    """Refuses an output that is there already."""
    if path.exists() and not overwrite:
        raise EdgehybridError(f"{what} exists already.", received=path, next_step="Add --overwrite to replace it.")


@contextmanager
def unwritable_is_said(paths: Iterable[Path]) -> Iterator[None]:
    """For the time in which outputs are written: a disk that refuses becomes one message that names them."""
    try:
        yield
    except OSError as error:
        raise EdgehybridError(
            f"The output cannot be written: {error}.",
            received=", ".join(map(str, paths)),
            next_step="Make room, or name another place.",
        ) from error


def was_typed(option: str) -> bool:
    """Whether the user typed this option of the running command, rather than a default or the environment."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE
