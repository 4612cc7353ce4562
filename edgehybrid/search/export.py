"""Files of a study: every trial with its recipe, figures and cost; and the recipes of the front, ready to train."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgehybrid.csv_text import to_csv
from edgehybrid.errors import EdgehybridError, RecipeError
from edgehybrid.files import refuse_existing, write_output
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.search.columns import ACCURACY, COLUMNS, CostModel
from edgehybrid.search.finish import Member
from edgehybrid.search.space import Space
from edgehybrid.search.study import TrialRecord

JSON_FILE, CSV_FILE = "study.json", "trials.csv"


def trial_rows(space: Space, trials: Sequence[TrialRecord], members: Sequence[Member]) -> list[dict[str, Any]]:
    """A row for each trial: its state, figures, values of open fields, recipe and run."""
    of_front = {member.trial.number: member for member in members}
    return [_row(space, one, of_front.get(one.number)) for one in trials]


def _row(space: Space, one: TrialRecord, member: Member | None) -> dict[str, Any]:
    try:
        recipe = space.recipe(one.params, one.number)
    except RecipeError:
        recipe = None
    return {
        "trial": one.number,
        "state": one.state,
        "fault": one.fault,
        "on_front": member is not None and member.excluded is None,
        "top1_validation_percent": one.figures.get(ACCURACY),
        "costs": dict(one.costs),
        "top1_percent": member.top1_percent if member else None,
        "latency_ms_median": member.latency_ms_median if member else None,
        "epochs": len(one.curve),
        "top1_validation_percent_by_epoch": list(one.curve),
        "params": {name: space.domains[name].value(value) for name, value in one.params.items()},
        "recipe": None if recipe is None else recipe.model_dump(mode="json"),
        "recipe_sha256": None if recipe is None else recipe.sha256,
        "run": one.run,
        "machine": one.machine,
        "seconds": one.seconds,
    }


def published_networks(space: Space, model: CostModel) -> tuple[list[dict[str, Any]], list[str]]:
    """Networks of the paper on the data of the space, with their cost as the space counts it; notes on the others."""
    found, notes = [], []
    for recipe in map(load_recipe, recipe_names()):
        if recipe.published is None or recipe.data.dataset != space.data["data"]["dataset"]:
            continue
        try:
            costs = model.costs(recipe)
        except EdgehybridError as error:
            # Such as a network that the calibration says nothing of.
            notes.append(f"The published {recipe.name} does not stand beside the study: {error.what}")
            continue
        found.append({"recipe": recipe.name, "top1_percent": recipe.published.top1_percent, "costs": costs})
    return found, notes


def write_study(
    out: Path, space: Space, rows: Sequence[Mapping[str, Any]], published: Sequence[Mapping[str, Any]], overwrite: bool
) -> list[Path]:
    """Writes study.json, trials.csv and a recipe for each network of the front into a folder. Returns the recipes.

    Args:
        rows: see ``trial_rows``.
        published: see ``published_networks``.

    Raises:
        EdgehybridError: files that exist without ``overwrite``, or a folder that cannot be written.
    """
    document = {
        "space": space.name,
        "space_sha256": space.sha256,
        "data": dict(space.data["data"]),
        "objectives": [name if name != ACCURACY else "top1_validation_percent" for name in space.settings.objectives],
        "published": published,
        "columns": {name: column.words for name, column in COLUMNS.items()},
        "trials": rows,
    }
    flat = [
        {key: value for key, value in row.items() if not isinstance(value, list | dict)}
        | row["costs"]
        | {name: json.dumps(value) for name, value in row["params"].items()}
        for row in rows
    ]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    contents = {
        out / JSON_FILE: json.dumps(document, indent=1).encode(),
        out / CSV_FILE: (to_csv(flat, columns) + "\n").encode(),
    }
    recipes = []
    for row in rows:
        if row["on_front"]:
            path = out / f"{Path(space.name).name}_{row['trial']}.yaml"
            recipes.append(path)
            contents[path] = (
                space.recipe(
                    {name: space.domains[name].stored(value) for name, value in row["params"].items()}, row["trial"]
                )
                .to_short_yaml()
                .encode()
            )
    refuse_existing(contents, overwrite)
    write_output("The study", contents)
    return recipes
