"""YAML → frozen ``Recipe``: what is trained, on what, and how. The grammar for users is recipes/README.md."""

from edgehybrid.recipe.data import DATASETS, Data
from edgehybrid.recipe.load import load_recipe, recipe_names, recipes_folder
from edgehybrid.recipe.network import NetworkRecipe, Placement
from edgehybrid.recipe.recipe import Published, Recipe
from edgehybrid.recipe.training import Training

__all__ = [
    "DATASETS",
    "Data",
    "NetworkRecipe",
    "Placement",
    "Published",
    "Recipe",
    "Training",
    "load_recipe",
    "recipe_names",
    "recipes_folder",
]
