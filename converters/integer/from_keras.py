"""A trained network of levels → the same on integers."""

from typing import Any

import numpy as np

from converters.integer.integer_network import PIXEL_ZERO, Convolution, IntegerNetwork, Levels, Scores, Step, Thresholds
from converters.integer.level_thresholds import MOST_LEVEL, Integers, Normalisation, Reals, levels_of, thresholds_of
from edgehybrid.errors import ConversionError
from edgehybrid.model.levels import PIXEL_MAX, Thermometer
from edgehybrid.networks import Layer, Network, Node

# The runtime's lanes are float32, which hold every integer up to here.
MOST_SUM = 1 << 24


def integer_network(network: Network, model: Any) -> IntegerNetwork:
    r"""Every value of the float network is an integer times a number a channel:

    - a convolution gives S·m·step, S the sum of levels with signs, m the scale of its filters, step the worth of a
      level;
    - where maps are added, both have m·step = 1/p, so that S + S' is their sum;
    - BatchNorm and quantiser behind become thresholds of S (``thresholds_of``);
    - the logits are the mean of S times m·step: one product a class.

    Raises:
        ConversionError: sums that are too large to be exact, or maps of different scales that are added.
    """
    return _Walk(network, model).walk()


class _Walk:
    def __init__(self, network: Network, model: Any) -> None:
        self._network, self._model = network, model
        self._readers: dict[str, list[Node]] = {}
        for node in network.graph:
            for name in node.inputs:
                self._readers.setdefault(name, []).append(node)
        self._steps: list[Step] = []
        # Of maps of integers, by node: the step's name, the scale of each channel, and what its integers can be.
        self._sums: dict[str, tuple[str, Reals, Integers, Integers]] = {}
        # Of BatchNorm's nodes: the step that gives the levels behind it.
        self._levels: dict[str, str] = {}

    def walk(self) -> IntegerNetwork:
        for node in self._network.graph:
            if node.op == "thermometer":
                self._levels[node.name] = node.name
                self._steps.append(Levels(node.name, "image", self._thermometer(node.name)))
            elif node.op == "layer":
                self._add_layer(node)
            elif node.op == "batch_norm":
                self._add_levels(node)
            elif node.op == "global_average_pool":
                name, scales, least, most = self._sums[node.inputs[0]]
                pixels = self._network.layers[-1].out_side ** 2
                _check_exact(node.name, least * pixels, most * pixels)
                self._steps.append(Scores(node.name, name, (scales / pixels).astype(np.float32)))
            elif node.op != "add":
                raise ConversionError("A network of levels has no such step.", received=f"{node.op} {node.name}")
        return IntegerNetwork(self._network.image_side, self._network.image_channels, tuple(self._steps))

    def _add_layer(self, node: Node) -> None:
        layer, keras_layer = self._network.layer(node.name), self._model.get_layer(node.name)
        kernel = keras_layer.latent_kernel.numpy()
        filters = np.where(kernel >= 0, 1, -1).astype(np.int8).transpose(3, 0, 1, 2)
        scales = keras_layer.alpha().numpy().astype(np.float64) * (layer.level_step or 1)
        plus, minus = (filters > 0).sum(axis=(1, 2, 3)), (filters < 0).sum(axis=(1, 2, 3))
        least, most = -MOST_LEVEL * minus, MOST_LEVEL * plus
        readers = self._readers[node.name]
        residual = name = None
        if readers[0].op == "add" and readers[0].inputs[0] == node.name:
            name, residual, least, most = self._added(readers[0], layer, scales, least, most)
        _check_exact(node.name, least, most)
        thresholds = None
        if [reader.op for reader in readers] == ["batch_norm"]:
            thresholds = self._thresholds(readers[0].name, scales, least, most)
            self._levels[readers[0].name] = node.name
        source = self._levels[node.inputs[0]]
        self._steps.append(
            Convolution(node.name, source, filters, layer.stride, residual, thresholds, scales, least, most)
        )
        self._sums[name or node.name] = (node.name, scales, least, most)

    def _added(
        self, node: Node, layer: Layer, scales: Reals, least: Integers, most: Integers
    ) -> tuple[str, str, Integers, Integers]:
        residual, others, other_least, other_most = self._sums[node.inputs[1]]
        if not np.array_equal(scales, others):
            raise ConversionError(
                f"'{node.name}' adds maps of different scales, whose sum is no integer.",
                received=f"layer '{layer.name}': {scales[0]:g}; the other: {others[0]:g}",
                allowed="the same for both",
            )
        return node.name, residual, least + other_least, most + other_most

    def _add_levels(self, node: Node) -> None:
        if node.name in self._levels:
            return
        source, scales, least, most = self._sums[node.inputs[0]]
        self._steps.append(Levels(node.name, source, self._thresholds(node.name, scales, least, most)))
        self._levels[node.name] = node.name

    def _thresholds(self, name: str, scales: Reals, least: Integers, most: Integers) -> Thresholds:
        table = thresholds_of(self._normalisation(name), scales, least, most)
        return Thresholds(table, name, scales, least, most)

    def _normalisation(self, name: str) -> Normalisation:
        layer = self._model.get_layer(name)
        numbers = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        gamma, beta, mean, variance = (number.numpy().astype(np.float64) for number in numbers)
        return Normalisation(gamma, beta, mean, variance, layer.epsilon)

    def _thermometer(self, name: str) -> Integers:
        """The least stored pixel of each level, channel i·colours + c as ``Thermometer`` has them."""
        layer: Thermometer = self._model.get_layer(name)
        pixels = (np.arange(PIXEL_MAX + 1) / PIXEL_MAX).astype(np.float32)
        levels = levels_of(layer(pixels.reshape(1, -1, 1, 1)).numpy()[0, :, 0].astype(np.float64))
        first = [(levels < level).sum(axis=0) - PIXEL_ZERO for level in range(1, MOST_LEVEL + 1)]
        rows = np.stack([*first, np.ones(layer.channels)], axis=1).astype(np.int64)
        return np.repeat(rows, self._network.image_channels, axis=0)


def _check_exact(name: str, least: Integers, most: Integers) -> None:
    if max(int(most.max()), -int(least.min())) >= MOST_SUM:
        raise ConversionError(
            f"Sums of '{name}' can be too large to be exact.",
            received=f"{least.min()} to {most.max()}",
            allowed=f"less than {MOST_SUM}",
            next_step="Train a network of fewer filters, or with fewer blocks; or convert with --format float32.",
        )
