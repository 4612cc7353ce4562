"""Foreign models → verified flatbuffers, and what is refused."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_models import CLASSES, FORMS, SHAPE, binary, float_layers, larq_layers, model_of, saved
from native_runs import library
from planted_mistakes import negate_a_bit, planted

from converters import pipeline
from converters.convert_foreign import convert_foreign
from converters.explain.explanation import explain
from converters.graph import Graph, constant
from converters.pack import Packed, pack
from edgehybrid.census.flatbuffer_layers import count_flatbuffer
from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.model.compat import keras, larq, tf
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.sidecar import read_sidecar

IMAGES = 10


@pytest.fixture(autouse=True)
def _runtime() -> None:
    library()


def file_of(folder: Path, layers: Any, shape: Any = SHAPE) -> Path:
    model_of(layers, shape).save(folder / "net.h5")
    return folder / "net.h5"


def flatbuffer(folder: Path, file_format: str = "packed") -> Path:
    return folder / f"net.{file_format}.x86_64.tflite"


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_model_converts(form: str, tmp_path: Path) -> None:
    path = saved(tmp_path, form)
    sidecar = convert_foreign(path, "x86_64", images=IMAGES)
    assert (sidecar.format, sidecar.verified_on, sidecar.images) == ("packed", "substitute", IMAGES)
    assert (sidecar.packed_layers, sidecar.float_layers) == ((2, 2) if form.startswith("keras_3") else (3, 2))
    assert (sidecar.source, sidecar.run, sidecar.recipe) == (path.name, None, None)
    assert sidecar == read_sidecar(flatbuffer(tmp_path)) == open_artefact(flatbuffer(tmp_path)).sidecar
    assert "pixels from -1 to 1" in sidecar.warnings[0]


def test_a_binary_dense_layer_becomes_a_convolution(tmp_path: Path) -> None:
    convert_foreign(file_of(tmp_path, larq_layers), "x86_64", images=IMAGES)
    ops = [op.name for op in read_flatbuffer(flatbuffer(tmp_path)).ops]
    assert (ops.count("LceBconv2d"), ops.count("FULLY_CONNECTED")) == (3, 1)


def test_packed_by_default_where_there_is_something_to_pack(tmp_path: Path) -> None:
    assert convert_foreign(file_of(tmp_path, float_layers), "x86_64", images=IMAGES).format == "float32"


def test_other_formats(tmp_path: Path) -> None:
    path = file_of(tmp_path, larq_layers)
    assert convert_foreign(path, "x86_64", "float32", images=IMAGES).packed_layers == 0
    mixed = convert_foreign(path, "x86_64", "packed_int8", images=IMAGES)
    assert (mixed.packed_layers, mixed.float_layers) == (3, 0)
    with pytest.raises(ConversionError, match="int8 is no form"):
        convert_foreign(path, "x86_64", "int8", images=IMAGES)
    assert not flatbuffer(tmp_path, "int8").exists()


def test_a_network_without_binary_layers_is_quantised_to_int8(tmp_path: Path) -> None:
    sidecar = convert_foreign(file_of(tmp_path, float_layers), "x86_64", "int8", images=IMAGES)
    assert {row.precision for row in sidecar.layers.values()} == {"int8"}
    assert "Quantised by 100 scanned digits" in sidecar.warnings[0]


def test_refuses_to_replace_a_flatbuffer(tmp_path: Path) -> None:
    path = file_of(tmp_path, float_layers)
    convert_foreign(path, "x86_64", images=IMAGES)
    with pytest.raises(ConversionError, match="exists already"):
        convert_foreign(path, "x86_64", images=IMAGES)
    convert_foreign(path, "x86_64", images=IMAGES, overwrite=True)


@pytest.mark.parametrize("side", [16, 15])
@pytest.mark.parametrize("pad_value", [1.0, 0.0, -1.0])
def test_borders_and_strides_of_every_kind_agree(side: int, pad_value: float, tmp_path: Path) -> None:
    def layers(x: Any) -> Any:
        # As PyTorch pads: the same amount on both sides, though the stride leaves one out.
        x = keras.layers.ZeroPadding2D(1)(x)
        x = keras.layers.BatchNormalization()(keras.layers.Conv2D(32, 3, strides=2)(x))
        x = keras.layers.BatchNormalization()(binary(pad_values=pad_value, strides=2)(x))
        x = larq.quantizers.SteSign()(x)
        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=pad_value)
        x = larq.layers.QuantConv2D(32, 3, strides=2, kernel_quantizer="ste_sign")(x)
        return keras.layers.Dense(CLASSES)(keras.layers.Flatten()(x))

    path = tmp_path / "net"
    model_of(layers, (side, side, 3)).save(path, save_format="tf")
    # Between signs there is no 0: the border that is added to them is a third value.
    is_packed = pad_value != 0
    sidecar = convert_foreign(path, "x86_64", "packed", images=IMAGES, allow_unpacked=not is_packed)
    assert sidecar.packed_layers == 1 + is_packed


def tf_sign(x: Any) -> Any:
    x = keras.layers.Conv2D(32, 3)(x)
    x = larq.layers.QuantConv2D(32, 3, kernel_quantizer="ste_sign")(tf.sign(x))
    return keras.layers.GlobalAveragePooling2D()(x)


def small_groups(x: Any) -> Any:
    x = binary(groups=2)(keras.layers.Conv2D(32, 3)(x))
    return keras.layers.GlobalAveragePooling2D()(x)


def depthwise(x: Any) -> Any:
    x = keras.layers.Conv2D(32, 3)(x)
    x = larq.layers.QuantDepthwiseConv2D(3, input_quantizer="ste_sign", depthwise_quantizer="ste_sign")(x)
    return keras.layers.GlobalAveragePooling2D()(x)


@pytest.mark.parametrize(
    ("layers", "named", "fix"),
    [
        (tf_sign, "0 has a value of its own, as tf.sign gives it", "tf.where(x >= 0, 1.0, -1.0)"),
        (small_groups, "groups of 16 input channels", "a multiple of 32"),
        (depthwise, "depthwise convolution", "leave it in full precision"),
    ],
)
def test_a_binary_layer_that_cannot_be_packed_is_refused_by_name(
    layers: Any, named: str, fix: str, tmp_path: Path
) -> None:
    path = file_of(tmp_path, layers)
    with pytest.raises(ConversionError, match="cannot be packed") as error:
        convert_foreign(path, "x86_64", "packed", images=IMAGES)
    assert "quant" in str(error.value.received).lower()
    assert named in str(error.value.received)
    assert fix in str(error.value.next_step)
    assert [file.name for file in tmp_path.iterdir()] == ["net.h5"]


def test_a_binary_layer_may_be_left_unpacked(tmp_path: Path) -> None:
    sidecar = convert_foreign(file_of(tmp_path, small_groups), "x86_64", images=IMAGES, allow_unpacked=True)
    assert sidecar.packed_layers == 0
    assert "groups of 16 input channels" in sidecar.warnings[0]


def test_a_layer_of_which_half_is_binary_is_told(tmp_path: Path) -> None:
    def layers(x: Any) -> Any:
        x = larq.layers.QuantConv2D(32, 3, kernel_quantizer="ste_sign")(x)
        x = binary()(x)
        return keras.layers.Dense(CLASSES)(keras.layers.Flatten()(larq.quantizers.SteSign()(x)))

    sidecar = convert_foreign(file_of(tmp_path, layers), "x86_64", images=IMAGES)
    assert (sidecar.packed_layers, sidecar.float_layers) == (1, 2)
    told = "\n".join(sidecar.warnings)
    assert "weights of ±1, but inputs in full precision" in told
    assert "inputs of few values, but weights in full precision" in told


def test_scales_of_kernels_are_exact(tmp_path: Path) -> None:
    def layers(x: Any) -> Any:
        x = keras.layers.Conv2D(32, 3)(x)
        for _ in range(2):
            x = larq.layers.QuantConv2D(
                32, 3, input_quantizer="ste_sign", kernel_quantizer=larq.quantizers.MagnitudeAwareSign()
            )(x)
        return keras.layers.GlobalAveragePooling2D()(x)

    assert convert_foreign(file_of(tmp_path, layers), "x86_64", images=IMAGES).packed_layers == 2


def flip_a_weight(graph: Graph) -> None:
    layer = next(node for node in graph.nodes if node.op == "LceBconv2d")
    words = np.array(layer.constant(1))
    negate_a_bit(words)
    layer.inputs[1] = constant("", words)


@pytest.mark.parametrize("form", ["h5", "saved_model"])
def test_a_mistake_in_the_flatbuffer_is_found(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, form)

    def wrong(content: bytes, metadata: Any) -> Packed:
        right = pack(content, metadata)
        return right._replace(content=planted(right.content, flip_a_weight))

    monkeypatch.setattr(pipeline, "pack", wrong)
    with pytest.raises(ConversionError, match="does not compute"):
        convert_foreign(path, "x86_64", images=IMAGES)
    assert not flatbuffer(tmp_path).exists()


def recurrent(x: Any) -> Any:
    return keras.layers.Dense(CLASSES)(keras.layers.GRU(4)(keras.layers.Reshape((8, 24))(x)))


def unsupported(x: Any) -> Any:
    return keras.layers.Dense(CLASSES)(tf.linalg.det(keras.layers.Reshape((3, 8, 8))(x)))


@pytest.mark.parametrize("form", ["h5", "saved_model"])
def test_refuses_branches_and_loops(form: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="branches or loops"):
        convert_foreign(saved(tmp_path, form, recurrent), "x86_64", images=IMAGES)


def test_refuses_operators_that_tensorflow_lite_has_not(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="has no operators for") as error:
        convert_foreign(saved(tmp_path, "saved_model", unsupported), "x86_64", images=IMAGES)
    assert "tf.MatrixDeterminant" in str(error.value.received)


def test_images_of_a_recipe(tmp_path: Path) -> None:
    def layers(x: Any) -> Any:
        return keras.layers.Dense(10)(keras.layers.Flatten()(binary()(keras.layers.Conv2D(32, 3)(x))))

    recipe = load_recipe("digits", ["data.image_side=8"])
    sidecar = convert_foreign(file_of(tmp_path, layers, (8, 8, 1)), "x86_64", images=IMAGES, data=recipe)
    assert sidecar.verified_on == "test"
    assert sidecar.top1_drop_points is not None


@pytest.mark.parametrize(
    ("shape", "classes", "problem"), [((8, 8, 3), 10, "another size"), ((8, 8, 1), 5, "another number of classes")]
)
def test_refuses_images_of_another_form(shape: Any, classes: int, problem: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, lambda x: keras.layers.Dense(classes)(keras.layers.Flatten()(x)), shape)
    with pytest.raises(ConversionError, match=problem):
        convert_foreign(path, "x86_64", images=IMAGES, data=load_recipe("digits", ["data.image_side=8"]))


def test_the_result_is_explained_and_counted(tmp_path: Path) -> None:
    convert_foreign(file_of(tmp_path, larq_layers), "x86_64", images=IMAGES)
    file = read_flatbuffer(flatbuffer(tmp_path))
    assert explain(file, "net").why_not_packed == ()
    cost = cost_of_flatbuffer(file, sidecar=read_sidecar(flatbuffer(tmp_path)))
    assert [layer.layer.weight_bits for layer in cost.network.layers] == [32, 1, 1, 1, 32]
    assert count_flatbuffer(file).classes == CLASSES
    assert np.isfinite(cost.network.energy_uj)


def test_an_output_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(tmp_path, float_layers)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pipeline, "write_with_sidecar", full)
    with pytest.raises(ConversionError, match="cannot be written: No space left") as error:
        convert_foreign(path, "x86_64", images=IMAGES)
    assert str(flatbuffer(tmp_path, "float32")) in str(error.value.received)
