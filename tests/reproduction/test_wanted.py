"""Which trainings a table asks for."""

import pytest

from edgehybrid.errors import UsageError
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.reproduction.wanted import TABLES, names_of, wanted


def test_every_published_recipe_is_in_its_table() -> None:
    published = {name: one.published.table for name in recipe_names() if (one := load_recipe(name)).published}
    found = {name: table for table in TABLES for name in names_of(table) if table != 3 or name.startswith("float")}
    assert found == published


def test_table_3_sets_xnor_beside_full_precision() -> None:
    assert names_of(3) == ["xnor_vgg", "xnor_res", "float_res", "float_vgg"]


def test_the_first_seed_of_all_networks_comes_before_the_second() -> None:
    found = wanted(5, 30, 2)
    own = load_recipe("hybrid_res_a").training.seed
    assert [one.recipe.training.seed for one in found] == [own] * 7 + [own + 1] * 7
    assert {one.recipe.training.epochs for one in found} == {30}
    assert {one.full_epochs for one in found} == {199}
    assert found[0].recipe.name == found[7].recipe.name == "hybrid_res_c"


def test_changes_are_those_of_the_recipe() -> None:
    settings = ["training.precision=bfloat16", "data.path=somewhere", "training.latent_weights.clip=false"]
    (one,) = wanted(5, 30, 1, settings, ("hybrid_res_a",))
    assert one.changes == ("training.latent_weights.clip=false", "training.precision=bfloat16")
    assert one.recipe.training.precision == "bfloat16"


def test_without_changes_the_recipe_is_the_shipped_one() -> None:
    (one,) = wanted(4, None, 1, (), ("xnor_res",))
    assert one.recipe == load_recipe("xnor_res")
    assert one.changes == ()


def test_refuses_a_network_of_another_table() -> None:
    with pytest.raises(UsageError, match="hybrid_res_a_x2") as raised:
        wanted(4, None, 1, (), ("xnor_res_x2", "hybrid_res_a_x2"))
    assert "xnor_res_x3" in str(raised.value)


@pytest.mark.parametrize("setting", ["training.epochs=3", "training.seed=3", "name=mine"])
def test_refuses_to_set_what_tells_trainings_apart(setting: str) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        wanted(5, None, 1, (setting,))
