from typing import Any

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from converters.verify.keras_graph import KerasGraph
from edgehybrid.model.compat import keras, tf

SEED = 3


def nested() -> Any:
    """A layer that is used twice, a model within, and one step that reads two tensors."""
    inner = keras.Sequential([keras.layers.Dense(4, name="a"), keras.layers.ReLU(name="b")], name="inner")
    image = keras.Input((4,))
    twice = keras.layers.Dense(4, name="twice")
    x = twice(twice(image))
    return keras.Model(image, keras.layers.Add(name="sum")([inner(x), x]))


def subclassed() -> Any:
    class Model(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x: Any) -> Any:
            return tf.nn.relu(self.dense(x))

    model = Model()
    image = keras.Input((4,))
    model(image)
    model.build((None, 4))
    return model


def with_rprelu() -> Any:
    return random_model(tiny_recipe("network.activation=rprelu"))


@pytest.mark.parametrize("make", [nested, subclassed, lambda: random_model(tiny_recipe()), with_rprelu])
def test_taking_the_steps_one_by_one_gives_what_the_model_gives(make: Any) -> None:
    keras.utils.set_random_seed(SEED)
    model = make()
    graph = KerasGraph(model)
    shape = (2, 8, 8, 1) if len(graph.steps) > 10 else (2, 4)
    image = np.random.default_rng(SEED).standard_normal(shape).astype(np.float32)
    values: dict[int, Any] = {0: image}
    for step in graph.steps:
        values.update(zip(step.outputs, step(values), strict=True))
    np.testing.assert_array_equal(values[graph.output], np.asarray(model(image, training=False)))


def test_a_layer_whose_shifts_may_go_elsewhere_is_several_steps() -> None:
    graph = KerasGraph(with_rprelu())
    assert [step.name for step in graph.steps].count("conv1_rprelu") == 3


def test_knows_names_readers_makers_and_sizes() -> None:
    graph = KerasGraph(nested())
    assert [step.name for step in graph.steps] == ["twice", "twice", "inner/a", "inner/b", "sum"]
    second = graph.steps[1].outputs[0]
    assert [step.name for step in graph.readers(second)] == ["inner/a", "sum"]
    assert graph.maker(second) is graph.steps[1]
    assert graph.maker(0) is None
    assert graph.size(second) == 4
