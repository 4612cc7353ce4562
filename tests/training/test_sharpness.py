"""Curvature of the loss: against known eigenvalues, explicit Hessians, and descent at the edge of stability."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import few_images
import numpy as np
import pytest
from few_images import STEPS, TRAIN_IMAGES, no_epoch, no_step
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgehybrid.data.arrays import load_split
from edgehybrid.data.source import Source
from edgehybrid.errors import UsageError
from edgehybrid.model.compat import keras, tf
from edgehybrid.recipe import Recipe
from edgehybrid.runs.epoch_line import Curvature
from edgehybrid.runs.run_folder import find_run
from edgehybrid.training import loop, step
from edgehybrid.training.curvature import field_curvature, largest_eigenvalue
from edgehybrid.training.sharpness import LossOnBatches, SharpnessMonitor, check_measurable, flattened
from edgehybrid.training.step import Trainer, Wish

Floats = NDArray[np.float64]
EVERY_STEP = "training.health.sharpness.every_steps=1"
FEW = "training.health.sharpness.images=64"
SGD = ("training.optimizer.kind=sgd", "training.schedule.kind=constant")
FLOAT = "network.placement.full_precision=[all]"
STRAIGHT_THROUGH = {f"straight_through_{name}" for name in ("curvature", "residual", "asymmetry")}


def recipe_of(*overrides: str) -> Recipe:
    return few_images.recipe_of(EVERY_STEP, FEW, *overrides)


# A loss on batches.


def quadratic(matrix: Floats, images: int = 3) -> tuple[LossOnBatches, Any]:
    """w'Aw / 2 for each image, w in two variables."""
    ends = len(matrix) // 3
    weights = np.random.default_rng(1).normal(size=len(matrix)).astype(np.float32)
    variables = [tf.Variable(weights[:ends].reshape(-1, 1)), tf.Variable(weights[ends:])]
    constant = tf.constant(matrix, tf.float32)

    def loss(images: Any, labels: Any) -> Any:
        w = tf.concat([tf.reshape(v, [-1]) for v in variables], 0)
        return labels.shape[0] * tf.reduce_sum(w * tf.linalg.matvec(constant, w)) / 2

    return LossOnBatches(loss, variables, [(tf.zeros(n), tf.zeros(n, tf.int64)) for n in (images, 2)]), variables


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(3, 80))
def test_on_a_quadratic_sharpness_is_the_known_eigenvalue_to_1e_4(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(random.normal(size=(size, size)))
    eigenvalues = np.sort(random.uniform(-3, 3, size))
    eigenvalues[-1] = 5.0
    loss, _ = quadratic((axes * eigenvalues) @ axes.T)
    assert largest_eigenvalue(loss.hessian_times, size, seed) == pytest.approx(5.0, rel=1e-4)


def test_differences_of_the_gradient_of_a_quadratic_are_its_hessian() -> None:
    matrix = np.diag([1.0, -4.0, 2.0, 0.5, 0.0, 3.0])
    loss, variables = quadratic(matrix)
    before = flattened(variables)
    vector = np.array([1, 2, 3, 4, 5, 6], np.float32)
    # Exact for any length, but for roundings of float32 numbers of about 10.
    assert loss.jacobian_times(vector, 1.0) == pytest.approx(matrix @ vector, abs=1e-4)
    np.testing.assert_array_equal(flattened(variables), before)
    found = field_curvature(lambda v: loss.jacobian_times(v, 1.0), 6, steps=60)
    # (3 / 4)^60 of the next eigenvector is left, and roundings.
    assert found == pytest.approx((-4, 0, 0), abs=1e-3)


def test_variables_are_restored_when_a_gradient_fails() -> None:
    loss, variables = quadratic(np.eye(6))
    before = flattened(variables)

    def fail() -> Any:
        raise MemoryError

    loss.gradient = fail  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        loss.jacobian_times(np.ones(6, np.float32), 1.0)
    np.testing.assert_array_equal(flattened(variables), before)


def tanh_loss(w: Floats, x: Floats, y: Floats, hidden: int) -> float:
    """Half the sum of squares of a network of one tanh layer, mean over the images; float64."""
    first, second = np.split(w, [x.shape[1] * hidden])
    out = np.tanh(x @ first.reshape(x.shape[1], hidden)) @ second.reshape(hidden, -1)
    return float(((out - y) ** 2).sum() / 2 / len(x))


def test_sharpness_of_a_tanh_network_is_that_of_its_explicit_hessian() -> None:
    random = np.random.default_rng(7)
    hidden, x, y = 3, random.normal(size=(10, 2)), random.normal(size=(10, 2))
    w = random.normal(size=2 * hidden + hidden * 2)
    # Central differences of the loss: an error of step² / 12 of fourth derivatives, and 1e-16 / step² of roundings.
    step_, size = 1e-4, len(w)
    basis = step_ * np.eye(size)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [(a, b) for a in (1, -1) for b in (1, -1)]
            values = [a * b * tanh_loss(w + a * basis[i] + b * basis[j], x, y, hidden) for a, b in corners]
            hessian[i, j] = sum(values) / (4 * step_**2)
    variables = [tf.Variable(part.astype(np.float32)) for part in (w[:6].reshape(2, 3), w[6:].reshape(3, 2))]

    def loss(images: Any, labels: Any) -> Any:
        return tf.reduce_sum((tf.tanh(images @ variables[0]) @ variables[1] - labels) ** 2) / 2

    # Two batches of different sizes are one of all images.
    parts = [(tf.constant(x[s], tf.float32), tf.constant(y[s], tf.float32)) for s in (slice(0, 4), slice(4, 10))]
    measured = LossOnBatches(loss, variables, parts)
    expected = np.linalg.eigvalsh(hessian)[-1]
    assert largest_eigenvalue(measured.hessian_times, size) == pytest.approx(expected, rel=2e-4)
    for vector in np.eye(size, dtype=np.float32)[:3]:
        assert measured.hessian_times(vector) == pytest.approx(hessian @ vector, abs=1e-4)
        # Along a straight line the differences err by ε² of third derivatives.
        assert measured.jacobian_times(vector, 0.01) == pytest.approx(hessian @ vector, abs=2e-3)


def descend_to_the_edge(images: int, width: int, rate: float, steps: int) -> tuple[float, float]:
    """Full-batch descent of a tanh network with two hidden layers on digits, squares of errors: Cohen et al.'s example,
    smaller. Returns sharpness at the start and the mean of the last five measurements, as shares of 2 / rate.
    """
    split = load_split(few_images.recipe_of().data, "train")
    x = split.images[:images].reshape(images, -1).astype(np.float32)
    x = (x - x.mean(axis=0)) / x.std()
    y = np.eye(10, dtype=np.float32)[split.labels[:images]]
    keras.utils.set_random_seed(1)
    sizes = (x.shape[1], width, width, 10)
    variables = [
        tf.Variable(keras.initializers.GlorotUniform(seed=i)(shape) * 0.5) for i, shape in enumerate(pairwise(sizes))
    ]

    def loss(images: Any, labels: Any) -> Any:
        a, b, c = variables
        return tf.reduce_sum((tf.tanh(tf.tanh(images @ a) @ b) @ c - labels) ** 2) / 2

    batch = (tf.constant(x), tf.constant(y))

    def one_step(_: Any) -> Any:
        with tf.GradientTape() as tape:
            mean = loss(*batch) / images
        for variable, gradient in zip(variables, tape.gradient(mean, variables), strict=True):
            variable.assign_sub(rate * gradient)
        return _ + 1

    @tf.function(autograph=False)
    def descend(count: Any) -> None:
        tf.while_loop(lambda i: i < count, one_step, [tf.constant(0)])

    measured = LossOnBatches(loss, variables, [batch])
    size = len(flattened(variables))

    def share() -> float:
        return largest_eigenvalue(measured.hessian_times, size) * rate / 2

    first, last = share(), []
    for _ in range(20):
        descend(tf.constant(steps // 20))
        last.append(share())
    return first, float(np.mean(last[-5:]))


def test_full_batch_descent_ends_at_the_stable_line() -> None:
    first, last = descend_to_the_edge(images=200, width=32, rate=0.3, steps=2000)
    # It rises to the line, then stays: Cohen et al. 2021, Figure 1 and their example.
    assert first < 0.9
    assert last == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.15, 0.3])
def test_the_line_at_which_descent_ends_is_that_of_its_learning_rate(rate: float) -> None:
    first, last = descend_to_the_edge(images=500, width=64, rate=rate, steps=round(1200 / rate))
    assert first < 0.9
    assert last == pytest.approx(1, abs=0.1)


# A training's.


def monitor_of(recipe: Recipe, steps: int = 2) -> tuple[SharpnessMonitor, Trainer]:
    """After so many steps on small batches."""
    trainer = Trainer(recipe)
    source = few_images.few_images(recipe.data)
    batches = iter(source.training_batches(recipe.training.augmentation, 32, 2, 1))
    for _ in range(steps):
        trainer.step([next(batches)], 0.01, 0.0, Wish.NOTHING)
    assert recipe.training.health.sharpness is not None
    return SharpnessMonitor(recipe.training.health.sharpness, trainer, source), trainer


def measure(monitor: SharpnessMonitor, decay: float = 0.0) -> Curvature:
    monitor.after_step(1, 0.01, decay)
    return monitor.measured[-1]


def float_model(network: Any, synchronized: bool = False) -> Any:
    """5·3·3 + 2·5 + 5·10 = 105 weights."""
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(5, 3, use_bias=False, activation="tanh")(image)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    return keras.Model(image, keras.layers.Dense(10, use_bias=False)(x))


@pytest.fixture
def small_float(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "build_model", float_model)


def figures(measured: Curvature) -> set[str]:
    return set(measured.model_dump(exclude_none=True)) - {"step", "seconds", "stable_line", "preconditioned"}


@pytest.mark.usefixtures("small_float")
@pytest.mark.parametrize("optimizer", [SGD, ("training.optimizer.kind=adam",)], ids=["sgd", "adam"])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_sharpness_is_that_of_the_explicit_hessian_as_the_optimizer_scales_it(
    optimizer: tuple[str, ...], decay: float
) -> None:
    monitor, trainer = monitor_of(recipe_of(*optimizer, "training.weight_decay=0.5"))
    measured = measure(monitor, decay)
    scales = flattened(trainer.gradient_scales())
    columns = [monitor._smooth.hessian_times(e) for e in np.eye(len(scales), dtype=np.float32)]
    # Eigenvalues of SH, which is not symmetric, but has those of √S H √S.
    stepped = scales[:, None].astype(float) * (np.array(columns).T + decay * np.eye(len(scales)))
    assert measured.sharpness == pytest.approx(np.linalg.eigvals(stepped).real.max(), rel=1e-3)
    assert measured.preconditioned == (optimizer is not SGD)
    assert figures(measured) == {"sharpness"}


@pytest.mark.usefixtures("small_float")
def test_the_hessian_is_that_of_the_loss_which_a_step_descends() -> None:
    recipe = recipe_of(*SGD, "training.batch_size=64", "training.optimizer.momentum=0.0", "training.weight_decay=0")
    monitor, trainer = monitor_of(recipe)
    (batch,) = monitor._smooth._batches
    gradient, before = monitor._smooth.gradient(), flattened(trainer.variables)
    trainer.step([batch], 0.5, 0.0, Wish.NOTHING)
    # The step is -0.5 times the gradient, rounded to 2^-24 of weights of about 1.
    assert (before - flattened(trainer.variables)) / 0.5 == pytest.approx(gradient, abs=1e-5, rel=1e-3)


@pytest.mark.usefixtures("small_training")
@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("both", {"surrogate_sharpness"} | STRAIGHT_THROUGH),
        ("surrogate", {"surrogate_sharpness"}),
        ("straight_through", STRAIGHT_THROUGH),
    ],
)
def test_a_binary_network_has_figures_that_say_what_they_are(chosen: str, expected: set[str]) -> None:
    monitor, trainer = monitor_of(recipe_of(f"training.health.sharpness.of_signs={chosen}"))
    before = [v.numpy() for v in (*trainer.model.variables, *trainer.optimizer.variables)]
    measured = measure(monitor)
    assert figures(measured) == expected
    assert all(math.isfinite(getattr(measured, name)) for name in expected)
    after = [v.numpy() for v in (*trainer.model.variables, *trainer.optimizer.variables)]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("small_training")
