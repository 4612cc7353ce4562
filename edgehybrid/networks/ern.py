"""Efficiera Residual Networks: 1-bit weights and 2-bit activations in every layer, integers between all layers.

Source: Takahashi et al. 2024 (arXiv:2410.11553), sections 3 and 4; released code.
"""

from collections.abc import Mapping
from itertools import pairwise

from edgehybrid.errors import RecipeError
from edgehybrid.networks.network import GraphBuilder, Kind, Layer, Node
from edgehybrid.recipe import NetworkRecipe

# Blocks of each stage, by depth; where a recipe has fewer stages, the first ones.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
BOTTLENECKS = (50, 101)
EXPANSION = 4
# An activation of 2 bits has the levels 0 … 3; its values reach 2.
LEVEL_STEP = 2 / 3
# What a layer reads whose scale is not its own business: levels as they are.
BARE_STEP = 1.0
_STEM = ("stem1", "stem2", "stem3", "stem4")


def layers(part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> tuple[Layer, ...]:
    """The layers in forward order, precision not yet assigned.

    The stem: four convolutions, the first and the third with stride 2. Stages after the first halve the map. Blocks of
    two convolutions 3×3, or of 1×1, 3×3 and 1×1 with four times the filters. A block has a 1×1 shortcut where it
    halves the map or changes the channels, and in the first one of all. The classifier is a 1×1 convolution, before
    the average over the map. Nothing has a bias.

    Raises:
        RecipeError: a switch that this architecture does not know.
    """
    _refuse_others(part, _SWITCHES)
    found = []
    widths = [int(filters * part.width) for filters in part.ern.stages]
    side, channels = image_side, image_channels * part.ern.thermometer_channels

    def add(name: str, out: int, kernel: int = 3, stride: int = 1, adds: bool = False, step: float = BARE_STEP) -> None:
        nonlocal side, channels
        found.append(_layer(name, "conv", side, channels, out, kernel, stride, step, adds))
        side, channels = found[-1].out_side, out

    def add_shortcut(name: str, side: int, channels: int, out: int, stride: int) -> None:
        found.append(_layer(name, "shortcut", side, channels, out, 1, stride, BARE_STEP, adds=True))

    for number, name in enumerate(_STEM):
        stride = 2 if part.ern.stem_strides and number in (0, 2) else 1
        kernel = part.ern.stem_last_kernel if number == 3 else 3
        add(name, widths[0], kernel, stride, step=BARE_STEP if number == 0 else LEVEL_STEP)
    is_bottleneck = part.ern.depth in BOTTLENECKS
    for stage, width in enumerate(widths, start=1):
        for block in range(1, BLOCKS[part.ern.depth][stage - 1] + 1):
            name = f"stage{stage}_block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            out = width * EXPANSION if is_bottleneck else width
            # What begins with a shortcut reads bare levels: then the shortcut's sums are integers over p.
            has_shortcut = stride > 1 or out != channels or (stage, block) == (1, 1)
            read, step = (side, channels), BARE_STEP if has_shortcut else LEVEL_STEP
            add(f"{name}_conv1", width, 1 if is_bottleneck else 3, 1 if is_bottleneck else stride, step=step)
            if has_shortcut:
                add_shortcut(f"{name}_shortcut", *read, out, stride)
            if is_bottleneck:
                add(f"{name}_conv2", width, 3, stride, step=LEVEL_STEP)
            add(f"{name}_conv{3 if is_bottleneck else 2}", out, 1 if is_bottleneck else 3, adds=True)
    add("classifier", classes, 1, step=LEVEL_STEP)
    return tuple(found)


def _layer(
    name: str, kind: Kind, side: int, channels: int, out: int, kernel: int, stride: int, step: float, adds: bool
) -> Layer:
    stage = int(name[len("stage")]) if name.startswith("stage") else 0
    sides = (side, -(-side // stride), side)
    return Layer(name, kind, channels, out, kernel, stride, *sides, stage, level_step=step, adds_to_residual=adds)


def graph(part: NetworkRecipe, layers: tuple[Layer, ...]) -> tuple[Node, ...]:
    """The forward pass, with BatchNorm and activation before each convolution of a block::

        a = act(bn(x))
        h = act(bn(conv1(a)))
        y = conv2(h) + shortcut(a)        or + x where the block has no shortcut

    and at the end classifier, average. The activation is a part of the layer that reads it; in the full-precision twin
    it is a ReLU, and the first layer reads the same thermometer.
    """
    by_name = {layer.name: layer for layer in layers}
    g = GraphBuilder(layers, part.activation)

    def activated(name: str, source: str) -> str:
        return g.activation(name, source) if by_name[name].is_float else source

    def normalised(name: str, source: str) -> str:
        return g.add_node("batch_norm", f"{name}_bn", source)

    x = g.add_node("layer", _STEM[0], g.add_node("thermometer", "thermometer", "image"))
    for before, name in pairwise(_STEM):
        x = g.add_node("layer", name, activated(name, normalised(before, x)))
    blocks = dict.fromkeys(layer.name.rpartition("_")[0] for layer in layers if layer.stage)
    for block in blocks:
        members = [layer.name for layer in layers if layer.name.startswith(f"{block}_conv")]
        a, skip = g.add_node("batch_norm", f"{block}_input_bn", x), x
        y = g.add_node("layer", members[0], activated(members[0], a))
        if (shortcut := f"{block}_shortcut") in by_name:
            skip = g.add_node("layer", shortcut, activated(shortcut, a))
        for before, name in pairwise(members):
            y = g.add_node("layer", name, activated(name, normalised(before, y)))
        x = g.add_node("add", block, y, skip)
    x = g.add_node("batch_norm", "classifier_input_bn", x)
    x = g.add_node("layer", "classifier", activated("classifier", x))
    g.add_node("global_average_pool", "logits", x)
    return tuple(g.nodes)


def check_bits(part: NetworkRecipe) -> None:
    """Refuses an ERN with other bits than its own, which nobody could train; they can be counted, as a reference.

    Raises:
        RecipeError: such a placement, or a border that is no level.
    """
    if part.placement.full_precision != ("all",):
        _refuse_others(part, _LEVELS)


_SWITCHES: Mapping[str, object] = {
    "residual": False,
    "shortcut": "topology",
    "activation": "relu",
    "thresholds": "zero",
    "standardise_weights": False,
    "clip_activations": True,
    "placement.float_fraction": 0.0,
}
_LEVELS: Mapping[str, object] = {
    "pad_value": 0,
    "placement.full_precision": (),
    "placement.bits": {},
    "placement.weight_bits": 1,
    "placement.activation_bits": 2,
}


def _refuse_others(part: NetworkRecipe, allowed: Mapping[str, object]) -> None:
    for field, value in allowed.items():
        section, _, key = field.rpartition(".")
        received = getattr(part.placement if section else part, key)
        if received != value:
            raise RecipeError(
                "An ERN has 1-bit weights and 2-bit activations in every layer, and borders of level 0.",
                received=f"network.{field}: {_plain(received)}",
                allowed=f"network.{field}: {_plain(value)}",
                next_step="See recipes/ern/ for whole sections.",
            )


def _plain(value: object) -> object:
    """A value as YAML has it."""
    if isinstance(value, tuple):
        return list(value)
    return str(value).lower() if isinstance(value, bool) else value
