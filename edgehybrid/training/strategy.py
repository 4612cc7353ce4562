"""How many copies of a model are trained, by name. Without TensorFlow, for the command's options need it."""

from typing import Literal, get_args

StrategyName = Literal["one", "mirrored", "workers"]
# The first is the default.
STRATEGIES: tuple[StrategyName, ...] = get_args(StrategyName)
