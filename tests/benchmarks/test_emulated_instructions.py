"""benchmarks/emulated_instructions.py: which counts it refuses, how it sums up and prints the others."""

from typing import Any

import numpy as np
import pytest
from emulated_instructions import CountError, agreement, arithmetic_instructions, check_counts, print_table, summary
from peaks import Work


def counted(**changes: Any) -> dict[str, Any]:
    """A network of three nodes in a delegate."""
    usual = {"instructions": [30, 10, 20], "clock_ns": [33, 11, 22], "delegate_nodes": 1, "graph_nodes": 3}
    return usual | {"regions": []} | changes


def found(loop: list[int], clock: list[int], **forms: Any) -> dict[str, Any]:
    return {"loop": {"expected": 1000, "instructions": loop, "clock_ns": clock}, "forms": forms}


TAKEN = [{"isa": "neon", "nodes": [0, 1, 2]}]


def test_good_counts_pass() -> None:
    check_counts(found([1000, 1009], [991], packed=counted(regions=TAKEN), int8=counted()))


@pytest.mark.parametrize(("loop", "clock"), [([1000, 1011], [1000]), ([1000], [989])])
def test_a_loop_that_is_off_by_more_than_a_hundredth_is_refused(loop: list[int], clock: list[int]) -> None:
    with pytest.raises(CountError, match=r"a loop of 1000 instructions came out as (1011|989)"):
        check_counts(found(loop, clock))


def test_a_twin_without_xnnpack_is_refused() -> None:
    with pytest.raises(CountError, match="int8: no delegate took a node of 3"):
        check_counts(found([], [], int8=counted(delegate_nodes=0)))


def test_a_packed_network_that_runs_partly_elsewhere_is_refused() -> None:
    with pytest.raises(CountError, match="our delegate took 2 of 3 nodes"):
        check_counts(found([], [], packed=counted(regions=[{"isa": "neon", "nodes": [0, 2]}])))


def test_summary_has_median_and_limits() -> None:
    row = summary(counted(regions=TAKEN))
    assert (row["least"], row["instructions"], row["most"], row["with_kernel"], row["runs"]) == (10, 20, 30, 22, 3)
    assert row["isa"] == "neon"
    assert summary(counted())["isa"] is None


def test_agreement_is_a_part_of_the_largest_logit() -> None:
    here = np.array([-4.0, 1.0, 2.0])
    assert agreement(here, here, None) == {"difference": 0, "logits": 3, "logits_differ": 0, "int8_steps": None}
    # 0.5 of 4, two steps of 0.25.
    apart = agreement(np.array([-4.0, 1.5, 2.0]), here, 0.25)
    assert apart == {"difference": 0.125, "logits": 3, "logits_differ": 1, "int8_steps": 2}


def test_arithmetic_is_three_instructions_a_register_of_bits_and_one_of_floats() -> None:
    assert arithmetic_instructions(Work(binary_macs=256, float_macs=12, weight_bytes=0)) == 2 * 3 + 3


def test_the_table_has_ratios_and_what_was_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    forms = {"packed": {"instructions": 2_000_000, "difference": 0.0}, "int8": {"instructions": 9_000_000}}
    rows = [{"cpu": "cortex-a72", "network": "net", "arithmetic": 500_000, "forms": forms}]
    print_table({"results": rows, "skipped": {"other": "no reason"}})
    head, row, skipped = capsys.readouterr().out.splitlines()
    assert head.split()[:6] == ["cpu", "network", "packed", "its", "MACs", "int8"]
    assert row.split()[:6] == ["cortex-a72", "net", "2.00", "25%", "9.0", "4.50x"]
    assert skipped == "other: skipped, no reason"
