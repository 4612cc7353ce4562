"""``edgehybrid calibrate``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import json_option, overwrite_option, refuse_existing, threads_option


@click.command(short_help="Fit what a unit of work takes on a device.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL.tflite...", type=click.Path(path_type=Path))
@click.option("--device", default="local", show_default=True, help="Where to measure: local, or as for benchmark.")
@threads_option
@click.option("--sessions", type=click.IntRange(1, 100), default=3, show_default=True, help="Processes to start.")
@click.option("--timed-runs", type=click.IntRange(1, 100_000), default=30, show_default=True, help="In a session.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write the calibration to."
)
@overwrite_option
@json_option
def calibrate(
    models: tuple[Path, ...],
    device: str,
    threads: int,
    sessions: int,
    timed_runs: int,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Measure flatbuffers and fit what a MAC of each precision, a byte and an operator take, with the error.

    Any .tflite files will do. Each kind of network (packed, float32, int8) needs four of different work.
    """
    from edgehybrid.console.calibration_text import calibration_text
    from edgehybrid.device.calibration import write_calibration
    from edgehybrid.device.measured_work import calibrate_device

    refuse_existing(out, "The calibration", overwrite)
    found = calibrate_device(
        models,
        device,
        threads,
        sessions,
        timed_runs,
        lambda sample: click.echo(f"{sample.network}: {sample.latency_ms:.3f} ms", err=True),
    )
    write_calibration(out, found)
    for warning in found.warnings:
        click.echo(f"Warning: {warning}", err=True)
    emit({"calibration": str(out), **found.as_dict()}, as_json, f"{calibration_text(found)}\n\n{out}")
