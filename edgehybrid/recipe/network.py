"""The section ``network`` of a recipe: topology, width, and which layers get which precision."""

from typing import Literal

from pydantic import Field, field_validator

from edgehybrid.recipe.section import Counts, Filters, Fraction, Names, NotNegative, Section

FLOAT_BITS = 32
MAX_QUANTISED_BITS = 8


class Placement(Section):
    """Which layers are quantised, to how many bits, and which stay in full precision.

    A layer that a selector of ``full_precision`` names is in full precision; else the last selector of ``bits`` that
    names it gives its bits; else ``weight_bits`` and ``activation_bits`` do. A quantised layer that a selector of
    ``weights_only`` names reads the map as it is, and one that ``activations_only`` names has weights in full
    precision. Selectors: ``all``, ``first``,
    ``last``, ``shortcuts`` (the 1×1 convolutions of residual connections), ``dense``, ``stage1`` … (the 3×3
    convolutions of a stage but the first layer) or the name of a layer.
    """

    full_precision: Names = Field(default=("first", "last"), description="selectors; the other layers are quantised")
    weight_bits: int = Field(default=1, ge=1, le=MAX_QUANTISED_BITS, description="bits of the quantised weights")
    activation_bits: int = Field(
        default=1, ge=1, le=MAX_QUANTISED_BITS, description="bits of the quantised activations"
    )
    bits: dict[str, int] = Field(
        default={},
        description="selectors of layers with other bits, of weights and activations alike; 32 is full precision",
    )
    weights_only: Names = Field(
        default=(), description="selectors; these quantised layers read the map in full precision and are not split"
    )
    activations_only: Names = Field(
        default=(), description="selectors; these layers have weights in full precision and read the quantised map"
    )
    float_fraction: Fraction = Field(
        default=0.0, description="share of full-precision filters in each quantised 3×3 convolution"
    )
    float_filter_input: Literal["real", "sign"] = Field(
        default="real", description="what the full-precision filters of a split convolution read"
    )

    @field_validator("bits")
    @classmethod
    def _bits_of_a_quantiser_or_of_a_float(cls, bits: dict[str, int]) -> dict[str, int]:
        for selector, number in bits.items():
            if not (1 <= number <= MAX_QUANTISED_BITS or number == FLOAT_BITS):
                raise ValueError(
                    f"'network.placement.bits' gives '{selector}' {number} bits; it can be 1 … {MAX_QUANTISED_BITS}, "
                    f"or {FLOAT_BITS} for full precision"
                )
        return bits


class Ern(Section):
    """What an Efficiera Residual Network has and other topologies have not.

    The defaults are the published ERNs18. Source: Takahashi et al. 2024 (arXiv:2410.11553); released code.
    """

    depth: Literal[18, 34, 50, 101] = Field(
        default=18, description="layers; 18 and 34 have blocks of two convolutions, 50 and 101 of three (bottlenecks)"
    )
    stages: Filters = Field(
        default=(64, 128, 256, 512), description="filters of each stage, one to four; the first is the stem's, too"
    )
    stem_strides: bool = Field(default=True, description="false: the stem keeps the size of the image, as for CIFAR")
    stem_last_kernel: Literal[1, 3] = Field(
        default=3, description="side of the stem's last filters: 3 in the paper, 1 in the released code"
    )
    thermometer_channels: int = Field(default=10, ge=1, le=85, description="channels of levels that a colour becomes")
    shared_scale: int = Field(default=32, ge=1, le=1024, description="p: filters that add to the residual are ±1/p")
    ewgs: NotNegative = Field(default=0.0, description="δ: the gradient g of a level times 1 + δ·sign(g)·(x - level)")


class NetworkRecipe(Section):
    """Topology, width and precision."""

    architecture: Literal["resnet20", "resnet32", "vgg19", "moons", "ern"]
    block_convolutions: Counts = Field(default=(), description="moons: 3×3 convolutions before each 2×2 pool")
    block_filters: Counts = Field(default=(), description="moons: filters of those convolutions")
    width: float = Field(default=1.0, gt=0, le=64, description="factor on the filters of every convolution")
    filters: dict[str, int] = Field(
        default={}, description="filters of single layers, by name, where they are fewer than the topology's"
    )
    ern: Ern = Field(default=Ern(), description="ern only: depth, stages, stem and input")
    residual: bool = Field(
        default=False, description="vgg19: a residual connection every two convolutions (Hybrid-VGG A)"
    )
    shortcut: Literal["topology", "every_convolution", "none"] = Field(
        default="topology",
        description="every_convolution: a shortcut round each convolution but the first; none: a plain network",
    )
    shortcut_pool: bool = Field(
        default=False, description="of ResNets: a 2×2 average pool before a 1×1 shortcut, in place of its stride"
    )
    activation: Literal["relu", "rprelu"] = Field(default="relu", description="what stands where a ReLU would")
    activation_place: Literal["topology", "branch"] = Field(
        default="topology", description="branch: of ResNets, each ReLU stands before the sum with its shortcut"
    )
    thresholds: Literal["zero", "learned"] = Field(
        default="zero", description="learned: each quantised layer first subtracts a learned number a channel"
    )
    standardise_weights: bool = Field(
        default=False, description="the quantiser of weights sees filters of zero mean and unit variance"
    )
    quantiser: Literal["symmetric", "fixed_point"] = Field(
        default="symmetric",
        description="of several bits. symmetric: 2^k values from -1 to 1; fixed_point: whole multiples of 2^(1-k)",
    )
    weight_scale: Literal["alpha", "none"] = Field(
        default="alpha", description="of each quantised filter: alpha, the mean size of its weights, or 1"
    )
    clip_activations: bool = Field(
        default=True, description="false: maps of several bits have levels beyond ±1, too, and cannot be packed"
    )
    pad_value: int = Field(default=1, ge=0, le=1, description="value around the map that a quantised convolution reads")
    placement: Placement = Placement()
