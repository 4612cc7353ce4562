"""Every figure of the paper's Tables 4 to 7, what our rules compute for it, and the costs of shipped recipes."""

from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from edgehybrid.cost import NetworkCost, RecipeCost, cost_of
from edgehybrid.recipe import load_recipe

RATIOS = (
    "energy_efficiency_fp",
    "energy_efficiency_xnor",
    "memory_compression_fp",
    "memory_compression_xnor",
)

# Tables 4 to 7 of Chakraborty et al. 2019, the four ratios in the order of RATIOS: as printed, as these rules
# compute them, and how the two agree. r: the computed value rounds to the printed one. t: it is cut to the
# printed one. X: neither; here no rule is known that explains the paper's other figures too.
PUBLISHED = """
xnor_res                    | 18.67 18.6727 r | 1    1.0000 r | 17.26  17.2565 r | 1    1.0000 r
xnor_res_x1.5               | 10.09 10.0995 t | 0.54 0.5409 r | 9.1    9.1089  r | 0.52 0.5279 t
xnor_res_x2                 | 6.45  6.3537  X | 0.35 0.3403 X | 5.65   5.6543  r | 0.32 0.3277 t
xnor_res_x3                 | 3.196 3.1961  r | 0.17 0.1712 r | 2.8    2.8033  r | 0.16 0.1625 r
hybrid_res_a                | 17.3  17.3002 r | 0.93 0.9265 r | 15.023 15.0226 r | 0.87 0.8705 r
hybrid_res_a_x1.5           | 9.19  9.1966  t | 0.49 0.4925 r | 7.72   7.7261  t | 0.44 0.4477 t
hybrid_res_a_x2             | 5.72  5.7203  r | 0.3  0.3063 r | 4.72   4.7166  r | 0.27 0.2733 r
hybrid_res_b                | 2.6   2.6229  r | 0.14 0.1405 r | 1.3    1.3046  r | 0.08 0.0756 r
hybrid_res_b_x2             | 0.7   0.7019  r | 0.04 0.0376 r | 0.33   0.3318  r | 0.02 0.0192 r
hybrid_res_c                | 7.96  7.9620  r | 0.43 0.4264 r | 6.95   6.9465  r | 0.4  0.4025 r
hybrid_res_c_x2             | 2.15  2.1347  X | 0.11 0.1143 r | 1.9    1.8963  r | 0.11 0.1099 r
xnor_vgg                    | 24.13 24.1347 r | 1    1.0000 r | 24.08  24.0807 r | 1    1.0000 r
hybrid_vgg_a                | 19.53 19.5315 r | 0.81 0.8093 r | 21.78  21.7846 r | 0.9  0.9046 r
hybrid_vgg_b                | 9.28  9.7551  X | 0.39 0.4042 X | 12.4   11.0469 X | 0.51 0.4587 X
hybrid_vgg_c                | 2.66  2.6558  r | 0.11 0.1100 r | 1.92   1.9734  X | 0.08 0.0819 r
vgg_2bit                    | 13.81 13.8181 t | 0.57 0.5725 r | 13.8   13.8026 r | 0.57 0.5732 r
vgg_inflate                 | 10.14 9.5038  X | 0.42 0.3938 X | 10.97  10.9740 r | 0.45 0.4557 t
imagenet/xnor_vgg           | 25.56 25.5634 r | 1    1.0000 r | 29.75  29.2948 X | 1    1.0000 r
imagenet/hybrid_vgg_a       | 17.01 17.0154 t | 0.66 0.6656 t | 28.27  28.2766 t | 0.95 0.9652 X
imagenet/hybrid_vgg_c       | 6.085 6.0853  r | 0.24 0.2380 r | 1.15   1.1608  X | 0.04 0.0396 r
imagenet/hybrid_vgg_a_prime | 13.1  13.0987 r | 0.51 0.5124 r | 6.6    6.6013  r | 0.22 0.2253 t
"""
FLOAT_RECIPES = ("float_res", "float_vgg", "imagenet/float_vgg")


class Figure(NamedTuple):
    recipe: str
    ratio: str
    published: str
    computed: str
    agreement: str


def figures() -> list[Figure]:
    found = []
    for line in PUBLISHED.strip().splitlines():
        recipe, *cells = (part.strip() for part in line.split("|"))
        found += [Figure(recipe, ratio, *cell.split()) for ratio, cell in zip(RATIOS, cells, strict=True)]
    return found


FIGURES = figures()
RECIPES = (*FLOAT_RECIPES, *dict.fromkeys(figure.recipe for figure in FIGURES))


@cache
def cost(recipe: str) -> RecipeCost:
    return cost_of(load_recipe(recipe))


def row(recipe: str) -> dict[str, Any]:
    return cost(recipe).as_dict()


def agreement(published: str, computed: float) -> str:
    """How the computed value agrees with the printed digits: r, t or X."""
    last_digit = Decimal(1).scaleb(int(Decimal(published).as_tuple().exponent))
    if Decimal(computed).quantize(last_digit) == Decimal(published):
        return "r"
    return "t" if Decimal(computed).quantize(last_digit, ROUND_DOWN) == Decimal(published) else "X"


def total_pj(network: NetworkCost) -> Fraction:
    """Exact: the energy of a layer is a multiple of 2**-7 pJ below 2**46 pJ, and a float holds it."""
    return sum((Fraction(layer.energy.total_pj) for layer in network.layers), Fraction(0))
