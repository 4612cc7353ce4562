"""What ``edgehybrid prune`` prints for a person."""

from edgehybrid.console.tables import text_table
from edgehybrid.pruning.prune import Pruned


def prune_text(found: Pruned) -> str:
    """A line a layer, then what the filters that went were worth."""
    header = ("layer", "read by", "filters", "kept", "uniform", "scores even %")
    cells = [
        (
            layer.name,
            layer.reader + (" (few values)" if layer.reads_signs else ""),
            layer.filters,
            layer.kept,
            layer.kept_uniformly,
            f"{layer.evenness_percent:.1f}",
        )
        for layer in found.layers
    ]
    before, after, uniform = found.top1_percent
    return (
        f"{text_table(header, cells, texts=(0, 1))}\n"
        f"{found.kept_weights:,} of {found.weights:,} full-precision weights are left, "
        f"{100 * found.kept_weights / found.weights:.1f} %; "
        f"modelled energy {found.energy_uj[1]:.2f} µJ, before {found.energy_uj[0]:.2f} µJ.\n"
        f"top-1 before training on: {after:.2f} %; with as many weights of filters drawn by chance, the same share in "
        f"each layer: {uniform:.2f} %; unpruned: {before:.2f} %."
    )
