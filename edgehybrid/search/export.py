"""Files of a study: every trial with its recipe, figures and cost; and the recipes of the front, ready to train."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgehybrid.csv_text import to_csv
from edgehybrid.errors import EdgehybridError, RecipeError
from edgehybrid.files import make_folder, write_together
from edgehybrid.search.columns import ACCURACY, COLUMNS
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


def write_study(out: Path, space: Space, rows: Sequence[Mapping[str, Any]], overwrite: bool) -> list[Path]:
    """Writes study.json, trials.csv and a recipe for each network of the front into a folder. Returns the recipes.

    Raises:
        EdgehybridError: files that exist without ``overwrite``, or a folder that cannot be written.
    """
    document = {
        "space": space.name,
        "space_sha256": space.sha256,
        "data": dict(space.data["data"]),
        "objectives": [name if name != ACCURACY else "top1_validation_percent" for name in space.settings.objectives],
        "rules": space.settings.rules,
        "table": space.settings.table,
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
    try:
        make_folder(out, exist_ok=True)
        write_together(contents)
    except OSError as error:
        raise EdgehybridError(
            f"The study cannot be written: {error}.", received=out, next_step="Choose a folder that can be written."
        ) from error
    return recipes


def refuse_existing(paths: Iterable[Path], overwrite: bool) -> None:
    """Refuses files that are there already, unless they may be replaced."""
    for path in paths:
        if path.exists() and not overwrite:
            raise EdgehybridError(
                f"{path} exists already.", next_step="Use --overwrite to replace it, or another folder."
            )
