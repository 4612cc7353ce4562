"""What the paper leaves open, and what these recipes do there: on every card, since each choice may be a gap's cause.

The paper is Chakraborty et al. 2019 (arXiv:1902.00460). "The authors' code" is what the first author published of a
later work in the same year, with parts of this one; for this paper there is none.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from edgehybrid.recipe import Recipe


class Choice(NamedTuple):
    """One of them.

    Attributes:
        concerns: whether a recipe is trained otherwise for it.
    """

    subject: str
    paper: str
    here: str
    concerns: Callable[[Recipe], bool]


def _is_quantised(recipe: Recipe) -> bool:
    return "all" not in recipe.network.placement.full_precision


CHOICES = (
    Choice(
        "Training",
        "names no optimizer, schedule, batch size or augmentation",
        "those of the authors' code, the defaults of recipes/README.md",
        lambda recipe: True,
    ),
    Choice(
        "Which epoch",
        "does not say; the authors' code reports the best epoch on the test images",
        "the last epoch and, where images are held out, the best on these; the test images choose nothing",
        lambda recipe: True,
    ),
    Choice("Spread", "gives one figure, and no seeds", "mean and standard deviation of the seeds", lambda recipe: True),
    Choice(
        "Border",
        "does not say; in its framework a convolution pads with zeros, which no sign is",
        "signs are padded with +1, so that the packed network computes what was trained (network.pad_value)",
        _is_quantised,
    ),
    Choice("Sign of 0", "does not say; in its framework it is 0", "+1, as bits have no 0", _is_quantised),
    Choice(
        "Scale alpha",
        "calls it the L1 norm of a filter",
        "the mean of |W| over the filter (Rastegari et al. 2016, equation 6), whose gradient is taken, too",
        _is_quantised,
    ),
    Choice(
        "Hybrid-Res B",
        "does not say which stage is in full precision",
        "the last one: with another, its memory compression does not come out",
        lambda recipe: "stage3" in recipe.network.placement.full_precision,
    ),
    Choice(
        "Hybrid-Res C",
        "does not say how a tenth of 16 filters is rounded",
        "down, to 1, 3 and 6: then its ratios come out. They read real numbers, as its section 2 has it",
        lambda recipe: recipe.network.placement.float_fraction > 0,
    ),
    Choice(
        "Shortcuts of VGG",
        "does not say where they begin and end",
        "each leads around two convolutions, from stage 2 on; its 1×1 convolution reads the map behind the pool",
        lambda recipe: recipe.network.architecture == "vgg19" and recipe.network.residual,
    ),
    Choice(
        "2 bits",
        "prints a floor where the method that it cites rounds",
        "rounds (Rastegari et al. 2016, section 3.2), so that 1 bit is the sign",
        lambda recipe: (
            max(recipe.network.placement.weight_bits, recipe.network.placement.activation_bits) > 1
            and _is_quantised(recipe)
        ),
    ),
)


def choices_of(recipes: Iterable[Recipe]) -> list[Choice]:
    """Those that concern any of the recipes."""
    known = list(recipes)
    return [choice for choice in CHOICES if any(map(choice.concerns, known))]
