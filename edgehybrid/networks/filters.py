"""Other numbers of filters than the topology's, such as pruning leaves, and what they make of the layers behind."""

from collections.abc import Mapping
from dataclasses import replace

from edgehybrid.errors import RecipeError, did_you_mean
from edgehybrid.networks.network import Layer, Node


def with_filters(
    layers: tuple[Layer, ...], graph: tuple[Node, ...], filters: Mapping[str, int], image_channels: int
) -> tuple[Layer, ...]:
    """The layers with these numbers of filters; each layer reads as many channels as the map before it then has.

    Args:
        graph: how the layers are connected.
        filters: by the name of a layer.

    Raises:
        RecipeError: no such layer; more filters than the topology has, or none; the classifier; or two maps that are
            added would differ in their channels.
    """
    by_name = {layer.name: layer for layer in layers}
    for name, count in filters.items():
        if name not in by_name:
            raise RecipeError(
                "A key of network.filters is no layer of this network.",
                received=name,
                allowed=", ".join(by_name),
                next_step=did_you_mean(name, by_name),
            )
        most = by_name[name].out_channels
        if layers[-1].name == name or not 1 <= count <= most:
            raise RecipeError(
                f"network.filters gives '{name}' a number of filters that it cannot have.",
                received=f"{name}: {count}",
                allowed="nothing: it has a filter for each class" if layers[-1].name == name else f"1 … {most}",
            )
    before, after = {"image": image_channels}, {"image": image_channels}
    for node in graph:
        sources = [after[name] for name in node.inputs]
        if len(set(sources)) > 1:
            raise RecipeError(
                f"network.filters leaves maps of different channels to be added in '{node.name}'.",
                received=" and ".join(f"{name}: {after[name]} channels" for name in node.inputs),
                allowed="equal numbers",
                next_step="Give the layers whose maps meet in a shortcut the same number of filters.",
            )
        before[node.name], after[node.name] = before[node.inputs[0]], sources[0]
        if (layer := by_name.get(node.name)) is not None and node.op == "layer":
            # A dense layer behind a flattened map reads each channel at every pixel.
            pixels = layer.in_channels // before[node.inputs[0]]
            by_name[node.name] = replace(
                layer, in_channels=sources[0] * pixels, out_channels=filters.get(node.name, layer.out_channels)
            )
            before[node.name], after[node.name] = layer.out_channels, by_name[node.name].out_channels
    return tuple(by_name[layer.name] for layer in layers)
