"""Networks for property tests: any placement, width, bits and side that a recipe can describe."""

from hypothesis import strategies as st

from edgehybrid.networks import Network, build_network
from edgehybrid.recipe import NetworkRecipe, Placement

SELECTORS = ("first", "last", "dense", "stage1", "stage2", "stage3")
WIDTHS = (0.0625, 0.25, 1.0, 1.1, 1.5)


@st.composite
def networks(draw: st.DrawFn, widths: tuple[float, ...] = WIDTHS, max_bits: int = 8) -> Network:
    """Networks of any placement, with few filters and small or odd images among them."""
    residual = draw(st.booleans())
    architecture = "vgg19" if residual else draw(st.sampled_from(["resnet20", "resnet32", "vgg19"]))
    is_resnet = architecture != "vgg19"
    shortcut = "topology" if residual else draw(st.sampled_from(["topology", "every_convolution", "none"]))
    selectors = list(SELECTORS)
    if residual:
        selectors += ["shortcuts", "shortcut2", "conv3", "conv6", "conv9"]
    elif is_resnet:
        selectors += ["stage2_block1_conv1", "stage2_block1_conv2"]
        selectors += ["shortcuts", "stage3_block1_shortcut"] if shortcut != "none" else []
    bits = draw(st.integers(1, max_bits))
    placement = Placement(
        full_precision=tuple(draw(st.lists(st.sampled_from(selectors), unique=True))),
        weight_bits=bits,
        activation_bits=bits,
        float_fraction=draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])),
        float_filter_input=draw(st.sampled_from(["real", "sign"])),
    )
    part = NetworkRecipe.model_validate(
        {
            "architecture": architecture,
            "width": draw(st.sampled_from(widths)),
            "residual": residual,
            "shortcut": shortcut,
            "placement": placement,
        }
    )
    # VGG-19 halves the image five times.
    side = draw(st.sampled_from([1, 2, 7, 33] if is_resnet else [32, 33, 70]))
    return build_network("random", part, side, draw(st.integers(1, 4)), draw(st.sampled_from([1, 10, 100])))
