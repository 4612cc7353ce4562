"""Every row of the paper's Tables 3 to 7, published and computed, with the hypothesis where the two differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from edgehybrid.cost.recipe_cost import RATIOS, cost_of, ratios
from edgehybrid.recipe import load_recipe, recipe_names

Agreement = Literal["exact", "cut", "differs"]

E1 = (
    "Computed with exception E1 (rule residual_source): the residual path shares the accesses of the main path and "
    "makes them 32 bits wide. A fit to one number; no plain count gives the three energies of Hybrid-VGG A."
)
# By recipe and ratio. Each was picked from some hundreds of variants: a guess unless it says more.
HYPOTHESES: dict[tuple[str, str], str] = {
    ("xnor_res_x2", "energy_efficiency_fp"): (
        "Probably a slip for 6.35: the quadratic in the width through the printed 1x, 1.5x and 3x gives 6.35."
    ),
    ("xnor_res_x2", "energy_efficiency_xnor"): "Divided from the printed 6.45.",
    ("hybrid_res_c_x2", "energy_efficiency_fp"): (
        "Probably a slip for 2.13; or binary MACs at 0.1 pJ and both shortcuts left out, which gives 2.146."
    ),
    ("hybrid_vgg_a", "energy_efficiency_fp"): E1,
    ("hybrid_vgg_a", "energy_efficiency_xnor"): E1,
    ("imagenet/hybrid_vgg_a", "energy_efficiency_fp"): E1,
    ("imagenet/hybrid_vgg_a", "energy_efficiency_xnor"): E1,
    ("imagenet/hybrid_vgg_a_prime", "energy_efficiency_fp"): E1,
    ("imagenet/hybrid_vgg_a_prime", "energy_efficiency_xnor"): E1,
    ("hybrid_vgg_b", "energy_efficiency_fp"): (
        "The maps that feed the split layers accessed at 32 bits, before pooling, gives 9.290; at least five other "
        "variants come as near."
    ),
    ("hybrid_vgg_b", "energy_efficiency_xnor"): (
        "A full-precision input read beside the binary one in every split layer gives 9.417, whose ratio is the 0.39."
    ),
    ("hybrid_vgg_b", "memory_compression_fp"): "The last dense layer counted as binary gives 12.43.",
    ("hybrid_vgg_b", "memory_compression_xnor"): "Divided from the printed 12.4.",
    (
        "hybrid_vgg_c",
        "memory_compression_fp",
    ): "conv9, or two of conv6 to conv8, left out of both networks gives 1.918.",
    ("vgg_inflate", "energy_efficiency_fp"): (
        "Binary MACs at 0.1 pJ and one convolution of the last stage left out gives 10.140; dozens of slips fit too."
    ),
    ("vgg_inflate", "energy_efficiency_xnor"): "Divided from the printed 10.14.",
    ("imagenet/xnor_vgg", "memory_compression_fp"): "One 512→512 convolution left out of the network gives 29.754.",
    ("imagenet/hybrid_vgg_a", "memory_compression_xnor"): "Divided from the printed 29.75.",
    ("imagenet/hybrid_vgg_c", "memory_compression_fp"): (
        "conv9, or two of conv6 to conv8, left out of both networks gives 1.151."
    ),
}


@dataclass(frozen=True)
class Figure:
    """One printed figure.

    Attributes:
        published: its digits, as printed.
        agreement: the computed value rounds to them, is cut to them, or differs.
        hypothesis: why it differs, or what the computed value rests on; else empty.
    """

    table: int
    recipe: str
    ratio: str
    published: str
    computed: float
    agreement: Agreement
    hypothesis: str

    @property
    def relative_error_percent(self) -> float:
        """(computed - published) / published, in percent."""
        return 100 * (self.computed / float(self.published) - 1)

    def as_dict(self) -> dict[str, object]:
        """The object that ``cost --paper-tables`` prints."""
        return {
            "table": self.table,
            "recipe": self.recipe,
            "ratio": self.ratio,
            "published": self.published,
            "computed": self.computed,
            "relative_error_percent": self.relative_error_percent,
            "agreement": self.agreement,
            "hypothesis": self.hypothesis or None,
        }


def figures() -> Iterator[Figure]:
    """All figures of the recipes that state what the paper prints, table by table, by the paper's rules and table."""
    recipes = [load_recipe(name) for name in recipe_names()]
    published = [(recipe.published, recipe) for recipe in recipes if recipe.published is not None]
    for facts, recipe in sorted(published, key=lambda pair: (pair[0].table, pair[1].name)):
        cost = cost_of(recipe)
        computed = ratios(cost.network, cost.full_precision, cost.xnor)
        for ratio in RATIOS:
            printed = getattr(facts, ratio)
            if printed is not None:
                # The shortest digits that give the number again are the printed ones.
                digits, value = f"{printed:g}", computed[ratio]
                hypothesis = HYPOTHESES.get((recipe.name, ratio), "")
                yield Figure(facts.table, recipe.name, ratio, digits, value, agreement(digits, value), hypothesis)


def agreement(published: str, computed: float) -> Agreement:
    """How a computed value agrees with printed digits."""
    last_digit = Decimal(1).scaleb(int(Decimal(published).as_tuple().exponent))
    if Decimal(computed).quantize(last_digit) == Decimal(published):
        return "exact"
    return "cut" if Decimal(computed).quantize(last_digit, ROUND_DOWN) == Decimal(published) else "differs"
