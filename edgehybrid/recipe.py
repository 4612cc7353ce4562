"""Turns a YAML recipe into a frozen, fully resolved ``Recipe``. The grammar for users is recipes/README.md.

Unknown keys, wrong types and values out of range are refused with file, line and the nearest valid name.
``python -m edgehybrid.recipe`` prints the JSON Schema that editors use (recipes/schema.json).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from edgehybrid.errors import RecipeError, did_you_mean
from edgehybrid.recipe_refusal import refusal_of
from edgehybrid.recipe_section import Deviations, Fraction, Means, Names, Positive, Section
from edgehybrid.recipe_training import DEFAULT_KINDS, Bop, Training
from edgehybrid.recipe_yaml import apply_override, dump_yaml, read_yaml


class DatasetFacts(NamedTuple):
    """What a network must know of a data set: image side and channels, classes; and its normalisation."""

    image_side: int
    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


# Mean and standard deviation of [0, 1] pixels. Colour images: those of ImageNet, also for CIFAR-100, as in
# the first author's training code. Digits: of the 1,437 training images.
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DATASETS: Mapping[str, DatasetFacts] = {
    "digits": DatasetFacts(16, 1, 10, (0.305,), (0.33,)),
    "cifar100": DatasetFacts(32, 3, 100, _IMAGENET_MEAN, _IMAGENET_STD),
    "imagenet2012": DatasetFacts(224, 3, 1000, _IMAGENET_MEAN, _IMAGENET_STD),
}


class Data(Section):
    """Which images, from where, and how they are normalised: ``(pixel / 255 - mean) / std`` per channel."""

    # An editor must not ask for what the data set fills in.
    model_config = ConfigDict(json_schema_extra={"required": ["dataset"]})

    dataset: Literal["digits", "cifar100", "imagenet2012"]
    path: str | None = Field(
        default=None, description="folder of arrays or of images; null: EDGEHYBRID_DATA, then download"
    )
    classes: int = Field(ge=2, le=100_000, description="imagenet2012 only: class folders of the images")
    validation_images: int = Field(
        default=0, ge=0, description="held out of the training images, as many of each class"
    )
    image_side: int = Field(ge=8, le=512, description="pixels; the default is the data set's own")
    mean: Means = Field(description="one number a colour channel, in units of the [0, 1] pixel")
    std: Deviations = Field(description="one number a colour channel, in units of the [0, 1] pixel")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_dataset(cls, values: Any) -> Any:
        facts = DATASETS.get(str(values.get("dataset"))) if isinstance(values, dict) else None
        if facts is None:
            return values
        known = {"classes": facts.classes, "image_side": facts.image_side, "mean": facts.mean, "std": facts.std}
        return {**known, **values}

    @field_validator("classes")
    @classmethod
    def _classes_of_the_data_set(cls, classes: int, others: ValidationInfo) -> int:
        # An invalid data set is missing here, and has its own complaint.
        dataset = others.data.get("dataset", "imagenet2012")
        if dataset != "imagenet2012" and classes != DATASETS[dataset].classes:
            raise ValueError(
                f"'data.classes' of {dataset} is {DATASETS[dataset].classes}, not {classes}; "
                "only imagenet2012 can have another number of classes"
            )
        return classes

    @field_validator("mean", "std")
    @classmethod
    def _one_number_a_channel(cls, numbers: tuple[float, ...], others: ValidationInfo) -> tuple[float, ...]:
        # An invalid data set is missing here, and has its own complaint.
        facts = DATASETS.get(others.data.get("dataset", ""))
        if facts is not None and len(numbers) != facts.channels:
            raise ValueError(
                f"'data.{others.field_name}' needs one number for each of the {facts.channels} colour "
                f"channels of {others.data['dataset']}, and has {len(numbers)}"
            )
        return numbers

    @property
    def channels(self) -> int:
        """Colour channels of an image."""
        return DATASETS[self.dataset].channels


class Placement(Section):
    """Which layers are quantised, to how many bits, and which stay in full precision.

    Every layer that no selector of ``full_precision`` names is quantised. Selectors: ``all``, ``first``,
    ``last``, ``shortcuts`` (the 1×1 convolutions of residual connections), ``dense``, ``stage1`` … (the 3×3
    convolutions of a stage but the first layer) or the name of a layer.
    """

    full_precision: Names = Field(default=("first", "last"), description="selectors; the other layers are quantised")
    weight_bits: int = Field(default=1, ge=1, le=8, description="bits of the quantised weights")
    activation_bits: int = Field(default=1, ge=1, le=8, description="bits of the quantised activations")
    float_fraction: Fraction = Field(
        default=0.0, description="share of full-precision filters in each quantised 3×3 convolution"
    )
    float_filter_input: Literal["real", "sign"] = Field(
        default="real", description="what the full-precision filters of a split convolution read"
    )


class NetworkRecipe(Section):
    """Topology, width and precision."""

    architecture: Literal["resnet20", "vgg19"]
    width: float = Field(default=1.0, gt=0, le=64, description="factor on the filters of every convolution")
    residual: bool = Field(
        default=False, description="vgg19: a residual connection every two convolutions (Hybrid-VGG A)"
    )
    shortcut: Literal["topology", "every_convolution"] = Field(
        default="topology", description="every_convolution: a shortcut round each convolution but the first"
    )
    activation: Literal["relu", "rprelu"] = Field(default="relu", description="what stands where a ReLU would")
    thresholds: Literal["zero", "learned"] = Field(
        default="zero", description="learned: each quantised layer first subtracts a learned number a channel"
    )
    standardise_weights: bool = Field(
        default=False, description="the quantiser of weights sees filters of zero mean and unit variance"
    )
    pad_value: int = Field(default=1, ge=0, le=1, description="value around the map that a quantised convolution reads")
    placement: Placement = Placement()


class Published(Section):
    """The figures that the paper prints for this network."""

    table: int = Field(ge=3, le=7)
    top1_percent: Positive
    energy_efficiency_fp: Positive
    energy_efficiency_xnor: Positive | None = None
    memory_compression_fp: Positive
    memory_compression_xnor: Positive | None = None


class Recipe(Section):
    """Everything that defines a trained network. Source: recipes/README.md."""

    # The name becomes part of a folder's name, so it must not climb out with "..".
    name: str = Field(pattern=r"^[a-z0-9_]+([./][a-z0-9_]+)*$", description="the file's path below recipes/, no suffix")
    description: str
    published: Published | None = None
    data: Data
    network: NetworkRecipe
    training: Training = Training()

    @model_validator(mode="after")
    def _standardised_weights_have_no_bound(self) -> "Recipe":
        """Clipping bounds the weights that the sign sees, and with them alpha; standardised ones have a fixed size."""
        if self.network.standardise_weights and self.training.latent_weights.clip:
            raise ValueError(
                "'network.standardise_weights' makes the size of latent weights mean nothing, so they cannot be "
                "clipped to [-1, 1] as well: set 'training.latent_weights.clip' to false"
            )
        return self

    @model_validator(mode="after")
    def _bop_trains_plain_signs(self) -> "Recipe":
        """Standardised, ±1 becomes ±1 less the filter's mean: the gradient ends for whichever sign is rarer."""
        if self.network.standardise_weights and isinstance(self.training.optimizer, Bop):
            raise ValueError(
                "'network.standardise_weights' must be false with 'training.optimizer.kind' bop, whose weights are +1 "
                "and -1: standardised, one of the two would get no gradient"
            )
        return self

    def to_yaml(self) -> str:
        """The recipe with every default filled in."""
        return dump_yaml(self.model_dump(mode="json"))

    @property
    def sha256(self) -> str:
        """Hash of the resolved recipe: equal for two files that mean the same."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def recipes_folder() -> Path:
    """Where the shipped recipes lie: inside the installed package, or beside it in a source checkout."""
    package = Path(__file__).parent
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    """Names of the shipped recipes, such as ``hybrid_res_a`` or ``imagenet/xnor_vgg``."""
    folder = recipes_folder()
    return sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.yaml"))


def load_recipe(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        path_or_name: a YAML file, or the name of a shipped recipe; a file goes first.
        overrides: ``dotted.path=value`` each, the value in YAML; of two for one key the later holds.

    Raises:
        RecipeError: unreadable file, unknown name or key, wrong type, value out of range.
    """
    path = _find(str(path_or_name))
    tree = read_yaml(path)
    for override in overrides:
        apply_override(tree, override, DEFAULT_KINDS)
    try:
        return Recipe.model_validate(tree.data)
    except ValidationError as error:
        raise refusal_of(error, tree, Recipe, DEFAULT_KINDS) from error


def _find(path_or_name: str) -> Path:
    path = Path(path_or_name)
    shipped = recipes_folder() / f"{path_or_name}.yaml"
    try:
        if path.is_file():
            return path
        if path.suffix not in (".yaml", ".yml") and shipped.is_file():
            return shipped
        beside = [str(other) for other in path.parent.glob("*.y*ml")]
    except OSError as error:
        raise RecipeError(f"A recipe cannot be opened: {error.strerror}.", received=path_or_name) from error
    raise RecipeError(
        "There is no such recipe.",
        received=path_or_name,
        allowed=f"a YAML file, or one of: {', '.join(recipe_names())}",
        next_step=did_you_mean(path_or_name, [*recipe_names(), *beside]),
    )


if __name__ == "__main__":
    print(json.dumps(Recipe.model_json_schema(), indent=2))
