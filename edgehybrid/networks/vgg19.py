"""VGG-19: sixteen 3×3 convolutions in five stages, each followed by a 2×2 pool, then three dense layers."""

from edgehybrid.errors import RecipeError
from edgehybrid.networks.network import GraphBuilder, Layer, Node
from edgehybrid.recipe import NetworkRecipe

# (convolutions, filters) of each stage; the dense layers do not grow with the width.
STAGES = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
DENSE = (4096, 4096)


def layers(part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> tuple[Layer, ...]:
    """The 19 layers in forward order (22 with shortcuts), precision not yet assigned.

    With shortcuts a 1×1 shortcut stands wherever the number of channels changes, which the first convolution of a
    stage does: the same three for a shortcut round one convolution as round two.
    Source: Chakraborty et al. 2019, sections 2.3 and 2.4; the counts behind Table 6 fix the dense widths.

    Raises:
        RecipeError: an image that cannot be halved five times, or two kinds of shortcuts at once.
    """
    residual = _shortcut_span(part) > 0
    if image_side < 2 ** len(STAGES):
        raise RecipeError(
            "VGG-19 halves the image five times; nothing is left of this one.",
            received=f"data.image_side: {image_side}",
            allowed="≥ 32",
        )
    found: list[Layer] = []
    side, channels, source_side = image_side, image_channels, image_side
    for stage, (convolutions, filters) in enumerate(STAGES, start=1):
        out = int(filters * part.width)
        for index in range(convolutions):
            number = 1 + sum(layer.kind == "conv" for layer in found)
            found.append(Layer(f"conv{number}", "conv", channels, out, 3, 1, side, side, side, stage))
            if residual and index == 0 and stage > 1 and channels != out:
                name = f"shortcut{1 + sum(layer.kind == 'shortcut' for layer in found)}"
                found.append(Layer(name, "shortcut", channels, out, 1, 1, side, side, source_side, stage))
            channels = out
        side, source_side = side // 2, side
    channels *= side**2
    for number, out in enumerate((*DENSE, classes), start=1):
        found.append(Layer(f"fc{number}", "dense", channels, out, 1, 1, 1, 1, 1, stage=0))
        channels = out
    return tuple(found)


def graph(part: NetworkRecipe, layers: tuple[Layer, ...]) -> tuple[Node, ...]:
    """The forward pass: convolution, BatchNorm, quantiser (or ReLU); pools between BatchNorm and quantiser.

    In this order the converter fuses scale, BatchNorm and sign into the thresholds of the convolution before,
    and the pool works on bits. With shortcuts, each group of one or two convolutions (the span) adds the map that it
    read:

        y = bn(conv(q(bn(conv(q(x)))))) + shortcut(x)      span 2: Hybrid-VGG A, pairs from stage 2 on
        y = bn(conv(q(x))) + shortcut(x)                   span 1: every convolution but the first

    Source of span 1: Liu et al. 2018 (Bi-Real Net, arXiv:1808.00278): a shortcut round one convolution
    carries the real map past the sign that would cut it to one bit.

    Nothing centres such a sum again: after four stages of sums and maxima, 99.9 % of the signs before fc1 would be +1,
    and 1.6 % of the values inside the ±1 where the sign has a gradient. One BatchNorm after the last pool mends both.
    """
    span = _shortcut_span(part)
    convolutions = [layer for layer in layers if layer.kind == "conv"]
    shortcuts = iter([layer.name for layer in layers if layer.kind == "shortcut"])
    g = GraphBuilder(layers, part.activation)
    x = g.normalised_layer("conv1", "image")
    for stage in range(1, len(STAGES) + 1):
        members = [layer for layer in convolutions[1:] if layer.stage == stage]
        for group in _groups(members, span or 1):
            y = x
            for layer in group:
                y = g.activated_layer(layer.name, y)
            # In stage 1 one convolution is left beside the first: no pair.
            if len(group) == span:
                if group[0].in_channels != group[0].out_channels:
                    x = g.normalised_layer(next(shortcuts), x)
                y = g.add_node("add", f"{group[-1].name}_add", y, x)
            x = y
        x = g.add_node("max_pool", f"pool{stage}", x)
    if span:
        x = g.add_node("batch_norm", "pool5_bn", x)
    x = g.add_node("flatten", "flatten", x)
    for name in ("fc1", "fc2", "fc3"):
        x = g.activated_layer(name, x)
    return tuple(g.nodes)


def _groups(layers: list[Layer], size: int) -> list[list[Layer]]:
    return [layers[begin : begin + size] for begin in range(0, len(layers), size)]


def _shortcut_span(part: NetworkRecipe) -> int:
    """How many convolutions each shortcut leads around; 0 without shortcuts."""
    if part.shortcut == "topology":
        return 2 if part.residual else 0
    if part.residual:
        raise RecipeError(
            "network.residual asks for a shortcut round every two convolutions, network.shortcut for another number.",
            received=f"residual: true, shortcut: {part.shortcut}",
            allowed="one of the two",
        )
    return 1 if part.shortcut == "every_convolution" else 0
