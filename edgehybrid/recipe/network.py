"""The section ``network`` of a recipe: topology, width, and which layers get which precision."""

from typing import Literal

from pydantic import Field, field_validator

from edgehybrid.recipe.section import Counts, Fraction, Names, Section

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


class NetworkRecipe(Section):
    """Topology, width and precision."""

    architecture: Literal["resnet20", "resnet32", "vgg19", "moons"]
    block_convolutions: Counts = Field(default=(), description="moons: 3×3 convolutions before each 2×2 pool")
    block_filters: Counts = Field(default=(), description="moons: filters of those convolutions")
    width: float = Field(default=1.0, gt=0, le=64, description="factor on the filters of every convolution")
    filters: dict[str, int] = Field(
        default={}, description="filters of single layers, by name, where they are fewer than the topology's"
    )
    residual: bool = Field(
        default=False, description="vgg19: a residual connection every two convolutions (Hybrid-VGG A)"
    )
    shortcut: Literal["topology", "every_convolution", "none"] = Field(
        default="topology",
        description="every_convolution: a shortcut round each convolution but the first; none: a plain network",
    )
    activation: Literal["relu", "rprelu"] = Field(default="relu", description="what stands where a ReLU would")
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
