"""``edgehybrid convert``."""

from pathlib import Path
from typing import Any

import click

from edgehybrid.census.formats import CONVERTED_FORMATS
from edgehybrid.console.commands import emit
from edgehybrid.console.options import json_option, overwrite_option, refuse_runs_beside_path, runs_option


@click.command(short_help="Convert a run to a flatbuffer, compared with Keras.")
@click.argument("run", required=False)
@click.option("--target", type=click.Choice(["aarch64", "x86_64"]), required=True, help="Processor of the board.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(CONVERTED_FORMATS),
    default=None,
    help="packed: 1-bit layers as bits.  [default: packed where the network has such layers, else float32]",
)
@click.option("--images", type=click.IntRange(min=1), default=500, show_default=True, help="Images to compare on.")
@overwrite_option
@runs_option
@json_option
def convert(
    run: str | None, target: Any, file_format: Any, images: int, overwrite: bool, runs: Path, as_json: bool
) -> None:
    """Convert RUN to a flatbuffer and compare it with Keras on test images. Default: the newest run."""
    from edgehybrid.runs.run_folder import find_run

    refuse_runs_beside_path(run, runs)
    folder = find_run(runs, run)
    from converters import pipeline

    sidecar = pipeline.convert(folder, target, file_format, images, overwrite)
    path = folder.path / sidecar.model
    for warning in sidecar.warnings:
        click.echo(f"Warning: {warning}", err=True)
    emit(
        {**sidecar.model_dump(mode="json"), "model": str(path)},
        as_json,
        f"{path}\n{sidecar.size_bytes:,} bytes, {sidecar.packed_layers} packed and {sidecar.float_layers} float "
        f"layers\nagrees with Keras on {sidecar.top1_agreement_percent:.2f} % of {sidecar.images} "
        f"{sidecar.verified_on} images, largest difference {sidecar.max_abs_difference:.2g}",
    )
