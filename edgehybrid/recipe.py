"""Turns a YAML recipe into a frozen, fully resolved ``Recipe``. The grammar for users is recipes/README.md.

Unknown keys, wrong types and values out of range are refused with file, line and the nearest valid name.
``python -m edgehybrid.recipe`` prints the JSON Schema that editors use (recipes/schema.json).
"""

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgehybrid.errors import RecipeError
from edgehybrid.recipe_yaml import Path_, SourceTree, parse_scalar, read_yaml


class DatasetFacts(NamedTuple):
    """What a network must know of a data set: image side and channels, classes; and its normalisation."""

    image_side: int
    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


# Mean and standard deviation of [0, 1] pixels. Colour images: those of ImageNet, also for CIFAR-100, as in the
# first author's training code. Digits: of the 1,437 training images.
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DATASETS: Mapping[str, DatasetFacts] = {
    "digits": DatasetFacts(16, 1, 10, (0.305,), (0.33,)),
    "cifar100": DatasetFacts(32, 3, 100, _IMAGENET_MEAN, _IMAGENET_STD),
    "imagenet2012": DatasetFacts(224, 3, 1000, _IMAGENET_MEAN, _IMAGENET_STD),
}

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
# YAML knows lists only; a frozen recipe holds tuples.
Names = Annotated[tuple[str, ...], Field(strict=False)]
Epochs = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)]
Channels = Annotated[tuple[float, ...], Field(strict=False)]


