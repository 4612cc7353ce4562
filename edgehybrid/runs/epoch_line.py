"""A line of metrics.jsonl: what one epoch of a training gave."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Line(BaseModel):
    # A figure may be infinite or NaN, such as a change since 0: written as null it could not be read again.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")

    def to_json(self) -> str:
        """The line, without what it does not have."""
        return self.model_dump_json(exclude_defaults=True)


class LayerHealth(_Line):
    """How a quantised layer fared. Percentages are 0 … 100; edgehybrid/training/health.py says what they mean."""

    sign_flip_percent: float
    dead_percent: float
    plus_one_percent: float
    constant_channel_percent: float
    alpha: float
    alpha_drift_percent: float


class Curvature(_Line):
    """One measurement of the curvature of the loss; edgehybrid/training/sharpness.py says what each figure is.

    Attributes:
        step: after how many steps of the training.
        seconds: that it took.
        stable_line: the eigenvalue beyond which steps along its eigenvector grow.
        preconditioned: whether eigenvalues are those of the Hessian as the optimizer scales it.
        sharpness: of the loss; None for networks with quantised layers, which have
        surrogate_sharpness: of the loss with smooth functions in place of quantisers;
        straight_through_curvature, straight_through_residual, straight_through_asymmetry: of the field of
            straight-through gradients, which is the gradient of no loss.
    """

    step: int
    seconds: float
    stable_line: float | None
    preconditioned: bool = False
    sharpness: float | None = None
    surrogate_sharpness: float | None = None
    straight_through_curvature: float | None = None
    straight_through_residual: float | None = None
    straight_through_asymmetry: float | None = None


class EpochLine(_Line):
    """One epoch. What has a default is missing in lines of trainings that have no such figure, or of earlier versions.

    Attributes:
        epoch: from 1.
        loss: mean over the training images.
        top1_train_percent: of the training images, as they were seen with the weights of that moment.
        top1_percent: of the test images, after the epoch; None where they were left alone.
        learning_rate: of the last step.
        images_per_second, seconds: of training, without evaluation.
        top1_validation_percent: of the images held out; None where none are, or they were left alone.
        left_out_images: that several workers could not share; 0 for one.
        health: by layer, in forward order.
        hints: what ``health`` suggests.
        curvature: measured in the epoch, if the recipe asks for it (``training.health.sharpness``).
    """

    epoch: int
    loss: float
    top1_train_percent: float
    learning_rate: float
    images_per_second: float
    top1_percent: float | None = None
    top1_validation_percent: float | None = None
    left_out_images: int = 0
    seconds: float
    health: dict[str, LayerHealth] = Field(default_factory=dict)
    hints: Annotated[tuple[str, ...], Field(strict=False)] = ()
    curvature: Annotated[tuple[Curvature, ...], Field(strict=False)] = ()

    def figures(self) -> "EpochLine":
        """The line without what it says of single layers and of the loss's curvature."""
        return self.model_copy(update={"health": {}, "hints": (), "curvature": ()})
