"""What stands beside a flatbuffer: where it comes from, what it holds, and how well it agrees with Keras."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgehybrid.census.formats import Format, Target
from edgehybrid.census.operators import CensusRow
from edgehybrid.errors import FlatbufferError
from edgehybrid.files import write_together
from edgehybrid.recipe import Recipe

# JSON knows lists only.
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class VerifiedWith(BaseModel):
    """What ran the flatbuffer when it was compared with Keras.

    Attributes:
        isa: instructions of the kernels; None where the runtime does not tell.
        delegated_nodes: nodes of the graph that the native runtime ran; None where another one did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    runtime: str
    isa: str | None
    threads: int | None
    delegated_nodes: int | None
    graph_nodes: int


class Sidecar(BaseModel):
    """The content of ``model.<format>.<target>.json``. Fields with a default may be missing; none may be added.

    Attributes:
        model: file name of the flatbuffer.
        packed_layers, float_layers: operators with 1-bit weights, with float32 weights.
        images: how many images flatbuffer and Keras were compared on.
        near_zero_flips: images whose logits differ because a quantiser's input lies at its threshold.
        verified_on: test images, or something in their place.
        verified_with: None in files of versions that did not tell.
        top1_drop_points: accuracy of Keras on them less that of the flatbuffer; None of a network that is not trained,
            and without test images.
        run: name of the run folder.
        twin: whether the file holds the run's full-precision twin, whose weights are not trained: it can be measured
            for its speed and size, and has no accuracy.
        recipe, recipe_sha256: of what the file holds; for a twin, of the twin.
        checkpoint_sha256: None for a twin.
        epochs: that the weights were trained for; 0 for a twin.
        source, source_sha256: file name and hash of a model of the user's own, of which there is no run, no recipe and
            no checkpoint; None for all others.
        tool_versions: by package name.
        layers: the operator, or operators, of each layer, under the names of edgehybrid/networks/parts.py.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())

    model: str
    model_sha256: str
    target: Target
    format: Format
    size_bytes: int
    packed_layers: int
    float_layers: int
    images: int
    top1_agreement_percent: float
    max_abs_difference: float
    near_zero_flips: int
    verified_on: Literal["test", "substitute"]
    warnings: Texts
    run: str | None
    recipe_sha256: str | None
    checkpoint_sha256: str | None
    epochs: int | None
    tool_versions: dict[str, str]
    layers: dict[str, CensusRow]
    recipe: Recipe | None
    twin: bool = False
    source: str | None = None
    source_sha256: str | None = None
    top1_drop_points: float | None = None
    verified_with: VerifiedWith | None = None

    @model_validator(mode="after")
    def _has_an_origin(self) -> Self:
        own = {"run", "recipe_sha256", "recipe", "epochs"} | (set() if self.twin else {"checkpoint_sha256"})
        needed = {"source_sha256"} if self.source is not None else own
        for name in ("checkpoint_sha256", "epochs", "recipe", "recipe_sha256", "run", "source_sha256"):
            if (getattr(self, name) is None) == (name in needed):
                raise ValueError(f"{name}: {'missing' if name in needed else 'not of this model'}")
        return self

    @property
    def name(self) -> str:
        """Of the recipe, or of the user's model."""
        return self.recipe.name if self.recipe is not None else Path(self.source or self.model).stem


def flatbuffer_name(file_format: Format, target: Target, twin: bool = False) -> str:
    """``model.<format>.<target>.tflite``, or ``model.twin_<format>.<target>.tflite``."""
    return f"model.{'twin_' if twin else ''}{file_format}.{target}.tflite"


def is_for(path: Path, machine: str) -> bool:
    """Whether the name of a flatbuffer says that it was made for a machine's architecture."""
    return path.suffixes[-2:-1] == [f".{machine}"]


def flatbuffers_in(folder: Path) -> list[Path]:
    """The flatbuffers of a run's own network in its folder, the newest first; those of its twin are asked for."""
    own = [path for path in folder.glob("model.*.tflite") if not path.name.startswith("model.twin_")]
    return sorted(own, key=lambda path: path.stat().st_mtime, reverse=True)


def sidecar_path(flatbuffer: Path) -> Path:
    """Where the sidecar of a flatbuffer lies."""
    return flatbuffer.with_suffix(".json")


def write_with_sidecar(folder: Path, content: bytes, sidecar: Sidecar) -> Path:
    """Writes a flatbuffer and its sidecar. Returns the flatbuffer's path.

    Raises:
        OSError: the disk is full or refuses.
    """
    path = folder / sidecar.model
    write_together({path: content, sidecar_path(path): sidecar.model_dump_json(indent=2).encode()})
    return path


def read_sidecar(flatbuffer: Path) -> Sidecar:
    """The sidecar of a flatbuffer.

    Raises:
        FlatbufferError: there is none, or it is damaged.
    """
    path = sidecar_path(flatbuffer)
    try:
        return Sidecar.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise FlatbufferError(
            "The model file has no sidecar, so its recipe and origin are unknown.",
            received=flatbuffer,
            allowed=f"a flatbuffer of 'edgehybrid convert', with {path.name} beside it",
        ) from error
    except (OSError, ValidationError) as error:
        raise FlatbufferError(
            f"The sidecar is damaged: {path}: {_first_line(error)}.",
            next_step="Convert the run again with --overwrite.",
        ) from error


def _first_line(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return str(error)
    problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"]))
    return f"{where}: {problem['msg']}" if where else problem["msg"]
