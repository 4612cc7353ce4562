"""The steps of a model, whatever it is made of."""

from foreign_models import SHAPE, float_layers, model_of

from converters.frozen import FrozenModel
from converters.verify.frozen_graph import FrozenGraph
from converters.verify.keras_graph import KerasGraph
from converters.verify.steps import graph_of_model


def test_a_keras_model_has_layers_and_a_frozen_one_operators() -> None:
    model = model_of(float_layers)
    assert isinstance(graph_of_model(model), KerasGraph)
    assert isinstance(graph_of_model(FrozenModel(model, SHAPE, "net")), FrozenGraph)
