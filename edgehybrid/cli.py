"""One function a command: parse, call one stage, print. A stage is imported inside its command."""

from pathlib import Path
from typing import Any

import click

from edgehybrid.console import (
    Commands,
    emit,
    json_option,
    overwrite_option,
    results_option,
    runs_option,
    set_option,
    threads_option,
)
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.text_table import text_table


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="edgehybrid")
def main() -> None:
    """Hybrid binary networks: from a YAML recipe to a measured row on an ARM board.

    \b
    train RECIPE → convert → evaluate → benchmark → report
    """


@main.command()
@click.argument("recipe", required=False)
@set_option
@click.option("--resume", "resumed", metavar="RUN", help="Train an interrupted run on: its folder or name.")
@click.option(
    "--strategy", type=click.Choice(["one", "mirrored", "workers"]), default="one", show_default=True,
    help="Copies of the model: one; one on each device here; one on each worker that TF_CONFIG lists.",
)  # fmt: skip
@runs_option
@json_option
def train(
    recipe: str | None, overrides: tuple[str, ...], resumed: str | None, strategy: Any, runs: Path, as_json: bool
) -> None:
    """Train RECIPE, a YAML file or the name of a shipped recipe, into a new run folder."""
    if (recipe is None) == (resumed is None) or (resumed is not None and overrides):
        raise UsageError(
            "Name either a recipe to train, or a run to resume as it is.",
            allowed="'edgehybrid train RECIPE [--set KEY=VALUE]' or 'edgehybrid train --resume RUN'",
        )
    from edgehybrid.networks import check_trainable
    from edgehybrid.progress import TrainingProgress
    from edgehybrid.recipe import load_recipe
    from edgehybrid.training.run_folder import find_run

    if resumed is not None:
        run = find_run(runs, resumed)
    elif recipe is not None:
        chosen = load_recipe(recipe, overrides)
        check_trainable(chosen)  # before TensorFlow is loaded
    from edgehybrid.training import loop

    with TrainingProgress() as progress:
        if resumed is not None:
            last = loop.resume(run, progress.on_step, progress.on_epoch, strategy)
        else:
            run, last = loop.train(chosen, runs, progress.on_step, progress.on_epoch, strategy)
    selected = run.selected_epoch()
    result = {
        "run": str(run.path),
        "recipe": run.recipe.name,
        "recipe_sha256": run.recipe_sha256,
        "epochs": last["epoch"],
        "top1_percent": last["top1_percent"],
        "top1_selected_percent": None if selected is None else selected["top1_percent"],
        "epoch_selected": None if selected is None else selected["epoch"],
        "validation_images": run.recipe.data.validation_images,
        "images_per_second": last["images_per_second"],
        "seed": run.recipe.training.seed,
    }
    text = f"{run.path}\ntop-1 {last['top1_percent']:.2f} % after {last['epoch']} epochs"
    if selected is not None:
        text += f"; {selected['top1_percent']:.2f} % after epoch {selected['epoch']}, chosen on the validation images"
    emit(result, as_json, text)


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
    from edgehybrid.training.artefact import find_artefact

    if keras:
        from edgehybrid.training.run_folder import find_run

        result = stage.evaluate_keras(find_run(runs, run_or_model))
        for warning in result["warnings"]:
            click.echo(f"Warning: {warning}", err=True)
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
    from edgehybrid.training.artefact import find_artefact

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
@click.argument("inputs", nargs=-1, metavar="[RECIPE|MODEL.tflite]...")
@set_option
@click.option(
    "--rules",
    metavar="NAME",
    help="What is counted: paper or full.  [default: paper; full with another table or for a model]",
)
@click.option(
    "--rule", "changes", multiple=True, metavar="RULE=CHOICE", help="Change one rule, such as alpha_macs=free."
)
@click.option("--table", "table_name", metavar="NAME|FILE", help="What an access and a MAC cost.  [default: paper]")
@click.option("--layers", is_flag=True, help="Print every layer.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--sensitivity", is_flag=True, help="Does the order of the recipes survive other tables and ±50 %?")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the energy of each layer as SVG.")
@click.option(
    "--moons", "moons_settings", multiple=True, metavar="NAME=VALUE", help="Add the model of Moons et al.; a constant."
)
@click.option("--paper-tables", is_flag=True, help="Compare with every figure of the paper's Tables 3 to 7.")
@click.option("--allow-uncounted", is_flag=True, help="Count a model in spite of operators that are not known.")
@overwrite_option
@json_option
def cost(
    inputs: tuple[str, ...], overrides: tuple[str, ...], rules: str | None, changes: tuple[str, ...],
    table_name: str | None, layers: bool, as_csv: bool, sensitivity: bool, plot: Path | None,
    moons_settings: tuple[str, ...], paper_tables: bool, allow_uncounted: bool, overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Count energy, memory and operations of recipes or flatbuffers, by named rules and an energy table."""
    from edgehybrid.cost import command
    from edgehybrid.training.artefact import recipe_and_format

    if as_csv and as_json:
        raise UsageError("Print either CSV or JSON.", received="--csv --json", allowed="one of them")
    if plot is not None and plot.exists() and not overwrite:
        raise EdgehybridError("The plot exists already.", received=plot, next_step="Add --overwrite to replace it.")
    if paper_tables:
        if inputs or overrides or rules or table_name or changes or layers or sensitivity or plot or moons_settings:
            raise UsageError("--paper-tables counts the shipped recipes by the paper's rules and table, nothing else.")
        rows = command.paper_tables()
        emit({"results": rows}, as_json, command.to_csv(rows) if as_csv else command.paper_text(rows))
        return
    if sensitivity and (as_csv or layers):
        raise UsageError("--sensitivity prints no layers and no CSV.", next_step="Add --json instead.")
    counted = command.count(
        inputs, overrides, rules, changes, table_name, moons_settings, allow_uncounted, recipe_and_format
    )
    for note in counted.notes:
        click.echo(f"Note: {note}", err=True)
    if plot is not None:
        command.write_plot(plot, counted)
    rows = counted.rows
    if sensitivity:
        found = command.sensitivity(counted)
        emit(found, as_json, command.sensitivity_text(found))
    elif as_csv:
        click.echo(command.to_csv(command.layer_rows(rows) if layers else rows))
    else:
        text = command.counted_text(counted, layers)
        emit(rows[0] if len(rows) == 1 else {"results": rows}, as_json, text)


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
    keys = ["recipe", "format", "device", "threads", "latency_ms_median", "size_bytes", "top1_percent", "verdict"]
    text = results.to_csv(rows).rstrip() if as_csv else text_table(keys, [[row[key] for key in keys] for row in rows])
    emit({"results": rows}, as_json, text)


@main.command()
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=None, help="Folder to write to.  [default: RUNS]"
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
        {**found, "rows": result["rows"]},
        as_json,
        "\n".join([found["table"], *found["comparisons"], found["html"]]),
    )