class Section(BaseModel):
    """A part of a recipe: immutable, no unknown keys, no type coercion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(Section):
    """Which images, from where, and how they are normalised: ``(pixel / 255 - mean) / std`` per channel."""

    dataset: Literal["digits", "cifar100", "imagenet2012"]
    path: str | None = Field(None, description="folder of local arrays; null: EDGEHYBRID_DATA, then download")
    image_side: int = Field(ge=8, le=512, description="pixels; the default is the data set's own")
    mean: Channels = Field(description="one number a colour channel, in units of the [0, 1] pixel")
    std: Channels = Field(description="one number a colour channel, in units of the [0, 1] pixel")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_dataset(cls, values: Any) -> Any:
        facts = DATASETS.get(str(values.get("dataset"))) if isinstance(values, dict) else None
        if facts is None:
            return values
        return {"image_side": facts.image_side, "mean": facts.mean, "std": facts.std, **values}

    @model_validator(mode="after")
    def _one_number_a_channel(self) -> "Data":
        channels = DATASETS[self.dataset].channels
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) != channels:
                raise ValueError(f"{name} needs {channels} numbers, one a channel, and has {len(numbers)}")
        if min(self.std) <= 0:
            raise ValueError("std must be greater than 0")
        return self

    @property
    def channels(self) -> int:
        """Colour channels of an image."""
        return DATASETS[self.dataset].channels

    @property
    def classes(self) -> int:
        """Number of classes; labels are 0 … classes-1."""
        return DATASETS[self.dataset].classes


class Placement(Section):
    """Which layers are quantised, to how many bits, and which stay in full precision.

    Every layer that no selector of ``full_precision`` names is quantised. Selectors: ``all``, ``first``, ``last``,
    ``shortcuts`` (the 1×1 convolutions of residual connections), ``dense``, ``stage1`` … (the 3×3 convolutions of
    a stage) or the name of a layer.
    """

    full_precision: Names = Field(("first", "last"), description="selectors; all others are quantised")
    weight_bits: int = Field(1, ge=1, le=8, description="bits of the quantised weights")
    activation_bits: int = Field(1, ge=1, le=8, description="bits of the quantised activations")
    float_fraction: Fraction = Field(0.0, description="share of full-precision filters in each quantised conv")
    float_filter_input: Literal["real", "sign"] = Field(
        "real", description="what the full-precision filters of a split convolution read"
    )


class NetworkRecipe(Section):
    """Topology, width and precision."""

    architecture: Literal["resnet20", "vgg19"]
    width: Positive = Field(1.0, description="factor on the number of filters of every convolution")
    residual: bool = Field(False, description="vgg19: a residual connection every two convolutions (Hybrid-VGG A)")
    pad_value: Literal[0, 1] = Field(1, description="value around the image of a quantised convolution")
    placement: Placement = Placement()


class Sgd(Section):
    """Stochastic gradient descent with momentum; weight decay is added to the gradient, as in PyTorch."""

    kind: Literal["sgd"]
    learning_rate: Positive = 0.1
    momentum: Fraction = 0.9
    nesterov: bool = True


class Adam(Section):
    """Adam; weight decay is added to the gradient."""

    kind: Literal["adam"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7


class Constant(Section):
    """The learning rate of the optimizer, unchanged."""

    kind: Literal["constant"]


class Step(Section):
    """The learning rate times ``factor`` from the start of each listed epoch on (epochs count from 1)."""

    kind: Literal["step"]
    epochs: Epochs = (81, 122, 160)
    factor: Positive = 0.1


class Cosine(Section):
    """``lr · (1 + cos(π t / T)) / 2`` with t the step and T all steps of the training: ends at 0."""

    kind: Literal["cosine"]


class Augmentation(Section):
    """Random changes of training images."""

    crop_padding_pixels: int = Field(4, ge=0, le=64, description="zero border, then a random crop of the old size")
    horizontal_flip: bool = True


class LatentWeights(Section):
    """What is done to the real-valued weights behind quantised ones (Rastegari et al. 2016, released code)."""

    centre: bool = Field(True, description="subtract the mean over input channels after each step")
    clip: bool = Field(True, description="clip to [-1, 1] after each step")
    gradient_scale: Literal["xnor_net", "none"] = Field(
        "xnor_net", description="xnor_net: times (1 - 1/c_in)·n, n = weights of a filter"
    )


class Training(Section):
    """The defaults are the first author's published CIFAR ResNet recipe."""

    epochs: int = Field(199, ge=1)
    batch_size: int = Field(100, ge=1)
    seed: int = Field(2, ge=0, lt=2**31)
    optimizer: Annotated[Sgd | Adam, Field(discriminator="kind")] = Sgd(kind="sgd")
    schedule: Annotated[Constant | Step | Cosine, Field(discriminator="kind")] = Step(kind="step")
    weight_decay: NotNegative = Field(1e-5, description="L2 factor on every trainable variable")
    gradient_clip_norm: Positive | None = Field(None, description="bound on the global norm of the gradient")
    augmentation: Augmentation = Augmentation()
    latent_weights: LatentWeights = LatentWeights()

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, values: Any) -> Any:
        """``optimizer: {learning_rate: 0.05}`` changes the default optimizer, without naming it again."""
        if not isinstance(values, dict):
            return values
        kinds = {"optimizer": "sgd", "schedule": "step"}
        named = {
            key: {"kind": kind, **values[key]} for key, kind in kinds.items() if isinstance(values.get(key), dict)
        }
        return {**values, **named}


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

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_./]*$", description="the file's path below recipes/, no suffix")
    description: str
    published: Published | None = None
    data: Data
    network: NetworkRecipe
    training: Training = Training()

    def to_yaml(self) -> str:
        """The recipe with every default filled in."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

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
        path_or_name: a YAML file, or the name of a shipped recipe.
        overrides: ``dotted.path=value`` each, the value in YAML.

    Raises:
        RecipeError: unreadable file, unknown name or key, wrong type, value out of range.
    """
    path = _find(str(path_or_name))
    tree = read_yaml(path)
    for override in overrides:
        _apply_override(tree, override)
    try:
        return Recipe.model_validate(tree.data)
    except ValidationError as error:
        raise _explain(tree, error) from error


