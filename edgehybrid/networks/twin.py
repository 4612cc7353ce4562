"""The full-precision twin of a recipe: the honest rival of a hybrid network."""

from edgehybrid.recipe import Placement, Recipe

FULL_PRECISION = Placement(full_precision=("all",))


def float_twin(recipe: Recipe) -> Recipe:
    """The recipe of the same topology with every layer in full precision and every quantiser a ReLU (or RPReLU)."""
    network = recipe.network.model_copy(update={"placement": FULL_PRECISION})
    return recipe.model_copy(
        update={
            "name": f"{recipe.name}_float",
            "description": f"Full-precision twin of {recipe.name}",
            "published": None,
            "network": network,
        }
    )
