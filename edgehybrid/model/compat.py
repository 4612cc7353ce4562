"""The only place that looks at TensorFlow and Keras versions.

Larq 0.14 needs Keras 2: the package ``tf_keras`` and ``TF_USE_LEGACY_KERAS=1``, set before TensorFlow is imported.
"""

import logging
import os
import sys
from importlib.metadata import version

from edgehybrid.errors import EdgehybridError, MissingExtraError
from edgehybrid.runtime.quiet_start import quiet_start

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise EdgehybridError(
        "TensorFlow was imported before edgehybrid, with Keras 3.",
        next_step="Set TF_USE_LEGACY_KERAS=1 in the environment, or import edgehybrid.model first.",
    )
os.environ["TF_USE_LEGACY_KERAS"] = "1"


try:
    with quiet_start():
        import larq
        import tensorflow as tf
        import tf_keras as keras

        tf.config.list_physical_devices()  # looks for GPUs, with more notes
except ModuleNotFoundError as error:
    raise MissingExtraError(error.name or "tensorflow", "train") from error

# Its warnings, such as of a function traced once for each copy of the model, are nothing that a user can change.
tf.get_logger().setLevel(logging.ERROR)
# Larq warns of every binary kernel without a Keras constraint. Ours are bounded by the training loop, as the recipe's
# training.latent_weights says.
logging.getLogger("larq.layers_base").addFilter(lambda record: "starved weights" not in record.getMessage())

__all__ = ["keras", "larq", "tf", "versions"]


def versions() -> dict[str, str]:
    """Versions of the training tools, by package name."""
    return {name: version(name) for name in ("tensorflow", "tf-keras", "larq")}
