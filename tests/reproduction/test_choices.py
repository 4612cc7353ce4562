"""What the paper leaves open is named where it matters."""

from edgehybrid.recipe import load_recipe
from edgehybrid.reproduction.choices import CHOICES, choices_of


def subjects(*names: str) -> set[str]:
    return {choice.subject for choice in choices_of(map(load_recipe, names))}


def test_a_network_in_full_precision_knows_no_signs() -> None:
    assert subjects("float_res") == {"Training", "Which epoch", "Spread"}


def test_each_variant_has_its_own() -> None:
    common = subjects("xnor_res")
    assert common == {"Training", "Which epoch", "Spread", "Border", "Sign of 0", "Scale alpha"}
    assert subjects("hybrid_res_b") - common == {"Hybrid-Res B"}
    assert subjects("hybrid_res_c") - common == {"Hybrid-Res C"}
    assert subjects("hybrid_vgg_a") - common == {"Shortcuts of VGG"}
    assert subjects("vgg_2bit") - common == {"2 bits"}


def test_the_published_networks_together_have_all() -> None:
    assert len(subjects("hybrid_res_b", "hybrid_res_c", "hybrid_vgg_a", "vgg_2bit")) == len(CHOICES)
