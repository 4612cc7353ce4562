"""What the panels of a run's curvature show, and when there are none."""

import math

import pytest
from epoch_lines import line_of

from edgehybrid.report.sharpness_plots import sharpness_panels
from edgehybrid.runs.epoch_line import Curvature, EpochLine


def measured(step: int, **figures: float | bool) -> Curvature:
    return Curvature.model_validate({"step": step, "seconds": 1.0, "stable_line": 20.0} | figures)


def epochs_of(*curvature: Curvature) -> list[EpochLine]:
    """Two measurements an epoch."""
    return [line_of(1 + i // 2, curvature=curvature[i : i + 2]) for i in range(0, len(curvature), 2)]


def test_sharpness_stands_beside_the_stable_line() -> None:
    (panel,) = sharpness_panels("a_run", epochs_of(*(measured(10 * i, sharpness=4.0 * i) for i in (1, 2, 3, 4))))
    assert panel.description == "a_run: curvature. Step 40: sharpness 16; stable line 20."
    # A curve of four points, a line of four, and a key for each.
    assert panel.svg.count('class="line s0"') == 2
    assert panel.svg.count('class="line s5 dashed"') == 2
    assert ">sharpness<" in panel.svg


def test_what_is_no_sharpness_is_not_called_so() -> None:
    figures = {
        "preconditioned": True,
        "surrogate_sharpness": 30.0,
        "straight_through_curvature": -5.0,
        "straight_through_residual": 0.5,
        "straight_through_asymmetry": 0.25,
    }
    eigenvalues, shares = sharpness_panels("a_run", epochs_of(measured(7, **figures)))
    assert eigenvalues.description == (
        "a_run: curvature, preconditioned. Step 7: sharpness of the smooth surrogate 30; "
        "curvature of the straight-through field -5; stable line 20."
    )
    assert shares.description == (
        "a_run: share, 0 … 1. Step 7: asymmetry of the straight-through field 0.25; its residual 0.5."
    )
    assert ">sharpness<" not in eigenvalues.svg


def test_a_stable_line_far_above_does_not_flatten_the_curve() -> None:
    far = [measured(step, sharpness=10.0, stable_line=line) for step, line in ((1, 15.0), (2, 1e6))]
    (panel,) = sharpness_panels("a_run", epochs_of(*far))
    assert "stable line 1e+06" in panel.description
    assert "1,000,000" not in panel.svg


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_left_out(value: float) -> None:
    assert sharpness_panels("a_run", epochs_of(measured(1, sharpness=value))) == ()
    (panel,) = sharpness_panels("a_run", epochs_of(measured(1, sharpness=value), measured(2, sharpness=3.0)))
    assert "nan" not in panel.svg
    assert "inf" not in panel.svg


def test_long_curves_are_thinned_and_keep_their_last_step() -> None:
    (panel,) = sharpness_panels("a_run", epochs_of(*(measured(i, sharpness=1.0 * i) for i in range(1, 1001))))
    assert panel.svg.count("L") <= 2 * 200 + 2
    assert "Step 1000: sharpness 1000" in panel.description


def test_a_run_without_measurements_has_no_panel() -> None:
    assert sharpness_panels("a_run", [line_of(1), line_of(2)]) == ()
