"""Keras models to flatbuffers: what every format reads and gives, and what TensorFlow Lite has no operator for."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from foreign_models import CLASSES, SHAPE, binary, float_layers, images, model_of
from tiny_runs import random_model, tiny_recipe

from converters.export import converter_versions, export, save
from edgehybrid.census.formats import FORMATS, AskedFormat
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.flatbuffer.schema import OPERATORS
from edgehybrid.model.compat import keras, tf
from edgehybrid.networks import float_twin


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_reads_one_image_and_gives_one_number_a_class_in_float32(file_format: AskedFormat) -> None:
    flatbuffer = parse_flatbuffer(export(model_of(float_layers), file_format, images()), "model")
    ends = [flatbuffer.tensors[index] for index in (*flatbuffer.inputs, *flatbuffer.outputs)]
    assert [(tensor.type_name, tensor.shape) for tensor in ends] == [
        ("float32", (1, *SHAPE)),
        ("float32", (1, CLASSES)),
    ]


def test_a_binary_layer_leaves_the_converter_in_operators_of_tensorflow_lite() -> None:
    def layers(x: object) -> object:
        return float_layers(binary()(x))

    names = {op.name for op in parse_flatbuffer(export(model_of(layers), "packed"), "model").ops}
    assert names <= set(OPERATORS.values())


def test_int8_needs_representative_images() -> None:
    with pytest.raises(ConversionError, match="representative images"):
        export(random_model(float_twin(tiny_recipe())), "int8")


@pytest.mark.parametrize("file_format", ["float32", "int8"])
def test_an_operator_that_is_not_there_is_named(file_format: AskedFormat) -> None:
    model = model_of(lambda x: float_layers(keras.layers.Lambda(tf.math.digamma)(x)))
    with pytest.raises(ConversionError, match="no operators for a part of the model") as caught:
        export(model, file_format, images())
    assert caught.value.received == "tf.Digamma"


def test_what_is_saved_infers_as_the_model_does(tmp_path: Path) -> None:
    model = model_of(float_layers)
    save(model, str(tmp_path))
    image = images(1)
    saved = tf.saved_model.load(str(tmp_path)).signatures["serving_default"](image=tf.constant(image))
    (logits,) = saved.values()
    # The same operators, compiled anew: float32 is rounded in another order.
    np.testing.assert_allclose(logits, model(image, training=False), rtol=1e-5, atol=1e-6)


def test_the_versions_are_those_of_what_makes_flatbuffers() -> None:
    assert converter_versions() == {name: version(name) for name in ("tensorflow", "larq")}
