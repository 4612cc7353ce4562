"""Runs that a recipe builds on: the teacher of a distillation, and the first of two stages.

Source of two stages, activations quantised first and weights then: Martinez et al. 2020 (arXiv:2003.11535).
"""

from pathlib import Path
from typing import Any

from edgehybrid.errors import RunError
from edgehybrid.model.compat import tf
from edgehybrid.networks import Layer, Network, network_of
from edgehybrid.recipe import Recipe
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.run_folder import RunFolder, find_run


def find_teacher(recipe: Recipe, runs: Path) -> RunFolder | None:
    """The run that ``training.distillation`` names; None if the recipe has no such section.

    Raises:
        RunError: there is no such run, it has no weights, or it was trained on other images.
    """
    if recipe.training.distillation is None:
        return None
    run = _find(recipe.training.distillation.teacher, runs, "training.distillation.teacher")
    keys = ("dataset", "classes", "image_side", "mean", "std")
    mine, its = ({key: getattr(data, key) for key in keys} for data in (recipe.data, run.recipe.data))
    if different := [key for key in keys if mine[key] != its[key]]:
        raise RunError(
            "The teacher was trained on other images.",
            received=", ".join(f"data.{key}: {its[key]}" for key in different),
            allowed=", ".join(f"data.{key}: {mine[key]}" for key in different),
            next_step="Name a teacher that was trained on the data set of this recipe.",
        )
    return run


def find_first_stage(recipe: Recipe, runs: Path) -> RunFolder | None:
    """The run that ``training.start_from`` names; None if the recipe names none.

    Raises:
        RunError: there is no such run, it has no weights, or its layers are not this network's.
    """
    if recipe.training.start_from is None:
        return None
    run = _find(recipe.training.start_from, runs, "training.start_from")
    mine, its = _weights_by_layer(network_of(recipe)), _weights_by_layer(network_of(run.recipe))
    if different := [name for name in mine if mine[name] != its.get(name)] + [name for name in its if name not in mine]:
        raise RunError(
            "The first stage has other layers than this network; only their bits may differ.",
            received=f"{run.path}: layer {different[0]}: {its.get(different[0], 'not there')}",
            allowed=f"layer {different[0]}: {mine.get(different[0], 'not there')}",
            next_step="Train the first stage with the same architecture, width, image side and float_fraction.",
        )
    return run


def take_weights(model: Any, earlier: Any) -> None:
    """Assigns the weights of an earlier model to the layers of the same name: latent ones behind quantised ones.

    A layer that only one of them has (a learned threshold, an RPReLU) is left alone. The dense layer of one may be the
    1×1 convolution of the other.

    Args:
        model, earlier: Keras models of networks that ``find_first_stage`` accepts.
    """
    weights_of = {layer.name: layer.weights for layer in earlier.layers}
    for layer in model.layers:
        for weight, first in zip(layer.weights, weights_of.get(layer.name) or layer.weights, strict=True):
            variable, value = (getattr(v, "latent_variable", v) for v in (weight, first))
            variable.assign(tf.reshape(value, variable.shape))


def _find(name: str, runs: Path, key: str) -> RunFolder:
    try:
        run = find_run(runs, name)
        read_record(run)
    except RunError as error:
        raise RunError(
            f"The run that {key} names cannot be used. {error.what}",
            received=f"{key}: {name}",
            allowed="a run folder, or the name of one in the folder of runs, with a checkpoint",
            next_step="Train that run first, and name it with --set.",
        ) from error
    return run


def _weights_by_layer(network: Network) -> dict[str, str]:
    return {layer.name: _weights(layer) for layer in network}


def _weights(layer: Layer) -> str:
    words = f"{layer.out_channels} filters of {layer.kernel_side}×{layer.kernel_side}×{layer.in_channels}"
    return f"{words}, {layer.float_filters} of them in full precision" if layer.is_split else words
