"""The operators of a frozen model, taken one by one."""

from typing import Any

import numpy as np
import pytest
from foreign_models import SHAPE, images, larq_layers, model_of

from converters.frozen import FrozenModel
from converters.verify.frozen_graph import FrozenGraph
from edgehybrid.model.compat import tf


def graph_of(infer: Any, shape: tuple[int, ...] = SHAPE) -> tuple[FrozenModel, FrozenGraph]:
    model = FrozenModel(infer, shape, "net")
    return model, FrozenGraph(model)


def values_of(graph: FrozenGraph, batch: Any) -> dict[int, Any]:
    values: dict[int, Any] = {0: batch}
    for step in graph.steps:
        values.update(zip(step.outputs, step(values), strict=True))
    return values


def test_taking_the_steps_one_by_one_gives_what_the_model_gives() -> None:
    whole = model_of(larq_layers)
    model, graph = graph_of(lambda image: whole(image, training=False))
    values = values_of(graph, images())
    np.testing.assert_array_equal(values[graph.output], np.asarray(model(images())))
    for step in graph.steps:
        for tensor in step.outputs:
            assert values[tensor].shape[0] == len(images())
            assert graph.size(tensor) == values[tensor][0].size
            assert graph.maker(tensor) is step
        assert all(step in graph.readers(tensor) for tensor in step.inputs)
    assert graph.maker(0) is None


def test_the_function_of_a_step_holds_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tf.constant(np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32))
    model = FrozenModel(lambda image: tf.nn.relu(image @ weights) @ weights, (8, 64), "net")
    sizes = []
    prune = type(model.function).prune

    def measured(function: Any, feeds: Any, fetches: Any) -> Any:
        found = prune(function, feeds, fetches)
        # Without feeds: the weights themselves, once.
        sizes.extend([found.graph.as_graph_def().ByteSize()] if feeds else [])
        return found

    monkeypatch.setattr(type(model.function), "prune", measured)
    assert len(FrozenGraph(model).steps) == len(sizes) >= 3
    assert max(sizes) < 64 * 64


def test_a_step_may_read_a_map_twice_and_give_several() -> None:
    def infer(x: Any) -> Any:
        one, other = tf.split(x * x, [1, 2], axis=3)
        return tf.reduce_mean(one, [1, 2]) + tf.reduce_sum(other, [1, 2, 3])[:, None]

    model, graph = graph_of(infer)
    np.testing.assert_array_equal(values_of(graph, images())[graph.output], np.asarray(model(images())))


@pytest.mark.parametrize(
    ("infer", "gain", "shift"),
    [
        (lambda x: x * tf.constant([2.0, -3.0, 4.0]), [2, -3, 4], 0),
        (lambda x: x / tf.constant([2.0, -4.0, 1.0]), [0.5, -0.25, 1], 0),
        (lambda x: x - tf.constant([1.0, -2.0, 3.0]), 1, [1, 2, 3]),
        (lambda x: tf.constant([1.0, -2.0, 3.0]) - x, 1, [1, 2, 3]),
        (lambda x: tf.nn.bias_add(x, tf.constant([1.0, -2.0, 3.0])), 1, [1, 2, 3]),
        (
            lambda x: tf.compat.v1.nn.fused_batch_norm(
                x,
                [1.0, 2.0, 3.0],
                [1.0, 0.0, -1.0],
                mean=[1.0, 2.0, 0.0],
                variance=[3.0, 0.0, 8.0],
                epsilon=1.0,
                is_training=False,
            )[0],
            [0.5, 2, 1],
            [1.5, 4, 1],
        ),
    ],
)
def test_scales_and_shifts_of_channels_are_known(infer: Any, gain: Any, shift: Any) -> None:
    _, graph = graph_of(lambda x: tf.reduce_mean(infer(x), [1, 2]))
    (layer,) = [step.layer for step in graph.steps if step.layer.gain is not None]
    np.testing.assert_allclose(np.broadcast_to(layer.gain, 3), np.broadcast_to(gain, 3), rtol=1e-6)
    np.testing.assert_allclose(np.broadcast_to(layer.shift, 3), np.broadcast_to(shift, 3), rtol=1e-6)


def test_the_terms_of_a_sum_are_known() -> None:
    _, graph = graph_of(lambda x: tf.nn.conv2d(x, tf.ones((3, 3, 3, 7)), 1, "SAME"))
    assert [step.layer.terms for step in graph.steps if step.layer.terms] == [27]
