"""The networks of the zoo, each flatbuffer with its accuracy, its size and what the paper's rules count for it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgehybrid.cost.recipe_cost import network_cost_of
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.evaluation import evaluation_of
from edgehybrid.runs.run_folder import open_run
from edgehybrid.runs.sidecar import flatbuffers_in
from edgehybrid.runs.zoo import PREFIX, format_order, zoo_names


@dataclass(frozen=True)
class ZooRow:
    """One flatbuffer.

    Attributes:
        model: what names it where a model is asked for.
        top1_percent: of all test images, through this flatbuffer.
        published_top1_percent: of the network in the paper; None where it is not of the paper.
        energy_model_uj, memory_model_bits: of an inference and of the weights, by the paper's rules; None for int8,
            which they do not know.
    """

    model: str
    format: str
    dataset: str
    epochs: int
    top1_percent: float | None
    published_top1_percent: float | None
    size_bytes: int
    energy_model_uj: float | None
    memory_model_bits: int | None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def zoo_rows() -> list[ZooRow]:
    """A row for each flatbuffer, by name; the format that ``zoo:NAME`` means comes first.

    Raises:
        EdgehybridError: a damaged file.
    """
    return [row for name, folder in zoo_names().items() for row in _rows(name, folder)]


def _rows(name: str, folder: Path) -> list[ZooRow]:
    run = open_run(folder)
    cost = network_cost_of(run.recipe)
    published = run.recipe.published
    found: list[ZooRow] = []
    for path in sorted(flatbuffers_in(run.path), key=format_order):
        # Those of one format for several processors differ in nothing that stands here.
        artefact = open_artefact(path)
        if any(row.format == artefact.sidecar.format for row in found):
            continue
        evaluation, is_int8 = evaluation_of(artefact), artefact.sidecar.format == "int8"
        found.append(
            ZooRow(
                model=f"{PREFIX}{name}" + (f":{artefact.sidecar.format}" if found else ""),
                format=artefact.sidecar.format,
                dataset=run.recipe.data.dataset,
                epochs=run.recipe.training.epochs,
                top1_percent=None if evaluation is None else evaluation.top1_percent,
                published_top1_percent=None if published is None else published.top1_percent,
                size_bytes=artefact.sidecar.size_bytes,
                energy_model_uj=None if is_int8 else round(cost.energy_uj, 3),
                memory_model_bits=None if is_int8 else cost.memory_bits,
            )
        )
    return found