def test_the_asymmetry_tells_signs_from_a_smooth_loss() -> None:
    """The same network, weights, vectors and displacement: only the surrogate has gradients of its own."""
    monitor, trainer = monitor_of(recipe_of(*SGD, "training.latent_weights.gradient_scale=none"))
    size, length = len(flattened(trainer.variables)), 1e-2 * float(np.linalg.norm(flattened(trainer.variables)))
    of_smooth, of_signs = (
        field_curvature(lambda v, loss=loss: loss.jacobian_times(v, length), size).asymmetry
        for loss in (monitor._smooth, monitor._steps)
    )
    assert of_smooth < 0.1
    assert of_signs > 0.3


@pytest.mark.usefixtures("small_training")
def test_a_steeper_surrogate_is_sharper() -> None:
    found = []
    for slope in (1, 30):
        settings_ = (
            "training.health.sharpness.of_signs=surrogate",
            f"training.health.sharpness.surrogate_slope={slope}",
        )
        found.append(measure(monitor_of(recipe_of(*SGD, *settings_))[0]).surrogate_sharpness)
    assert None not in found
    assert found[0] < found[1]  # type: ignore[operator]


@pytest.mark.usefixtures("small_float")
def test_it_measures_every_so_many_steps_and_forgets_with_the_epoch() -> None:
    monitor, _ = monitor_of(recipe_of("training.health.sharpness.every_steps=4"))
    for number in range(1, 10):
        monitor.after_step(number, 0.01, 0.0)
    assert [each.step for each in monitor.measured] == [4, 8]
    resumed, _ = monitor_of(recipe_of())
    resumed.remember(monitor.memory)
    assert resumed.measured == monitor.measured
    resumed.begin_epoch()
    assert resumed.measured == ()
    assert resumed.memory == {}


