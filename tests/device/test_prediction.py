"""What a calibration predicts, how often its interval holds, and what it refuses."""

import numpy as np
import pytest
from calibration_samples import FLOAT_NS, PACKED_NS, samples, time_ms, works
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.device.calibrate import calibrate
from edgehybrid.device.calibration import Calibration
from edgehybrid.device.prediction import MARGIN, predict
from edgehybrid.device.work import Work
from edgehybrid.errors import EdgehybridError

SEEDS = st.integers(0, 2**32 - 1)
DRAWS = 200


def calibration(seed: int = 0, networks: int = 12, noise: float = 0.0) -> Calibration:
    factors = np.exp(np.random.default_rng(seed).normal(0, noise, networks))
    return calibrate(samples(works(networks, seed), PACKED_NS, factors), "local", {})


def inside(found: Calibration, share: float) -> Work:
    """Work at that share of each fitted range."""
    ranges = found.kinds[0].ranges
    return Work(**{name: round(low + share * (high - low)) for name, (low, high) in ranges.items()})


@given(SEEDS, st.floats(0, 1))
def test_without_noise_the_prediction_is_exact_and_the_interval_closed(seed: int, share: float) -> None:
    found = calibration(seed)
    work = inside(found, share)
    got = predict(found, work, "new")
    # What conditions the fit worst is the operators, whose time is some thousandths of the whole.
    assert got.latency_ms_predicted == pytest.approx(time_ms(work, PACKED_NS), rel=1e-5)
    assert got.latency_ms_low == pytest.approx(got.latency_ms_high, rel=1e-3)


@given(SEEDS, st.floats(0, 1), st.floats(0, 0.5))
def test_the_prediction_is_in_its_interval(seed: int, share: float, noise: float) -> None:
    found = calibration(seed, noise=noise)
    got = predict(found, inside(found, share), "new")
    assert 0 <= got.latency_ms_low <= got.latency_ms_predicted <= got.latency_ms_high


@pytest.mark.parametrize(
    ("networks", "covered_percent"),
    [(5, 100 * 5 / 6), (8, 100 * 8 / 9), (9, 90), (12, 100 * 12 / 13), (19, 90), (20, 100 * 19 / 21)],
)
def test_the_promised_coverage_is_what_so_many_networks_can_tell(networks: int, covered_percent: float) -> None:
    found = calibration(networks=networks, noise=0.1)
    assert predict(found, inside(found, 0.5), "new").coverage_percent == pytest.approx(covered_percent)


@pytest.mark.parametrize("networks", [6, 12, 30])
def test_the_interval_holds_as_often_as_it_says(networks: int) -> None:
    """Networks and their noise drawn anew each time; the last one is predicted by the others."""
    held = promised = 0.0
    refused = 0
    for seed in range(DRAWS):
        rng = np.random.default_rng((networks, seed))
        drawn = samples(works(networks + 1, seed), PACKED_NS, np.exp(rng.normal(0, 0.2, networks + 1)))
        *known, new = drawn
        try:
            got = predict(calibrate(known, "local", {}), new.work, "new")
        except EdgehybridError:
            refused += 1
            continue
        held += got.latency_ms_low <= new.latency_ms <= got.latency_ms_high
        promised += got.coverage_percent / 100
    count = DRAWS - refused
    assert count > DRAWS / 4
    # Three deviations of a share of so many draws; never below what is proven, 1 − 2 (1 − coverage).
    deviation = np.sqrt(promised / count * (1 - promised / count) / count)
    assert held / count > promised / count - 3 * deviation


def test_refuses_a_kind_that_was_not_measured() -> None:
    with pytest.raises(EdgehybridError, match="No int8 network was measured") as caught:
        predict(calibration(), Work(int8_macs=10**7, bytes=10**6, operators=20), "new")
    assert caught.value.received == "new"
    assert "packed" in (caught.value.allowed or "")


def test_refuses_a_class_that_was_not_fitted() -> None:
    found = calibration()
    with pytest.raises(EdgehybridError, match="No measured packed network has int8 macs") as caught:
        predict(found, inside(found, 0.5)._replace(int8_macs=5000), "new")
    assert caught.value.received == "new: 5,000"


def test_work_of_no_amount_is_inside() -> None:
    found = calibration()
    assert predict(found, inside(found, 0.5)._replace(float_macs=0), "new").latency_ms_predicted > 0


@pytest.mark.parametrize("name", ["binary_macs", "float_macs", "bytes", "operators"])
@pytest.mark.parametrize("end", [0, 1])
def test_refuses_more_than_the_margin_outside_of_each_range(name: str, end: int) -> None:
    found = calibration()
    bound = found.kinds[0].ranges[name][end]
    factor = 1 + MARGIN if end else 1 / (1 + MARGIN)
    nearly, beyond = (round(bound * (1 + (factor - 1) * share)) for share in (0.8, 1.2))
    assert predict(found, inside(found, 0.5)._replace(**{name: nearly}), "new").latency_ms_predicted > 0
    with pytest.raises(EdgehybridError, match="outside of what was measured") as caught:
        predict(found, inside(found, 0.5)._replace(**{name: beyond}), "new")
    assert f"new: {beyond:,}" in (caught.value.received or "")
    assert f"{bound:,}" in (caught.value.allowed or "")


def test_each_kind_is_predicted_by_its_own_networks() -> None:
    both = samples(works(12, 1), PACKED_NS) + samples(works(12, 2, "float32"), FLOAT_NS)
    found = calibrate(both, "local", {})
    work = works(12, 2, "float32")[3]
    assert predict(found, work, "new").latency_ms_predicted == pytest.approx(time_ms(work, FLOAT_NS), rel=1e-6)