def _find(path_or_name: str) -> Path:
    path = Path(path_or_name)
    if path.is_file():
        return path
    shipped = recipes_folder() / f"{path_or_name}.yaml"
    if path.suffix not in (".yaml", ".yml") and shipped.is_file():
        return shipped
    nearest = difflib.get_close_matches(path_or_name, recipe_names(), n=1)
    raise RecipeError(
        "There is no such recipe.",
        received=path_or_name,
        allowed=f"a YAML file, or one of: {', '.join(recipe_names())}",
        next_step=f"Did you mean '{nearest[0]}'?" if nearest else None,
    )


def _apply_override(tree: SourceTree, override: str) -> None:
    dotted, equals, text = override.partition("=")
    keys = tuple(dotted.strip().split("."))
    if not equals or not all(keys):
        raise RecipeError(
            "An override is not of the form KEY=VALUE.", received=f"--set {override}",
            allowed="a dotted path and a YAML value, such as training.epochs=3",
        )  # fmt: skip
    node = tree.data
    for depth, key in enumerate(keys[:-1]):
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise RecipeError(
                f"'{'.'.join(keys[: depth + 1])}' is a value, not a section.", received=f"--set {override}"
            )
    value = parse_scalar(text, f"--set {override}")
    if keys[-1] == "kind" and node.get("kind") != value:
        # Another optimizer or schedule has other fields: the old ones must not linger.
        node.clear()
    node[keys[-1]] = value
    tree.places[keys] = f"--set {override}"


def _explain(tree: SourceTree, error: ValidationError) -> RecipeError:
    """The first complaint of pydantic, in the project's words, with the place it is about."""
    problem = error.errors()[0]
    path = _path_in_file(tree.data, problem["loc"])
    key, section = (str(path[-1]) if path else "recipe"), ".".join(map(str, path[:-1])) or "the recipe"
    if problem["type"] == "extra_forbidden":
        valid = list(_section_at(Recipe, problem["loc"][:-1]).model_fields)
        nearest = difflib.get_close_matches(key, valid, n=1)
        return RecipeError(
            f"{tree.place(path)}: unknown key '{key}' in {section}.",
            received=key,
            allowed=", ".join(valid),
            next_step=f"Did you mean '{nearest[0]}'?" if nearest else "Remove it, or see recipes/README.md.",
        )
    if problem["type"] == "missing":
        return RecipeError(
            f"{tree.place(path[:-1])}: key '{key}' is missing in {section}.",
            allowed=_allowed(problem), next_step=f"Add '{key}:'.",
        )  # fmt: skip
    return RecipeError(
        f"{tree.place(path)}: '{'.'.join(map(str, path))}' is not acceptable: {problem['msg']}.",
        received=repr(problem["input"]), allowed=_allowed(problem),
    )  # fmt: skip


def _allowed(problem: Any) -> str | None:
    context = problem.get("ctx", {})
    bounds = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [f"{sign} {context[name]}" for name, sign in bounds.items() if name in context]
    return " and ".join(limits) or context.get("expected") or context.get("expected_tags")


def _path_in_file(data: Any, location: Sequence[int | str]) -> Path_:
    """``location`` without the tags that pydantic inserts for optimizer and schedule kinds."""
    path: list[int | str] = []
    node = data
    for index, part in enumerate(location):
        is_tag = isinstance(node, dict) and part not in node and node.get("kind") == part
        if is_tag and index < len(location):
            continue
        path.append(part)
        inside = (isinstance(node, dict) and part in node) or (isinstance(node, list) and isinstance(part, int))
        node = node[part] if inside else None
    return tuple(path)


def _section_at(section: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel]:
    """The model class that ``location`` (tags included) leads to."""
    kinds = {"sgd": Sgd, "adam": Adam, "constant": Constant, "step": Step, "cosine": Cosine}
    for part in location:
        if part in kinds:
            section = kinds[str(part)]
        elif (annotation := section.model_fields[str(part)].annotation) is not None:
            inner = [a for a in getattr(annotation, "__args__", (annotation,)) if isinstance(a, type)]
            section = next((a for a in inner if issubclass(a, BaseModel)), section)
    return section


if __name__ == "__main__":
    print(json.dumps(Recipe.model_json_schema(), indent=2))
