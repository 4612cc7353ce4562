"""Step functions of one float, however they are written."""

import numpy as np
import pytest
from small_graphs import SmallGraph, run

from converters.quantisers import NoQuantiser, Quantiser, quantiser_of


def found(small: SmallGraph) -> Quantiser | NoQuantiser:
    return quantiser_of(small.graph, small.graph.outputs[0])


def quantiser(small: SmallGraph) -> Quantiser:
    result = found(small)
    assert isinstance(result, Quantiser)
    return result


@pytest.mark.parametrize("how", ["sign", "where_sign"])
def test_signs(how: str) -> None:
    small = SmallGraph(1, 4)
    getattr(small, how)(small.image)
    assert quantiser(small).is_sign
    assert quantiser(small).source is small.image


def test_a_sign_made_of_a_cast() -> None:
    """2 cast(x ≥ 0) - 1, which Larq's converter leaves in float32."""
    small = SmallGraph(1, 4)
    is_positive = small.add("GREATER_EQUAL", small.image, 0.0, type_name="bool")
    small.add("SUB", small.add("MUL", small.add("CAST", is_positive, shape=(1, 4)), 2.0), 1.0)
    assert quantiser(small).is_sign


def test_a_sign_of_its_own_threshold() -> None:
    """A scalar threshold belongs to the quantiser only where the shorter chain is none."""
    small = SmallGraph(1, 4)
    small.sign(small.add("SUB", small.image, 0.3))
    assert quantiser(small).source is not small.image
    assert quantiser(small).thresholds == (0.0,)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_thresholds_are_the_floats_where_the_value_changes(bits: int) -> None:
    """The float before each threshold has the value before it, in the interpreter too."""
    small = SmallGraph(1, 1)
    small.levels(small.image, bits)
    q = quantiser(small)
    assert len(q.thresholds) == 2**bits - 1
    assert (q.unit, q.offset) == (pytest.approx(1 / (2**bits - 1), rel=1e-6), 0)
    behind = np.array(q.thresholds, np.float32)
    before = np.nextafter(behind, np.float32(-np.inf))
    values = run(small.graph, np.concatenate([before, behind])[:, None])[:, 0]
    steps = np.rint((values / q.unit + len(q.thresholds)) / 2).astype(int).tolist()
    assert steps == [*range(len(behind)), *range(1, len(behind) + 1)]


def test_half_waves_have_an_offset() -> None:
    small = SmallGraph(1, 1)
    small.half_wave(small.image, 2)
    q = quantiser(small)
    # The float before 0.5, and 0.5, make 1.0: the nearest float.
    assert q.thresholds == (np.nextafter(np.float32(0.5), np.float32(0)), 1.5, 2.5)
    assert (q.unit, q.offset) == (0.5, 1.5)
    assert [q.level(value) for value in (0.0, 1.0, 2.0, 3.0, 0.5, 4.0, -1.0)] == [0, 1, 2, 3, None, None, None]


def test_values_may_fall() -> None:
    small = SmallGraph(1, 1)
    small.add("NEG", small.sign(small.image))
    q = quantiser(small)
    assert (q.thresholds, q.unit) == ((0.0,), -1.0)


def test_a_clip_may_belong_to_the_layer_before() -> None:
    """As a converter fuses it; beyond it a floor alone would have values without end."""
    small = SmallGraph(1, 1)
    clipped = small.add("ADD", small.image, 0.0, fused_activation_function=2)
    small.add("FLOOR", small.add("MUL", clipped, 0.999))
    q = quantiser(small)
    assert q.source is clipped
    assert q.thresholds == (0.0,)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda s: s.add("SIGN", s.image), "0 has a value of its own"),
        (lambda s: s.add("ABS", s.sign(s.image)), "rise and fall"),
        (lambda s: s.add("FLOOR", s.image), ""),
        (lambda s: s.add("RELU", s.image), ""),
        (lambda s: s.add("MUL", s.image, np.ones(4, np.float32)), ""),
        (lambda s: s.add("FLOOR", s.add("MINIMUM", s.add("ABS", s.image), 1.0)), "rise and fall"),
        (lambda s: s.add("MUL", s.add("MAXIMUM", s.levels(s.image, 2), -0.5), 1.0), "not evenly spaced"),
    ],
    ids=["tf.sign", "constant", "floor", "relu", "of each channel", "of the absolute value", "uneven"],
)
def test_what_is_none(build: object, reason: str) -> None:
    small = SmallGraph(1, 4)
    build(small)  # type: ignore[operator]
    result = found(small)
    assert isinstance(result, NoQuantiser)
    assert reason in result.reason
    assert bool(reason) == bool(result.reason)
