"""The section ``data`` of a recipe, and what a network must know of each data set."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from edgehybrid.recipe.section import Deviations, Means, Section


class DatasetFacts(NamedTuple):
    """What a network must know of a data set: image side and channels, classes; and its normalisation."""

    image_side: int
    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


# Mean and standard deviation of [0, 1] pixels. Colour images: those of ImageNet, also for CIFAR, as in
# the first author's training code. Digits: of the 1,437 training images.
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DATASETS: Mapping[str, DatasetFacts] = {
    "digits": DatasetFacts(16, 1, 10, (0.305,), (0.33,)),
    "cifar10": DatasetFacts(32, 3, 10, _IMAGENET_MEAN, _IMAGENET_STD),
    "cifar100": DatasetFacts(32, 3, 100, _IMAGENET_MEAN, _IMAGENET_STD),
    "imagenet2012": DatasetFacts(224, 3, 1000, _IMAGENET_MEAN, _IMAGENET_STD),
}


class Data(Section):
    """Which images, from where, and how they are normalised: ``(pixel / 255 - mean) / std`` per channel."""

    # An editor must not ask for what the data set fills in.
    model_config = ConfigDict(json_schema_extra={"required": ["dataset"]})

    dataset: Literal["digits", "cifar10", "cifar100", "imagenet2012"]
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

    @field_validator("path")
    @classmethod
    def _no_folder_of_what_is_embedded(cls, path: str | None, others: ValidationInfo) -> str | None:
        if path is not None and others.data.get("dataset") == "digits":
            raise ValueError("'data.path' names a folder of images, and digits has its own; leave it out")
        return path

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
    def facts_of_dataset(self) -> Mapping[str, object]:
        """What the fields are where a recipe leaves them out."""
        return DATASETS[self.dataset]._asdict()

    @property
    def channels(self) -> int:
        """Colour channels of an image."""
        return DATASETS[self.dataset].channels
