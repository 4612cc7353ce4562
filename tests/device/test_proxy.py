"""Rank correlation, what it declares, Pareto sets, and the devices of a results file."""

import csv
import os
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from report_samples import emulated_row, make_row
from scipy.stats import rankdata, spearmanr

from edgehybrid.device.adaptation import adapt, proxy_weights
from edgehybrid.device.proxy import (
    compare_devices,
    correlation_interval,
    is_transferable,
    pareto_set,
    rank_correlation,
    ranks,
    worst_ratio,
)
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.results import Row

VALUES = st.lists(st.integers(0, 9), min_size=2, max_size=12)
PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=12)


def split(pairs: list[tuple[int, int]]) -> tuple[Any, Any]:
    first, second = zip(*pairs, strict=True)
    return np.array(first, float), np.array(second, float)


@given(VALUES)
def test_ranks_are_scipys(values: list[int]) -> None:
    assert ranks(np.array(values, float)).tolist() == rankdata(values).tolist()


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [2.5, 1.0, 2.5, 4.0]


@given(PAIRS)
def test_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = split(pairs)
    assume(len(set(first)) > 1 and len(set(second)) > 1)
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second)[0], abs=1e-12)


def test_rank_correlation_by_hand() -> None:
    # Differences of ranks -1, 1, 0, -1, 1: 1 - 6·4 / (5·24).
    found = rank_correlation(np.array([1.0, 2, 3, 4, 5]), np.array([20.0, 10, 30, 50, 40]))
    assert found == pytest.approx(0.8, abs=1e-15)


@given(PAIRS)
def test_only_the_order_counts(pairs: list[tuple[int, int]]) -> None:
    first, second = split(pairs)
    correlation = rank_correlation(first, second)
    assert rank_correlation(np.exp(first), second) == correlation
    assert rank_correlation(second, first) == correlation
    if correlation is not None:
        assert rank_correlation(-first, second) == pytest.approx(-correlation, abs=1e-12)


def test_without_an_order_there_is_no_correlation() -> None:
    assert rank_correlation(np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0])) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_what_has_no_rank(value: float) -> None:
    with pytest.raises(UsageError, match="has no rank"):
        rank_correlation(np.array([1.0, value]), np.array([1.0, 2.0]))


def test_refuses_different_lengths() -> None:
    with pytest.raises(UsageError, match="of the same networks"):
        rank_correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("correlation", "answer"), [(1.0, True), (0.9, True), (0.8999, False), (-1.0, False), (None, False)]
)
def test_an_order_is_transferable_from_0_9_on(correlation: float | None, answer: bool) -> None:
    assert is_transferable(correlation) is answer


@given(st.floats(-1, 1), st.integers(4, 100))
def test_an_interval_holds_its_correlation_and_shrinks_with_more_networks(correlation: float, networks: int) -> None:
    few, many = correlation_interval(correlation, networks), correlation_interval(correlation, 4 * networks)
    assert few is not None
    assert many is not None
    assert -1 <= few[0] <= correlation <= few[1] <= 1
    assert many[1] - many[0] < few[1] - few[0]


def test_three_networks_tell_no_interval() -> None:
    assert correlation_interval(0.5, 3) is None


def test_the_interval_holds_in_19_of_20_samples() -> None:
    """Of two normal variables with the correlation 0.8, whose rank correlation is 6/π · arcsin(0.4)."""
    rng = np.random.default_rng(3)
    true, draws, held = 6 / np.pi * np.arcsin(0.4), 2000, 0
    for _ in range(draws):
        first, other = rng.standard_normal((2, 24))
        correlation = rank_correlation(first, 0.8 * first + 0.6 * other)
        assert correlation is not None
        low, high = correlation_interval(correlation, 24) or (0.0, 0.0)
        held += low <= true <= high
    # Three deviations of a share of 2,000 draws are 1.5 %; the formula itself is an approximation.
    assert held / draws == pytest.approx(0.95, abs=0.025)


@given(PAIRS)
def test_nothing_beats_a_member_of_the_pareto_set_and_something_beats_all_others(pairs: list[tuple[int, int]]) -> None:
    latencies, quality = split(pairs)
    found = set(pareto_set(latencies, quality))

    def is_beaten(one: int) -> bool:
        return any(
            latencies[other] <= latencies[one]
            and quality[other] >= quality[one]
            and (latencies[other], quality[other]) != (latencies[one], quality[one])
            for other in range(len(pairs))
        )

    assert found == {one for one in range(len(pairs)) if not is_beaten(one)}


