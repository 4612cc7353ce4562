"""``edgehybrid significance``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    overwrite_option,
    refuse_existing,
    refuse_runs_beside_path,
    refuse_without,
    runs_option,
    unwritable_is_said,
    was_typed,
)
from edgehybrid.recipe.network import MAX_QUANTISED_BITS


@click.command(short_help="Say which layers of a run deserve more bits.")
@click.argument("run", required=False)
@click.option("--images", type=click.IntRange(1), default=256, show_default=True, help="Test images to look at.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.99,
    show_default=True,
    help="Share of a map's variance below which its components are counted.",
)
@click.option(
    "--rise", type=click.IntRange(1), default=2, show_default=True, help="More components than the layer before."
)
@click.option(
    "--bits",
    type=click.IntRange(2, MAX_QUANTISED_BITS),
    default=2,
    show_default=True,
    help="Of the significant layers in the recipe of --out.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the proposed network's recipe.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the explained variance as SVG.")
@overwrite_option
@runs_option
@json_option
def significance(
    run: str | None,
    images: int,
    threshold: float,
    rise: int,
    bits: int,
    out: Path | None,
    plot: Path | None,
    overwrite: bool,
    runs: Path,
    as_json: bool,
) -> None:
    """Count the principal components of each layer's map, and name the layers that deserve more bits.

    Default: the newest run. It should be of a plain binary network (network.shortcut: none), as in PCA-driven
    Hybrid-Net (Chakraborty et al. 2020, arXiv:1906.01493).
    """
    from edgehybrid.console.significance_text import significance_text
    from edgehybrid.files import write_together
    from edgehybrid.runs.run_folder import find_run
    from edgehybrid.significance.plot import curves_svg
    from edgehybrid.significance.proposal import proposed_recipe
    from edgehybrid.significance.significance import significance_of

    refuse_without("--bits is for the recipe of --out.", "--bits", was_typed("bits"), out)
    refuse_without("--overwrite replaces a recipe or a plot.", "--overwrite", overwrite, out or plot)
    refuse_runs_beside_path(run, runs)
    for path, what in ((out, "The recipe"), (plot, "The plot")):
        if path is not None:
            refuse_existing(path, what, overwrite)
    folder = find_run(runs, run)
    found = significance_of(folder, images, threshold, rise)
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    contents = {}
    if out is not None:
        contents[out] = proposed_recipe(folder.recipe, found, bits).to_short_yaml().encode()
    if plot is not None:
        contents[plot] = curves_svg(found).encode()
    with unwritable_is_said(contents):
        write_together(contents)
    text = significance_text(found)
    if out is not None:
        text += f"\nNext: edgehybrid train {out}"
    emit({**found.as_dict(), "out": None if out is None else str(out)}, as_json, text)
