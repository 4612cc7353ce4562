"""``edgehybrid cost``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    overwrite_option,
    refuse_existing,
    refuse_together,
    refuse_without,
    set_option,
)
from edgehybrid.csv_text import to_csv
from edgehybrid.errors import UsageError


@click.command(short_help="Count energy, memory and operations of networks.")
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
    inputs: tuple[str, ...],
    overrides: tuple[str, ...],
    rules: str | None,
    changes: tuple[str, ...],
    table_name: str | None,
    layers: bool,
    as_csv: bool,
    sensitivity: bool,
    plot: Path | None,
    moons_settings: tuple[str, ...],
    paper_tables: bool,
    allow_uncounted: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Count energy, memory and operations of recipes or flatbuffers, by named rules and an energy table."""
    from edgehybrid.console import cost_text
    from edgehybrid.cost import count
    from edgehybrid.cost.paper_tables import figures

    counts_recipes = any(not count.is_flatbuffer(name) for name in inputs)
    refuse_together("Print either CSV or JSON.", {"--csv": as_csv, "--json": as_json})
    refuse_without("--overwrite replaces a plot.", "--overwrite", overwrite, plot)
    if paper_tables:
        others = (inputs, overrides, rules, table_name, changes, layers, sensitivity, plot, moons_settings)
        if any(others) or allow_uncounted:
            raise UsageError("--paper-tables counts the shipped recipes by the paper's rules and table, nothing else.")
        printed = list(figures())
        rows = [figure.as_dict() for figure in printed]
        emit({"results": rows}, as_json, to_csv(rows) if as_csv else cost_text.paper_text(printed))
        return
    refuse_without("--set changes recipes, and none is counted.", "--set", overrides, counts_recipes or not inputs)
    refuse_without(
        "--allow-uncounted is for flatbuffers, and none is counted.",
        "--allow-uncounted",
        allow_uncounted,
        any(map(count.is_flatbuffer, inputs)) or not inputs,
    )
    if sensitivity and (as_csv or layers or moons_settings):
        raise UsageError(
            "--sensitivity prints no layers, no CSV and nothing of the Moons model.", next_step="Add --json instead."
        )
    if plot is not None:
        refuse_existing(plot, "The plot", overwrite)
    counted = count.count(inputs, overrides, rules, changes, table_name, moons_settings, allow_uncounted)
    for note in counted.notes:
        click.echo(f"Note: {note}", err=True)
    if plot is not None:
        count.write_plot(plot, counted)
    if sensitivity:
        found = count.sensitivity(counted)
        emit(found.as_dict(), as_json, cost_text.sensitivity_text(found))
        return
    rows = [one.as_dict() for one in counted.inputs]
    if as_csv:
        click.echo(to_csv(count.layer_rows(counted.inputs), count.LAYER_COLUMNS) if layers else to_csv(rows))
    else:
        text = cost_text.counted_text(counted, layers)
        emit(rows[0] if len(rows) == 1 else {"results": rows}, as_json, text)
