"""Accuracy of a flatbuffer, or of a run's Keras model, on the test images of its recipe."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edgehybrid.data.accuracy import accuracies
from edgehybrid.data.source import Source, open_source
from edgehybrid.errors import EdgehybridError
from edgehybrid.recipe import Recipe
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runs.evaluation import Evaluation, KerasEvaluation
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime.host import Floats
from edgehybrid.runtime.interpreter import Interpreter, usable_cores


def evaluate_flatbuffer(artefact: Artefact, threads: int | None = None, recipe: Recipe | None = None) -> Evaluation:
    """Runs all test images through the flatbuffer.

    Args:
        threads: by default as many as there are cores for this process.
        recipe: whose test images; by default the model's own.

    Raises:
        EdgehybridError: an untrained twin, no test images, or the model gives no finite numbers for one.
    """
    if artefact.sidecar.twin:
        raise EdgehybridError(
            "The flatbuffer holds a full-precision twin whose weights are not trained: it has no accuracy.",
            received=artefact.path,
            next_step="Train the twin: edgehybrid train RECIPE --set 'network.placement={full_precision: [all]}'.",
        )
    interpreter = Interpreter(artefact.path, threads or usable_cores())
    return Evaluation(
        model=str(artefact.path),
        model_sha256=artefact.sha256,
        **measured(interpreter.predict, open_source((recipe or artefact.recipe).data))._asdict(),
        runtime=interpreter.runtime,
        isa=interpreter.isa,
        threads=interpreter.threads,
        delegated_nodes=interpreter.delegated_nodes,
        graph_nodes=interpreter.graph_nodes,
    )


def evaluate_keras(run: RunFolder) -> KerasEvaluation:
    """Runs all test images through the Keras model of the run's newest checkpoint."""
    from edgehybrid.model.compat import versions
    from edgehybrid.model.variables import trained_model
    from edgehybrid.runs.checkpoint import warnings_of

    model, checkpoint = trained_model(run)
    return KerasEvaluation(
        run=run.name,
        **measured(lambda images: np.asarray(model.predict_on_batch(images)), open_source(run.recipe.data))._asdict(),
        runtime=f"tensorflow {versions()['tensorflow']}",
        warnings=tuple(warnings_of(run, checkpoint)),
    )


class Measured(NamedTuple):
    """What both kinds of evaluation find; the fields are those of ``edgehybrid.runs.evaluation.Accuracy``."""

    top1_percent: float
    top5_percent: float
    images: int
    images_per_second: float


def measured(predict: Callable[[Floats], Floats], source: Source) -> Measured:
    """Accuracies over the test images, their number, and images/s of ``predict`` alone, without reading images."""
    logits, labels, seconds = [], [], 0.0
    for images, its_labels in source.evaluation_batches("test"):
        began = time.monotonic()
        logits.append(predict(images))
        seconds += time.monotonic() - began
        labels.append(its_labels)
        if (bad := np.argwhere(~np.isfinite(logits[-1]))).size:
            image, logit = bad[0]
            number = sum(map(len, labels)) - len(its_labels) + int(image)
            raise EdgehybridError(
                "The model's result for a test image is not finite.",
                received=f"{logits[-1][image, logit]} among the logits of test image {number}, counted from 0, "
                f"of class {its_labels[image]}",
                allowed="finite numbers",
                next_step="'edgehybrid evaluate RUN --keras' tells whether the trained weights are sound.",
            )
    count = sum(map(len, labels))
    return Measured(*accuracies(np.concatenate(logits), np.concatenate(labels)), count, round(count / seconds, 1))
