r"""The minimum-energy model of Moons et al. 2017 (arXiv:1711.00215): on-chip and off-chip memory, any bit width.

$$E = E_{DRAM} + E_C + E_W + E_A, \quad E_C = E_{MAC} (N_c + 3 A_s), \quad
  E_W = E_M N_s + E_L \frac{N_c}{\sqrt p}, \quad E_A = 2 E_M A_s + E_L \frac{N_c}{\sqrt p}$$

N_c: MACs; A_s: activations written; N_s: weights; the 3 are bias, BatchNorm and activation. At Q bits:

$$E_{MAC} = E_{16} (Q / 16)^{1.25}, \quad E_L = E_{MAC}, \quad E_M = 2 E_{MAC}, \quad p = 64 \cdot 16 / Q$$

The text of the paper was not at hand: formulas and defaults are second-hand. So every constant is a parameter, and the
three without a reliable value have no default. The paper has one Q for a network; here each layer has its own, the
wider of its operands, and each kind of filter of a split layer counts by itself. Quantised weights that read the image
as it is meet numbers of the image's width.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import NamedTuple

from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.errors import UsageError, did_you_mean
from edgehybrid.networks import FLOAT_BITS


class MoonsEnergy(NamedTuple):
    """Energy of one inference, pJ: arithmetic, weights and activations on the chip, and memory off the chip."""

    compute_pj: float
    weight_pj: float
    activation_pj: float
    dram_pj: float

    @property
    def total_pj(self) -> float:
        """All four."""
        return sum(self)

    def as_dict(self) -> dict[str, float]:
        """The keys ``moons_…_uj`` of a row: the total and each part."""
        parts = {part.removesuffix("_pj"): pj for part, pj in self._asdict().items()}
        return {f"moons_{name}_uj": pj / PJ_PER_UJ for name, pj in {"energy": self.total_pj, **parts}.items()}


@dataclass(frozen=True)
class MoonsConstants:
    """The constants. All are positive, but for the two memories, which may be 0.

    Attributes:
        dram_pj: E_D, one access of ``dram_word_bits`` bits off the chip. No default.
        weight_memory_bits: M_W, weights that fit on the chip. No default.
        activation_memory_bits: M_A, activations of one layer that fit on the chip. No default.
        mac_pj: E_16, one MAC at ``reference_bits``.
        reference_bits: width that mac_pj and parallelism are stated at.
        mac_exponent: growth of E_MAC with the width.
        local_over_mac: E_L / E_MAC, a local buffer.
        main_over_mac: E_M / E_MAC, the main memory on the chip.
        parallelism: p at ``reference_bits``; units of fewer bits take less area, so p grows as Q falls.
        operations_per_activation: bias, BatchNorm and activation function.
        input_bits: width of the image.
        dram_word_bits: width that dram_pj is stated at; narrower numbers share a word.
    """

    dram_pj: float
    weight_memory_bits: float
    activation_memory_bits: float
    mac_pj: float = 3.7
    reference_bits: float = 16
    mac_exponent: float = 1.25
    local_over_mac: float = 1
    main_over_mac: float = 2
    parallelism: float = 64
    operations_per_activation: float = 3
    input_bits: float = 8
    dram_word_bits: float = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            may_be_zero = field.name.endswith("_memory_bits")
            if not (value > 0 or (may_be_zero and value == 0)) or (math.isinf(value) and not may_be_zero):
                raise UsageError(
                    f"The constant '{field.name}' of the Moons model is out of range.",
                    received=value,
                    allowed="≥ 0" if may_be_zero else "> 0",
                )

    def mac_energy_pj(self, bits: float) -> float:
        """E_MAC at a width."""
        return self.mac_pj * math.pow(bits / self.reference_bits, self.mac_exponent)

    def energy_of(self, layers: Sequence[LogicalLayer]) -> MoonsEnergy:
        """Energy of one inference. The first layer reads the image."""
        compute = weight = activation = 0.0
        weight_bits = moved_bits = 0.0
        for index, layer in enumerate(layers):
            kept_bits = 0.0
            image_bits = self.input_bits if index == 0 else FLOAT_BITS
            for filters, own_bits, bits in _kinds(layer, min(layer.activation_bits, image_bits)):
                mac_pj = self.mac_energy_pj(bits)
                outputs = layer.calls * filters * layer.filter_outputs
                macs = layer.calls * filters * layer.filter_places * layer.filter_weights
                weights = filters * layer.filter_weights * (0 if layer.is_stored_elsewhere else layer.weight_sets)
                local_pj = (
                    self.local_over_mac * mac_pj * macs / math.sqrt(self.parallelism * self.reference_bits / bits)
                )
                compute += mac_pj * (macs + self.operations_per_activation * outputs)
                weight += self.main_over_mac * mac_pj * weights + local_pj
                activation += 2 * self.main_over_mac * mac_pj * outputs + local_pj
                weight_bits += weights * own_bits
                kept_bits += outputs * bits
            # What does not fit is written and read again.
            moved_bits += 2 * max(0.0, kept_bits - self.activation_memory_bits)
        moved_bits += max(0.0, weight_bits - self.weight_memory_bits)
        moved_bits += layers[0].inputs * self.input_bits if layers else 0
        return MoonsEnergy(compute, weight, activation, self.dram_pj * moved_bits / self.dram_word_bits)


def _kinds(layer: LogicalLayer, read_bits: float) -> list[tuple[int, int, float]]:
    """(filters, bits of their weights, bits of their operations) of the two kinds of filter."""
    narrow = max(layer.weight_bits, read_bits)
    return [
        (layer.float_filters, FLOAT_BITS, FLOAT_BITS),
        (layer.quantised_filters, layer.weight_bits, narrow),
    ]


def moons_constants(settings: Iterable[str]) -> MoonsConstants:
    """The model with constants from ``NAME=VALUE`` texts.

    Raises:
        UsageError: an unknown or missing constant, or one that is no number or out of range.
    """
    names = [field.name for field in fields(MoonsConstants)]
    given: dict[str, float] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in names:
            raise UsageError(
                "The Moons model has no constant of that name.",
                received=setting,
                allowed=", ".join(names),
                next_step=did_you_mean(name, names),
            )
        try:
            given[name] = float(text)
        except ValueError as error:
            raise UsageError(
                f"The constant '{name}' of the Moons model is not a number.", received=setting, allowed=f"{name}=NUMBER"
            ) from error
    missing = [field.name for field in fields(MoonsConstants) if field.default is MISSING and field.name not in given]
    if missing:
        raise UsageError(
            f"The Moons model needs the constant '{missing[0]}', which has no default.",
            received=", ".join(given) or "none",
            next_step=f"Add {' '.join(f'--moons {name}=VALUE' for name in missing)}.",
        )
    return MoonsConstants(**given)
