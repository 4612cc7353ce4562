"""``edgehybrid benchmark``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import json_option, refuse_runs_beside_path, results_option, runs_option, threads_option


@click.command(short_help="Measure a flatbuffer's latency and log the row.")
@click.argument("model", required=False)
@click.option("--device", default="local", show_default=True, help="Where to measure: local, this machine.")
@threads_option
@click.option("--sessions", type=click.IntRange(1, 100), default=3, show_default=True, help="Processes to start.")
@click.option("--timed-runs", type=click.IntRange(1, 100_000), default=100, show_default=True, help="In a session.")
@results_option
@runs_option
@json_option
def benchmark(
    model: str | None,
    device: str,
    threads: int,
    sessions: int,
    timed_runs: int,
    store: Path | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Measure the latency of a flatbuffer and log the row. Default: the newest one of the newest run."""
    from edgehybrid import results
    from edgehybrid.device import bench
    from edgehybrid.runs.artefact import find_artefact

    if store is not None:
        refuse_runs_beside_path(model, runs)
    row = bench.benchmark(find_artefact(runs, model), device, threads, sessions, timed_runs)
    results.append(store or runs / "results.sqlite", row)
    for reason in row.verdict_reasons:
        click.echo(f"{row.verdict.capitalize()}: {reason}", err=True)
    if row.top1_percent is None:
        click.echo("Note: no accuracy; 'edgehybrid evaluate' on this flatbuffer measures it for later rows.", err=True)
    emit(
        row.as_dict(),
        as_json,
        f"{row.model}: median {row.latency_ms_median:.3f} ms, p95 {row.latency_ms_p95:.3f} ms measured on "
        f"{row.board['cpu']}, {threads} thread(s); modelled {row.energy_model_uj:.2f} µJ; {row.verdict}",
    )
