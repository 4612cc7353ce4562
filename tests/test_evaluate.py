"""Accuracy of flatbuffers and of Keras models on test images."""

import numpy as np
import pytest

from edgehybrid.data.arrays import load_split, normalise
from edgehybrid.errors import EdgehybridError
from edgehybrid.evaluate import evaluate_flatbuffer, evaluate_keras
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import Interpreter


def test_flatbuffer_accuracy_is_the_share_of_correct_test_images(artefact: Artefact) -> None:
    split = load_split(artefact.recipe.data, "test")
    logits = Interpreter(artefact.path).predict(normalise(split.images, artefact.recipe.data))
    correct = int((logits.argmax(axis=1) == split.labels).sum())
    found = evaluate_flatbuffer(artefact)
    assert found.images == 360
    assert found.top1_percent == pytest.approx(100 * correct / 360)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_fails_and_names_the_image(
    value: float, artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        """Gives ``value`` for the eleventh image."""

        runtime, isa, threads, delegated_nodes, graph_nodes, seen = "x", None, 1, None, 1, 0

        def predict(self, images: np.ndarray) -> np.ndarray:
            logits = np.zeros((len(images), 10), np.float32)
            if self.seen <= 10 < self.seen + len(images):
                logits[10 - self.seen, 3] = value
            self.seen += len(images)
            return logits

    monkeypatch.setattr("edgehybrid.evaluate.Interpreter", lambda *_: Broken())
    with pytest.raises(EdgehybridError, match="result for a test image is not finite") as caught:
        evaluate_flatbuffer(artefact)
    label = load_split(artefact.recipe.data, "test").labels[10]
    assert caught.value.received == f"{value} among the logits of test image 10, counted from 0, of class {label}"


def test_keras_and_flatbuffer_have_the_same_accuracy(converted_run: RunFolder, artefact: Artefact) -> None:
    # Their logits differ by less than 1e-5 here, so no class changes.
    in_keras, in_flatbuffer = evaluate_keras(converted_run), evaluate_flatbuffer(artefact)
    assert in_keras.top1_percent == in_flatbuffer.top1_percent
    assert in_keras.top5_percent == in_flatbuffer.top5_percent
