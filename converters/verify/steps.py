"""The steps of a model, whatever it is made of."""

from typing import Any

from converters.frozen import FrozenModel
from converters.verify.frozen_graph import FrozenGraph, FrozenStep
from converters.verify.keras_graph import KerasGraph, KerasStep

ModelGraph = KerasGraph | FrozenGraph
Step = KerasStep | FrozenStep


def graph_of_model(model: Any) -> ModelGraph:
    """Layers of a Keras 2 model; operators of a frozen one."""
    return FrozenGraph(model) if isinstance(model, FrozenModel) else KerasGraph(model)
