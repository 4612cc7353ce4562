"""The compiled step: laws on a network of two layers, where every number can be had another way."""

from typing import Any

import numpy as np
import pytest
from small_steps import (
    BOP,
    PLAIN,
    batch_of,
    gradients_of,
    recipe_of,
    small_model,
    step_on,
    weights_of,
    with_all_kinds,
    with_batch_norm,
)

from edgehybrid.model.compat import keras, tf
from edgehybrid.training import step
from edgehybrid.training.forward import ForwardPass
from edgehybrid.training.step import Trainer, Wish

pytestmark = pytest.mark.usefixtures("small_network")


# One step.


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_pass_has_the_precision_of_the_recipe(precision: str) -> None:
    trainer = Trainer(recipe_of(f"training.precision={precision}"))
    images = batch_of(12)[0]
    logits = trainer.forward(tf.constant(images)).numpy()
    expected = ForwardPass(trainer.model, precision)(tf.constant(images)).numpy()
    other = ForwardPass(trainer.model, {"float32": "bfloat16", "bfloat16": "float32"}[precision])(tf.constant(images))
    np.testing.assert_array_equal(logits, expected)
    assert not np.array_equal(logits, other.numpy())


def test_a_step_of_sgd_subtracts_the_gradient_of_the_mean_loss() -> None:
    trainer, batch = Trainer(recipe_of(*PLAIN)), batch_of(12)
    before, gradients = weights_of(trainer), gradients_of(trainer, batch)
    step_on(trainer, batch, rate=0.25)
    for got, start, gradient in zip(weights_of(trainer), before, gradients, strict=True):
        # float32 sums over 12 images in another order.
        np.testing.assert_allclose(got, start - 0.25 * gradient, rtol=1e-5, atol=1e-6)


def test_reports_sums_over_the_batch() -> None:
    trainer, batch = Trainer(recipe_of(*PLAIN)), batch_of(12)
    logits = trainer.model(batch[0]).numpy()
    powers = np.exp(logits.astype(np.float64))
    losses = -np.log((powers / powers.sum(1, keepdims=True))[np.arange(12), batch[1]])
    result = step_on(trainer, batch)
    assert result.loss_sum == pytest.approx(losses.sum(), rel=1e-6)
    assert result.correct == (logits.argmax(1) == batch[1]).sum()
    assert (result.images, result.finite) == (12, True)


@pytest.mark.parametrize("wish", list(Wish))
def test_a_single_worker_gets_its_wish(wish: Wish) -> None:
    _, agreed = Trainer(recipe_of(*PLAIN)).step([tuple(map(tf.constant, batch_of(4)))], 0.1, 0.0, wish)
    assert agreed is wish


