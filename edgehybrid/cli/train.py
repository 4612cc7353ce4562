"""``edgehybrid train``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    evaluate_every_option,
    json_option,
    refuse_runs_beside_path,
    runs_option,
    set_option,
)
from edgehybrid.errors import UsageError
from edgehybrid.training.strategy import STRATEGIES, StrategyName


@click.command(short_help="Train a recipe into a new run folder.")
@click.argument("recipe", required=False)
@set_option
@click.option("--resume", "resumed", metavar="RUN", help="Train an interrupted run on: its folder or name.")
@click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    default=STRATEGIES[0],
    show_default=True,
    help="Copies of the model: one; one on each device here; one on each worker that TF_CONFIG lists.",
)
@evaluate_every_option
@runs_option
@json_option
def train(
    recipe: str | None,
    overrides: tuple[str, ...],
    resumed: str | None,
    strategy: StrategyName,
    evaluate_every: int,
    runs: Path,
    as_json: bool,
) -> None:
    """Train RECIPE, a YAML file or the name of a shipped recipe, into a new run folder."""
    if (recipe is None) == (resumed is None) or (resumed is not None and overrides):
        raise UsageError(
            "Name either a recipe to train, or a run to resume as it is.",
            allowed="'edgehybrid train RECIPE [--set KEY=VALUE]' or 'edgehybrid train --resume RUN'",
        )
    from edgehybrid.console.progress import TrainingProgress, percent
    from edgehybrid.networks import check_trainable
    from edgehybrid.recipe import load_recipe
    from edgehybrid.runs.run_folder import find_run
    from edgehybrid.training.cluster import cluster_of_environment
    from edgehybrid.training.meeting import joined

    # Before TensorFlow is loaded.
    with joined(cluster_of_environment() if strategy == "workers" else None):
        if resumed is not None:
            refuse_runs_beside_path(resumed, runs)
            run = find_run(runs, resumed)
        elif recipe is not None:
            chosen = load_recipe(recipe, overrides)
            check_trainable(chosen)
    from edgehybrid.training import loop

    with TrainingProgress() as progress:
        if resumed is not None:
            last = loop.resume(run, progress.on_step, progress.on_epoch, strategy, progress.on_start, evaluate_every)
        else:
            run, last = loop.train(
                chosen, runs, progress.on_step, progress.on_epoch, strategy, progress.on_start, evaluate_every
            )
    selected = run.selected_epoch()
    result = {
        "run": str(run.path),
        "recipe": run.recipe.name,
        "recipe_sha256": run.recipe_sha256,
        "epochs": last.epoch,
        "top1_percent": last.top1_percent,
        "top1_selected_percent": None if selected is None else selected.top1_percent,
        "epoch_selected": None if selected is None else selected.epoch,
        "validation_images": run.recipe.data.validation_images,
        "images_per_second": last.images_per_second,
        "seed": run.recipe.training.seed,
    }
    text = f"{run.path}\ntop-1 {percent(last.top1_percent)} after {last.epoch} epochs"
    if selected is not None:
        text += f"; {percent(selected.top1_percent)} after epoch {selected.epoch}, chosen on the validation images"
    emit(result, as_json, text)
