"""A flatbuffer that also gives the values that stand for tensors of its Keras model, paired with those."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph
from converters.graph_file import flatbuffer_of, graph_of
from converters.taps import Tap, named_by_tensorflow, tapped, taps_of
from converters.verify.bounds import Floats
from converters.verify.matching import Pairs, pair
from converters.verify.replay import Mistake, Replayed, replay
from converters.verify.steps import graph_of_model
from converters.verify.wrong_pairs import without_wrong_pairs
from edgehybrid.runtime.every_output import every_output


class TappedFile:
    """A flatbuffer and its Keras model, ready for ``replay``.

    The values are those of a copy of the file with more outputs, in the runtime that the file itself runs in.

    Attributes:
        keras: the model's steps.
        taps: those that are paired.
        pairs: of the model's tensors and ``taps``.
        bytes_an_image: of all their values.
    """

    def __init__(self, model: Any, content: bytes, taps: Sequence[Tap] | None, image: Floats) -> None:
        """Pairs values and tensors.

        Args:
            taps: of a packed file, from ``pack``; without, the names in the file are TensorFlow's.
            image: one normalised image (1, side, side, channels) to choose the pairs by.
        """
        self.keras = graph_of_model(model)
        graph = graph_of(content)
        found = list(taps_of(named_by_tensorflow(graph)) if taps is None else taps)
        logits = _node_of_logits(graph)
        every = [tap for tap in found if tap.node != logits] + [Tap(logits, "")]
        values = _run(graph, every, image)
        chosen = pair(self.keras, every, len(every) - 1, image, values)
        chosen = without_wrong_pairs(self.keras, every, chosen, image, values)
        places = chosen.taps()
        self.taps = [every[place] for place in places]
        self.pairs = Pairs(
            {tensor: [places.index(place) for place in of_tensor] for tensor, of_tensor in chosen.of_tensor.items()}
        )
        nodes = [tap.node for tap in self.taps]
        self._logits = nodes.index(logits)
        self._run_taps = every_output(flatbuffer_of(tapped(graph, nodes)))
        self.bytes_an_image = sum(value.nbytes for place, value in enumerate(values) if place in set(places))

    @property
    def matched_layers(self) -> dict[str, list[Tap]]:
        """Layer whose output is matched → what stands for it."""
        steps = {tensor: self.keras.maker(tensor) for tensor in self.pairs.of_tensor}
        return {
            step.name: [self.taps[place] for place in self.pairs.of_tensor[tensor]]
            for tensor, step in sorted(steps.items())
            if step is not None
        }

    @property
    def packed_maps(self) -> list[tuple[int, int]]:
        """Pixels and channels of each packed map."""
        return [
            (self.keras.size(tensor) // channels, channels)
            for tensor, places in self.pairs.of_tensor.items()
            for channels in {self.taps[place].channels for place in places if self.taps[place].threshold is not None}
        ]

    def values(self, images: Floats) -> list[NDArray[Any]]:
        """What the flatbuffer has at each tap, (n, …)."""
        rows = [self._run_taps(image[None]) for image in images]
        return [np.concatenate([row[1 + place] for row in rows]) for place in range(len(self.taps))]

    def logits(self, values: Sequence[NDArray[Any]]) -> Floats:
        """(n, classes), among the values of the taps."""
        return values[self._logits].reshape(len(values[self._logits]), -1)

    def replay(self, images: Floats, values: Sequence[NDArray[Any]], find_flips: bool = False) -> Replayed | Mistake:
        """See ``converters.verify.replay``."""
        return replay(self.keras, self.taps, self.pairs, images, values, find_flips)


def _node_of_logits(graph: Graph) -> int:
    (output,) = graph.outputs
    (index,) = [index for index, node in enumerate(graph.nodes) if node.output is output]
    return index


def _run(graph: Graph, taps: Sequence[Tap], image: Floats) -> list[NDArray[Any]]:
    return every_output(flatbuffer_of(tapped(graph, [tap.node for tap in taps])))(image)[1:]
