"""``edgehybrid convert``."""

from collections import Counter
from pathlib import Path
from typing import get_args

import click

from edgehybrid.census.formats import FORMATS, AskedFormat, Format, Target
from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    overwrite_option,
    refuse_runs_beside_path,
    refuse_together,
    refuse_without,
    runs_option,
    was_typed,
)
from edgehybrid.console.ran_text import ran_text


@click.command(short_help="Convert a run or a model file to a checked flatbuffer.")
@click.argument("run", required=False, metavar="[RUN|MODEL]")
@click.option("--target", type=click.Choice(get_args(Target)), required=True, help="Processor of the board.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    default=None,
    help="packed: quantised layers as bits. float32: the same network, unpacked. int8: quantised by training images; "
    "of a network with quantised layers, its full-precision twin.  [default: packed where there is something to pack]",
)
@click.option(
    "--float-parts",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    show_default=True,
    help="Form of the full-precision layers of a packed flatbuffer.",
)
@click.option(
    "--max-drop",
    "max_drop_points",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    help="Points of accuracy that int8 may cost a trained network.",
)
@click.option("--twin", is_flag=True, help="Convert the network's full-precision twin, untrained, as a rival in speed.")
@click.option("--data", metavar="RECIPE", help="Test images of this recipe, for a MODEL that was not trained here.")
@click.option(
    "--allow-unpacked", is_flag=True, help="Of a MODEL, leave binary layers that cannot be packed in float32."
)
@click.option("--images", type=click.IntRange(min=1), default=500, show_default=True, help="Images to compare on.")
@overwrite_option
@runs_option
@json_option
def convert(
    run: str | None,
    target: Target,
    file_format: AskedFormat | None,
    float_parts: str,
    max_drop_points: float,
    twin: bool,
    data: str | None,
    allow_unpacked: bool,
    images: int,
    overwrite: bool,
    runs: Path,
    as_json: bool,
) -> None:
    """Convert RUN to a flatbuffer and compare it with Keras on test images. Default: the newest run.

    MODEL is a model of your own: a .h5 or .keras file, or the folder of a SavedModel. Its flatbuffer is
    written beside it.
    """
    stored: Format | None = file_format
    if float_parts == "int8":
        refuse_together(
            "Full-precision parts are those of a packed flatbuffer.",
            {
                "--float-parts int8": True,
                f"--format {file_format}": file_format not in (None, "packed"),
                "--twin": twin,
            },
        )
        stored = "packed_int8"
    refuse_without(
        "A loss of accuracy is allowed for int8 alone.",
        "--max-drop",
        was_typed("max_drop_points"),
        stored in ("int8", "packed_int8") and not twin,
    )
    refuse_runs_beside_path(run, runs)
    foreign = _foreign(run)
    if foreign is not None:
        from converters.convert_foreign import convert_foreign
        from edgehybrid.recipe import load_recipe

        refuse_without("A twin is that of a run.", "--twin", twin, None)
        recipe = load_recipe(data) if data else None
        sidecar = convert_foreign(foreign, target, stored, images, overwrite, recipe, allow_unpacked, max_drop_points)
        path = foreign.resolve().parent / sidecar.model
    else:
        from edgehybrid.runs.run_folder import find_run

        refuse_without("A run has its own images.", "--data", data, None)
        refuse_without(
            "Of a run, every layer is packed that its recipe says.", "--allow-unpacked", allow_unpacked, None
        )
        folder = find_run(runs, run)
        from converters import pipeline
        from edgehybrid.networks import network_of

        refuse_without(
            "The int8 flatbuffer of a network with quantised layers is its untrained twin, with no accuracy to lose.",
            "--max-drop",
            was_typed("max_drop_points"),
            not pipeline.becomes_twin(network_of(folder.recipe), stored),
        )

        sidecar = pipeline.convert(folder, target, stored, images, overwrite, twin, max_drop_points)
        path = folder.path / sidecar.model
    precisions = Counter(row.precision for row in sidecar.layers.values())
    layers = " and ".join(f"{number} {precision}" for precision, number in sorted(precisions.items(), reverse=True))
    for warning in sidecar.warnings:
        click.echo(f"Warning: {warning}", err=True)
    drop = sidecar.top1_drop_points
    emit(
        {**sidecar.model_dump(mode="json"), "model": str(path)},
        as_json,
        f"{path}\n{sidecar.size_bytes:,} bytes, {layers} layers\n"
        f"agrees with Keras on {sidecar.top1_agreement_percent:.2f} % of {sidecar.images} "
        f"{sidecar.verified_on} images, largest difference {sidecar.max_abs_difference:.2g}"
        + ("" if drop is None else f", {drop:+.2f} points of accuracy lost")
        + ("" if sidecar.verified_with is None else f"\ncompared in {ran_text(sidecar.verified_with)}"),
    )


def _foreign(name: str | None) -> Path | None:
    """The path of a model file or of a SavedModel's folder; None of a run."""
    if name is None:
        return None
    path = Path(name)
    return path if path.suffix in (".h5", ".hdf5", ".keras") or (path / "saved_model.pb").exists() else None
