"""One function a command: parse, call one stage, print. A stage is imported inside its command."""

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgehybrid.errors import EdgehybridError, UsageError

if TYPE_CHECKING:
    from edgehybrid.training.artefact import Artefact

Command = Callable[..., Any]


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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="edgehybrid")
def main() -> None:
    """Hybrid binary networks: from a YAML recipe to a measured row on an ARM board.

    \b
    train RECIPE → convert → evaluate → benchmark → report
    """


def json_option(command: Command) -> Command:
    """``--json``: one JSON document on stdout, nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def runs_option(command: Command) -> Command:
    """``--runs``: where run folders are."""
    return click.option(
        "--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
        envvar="EDGEHYBRID_RUNS", help="Folder of run folders.",
    )(command)  # fmt: skip


def results_option(command: Command) -> Command:
    """``--results``: the SQLite file with the rows."""
    return click.option(
        "--results", "store", type=click.Path(path_type=Path, dir_okay=False), default=None,
        help="SQLite file of result rows.  [default: RUNS/results.sqlite]",
    )(command)  # fmt: skip


overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an existing output.")
threads_option = click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a recipe field, such as training.epochs=3.",
)


@main.command()
@click.argument("recipe", required=False)
@set_option
@click.option("--resume", "resumed", metavar="RUN", help="Train an interrupted run on: its folder or name.")
@runs_option
@json_option
def train(recipe: str | None, overrides: tuple[str, ...], resumed: str | None, runs: Path, as_json: bool) -> None:
    """Train RECIPE, a YAML file or the name of a shipped recipe, into a new run folder."""
    if (recipe is None) == (resumed is None) or (resumed is not None and overrides):
        raise UsageError(
            "Name either a recipe to train, or a run to resume as it is.",
            allowed="'edgehybrid train RECIPE [--set KEY=VALUE]' or 'edgehybrid train --resume RUN'",
        )
    from edgehybrid.networks import network_of
    from edgehybrid.progress import TrainingProgress
    from edgehybrid.recipe import load_recipe
    from edgehybrid.training.run_folder import find_run

    if resumed is not None:
        run = find_run(runs, resumed)
    elif recipe is not None:
        chosen = load_recipe(recipe, overrides)
        network_of(chosen)  # refuses an impossible network before TensorFlow is loaded
    from edgehybrid.training import loop

    with TrainingProgress() as progress:
        if resumed is not None:
            last = loop.resume(run, progress.on_step, progress.on_epoch)
        else:
            run, last = loop.train(chosen, runs, progress.on_step, progress.on_epoch)
    result = {
        "run": str(run.path),
        "recipe": run.recipe.name,
        "recipe_sha256": run.recipe_sha256,
        "epochs": last["epoch"],
        "top1_percent": last["top1_percent"],
        "top1_selected_percent": None,
        "validation_images": run.recipe.data.validation_images,
        "images_per_second": last["images_per_second"],
        "seed": run.recipe.training.seed,
    }
    emit(result, as_json, f"{run.path}\ntop-1 {last['top1_percent']:.2f} % after {last['epoch']} epochs")


@main.command()
@click.argument("run", required=False)
@click.option("--target", type=click.Choice(["aarch64", "x86_64"]), required=True, help="Processor of the board.")
@click.option(
    "--format", "file_format", type=click.Choice(["packed", "float32"]), default=None,
    help="packed: 1-bit layers as bits.  [default: packed where the network has such layers, else float32]",
)  # fmt: skip
@click.option("--images", type=click.IntRange(min=1), default=500, show_default=True, help="Images to compare on.")
@overwrite_option
@runs_option
@json_option
def convert(
    run: str | None, target: str, file_format: Any, images: int, overwrite: bool, runs: Path, as_json: bool
) -> None:
    """Convert RUN to a flatbuffer and compare it with Keras on test images. Default: the newest run."""
    from edgehybrid.training.run_folder import find_run

    folder = find_run(runs, run)
    from converters import pipeline

    result = pipeline.convert(folder, target, file_format, images, overwrite)
    path = folder.path / result["model"]
    for warning in result["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    emit(
        {**result, "model": str(path)},
        as_json,
        f"{path}\n{result['size_bytes']:,} bytes, {result['packed_layers']} packed and {result['float_layers']} float "
        f"layers\nagrees with Keras on {result['top1_agreement_percent']:.2f} % of {result['images']} "
        f"{result['verified_on']} images, largest difference {result['max_abs_difference']:.2g}",
    )


@main.command()
@click.argument("run_or_model", required=False)
@click.option("--keras", is_flag=True, help="Evaluate the Keras model of the run, not its newest flatbuffer.")
@threads_option
@runs_option
@json_option
def evaluate(run_or_model: str | None, keras: bool, threads: int, runs: Path, as_json: bool) -> None:
    """Measure the accuracy of a flatbuffer on all test images. Default: the newest one of the newest run."""
    from edgehybrid import evaluate as stage

    if keras:
        from edgehybrid.training.run_folder import find_run

        result = stage.evaluate_keras(find_run(runs, run_or_model))
    else:
        result = stage.evaluate_flatbuffer(find_artefact(runs, run_or_model), threads)
    emit(
        result,
        as_json,
        f"top-1 {result['top1_percent']:.2f} %, top-5 {result['top5_percent']:.2f} % of {result['images']} images "
        f"({result['runtime']}, {result['images_per_second']:.0f} images/s)",
    )


@main.command()
@click.argument("model", required=False)
@click.option("--device", default="local", show_default=True, help="Where to measure: local, this machine.")
@threads_option
@click.option("--sessions", type=click.IntRange(1, 100), default=3, show_default=True, help="Processes to start.")
@click.option("--timed-runs", type=click.IntRange(1, 100_000), default=100, show_default=True, help="In a session.")
@results_option
@runs_option
@json_option
def benchmark(
    model: str | None, device: str, threads: int, sessions: int, timed_runs: int, store: Path | None, runs: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure the latency of a flatbuffer and log the row. Default: the newest one of the newest run."""
    from edgehybrid import results
    from edgehybrid.device import bench

    row = bench.benchmark(find_artefact(runs, model), device, threads, sessions, timed_runs)
    results.append(store or runs / "results.sqlite", row)
    for reason in row["verdict_reasons"]:
        click.echo(f"Note: {reason}", err=True)
    emit(
        row,
        as_json,
        f"{row['model']}: median {row['latency_ms_median']:.3f} ms, p95 {row['latency_ms_p95']:.3f} ms measured on "
        f"{row['board']['cpu']}, {threads} thread(s); modelled {row['energy_model_uj']:.2f} µJ; {row['verdict']}",
    )


