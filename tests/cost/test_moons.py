"""The Moons model: each term by hand, laws, and every refusal."""

from dataclasses import fields, replace

import pytest

from edgehybrid.census.logical_layers import LogicalLayer, layers_of_network
from edgehybrid.cost.moons import MoonsConstants, moons_constants
from edgehybrid.errors import UsageError
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe

INFINITE = float("inf")
# Everything fits on the chip.
ROOMY = MoonsConstants(dram_pj=1000, weight_memory_bits=INFINITE, activation_memory_bits=INFINITE)
# 8×8×4 in, 3×3, 8×8×10 out: 360 weights, 640 outputs, 64 * 360 = 23040 MACs.
LAYER = LogicalLayer("conv", "conv", 4, 10, (3, 3), (8, 8), (8, 8), 4, 16, 16, 0)


def test_at_16_bits_each_term_is_the_formula() -> None:
    found = ROOMY.energy_of([LAYER])
    local = 3.7 * 23040 / 8  # sqrt(64)
    # Four products at most: 4 roundings of 2**-53.
    assert found.compute_pj == pytest.approx(3.7 * (23040 + 3 * 640), rel=5e-16)
    assert found.weight_pj == pytest.approx(2 * 3.7 * 360 + local, rel=5e-16)
    assert found.activation_pj == pytest.approx(2 * 2 * 3.7 * 640 + local, rel=5e-16)
    # The image: 256 numbers of 8 bits in words of 16.
    assert found.dram_pj == 1000 * 256 / 2
    assert found.total_pj == sum(found)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 32])
def test_a_mac_grows_with_the_power_of_its_width(bits: int) -> None:
    layer = replace(LAYER, weight_bits=bits, activation_bits=bits)
    assert ROOMY.energy_of([layer]).compute_pj == pytest.approx(
        3.7 * (bits / 16) ** 1.25 * (23040 + 3 * 640), rel=1e-15
    )


def test_narrow_units_are_more_parallel() -> None:
    layer = replace(LAYER, weight_bits=4, activation_bits=4)
    mac = 3.7 * 0.25**1.25
    assert ROOMY.energy_of([layer]).weight_pj == pytest.approx(mac * (2 * 360 + 23040 / 16), rel=1e-15)


def test_each_kind_of_filter_counts_by_itself() -> None:
    split = replace(LAYER, weight_bits=1, activation_bits=1, float_filters=3)
    wide = replace(LAYER, out_channels=3, float_filters=3, weight_bits=32, activation_bits=32)
    narrow = replace(LAYER, out_channels=7, weight_bits=1, activation_bits=1)
    together, wide_pj, narrow_pj = (ROOMY.energy_of([layer]) for layer in (split, wide, narrow))
    # The image is read once.
    assert together.total_pj == pytest.approx(wide_pj.total_pj + narrow_pj.total_pj - wide_pj.dram_pj, rel=1e-15)


def test_quantised_weights_that_read_the_image_meet_its_bits() -> None:
    """8 of them in the first layer, and 32 in any other that reads a map in full precision."""
    real, eight = (replace(LAYER, weight_bits=4, activation_bits=bits) for bits in (32, 8))
    assert ROOMY.energy_of([real]) == ROOMY.energy_of([eight])
    assert ROOMY.energy_of([eight, real]).compute_pj == pytest.approx(
        (ROOMY.mac_energy_pj(8) + ROOMY.mac_energy_pj(32)) * (23040 + 3 * 640), rel=1e-15
    )


def test_weights_that_do_not_fit_are_read_once_from_outside() -> None:
    small = replace(ROOMY, weight_memory_bits=360 * 16 - 160)
    assert small.energy_of([LAYER]).dram_pj - ROOMY.energy_of([LAYER]).dram_pj == 1000 * 160 / 16


def test_activations_that_do_not_fit_go_out_and_come_back() -> None:
    small = replace(ROOMY, activation_memory_bits=640 * 16 - 160)
    assert small.energy_of([LAYER]).dram_pj - ROOMY.energy_of([LAYER]).dram_pj == 2 * 1000 * 160 / 16


@pytest.mark.parametrize("name", [field.name for field in fields(MoonsConstants)])
def test_every_constant_matters(name: str) -> None:
    layers = layers_of_network(network_of(load_recipe("hybrid_res_c")))
    small = MoonsConstants(dram_pj=500, weight_memory_bits=1e5, activation_memory_bits=1e4)
    changed = replace(small, **{name: getattr(small, name) * 1.5})
    assert changed.energy_of(layers).total_pj != small.energy_of(layers).total_pj


def test_fewer_bits_never_cost_more() -> None:
    energies = [
        ROOMY.energy_of([replace(LAYER, weight_bits=bits, activation_bits=bits)]).total_pj for bits in range(1, 9)
    ]
    assert energies == sorted(energies)


def test_every_constant_is_documented() -> None:
    for field in fields(MoonsConstants):
        assert field.name in (MoonsConstants.__doc__ or "")


SETTINGS = ["dram_pj=640", "weight_memory_bits=0", "activation_memory_bits=1e6"]


def test_settings_are_read() -> None:
    assert moons_constants([*SETTINGS, "mac_pj=2"]) == MoonsConstants(640, 0, 1e6, mac_pj=2)


@pytest.mark.parametrize("missing", range(3))
def test_refuses_a_missing_constant_by_name(missing: int) -> None:
    settings = [setting for number, setting in enumerate(SETTINGS) if number != missing]
    with pytest.raises(UsageError, match=f"needs the constant '{SETTINGS[missing].split('=')[0]}'"):
        moons_constants(settings)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("mac_pJ=3", "has no constant of that name"),
        ("mac_pj", "'mac_pj' of the Moons model is not a number"),
        ("mac_pj=much", "'mac_pj' of the Moons model is not a number"),
        ("mac_pj=-1", "'mac_pj' of the Moons model is out of range"),
        ("mac_pj=0", "'mac_pj' of the Moons model is out of range"),
        ("mac_pj=nan", "'mac_pj' of the Moons model is out of range"),
        ("mac_pj=inf", "'mac_pj' of the Moons model is out of range"),
        ("weight_memory_bits=-1", "'weight_memory_bits' of the Moons model is out of range"),
    ],
)
def test_refuses_a_constant_that_cannot_be(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        moons_constants([*SETTINGS, setting])
