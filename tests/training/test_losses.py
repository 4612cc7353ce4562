"""Cross entropy, label smoothing and distillation against NumPy in float64."""

from typing import Any

import numpy as np
import pytest

from edgehybrid.model.compat import tf
from edgehybrid.recipe.training import Training
from edgehybrid.training.losses import loss_of_images

SEED, IMAGES, CLASSES = 5, 6, 7
# float32 has 24 bits; sums of 7 exponentials and logarithms of them lose a few.
ROUNDING = 2e-6


def training_of(**fields: Any) -> Training:
    return Training.model_validate(fields)


def distilling(weight: float, temperature: float = 1.0, **fields: Any) -> Training:
    section = {"teacher": "a_run", "weight": weight, "temperature": temperature}
    return training_of(distillation=section, **fields)


def random_logits(seed: int) -> Any:
    return np.random.default_rng(seed).normal(0, 3, (IMAGES, CLASSES)).astype(np.float32)


LOGITS, TEACHER = random_logits(SEED), random_logits(SEED + 1)
LABELS = np.random.default_rng(SEED).integers(0, CLASSES, IMAGES)


def softmax(logits: Any) -> Any:
    powers = np.exp(np.asarray(logits, np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def smoothed(smoothing: float) -> Any:
    return (1 - smoothing) * np.eye(CLASSES)[LABELS] + smoothing / CLASSES


def cross_entropy(targets: Any, logits: Any) -> Any:
    return -(targets * np.log(softmax(logits))).sum(axis=1)


def divergence(temperature: float) -> Any:
    teacher, student = softmax(TEACHER / temperature), softmax(LOGITS / temperature)
    return (teacher * np.log(teacher / student)).sum(axis=1)


def loss_and_gradient(training: Training, teacher: Any = None) -> tuple[Any, Any]:
    """The losses, and the gradient of their sum with respect to the logits."""
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = loss_of_images(training, logits, tf.constant(LABELS), teacher)
    return losses.numpy(), tape.gradient(losses, logits).numpy()


def test_plain_loss_is_minus_the_logarithm_of_the_labels_probability() -> None:
    losses, _ = loss_and_gradient(training_of())
    np.testing.assert_allclose(losses, -np.log(softmax(LOGITS)[np.arange(IMAGES), LABELS]), rtol=ROUNDING, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.75])
def test_smoothed_labels(smoothing: float) -> None:
    losses, gradient = loss_and_gradient(training_of(label_smoothing=smoothing))
    np.testing.assert_allclose(losses, cross_entropy(smoothed(smoothing), LOGITS), rtol=ROUNDING, atol=1e-6)
    # ∂CE/∂z = softmax(z) - target, for targets that sum to 1.
    np.testing.assert_allclose(gradient, softmax(LOGITS) - smoothed(smoothing), atol=ROUNDING)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("weight", [0.3, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_distillation_mixes_the_labels_and_the_teacher(weight: float, temperature: float, smoothing: float) -> None:
    training = distilling(weight, temperature, label_smoothing=smoothing)
    losses, gradient = loss_and_gradient(training, tf.constant(TEACHER))
    labels = cross_entropy(smoothed(smoothing), LOGITS)
    expected = (1 - weight) * labels + weight * temperature**2 * divergence(temperature)
    # τ² = 16 multiplies the rounding of a difference of two cross entropies of up to about 3.
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=temperature**2 * 1e-6)
    # ∂KL/∂z = (softmax(z / τ) - softmax(z_teacher / τ)) / τ.
    teacher_part = temperature * (softmax(LOGITS / temperature) - softmax(TEACHER / temperature))
    expected = (1 - weight) * (softmax(LOGITS) - smoothed(smoothing)) + weight * teacher_part
    np.testing.assert_allclose(gradient, expected, atol=temperature * ROUNDING)


def test_a_teacher_of_weight_0_changes_nothing() -> None:
    with_teacher = loss_and_gradient(distilling(0.0, 4.0), tf.constant(TEACHER))
    for got, expected in zip(with_teacher, loss_and_gradient(training_of()), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_a_teacher_equal_to_the_student_asks_for_nothing(temperature: float) -> None:
    losses, gradient = loss_and_gradient(distilling(1.0, temperature), tf.constant(LOGITS))
    np.testing.assert_array_equal(losses, 0)
    # Softmax and its logarithm's exponential differ by a rounding of 2^-24 or two, times τ.
    np.testing.assert_allclose(gradient, 0, atol=temperature * 2**-23)


def test_the_teachers_part_is_never_negative() -> None:
    losses, _ = loss_and_gradient(distilling(1.0, 2.0), tf.constant(TEACHER))
    assert (losses > 0).all()


def test_at_high_temperature_the_gradient_does_not_depend_on_it() -> None:
    # softmax(z / τ) → 1/n + (z - mean z) / (n τ), so τ² ∂KL/∂z → ((z - mean z) - (t - mean t)) / n
    # (Hinton et al. 2015, Eq. 4), up to terms of 1/τ: logits below 10 and τ = 1e4 give 1e-3.
    _, gradient = loss_and_gradient(distilling(1.0, 1e4), tf.constant(TEACHER))
    difference = LOGITS - LOGITS.mean(axis=1, keepdims=True) - TEACHER + TEACHER.mean(axis=1, keepdims=True)
    # Differences of probabilities near 1/7 are rounded to 2^-27, and multiplied by τ.
    np.testing.assert_allclose(gradient, difference / CLASSES, rtol=1e-3, atol=1e4 * 2**-25)


def test_large_logits_give_a_finite_loss() -> None:
    logits = tf.constant([[1e4, -1e4]])
    losses = loss_of_images(distilling(0.5, 1.0), logits, tf.constant([1]), -logits)
    # CE = 2e4; KL(teacher || student) = 2e4 too, for the teacher is sure of the other class.
    np.testing.assert_allclose(losses, [2e4], rtol=1e-6)


# Squared hinge.


def test_the_squared_hinge_is_the_mean_over_the_classes() -> None:
    signs = np.where(np.eye(CLASSES)[LABELS] == 1, 1.0, -1.0)
    margins = np.maximum(0, 1 - signs * LOGITS.astype(np.float64))
    losses, gradient = loss_and_gradient(training_of(loss="squared_hinge"))
    np.testing.assert_allclose(losses, (margins**2).mean(axis=1), rtol=ROUNDING, err_msg=f"seed {SEED}")
    np.testing.assert_allclose(
        gradient, -2 * signs * margins / CLASSES, rtol=ROUNDING, atol=ROUNDING, err_msg=f"seed {SEED}"
    )


def test_logits_beyond_the_margin_have_no_hinge() -> None:
    logits = tf.constant([[1.0, -1.0, -7.0]])
    assert loss_of_images(training_of(loss="squared_hinge"), logits, tf.constant([0])).numpy().tolist() == [0.0]