@main.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@set_option
@click.option("--layers", is_flag=True, help="Print every layer.")
@json_option
def cost(recipes: tuple[str, ...], overrides: tuple[str, ...], layers: bool, as_json: bool) -> None:
    """Count energy, memory and operations of recipes by the paper's rules and energy table."""
    from edgehybrid.cost import cost_of
    from edgehybrid.recipe import load_recipe

    found: list[dict[str, Any]] = [dict(cost_of(load_recipe(name, overrides)).as_dict()) for name in recipes]
    columns = {
        "energy_uj": "µJ", "memory_bits": "bits", "macs": "MACs", "binary_macs": "binary MACs",
        "energy_efficiency_fp": "E.E. (FP)", "energy_efficiency_xnor": "E.E. (XNOR)",
        "memory_compression_fp": "M.C. (FP)", "memory_compression_xnor": "M.C. (XNOR)",
    }  # fmt: skip
    text = table(["recipe", *columns.values()], [[row["recipe"], *(row[key] for key in columns)] for row in found])
    if layers:
        keys = (
            "name",
            "kind",
            "weight_bits",
            "activation_bits",
            "float_filters",
            "macs",
            "energy_uj",
            "memory_bits",
        )
        for row in found:
            text += f"\n\n{row['recipe']}\n" + table(list(keys), [[part[k] for k in keys] for part in row["layers"]])
    emit(found[0] if len(found) == 1 else {"results": found}, as_json, text)


