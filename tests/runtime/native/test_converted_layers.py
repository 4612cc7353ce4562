"""Layers as Larq's converter writes them, and a whole trained form, against Larq's interpreter."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lce_layers import larqs_flatbuffer
from native_runs import instruction_sets, lce, library, litert, outputs_of, regions_in, run

from edgehybrid.model.compat import keras, larq
from edgehybrid.runs.run_folder import RunFolder

SIZE, CHANNELS = 9, 40


def conv(filters: int = 48, **options: Any) -> Any:
    defaults: dict[str, Any] = {"kernel_size": 3, "padding": "same", "pad_values": 1.0, "use_bias": False}
    return larq.layers.QuantConv2D(
        filters, input_quantizer="ste_sign", kernel_quantizer="ste_sign", **(defaults | options)
    )


def norm() -> Any:
    """Statistics of both signs, so that some thresholds are turned round."""
    uniform = keras.initializers.RandomUniform
    return keras.layers.BatchNormalization(
        beta_initializer=uniform(-3, 3, seed=1),
        gamma_initializer=uniform(-1, 1, seed=2),
        moving_mean_initializer=uniform(-9, 9, seed=3),
        moving_variance_initializer=uniform(1, 99, seed=4),
    )


def residual(image: Any) -> Any:
    first = norm()(conv(CHANNELS)(image))
    return keras.layers.add([first, norm()(conv(CHANNELS)(first))])


def chain(*layers: Any) -> Callable[[Any], Any]:
    def build(image: Any) -> Any:
        for layer in layers:
            image = layer(image)
        return image

    return build


# Made inside the test: a layer takes its name from the session it is made in.
BUILDS: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "same_one": lambda: chain(conv()),
    "same_zero": lambda: chain(conv(pad_values=0.0)),
    "valid_strided": lambda: chain(conv(padding="valid", strides=2, kernel_size=5)),
    "one_by_three_dilated": lambda: chain(conv(kernel_size=(1, 3), dilation_rate=2)),
    "relu_then_norm": lambda: chain(conv(), keras.layers.ReLU(), norm()),
    "norm_then_relu": lambda: chain(conv(), norm(), keras.layers.ReLU()),
    "packed_between": lambda: chain(conv(), norm(), conv(33)),
    "packed_pool_between": lambda: chain(conv(), norm(), keras.layers.MaxPool2D(2), conv(33)),
    "pool_then_norm": lambda: chain(conv(), keras.layers.MaxPool2D(2), norm(), conv(33)),
    "residual": lambda: residual,
    "prelu": lambda: chain(conv(), norm(), keras.layers.PReLU(shared_axes=[1, 2]), conv(33)),
}
# Their fast kernels add a border of zeros in a second float step: of sums below 360, times 1.
ROUNDED = {"same_zero": 1e-4}


@cache
def converted(name: str) -> bytes:
    keras.utils.set_random_seed(5)
    image = keras.Input((SIZE, SIZE, CHANNELS))
    return larqs_flatbuffer(keras.Model(image, BUILDS[name]()(image)))


@pytest.mark.parametrize("name", BUILDS)
def test_converted_layers_agree(name: str, tmp_path: Path) -> None:
    library()
    content = converted(name)
    image = np.random.default_rng(0).normal(size=(1, SIZE, SIZE, CHANNELS)).astype(np.float32)
    expected = lce(content, image)
    for isa in instruction_sets():
        report = tmp_path / f"{isa}.jsonl"
        [result] = outputs_of(litert(content, isa=isa, report_file=str(report)), image)
        assert [len(region["nodes"]) == region["graph_nodes"] for region in regions_in(report)] == [True]
        np.testing.assert_allclose(result, expected, rtol=0, atol=ROUNDED.get(name, 0), err_msg=isa)


def test_a_whole_network_agrees(converted_run: RunFolder) -> None:
    content = (converted_run.path / "model.packed.x86_64.tflite").read_bytes()
    library()
    shape = litert(content).get_input_details()[0]["shape"]
    for seed in range(5):
        image = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        expected = lce(content, image)
        for isa in instruction_sets():
            # Float layers sum in another order than the host's; a sign that flips would show far beyond this.
            np.testing.assert_allclose(run(content, image, isa=isa), expected, rtol=1e-5, atol=1e-5, err_msg=isa)
