"""The optimizer of a recipe against Keras' own, and Bop against its algorithm in NumPy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from edgehybrid.model.compat import keras, tf
from edgehybrid.recipe.training import Adam, Bop, Sgd
from edgehybrid.training.optimizers import Optimizer

Floats = NDArray[np.float32]
SHAPES = ((3, 4), (5,))
SEED = 11


def random_arrays(seed: int, shapes: Sequence[tuple[int, ...]] = SHAPES) -> list[Floats]:
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def variables_of(arrays: Sequence[Floats]) -> list[Any]:
    return [tf.Variable(array) for array in arrays]


def signs_of(arrays: Sequence[Floats]) -> list[Floats]:
    return [np.where(array >= 0, 1, -1).astype(np.float32) for array in arrays]


def bop_reference(weight: Floats, gradients: Sequence[Floats], gamma: float, threshold: float) -> list[Floats]:
    """Helwegen et al. 2019, Algorithm 1: m ← (1 - γ) m + γ g; w ← -w where |m| ≥ τ and sign(m) = sign(w)."""
    mean, steps = np.zeros_like(weight, np.float64), []
    weight = weight.astype(np.float64)
    for gradient in gradients:
        mean = (1 - gamma) * mean + gamma * gradient
        flips = (np.abs(mean) > threshold) & (np.sign(mean) == np.sign(weight))
        weight = np.where(flips, -weight, weight)
        steps.append(weight)
    return steps


@pytest.mark.parametrize(
    ("chosen", "make"),
    [
        (Sgd(learning_rate=0.1), lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)),
        (
            Sgd(learning_rate=0.2, momentum=0.5, nesterov=False),
            lambda: keras.optimizers.SGD(0.2, momentum=0.5, nesterov=False),
        ),
        (
            Adam(kind="adam", learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3),
            lambda: keras.optimizers.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3),
        ),
    ],
    ids=["nesterov", "momentum", "adam"],
)
def test_steps_as_the_optimizer_of_keras(chosen: Sgd | Adam, make: Any) -> None:
    ours, theirs = variables_of(random_arrays(SEED)), variables_of(random_arrays(SEED))
    # That some variables are 1-bit weights means nothing to these optimizers.
    optimizer, expected = Optimizer(chosen, ours, ours[:1]), make()
    for step in range(4):
        gradients = [tf.constant(g) for g in random_arrays(SEED + 1 + step)]
        optimizer.apply(gradients)
        expected.apply_gradients(zip(gradients, theirs, strict=True))
    for got, value in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(got.numpy(), value.numpy())


def test_adams_scales_times_the_mean_gradient_are_its_step() -> None:
    # The gradients of all steps are equal, so their running mean is (1 - beta_1^t) times them.
    chosen = Adam(kind="adam", learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
    variables, gradients = variables_of(random_arrays(SEED)), random_arrays(SEED + 1)
    optimizer = Optimizer(chosen, variables, [])
    for step in range(1, 4):
        before = [v.numpy() for v in variables]
        optimizer.apply([tf.constant(g) for g in gradients])
        for value, variable, gradient, scale in zip(
            before, variables, gradients, optimizer.gradient_scales(), strict=True
        ):
            expected = value - 0.01 * scale.numpy() * (1 - 0.8**step) * gradient
            # Differences of float32 numbers of about 1.
            np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6, atol=1e-6)


def test_sgd_scales_no_gradient() -> None:
    optimizer = Optimizer(Sgd(), variables_of(random_arrays(SEED)), [])
    assert [scale.numpy().tolist() for scale in optimizer.gradient_scales()] == [np.ones(s).tolist() for s in SHAPES]


def test_sgd_without_momentum_subtracts_rate_times_gradient() -> None:
    variable = tf.Variable([1.0, 2.0])
    Optimizer(Sgd(learning_rate=0.5, momentum=0.0, nesterov=False), [variable], []).apply([tf.constant([4.0, -2.0])])
    assert variable.numpy().tolist() == [1 - 0.5 * 4, 2 + 0.5 * 2]


def test_the_learning_rate_can_be_set_between_steps() -> None:
    variable = tf.Variable([1.0])
    optimizer = Optimizer(Sgd(momentum=0.0, nesterov=False), [variable], [])
    optimizer.learning_rate.assign(0.25)
    optimizer.apply([tf.constant([1.0])])
    assert variable.numpy().tolist() == [0.75]


@pytest.mark.parametrize(("gamma", "threshold"), [(0.5, 0.2), (0.1, 0.05), (1.0, 1e-6), (0.3, 10.0)])
def test_bop_flips_what_its_algorithm_flips(gamma: float, threshold: float) -> None:
    print(f"seed {SEED}")
    binary, real = variables_of(signs_of(random_arrays(SEED, [(40, 7)]))), variables_of(random_arrays(SEED, [(3,)]))
    start = binary[0].numpy()
    optimizer = Optimizer(Bop(kind="bop", gamma=gamma, threshold=threshold), [*binary, *real], binary)
    gradients = [random_arrays(SEED + step, [(40, 7), (3,)]) for step in range(6)]
    expected = bop_reference(start, [g[0] for g in gradients], gamma, threshold)
    for step, gradient in enumerate(gradients):
        optimizer.apply([tf.constant(g) for g in gradient])
        # Exactly: no m of these random numbers is within rounding of the threshold.
        np.testing.assert_array_equal(binary[0].numpy(), expected[step], err_msg=f"step {step}")
    flipped = float(np.mean(expected[-1] != start))
    assert (flipped == 0) == (threshold == 10.0), "the test must see flips, and none for the highest threshold"


def test_bop_flips_a_weight_only_where_the_mean_times_it_exceeds_the_threshold() -> None:
    weight = tf.Variable([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    optimizer = Optimizer(Bop(kind="bop", gamma=0.5, threshold=0.25), [weight], [weight])
    # m = 0.5·g: above the threshold with the weight's sign, below it, against the sign; then mirrored.
    optimizer.apply([tf.constant([0.6, 0.4, -0.6, -0.6, -0.4, 0.6])])
    assert weight.numpy().tolist() == [-1, 1, 1, 1, -1, -1]


def test_bop_keeps_weights_without_a_gradient() -> None:
    weight = tf.Variable([1.0, -1.0])
    optimizer = Optimizer(Bop(kind="bop"), [weight], [weight])
    optimizer.apply([tf.constant([0.0, 0.0])])
    assert weight.numpy().tolist() == [1, -1]


def test_bop_does_not_feel_the_learning_rate() -> None:
    first, second = (tf.Variable([1.0, -1.0]) for _ in range(2))
    for weight, rate in ((first, 1e-6), (second, 1.0)):
        optimizer = Optimizer(Bop(kind="bop", gamma=0.5, threshold=0.1, learning_rate=rate), [weight], [weight])
        optimizer.apply([tf.constant([1.0, 1.0])])
    assert first.numpy().tolist() == second.numpy().tolist() == [-1, -1]


def test_with_bop_other_variables_are_trained_by_adam_wherever_they_stand() -> None:
    arrays = random_arrays(SEED, [(4,), (2, 3), (5,)])
    arrays[1] = signs_of(arrays[1:2])[0]
    ours, theirs = variables_of(arrays), variables_of([arrays[0], arrays[2]])
    optimizer, expected = Optimizer(Bop(kind="bop", learning_rate=0.02), ours, [ours[1]]), keras.optimizers.Adam(0.02)
    for step in range(3):
        gradients = [tf.constant(g) for g in random_arrays(SEED + step, [(4,), (2, 3), (5,)])]
        optimizer.apply(gradients)
        expected.apply_gradients([(gradients[0], theirs[0]), (gradients[2], theirs[1])])
    np.testing.assert_array_equal(ours[0].numpy(), theirs[0].numpy())
    np.testing.assert_array_equal(ours[2].numpy(), theirs[1].numpy())
    assert set(np.unique(ours[1].numpy())) <= {-1.0, 1.0}


def test_bop_without_1_bit_weights_is_adam() -> None:
    ours, theirs = variables_of(random_arrays(SEED)), variables_of(random_arrays(SEED))
    optimizer, expected = Optimizer(Bop(kind="bop"), ours, []), keras.optimizers.Adam(1e-3)
    gradients = [tf.constant(g) for g in random_arrays(SEED + 1)]
    optimizer.apply(gradients)
    expected.apply_gradients(zip(gradients, theirs, strict=True))
    for got, value in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(got.numpy(), value.numpy())


@pytest.mark.parametrize(
    "section",
    [{"kind": "sgd"}, {"kind": "adam"}, {"kind": "bop", "gamma": 0.3, "threshold": 0.1}],
    ids=lambda section: section["kind"],
)
def test_variables_are_the_whole_state(section: dict[str, Any]) -> None:
    chosen: Sgd | Adam | Bop = TypeAdapter(Sgd | Adam | Bop).validate_python(section)
    shapes = [(30, 5), (5,)]

    def fresh(arrays: Sequence[Floats]) -> tuple[list[Any], Optimizer]:
        variables = variables_of(arrays)
        return variables, Optimizer(chosen, variables, variables[:1])

    start = random_arrays(SEED, shapes)
    start[0] = signs_of(start[:1])[0]
    variables, optimizer = fresh(start)
    for step in range(3):
        optimizer.apply([tf.constant(g) for g in random_arrays(SEED + step, shapes)])
    others, restored = fresh([v.numpy() for v in variables])
    for variable, value in zip(restored.variables, optimizer.variables, strict=True):
        variable.assign(value)
    for step in range(3, 6):
        for one in (optimizer, restored):
            one.apply([tf.constant(g) for g in random_arrays(SEED + step, shapes)])
    for got, value in zip(others, variables, strict=True):
        np.testing.assert_array_equal(got.numpy(), value.numpy())


@pytest.mark.parametrize(
    "chosen",
    [
        Sgd(learning_rate=0.1, momentum=0.0, nesterov=False),
        Sgd(learning_rate=0.1, momentum=0.9, nesterov=False),
        Sgd(learning_rate=0.1, momentum=0.9, nesterov=True),
        Adam(kind="adam", learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3),
    ],
    ids=["sgd", "momentum", "nesterov", "adam"],
)
def test_one_by_one_is_what_keras_does(chosen: Sgd | Adam) -> None:
    starts = random_arrays(SEED)
    found, expected = variables_of(starts), variables_of(starts)
    own, of_keras = Optimizer(chosen, found, []), Optimizer(chosen, expected, [])
    for seed in range(5):
        gradients = [tf.constant(array) for array in random_arrays(seed)]
        own.apply_one_by_one(zip(gradients, found, strict=True))
        for gradient, variable in zip(gradients, expected, strict=True):
            of_keras._main.update_step(gradient, variable)
        of_keras._main.iterations.assign_add(1)
    for one, other in zip([*found, *own.variables], [*expected, *of_keras.variables], strict=True):
        # The same formulas, rounded in another order in each of five steps: a few units in the last place of numbers
        # near 1.
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