def test_trainers_of_one_seed_start_with_equal_weights() -> None:
    for one, other in zip(*(weights_of(Trainer(recipe_of())) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weight_decay_adds_to_the_gradient_of_every_variable() -> None:
    trainer, batch = Trainer(recipe_of(*PLAIN, "training.weight_decay=0.5")), batch_of(12)
    before, gradients = weights_of(trainer), gradients_of(trainer, batch)
    step_on(trainer, batch, rate=0.25)
    for got, start, gradient in zip(weights_of(trainer), before, gradients, strict=True):
        np.testing.assert_allclose(got, start - 0.25 * (gradient + 0.5 * start), rtol=1e-5, atol=1e-6)


def test_weight_decay_of_a_step_is_the_one_given_with_it() -> None:
    trainer, batch = Trainer(recipe_of(*PLAIN, "training.weight_decay=0.5")), batch_of(12)
    for decay in (0.5, 0.05, 0.0, 2.0):
        before, gradients = weights_of(trainer), gradients_of(trainer, batch)
        step_on(trainer, batch, rate=0.25, decay=decay)
        for got, start, gradient in zip(weights_of(trainer), before, gradients, strict=True):
            np.testing.assert_allclose(got, start - 0.25 * (gradient + decay * start), rtol=1e-5, atol=1e-6)


def test_another_weight_decay_is_no_other_graph() -> None:
    trainer = Trainer(recipe_of(*PLAIN, "training.weight_decay=0.5"))
    for decay in (0.5, 0.05):
        step_on(trainer, batch_of(12), decay=decay)
    assert trainer._compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(("on", "decayed"), [("all", None), ("kernels", "kernel")])
def test_weight_decay_acts_on_what_the_recipe_names(
    on: str, decayed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "build_model", with_all_kinds)
    settings = (*PLAIN, "training.weight_decay=0.5", f"training.weight_decay_on={on}")
    with_it, without = Trainer(recipe_of(*settings)), Trainer(recipe_of(*PLAIN, "training.weight_decay=0"))
    for trainer in (with_it, without):
        for variable in trainer.variables:
            # None is 0, where no decay would show.
            variable.assign(tf.random.stateless_uniform(variable.shape, (1, 2), 0.1, 1.0))
        before = weights_of(trainer)
        step_on(trainer, batch_of(12), rate=0.25)
    seen = set()
    for variable, got, other, start in zip(
        with_it.variables, weights_of(with_it), weights_of(without), before, strict=True
    ):
        is_decayed = decayed is None or variable.name.startswith(decayed)
        seen.add(is_decayed)
        # Two steps that differ by float32 rounding of weights below 1.
        np.testing.assert_allclose(other - got, 0.25 * 0.5 * start * is_decayed, atol=1e-6, err_msg=variable.name)
    assert seen == ({True} if on == "all" else {True, False})


def test_the_norm_of_all_gradients_together_is_clipped() -> None:
    trainer, batch = Trainer(recipe_of(*PLAIN, "training.gradient_clip_norm=0.01")), batch_of(12)
    before = weights_of(trainer)
    step_on(trainer, batch, rate=1.0)
    moved = sum(float(np.square(a - b).sum()) for a, b in zip(weights_of(trainer), before, strict=True)) ** 0.5
    # Weights near 1 are rounded to 2^-24, and their moves are near 1e-3.
    assert moved == pytest.approx(0.01, rel=1e-3)


# Gradient accumulation.


@pytest.mark.parametrize(("images", "parts"), [(12, 2), (12, 12), (7, 2), (7, 3), (5, 4), (3, 12), (1, 4)])
def test_a_batch_in_parts_is_the_batch_where_images_do_not_meet(images: int, parts: int) -> None:
    batch = batch_of(images)
    whole = Trainer(recipe_of(*PLAIN))
    in_parts = Trainer(recipe_of(*PLAIN, f"training.gradient_accumulation={parts}"))
    results = [step_on(trainer, batch) for trainer in (whole, in_parts)]
    assert results[1].loss_sum == pytest.approx(results[0].loss_sum, rel=1e-6)
    assert results[1][1:] == results[0][1:]
    for got, expected in zip(weights_of(in_parts), weights_of(whole), strict=True):
        # float32 sums over the images in another order.
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_batch_norm_sees_one_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "build_model", with_batch_norm)
    whole = Trainer(recipe_of(*PLAIN))
    in_parts = Trainer(recipe_of(*PLAIN, "training.gradient_accumulation=2"))
    images, labels = batch_of(6)
    # A part and its copy have the statistics of both together, so the step is the same.
    batch = np.concatenate([images, images]), np.concatenate([labels, labels])
    averages = []
    for trainer in (whole, in_parts):
        step_on(trainer, batch)
        averages.append(trainer.model.get_layer("norm").moving_mean.numpy())
    for got, expected in zip(weights_of(in_parts), weights_of(whole), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    # But the averages, from 0 and with momentum 0.99, have moved twice: 1 - 0.99² for 1 - 0.99.
    np.testing.assert_allclose(averages[1], averages[0] * (1 - 0.99**2) / (1 - 0.99), rtol=1e-4)


# A loss that is not a number.


@pytest.mark.parametrize("kind", ["sgd", "adam", "bop"])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_loss_that_is_not_a_number_changes_neither_weights_nor_optimizer(kind: str, parts: int) -> None:
    trainer = Trainer(recipe_of(f"training.optimizer.kind={kind}", f"training.gradient_accumulation={parts}"))
    step_on(trainer, batch_of(12))
    dense = trainer.model.get_layer("dense").bias
    dense.assign(tf.fill(dense.shape, np.nan))
    before = trainer.values()
    result = step_on(trainer, batch_of(12), rate=0.1)
    assert not result.finite
    for got, expected in zip(trainer.values(), before, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("clip", ["null", "1.0"])
@pytest.mark.parametrize("decay", [np.inf, 1e25])
def test_a_gradient_whose_squares_are_no_numbers_changes_neither_weights_nor_optimizer(
    kind: str, clip: str, decay: float
) -> None:
    # Decay adds decay·w to the gradient. Weights near 0.1 make 1e24 of 1e25, and the square of that is no float32:
    # clipping would divide by it, and Adam would keep it.
    trainer = Trainer(
        recipe_of(f"training.optimizer.kind={kind}", f"training.gradient_clip_norm={clip}", "training.weight_decay=0.5")
    )
    before = trainer.values()
    result = step_on(trainer, batch_of(12), decay=decay)
    assert np.isfinite(result.loss_sum)
    assert not result.finite
    # All but the learning rate, which the step sets.
    for got, expected in zip(trainer.values(), before, strict=True):
        if expected.shape:
            np.testing.assert_array_equal(got, expected)


# Models to begin with.


def test_starts_with_the_weights_of_a_first_stage() -> None:
    network: Any = None
    keras.utils.set_random_seed(99)
    first = small_model(network)
    trainer = Trainer(recipe_of(), first_stage=first)
    np.testing.assert_array_equal(trainer.latent["binary"].numpy(), first.get_layer("binary").latent_kernel.numpy())
    np.testing.assert_array_equal(trainer.model.get_layer("dense").kernel.numpy(), first.get_layer("dense").kernel)


def test_bop_starts_with_the_signs_of_a_first_stage() -> None:
    network: Any = None
    keras.utils.set_random_seed(99)
    first = small_model(network)
    trainer = Trainer(recipe_of(*BOP), first_stage=first)
    latent = first.get_layer("binary").latent_kernel.numpy()
    np.testing.assert_array_equal(trainer.flipped["binary"].numpy(), np.where(latent >= 0, 1, -1))


DISTILLING = ("training.distillation={teacher: a_run, weight: 1, temperature: 2}",)


def test_a_student_equal_to_its_teacher_does_not_move() -> None:
    network: Any = None
    keras.utils.set_random_seed(99)
    teacher = small_model(network)
    trainer = Trainer(recipe_of(*PLAIN, *DISTILLING, "training.weight_decay=0"), teacher=teacher, first_stage=teacher)
    before = weights_of(trainer)
    result = step_on(trainer, batch_of(12))
    assert result.loss_sum == pytest.approx(0, abs=1e-5)
    for got, expected in zip(weights_of(trainer), before, strict=True):
        # Gradients of rounding, below 1e-6, times the rate 0.1.
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_teacher_teaches_and_is_not_trained() -> None:
    network: Any = None
    keras.utils.set_random_seed(99)
    teacher = small_model(network)
    before = [w.copy() for w in teacher.get_weights()]
    trainer = Trainer(recipe_of(*PLAIN, *DISTILLING, "training.weight_decay=0"), teacher=teacher)
    losses = [step_on(trainer, batch_of(12), rate=0.5).loss_sum for _ in range(5)]
    assert losses[-1] < losses[0]
    for got, expected in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_refuses_to_distil_without_a_teacher() -> None:
    with pytest.raises((TypeError, ValueError)):
        step_on(Trainer(recipe_of(*DISTILLING)), batch_of(4))
