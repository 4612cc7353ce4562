"""Run folders with random weights: all that conversion, evaluation and measuring need, without training."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.runs.run_folder import RunFolder, create_run

TINY = ("network.width=0.25", "data.image_side=8")


def tiny_recipe(*overrides: str) -> Recipe:
    """ResNet-20 with 4, 8 and 16 filters on digits of 8×8 pixels."""
    return load_recipe("digits", [*TINY, *overrides])


def random_model(recipe: Recipe, seed: int = 0) -> Any:
    """The Keras model with seeded random weights. BatchNorm's averages are not its initial 0 and 1, nor thresholds and
    shifts their initial 0, which would hide a mistake in folding them. Weights of several bits have all their levels,
    which those of an initialiser are too small for.
    """
    from edgehybrid.model.activations import LearnedThreshold, RPReLU
    from edgehybrid.model.build import build_model
    from edgehybrid.model.compat import keras
    from edgehybrid.networks import network_of

    keras.utils.set_random_seed(seed)
    model = build_model(network_of(recipe))
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.gamma.assign(random.uniform(0.8, 1.2, shape))
            layer.beta.assign(random.normal(0, 0.2, shape))
            layer.moving_mean.assign(random.normal(0, 0.2, shape))
            layer.moving_variance.assign(random.uniform(0.8, 1.2, shape))
        elif isinstance(layer, LearnedThreshold | RPReLU):
            for weight in layer.weights:
                weight.assign(random.normal(0, 0.3, weight.shape))
        elif getattr(getattr(layer, "kernel_quantizer", None), "precision", 1) > 1:
            layer.kernel.assign(random.uniform(-1, 1, layer.kernel.shape))
    return model


def unfinish(run: Path, epoch: int, step: int) -> None:
    """Makes the checkpoint of a run one of so many finished epochs and steps."""
    latest = run / "checkpoint" / "latest.json"
    changes = {"epoch": epoch, "step": step, "record_sha256": None}
    latest.write_text(json.dumps(json.loads(latest.read_text()) | changes))


def random_run(runs: Path, recipe: Recipe, seed: int = 0) -> RunFolder:
    """A run folder whose checkpoint, that of the last epoch, holds the weights of ``random_model``."""
    from edgehybrid.model.compat import keras
    from edgehybrid.model.variables import values_of
    from edgehybrid.runs.checkpoint import Progress, save_checkpoint

    run = create_run(runs, recipe)
    model = random_model(recipe, seed)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    save_checkpoint(run, values_of(model, optimizer), Progress(epoch=recipe.training.epochs))
    return run
