"""Accuracy of flatbuffers and of Keras models on test images."""

import numpy as np
import pytest

from edgehybrid.data.arrays import load_split, normalise
from edgehybrid.errors import EdgehybridError
from edgehybrid.evaluate import accuracies, evaluate_flatbuffer, evaluate_keras
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime.interpreter import load_interpreter


def test_counts_the_largest_and_the_five_largest_logits() -> None:
    logits = np.array([[6, 5, 4, 3, 2, 1]] * 4, np.float32)
    # Label 0 is first, 1 and 4 are among five, 5 is not.
    found = accuracies(logits, np.array([0, 1, 4, 5]))
    assert found == {"top1_percent": 100 * 1 / 4, "top5_percent": 100 * 3 / 4}


def test_of_fewer_than_five_classes_every_label_is_among_five() -> None:
    found = accuracies(np.array([[1, 2, 3], [3, 2, 1]], np.float32), np.array([0, 0]))
    assert found == {"top1_percent": 50.0, "top5_percent": 100.0}


def test_of_equal_logits_the_first_class_wins() -> None:
    assert accuracies(np.zeros((2, 10), np.float32), np.array([0, 9])) == {"top1_percent": 50.0, "top5_percent": 50.0}


def test_flatbuffer_accuracy_is_the_share_of_correct_test_images(artefact: Artefact) -> None:
    split = load_split(artefact.recipe.data, "test")
    logits = load_interpreter(artefact.path).predict(normalise(split.images, artefact.recipe.data))
    correct = int((logits.argmax(axis=1) == split.labels).sum())
    found = evaluate_flatbuffer(artefact)
    assert found.images == 360
    assert found.top1_percent == pytest.approx(100 * correct / 360)


def test_a_number_that_is_none_fails_and_names_the_image(artefact: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        """Gives NaN for the eleventh image."""

        runtime, isa, seen = "x", None, 0

        def predict(self, images: np.ndarray) -> np.ndarray:
            logits = np.zeros((len(images), 10), np.float32)
            if self.seen <= 10 < self.seen + len(images):
                logits[10 - self.seen, 3] = np.nan
            self.seen += len(images)
            return logits

    monkeypatch.setattr("edgehybrid.evaluate.load_interpreter", lambda *_: Broken())
    with pytest.raises(EdgehybridError, match="no number for a test image") as caught:
        evaluate_flatbuffer(artefact)
    label = load_split(artefact.recipe.data, "test").labels[10]
    assert caught.value.received == f"NaN among the logits of test image 10, counted from 0, of class {label}"


def test_keras_and_flatbuffer_have_the_same_accuracy(converted_run: RunFolder, artefact: Artefact) -> None:
    # Their logits differ by less than 1e-5 here, so no class changes.
    in_keras, in_flatbuffer = evaluate_keras(converted_run), evaluate_flatbuffer(artefact)
    assert in_keras.top1_percent == in_flatbuffer.top1_percent
    assert in_keras.top5_percent == in_flatbuffer.top5_percent
