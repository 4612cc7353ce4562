"""A frozen TensorFlow graph as the steps that compute its tensors, as ``KerasGraph`` has them of a Keras model."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.frozen import FrozenModel
from converters.verify.step_graph import Operator, StepGraph
from edgehybrid.model.compat import tf

_BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_FILTERING = ("Conv2D", "DepthwiseConv2dNative", "MatMul")


@dataclass(frozen=True, eq=False)
class FrozenStep:
    """One operator that depends on the image; the attributes are those of ``keras_graph.Step``.

    Tensors are stacked for the images of a batch. Where TensorFlow's has a first axis of length 1, that of its one
    image, the stack's first axis stands in its place.
    """

    index: int
    name: str
    layer: Operator
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sizes: tuple[int, ...]
    _run: Any
    _shapes: tuple[tuple[int, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """By which TensorFlow Lite may call what it computes."""
        return (self.name,)

    def __call__(self, values: Mapping[int, Any]) -> list[NDArray[Any]]:
        """The outputs for a batch, image by image."""
        read = [values[number] for number in self.inputs]
        rows = []
        for image in range(len(read[0])):
            feeds = [tf.constant(value[image].reshape(shape)) for value, shape in zip(read, self._shapes, strict=True)]
            rows.append([_without_batch(np.asarray(output)) for output in self._run(*feeds)])
        return [np.stack(of_rows) for of_rows in zip(*rows, strict=True)]


class FrozenGraph(StepGraph[FrozenStep]):
    """The operators of a frozen model that depend on its image, in an order in which they can run."""

    def __init__(self, model: FrozenModel) -> None:
        function = model.function
        (image,), (logits,) = function.inputs, function.outputs
        order = _in_order(logits.op)
        read = {tensor.ref() for operation in order for tensor in operation.inputs} | {logits.ref()}
        numbers = {image.ref(): 0}
        chosen = []
        for operation in order:
            if any(tensor.ref() in numbers for tensor in operation.inputs):
                chosen.append(operation)
                for tensor in operation.outputs:
                    if tensor.ref() in read:
                        numbers[tensor.ref()] = len(numbers)
        constants = _constants(function, chosen, numbers)
        apart = _apart(chosen)
        steps = [_step(apart, numbers, constants, index, operation) for index, operation in enumerate(chosen)]
        super().__init__(steps, numbers[logits.ref()])


def _in_order(last: Any) -> list[Any]:
    """An operation with all before it, each behind what it reads."""
    order: list[Any] = []
    seen: set[Any] = set()
    waiting = [(last, False)]
    while waiting:
        operation, is_ready = waiting.pop()
        if is_ready:
            order.append(operation)
        elif operation not in seen:
            seen.add(operation)
            waiting.append((operation, True))
            waiting += [(tensor.op, False) for tensor in operation.inputs if tensor.op not in seen]
    return order


def _constants(function: Any, chosen: Sequence[Any], numbers: Mapping[Any, int]) -> dict[Any, Any]:
    """The operands that no image changes, computed once: by reference of the tensor."""
    operands = {
        tensor.ref(): tensor for operation in chosen for tensor in operation.inputs if tensor.ref() not in numbers
    }
    with _as_it_stands():
        found = function.prune([], list(operands.values()))() if operands else []
    return dict(zip(operands, found, strict=True))


@contextmanager
def _as_it_stands() -> Iterator[None]:
    """Graphs run without being rewritten first.

    TensorFlow would compute all that has no variable while it rewrites, and keep each step between as a constant of the
    graph, too: of 60 million weights that took more than 20 GiB.
    """
    options = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": options.get("disable_meta_optimizer", False)}
        )


def _feeds(operation: Any) -> list[Any]:
    """What it reads. An operand that is read twice is fed once."""
    return list({tensor.ref(): tensor for tensor in operation.inputs}.values())


def _apart(chosen: Sequence[Any]) -> Any:
    """A function of these operations, each with placeholders in place of what it reads.

    Pruned from the whole graph, the function of one operation would hold the weights of all operations before it.
    """
    graph = tf.compat.v1.GraphDef()
    for index, operation in enumerate(chosen):
        names = {}
        for place, tensor in enumerate(_feeds(operation)):
            names[tensor.ref()] = _placeholder(index, place)
            node = graph.node.add(name=_placeholder(index, place), op="Placeholder")
            node.attr["dtype"].type = tensor.dtype.as_datatype_enum
            node.attr["shape"].shape.CopyFrom(tensor.shape.as_proto())
        node = graph.node.add()
        node.CopyFrom(operation.node_def)
        # Where it would run beside another operation of the whole graph.
        node.attr.pop("_class", None)
        del node.input[:]
        node.input.extend(names[tensor.ref()] for tensor in operation.inputs)
    return tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])


def _placeholder(index: int, place: int) -> str:
    return f"operand_{place}_of_step_{index}"


def _step(
    apart: Any, numbers: Mapping[Any, int], constants: Mapping[Any, Any], index: int, operation: Any
) -> FrozenStep:
    feeds = _feeds(operation)
    made = [tensor for tensor in operation.outputs if tensor.ref() in numbers]
    at = apart.graph.get_tensor_by_name
    pruned = apart.prune(
        [at(f"{_placeholder(index, place)}:0") for place in range(len(feeds))], [at(tensor.name) for tensor in made]
    )
    moving = [tensor for tensor in feeds if tensor.ref() in numbers]
    places = {tensor.ref(): place for place, tensor in enumerate(moving)}

    def run(*values: Any) -> list[Any]:
        arguments = [values[places[f.ref()]] if f.ref() in places else constants[f.ref()] for f in feeds]
        outputs = pruned(*arguments)
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

    shapes = [tuple(tensor.shape) for tensor in made]
    return FrozenStep(
        index=index,
        name=operation.name,
        layer=_operator(operation, numbers, constants),
        inputs=tuple(numbers[tensor.ref()] for tensor in moving),
        outputs=tuple(numbers[tensor.ref()] for tensor in made),
        sizes=tuple(math.prod(shape) if None not in shape else 0 for shape in shapes),
        _run=run,
        _shapes=tuple(tuple(tensor.shape) for tensor in moving),
    )


def _operator(operation: Any, numbers: Mapping[Any, int], constants: Mapping[Any, Any]) -> Operator:
    name, kind, inputs = operation.name, operation.type, list(operation.inputs)
    fixed: list[Any] = [None if t.ref() in numbers else np.asarray(constants[t.ref()]) for t in inputs]
    if kind in _BATCH_NORMS and all(array is not None for array in fixed[1:]):
        gamma, beta, mean, variance = fixed[1:]
        gain = gamma / np.sqrt(variance + operation.get_attr("epsilon"))
        return Operator(name, gain, np.abs(gain * mean) + np.abs(beta))
    if kind in _FILTERING and fixed[1] is not None:
        return Operator(name, terms=fixed[1].size // fixed[1].shape[-1])
    others = [array for array in fixed if array is not None]
    if len(inputs) == 2 and len(others) == 1 and (others[0].ndim <= 1 or others[0].size == others[0].shape[-1]):
        by_channel = others[0].reshape(-1) if others[0].ndim else others[0]
        if kind in ("AddV2", "Add", "Sub", "BiasAdd"):
            return Operator(name, np.float32(1), np.abs(by_channel))
        if kind == "Mul":
            return Operator(name, by_channel, np.float32(0))
        if kind == "RealDiv" and fixed[1] is not None and np.all(by_channel):
            return Operator(name, 1 / by_channel, np.float32(0))
    return Operator(name)


def _without_batch(array: NDArray[Any]) -> NDArray[Any]:
    return array[0] if array.ndim and len(array) == 1 else array
