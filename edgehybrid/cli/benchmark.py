"""``edgehybrid benchmark``."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    refuse_runs_beside_path,
    results_file,
    results_option,
    runs_option,
    threads_option,
)
from edgehybrid.console.ran_text import ran_text
from edgehybrid.console.tables import text_table

if TYPE_CHECKING:
    from edgehybrid.device.bench import Benchmark
    from edgehybrid.device.campaign import Outcome
    from edgehybrid.results import Row
    from edgehybrid.runs.artefact import Artefact
    from edgehybrid.runtime.profile import ProfileEntry


@click.command(short_help="Measure a flatbuffer's latency and log the row.")
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@click.option(
    "--device",
    "devices",
    multiple=True,
    default=("local",),
    show_default=True,
    help="Where to measure: local, a name of 'edgehybrid devices', or ssh://[user@]host. Several work at once.",
)
@threads_option
@click.option("--sessions", type=click.IntRange(1, 100), default=3, show_default=True, help="Processes to start.")
@click.option("--timed-runs", type=click.IntRange(1, 100_000), default=100, show_default=True, help="In a session.")
@click.option("--twins/--no-twins", default=True, show_default=True, help="Measure int8 and float32 twins in turns.")
@click.option("--resume", is_flag=True, help="Leave out what the results have: same flatbuffer, device and options.")
@click.option("--profile", "with_profile", is_flag=True, help="Show what each part of a packed flatbuffer takes.")
@results_option
@runs_option
@json_option
@click.pass_context
def benchmark(
    ctx: click.Context,
    models: tuple[str, ...],
    devices: tuple[str, ...],
    threads: int,
    sessions: int,
    timed_runs: int,
    twins: bool,
    resume: bool,
    with_profile: bool,
    store: Path | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Measure the latency of flatbuffers and log the rows. Default: the newest one of the newest run."""
    from edgehybrid.device.campaign import Outcome, Plan, Settings, campaign
    from edgehybrid.device.devices import find_device
    from edgehybrid.device.twins import twins_of
    from edgehybrid.runs.artefact import find_artefact

    for device in devices:
        find_device(device)
    names = models or (None,)
    for name in names:
        if store is not None:
            refuse_runs_beside_path(name, runs)
    is_one = len(names) == len(devices) == 1

    def rivals(artefact: "Artefact") -> "list[Artefact]":
        return twins_of(artefact, lambda text: click.echo(text, err=True)) if twins else []

    def say(outcome: Outcome) -> None:
        # What fails alone is raised.
        for line in [] if is_one and outcome.error is not None else _notes(outcome):
            click.echo(line, err=True)

    plan = Plan(
        [(name or "the newest run", partial(find_artefact, runs, name)) for name in names],
        rivals,
        Settings(threads, sessions, timed_runs, with_profile),
        results_file(store, runs),
        resume,
    )
    outcomes = campaign(plan, devices, say)
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if is_one and failed:
        raise failed[0]
    done = [outcome.benchmark for outcome in outcomes if outcome.benchmark is not None]
    documents = [_document(each) for each in done]
    text: list[str] = []
    for each in done:
        text += [_table(each), ""] if each.parts else []
        text += [_line(row) for row in each.rows] + _sentences(each)
    if is_one and documents:
        emit(documents[0], as_json, "\n".join(text))
    else:
        errors = [
            {"device": outcome.device, "model": outcome.model, **outcome.error.as_dict()}
            for outcome in outcomes
            if outcome.error is not None
        ]
        emit({"results": documents, "errors": errors}, as_json, "\n".join(text))
    ctx.exit(1 if failed else 0)


def _notes(outcome: "Outcome") -> list[str]:
    """What is said of an outcome on stderr."""
    if outcome.is_known:
        return [f"{outcome.model} on {outcome.device}: measured before, left out"]
    if outcome.error is not None:
        return [f"{outcome.model or 'Nothing more'} on {outcome.device}: {outcome.error}"]
    lines = []
    for row in outcome.benchmark.rows if outcome.benchmark else []:
        lines += [f"{row.verdict.capitalize()}: {_name(row)}: {reason}" for reason in row.verdict_reasons]
    first = outcome.benchmark.rows[0] if outcome.benchmark else None
    if first is not None and first.top1_percent is None:
        lines.append("Note: no accuracy; 'edgehybrid evaluate' on this flatbuffer measures it for later rows.")
    return lines


def _document(found: "Benchmark") -> dict[str, Any]:
    """A row, with what was measured beside it."""
    first, *twins = found.rows
    parts = {"profile": [_part(entry, first.emulated) for entry in found.parts]} if found.parts else {}
    return {
        **first.as_dict(),
        "twins": [row.as_dict() for row in twins],
        "comparisons": _sentences(found),
        **parts,
    }


def _part(entry: "ProfileEntry", emulated: bool) -> dict[str, Any]:
    """The time of an emulator has a key of its own."""
    if emulated:
        return entry._asdict() | {"time_us_median": None, "emulated_us_not_latency": entry.time_us_median}
    return entry._asdict()


def _sentences(found: "Benchmark") -> list[str]:
    from edgehybrid.device.comparison import sentence

    first, *twins = found.rows
    name = first.recipe or first.model
    if first.emulated:
        return []
    return [sentence(name, f"its {row.format} twin", ratio) for row, ratio in zip(twins, found.ratios, strict=True)]


def _name(row: "Row") -> str:
    """A file in a run folder is called like those of all other runs."""
    return f"{row.recipe} ({row.format})" if row.recipe else row.model


def _line(row: "Row") -> str:
    time = (
        f"{row.emulated_ms_not_latency:.3f} ms in an emulator, which is no latency"
        if row.emulated
        else f"median {row.latency_ms_median:.3f} ms, p95 {row.latency_ms_p95:.3f} ms"
    )
    return (
        f"{_name(row)}: {time}, measured on {row.board['cpu']} ({ran_text(row)}); "
        f"modelled {row.energy_model_uj:.2f} µJ; {row.verdict}"
    )


def _table(found: "Benchmark") -> str:
    """One line a part."""
    rows = [(part.name, _ranges(part.nodes), f"{part.time_us_median:.1f}", f"{part.share:.1%}") for part in found.parts]
    time = "emulated µs, no latency" if found.rows[0].emulated else "median µs"
    return text_table(("part", "nodes", time, "share"), rows)


def _ranges(nodes: Sequence[int]) -> str:
    """Ascending numbers as ``0–3, 5``."""
    starts = [node for node in nodes if node - 1 not in nodes]
    ends = [node for node in nodes if node + 1 not in nodes]
    return ", ".join(
        f"{first}" if first == last else f"{first}–{last}" for first, last in zip(starts, ends, strict=True)
    )
