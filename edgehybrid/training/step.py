"""Model, optimizer, and the compiled training step."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from edgehybrid.model.build import build_model
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.layers import LatentConv2D, centred, xnor_net_gradient_scale
from edgehybrid.model.variables import values_of
from edgehybrid.networks import network_of
from edgehybrid.recipe import Recipe
from edgehybrid.recipe.training import Bop
from edgehybrid.runs.checkpoint import Values
from edgehybrid.training.earlier_run import take_weights
from edgehybrid.training.forward import ForwardPass
from edgehybrid.training.losses import loss_of_images
from edgehybrid.training.optimizers import Optimizer

Batch = tuple[Any, Any]


class Wish(IntEnum):
    """What a worker would like done after a step. Workers agree by the largest: a checkpoint takes all of them."""

    NOTHING = 0
    SAVE = 1
    STOP = 1000


class StepResult(NamedTuple):
    """Sums over the images of one batch.

    ``finite`` is false if the loss, or the norm of all gradients together, was not a finite float32. With one copy of
    the model, weights and optimizer are then as before; BatchNorm's averages have seen the batch.
    """

    loss_sum: float
    correct: int
    images: int
    finite: bool


class Trainer:
    """Trains the network of a recipe, batch by batch.

    Args:
        strategy: where the model's copies are; each computes its part of every batch.
        teacher: the Keras model to distil from, if the recipe names one.
        first_stage: the Keras model to start from, if the recipe names one.

    Attributes:
        latent: the real-valued weights behind quantised ones, by layer. What Bop trains is not among them.
        flipped: the 1-bit weights that Bop trains, by layer; +1 or -1 from the start.
    """

    def __init__(
        self, recipe: Recipe, strategy: Any | None = None, teacher: Any | None = None, first_stage: Any | None = None
    ) -> None:
        self.training = recipe.training
        self.strategy = strategy or tf.distribute.get_strategy()
        self.teacher = teacher
        keras.utils.set_random_seed(self.training.seed)
        with self.strategy.scope():
            network = network_of(recipe)
            self.model = build_model(network, synchronized=self.strategy.num_replicas_in_sync > 1)
            self.forward = ForwardPass(self.model, self.training.precision)
            if first_stage is not None:
                take_weights(self.model, first_stage)
            self.variables = [getattr(v, "latent_variable", v) for v in self.model.trainable_variables]
            if self.training.memory == "low":
                # Its BatchNorm has no slope: gamma stays 1.
                slopes = {id(layer.gamma) for layer in self.model.layers if hasattr(layer, "gamma")}
                self.variables = [v for v in self.variables if id(v) not in slopes]
            quantised = [layer for layer in self.model.layers if isinstance(layer, LatentConv2D)]
            self.latent = {layer.name: layer.latent_kernel for layer in quantised}
            self.flipped = {}
            if isinstance(self.training.optimizer, Bop):
                one_bit = [layer.name for layer in quantised if layer.kernel_quantizer.precision == 1]
                self.flipped = {name: self.latent.pop(name) for name in one_bit}
            for kernel in self.flipped.values():
                kernel.assign(tf.where(kernel >= 0, 1.0, -1.0))
            self.optimizer = Optimizer(self.training.optimizer, self.variables, [*self.flipped.values()])
        factor = self.training.latent_weights.gradient_factor
        self._scales = {id(kernel): factor for kernel in self.latent.values()} if factor != 1 else {}
        # A 1-bit gradient has a size of its own.
        if self.training.latent_weights.gradient_scale == "xnor_net" and self.training.memory == "standard":
            self._scales = {
                id(kernel): factor * xnor_net_gradient_scale(tuple(kernel.shape)) for kernel in self.latent.values()
            }
        self._flipped_ids = {id(kernel) for kernel in self.flipped.values()}
        self._decayed_ids = {id(variable) for variable in self._decayed()}
        # One graph for each size of batch, and never one for any size: which of the two a batch meets would depend on
        # where a resumed epoch begins, and they differ in the last bit.
        self._compiled = tf.function(self._distributed_step, autograph=False)
        if self.training.memory == "low":
            # Imported here: who does not switch it on loads nothing of it.
            from edgehybrid.training.low_memory import LowMemoryStep

            self._compiled = LowMemoryStep(self, network)

    def step(
        self, parts: Sequence[Batch], learning_rate: float, weight_decay: float, wish: Wish
    ) -> tuple[StepResult, Wish]:
        """One batch: gradients, weights, latent weights.

        Args:
            parts: of the batch, equal ones, for each copy of the model in this process: images, float32
                (n, side, side, channels), and labels, int64 (n,).
            learning_rate, weight_decay: of this step (``edgehybrid.training.schedules``).

        Returns:
            sums over the whole batch, and what the workers agree on.
        """
        self.optimizer.learning_rate.assign(learning_rate)
        loss_sum, correct, count, wishes, finite = self._compiled(
            *self._on_replicas(parts), tf.constant(weight_decay, tf.float32), tf.constant(int(wish))
        )
        agreed = Wish.STOP if wishes >= Wish.STOP else Wish.SAVE if wishes else Wish.NOTHING
        return StepResult(float(loss_sum), int(correct), int(count), bool(finite)), agreed

    def values(self) -> Values:
        """All variables, for a checkpoint. Every worker must call it: it reads BatchNorm's averages of all copies."""
        return values_of(self.model, self.optimizer)

    def gradient_scales(self) -> list[Any]:
        """What a step multiplies the gradient of each variable with, besides the learning rate; not for Bop."""
        of_optimizer = self.optimizer.gradient_scales()
        return [self._scales.get(id(v), 1.0) * scale for v, scale in zip(self.variables, of_optimizer, strict=True)]

    def decays(self, variable: Any) -> bool:
        """Whether weight decay acts on a variable."""
        return id(variable) in self._decayed_ids

    def _decayed(self) -> list[Any]:
        """The variables that weight decay acts on. None, if it is 0: no schedule makes another number of that."""
        if not self.training.weight_decay:
            return []
        if self.training.weight_decay_on == "all":
            return self.variables
        kernels = [layer.kernel for layer in self.model.layers if hasattr(layer, "kernel")]
        return [getattr(kernel, "latent_variable", kernel) for kernel in kernels]

    def _on_replicas(self, parts: Sequence[Batch]) -> Batch:
        if self.strategy.num_replicas_in_sync == 1:
            return parts[0]
        distribute = self.strategy.experimental_distribute_values_from_function
        # The copies of a process have consecutive numbers.
        return (
            distribute(lambda context: parts[context.replica_id_in_sync_group % len(parts)][0]),
            distribute(lambda context: parts[context.replica_id_in_sync_group % len(parts)][1]),
        )

    def _distributed_step(self, images: Any, labels: Any, decay: Any, wish: Any) -> list[Any]:
        results = self.strategy.run(self._replica_step, args=(images, labels, decay, wish))
        # Every copy has the sums over all.
        return [self.strategy.experimental_local_results(value)[0] for value in results]

    def _replica_step(self, images: Any, labels: Any, decay: Any, wish: Any) -> tuple[Any, ...]:
        # The identity has a device, which an argument has not, and a sum over devices needs.
        count, wishes = self._sum_over_replicas([tf.shape(labels)[0], tf.identity(wish)])
        sums = self._gradients_in_parts(images, labels, tf.cast(count, tf.float32))
        *gradients, loss_sum, correct = self._sum_over_replicas(sums)
        prepared = [self.prepared(g, v, decay) for g, v in zip(gradients, self.variables, strict=True)]
        # Squares overflow where Adam's do: moments that are infinite would never move their weights again.
        norm = tf.linalg.global_norm(prepared)
        finite = tf.math.is_finite(loss_sum) & tf.math.is_finite(norm)
        if self.strategy.num_replicas_in_sync == 1:
            # A loss that is not a number leaves the weights as they are, so that the layer to blame can be found.
            tf.cond(finite, lambda: self._update(prepared, norm), lambda: None)
        else:
            # TensorFlow allows no branch round an update of several replicas.
            self._update(prepared, norm)
        return loss_sum, correct, count, wishes, finite

    def _sum_over_replicas(self, values: list[Any]) -> list[Any]:
        if self.strategy.num_replicas_in_sync == 1:
            return values
        context = tf.distribute.get_replica_context()
        return [context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in values]

    def _gradients_in_parts(self, images: Any, labels: Any, batch: Any) -> list[Any]:
        """Gradients, sum of losses, correct images: over ``gradient_accumulation`` parts, one after the other."""
        parts, count = self.training.gradient_accumulation, tf.shape(labels)[0]
        if parts == 1:
            return self._gradients(images, labels, batch)
        size = -(-count // parts)

        def add_part(begin: Any, *sums: Any) -> tuple[Any, ...]:
            part = self._gradients(images[begin : begin + size], labels[begin : begin + size], batch)
            return begin + size, *(a + b for a, b in zip(sums, part, strict=True))

        zeros = [*(tf.zeros_like(v) for v in self.variables), tf.constant(0.0), tf.constant(0)]
        _, *sums = tf.while_loop(lambda begin, *_: begin < count, add_part, [0, *zeros], parallel_iterations=1)
        return sums

    def _gradients(self, images: Any, labels: Any, batch: Any) -> list[Any]:
        teacher_logits = None if self.teacher is None else self.teacher(images, training=False)
        with tf.GradientTape() as tape:
            logits = self.forward(images)
            loss_sum = tf.reduce_sum(loss_of_images(self.training, logits, labels, teacher_logits))
            loss = loss_sum / batch
        correct = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.int32))
        return [*tape.gradient(loss, self.variables), loss_sum, correct]

    def _update(self, gradients: list[Any], norm: Any) -> None:
        if self.training.gradient_clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.training.gradient_clip_norm, use_norm=norm)
        self.optimizer.apply(gradients)
        if self.training.latent_weights.centre or self.training.latent_weights.clip:
            tf.distribute.get_replica_context().merge_call(self._tidy_all)

    def prepared(self, gradient: Any, variable: Any, decay: Any) -> Any:
        """Scale of latent weights, then weight decay, which PyTorch's optimizers add to the gradient.

        Bop's get neither: decay would add the same number to every m·w, and so flip all weights or none.
        """
        if id(variable) in self._flipped_ids:
            return gradient
        if id(variable) in self._scales:
            gradient *= self._scales[id(variable)]
        return gradient + decay * variable if self.decays(variable) else gradient

    def _tidy_all(self, strategy: Any) -> None:
        for kernel in self.latent.values():
            strategy.extended.update(kernel, self.tidy)

    def tidy(self, kernel: Any) -> None:
        """Centres and clips latent weights, as the recipe says."""
        kernel.assign(self.tidied(kernel))

    def tidied(self, kernel: Any) -> Any:
        """What ``tidy`` makes of latent weights."""
        value = centred(kernel) if self.training.latent_weights.centre else tf.convert_to_tensor(kernel)
        return tf.clip_by_value(value, -1.0, 1.0) if self.training.latent_weights.clip else value
