"""Each pattern that stays in float32 has a reason and something to change; a network of ours has none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from explained import VALID, WINDOW, LayerWriter, dense_of_bits, explained, reals, sign_and_convolution, signs
from lce_layers import larqs_flatbuffer
from small_level_networks import model_of, small_network

from converters.integer.from_keras import integer_network
from converters.integer.integer_file import integer_flatbuffer
from edgehybrid.runs.run_folder import RunFolder

BY_EDGEHYBRID = "edgehybrid convert --format packed"


def why(data: bytes) -> tuple[str, str]:
    """Of the one layer that is not packed."""
    (found,) = explained(data).why_not_packed
    (row,) = [row for row in explained(data).ops if row.place == (found.subgraph, found.index)]
    assert row.reason == f"not packed: {found.reason}"
    assert (row.layer, row.op) == (found.layer, found.op)
    return found.reason, found.fix


def after_a_sign(name: str, weights: Any, shape: tuple[int, ...], options: Any) -> bytes:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32))
    writer.op(name, [writer.sign(image), writer.constant(weights), -1], shape, options=options)
    return writer.bytes(image, -1)


def transposed() -> bytes:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32))
    shape = writer.constant(np.array([1, 10, 10, 4], np.int32))
    options = schema.TransposeConvOptionsT(strideH=2, strideW=2)
    weights = writer.constant(signs(4, 2, 2, 32))
    writer.op("TRANSPOSE_CONV", [shape, weights, writer.unpacked(image)], (1, 10, 10, 4), options=options)
    return writer.bytes(image, -1)


def depthwise() -> bytes:
    options = schema.DepthwiseConv2DOptionsT(padding=VALID, depthMultiplier=1, **WINDOW)
    return after_a_sign("DEPTHWISE_CONV_2D", signs(1, 3, 3, 32), (1, 3, 3, 32), options)


def product() -> bytes:
    return after_a_sign("BATCH_MATMUL", signs(32, 8), (1, 5, 5, 8), schema.BatchMatMulOptionsT())


def rows_of_a_dense_layer() -> bytes:
    writer = LayerWriter()
    image = writer.value((7, 32))
    writer.dense(writer.sign(image), signs(10, 32))
    return writer.bytes(image, -1)


def after_tf_sign() -> bytes:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32))
    writer.convolution(writer.op("SIGN", [image], (1, 5, 5, 32)), signs(4, 3, 3, 32))
    return writer.bytes(image, -1)


def behind_a_transposition() -> bytes:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32))
    order = writer.constant(np.array([0, 2, 1, 3], np.int32))
    writer.convolution(writer.op("TRANSPOSE", [writer.sign(image), order], (1, 5, 5, 32)), signs(4, 3, 3, 32))
    return writer.bytes(image, -1)


def weights_of(weights: Any, sign: bool = True) -> bytes:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32))
    writer.convolution(writer.sign(image) if sign else image, weights)
    return writer.bytes(image, -1)


def weights_at_run_time() -> bytes:
    writer = LayerWriter()
    image = writer.value((1, 3, 3, 32))
    quantised = writer.sign(writer.constant(reals(4, 3, 3, 32)))
    writer.op("CONV_2D", [writer.sign(image), quantised, -1], (1, 1, 1, 4))
    return writer.bytes(image, -1)


@pytest.mark.parametrize(
    ("model", "reason", "fix"),
    [
        (lambda: sign_and_convolution().bytes(0, -1), "inputs of 2 values, weights of 1 bit", BY_EDGEHYBRID),
        (dense_of_bits, "no binary dense layer", "1×1 kernel"),
        (depthwise, "each filter of a depthwise convolution reads one channel", "groups of a multiple of 32"),
        (transposed, "no binary transposed convolution", "UpSampling2D"),
        (product, "no binary product of matrices", "1×1 convolution"),
        (rows_of_a_dense_layer, "works on 7 rows", "1×1 convolution over a map of (1, 7, 1, channels)"),
        (after_tf_sign, "0 has a value of its own", "tf.where(x >= 0, 1.0, -1.0)"),
        (behind_a_transposition, "TRANSPOSE between", "move the quantiser behind TRANSPOSE"),
        (lambda: weights_of(reals(4, 3, 3, 32)), "weights in full precision", "quantise its weights"),
        (lambda: weights_of(signs(4, 3, 3, 32), sign=False), "inputs in full precision", "quantise its inputs"),
        (lambda: weights_of(signs(4, 3, 3, 8)), "groups of 8 input channels", "multiple of 32"),
        (weights_at_run_time, "computed from constants in each inference", "before the conversion"),
    ],
)
def test_a_layer_that_is_not_packed_says_why_and_what_to_change(
    model: Callable[[], bytes], reason: str, fix: str
) -> None:
    found = why(model())
    assert reason in found[0]
    assert fix in found[1]


def test_what_it_would_take_as_bits_is_told() -> None:
    (found,) = explained(sign_and_convolution().bytes(0, -1)).why_not_packed
    # 4 filters of 3×3×32 weights, 4 bytes each; as bits, a word of 4 bytes for 32 of them.
    assert (found.bytes, found.packed_bytes) == (4 * 9 * 32 * 4, 4 * 9 * 4)


def test_weights_of_signs_in_8_bits_are_noticed() -> None:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32), "int8")
    weights = writer.constant((127 * signs(4, 3, 3, 32)).astype(np.int8))
    options = schema.Conv2DOptionsT(padding=VALID, **WINDOW)
    writer.op("CONV_2D", [image, weights, -1], (1, 3, 3, 4), "int8", options=options)
    reason, _ = why(writer.bytes(image, -1))
    assert "weights of ±1, stored in int8" in reason


@pytest.mark.parametrize("weights", [reals(4, 3, 3, 32), np.full((4, 3, 3, 32), 0.5, np.float32)], ids=["real", "mean"])
def test_a_layer_in_full_precision_needs_no_reason(weights: Any) -> None:
    found = explained(weights_of(weights, sign=False))
    assert found.why_not_packed == ()
    assert found.ops[-1].reason == "full precision: neither inputs nor weights are quantised"


def test_nothing_is_left_in_a_network_of_ours(converted_run: RunFolder) -> None:
    found = explained((converted_run.path / "model.packed.x86_64.tflite").read_bytes())
    assert found.why_not_packed == ()
    assert sum(row.precision == "packed" for row in found.ops) == 18


def test_the_float32_file_of_ours_says_that_it_can_be_packed(converted_run: RunFolder) -> None:
    found = explained((converted_run.path / "model.float32.x86_64.tflite").read_bytes())
    assert len(found.why_not_packed) == 18
    assert all(BY_EDGEHYBRID in one.fix for one in found.why_not_packed)


def test_a_dense_layer_in_a_file_of_larqs_own_converter_has_a_reason_and_a_fix() -> None:
    pytest.importorskip("larq_compute_engine")
    from larq.layers import QuantConv2D, QuantDense

    from edgehybrid.model.compat import keras

    quantised = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
    model = keras.Sequential(
        [
            keras.layers.Input((4, 4, 32)),
            QuantConv2D(32, 3, **quantised),
            keras.layers.Flatten(),
            QuantDense(16, **quantised),
        ]
    )
    found = explained(larqs_flatbuffer(model))
    (left,) = found.why_not_packed
    assert (left.op, left.bytes, left.packed_bytes) == ("FULLY_CONNECTED", 16 * 128 * 4, 16 * 128 // 8)
    assert "no binary dense layer" in left.reason
    assert BY_EDGEHYBRID in left.fix
    assert [pair.kind for pair in found.stray_pairs] == ["quantised, then unpacked"]
    assert {row.precision for row in found.ops} == {"packed", "float32", None}


def test_layers_of_levels_say_what_they_read_and_write() -> None:
    network = small_network()
    content = integer_flatbuffer(integer_network(network, model_of(network)))
    rows = explained(content).ops
    reasons = {row.layer: row.reason for row in rows}
    assert reasons["thermometer"] == "compares integers with the thresholds of 2-bit levels"
    assert reasons["stem2"].startswith("1-bit weights, 2-bit inputs, writes 2-bit levels; 8 of 32 bits")
    assert reasons["stage2_block2_conv2"].startswith("1-bit weights, 2-bit inputs, writes int16 sums")
    assert reasons["logits"] == "adds the integers of each class, and scales the sum"
    assert all(row.precision in ("packed", None) for row in rows)
