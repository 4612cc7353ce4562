"""What a step does to the real-valued weights behind quantised ones, and to those that Bop flips."""

import numpy as np
import pytest
from small_steps import (
    BOP,
    CHANNELS,
    FILTERS,
    PLAIN,
    batch_of,
    recipe_of,
    small_model,
    step_on,
)

from edgehybrid.model.compat import tf
from edgehybrid.model.layers import xnor_net_gradient_scale
from edgehybrid.training import step
from edgehybrid.training.step import Trainer

pytestmark = pytest.mark.usefixtures("small_network")


def test_latent_weights_move_by_the_scaled_gradient() -> None:
    plain, scaled = (
        Trainer(recipe_of(*PLAIN, f"training.latent_weights.gradient_scale={scale}")) for scale in ("none", "xnor_net")
    )
    (latent,), batch = plain.latent.values(), batch_of(12)
    before = latent.numpy()
    moves = []
    for trainer in (plain, scaled):
        step_on(trainer, batch, rate=0.01)
        moves.append(trainer.latent["binary"].numpy() - before)
    # (1 - 1/2)·18 = 9. Moves near 1e-3 of weights near 0.1, rounded to 2^-27.
    assert xnor_net_gradient_scale((3, 3, CHANNELS, FILTERS)) == 9
    np.testing.assert_allclose(moves[1], 9 * moves[0], rtol=1e-3, atol=9 * 2**-26)


def test_latent_weights_are_centred_after_a_step() -> None:
    trainer = Trainer(recipe_of(*PLAIN, "training.latent_weights.centre=true"))
    step_on(trainer, batch_of(12))
    # Means of 2 weights below 1.
    np.testing.assert_allclose(trainer.latent["binary"].numpy().mean(axis=2), 0, atol=2**-23)


@pytest.mark.parametrize("centre", ["true", "false"])
def test_latent_weights_are_clipped_after_a_step(centre: str) -> None:
    trainer = Trainer(
        recipe_of(*PLAIN, "training.latent_weights.clip=true", f"training.latent_weights.centre={centre}")
    )
    trainer.latent["binary"].assign(tf.random.stateless_normal((3, 3, CHANNELS, FILTERS), (1, 2)) * 3)
    step_on(trainer, batch_of(12))
    kernel = trainer.latent["binary"].numpy()
    assert np.abs(kernel).max() == 1


def test_only_latent_weights_are_clipped() -> None:
    trainer = Trainer(recipe_of(*PLAIN, "training.latent_weights.clip=true"))
    dense = trainer.model.get_layer("dense").kernel
    dense.assign(tf.fill(dense.shape, 5.0))
    step_on(trainer, batch_of(12), rate=0.001)
    assert dense.numpy().min() > 4


# Bop.


def test_bop_starts_and_stays_at_plus_or_minus_one() -> None:
    # The defaults of latent_weights would centre and clip.
    trainer = Trainer(recipe_of(*BOP))
    kernel = trainer.model.get_layer("binary").latent_kernel
    start = kernel.numpy()
    assert set(np.unique(start)) == {-1.0, 1.0}
    for seed in range(4):
        step_on(trainer, batch_of(12, seed))
    assert set(np.unique(kernel.numpy())) == {-1.0, 1.0}
    assert (kernel.numpy() != start).any()


def test_bop_starts_with_the_signs_of_the_weights_that_others_start_with() -> None:
    (flipped,), (latent,) = Trainer(recipe_of(*BOP)).flipped.values(), Trainer(recipe_of()).latent.values()
    np.testing.assert_array_equal(flipped.numpy(), np.where(latent.numpy() >= 0, 1, -1))


@pytest.mark.parametrize(
    "setting", ["training.weight_decay=0.5", "training.latent_weights.gradient_scale=none"], ids=["decay", "scale"]
)
def test_bop_sees_the_bare_gradient(setting: str) -> None:
    signs = []
    for trainer in (Trainer(recipe_of(*BOP)), Trainer(recipe_of(*BOP, setting))):
        # One step: later ones differ, for weight decay changes the dense layer.
        step_on(trainer, batch_of(12))
        signs.append(trainer.flipped["binary"].numpy())
    np.testing.assert_array_equal(*signs)


def test_bop_leaves_weights_of_2_bits_to_adam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "build_model", lambda network, synchronized: small_model(network, bits=2))
    trainer = Trainer(recipe_of(*BOP))
    assert (list(trainer.flipped), list(trainer.latent)) == ([], ["binary"])
    step_on(trainer, batch_of(12))
    assert len(np.unique(trainer.latent["binary"].numpy())) > 2


@pytest.mark.parametrize(("scale", "expected"), [("none", 10), ("xnor_net", 90)])
def test_the_gradient_factor_multiplies_the_gradient_besides_its_scale(scale: str, expected: float) -> None:
    named = f"training.latent_weights.gradient_scale={scale}"
    trainer = Trainer(recipe_of(*PLAIN, named, "training.latent_weights.gradient_factor=10"))
    scales = dict(zip([id(v) for v in trainer.variables], trainer.gradient_scales(), strict=True))
    # (1 - 1/2)·18 = 9.
    assert np.unique(scales[id(trainer.latent["binary"])]).tolist() == [pytest.approx(expected)]
    assert np.unique(scales[id(trainer.model.get_layer("dense").kernel)]).tolist() == [1]
