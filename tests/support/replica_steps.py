"""Trains a few steps in a process of its own, and keeps losses and weights.

python replica_steps.py OUT STRATEGY STEPS KEY=VALUE…

Copies of the model in one process stand on two logical devices, for a machine without accelerators has but one.
"""

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid.data.source import open_source
from edgehybrid.model.compat import tf
from edgehybrid.networks import Network
from edgehybrid.recipe import load_recipe
from edgehybrid.training import step
from edgehybrid.training.replicas import Replicas
from edgehybrid.training.step import Trainer, Wish


def main(out: Path, strategy: str, steps: int, overrides: list[str]) -> None:
    if strategy == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    replicas = Replicas(strategy)  # type: ignore[arg-type]
    recipe = load_recipe("digits", overrides)
    training = recipe.training
    source = open_source(recipe.data)
    # Also for one copy: the variance is E[x²] - E[x]² then, where the usual layer takes two passes.
    step.build_model = functools.partial(_synchronized, step.build_model)  # type: ignore[assignment]
    trainer = Trainer(recipe, replicas.strategy)
    parts = [
        source.training_batches(training.augmentation, training.batch_size, training.seed, 1, 0, shard)
        for shard in replicas.shards
    ]
    losses = []
    for _, batches in zip(range(steps), zip(*parts, strict=True), strict=False):
        rate, decay = training.optimizer.learning_rate, training.weight_decay
        result, _ = trainer.step(batches, rate, decay, Wish.NOTHING)
        losses.append(result.loss_sum / result.images)
    arrays = {f"{index:04d}": value for index, value in enumerate(trainer.values())}
    np.savez(out, copies=replicas.count, losses=losses, **arrays)


def _synchronized(build: Any, network: Network, synchronized: bool) -> Any:
    return build(network, synchronized=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
