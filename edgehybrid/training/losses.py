"""What training minimises."""

from typing import Any

from edgehybrid.model.compat import tf
from edgehybrid.recipe.training import Training


def loss_of_images(training: Training, logits: Any, labels: Any, teacher_logits: Any = None) -> Any:
    """The loss of each image: cross entropy CE with the smoothed label ``(1 - s)·onehot + s / classes``; with a teacher

        (1 - w)·CE + w·τ²·KL(softmax(z_teacher / τ) || softmax(z / τ))

    where τ² keeps the size of the gradient when τ changes. Or the squared hinge, with y = +1 for the label and -1 else,

        mean over classes of max(0, 1 - y z)²,    ∂/∂z = -2 y max(0, 1 - y z) / classes

    Args:
        logits: z, float32 (batch, classes).
        labels: int64 (batch,).
        teacher_logits: float32 (batch, classes); needed where the recipe names a teacher.

    Returns:
        float32 (batch,).

    Source: Szegedy et al. 2016, section 7 (label smoothing); Hinton et al. 2015, section 2 (distillation); Moons et al.
    2017, released code (squared hinge, with Keras' mean over classes).
    """
    classes, smoothing = logits.shape[1], training.label_smoothing
    if training.loss == "squared_hinge":
        signs = tf.one_hot(labels, classes, 1.0, -1.0)
        return tf.reduce_mean(tf.square(tf.maximum(0.0, 1.0 - signs * logits)), axis=1)
    targets = tf.one_hot(labels, classes, 1 - smoothing + smoothing / classes, smoothing / classes)
    loss = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    if training.distillation is None:
        return loss
    weight, temperature = training.distillation.weight, training.distillation.temperature
    teacher = tf.nn.softmax(teacher_logits / temperature)
    divergence = tf.nn.softmax_cross_entropy_with_logits(teacher, logits / temperature)
    divergence -= tf.nn.softmax_cross_entropy_with_logits(teacher, teacher_logits / temperature)
    return (1 - weight) * loss + weight * temperature**2 * divergence
