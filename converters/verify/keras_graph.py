"""A Keras model as the steps that compute its tensors, which can be taken one by one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.verify.step_graph import Operator, StepGraph
from edgehybrid.model.activations import RPReLU

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayerPart(Operator):
    """A part of a layer whose value a flatbuffer may hold. ``compute`` takes a tensor."""

    compute: Any = None


@dataclass(frozen=True, eq=False)
class KerasStep:
    """One call of a layer.

    Attributes:
        index: place in the order of execution.
        name: of the layer; of one in a nested model with the model's before it, ``model/layer``.
        layer: the Keras layer, or a part of it.
        node: Keras' record of the call; None where the layer takes one tensor and nothing else.
        inputs, outputs: numbers of tensors; 0 is the image.
        sizes: how many values an image's part of each output has; 0 where Keras does not know.
    """

    index: int
    name: str
    layer: Any
    node: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """By which TensorFlow may call what it computes."""
        return tuple(dict.fromkeys((self.name, self.name.rpartition("/")[2], self.layer.name)))

    def __call__(self, values: Mapping[int, Any]) -> list[Floats]:
        """The outputs for a batch, by Keras, as at inference."""
        if self.node is None:
            args, kwargs = (values[self.inputs[0]],), {}
        else:
            # Keras takes each tensor from its list as often as it is read.
            tensors: dict[str, list[Any]] = {}
            for name, number in zip(self.node.flat_input_ids, self.inputs, strict=True):
                tensors.setdefault(name, []).append(values[number])
            args, kwargs = self.node.map_arguments(tensors)
        compute = self.layer.compute if isinstance(self.layer, LayerPart) else self.layer
        outputs = compute(*args, **kwargs)
        return [np.asarray(output) for output in (outputs if isinstance(outputs, list | tuple) else [outputs])]


class KerasGraph(StepGraph[KerasStep]):
    """The steps of a model, those of nested models among them.

    A model that is not built of layers and their tensors is one step.
    """

    def __init__(self, model: Any) -> None:
        self._found: list[KerasStep] = []
        self._tensors = 1
        (output,) = self._add(model, [0], "")
        super().__init__(self._found, output)

    def _add(self, model: Any, inputs: list[int], prefix: str) -> list[int]:
        if not getattr(model, "_nodes_by_depth", None):
            return self._add_step(model, None, inputs, [model.output_shape], f"{prefix}{model.name}")
        numbers = {str(id(tensor)): number for tensor, number in zip(model.inputs, inputs, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                read = [numbers[name] for name in node.flat_input_ids]
                name = f"{prefix}{node.layer.name}"
                if getattr(node.layer, "_nodes_by_depth", None) and len(read) == len(node.layer.inputs):
                    made = self._add(node.layer, read, f"{name}/")
                else:
                    shapes = node.output_shapes if isinstance(node.output_shapes, list) else [node.output_shapes]
                    made = self._add_layer(node, read, shapes, name)
                numbers.update(zip(node.flat_output_ids, made, strict=True))
        return [numbers[str(id(tensor))] for tensor in model.outputs]

    def _add_layer(self, node: Any, inputs: list[int], shapes: list[Any], name: str) -> list[int]:
        layer = node.layer
        if not isinstance(layer, RPReLU):
            return self._add_step(layer, node, inputs, shapes, name)
        # Both shifts may go into other layers, so that neither what RPReLU reads nor what it writes is in the file.
        gamma, zeta = np.abs(layer.gamma), np.abs(layer.zeta)
        for part in (
            LayerPart(layer.name, 1.0, gamma, compute=layer.shifted),
            LayerPart(layer.name, compute=layer.bent),
            LayerPart(layer.name, 1.0, zeta, compute=layer.raised),
        ):
            inputs = self._add_step(part, None, inputs, shapes, name)
        return inputs

    def _add_step(self, layer: Any, node: Any, inputs: list[int], shapes: list[Any], name: str) -> list[int]:
        outputs = tuple(range(self._tensors, self._tensors + len(shapes)))
        self._tensors += len(shapes)
        sizes = tuple(_size(shape) for shape in shapes)
        self._found.append(KerasStep(len(self._found), name, layer, node, tuple(inputs), outputs, sizes))
        return list(outputs)


def _size(shape: Any) -> int:
    lengths = tuple(shape)[1:]
    return 0 if any(length is None for length in lengths) else math.prod(int(length) for length in lengths)
