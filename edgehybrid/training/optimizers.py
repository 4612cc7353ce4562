"""The optimizer of a recipe: one of Keras, or Bop for the 1-bit weights and Adam for all other variables."""

from collections.abc import Iterable, Sequence
from typing import Any

from edgehybrid.model.compat import keras, larq, tf
from edgehybrid.recipe.training import Adam, Bop, Sgd


class Optimizer:
    """One or two Keras optimizers, each with its share of the variables.

    Args:
        chosen: the recipe's section ``training.optimizer``.
        variables: all trainable variables, the real-valued ones behind quantised ones.
        binary: those of ``variables`` that are 1-bit weights. Bop flips them; the others train them as any variable.
    """

    def __init__(self, chosen: Sgd | Adam | Bop, variables: Sequence[Any], binary: Sequence[Any]) -> None:
        bits = {id(variable) for variable in binary} if isinstance(chosen, Bop) else set()
        self._variables = list(variables)
        self._main, self._main_part = _keras_optimizer(chosen), [id(v) not in bits for v in variables]
        self._main.build([v for v, is_main in zip(variables, self._main_part, strict=True) if is_main])
        self._bop = None
        if isinstance(chosen, Bop) and bits:
            self._bop = larq.optimizers.Bop(chosen.threshold, chosen.gamma)
            self._bop._create_all_weights(list(binary))

    @property
    def learning_rate(self) -> Any:
        """The variable that holds the learning rate."""
        return self._main.learning_rate

    @property
    def variables(self) -> list[Any]:
        """What a checkpoint must keep: steps, moments and running means."""
        return [*self._main.variables, *(self._bop.weights if self._bop is not None else [])]

    def gradient_scales(self) -> list[Any]:
        r"""What the running mean of each variable's gradient is multiplied with besides the learning rate.

        1 for SGD. For Adam, with v the running mean of squared gradients after t steps:

        $$P^{-1} = \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot \frac{1}{\sqrt{v} + \epsilon}$$

        Adam has them after its first step; Bop has none, as its flips are no multiple of a gradient.
        """
        if not isinstance(self._main, keras.optimizers.Adam):
            return [tf.ones_like(variable) for variable in self._variables]
        steps = tf.cast(self._main.iterations, tf.float32)
        correction = tf.sqrt(1 - self._main.beta_2**steps) / (1 - self._main.beta_1**steps)
        return [correction / (tf.sqrt(v) + self._main.epsilon) for v in self._main._velocities]

    def apply(self, gradients: Sequence[Any]) -> None:
        """One step. ``gradients`` are those of the whole batch, in the order of the variables."""
        found = list(zip(gradients, self._variables, self._main_part, strict=True))
        self._main.apply_gradients([(g, v) for g, v, main in found if main], skip_gradients_aggregation=True)
        if self._bop is not None:
            pairs = [(g, v) for g, v, main in found if not main]
            self._bop.apply_gradients(pairs, experimental_aggregate_gradients=False)

    def apply_one_by_one(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """``apply`` to pairs of a gradient and its variable, each made when the one before is done; not for Bop.

        Weights and moments change in place: Keras' own formulas, run one after the other, would need several more
        tensors of the size of the largest kernel.
        """
        for gradient, variable in pairs:
            self._apply_in_place(gradient, variable)
            del gradient
        self._main.iterations.assign_add(1)

    def _apply_in_place(self, gradient: Any, variable: Any) -> None:
        main = self._main
        place = main._index_dict[main._var_key(variable)]
        if isinstance(main, keras.optimizers.Adam):
            step = tf.cast(main.iterations + 1, tf.float32)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=main._momentums[place].handle,
                v=main._velocities[place].handle,
                beta1_power=main.beta_1**step,
                beta2_power=main.beta_2**step,
                lr=main.learning_rate,
                beta1=main.beta_1,
                beta2=main.beta_2,
                epsilon=main.epsilon,
                grad=gradient,
            )
        else:
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=variable.handle,
                accum=main.momentums[place].handle,
                lr=main.learning_rate,
                grad=gradient,
                momentum=main.momentum,
                use_nesterov=main.nesterov,
            )


def _keras_optimizer(chosen: Sgd | Adam | Bop) -> Any:
    if isinstance(chosen, Sgd):
        return keras.optimizers.SGD(chosen.learning_rate, momentum=chosen.momentum, nesterov=chosen.nesterov)
    if isinstance(chosen, Adam):
        return keras.optimizers.Adam(
            chosen.learning_rate, beta_1=chosen.beta_1, beta_2=chosen.beta_2, epsilon=chosen.epsilon
        )
    return keras.optimizers.Adam(chosen.learning_rate)
