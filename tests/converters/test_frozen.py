"""A model as one graph of operators and constants."""

import numpy as np
from foreign_models import CLASSES, SHAPE, images, larq_layers, model_of

from converters.frozen import FrozenModel


def test_computes_what_the_model_computes_and_has_no_variables() -> None:
    model = model_of(larq_layers)
    frozen = FrozenModel(lambda image: model(image, training=False), SHAPE, "net")
    # float32, convolved in another order.
    np.testing.assert_allclose(np.asarray(frozen(images())), np.asarray(model(images())), atol=1e-4)
    assert (frozen.input_shape, frozen.output_shape) == ((None, *SHAPE), (None, CLASSES))
    assert "Conv2D" in frozen.operators()
    assert not frozen.operators() & {"VarHandleOp", "ReadVariableOp", "PartitionedCall", "StatefulPartitionedCall"}
    assert frozen.types()["image"] == "float32"
