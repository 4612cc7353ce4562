"""Whether the order of networks by energy survives other tables, and errors of ±50 % in every constant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.cost.network_cost import cost_of_layers
from edgehybrid.cost.rules import Rules
from edgehybrid.cost.tables import EnergyTable
from edgehybrid.errors import UsageError

FACTORS = (0.5, 1.5)
LayersAndClasses = tuple[Sequence[LogicalLayer], int]


@dataclass(frozen=True)
class Variant:
    """One recomputation.

    Attributes:
        constant: the changed one; None for the table as it is.
        order: the networks, least energy first.
        crossing: where the order differs from that of the table as it is, (network, network, factor at which the second
            becomes the cheaper one), the smallest change first.
    """

    table: str
    constant: str | None
    factor: float
    energy_uj: Mapping[str, float]
    order: tuple[str, ...]
    crossing: tuple[str, str, float] | None = None


@dataclass(frozen=True)
class Sensitivity:
    """All recomputations; the first is by the table that was asked for, unchanged.

    Attributes:
        refused: tables that lack a constant, and what they lack.
    """

    rules: str
    variants: tuple[Variant, ...]
    refused: Mapping[str, str]

    @property
    def base(self) -> Variant:
        """The table that was asked for, unchanged."""
        return self.variants[0]

    def sentence(self) -> str:
        """Whether the order changes, and at which constant."""
        order = " < ".join(self.base.order)
        tables = [v.table for v in self.variants if v.constant is None and v.order != self.base.order]
        constants = [
            f"{v.table}/{v.constant} × {factor:.2f} ({second} falls below {first})"
            for v in self.variants
            if v.crossing is not None
            for first, second, factor in [v.crossing]
        ]
        counted = sum(v.constant is None for v in self.variants)
        facts = f"rules {self.rules}" + "".join(f"; not counted by {name}" for name in self.refused)
        if not tables and not constants:
            return (
                f"The order by energy, {order}, is the same under {counted} energy tables and under ±50 % of each of "
                f"their constants ({facts})."
            )
        reasons = [f"under the table {name}" for name in tables] + [f"at {constant}" for constant in constants]
        return f"The order by energy, {order} by {self.base.table}, changes {', '.join(reasons)} ({facts})."

    def as_dict(self) -> dict[str, object]:
        """The object that ``cost --sensitivity`` prints."""
        return {
            "sentence": self.sentence(),
            "order_changes": any(v.order != self.base.order or v.crossing for v in self.variants),
            "rules": self.rules,
            "table": self.base.table,
            "order": list(self.base.order),
            "variants": [
                {
                    "table": v.table,
                    "constant": v.constant,
                    "factor": v.factor,
                    "order": list(v.order),
                    "energy_uj": dict(v.energy_uj),
                    "crossing_factor": v.crossing[2] if v.crossing else None,
                }
                for v in self.variants
            ],
            "refused_tables": dict(self.refused),
        }


def sensitivity_of(
    networks: Mapping[str, LayersAndClasses], rules: Rules, tables: Sequence[EnergyTable]
) -> Sensitivity:
    """Recomputes the energy of each network under all tables and under ±50 % of each of their constants.

    The rules stay the same: what is counted is not what is uncertain here. The order under a changed constant is
    compared with that of its own table.

    Args:
        networks: layers and classes by name; two at least.
        tables: the first one gives the order that the others are compared with.

    Raises:
        UsageError: fewer than two networks; the first table lacks a constant.
    """
    if len(networks) < 2:
        raise UsageError(
            "An order needs two networks at least.",
            received=", ".join(networks) or "none",
            next_step="edgehybrid cost --sensitivity RECIPE RECIPE…",
        )
    variants: list[Variant] = []
    refused: dict[str, str] = {}
    for number, table in enumerate(tables):
        try:
            base = _variant(networks, rules, table, None, 1.0)
        except UsageError as error:
            if number == 0:
                raise
            refused[table.name] = error.what
            continue
        variants.append(base)
        for constant in table.constants:
            changed = [_variant(networks, rules, table.scaled(constant, f), constant, f) for f in FACTORS]
            variants += [_with_crossing(base, variant) for variant in changed]
    return Sensitivity(rules.name, tuple(variants), refused)


def _variant(
    networks: Mapping[str, LayersAndClasses], rules: Rules, table: EnergyTable, constant: str | None, factor: float
) -> Variant:
    energy_uj = {name: cost_of_layers(*counted, rules, table).energy_uj for name, counted in networks.items()}
    # Networks of equal energy keep the order in which they were named.
    return Variant(table.name, constant, factor, energy_uj, tuple(sorted(energy_uj, key=lambda name: energy_uj[name])))


def _with_crossing(base: Variant, changed: Variant) -> Variant:
    """Energy is a straight line in each constant, so two networks are equal at one factor at most."""
    crossings = []
    for i, first in enumerate(base.order):
        for second in base.order[i + 1 :]:
            gap, changed_gap = (v.energy_uj[second] - v.energy_uj[first] for v in (base, changed))
            if changed_gap < 0:
                factor = 1 + (changed.factor - 1) * gap / (gap - changed_gap)
                crossings.append((abs(factor - 1), (first, second, factor)))
    if not crossings:
        return changed
    return Variant(changed.table, changed.constant, changed.factor, changed.energy_uj, changed.order, min(crossings)[1])
