"""``edgehybrid predict``."""

from pathlib import Path
from typing import get_args

import click

from edgehybrid.census.formats import Format
from edgehybrid.console.commands import emit
from edgehybrid.console.options import json_option, refuse_without, set_option, was_typed


@click.command(short_help="Predict the latency of a recipe or a flatbuffer.")
@click.argument("inputs", nargs=-1, required=True, metavar="RECIPE|MODEL.tflite...")
@click.option(
    "--calibration",
    "calibration_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File that 'edgehybrid calibrate' wrote.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(get_args(Format)),
    default="packed",
    show_default=True,
    help="Form of the flatbuffer that a recipe would become.",
)
@set_option
@json_option
def predict(
    inputs: tuple[str, ...], calibration_file: Path, file_format: Format, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Predict the latency of recipes or flatbuffers by a calibration, with an interval. Nothing is measured.

    What is outside of the calibration's networks is refused.
    """
    from edgehybrid.console.calibration_text import prediction_text
    from edgehybrid.cost.count import is_flatbuffer
    from edgehybrid.device.calibration import read_calibration
    from edgehybrid.device.prediction import predict_input

    recipes = [name for name in inputs if not is_flatbuffer(name)]
    refuse_without("--set changes recipes, and none is predicted.", "--set", overrides, recipes)
    refuse_without("--format is for recipes, and none is predicted.", "--format", was_typed("file_format"), recipes)
    calibration = read_calibration(calibration_file)
    rows = [predict_input(calibration, name, file_format, overrides) for name in inputs]
    documents = [{**row.as_dict(), "calibration": str(calibration_file)} for row in rows]
    emit(documents[0] if len(rows) == 1 else {"results": documents}, as_json, prediction_text(rows, calibration))
