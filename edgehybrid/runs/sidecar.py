"""What stands beside a flatbuffer: where it comes from, what it holds, and how well it agrees with Keras."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgehybrid.census.formats import Format
from edgehybrid.census.operators import CensusRow
from edgehybrid.errors import ModelFileError
from edgehybrid.files import write_together
from edgehybrid.recipe import Recipe

Target = Literal["aarch64", "x86_64"]
# JSON knows lists only.
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class Sidecar(BaseModel):
    """The content of ``model.<format>.<target>.json``. No field may be missing, and none may be added.

    Attributes:
        model: file name of the flatbuffer.
        packed_layers, float_layers: operators with 1-bit weights, with float32 weights.
        images: how many images flatbuffer and Keras were compared on.
        near_zero_flips: images whose logits differ because a quantiser's input lies at its threshold.
        verified_on: test images, or something in their place.
        run: name of the run folder.
        epochs: that the weights were trained for.
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
    run: str
    recipe_sha256: str
    checkpoint_sha256: str
    epochs: int
    tool_versions: dict[str, str]
    layers: dict[str, CensusRow]
    recipe: Recipe


def flatbuffer_name(file_format: Format, target: Target) -> str:
    """``model.<format>.<target>.tflite``."""
    return f"model.{file_format}.{target}.tflite"


def is_for(path: Path, machine: str) -> bool:
    """Whether the name of a flatbuffer says that it was made for a machine's architecture."""
    return path.suffixes[-2:-1] == [f".{machine}"]


def flatbuffers_in(folder: Path) -> list[Path]:
    """The flatbuffers of a run folder, the newest first."""
    return sorted(folder.glob("model.*.tflite"), key=lambda path: path.stat().st_mtime, reverse=True)


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
        ModelFileError: there is none, or it is damaged.
    """
    path = sidecar_path(flatbuffer)
    try:
        return Sidecar.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelFileError(
            "The model file has no sidecar, so its recipe and origin are unknown.",
            received=flatbuffer,
            allowed=f"a flatbuffer of 'edgehybrid convert', with {path.name} beside it",
        ) from error
    except (OSError, ValidationError) as error:
        raise ModelFileError(
            f"The sidecar is damaged: {path}: {_first_line(error)}.",
            next_step="Convert the run again with --overwrite.",
        ) from error


def _first_line(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return str(error)
    problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"]))
    return f"{where}: {problem['msg']}" if where else problem["msg"]
