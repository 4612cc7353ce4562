"""What the plots draw: a point for each measurement that has an accuracy, and one for each published network."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from edgehybrid.cost import references_of
from edgehybrid.cost.rules import PAPER
from edgehybrid.cost.tables import load_table
from edgehybrid.recipe import Recipe
from edgehybrid.report.document import row_numbers
from edgehybrid.report.origin import Entry
from edgehybrid.report.result_tables import BYTES_PER_KIB, measured_latency_ms

# Ratios are to the full-precision network as the paper counts it; others would not share its axes.
PAPER_NAMES = (PAPER.name, "paper")
PUBLISHED = "published"
# Which figure of the paper shows the same networks on the same data.
PAPER_FIGURES = {("resnet20", "cifar100"): "Figure 3", ("vgg19", "cifar100"): "Figure 4"}


@dataclass(frozen=True)
class Point:
    """One network: its accuracy in percent, and what it costs. None is what is not known, or not to be shown.

    Attributes:
        network: name of a recipe.
        format: of the flatbuffer; ``published`` for the paper's figures.
        energy_efficiency_fp, memory_compression_fp: ratios to the full-precision network; modelled, or published.
        size_kib, latency_ms: measured.
        place: device and threads that ``latency_ms`` was measured with.
    """

    network: str
    family: str
    dataset: str
    format: str
    top1_percent: float
    energy_efficiency_fp: float | None = None
    memory_compression_fp: float | None = None
    size_kib: float | None = None
    latency_ms: float | None = None
    place: str = ""

    @property
    def published(self) -> bool:
        """Whether the paper says so, and nobody measured it here."""
        return self.format == PUBLISHED


def measured_points(entries: Sequence[Entry]) -> tuple[list[Point], list[str]]:
    """A point for each row, and sentences about those that have none, or not in every panel."""
    points = []
    left_out: dict[str, list[int]] = {}

    @cache
    def reference(architecture: str, dataset: str) -> tuple[float, int]:
        full_precision, _ = references_of(recipes[architecture, dataset], PAPER, load_table(PAPER_NAMES[1]))
        return full_precision.energy_uj, full_precision.memory_bits

    recipes = {_family(entry.recipe): entry.recipe for entry in entries}
    for entry in entries:
        row, family = entry.row, _family(entry.recipe)
        if row.verdict == "invalid":
            left_out.setdefault("In no plot, because the verdict is invalid", []).append(entry.number)
            continue
        if row.top1_percent is None:
            left_out.setdefault("In no plot, because the accuracy is not known", []).append(entry.number)
            continue
        energy = memory = None
        if row.energy_model_uj and row.memory_model_bits and (row.rules, row.table) == PAPER_NAMES:
            energy_uj, memory_bits = reference(*family)
            energy, memory = energy_uj / row.energy_model_uj, memory_bits / row.memory_model_bits
        else:
            why = "Not drawn against modelled cost, which is not counted by the paper's rules and table"
            left_out.setdefault(why, []).append(entry.number)
        latency = measured_latency_ms(row, "median")
        if row.emulated:
            left_out.setdefault("Not drawn against latency, because the board was emulated", []).append(entry.number)
        points.append(
            Point(
                entry.recipe.name,
                *family,
                row.format,
                row.top1_percent,
                energy,
                memory,
                row.size_bytes / BYTES_PER_KIB,
                latency,
                f"{row.device}, {row.threads} thread{'' if row.threads == 1 else 's'}",
            )
        )
    return points, [f"{why}: #{row_numbers(numbers)}." for why, numbers in left_out.items()]


def published_points(recipes: Sequence[Recipe], entries: Sequence[Entry]) -> list[Point]:
    """The paper's points on the data of the entries, and its figure of each family among them."""
    shown = {_family(entry.recipe) for entry in entries}
    architectures = {architecture for architecture, _ in shown}
    shown |= {family for family in PAPER_FIGURES if family[0] in architectures}
    return [
        Point(
            recipe.name,
            *_family(recipe),
            PUBLISHED,
            figures.top1_percent,
            figures.energy_efficiency_fp,
            figures.memory_compression_fp,
        )
        for recipe in recipes
        if (figures := recipe.published) is not None and _family(recipe) in shown
    ]


def _family(recipe: Recipe) -> tuple[str, str]:
    return recipe.network.architecture, recipe.data.dataset
