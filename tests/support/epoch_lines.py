"""Lines of metrics.jsonl, complete and valid."""

from typing import Any

from edgehybrid.runs.epoch_line import EpochLine, LayerHealth

HEALTH = {
    "sign_flip_percent": 1.0,
    "dead_percent": 10.0,
    "plus_one_percent": 50.0,
    "constant_channel_percent": 0.0,
    "alpha": 0.1,
    "alpha_drift_percent": 5.0,
}


def health_of(**changes: float) -> LayerHealth:
    """Figures that give no hint, but for the changes."""
    return LayerHealth.model_validate(HEALTH | changes)


def line_of(epoch: int, **changes: Any) -> EpochLine:
    """One epoch."""
    line = {
        "epoch": epoch,
        "loss": 1 / epoch,
        "top1_train_percent": 40.0,
        "learning_rate": 0.1,
        "images_per_second": 1000.0,
        "top1_percent": 50.0,
        "seconds": 2.0,
    }
    return EpochLine.model_validate(line | changes)