# In the loop.


@pytest.mark.usefixtures("small_training")
def test_an_interrupted_epoch_keeps_its_measurements(tmp_path: Path) -> None:
    class Stopped(Exception):  # noqa: N818 - stands for a user's interruption
        pass

    def stop(epoch: int, step: int, *_: object) -> None:
        if (epoch, step) == (1, 3):
            raise Stopped

    chosen = ("training.health.sharpness.of_signs=surrogate", "training.epochs=2", "training.checkpoint_minutes=0")
    with pytest.raises(Stopped):
        loop.train(recipe_of(*chosen), tmp_path / "cut", stop, no_epoch)
    cut = find_run(tmp_path / "cut", None)
    loop.resume(cut, no_step, no_epoch)
    whole, _ = loop.train(recipe_of(*chosen), tmp_path / "whole", no_step, no_epoch)
    for run in (cut, whole):
        assert [[each.step for each in line.curvature] for line in run.epochs()] == [[1, 2, 3], [4, 5, 6]]
    # Threads may add in another order, which Adam's first steps make more of; another step's weights differ by more.
    of_cut, of_whole = ([each.surrogate_sharpness for each in run.epochs()[0].curvature] for run in (cut, whole))
    assert of_cut == pytest.approx(of_whole, rel=1e-2)


