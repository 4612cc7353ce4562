"""Coefficients are found again, whatever the order and the unit; what cannot be fitted is refused."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_samples import FLOAT_NS, PACKED_NS, samples, time_ms, with_parts, works
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.device.calibrate import Sample, calibrate
from edgehybrid.device.work import Work
from edgehybrid.errors import EdgehybridError

SEEDS = st.integers(0, 2**32 - 1)


def coefficients(of: list[Sample]) -> list[float]:
    (fit,) = calibrate(of, "local", {}).kinds
    return fit.coefficients_ns.tolist()


@given(SEEDS)
def test_finds_exact_coefficients_again(seed: int) -> None:
    (fit,) = calibrate(samples(works(12, seed), PACKED_NS), "local", {}).kinds
    np.testing.assert_allclose(fit.coefficients_ns, PACKED_NS, rtol=1e-6)
    assert fit.error_max_percent < 1e-6
    assert fit.left_out_error_max_percent < 1e-3
    assert fit.r_squared == pytest.approx(1)


@given(SEEDS)
def test_noise_of_five_percent_leaves_the_errors_near_five_percent(seed: int) -> None:
    factors = np.exp(np.random.default_rng(seed).normal(0, 0.05, 40))
    (fit,) = calibrate(samples(works(40, seed), PACKED_NS, factors), "local", {}).kinds
    # Half of the normal distribution is within 0.67 deviations: 3.4 %. Of 1,500 seeds all were between 1.5 and 5.3 %.
    assert 1 < fit.error_median_percent < 8
    # Whether it is left out or not moves the fit of 40 a little; on the whole it is met worse without it.
    assert fit.left_out_error_median_percent > 0.9 * fit.error_median_percent
    assert fit.coefficients_ns[0] == pytest.approx(PACKED_NS[0], rel=0.25)


@given(SEEDS, st.randoms())
def test_the_order_of_the_networks_does_not_matter(seed: int, random: "np.random.Generator | object") -> None:
    factors = np.exp(np.random.default_rng(seed).normal(0, 0.2, 9))
    of = samples(works(9, seed), PACKED_NS, factors)
    turned = list(of)
    random.shuffle(turned)  # type: ignore[union-attr]
    assert calibrate(of, "local", {}).kinds == calibrate(turned, "local", {}).kinds


@given(SEEDS, st.floats(1e-3, 1e3))
def test_times_as_often_as_long_make_coefficients_as_often_as_large(seed: int, factor: float) -> None:
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.2, 9))
    of = samples(works(9, seed), PACKED_NS, noise)
    longer = [replace(sample, latency_ms=factor * sample.latency_ms) for sample in of]
    np.testing.assert_allclose(
        coefficients(longer), factor * np.array(coefficients(of)), rtol=1e-6, atol=1e-12 * factor
    )


def test_each_kind_has_coefficients_of_its_own() -> None:
    both = samples(works(8, 1), PACKED_NS) + samples(works(8, 2, "float32"), FLOAT_NS)
    packed, float32 = calibrate(both, "local", {}).kinds
    assert (packed.kind, float32.kind) == ("packed", "float32")
    np.testing.assert_allclose(packed.coefficients_ns, PACKED_NS, rtol=1e-6)
    np.testing.assert_allclose(float32.coefficients_ns, FLOAT_NS, rtol=1e-6)
    assert packed.ns_per_int8_mac is None
    assert float32.ns_per_binary_mac is None
    assert packed.ranges.keys() == {"binary_macs", "float_macs", "bytes", "operators"}


def test_parts_tell_classes_apart_that_few_networks_do_not() -> None:
    """Networks whose work is in proportion, which alone are refused."""
    alike = [Work(binary_macs=10**7 * k, float_macs=10**5 * k, bytes=10**6 * k, operators=10 * k) for k in (1, 2, 3, 5)]
    of = samples(alike, PACKED_NS)
    with pytest.raises(EdgehybridError, match="too few packed"):
        calibrate(of, "local", {})
    several = samples([*alike, alike[0].and_also(alike[3])], PACKED_NS)
    with pytest.raises(EdgehybridError, match="too much alike: their work in binary macs and float macs and bytes and"):
        calibrate(several, "local", {})


def test_parts_are_fitted_beside_the_whole() -> None:
    of = with_parts(samples(works(4, 3), PACKED_NS))
    (fit,) = calibrate(of, "local", {}).kinds
    assert (fit.networks, fit.parts) == (4, 8)
    np.testing.assert_allclose(fit.coefficients_ns, PACKED_NS, rtol=1e-6)
    assert fit.parts_error_median_percent == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("scale", [0.5, 0.9, 1.5])
def test_parts_that_do_not_add_up_to_the_whole_are_scaled_to_it(scale: float) -> None:
    of = with_parts(samples(works(6, 4), PACKED_NS), scale)
    np.testing.assert_allclose(coefficients(of), PACKED_NS, rtol=1e-6)


def test_networks_of_equal_work_are_one_with_their_median() -> None:
    of = samples(works(6, 5), PACKED_NS)
    twice = [*of, replace(of[0], network="again", latency_ms=3 * of[0].latency_ms)]
    (fit,) = calibrate(twice, "local", {}).kinds
    assert fit.networks == 6
    (one,) = [each for each in fit.left_out if "again" in each.networks]
    assert one.networks == ("net0", "again")
    assert one.latency_ms_measured == pytest.approx(2 * of[0].latency_ms)


def test_relative_errors_weigh_a_fast_network_as_a_slow_one() -> None:
    """Of two that one coefficient cannot both meet, it errs as much on either, though one takes 1,000 times as long."""
    of = [
        Sample(str(k), Work(float_macs=m, bytes=0, operators=1), t, "x", None, 1)
        for k, (m, t) in enumerate([(10**6, 0.9), (10**9, 1100.0), (10**6 + 1, 0.9), (10**9 + 1, 1100.0)])
    ]
    (fit,) = calibrate(of, "local", {}).kinds
    errors = [each.latency_ms_fitted / each.latency_ms_measured - 1 for each in fit.left_out]
    assert max(errors) > 0.05 > -0.05 > min(errors)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_refuses_few_networks(count: int) -> None:
    with pytest.raises(EdgehybridError, match="too few packed networks") as caught:
        calibrate(samples(works(count, 0), PACKED_NS), "local", {})
    assert f"{count} of different work" in (caught.value.received or "")


def test_refuses_none() -> None:
    with pytest.raises(EdgehybridError, match="one number of threads") as caught:
        calibrate([], "local", {})
    assert caught.value.received == "no networks"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("of_part", [False, True])
def test_refuses_what_is_no_time(value: float, of_part: bool) -> None:
    of = with_parts(samples(works(6, 0), PACKED_NS))
    parts = (of[0].parts[0]._replace(time_ms=value), of[0].parts[1])
    of[0] = replace(of[0], parts=parts) if of_part else replace(of[0], latency_ms=value)
    with pytest.raises(EdgehybridError, match="is no time") as caught:
        calibrate(of, "local", {})
    assert caught.value.received == f"net0: {value} ms"


def test_refuses_a_network_without_work() -> None:
    of = samples(works(6, 0), PACKED_NS)
    with pytest.raises(EdgehybridError, match="no work"):
        calibrate([*of, replace(of[0], work=Work())], "local", {})


def test_refuses_different_threads() -> None:
    of = samples(works(6, 0), PACKED_NS)
    with pytest.raises(EdgehybridError, match="one number of threads") as caught:
        calibrate([*of, replace(of[0], threads=4)], "local", {})
    assert caught.value.received == "1, 4 threads"


def test_refuses_a_class_that_one_network_alone_has() -> None:
    of = samples(works(8, 0), PACKED_NS)
    mixed = of[0].work._replace(int8_macs=10**6)
    with pytest.raises(EdgehybridError, match="One packed network alone tells what int8 macs takes") as caught:
        calibrate([*of, replace(of[0], network="mixed", work=mixed)], "local", {})
    assert caught.value.received == "mixed"


def test_the_sum_over_classes_is_the_fitted_latency() -> None:
    of = samples(works(6, 9), PACKED_NS, np.array([1, 1.1, 0.9, 1.2, 1, 0.8]))
    (fit,) = calibrate(of, "local", {}).kinds
    by_name = {name: each.latency_ms_fitted for each in fit.left_out for name in each.networks}
    for sample in of:
        assert by_name[sample.network] == pytest.approx(time_ms(sample.work, fit.coefficients_ns.tolist()))
