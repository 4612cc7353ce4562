"""ResNet-20: three stages of three two-convolution blocks, 16/32/64 filters times the width."""

from edgehybrid.errors import RecipeError
from edgehybrid.networks.network import GraphBuilder, Layer, Node
from edgehybrid.recipe import NetworkRecipe

STAGES = (16, 32, 64)
BLOCKS_A_STAGE = 3


def layers(part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> tuple[Layer, ...]:
    """The 22 layers in forward order, precision not yet assigned.

    Stages 2 and 3 begin with stride 2 and a 1×1 stride-2 shortcut. Source: Chakraborty et al. 2019, section
    2.1; the counts behind their Tables 4 and 5 fix the shortcut convolutions and the classifier.

    Raises:
        RecipeError: ``residual``, which adds what is there already.
    """
    if part.residual:
        raise RecipeError(
            "network.residual adds shortcuts to a network without; ResNet-20 has its own.",
            received="residual: true",
            allowed="residual: false, or architecture: vgg19",
        )
    filters = [int(stage * part.width) for stage in STAGES]
    side, channels = image_side, filters[0]
    found = [Layer("conv1", "conv", image_channels, channels, 3, 1, side, side, side, stage=1)]
    for stage, out in enumerate(filters, start=1):
        for block in range(1, BLOCKS_A_STAGE + 1):
            name = f"stage{stage}_block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            # SAME padding: the output side is the input side divided by the stride, rounded up.
            out_side = -(-side // stride)
            sides = (side, out_side, side)
            found.append(Layer(f"{name}_conv1", "conv", channels, out, 3, stride, *sides, stage))
            if stride == 2:
                found.append(Layer(f"{name}_shortcut", "shortcut", channels, out, 1, stride, *sides, stage))
            found.append(Layer(f"{name}_conv2", "conv", out, out, 3, 1, out_side, out_side, out_side, stage))
            side, channels = out_side, out
    found.append(Layer("fc", "dense", channels, classes, 1, 1, 1, 1, 1, stage=0))
    return tuple(found)


def graph(part: NetworkRecipe, layers: tuple[Layer, ...]) -> tuple[Node, ...]:
    """The forward pass, one shortcut a convolution, as in the first author's code (pca-hybrid, 2019)::

        y = relu(bn(conv1(bn(x)))) + shortcut(x)
        z = relu(bn(conv2(bn(y))) + y)

    and at the end: average pool, BatchNorm, dense layer, BatchNorm. A full-precision shortcut is convolution
    and BatchNorm; a quantised one has a BatchNorm before it too, as every quantised convolution. The activation
    of ``part`` stands where these formulas have relu; ``part.shortcut`` changes nothing, for a shortcut leads round
    every convolution already.
    """
    by_name = {layer.name: layer for layer in layers}
    g = GraphBuilder(layers, part.activation)
    x = g.activation("conv1", g.normalised_layer("conv1", "image"))
    for stage in range(1, len(STAGES) + 1):
        for block in range(1, BLOCKS_A_STAGE + 1):
            name = f"stage{stage}_block{block}"
            branch = g.activated_layer(f"{name}_conv1", g.add_node("batch_norm", f"{name}_conv1_input_bn", x))
            branch = g.activation(f"{name}_branch", branch)
            if (shortcut := by_name.get(f"{name}_shortcut")) is not None:
                if not shortcut.is_float:
                    x = g.add_node("batch_norm", f"{shortcut.name}_input_bn", x)
                x = g.normalised_layer(shortcut.name, x)
            y = g.add_node("add", f"{name}_add1", branch, x)
            branch = g.activated_layer(f"{name}_conv2", g.add_node("batch_norm", f"{name}_conv2_input_bn", y))
            x = g.activation(name, g.add_node("add", f"{name}_add2", branch, y))
    pooled = g.add_node("global_average_pool", "average_pool", x)
    g.normalised_layer("fc", g.add_node("batch_norm", "average_pool_bn", pooled))
    return tuple(g.nodes)