@pytest.mark.usefixtures("small_training")
def test_measuring_changes_nothing_of_the_training(tmp_path: Path) -> None:
    losses = []
    for name, settings_ in (("with", (EVERY_STEP, FEW)), ("without", ())):
        run, _ = loop.train(few_images.recipe_of("training.epochs=2", *settings_), tmp_path / name, no_step, no_epoch)
        losses.append([line.loss for line in run.epochs()])
        assert all(bool(line.curvature) == bool(settings_) for line in run.epochs())
    # Threads may add in another order.
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


# Refusals.


@pytest.mark.parametrize(
    ("overrides", "copies", "received", "allowed"),
    [
        ((), 2, "2 copies", "--strategy one"),
        (("training.health.sharpness.images=97",), 1, "images 97", f"1 … {TRAIN_IMAGES}"),
        (("training.health.sharpness.every_steps=7", "training.epochs=2"), 1, "every_steps 7", f"1 … {2 * STEPS}"),
    ],
)
def test_refuses_what_could_not_be_measured(
    overrides: tuple[str, ...], copies: int, received: str, allowed: str
) -> None:
    recipe = recipe_of(*overrides)
    source: Source = few_images.few_images(recipe.data)
    with pytest.raises(UsageError) as refused:
        check_measurable(recipe.training, source, copies)
    assert received in str(refused.value.received)
    assert allowed in str(refused.value.allowed)
    assert "training.health.sharpness" in str(refused.value.next_step)


@pytest.mark.usefixtures("small_training")
def test_a_refused_training_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="on more images than are trained on"):
        loop.train(recipe_of("training.health.sharpness.images=1000"), tmp_path / "runs", no_step, no_epoch)
    assert not (tmp_path / "runs").exists()


def test_who_does_not_measure_is_refused_nothing() -> None:
    recipe = few_images.recipe_of()
    check_measurable(recipe.training, few_images.few_images(recipe.data), copies=4)
