"""The steps of a computation in their order: which of them read a tensor, and which computes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


@dataclass(frozen=True, eq=False)
class Operator:
    """What ``replay`` asks of a layer, of an operator of TensorFlow's or a part of a Keras layer.

    Attributes:
        gain, shift: of one that computes gain · x + shift, a number each or one a channel; None of others.
        terms: that each sum of a convolution or a dense layer has; 0 of others.
    """

    name: str
    gain: Any = None
    shift: Any = None
    terms: int = 0


class HasTensors(Protocol):
    """What a step says of its tensors, which are numbers; 0 is the image."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """Those that it reads."""

    @property
    def outputs(self) -> tuple[int, ...]:
        """Those that it computes."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values an image's part of each output has."""


AnyStep = TypeVar("AnyStep", bound=HasTensors)


class StepGraph(Generic[AnyStep]):
    """Steps with one input and one output.

    Attributes:
        steps: in the order of execution.
        output: number of the tensor that holds the logits.
    """

    def __init__(self, steps: Sequence[AnyStep], output: int) -> None:
        self.steps, self.output = steps, output
        self._readers: dict[int, list[AnyStep]] = {}
        self._makers: dict[int, AnyStep] = {}
        for step in steps:
            for number in dict.fromkeys(step.inputs):
                self._readers.setdefault(number, []).append(step)
            self._makers.update(dict.fromkeys(step.outputs, step))

    def readers(self, tensor: int) -> Sequence[AnyStep]:
        """Steps that read a tensor, each once, in their order."""
        return self._readers.get(tensor, ())

    def maker(self, tensor: int) -> AnyStep | None:
        """The step that computes a tensor; None for the image."""
        return self._makers.get(tensor)

    def size(self, tensor: int) -> int:
        """How many values an image's part of a computed tensor has."""
        step = self._makers[tensor]
        return step.sizes[step.outputs.index(tensor)]
