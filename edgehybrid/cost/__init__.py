"""Analytic energy, memory and operations, by named rules (rules.py) and an energy table (tables/).

``cost_of`` counts a recipe, with the ratios to its reference networks; ``cost_of_network`` a network alone;
``cost_of_layers`` layers counted elsewhere; ``cost_of_flatbuffer`` (flatbuffer_cost.py) what a file holds. Every number
is modelled, none is measured. Pure: nothing is written, and no framework is loaded.
"""

from edgehybrid.cost.network_cost import LayerCost, NetworkCost, cost_of_layers, cost_of_network
from edgehybrid.cost.recipe_cost import RecipeCost, cost_of, ratios, references_of

__all__ = [
    "LayerCost",
    "NetworkCost",
    "RecipeCost",
    "cost_of",
    "cost_of_layers",
    "cost_of_network",
    "ratios",
    "references_of",
]