@given(PAIRS)
def test_devices_of_one_order_have_one_pareto_set(pairs: list[tuple[int, int]]) -> None:
    latencies, quality = split(pairs)
    other = np.exp(latencies)
    assert set(pareto_set(latencies, quality)) == set(pareto_set(other, quality))
    assert worst_ratio(pareto_set(latencies, quality), other, quality) == 1


@given(PAIRS, st.randoms())
def test_a_foreign_pareto_set_is_never_faster(pairs: list[tuple[int, int]], random: Any) -> None:
    latencies, quality = split(pairs)
    foreign = list(latencies + 1)
    random.shuffle(foreign)
    assert worst_ratio(pareto_set(np.array(foreign), quality), latencies + 1, quality) >= 1


def rows(device: str, times: dict[str, float], file_format: str = "packed", **changes: Any) -> list[Row]:
    """A row for each network; the sixty-fourth of its name is the hash of the recipe."""
    return [
        make_row(
            device=device, recipe=name, recipe_sha256=name * 64, format=file_format, latency_ms_median=ms, **changes
        )
        for name, ms in times.items()
    ]


TIMES = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0}


def test_two_devices_of_one_order() -> None:
    slower = {name: 7 * ms for name, ms in TIMES.items()}
    everything, packed = compare_devices(rows("pi4", TIMES) + rows("a53", slower))
    assert (everything.first, everything.second) == ("a53", "pi4")
    assert (everything.kind, packed.kind) == ("all", "packed")
    assert everything.networks == 5
    assert everything.rank_correlation == 1
    assert everything.transferable
    # All rows have one accuracy, so the fastest network beats the others on both.
    assert everything.as_dict()["pareto_networks"] == 1
    assert everything.as_dict()["pareto_shared"] == 1
    assert everything.as_dict()["pareto_worst_ratio"] == 1


def test_order_that_breaks_at_the_border_between_kinds() -> None:
    """Each kind in one order on both, but int8 is slow on one of them."""
    on_pi = rows("pi4", TIMES) + rows("pi4", {n: 10 + t for n, t in TIMES.items()}, "int8")
    on_amx = rows("amx", TIMES) + rows("amx", {n: t / 10 for n, t in TIMES.items()}, "int8")
    everything, int8, packed = compare_devices(on_pi + on_amx)
    assert (int8.kind, int8.transferable, packed.kind, packed.transferable) == ("int8", True, "packed", True)
    assert everything.networks == 10
    assert not everything.transferable


def test_a_pareto_set_that_is_not_that_of_the_other_device() -> None:
    accuracy = {"a": 50.0, "b": 60.0, "c": 70.0}
    first = [
        row.model_copy(update={"top1_percent": accuracy[row.recipe or ""]})
        for row in rows("x", {"a": 1, "b": 2, "c": 3})
    ]
    second = [
        row.model_copy(update={"top1_percent": accuracy[row.recipe or ""]})
        for row in rows("y", {"a": 9, "b": 6, "c": 3})
    ]
    everything, _ = compare_devices(first + second)
    assert everything.rank_correlation == -1
    # All three are in the set of x; c alone is in that of y, and x has it.
    assert everything.pareto == (3, 1, 1.0)
    turned, _ = compare_devices(
        [row.model_copy(update={"device": {"x": "y", "y": "x"}[row.device]}) for row in first + second]
    )
    # From y's set, c has to do for a on x: 3 ms in place of 1.
    assert turned.pareto == (1, 1, 3.0)


def test_without_an_accuracy_there_is_no_pareto_set() -> None:
    everything, _ = compare_devices(rows("x", TIMES, top1_percent=None) + rows("y", TIMES))
    assert everything.pareto is not None
    nothing, _ = compare_devices(rows("x", TIMES, top1_percent=None) + rows("y", TIMES, top1_percent=None))
    assert nothing.as_dict()["pareto_shared"] is None


def test_two_networks_tell_no_correlation() -> None:
    everything, _ = compare_devices(rows("x", {"a": 1, "b": 2}) + rows("y", TIMES))
    assert (everything.networks, everything.rank_correlation, everything.transferable) == (2, None, False)


def test_the_newest_row_counts() -> None:
    old = rows("x", {name: 9 - ms for name, ms in TIMES.items()})
    everything, _ = compare_devices(old + rows("x", TIMES) + rows("y", TIMES))
    assert everything.rank_correlation == 1