@main.command(name="results")
@click.option("--recipe", default=None, help="Rows of this recipe only.")
@results_option
@runs_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def results_command(recipe: str | None, store: Path | None, runs: Path, as_csv: bool, as_json: bool) -> None:
    """Print the logged rows."""
    from edgehybrid import results

    rows = results.read(store or runs / "results.sqlite", recipe=recipe)
    keys = (
        "recipe",
        "format",
        "device",
        "threads",
        "latency_ms_median",
        "size_bytes",
        "top1_percent",
        "verdict",
    )
    text = results.to_csv(rows).rstrip() if as_csv else table(list(keys), [[row[key] for key in keys] for row in rows])
    emit({"results": rows}, as_json, text)


@main.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder to write to.  [default: RUNS]",
)
@overwrite_option
@results_option
@runs_option
@json_option
def report(out: Path | None, overwrite: bool, store: Path | None, runs: Path, as_json: bool) -> None:
    """Write report.html and report.md from the logged rows, and print the table."""
    from edgehybrid import results
    from edgehybrid.report import build_report

    result = build_report(results.read(store or runs / "results.sqlite"), runs, out or runs, overwrite)
    emit(result, as_json, f"{result['table']}\n{result['html']}")


@main.command()
@results_option
@runs_option
@json_option
def demo(store: Path | None, runs: Path, as_json: bool) -> None:
    """Train a small hybrid and its float twin on embedded digits, convert, check, measure and report."""
    from edgehybrid.demo import demo as run_demo
    from edgehybrid.progress import TrainingProgress

    with TrainingProgress() as progress:
        result = run_demo(runs, store or runs / "results.sqlite", progress.say, progress.on_step, progress.on_epoch)
    found = result["report"]
    emit(
        {"rows": result["rows"], **found},
        as_json,
        "\n".join([found["table"], *found["comparisons"], found["html"]]),
    )


def find_artefact(runs: Path, model_or_run: str | None) -> "Artefact":
    """The flatbuffer of that path; or the newest one of that run, or of the newest run, for this machine if there is
    one.
    """
    from edgehybrid.errors import RunError
    from edgehybrid.training.artefact import flatbuffers_of, open_artefact
    from edgehybrid.training.run_folder import find_run

    if model_or_run is not None and Path(model_or_run).is_file():
        return open_artefact(Path(model_or_run))
    if model_or_run is not None and model_or_run.endswith(".tflite"):
        raise RunError("There is no such model file.", received=model_or_run)
    run = find_run(runs, model_or_run)
    found = flatbuffers_of(run)
    if not found:
        raise RunError(
            "The run has no flatbuffer.", received=run.path,
            next_step=f"Convert it with 'edgehybrid convert {run.path} --target {platform.machine()}'.",
        )  # fmt: skip
    here = [path for path in found if path.name.split(".")[-2] == platform.machine()]
    return open_artefact((here or found)[0])


def emit(result: Any, as_json: bool, text: str) -> None:
    """The result on stdout: as one JSON document, or as text for a person."""
    click.echo(json.dumps(result, indent=2, ensure_ascii=False) if as_json else text)


def table(header: list[str], rows: list[list[Any]]) -> str:
    """Columns of equal width; numbers to four significant digits after the point at most."""
    cells = [header, *([f"{v:,.4f}" if isinstance(v, float) else "–" if v is None else f"{v:,}" if isinstance(v, int)
                        else str(v) for v in row] for row in rows)]  # fmt: skip
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )
