"""How curved the loss is where a training stands, beside the curvature at which its optimizer becomes unstable."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.source import Source
from edgehybrid.errors import UsageError
from edgehybrid.model.compat import tf
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.recipe.training import Sharpness, Training
from edgehybrid.runs.epoch_line import Curvature
from edgehybrid.training.curvature import Product, Vector, field_curvature, largest_eigenvalue
from edgehybrid.training.losses import loss_of_images
from edgehybrid.training.stable_line import stable_line
from edgehybrid.training.step import Batch, Trainer
from edgehybrid.training.surrogate import MeasuringPass, Quantise, smooth, straight_through

# The measurements of an epoch that is not finished, in a checkpoint.
MEMORY = "curvature"
Loss = Callable[[Any, Any], Any]


class LossOnBatches:
    """A loss on fixed batches as a function of variables: its gradient, and its Hessian times a vector.

    The loss is the mean over all images, ``sum over batches of loss(images, labels) / all images``. Vectors hold the
    numbers of all variables, one variable after the other, float32.

    Args:
        loss: the sum over the images of a batch; with second derivatives, where ``hessian_times`` is called.
        variables: that it depends on.
        batches: images and labels. Each size is compiled once.
    """

    def __init__(self, loss: Loss, variables: Sequence[Any], batches: Sequence[Batch]) -> None:
        self._loss, self._variables, self._batches = loss, variables, batches
        self._images = sum(len(labels) for _, labels in batches)
        self._compiled_gradient = tf.function(self._gradient, autograph=False)
        self._compiled_product = tf.function(self._product, autograph=False)

    def gradient(self) -> Vector:
        """Of the mean loss."""
        return self._mean(self._compiled_gradient(*batch) for batch in self._batches)

    def hessian_times(self, vector: Vector) -> Vector:
        """Hv, by a gradient of g'v with g the gradient (Pearlmutter 1994): exact, in the time of some gradients."""
        tensors = unflattened(vector, self._variables)
        return self._mean(self._compiled_product(*batch, tensors) for batch in self._batches)

    def jacobian_times(self, vector: Vector, length: float) -> Vector:
        """The gradient's change along a vector v, ``(g(w + εv) - g(w - εv)) / 2ε`` with ``ε = length / ‖v‖``.

        For a smooth loss that is Hv but for ε². The variables are afterwards what they were.
        """
        norm = float(np.linalg.norm(vector))
        if norm == 0 or not np.isfinite(norm):
            return vector
        epsilon = length / norm
        before = [tf.identity(variable) for variable in self._variables]
        steps = unflattened(vector, self._variables)
        try:
            sides = []
            for sign in (1, -1):
                for variable, value, step in zip(self._variables, before, steps, strict=True):
                    variable.assign(value + sign * epsilon * step)
                sides.append(self.gradient())
        finally:
            for variable, value in zip(self._variables, before, strict=True):
                variable.assign(value)
        return (sides[0] - sides[1]) / np.float32(2 * epsilon)

    def _mean(self, sums: Iterator[Any]) -> Vector:
        """float32: TensorFlow's precision is no better, and networks have many weights."""
        total = np.zeros(sum(int(np.prod(v.shape)) for v in self._variables), np.float32)
        for parts in sums:
            total += flattened(parts)
        return total / np.float32(self._images)

    def _gradient(self, images: Any, labels: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            loss = self._loss(images, labels)
        return tape.gradient(loss, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _product(self, images: Any, labels: Any, vector: Sequence[Any]) -> list[Any]:
        with tf.GradientTape() as tape:
            gradient = self._gradient(images, labels)
            along = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(gradient, vector, strict=True)])
        return tape.gradient(along, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)