def test_this_machine_is_another_device_for_each_processor() -> None:
    here, there = rows("local", TIMES, board={"cpu": "Xeon"}), rows("local", TIMES, board={"cpu": "Cortex-A72"})
    everything, _ = compare_devices(here + there)
    assert (everything.first, everything.second) == ("local (Cortex-A72)", "local (Xeon)")


@pytest.mark.parametrize(
    "other",
    [
        [],
        rows("y", {"z": 1.0}),
        rows("y", TIMES, "int8"),
        rows("y", TIMES, threads=4),
        rows("y", TIMES, verdict="invalid"),
        [emulated_row(device="y", recipe=name, recipe_sha256=name * 64) for name in TIMES],
    ],
    ids=["one device", "recipe", "format", "threads", "invalid", "emulated"],
)
def test_refuses_devices_without_a_network_in_common(other: list[Row]) -> None:
    with pytest.raises(EdgehybridError, match="No two devices have measured the same network"):
        compare_devices(rows("x", TIMES) + other)


# The latencies of 1,999 architectures on 18 devices that Lu et al. published, beside the folder of CIFAR-100.
REAL = Path(os.environ.get("EDGEHYBRID_DATA", "absent")).resolve().parent / "proxy_latency"
needs_real_devices = pytest.mark.skipif(
    not REAL.is_dir(), reason="needs proxy_latency beside the folder EDGEHYBRID_DATA"
)


def real_latencies() -> dict[str, Any]:
    with (REAL / "latency_ms.csv").open() as file:
        found = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in found]) for name in found[0] if name != "architecture"}


@needs_real_devices
@pytest.mark.parametrize(
    ("first", "second", "correlation"),
    [
        ("rice_raspi4", "true_a76", 0.919),
        ("rice_raspi4", "rice_pixel3", 0.921),
        ("rice_raspi4", "rice_fpga", 0.921),
        ("rice_raspi4", "eagle_i7", 0.681),
        ("true_a76", "true_630", 0.971),
        ("true_a76", "true_vpu", 0.742),
        ("true_vpu", "eagle_gtx", 0.691),
    ],
)
def test_real_devices_correlate_as_published(first: str, second: str, correlation: float) -> None:
    latencies = real_latencies()
    found = rank_correlation(latencies[first], latencies[second])
    assert found is not None
    assert round(found, 3) == correlation
    assert is_transferable(found) is (correlation >= 0.9)


@needs_real_devices
def test_between_real_devices_of_one_order_a_pareto_set_costs_less() -> None:
    """Of all 306 ordered pairs, with an accuracy that grows with the mean rank of latencies, and noise in it."""
    # -1 stands for networks that the edge TPU did not run.
    latencies = real_latencies()
    runs = np.all([times > 0 for times in latencies.values()], axis=0)
    latencies = {device: times[runs] for device, times in latencies.items()}
    work = np.mean([ranks(times) for times in latencies.values()], axis=0) / runs.sum()
    quality = work + np.random.default_rng(0).normal(0, 0.1, len(work))
    costs: dict[bool, list[float]] = {True: [], False: []}
    for proxy, device in permutations(latencies, 2):
        answer = is_transferable(rank_correlation(latencies[proxy], latencies[device]))
        costs[answer].append(worst_ratio(pareto_set(latencies[proxy], quality), latencies[device], quality))
    assert len(costs[True]) == 46
    assert np.median(costs[True]) < 1.25 < np.median(costs[False])


@needs_real_devices
def test_real_devices_are_adapted_from_60_samples_as_published() -> None:
    """From the VPU to the desktop GPU: 0.691 before, 0.869 in the one draw of samples that the authors show."""
    latencies = real_latencies()
    encodings = np.loadtxt(REAL / "encoding.csv", delimiter=",")
    weights = proxy_weights(encodings, latencies["true_vpu"])
    own = rank_correlation(encodings @ weights, latencies["true_vpu"])
    assert own is not None
    # The linear model on the proxy itself.
    assert round(own, 3) == 0.968
    after = []
    for seed in range(40):
        order = np.random.default_rng(seed).permutation(len(encodings))
        few, further, rest = order[:60], order[60:70], order[70:]
        target = latencies["eagle_gtx"]
        model = adapt(weights, encodings[few], target[few], encodings[further], target[further])
        after.append(rank_correlation(model(encodings[rest]), target[rest]) or 0.0)
    # Draws differ by some 0.04; their mean is that of 40.
    assert np.mean(after) == pytest.approx(0.869, abs=0.02)
    low, high = np.quantile(after, [0.25, 0.75])
    assert low < 0.869 < high
