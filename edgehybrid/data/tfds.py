"""tensorflow-datasets, loaded when a data set of its is asked for, and silent."""

import os
from typing import Any

from edgehybrid.errors import MissingExtraError
from edgehybrid.runtime.quiet_start import quiet_start


def tensorflow_datasets() -> Any:
    """The package, with its remarks on folders it does not know held back: what matters is said by an exception.

    Raises:
        MissingExtraError: it is not installed.
    """
    # The import loads TensorFlow, and edgehybrid.model.compat needs this set before that.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        with quiet_start():
            import tensorflow_datasets as tfds
            from absl import logging
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorflow-datasets", "train") from error
    logging.set_verbosity(logging.ERROR)
    return tfds
