"""The family of Moons et al. 2017: blocks of 3×3 convolutions with a 2×2 pool behind each, then one dense layer."""

from edgehybrid.errors import RecipeError
from edgehybrid.networks.network import GraphBuilder, Layer, Node
from edgehybrid.recipe import NetworkRecipe


def layers(part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> tuple[Layer, ...]:
    """``part.block_convolutions`` layers of ``part.block_filters`` filters a block, then the classifier ``fc``.

    Source: Moons et al. 2017 (arXiv:1711.00215), released code: three blocks, 1 … 3 convolutions of 64 … 256 filters.

    Raises:
        RecipeError: no blocks, or two lists of different length; an image that cannot be halved so often; or shortcuts.
    """
    convolutions, filters = part.block_convolutions, part.block_filters
    if not convolutions or len(convolutions) != len(filters):
        raise RecipeError(
            "The architecture moons needs the convolutions and the filters of each of its blocks.",
            received=f"network.block_convolutions: {list(convolutions)}, network.block_filters: {list(filters)}",
            allowed="two lists of the same length, such as [1, 1, 1] and [64, 64, 64]",
        )
    if part.residual or part.shortcut == "every_convolution":
        raise RecipeError(
            "The architecture moons has no shortcuts.",
            received=f"network.residual: {str(part.residual).lower()}, network.shortcut: {part.shortcut}",
            allowed="residual: false with shortcut: topology or none",
        )
    if image_side < 2 ** len(filters):
        raise RecipeError(
            f"{len(filters)} blocks halve the image as often; nothing is left of this one.",
            received=f"data.image_side: {image_side}",
            allowed=f"≥ {2 ** len(filters)}, or fewer blocks",
        )
    found: list[Layer] = []
    side, channels = image_side, image_channels
    for stage, (count, width) in enumerate(zip(convolutions, filters, strict=True), start=1):
        out = int(width * part.width)
        for _ in range(count):
            name = f"conv{len(found) + 1}"
            found.append(Layer(name, "conv", channels, out, 3, 1, side, side, side, stage))
            channels = out
        side //= 2
    found.append(Layer("fc", "dense", channels * side**2, classes, 1, 1, 1, 1, 1, stage=0))
    return tuple(found)


def graph(part: NetworkRecipe, layers: tuple[Layer, ...]) -> tuple[Node, ...]:
    """The forward pass: convolution, BatchNorm, quantiser (or ReLU); a pool behind each block; BatchNorm at the end.

    The quantiser is a part of the layer that reads the map, so a pool stands before it; in the released code behind.
    Forward both give the same, since no quantiser here falls as its argument rises. Backward the pool passes its
    gradient to the largest number here, and there to the first of those that are quantised alike.
    """
    g = GraphBuilder(layers, part.activation)
    x = "image"
    convolutions = [layer for layer in layers if layer.kind == "conv"]
    for layer, behind in zip(convolutions, [*convolutions[1:], None], strict=True):
        read = g.normalised_layer if x == "image" else g.activated_layer
        x = read(layer.name, x)
        if behind is None or behind.stage > layer.stage:
            x = g.add_node("max_pool", f"pool{layer.stage}", x)
    g.activated_layer("fc", g.add_node("flatten", "flatten", x))
    return tuple(g.nodes)
