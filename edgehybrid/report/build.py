"""Writes result rows as one HTML page, one Markdown file and one CSV file. Loads no TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgehybrid.csv_text import to_csv
from edgehybrid.errors import EdgehybridError
from edgehybrid.files import refuse_existing, write_output
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.report.board_tables import boards_table, evidence_table
from edgehybrid.report.document import Document
from edgehybrid.report.layer_plots import layer_plots
from edgehybrid.report.markdown import markdown_report, markdown_table
from edgehybrid.report.origin import Entry, Refusal, sort_by_origin
from edgehybrid.report.page import html_page
from edgehybrid.report.part_times import part_times
from edgehybrid.report.plots import plots
from edgehybrid.report.points import measured_points, published_points
from edgehybrid.report.result_tables import (
    provenance_tables,
    published_table,
    refused_table,
    results_table,
    times_table,
)
from edgehybrid.report.searches import searches
from edgehybrid.report.training_plots import training_plots
from edgehybrid.report.twins import compare_with_twins
from edgehybrid.results import Row

TITLE = "Hybrid binary networks: measured, modelled and published"


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        html, markdown, csv: the three files.
        rows: how many rows are shown.
        refused: the rows that are not, with the reason.
        table: the results as a Markdown table.
        comparisons: one sentence for each hybrid network beside its float twin.
    """

    html: Path
    markdown: Path
    csv: Path
    rows: int
    refused: tuple[Refusal, ...]
    table: str
    comparisons: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The object that ``report`` prints; of a refused row ``recipe``, ``run``, ``model`` and ``reason``."""
        return {
            "html": str(self.html),
            "markdown": str(self.markdown),
            "csv": str(self.csv),
            "rows": self.rows,
            "refused": [
                {**{key: getattr(refusal.row, key) for key in ("recipe", "run", "model")}, "reason": refusal.reason}
                for refusal in self.refused
            ],
            "table": self.table,
            "comparisons": list(self.comparisons),
        }


def build_report(
    rows: Sequence[Row],
    runs_folder: Path,
    out_folder: Path,
    overwrite: bool = False,
    profiles: Sequence[Path] = (),
    studies: Sequence[Path] = (),
) -> Report:
    """Writes ``report.html``, ``report.md`` and ``report.csv``. A row whose origin is not proven is listed as refused.

    Args:
        profiles: files that hold what ``benchmark --profile --json`` printed, of flatbuffers among the rows.
        studies: files ``study.json`` that ``search --out`` wrote; with one, there need be no rows.

    Raises:
        EdgehybridError: no rows, an output that exists without ``overwrite``, an unwritable folder.
        UsageError: see ``part_times``.
        MissingExtraError: jinja2 is not installed.
    """
    if not rows and not studies:
        raise EdgehybridError(
            "There is no result row to report.",
            received="0 rows",
            allowed="at least one row",
            next_step="Run 'edgehybrid benchmark' to measure one, or 'edgehybrid demo'.",
        )
    page_file, markdown_file, csv_file = report_files(out_folder)
    refuse_existing((page_file, markdown_file, csv_file), overwrite)
    entries, refused = sort_by_origin(rows, runs_folder)
    document = _document(entries, refused, runs_folder, profiles, studies)
    texts = {page_file: html_page(document), markdown_file: markdown_report(document), csv_file: _csv(entries)}
    write_output("The report", {path: text.encode() for path, text in texts.items()})
    return Report(
        page_file,
        markdown_file,
        csv_file,
        len(entries),
        tuple(refused),
        markdown_table(document.results),
        tuple(document.comparisons),
    )


def report_files(folder: Path) -> tuple[Path, Path, Path]:
    """The page, the Markdown file and the CSV file of a report in that folder."""
    return folder / "report.html", folder / "report.md", folder / "report.csv"


def _document(
    entries: Sequence[Entry],
    refused: Sequence[Refusal],
    runs_folder: Path,
    profiles: Sequence[Path],
    studies: Sequence[Path],
) -> Document:
    shipped = [load_recipe(name) for name in recipe_names()]
    measured, not_drawn = measured_points(entries)
    training, no_curves = training_plots(entries, runs_folder)
    tried, fronts = searches(studies)
    return Document(
        title=TITLE,
        comparisons=compare_with_twins(entries),
        results=results_table(entries),
        notes=(*not_drawn, *no_curves),
        times=times_table(entries),
        evidence=evidence_table(entries),
        boards=boards_table(entries),
        searches=tried,
        fronts=fronts,
        plots=plots([*measured, *published_points(shipped, entries)]),
        layers=layer_plots(entries),
        parts=part_times(profiles, entries),
        training=training,
        refused=refused_table(refused),
        published=published_table(shipped),
        provenance=provenance_tables(entries),
    )


def _csv(entries: Sequence[Entry]) -> str:
    """Every field of the rows that are shown, and their numbers in the report."""
    rows = [{"number": entry.number, **entry.row.as_dict()} for entry in entries]
    return to_csv(rows, ["number", *Row.model_fields]) + "\n"
