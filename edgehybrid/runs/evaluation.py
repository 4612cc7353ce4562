"""What ``evaluate`` found; for a flatbuffer kept beside it, for the rows of later benchmarks."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edgehybrid.errors import FlatbufferError, RunError
from edgehybrid.files import write_atomically
from edgehybrid.runs.artefact import Artefact


class Accuracy(BaseModel):
    """How many of the test images are classified rightly, and by what.

    Attributes:
        top5_percent: whose class is among the five largest logits; 100 for at most five classes.
        images: how many test images there are.
        images_per_second: of the network alone, without reading images.
        isa: instructions of the kernels that ran; None where the runtime does not tell.
        threads: that ran; None where the runtime does not tell.
        delegated_nodes: nodes of the graph that the native runtime ran; None where another one did.
        graph_nodes: nodes of the graph; None where there is no flatbuffer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())

    top1_percent: float
    top5_percent: float
    images: int
    images_per_second: float
    runtime: str
    isa: str | None = None
    threads: int | None = None
    delegated_nodes: int | None = None
    graph_nodes: int | None = None


class KerasEvaluation(Accuracy):
    """The accuracy of a run's Keras model. ``warnings`` are about the run."""

    run: str
    warnings: tuple[str, ...]


class Evaluation(Accuracy):
    """The accuracy of exactly the flatbuffer with this hash."""

    model: str
    model_sha256: str


def evaluation_file(flatbuffer: Path) -> Path:
    """Where the evaluation of a flatbuffer lies."""
    return flatbuffer.with_suffix(".evaluation.json")


def write_evaluation(flatbuffer: Path, evaluation: Evaluation) -> None:
    """Replaces the flatbuffer's evaluation.

    Raises:
        RunError: the disk is full or refuses; the evaluation before is untouched.
    """
    file = evaluation_file(flatbuffer)
    try:
        write_atomically(file, evaluation.model_dump_json(indent=2).encode())
    except OSError as error:
        raise RunError(
            f"The evaluation cannot be kept for later benchmarks: {error.strerror}.",
            received=file,
            next_step="Make room, or evaluate a copy of the run in a folder that can be written.",
        ) from error


def evaluation_of(artefact: Artefact) -> Evaluation | None:
    """What ``evaluate`` found for exactly this flatbuffer; None if it did not look at it.

    Raises:
        FlatbufferError: the file of ``evaluate`` is damaged.
    """
    file = evaluation_file(artefact.path)
    try:
        found = Evaluation.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise FlatbufferError(
            f"The evaluation is damaged: {file}: {error}.", next_step="Evaluate the flatbuffer again."
        ) from error
    return found if found.model_sha256 == artefact.sha256 else None
