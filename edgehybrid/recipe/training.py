"""The section ``training`` of a recipe and all below it. What carries it out is in training/ and data/augment.py."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edgehybrid.recipe.section import Epochs, Fraction, NotNegative, Positive, Section
from edgehybrid.recipe.yaml_source import Path_


class Sgd(Section):
    """Stochastic gradient descent with momentum; weight decay is added to the gradient, as in PyTorch.

    Source: Sutskever et al. 2013, section 2, for Nesterov's form.
    """

    kind: Literal["sgd"] = "sgd"
    learning_rate: Positive = 0.1
    momentum: Fraction = 0.9
    nesterov: bool = True


class Adam(Section):
    """Adam; weight decay is added to the gradient.

    Source: Kingma and Ba 2015 (arXiv:1412.6980), Algorithm 1.
    """

    kind: Literal["adam"]
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7


class Bop(Section):
    """Binary optimizer: the 1-bit weights themselves are trained, without real-valued ones behind them.

    A running mean m of the gradient, ``m + gamma·(g - m)``, flips a weight w where ``m·w`` exceeds the threshold. All
    other variables are trained by Adam with ``learning_rate``; only they feel it, the schedule and ``weight_decay``.
    ``latent_weights`` are those of layers with more than 1 bit, for the 1-bit weights have none.
    Source: Helwegen et al. 2019, Algorithm 1; larq's Bop.
    """

    kind: Literal["bop"]
    learning_rate: Positive = 1e-3
    # Not 0: larq's Bop then sets every weight that has no gradient to +1.
    threshold: Positive = 1e-8
    gamma: Fraction = 1e-4


class Constant(Section):
    """The learning rate of the optimizer, unchanged."""

    kind: Literal["constant"]


class Step(Section):
    """The learning rate times ``factor`` from the start of each listed epoch on (epochs count from 1).

    Source: the first author's training code; He et al. 2016 (arXiv:1512.03385), section 4.2, has the form.
    """

    kind: Literal["step"] = "step"
    epochs: Epochs = (81, 122, 160)
    factor: Positive = 0.1


class Cosine(Section):
    """``lr · (1 + cos(π t / T)) / 2`` with t the step and T all steps of the training: ends at 0.

    Source: Loshchilov and Hutter 2017 (arXiv:1608.03983), equation 5, without restarts.
    """

    kind: Literal["cosine"]


class Linear(Section):
    """``lr · (1 - t / T)`` with t the step and T all steps of the training: ends at 0.

    Source: Liu et al. 2021 (AdamBNN, arXiv:2106.11309) train binary networks with it.
    """

    kind: Literal["linear"]


class InverseTime(Section):
    """``lr · f / (1 + decay · t)`` with t the step, from 0, and f what the listed epochs (counted from 1) make of it.

    An epoch that begins at step s multiplies f by ``factor / (1 + decay · s)``: the rate that has decayed until then
    becomes the new lr, and decays as if it were the first one.

    Source: the released training code of Moons et al. 2017 (arXiv:1711.00215); the decay is that of Keras' optimizers.
    """

    kind: Literal["inverse_time"]
    decay: NotNegative = 2.5e-5
    epochs: Epochs = ()
    factor: Positive = 0.1


class WeightDecaySchedule(Section):
    """``weight_decay`` times ``factor`` from the start of each listed epoch on (epochs count from 1)."""

    epochs: Epochs
    factor: NotNegative = Field(description="more than 1: stronger; 0: none from the first listed epoch on")


class Distillation(Section):
    """A trained run as the teacher of this one.

    Loss: ``(1 - w)·CE(labels, z) + w·τ²·KL(softmax(z_teacher / τ) || softmax(z / τ))``, z the logits.
    Source: Hinton et al. 2015; with w = 1 and τ = 1 the distributional loss of Liu et al. 2020 (ReActNet).
    """

    teacher: str = Field(description="run folder, or its name in the folder of runs")
    weight: Fraction = Field(default=0.9, description="w: the teacher's part of the loss")
    temperature: Positive = Field(default=4.0, description="τ")


class PaddedCrop(Section):
    """A zero border, then a random crop of the old size: the usual one for CIFAR."""

    kind: Literal["padded"] = "padded"
    crop_padding_pixels: int = Field(
        default=4, ge=0, le=64, description="zero border, then a random crop of the old size"
    )
    horizontal_flip: bool = True


class RandomResizedCrop(Section):
    """A random part of the image, resized: the usual one for ImageNet (Szegedy et al. 2015, section 6)."""

    kind: Literal["random_resized"]
    least_area: float = Field(
        default=0.08, gt=0, le=1, description="of the crop, as a share of the image's; the most is 1"
    )
    largest_aspect: float = Field(
        default=4 / 3, ge=1, description="of width to height of the crop; the smallest is its inverse"
    )
    horizontal_flip: bool = True


Augmentation = PaddedCrop | RandomResizedCrop


class LatentWeights(Section):
    """What is done to the real-valued weights behind quantised ones (Rastegari et al. 2016, their code)."""

    centre: bool = Field(default=True, description="subtract the mean over input channels after each step")
    clip: bool = Field(default=True, description="clip to [-1, 1] after each step")
    gradient_scale: Literal["xnor_net", "none"] = Field(
        default="xnor_net", description="xnor_net: times (1 - 1/c_in)·n, n = weights of a filter"
    )
    gradient_factor: Positive = Field(default=1.0, description="times this number, besides gradient_scale")


class Sharpness(Section):
    """The largest eigenvalue of the loss' Hessian, measured while training; edgehybrid/training/sharpness.py says how.

    Source: Cohen et al. 2021 (arXiv:2103.00065).
    """

    every_steps: int = Field(ge=1, description="steps from one measurement to the next")
    images: int = Field(default=1000, ge=1, description="training images, always the same ones, not augmented")
    of_signs: Literal["surrogate", "straight_through", "both"] = Field(
        default="both", description="what is measured of a network with quantised layers, which has no Hessian"
    )
    surrogate_slope: Positive = Field(default=2.0, description="k of tanh(k x), which stands for the sign")
    displacement: Positive = Field(
        default=1e-2, description="of straight_through: difference of weights, as a share of their norm"
    )


class Health(Section):
    """What is measured while training, besides what every training measures."""

    sharpness: Sharpness | None = Field(default=None, description="null: not measured")


# The sections whose fields depend on their ``kind``, and the kind of one that names none.
DEFAULT_KINDS: Mapping[Path_, str] = {
    ("training", "optimizer"): "sgd",
    ("training", "schedule"): "step",
    ("training", "augmentation"): "padded",
}


class Training(Section):
    """The defaults are the first author's published CIFAR ResNet recipe."""

    epochs: int = Field(default=199, ge=1)
    batch_size: int = Field(default=100, ge=1)
    seed: int = Field(default=2, ge=0, lt=2**31)
    optimizer: Annotated[Sgd | Adam | Bop, Field(discriminator="kind")] = Sgd()
    schedule: Annotated[Constant | Step | Linear | Cosine | InverseTime, Field(discriminator="kind")] = Step()
    warm_up_epochs: NotNegative = Field(
        default=0.0, description="the learning rate grows from 0 over so many epochs (Goyal et al. 2017, section 2.2)"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the maps in training and what convolutions multiply; all else is float32"
    )
    memory: Literal["standard", "low"] = Field(
        default="standard",
        description="low: bits in place of maps, and 1-bit gradients of 1-bit weights, which gradient_scale leaves "
        "alone (Wang et al. 2021)",
    )
    weight_decay: NotNegative = Field(default=1e-5, description="L2 factor on trainable variables")
    weight_decay_on: Literal["all", "kernels"] = Field(
        default="all",
        description="kernels: on the weights of convolutions and dense layers only (He et al. 2019, section 3.1)",
    )
    weight_decay_schedule: WeightDecaySchedule | None = Field(
        default=None, description="null: the same weight decay in every epoch"
    )
    gradient_clip_norm: Positive | None = Field(
        default=None, description="bound on the global norm of the gradient; null: none"
    )
    gradient_accumulation: int = Field(
        default=1, ge=1, description="parts that a batch is computed in, to save memory; BatchNorm sees a part"
    )
    loss: Literal["cross_entropy", "squared_hinge"] = Field(
        default="cross_entropy", description="squared_hinge: of targets +1 for the label and -1 for all other classes"
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of the label that goes to all classes alike (Szegedy et al. 2016, section 7)"
    )
    distillation: Distillation | None = None
    start_from: str | None = Field(
        default=None, description="run whose weights are the first ones: the second of two stages"
    )
    batch_norm_images: int = Field(
        default=0, ge=0, description="training images that BatchNorm's averages are taken of anew after the last epoch"
    )
    augmentation: Annotated[Augmentation, Field(discriminator="kind")] = PaddedCrop()
    latent_weights: LatentWeights = LatentWeights()
    health: Health = Health()
    checkpoint_minutes: NotNegative = Field(
        default=10.0, description="minutes between checkpoints inside an epoch; 0: after every step"
    )
    deterministic: bool = Field(default=False, description="bit-identical weights for one seed on one machine; slower")

    @model_validator(mode="after")
    def _parts_fit_the_batch(self) -> "Training":
        if self.batch_size % self.gradient_accumulation:
            raise ValueError(
                f"'training.gradient_accumulation' must divide training.batch_size: {self.batch_size} images are not "
                f"{self.gradient_accumulation} equal parts"
            )
        return self

    @model_validator(mode="after")
    def _hinges_have_no_probabilities(self) -> "Training":
        if self.loss == "squared_hinge" and (self.label_smoothing or self.distillation is not None):
            field = "label_smoothing" if self.label_smoothing else "distillation"
            raise ValueError(
                f"'training.{field}' is about probabilities of classes, which 'training.loss' squared_hinge does not "
                "have; leave it out, or choose cross_entropy"
            )
        return self

    @model_validator(mode="after")
    def _low_memory_alone(self) -> "Training":
        if self.memory == "standard":
            return self
        for field, is_other, allowed, reason in (
            ("precision", self.precision != "float32", "float32", "its maps have 16 bits already"),
            (
                "optimizer.kind",
                isinstance(self.optimizer, Bop),
                "sgd or adam",
                "Bop needs a gradient's size, not a sign",
            ),
            (
                "latent_weights.gradient_factor",
                self.latent_weights.gradient_factor != 1,
                "1",
                "its gradients are signs",
            ),
            ("deterministic", self.deterministic, "false", "the walk over its nodes was never compared bit by bit"),
            ("gradient_accumulation", self.gradient_accumulation > 1, "1", "the sign of a sum needs the whole batch"),
            ("batch_norm_images", self.batch_norm_images > 0, "0", "its BatchNorm knows no variance"),
            ("start_from", self.start_from is not None, "null", "its BatchNorm is another, without a slope"),
            ("health.sharpness", self.health.sharpness is not None, "null", "its gradients are no derivatives"),
        ):
            if is_other:
                raise ValueError(f"'training.{field}' must be {allowed} with training.memory low: {reason}")
        return self

    @model_validator(mode="after")
    def _bop_descends_no_gradient(self) -> "Training":
        if self.health.sharpness is not None and isinstance(self.optimizer, Bop):
            raise ValueError(
                "'training.health.sharpness' must be null with 'training.optimizer.kind' bop: weights that flip do not "
                "descend a gradient, so there is no sharpness at which they become unstable; choose sgd or adam"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, values: Any) -> Any:
        """``optimizer: {learning_rate: 0.05}`` changes the default optimizer, without naming it again."""
        if not isinstance(values, dict):
            return values
        kinds = {path[-1]: kind for path, kind in DEFAULT_KINDS.items()}
        sections = {key: values[key] for key in kinds if isinstance(values.get(key), dict)}
        return {**values, **{key: {"kind": kinds[key], **section} for key, section in sections.items()}}
