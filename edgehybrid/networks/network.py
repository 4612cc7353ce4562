"""The one description of a network that training, cost model and flatbuffer census share. No framework."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgehybrid.recipe.network import FLOAT_BITS

Kind = Literal["conv", "shortcut", "dense"]
Op = Literal[
    "layer",
    "batch_norm",
    "relu",
    "rprelu",
    "max_pool",
    "average_pool",
    "global_average_pool",
    "flatten",
    "add",
    "thermometer",
]
Activation = Literal["relu", "rprelu"]
QuantiserName = Literal["symmetric", "fixed_point"]


@dataclass(frozen=True)
class Layer:
    """A layer with weights: a convolution, the 1×1 convolution of a shortcut, or a dense layer.

    A dense layer is a 1×1 convolution on a map of side 1. Maps are square. No layer has a bias: BatchNorm
    follows.

    Attributes:
        kernel_side, stride: pixels.
        in_side, out_side: side of the map read and written, pixels (N and M of Table 1 of the paper).
        source_side: side of the map a shortcut starts from, before any pooling in between; else in_side.
        stage: 1 … for convolutions and shortcuts, 0 for dense layers.
        weight_bits, activation_bits: 1 … 8 when quantised, 32 in full precision. ``activation_bits`` is about
            the map that the layer reads; either may be quantised alone.
        float_filters: how many of the filters are in full precision; all of them where ``weight_bits`` is 32.
        float_filter_input: what the full-precision filters of a split layer read: the real map, or its sign.
        level_step: of a layer that reads levels 0, 1, 2 …, what one is worth; None where it reads values in [-1, 1].
        adds_to_residual: whether its filters are ±1/p, p that of all such layers, so that sums of maps are integers.
        reason: the selector of the recipe that decided the bits; ``float_fraction`` where that field put filters in
            full precision; ``quantised`` where no selector named the layer.
    """

    name: str
    kind: Kind
    in_channels: int
    out_channels: int
    kernel_side: int
    stride: int
    in_side: int
    out_side: int
    source_side: int
    stage: int
    weight_bits: int = FLOAT_BITS
    activation_bits: int = FLOAT_BITS
    float_filters: int = 0
    float_filter_input: Literal["real", "sign"] = "real"
    level_step: float | None = None
    adds_to_residual: bool = False
    reason: str = ""

    @property
    def is_float(self) -> bool:
        """Whether every filter is in full precision."""
        return self.float_filters == self.out_channels

    @property
    def reads_real(self) -> bool:
        """Whether no quantiser stands between the map and the layer."""
        return self.activation_bits == FLOAT_BITS

    @property
    def is_split(self) -> bool:
        """Whether some, but not all, filters are in full precision."""
        return 0 < self.float_filters < self.out_channels

    @property
    def quantised_filters(self) -> int:
        """Number of filters with ``weight_bits`` bits."""
        return self.out_channels - self.float_filters

    @property
    def weights(self) -> int:
        """k²·I·O."""
        return self.kernel_side**2 * self.in_channels * self.out_channels

    @property
    def inputs(self) -> int:
        """Elements of the input map, N²·I."""
        return self.in_side**2 * self.in_channels

    @property
    def outputs(self) -> int:
        """Elements of the output map, M²·O."""
        return self.out_side**2 * self.out_channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image, M²·k²·I·O."""
        return self.out_side**2 * self.weights

    @property
    def binary_macs(self) -> int:
        """The MACs of 1-bit weights with 1-bit activations."""
        if self.weight_bits != 1 or self.activation_bits != 1:
            return 0
        return self.macs // self.out_channels * self.quantised_filters


@dataclass(frozen=True)
class Node:
    """One step of the forward pass.

    ``layer`` applies the Layer of that name: quantise the input as the layer says, convolve, scale by alpha.
    ``rprelu`` is a ReLU with three learned numbers a channel (``edgehybrid.model.activations.RPReLU``).
    ``max_pool`` is 2×2 with stride 2. ``thermometer`` makes channels of levels of each colour of the image
    (``edgehybrid.model.levels.Thermometer``).
    """

    name: str
    op: Op
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """Layers in forward order, and the graph that connects them.

    The graph starts at the node name ``image`` and ends at its last node, the logits.

    Attributes:
        pad_value: what stands around the map that a quantised convolution reads.
        learned_thresholds: whether quantised filters read the map less a learned number for each channel.
        standardised_weights: whether quantised weights come from filters of zero mean and unit variance.
        clipped_activations: whether what is quantised to several bits is clipped to [-1, 1] first.
        quantiser: of several bits, see ``edgehybrid.model.quantizers``.
        scaled_weights: whether each quantised filter is multiplied by its alpha.
        thermometer_channels: channels of levels that each colour becomes; 0 where layers read the image itself.
        shared_scale: p of the layers that add to a residual; 0 where none does.
        ewgs: δ of the gradient of levels.
    """

    name: str
    architecture: str
    width: float
    image_side: int
    image_channels: int
    classes: int
    pad_value: int
    layers: tuple[Layer, ...]
    graph: tuple[Node, ...]
    learned_thresholds: bool = False
    standardised_weights: bool = False
    clipped_activations: bool = True
    quantiser: QuantiserName = "symmetric"
    scaled_weights: bool = True
    thermometer_channels: int = 0
    shared_scale: int = 0
    ewgs: float = 0.0

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of that name; KeyError when there is none."""
        return {layer.name: layer for layer in self.layers}[name]

    @property
    def weights(self) -> int:
        """Weights of all layers; BatchNorm, thresholds and the numbers of RPReLU are not counted."""
        return sum(layer.weights for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers for one image."""
        return sum(layer.macs for layer in self.layers)


class GraphBuilder:
    """Collects nodes in forward order. Each method returns the name of the node it adds."""

    def __init__(self, layers: tuple[Layer, ...], activation: Activation) -> None:
        self._layers = {layer.name: layer for layer in layers}
        self._activation: Activation = activation
        self.nodes: list[Node] = []

    def add_node(self, op: Op, name: str, *inputs: str) -> str:
        """Appends one node."""
        self.nodes.append(Node(name, op, inputs))
        return name

    def activation(self, name: str, source: str) -> str:
        """The ReLU of the network, or what the recipe puts in its place; the node is ``<name>_relu`` or likewise."""
        return self.add_node(self._activation, f"{name}_{self._activation}", source)

    def normalised_layer(self, name: str, source: str) -> str:
        """The layer, then BatchNorm."""
        self.add_node("layer", name, source)
        return self.add_node("batch_norm", f"{name}_bn", name)

    def activated_layer(self, name: str, source: str) -> str:
        """``normalised_layer`` on a real map: layers that read it in full precision get a ReLU where others have a
        quantiser.

        The quantiser itself is a part of the layer, so only the ReLU is a node.
        """
        if self._layers[name].reads_real:
            source = self.activation(name, source)
        return self.normalised_layer(name, source)
