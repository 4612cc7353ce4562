"""Accuracy of a flatbuffer, or of a run's Keras model, on the test images of its recipe."""

import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.arrays import Labels, load_split, normalise
from edgehybrid.runtime.interpreter import load_interpreter
from edgehybrid.training.artefact import Artefact, evaluation_file
from edgehybrid.training.run_folder import RunFolder, write_atomically


def evaluate_flatbuffer(artefact: Artefact, threads: int = 1) -> dict[str, Any]:
    """Runs all test images through the flatbuffer, and keeps the result beside it for benchmark rows."""
    split = load_split(artefact.recipe.data, "test")
    images = normalise(split.images, artefact.recipe.data)
    interpreter = load_interpreter(artefact.path, threads)
    began = time.monotonic()
    logits = interpreter.predict(images)
    result = {
        "model": str(artefact.path),
        "model_sha256": artefact.sha256,
        **accuracies(logits, split.labels),
        "images": len(images),
        "images_per_second": round(len(images) / (time.monotonic() - began), 1),
        "runtime": interpreter.runtime,
        "isa": interpreter.isa,
        "threads": threads,
    }
    write_atomically(evaluation_file(artefact.path), json.dumps(result, indent=2).encode())
    return result


def evaluate_keras(run: RunFolder) -> dict[str, Any]:
    """Runs all test images through the Keras model of the run's newest checkpoint."""
    from edgehybrid.model.compat import versions
    from edgehybrid.training.loop import EVALUATION_BATCH, trained_model

    split = load_split(run.recipe.data, "test")
    images = normalise(split.images, run.recipe.data)
    model, _ = trained_model(run)
    began = time.monotonic()
    logits = [
        np.asarray(model.predict_on_batch(images[begin : begin + EVALUATION_BATCH]))
        for begin in range(0, len(images), EVALUATION_BATCH)
    ]
    return {
        "run": run.name,
        **accuracies(np.concatenate(logits), split.labels),
        "images": len(images),
        "images_per_second": round(len(images) / (time.monotonic() - began), 1),
        "runtime": f"tensorflow {versions()['tensorflow']}",
        "isa": None,
        "threads": None,
    }


def accuracies(logits: NDArray[np.float32], labels: Labels) -> dict[str, float]:
    """Percent of images whose label is the largest logit, and among the five largest (all, for fewer classes)."""
    order = np.argsort(-logits, axis=1, kind="stable")
    return {
        "top1_percent": 100 * float(np.mean(order[:, 0] == labels)),
        "top5_percent": 100 * float(np.mean((order[:, :5] == labels[:, None]).any(axis=1))),
    }