class SharpnessMonitor:
    r"""Measures the curvature of a training's loss every few steps.

    The loss is that of ``loss_of_images`` on fixed training images, not augmented, in batches of as many as a step
    computes at once: BatchNorm couples the images of a batch, and its mean and variance are part of what a step
    descends. With frozen averages it would be another function, with another Hessian. Weight decay is a part of the
    step here, so its λ/2 ‖w‖² is a part of the loss; λ is that of the last step.

    Where a step multiplies gradients with numbers s > 0 of their own, Adam's or the scale of latent weights, it
    descends in ``w / √s`` as plain gradient descent would. So eigenvalues are those of the Hessian there, ``√S H √S``:
    the same as of SH, but symmetric. The figures are then marked ``preconditioned``.

    - ``sharpness``: the largest eigenvalue, by Lanczos, of a network without quantised layers.
    - ``surrogate_sharpness``: the same of the loss with tanh(k·x) in the place of signs, and clips in that of other
      quantisers. A smooth loss of its own: the network's has jumps where weights change sign, and is flat between.
    - ``straight_through_*``: ``field_curvature`` of the field of gradients that steps follow, differences of which over
      a displacement stand for derivatives. The field is not the gradient of any loss, so its matrix is not symmetric;
      the asymmetry says by how much, and where it is not near 0, the curvature is no eigenvalue of a Hessian.

    What the stable line leaves out: the noise of batches (it is that of full-batch descent; with small batches
    sharpness stays below), ``gradient_clip_norm``, and centring and clipping of latent weights.

    Its memory, the measurements of the epoch, is a part of the checkpoint.

    Source: Cohen et al. 2021 (arXiv:2103.00065) for networks in full precision; the other figures are ours.
    """

    def __init__(self, settings: Sharpness, trainer: Trainer, source: Source) -> None:
        self._settings, self._trainer = settings, trainer
        self._measured: list[Curvature] = []
        training = trainer.training
        at_once = training.batch_size // training.gradient_accumulation
        batches = [
            (tf.constant(images), tf.constant(labels))
            for images, labels in source.evaluation_batches("training", at_once, settings.images)
        ]
        self._has_quantised = any(isinstance(layer, ScaledQuantConv2D) for layer in trainer.model.layers)
        quantise = smooth(settings.surrogate_slope) if self._has_quantised else straight_through
        self._smooth = LossOnBatches(self._loss(quantise), trainer.variables, batches)
        self._steps = LossOnBatches(self._loss(straight_through), trainer.variables, batches)

    @property
    def memory(self) -> dict[str, NDArray[Any]]:
        """The measurements since ``begin_epoch``, for a checkpoint."""
        return {MEMORY: np.array([line.to_json() for line in self._measured])} if self._measured else {}

    def remember(self, memory: dict[str, NDArray[Any]]) -> None:
        """Takes the measurements that ``memory`` gave before, if there were any."""
        self._measured = [Curvature.model_validate_json(str(text)) for text in memory.get(MEMORY, ())]

    def begin_epoch(self) -> None:
        """Forgets the measurements of the epoch before."""
        self._measured = []

    @property
    def measured(self) -> tuple[Curvature, ...]:
        """The measurements since ``begin_epoch``."""
        return tuple(self._measured)

    def after_step(self, step: int, learning_rate: float, weight_decay: float) -> None:
        """Measures, if it is time to.

        Args:
            step: how many the training has done.
            learning_rate, weight_decay: of the last one.
        """
        if step % self._settings.every_steps:
            return
        began = time.monotonic()
        scales = flattened(self._trainer.gradient_scales())
        figures = self._figures(scales, weight_decay)
        self._measured.append(
            Curvature(
                step=step,
                seconds=round(time.monotonic() - began, 3),
                stable_line=stable_line(self._trainer.training.optimizer, learning_rate),
                preconditioned=bool((scales != 1).any()),
                **figures,
            )
        )

    def _figures(self, scales: Vector, weight_decay: float) -> dict[str, float]:
        variables, seed = self._trainer.variables, self._trainer.training.seed
        decays = [tf.fill(v.shape, weight_decay * self._trainer.decays(v)) for v in variables]
        roots, decay_scaled = np.sqrt(scales), scales * flattened(decays)

        def as_stepped(product: Product) -> Product:
            return lambda vector: roots * product(roots * vector) + decay_scaled * vector

        of_loss = as_stepped(self._smooth.hessian_times)
        if not self._has_quantised:
            return {"sharpness": largest_eigenvalue(of_loss, len(scales), seed)}
        figures = {}
        if self._settings.of_signs != "straight_through":
            figures["surrogate_sharpness"] = largest_eigenvalue(of_loss, len(scales), seed)
        if self._settings.of_signs != "surrogate":
            length = self._settings.displacement * float(np.linalg.norm(flattened(variables)))
            of_field = as_stepped(lambda vector: self._steps.jacobian_times(vector, length))
            found = field_curvature(of_field, len(scales), seed)
            figures |= {f"straight_through_{name}": value for name, value in found._asdict().items()}
        return figures

    def _loss(self, quantise: Quantise) -> Loss:
        trainer = self._trainer
        forward = MeasuringPass(trainer.model, quantise)

        def loss(images: Any, labels: Any) -> Any:
            teacher_logits = None if trainer.teacher is None else trainer.teacher(images, training=False)
            return tf.reduce_sum(loss_of_images(trainer.training, forward(images), labels, teacher_logits))

        return loss


def check_measurable(training: Training, source: Source, copies: int) -> None:
    """Refuses to measure sharpness where it could not be.

    Args:
        copies: of the model, in all processes.

    Raises:
        UsageError: several copies, more images than there are, or fewer steps than from one measurement to the next.
    """
    settings = training.health.sharpness
    if settings is None:
        return
    if copies > 1:
        raise UsageError(
            "Sharpness is measured by one process with one copy of the model.",
            received=f"training.health.sharpness, and {copies} copies",
            allowed="--strategy one, which is the default",
            next_step="Train with one copy, or with --set training.health.sharpness=null.",
        )
    if settings.images > source.training_images:
        raise UsageError(
            "Sharpness is to be measured on more images than are trained on.",
            received=f"training.health.sharpness.images {settings.images}",
            allowed=f"1 … {source.training_images}",
            next_step=f"--set training.health.sharpness.images={source.training_images}",
        )
    steps = training.epochs * source.steps(training.batch_size)
    if settings.every_steps > steps:
        raise UsageError(
            "The training ends before sharpness would be measured.",
            received=f"training.health.sharpness.every_steps {settings.every_steps}",
            allowed=f"1 … {steps}, the steps of {training.epochs} epochs",
            next_step=f"--set training.health.sharpness.every_steps={source.steps(training.batch_size)} measures once "
            "an epoch.",
        )


def flattened(tensors: Sequence[Any]) -> Vector:
    """The numbers of all tensors, one after the other, float32."""
    return np.concatenate([np.asarray(tensor, np.float32).ravel() for tensor in tensors])


def unflattened(vector: Vector, like: Sequence[Any]) -> list[Any]:
    """What ``flattened`` took apart: tensors of the shapes of ``like``."""
    ends = np.cumsum([int(np.prod(tensor.shape)) for tensor in like])
    parts = np.split(np.asarray(vector, np.float32), ends[:-1])
    return [tf.constant(part.reshape(tensor.shape)) for part, tensor in zip(parts, like, strict=True)]
