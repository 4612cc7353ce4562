"""Accuracy of a flatbuffer, or of a run's Keras model, on the test images of its recipe."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.arrays import Labels
from edgehybrid.data.source import open_source
from edgehybrid.errors import EdgehybridError
from edgehybrid.recipe import Recipe
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runs.evaluation import Evaluation, KerasEvaluation
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime.interpreter import load_interpreter
from edgehybrid.runtime.loaded import Floats


def evaluate_flatbuffer(artefact: Artefact, threads: int = 1) -> Evaluation:
    """Runs all test images through the flatbuffer.

    Raises:
        EdgehybridError: no test images, or the model gives NaN for one.
    """
    interpreter = load_interpreter(artefact.path, threads)
    return Evaluation(
        model=str(artefact.path),
        model_sha256=artefact.sha256,
        **_measured(interpreter.predict, artefact.recipe),
        runtime=interpreter.runtime,
        isa=interpreter.isa,
        threads=threads,
    )


def evaluate_keras(run: RunFolder) -> KerasEvaluation:
    """Runs all test images through the Keras model of the run's newest checkpoint."""
    from edgehybrid.model.compat import versions
    from edgehybrid.model.variables import trained_model
    from edgehybrid.runs.checkpoint import warnings_of

    model, checkpoint = trained_model(run)
    return KerasEvaluation(
        run=run.name,
        **_measured(lambda images: np.asarray(model.predict_on_batch(images)), run.recipe),
        runtime=f"tensorflow {versions()['tensorflow']}",
        warnings=tuple(warnings_of(run, checkpoint)),
    )


def _measured(predict: Callable[[Floats], Floats], recipe: Recipe) -> dict[str, Any]:
    """Accuracies over the test images, their number, and images/s of ``predict`` alone, without reading images."""
    logits, labels, seconds = [], [], 0.0
    for images, its_labels in open_source(recipe.data).evaluation_batches("test"):
        began = time.monotonic()
        logits.append(predict(images))
        seconds += time.monotonic() - began
        labels.append(its_labels)
        if (bad := np.flatnonzero(np.isnan(logits[-1]).any(axis=1))).size:
            number = sum(map(len, labels)) - len(its_labels) + int(bad[0])
            raise EdgehybridError(
                "The model gives no number for a test image.",
                received=f"NaN among the logits of test image {number}, counted from 0, of class {its_labels[bad[0]]}",
                allowed="numbers",
                next_step="'edgehybrid evaluate RUN --keras' tells whether the trained weights are sound.",
            )
    count = sum(map(len, labels))
    return {
        **accuracies(np.concatenate(logits), np.concatenate(labels)),
        "images": count,
        "images_per_second": round(count / seconds, 1),
    }


def accuracies(logits: NDArray[np.float32], labels: Labels) -> dict[str, float]:
    """Percent of images whose label is the largest logit, and among the five largest (all, for fewer classes)."""
    order = np.argsort(-logits, axis=1, kind="stable")
    return {
        "top1_percent": 100 * float(np.mean(order[:, 0] == labels)),
        "top5_percent": 100 * float(np.mean((order[:, :5] == labels[:, None]).any(axis=1))),
    }
