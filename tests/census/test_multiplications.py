"""MACs of every operator that multiplies, against a count by hand of one tiny model of each kind."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from tiny_flatbuffers import TinyOp, TinyTensor, tflite_bytes
from tiny_layers import Writer

from edgehybrid.census.flatbuffer_layers import FlatbufferCount, count_flatbuffer
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.model.compat import keras, tf

# TensorFlow's converter warns of its own ways.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def counted(data: bytes) -> FlatbufferCount:
    return count_flatbuffer(parse_flatbuffer(data, "model"))


def macs(found: FlatbufferCount) -> int:
    return sum(stored.layer.macs for stored in found.layers)


def weights(found: FlatbufferCount) -> int:
    return sum(stored.layer.weights for stored in found.layers)


def converted(layers: Sequence[Any], shape: Sequence[int], **settings: Any) -> bytes:
    """A flatbuffer of Keras layers, one behind the other, with a batch of 1."""
    source = keras.Input(shape, batch_size=1)
    result = source
    for layer in layers:
        result = layer(result)
    return of_model(keras.Model(source, result), **settings)


def of_model(model: Any, **settings: Any) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name, value in settings.items():
        setattr(converter, name, value)
    return bytes(converter.convert())


L = keras.layers
# Layers, shape of an image, MACs by hand, weights by hand.
KERAS: dict[str, tuple[Callable[[], list[Any]], tuple[int, ...], int, int]] = {
    "dense on three axes": (lambda: [L.Dense(7)], (5, 6, 4), 5 * 6 * 4 * 7, 4 * 7),
    "dense": (lambda: [L.Dense(7)], (4,), 4 * 7, 4 * 7),
    "convolution": (lambda: [L.Conv2D(5, 3)], (8, 9, 2), 6 * 7 * 9 * 2 * 5, 9 * 2 * 5),
    "grouped": (lambda: [L.Conv2D(6, 3, groups=2)], (8, 8, 4), 6 * 6 * 9 * 2 * 6, 9 * 2 * 6),
    "dilated": (lambda: [L.Conv2D(5, 3, dilation_rate=2)], (8, 8, 2), 4 * 4 * 9 * 2 * 5, 9 * 2 * 5),
    "strided": (lambda: [L.Conv2D(5, 3, 2, padding="same")], (9, 9, 2), 5 * 5 * 9 * 2 * 5, 9 * 2 * 5),
    "depthwise with multiplier": (
        lambda: [L.DepthwiseConv2D(3, depth_multiplier=2)],
        (8, 8, 3),
        6 * 6 * 9 * 6,
        9 * 6,
    ),
    "separable": (lambda: [L.SeparableConv2D(5, 3)], (8, 8, 3), 36 * 9 * 3 + 36 * 3 * 5, 9 * 3 + 3 * 5),
    # Each of the 16 pixels read works with all weights.
    "transposed": (lambda: [L.Conv2DTranspose(5, 3, 2, padding="same")], (4, 4, 2), 16 * 9 * 2 * 5, 9 * 2 * 5),
    "1-D": (lambda: [L.Conv1D(5, 3)], (10, 2), 8 * 3 * 2 * 5, 3 * 2 * 5),
    "3-D": (lambda: [L.Conv3D(5, 3)], (6, 7, 8, 2), 4 * 5 * 6 * 27 * 2 * 5, 27 * 2 * 5),
    # Four gates, at each of 6 steps: 3 inputs and 5 units to 5 units.
    "fused LSTM": (lambda: [L.LSTM(5)], (6, 3), 6 * 4 * (3 * 5 + 5 * 5), 4 * (3 * 5 + 5 * 5)),
    # One dense layer of all gates for the input, one for the state, a copy for each step.
    # The first state is 0, and the converter leaves its product out.
    "unrolled LSTM": (
        lambda: [L.LSTM(5, unroll=True)],
        (6, 3),
        6 * 4 * 3 * 5 + 5 * 4 * 5 * 5,
        6 * 4 * 3 * 5 + 5 * 4 * 5 * 5,
    ),
}


@pytest.fixture(scope="module")
def count_of_kind() -> Callable[[str], FlatbufferCount]:
    known: dict[str, FlatbufferCount] = {}

    def count(kind: str) -> FlatbufferCount:
        if kind not in known:
            layers, shape, _, _ = KERAS[kind]
            known[kind] = counted(converted(layers(), shape))
        return known[kind]

    return count


@pytest.mark.parametrize("kind", KERAS)
def test_counts_what_tensorflow_converts(kind: str, count_of_kind: Callable[[str], FlatbufferCount]) -> None:
    found = count_of_kind(kind)
    assert (macs(found), found.uncounted_ops) == (KERAS[kind][2], {}), found


@pytest.mark.parametrize("kind", KERAS)
def test_counts_weights_of_each_operator(kind: str, count_of_kind: Callable[[str], FlatbufferCount]) -> None:
    assert weights(count_of_kind(kind)) == KERAS[kind][3]


def test_weights_of_an_unrolled_network_are_stored_once(count_of_kind: Callable[[str], FlatbufferCount]) -> None:
    found = count_of_kind("unrolled LSTM")
    stored = sum(s.layer.weights for s in found.layers if not s.layer.is_stored_elsewhere)
    assert stored == 4 * (3 * 5 + 5 * 5)


def representative() -> Any:
    random = np.random.default_rng(0)
    for _ in range(4):
        yield [random.standard_normal((1, 8, 8, 2)).astype(np.float32)]


INT16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
QUANTISED = {
    "dynamic range": ({"optimizations": [tf.lite.Optimize.DEFAULT]}, 8, 32),
    "int8": ({"optimizations": [tf.lite.Optimize.DEFAULT], "representative_dataset": representative}, 8, 8),
    "float16": (
        {"optimizations": [tf.lite.Optimize.DEFAULT], "target_spec": tf.lite.TargetSpec(supported_types=[tf.float16])},
        16,
        32,
    ),
    "16x8": (
        {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": representative,
            "target_spec": tf.lite.TargetSpec(supported_ops=[INT16]),
        },
        8,
        16,
    ),
}


@pytest.mark.parametrize("form", QUANTISED)
def test_quantised_weights_count_as_many_macs_of_their_width(form: str) -> None:
    settings, weight_bits, activation_bits = QUANTISED[form]
    # Small constants are left alone: so 32 filters of 3·3·8 weights.
    layers = [L.Conv2D(8, 3, padding="same"), L.Conv2D(32, 3, padding="same")]
    found = counted(converted(layers, (8, 8, 2), **settings))
    assert macs(found) == 64 * 9 * (2 * 8 + 8 * 32)
    last = found.layers[-1].layer
    assert (last.weight_bits, last.activation_bits) == (weight_bits, activation_bits)


def test_shared_weights_work_twice_and_are_stored_once() -> None:
    shared = L.Dense(5, use_bias=False)
    first, second = keras.Input((4,), batch_size=1), keras.Input((4,), batch_size=1)
    data = of_model(keras.Model([first, second], L.Add()([shared(first), shared(second)])))
    layers = [stored.layer for stored in counted(data).layers]
    assert [layer.macs for layer in layers] == [20, 20]
    assert [layer.is_stored_elsewhere for layer in layers] == [False, True]


def of_function(function: Any, *shapes: Sequence[int]) -> bytes:
    concrete = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32) for shape in shapes])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete.get_concrete_function()])
    return bytes(converter.convert())


def test_two_maps_are_multiplied_without_weights() -> None:
    found = counted(of_function(lambda a, b: tf.matmul(a, b, transpose_b=True), (2, 3, 4, 5), (2, 3, 6, 5)))
    (stored,) = found.layers
    assert (stored.layer.kind, stored.layer.macs, stored.layer.weights) == ("matmul", 2 * 3 * 4 * 6 * 5, 0)
    # Both maps are read.
    assert stored.layer.inputs == 2 * 3 * 4 * 5 + 2 * 3 * 6 * 5


def test_a_constant_of_a_batch_of_products_is_weights() -> None:
    constant = tf.constant(np.ones((3, 5, 6), np.float32))
    (stored,) = counted(of_function(lambda a: tf.matmul(a, constant), (3, 4, 5))).layers
    assert (stored.layer.macs, stored.layer.weights) == (3 * 4 * 5 * 6, 3 * 5 * 6)


@pytest.mark.parametrize("weights_first", [False, True])
def test_the_weights_of_a_batch_of_products_may_be_stored_in_a_narrower_type(weights_first: bool) -> None:
    writer = Writer()
    source = writer.value((3, 4, 5) if not weights_first else (3, 5, 4))
    stored = np.ones((3, 5, 6) if not weights_first else (3, 6, 5), np.float16)
    weights = writer.op("DEQUANTIZE", [writer.constant(stored)], stored.shape)
    inputs, shape = ([weights, source], (3, 6, 4)) if weights_first else ([source, weights], (3, 4, 6))
    (found,) = counted(writer.bytes(source, writer.op("BATCH_MATMUL", inputs, shape))).layers
    assert (found.layer.macs, found.layer.weights, found.layer.weight_bits) == (3 * 4 * 5 * 6, 3 * 5 * 6, 16)


def test_a_batch_is_so_many_images() -> None:
    source = keras.Input((8, 8, 2), batch_size=3)
    (stored,) = counted(of_model(keras.Model(source, L.Conv2D(5, 3)(source)))).layers
    assert (stored.layer.macs, stored.layer.weights) == (3 * 36 * 9 * 2 * 5, 9 * 2 * 5)


# What no converter at hand writes.


def matrix(writer: Writer, *shape: int) -> int:
    return writer.constant(np.ones(shape, np.float32))


def lstm(writer: Writer, steps: int, coupled: bool, projected: bool) -> int:
    source, cell, output = writer.value((1, steps, 3)), 5, 2 if projected else 5
    gates = [-1 if coupled and gate == 0 else matrix(writer, cell, 3) for gate in range(4)]
    states = [-1 if coupled and gate == 0 else matrix(writer, cell, output) for gate in range(4)]
    projection = [matrix(writer, output, cell), -1] if projected else [-1, -1]
    inputs = [source, *gates, *states, -1, -1, -1, -1, *(matrix(writer, cell) for _ in range(3)), *projection]
    inputs += [writer.value((1, output)), writer.value((1, cell))]
    return writer.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, (1, steps, output))


@pytest.mark.parametrize(("coupled", "gates"), [(False, 4), (True, 3)])
@pytest.mark.parametrize(("projected", "output", "more"), [(False, 5, 0), (True, 2, 2 * 5)])
def test_an_lstm_may_couple_gates_and_project_its_output(
    coupled: bool, gates: int, projected: bool, output: int, more: int
) -> None:
    writer = Writer()
    result = lstm(writer, 6, coupled, projected)
    found = counted(writer.bytes(0, result))
    assert macs(found) == 6 * (gates * (3 * 5 + output * 5) + more)
    assert {stored.layer.kind for stored in found.layers} == {"recurrent"}
    names = [stored.layer.name.rpartition("/")[2] for stored in found.layers]
    assert ("input_to_input" in names, "projection" in names) == (not coupled, projected)


def test_a_basic_lstm_has_one_matrix() -> None:
    writer = Writer()
    inputs = [
        writer.value((1, 3)),
        writer.value((1, 5)),
        matrix(writer, 20, 8),
        matrix(writer, 20),
        writer.value((1, 5)),
    ]
    assert macs(counted(writer.bytes(0, writer.op("LSTM", inputs, (1, 5))))) == 20 * 8


def test_both_directions_of_an_lstm_count() -> None:
    writer = Writer()
    source = writer.value((1, 6, 3))
    one = [*(matrix(writer, 5, 3) for _ in range(4)), *(matrix(writer, 5, 5) for _ in range(4))]
    one += [-1, -1, -1, *(matrix(writer, 5) for _ in range(4)), -1, -1]
    inputs = [source, *one, *one, *(writer.value((1, 5)) for _ in range(4)), *[-1] * 9]
    found = counted(writer.bytes(source, writer.op("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, (1, 6, 10))))
    assert macs(found) == 2 * 6 * 4 * (3 * 5 + 5 * 5)
    assert sum(not stored.layer.is_stored_elsewhere for stored in found.layers) == 8


def test_an_svdf_filters_in_two_directions() -> None:
    writer = Writer()
    inputs = [writer.value((1, 8)), matrix(writer, 6, 8), matrix(writer, 6, 10), -1, writer.value((1, 60))]
    assert macs(counted(writer.bytes(0, writer.op("SVDF", inputs, (1, 3))))) == 6 * 8 + 6 * 10


@pytest.mark.parametrize(
    ("name", "shape", "steps"), [("RNN", (1, 3), 1), ("UNIDIRECTIONAL_SEQUENCE_RNN", (1, 6, 3), 6)]
)
def test_an_rnn_multiplies_input_and_state(name: str, shape: tuple[int, ...], steps: int) -> None:
    writer = Writer()
    inputs = [writer.value(shape), matrix(writer, 5, 3), matrix(writer, 5, 5), matrix(writer, 5), writer.value((1, 5))]
    assert macs(counted(writer.bytes(0, writer.op(name, inputs, (*shape[:-1], 5))))) == steps * (3 * 5 + 5 * 5)


def test_a_transposed_3d_convolution_works_at_each_place_read() -> None:
    writer = Writer()
    shape = writer.constant(np.array([1, 4, 4, 4, 5], np.int32))
    inputs = [shape, matrix(writer, 2, 3, 3, 5, 2), writer.value((1, 2, 2, 2, 2))]
    assert macs(counted(writer.bytes(2, writer.op("CONV_3D_TRANSPOSE", inputs, (1, 4, 4, 4, 5))))) == 8 * 18 * 2 * 5


@pytest.mark.parametrize(
    ("name", "shapes", "output"),
    [
        ("FULLY_CONNECTED", [(1, 36), (7, 35)], (1, 7)),
        ("FULLY_CONNECTED", [(1, 36), (7, 36)], (1, 8)),
        ("FULLY_CONNECTED", [(1, 36), (7, 36, 1)], (1, 7)),
        ("BATCH_MATMUL", [(2, 3), (4, 5)], (2, 5)),
        ("BATCH_MATMUL", [(3,), (3, 5)], (5,)),
        ("TRANSPOSE_CONV", [(4,), (5, 3, 3, 2), (4, 4, 2)], (1, 8, 8, 5)),
        ("TRANSPOSE_CONV", [(4,), (5, 3, 3, 3), (1, 4, 4, 2)], (1, 8, 8, 5)),
        ("CONV_3D", [(1, 4, 4, 4, 2), (3, 3, 3, 3, 5)], (1, 2, 2, 2, 5)),
        ("CONV_3D_TRANSPOSE", [(5,), (3, 3, 3, 5, 3), (1, 4, 4, 4, 2)], (1, 6, 6, 6, 5)),
        ("CONV_3D", [(1, 4, 4, 2), (3, 3, 3, 2, 5)], (1, 2, 2, 2, 5)),
        ("RNN", [(1, 3), (5,)], (1, 5)),
        ("SVDF", [(1, 3), (0, 3), (0, 3)], (1, 5)),
    ],
)
def test_refuses_shapes_that_contradict_each_other(
    name: str, shapes: list[tuple[int, ...]], output: tuple[int, ...]
) -> None:
    tensors = [TinyTensor(f"t{i}", shape) for i, shape in enumerate([*shapes, output])]
    data = tflite_bytes(tensors, [TinyOp(name, range(len(shapes)), [len(shapes)])], [0], [len(shapes)])
    with pytest.raises(FlatbufferError):
        counted(data)


def test_no_multiplication_is_counted_of_other_operators() -> None:
    writer = Writer()
    real = writer.value((1, 4, 4, 2))
    found = counted(writer.bytes(real, writer.op("LEAKY_RELU", [real], (1, 4, 4, 2))))
    assert (found.layers, found.listed_ops, math.prod(found.peak_activation_bits) > 0) == ((), {"LEAKY_RELU": 1}, True)
