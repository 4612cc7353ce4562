"""Gradients of a batch by a layerwise pass that keeps bits in place of maps (``training.memory: low``)."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from edgehybrid.errors import EdgehybridError
from edgehybrid.model.compat import tf
from edgehybrid.networks import Network
from edgehybrid.training import walks
from edgehybrid.training.kernel_passes import Gradient, SignGradient, SignLayerPass
from edgehybrid.training.layerwise import BatchNormPass, Kept, NormKept, layer_pass
from edgehybrid.training.losses import loss_of_images
from edgehybrid.training.walks import GRADIENT, MAP


class BatchGradients(NamedTuple):
    """Of one batch.

    Attributes:
        of_variables: by ``id`` of the variable; those of quantised kernels are packed.
        finite: whether all statistics of BatchNorm were; a sign hides what is not.
    """

    loss_sum: Any
    logits: Any
    of_variables: dict[int, Gradient]
    finite: bool


class LowMemoryPass:
    """The layerwise pass of a network over the variables of its Keras model."""

    def __init__(self, network: Network, model: Any) -> None:
        self._nodes = network.graph
        self._passes = [layer_pass(node, network, model) for node in network.graph]
        self._readers = Counter(name for node in network.graph for name in node.inputs)

    def gradients(self, images: Any, losses_of: Callable[[Any], Any]) -> BatchGradients:
        """Loss, logits and gradients of the mean loss; moves BatchNorm's averages.

        Args:
            images: float32 (batch, side, side, channels).
            losses_of: from logits, float32 (batch, classes), the loss of each image, (batch,).
        """
        result, kept = self._forward(images)
        logits = tf.cast(result, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss_sum = tf.reduce_sum(losses_of(logits))
            loss = loss_sum / logits.shape[0]
        finite = all(bool(tf.reduce_all(tf.math.is_finite(k.deviation))) for k in kept if isinstance(k, NormKept))
        found = self._backward(tf.cast(tape.gradient(loss, logits), GRADIENT), kept)
        return BatchGradients(loss_sum, logits, found, finite)

    def _forward(self, images: Any) -> tuple[Any, list[Kept]]:
        maps: dict[str, Any] = {"image": tf.cast(images, MAP)}
        signs: dict[str, Any] = {}
        kept: list[Kept] = []
        to_read = self._readers.copy()
        for node, layer in zip(self._nodes, self._passes, strict=True):
            sources = [maps[name] for name in node.inputs]
            if isinstance(layer, SignLayerPass):
                maps[node.name], of_layer = layer.forward(*sources, known=signs.get(node.inputs[0]))
            else:
                maps[node.name], of_layer = layer.forward(*sources)
            if isinstance(layer, BatchNormPass):
                signs[node.name] = of_layer.bits
            kept.append(of_layer)
            del sources
            for name in node.inputs:
                to_read[name] -= 1
                if not to_read[name]:
                    del maps[name]
        return maps[self._nodes[-1].name], kept

    def _backward(self, of_logits: Any, kept: list[Kept]) -> dict[int, Gradient]:
        of_maps: dict[str, Any] = {self._nodes[-1].name: of_logits}
        of_variables: dict[int, Gradient] = {}
        del of_logits
        for node, layer in zip(reversed(self._nodes), reversed(self._passes), strict=True):
            # What a node kept is freed when its gradient is there.
            of_sources, of_own = layer.backward(of_maps.pop(node.name), kept.pop())
            of_variables |= {id(variable): gradient for variable, gradient in of_own}
            for name, gradient in zip(node.inputs, of_sources, strict=True):
                if gradient is not None:
                    of_maps[name] = of_maps[name] + gradient if name in of_maps else gradient
            del of_sources, gradient
        return of_variables


class LowMemoryStep:
    """A training step of one copy of the model, by a layerwise pass; called as the trainer's compiled step is.

    Each weight is updated before the gradient of the next one is unpacked.
    """

    def __init__(self, trainer: Any, network: Network) -> None:
        if (copies := trainer.strategy.num_replicas_in_sync) > 1:
            raise EdgehybridError(
                "Training in low memory has one copy of the model: the sign of a gradient needs the whole batch.",
                received=f"training.memory: low, {copies} copies",
                allowed="one copy, or training.memory: standard",
            )
        self._trainer, self._pass = trainer, LowMemoryPass(network, trainer.model)
        self._latent = {id(kernel) for kernel in trainer.latent.values()}
        self._tidied = tf.function(trainer.tidied, autograph=False, jit_compile=True)

    def __call__(self, images: Any, labels: Any, decay: Any, wish: Any) -> tuple[Any, ...]:
        """Sum of losses, correct images, images, wish, and whether all of it was finite."""
        trainer = self._trainer
        teacher_logits = None if trainer.teacher is None else trainer.teacher(images, training=False)
        found = self._pass.gradients(
            images, lambda logits: loss_of_images(trainer.training, logits, labels, teacher_logits)
        )
        norm = tf.sqrt(tf.add_n([self._square(found, v, decay) for v in trainer.variables]))
        finite = found.finite and bool(tf.math.is_finite(found.loss_sum) & tf.math.is_finite(norm))
        if finite:
            self._update(found, decay, norm)
        correct = tf.reduce_sum(tf.cast(tf.argmax(found.logits, axis=1) == labels, tf.int32))
        return found.loss_sum, correct, len(labels), wish, finite

    def _square(self, found: BatchGradients, variable: Any, decay: Any) -> Any:
        """The sum of squares of a variable's gradient, decay included."""
        gradient = found.of_variables[id(variable)]
        if isinstance(gradient, SignGradient):
            return walks.decayed_signs_square(gradient.bits, gradient.size, self._decay_of(variable, decay), variable)
        return 2 * tf.nn.l2_loss(self._trainer.prepared(gradient, variable, decay))

    def _dense(self, found: BatchGradients, variable: Any, decay: Any, factor: Any) -> Any:
        """A variable's gradient, decay included, times a factor; float32."""
        gradient = found.of_variables.pop(id(variable))
        if isinstance(gradient, SignGradient):
            its_decay = self._decay_of(variable, decay)
            return walks.decayed_signs(gradient.bits, gradient.size, its_decay, variable, factor)
        return self._trainer.prepared(gradient, variable, decay) * factor

    def _decay_of(self, variable: Any, decay: Any) -> Any:
        return decay if self._trainer.decays(variable) else tf.zeros([])

    def _update(self, found: BatchGradients, decay: Any, norm: Any) -> None:
        most, variables = self._trainer.training.gradient_clip_norm, self._trainer.variables
        factor = tf.ones([]) if most is None else most / tf.maximum(norm, most)
        self._trainer.optimizer.apply_one_by_one((self._dense(found, v, decay, factor), v) for v in variables)
        for variable in variables:
            if id(variable) in self._latent:
                variable.assign(self._tidied(variable))
