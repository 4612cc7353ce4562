"""ResNets for small images: three stages of blocks of two convolutions, 16/32/64 filters times the width."""

from dataclasses import dataclass

from edgehybrid.errors import RecipeError
from edgehybrid.networks.network import GraphBuilder, Layer, Node
from edgehybrid.recipe import NetworkRecipe

STAGES = (16, 32, 64)


@dataclass(frozen=True)
class Resnet:
    """ResNet-20 with 3 blocks a stage, ResNet-32 with 5.

    Source: He et al. 2016 (arXiv:1512.03385), section 4.2: 6n + 2 layers, n blocks a stage.
    """

    blocks: int

    def layers(self, part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> tuple[Layer, ...]:
        """The layers in forward order, precision not yet assigned; of ResNet-20 they are 22.

        Stages 2 and 3 begin with stride 2 and a 1×1 stride-2 shortcut, if there are shortcuts. Source: Chakraborty et
        al. 2019, section 2.1; the counts behind their Tables 4 and 5 fix the shortcut convolutions and the classifier.

        Raises:
            RecipeError: ``residual``, which adds what is there already.
        """
        if part.residual:
            raise RecipeError(
                "network.residual adds shortcuts to a network without; a ResNet has its own.",
                received="residual: true",
                allowed="residual: false, or architecture: vgg19",
            )
        filters = [int(stage * part.width) for stage in STAGES]
        side, channels = image_side, filters[0]
        found = [Layer("conv1", "conv", image_channels, channels, 3, 1, side, side, side, stage=1)]
        for stage, out in enumerate(filters, start=1):
            for block in range(1, self.blocks + 1):
                name = f"stage{stage}_block{block}"
                stride = 2 if stage > 1 and block == 1 else 1
                # SAME padding: the output side is the input side divided by the stride, rounded up.
                out_side = -(-side // stride)
                sides = (side, out_side, side)
                found.append(Layer(f"{name}_conv1", "conv", channels, out, 3, stride, *sides, stage))
                if stride == 2 and part.shortcut != "none":
                    # Behind a pool the shortcut reads the map at half the side.
                    reads = (1, out_side, out_side, side) if part.shortcut_pool else (stride, *sides)
                    found.append(Layer(f"{name}_shortcut", "shortcut", channels, out, 1, *reads, stage))
                found.append(Layer(f"{name}_conv2", "conv", out, out, 3, 1, out_side, out_side, out_side, stage))
                side, channels = out_side, out
        found.append(Layer("fc", "dense", channels, classes, 1, 1, 1, 1, 1, stage=0))
        return tuple(found)

    def graph(self, part: NetworkRecipe, layers: tuple[Layer, ...]) -> tuple[Node, ...]:
        """The forward pass, one shortcut a convolution, as in the first author's code (pca-hybrid, 2019)::

            y = relu(bn(conv1(bn(x)))) + shortcut(x)
            z = relu(bn(conv2(bn(y))) + y)

        or, with ``part.activation_place`` ``branch``, ``z = relu(bn(conv2(bn(y)))) + y``, so that the sums pass through
        the whole network with nothing cut off (He et al. 2016, arXiv:1603.05027, has the thought);
        with ``part.shortcut_pool`` the 1×1 shortcut of a stage has no stride and reads the mean of each 2×2 pixels,
        all of which it sees then (ResNet-D: He et al. 2019, arXiv:1812.01187, section 4.1);
        and at the end: average pool, BatchNorm, dense layer, BatchNorm. A full-precision shortcut is convolution
        and BatchNorm; a quantised one has a BatchNorm before it too, as every quantised convolution. The activation
        of ``part`` stands where these formulas have relu. ``part.shortcut``: ``every_convolution`` changes nothing, for
        a shortcut leads round every convolution already; with ``none`` nothing is added (a plain network).
        """
        by_name = {layer.name: layer for layer in layers}
        g = GraphBuilder(layers, part.activation)

        def added(name: str, branch: str, shortcut: str) -> str:
            return branch if part.shortcut == "none" else g.add_node("add", name, branch, shortcut)

        x = g.activation("conv1", g.normalised_layer("conv1", "image"))
        for stage in range(1, len(STAGES) + 1):
            for block in range(1, self.blocks + 1):
                name = f"stage{stage}_block{block}"
                branch = g.activated_layer(f"{name}_conv1", g.add_node("batch_norm", f"{name}_conv1_input_bn", x))
                branch = g.activation(f"{name}_branch", branch)
                if (shortcut := by_name.get(f"{name}_shortcut")) is not None:
                    if part.shortcut_pool:
                        x = g.add_node("average_pool", f"{name}_pool", x)
                    if not shortcut.reads_real:
                        x = g.add_node("batch_norm", f"{shortcut.name}_input_bn", x)
                    x = g.normalised_layer(shortcut.name, x)
                y = added(f"{name}_add1", branch, x)
                branch = g.activated_layer(f"{name}_conv2", g.add_node("batch_norm", f"{name}_conv2_input_bn", y))
                if part.activation_place == "branch":
                    x = added(f"{name}_add2", g.activation(f"{name}_branch2", branch), y)
                else:
                    x = g.activation(name, added(f"{name}_add2", branch, y))
        pooled = g.add_node("global_average_pool", "average_pool", x)
        g.normalised_layer("fc", g.add_node("batch_norm", "average_pool_bn", pooled))
        return tuple(g.nodes)
