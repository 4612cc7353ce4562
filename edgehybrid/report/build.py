"""Writes result rows as one HTML page and one Markdown file. Loads no TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgehybrid.cost import references_of
from edgehybrid.cost.rules import PAPER
from edgehybrid.cost.tables import load_table
from edgehybrid.errors import EdgehybridError
from edgehybrid.files import make_folder, write_together
from edgehybrid.recipe import Recipe, load_recipe, recipe_names
from edgehybrid.report.document import Document, Plot
from edgehybrid.report.health_plots import health_plot
from edgehybrid.report.markdown import markdown_report, markdown_table
from edgehybrid.report.origin import Entry, Refusal, sort_by_origin
from edgehybrid.report.page import html_page
from edgehybrid.report.plots import PAPER_FIGURES, Point, plots
from edgehybrid.report.result_tables import (
    boards_table,
    provenance_table,
    published_table,
    refused_table,
    results_table,
)
from edgehybrid.report.twins import compare_with_twins
from edgehybrid.results import Row
from edgehybrid.runs.run_folder import open_run

# Ratios are to the full-precision network as the paper counts it; others would not share its axes.
PAPER_NAMES = (PAPER.name, "paper")
TITLE = "Hybrid binary networks: measured, modelled and published"


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        html, markdown: the two files.
        rows: how many rows are shown.
        refused: the rows that are not, with the reason.
        table: the results as a Markdown table.
        comparisons: one sentence for each hybrid network beside its float twin.
    """

    html: Path
    markdown: Path
    rows: int
    refused: tuple[Refusal, ...]
    table: str
    comparisons: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The object that ``report`` prints; of a refused row ``recipe``, ``run``, ``model`` and ``reason``."""
        return {
            "html": str(self.html),
            "markdown": str(self.markdown),
            "rows": self.rows,
            "refused": [
                {**{key: getattr(refusal.row, key) for key in ("recipe", "run", "model")}, "reason": refusal.reason}
                for refusal in self.refused
            ],
            "table": self.table,
            "comparisons": list(self.comparisons),
        }


def build_report(rows: Sequence[Row], runs_folder: Path, out_folder: Path, overwrite: bool = False) -> Report:
    """Writes ``report.html`` and ``report.md``. A row whose origin is not proven is listed as refused.

    Raises:
        EdgehybridError: no rows, an output that exists without ``overwrite``, an unwritable folder.
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    if not rows:
        raise EdgehybridError(
            "There is no result row to report.",
            received="0 rows",
            allowed="at least one row",
            next_step="Run 'edgehybrid benchmark' to measure one, or 'edgehybrid demo'.",
        )
    page_file, markdown_file = report_files(out_folder)
    for path in (page_file, markdown_file):
        if path.exists() and not overwrite:
            raise EdgehybridError(
                f"{path} exists already.", next_step="Use --overwrite to replace it, or another folder."
            )
    entries, refused = sort_by_origin(rows, runs_folder)
    document = _document(entries, refused, runs_folder)
    _write_files({page_file: html_page(document), markdown_file: markdown_report(document)})
    return Report(
        page_file,
        markdown_file,
        len(entries),
        tuple(refused),
        markdown_table(document.results),
        tuple(document.comparisons),
    )


def report_files(folder: Path) -> tuple[Path, Path]:
    """The page and the Markdown file of a report in that folder."""
    return folder / "report.html", folder / "report.md"


def _document(entries: Sequence[Entry], refused: Sequence[Refusal], runs_folder: Path) -> Document:
    shipped = [load_recipe(name) for name in recipe_names()]
    measured, not_drawn = _measured_points(entries)
    return Document(
        title=TITLE,
        comparisons=compare_with_twins(entries),
        results=results_table(entries),
        notes=(*_verdict_notes(entries), *not_drawn),
        boards=boards_table(entries),
        plots=(*plots([*measured, *_published_points(shipped, entries)]), *_health_plots(entries, runs_folder)),
        refused=refused_table(refused),
        published=published_table(shipped),
        provenance=provenance_table(entries),
    )


def _verdict_notes(entries: Sequence[Entry]) -> list[str]:
    return [
        f"#{entry.number} is {entry.row.verdict}: {'; '.join(entry.row.verdict_reasons)}"
        for entry in entries
        if entry.row.verdict != "valid"
    ]


def _measured_points(entries: Sequence[Entry]) -> tuple[list[Point], list[str]]:
    """A point for each network with an accuracy, and a note for each row that has none.

    The same network measured on two devices is one point when its accuracy is the same.
    """
    points: dict[Point, None] = {}
    notes = []
    for number, row, recipe in entries:
        if row.verdict == "invalid":
            notes.append(f"#{number} is not in the plots: its verdict is invalid.")
        elif row.top1_percent is None:
            notes.append(f"#{number} is not in the plots: it has no accuracy.")
        elif not (row.energy_model_uj and row.memory_model_bits and (row.rules, row.table) == PAPER_NAMES):
            notes.append(f"#{number} is not in the plots: its cost is not counted by the paper's rules and table.")
        else:
            full_precision, _ = references_of(recipe, PAPER, load_table(PAPER_NAMES[1]))
            energy = full_precision.energy_uj / row.energy_model_uj
            memory = full_precision.memory_bits / row.memory_model_bits
            points[_point(recipe, row.top1_percent, energy, memory, published=False)] = None
    return list(points), notes


def _published_points(recipes: Sequence[Recipe], entries: Sequence[Entry]) -> list[Point]:
    """The paper's points on the data of the entries, and its figure of each family among them."""
    measured = [entry.recipe for entry in entries]
    shown: set[tuple[str, str]] = {(recipe.network.architecture, recipe.data.dataset) for recipe in measured}
    families = {family for family, _ in shown}
    shown |= {(family, dataset) for family, dataset in PAPER_FIGURES if family in families}
    return [
        _point(
            recipe,
            figures.top1_percent,
            figures.energy_efficiency_fp,
            figures.memory_compression_fp,
            published=True,
        )
        for recipe in recipes
        if (figures := recipe.published) is not None and (recipe.network.architecture, recipe.data.dataset) in shown
    ]


def _point(recipe: Recipe, top1_percent: float, energy: float, memory: float, published: bool) -> Point:
    network = recipe.network
    return Point(
        recipe.name,
        network.architecture,
        recipe.data.dataset,
        network.width,
        top1_percent,
        energy,
        memory,
        published,
    )


def _health_plots(entries: Sequence[Entry], runs_folder: Path) -> list[Plot]:
    """One for each run behind the rows whose metrics have figures of health."""
    runs = {str(entry.row.run): entry.recipe for entry in entries}
    found = (health_plot(recipe.name, open_run(runs_folder / run).epochs()) for run, recipe in runs.items())
    return [plot for plot in found if plot is not None]


def _write_files(contents: dict[Path, str]) -> None:
    try:
        for path in contents:
            make_folder(path.parent, exist_ok=True)
        write_together({path: text.encode() for path, text in contents.items()})
    except OSError as error:
        raise EdgehybridError(
            f"The report cannot be written: {error}.", next_step="Choose a folder that can be written."
        ) from error
