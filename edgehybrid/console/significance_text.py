"""What ``edgehybrid significance`` prints for a person."""

from edgehybrid.console.tables import text_table
from edgehybrid.significance.significance import Significance


def significance_text(found: Significance) -> str:
    """A line a layer, and what the rule says."""
    header = ("layer", "channels C", "components P", "P / C %", "rise", "")
    cells = [
        (
            layer.name,
            layer.channels,
            layer.components,
            f"{layer.share_percent:.1f}",
            "–" if layer.rise is None else f"{layer.rise:+d}",
            ("significant" + (", but wider than the one before" if layer.is_wider else ""))
            if layer.is_significant
            else "",
        )
        for layer in found.layers
    ]
    names = ", ".join(found.significant) or "none"
    return (
        f"{text_table(header, cells, texts=(0, 5))}\n"
        f"P: components that explain at most {found.threshold:g} of the variance, in {found.images} test images.\n"
        f"Significant, because P rises by {found.least_rise} or more: {names}"
    )
