"""A device learned from a few rows of its own, and all of another's."""

import json

import pytest
from calibration_samples import FLOAT_NS, PACKED_NS, time_ms, works
from report_samples import make_row, sha256_of

from edgehybrid.device.adapted_rows import LEAST_SAMPLES, adapt_rows, works_in
from edgehybrid.device.work import Work
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.results import Row
from edgehybrid.runs.run_folder import RunFolder

COUNT = 20
# Networks of two kinds: as fast on the desktop, and a tenth as fast in float32 on the board.
OF_BOTH = works(COUNT, 1) + works(COUNT, 2, "float32")
WORKS: dict[str, Work] = {sha256_of(f"net{number}"): work for number, work in enumerate(OF_BOTH)}
SLOW_FLOAT_NS = tuple(10 * ns for ns in FLOAT_NS)


def rows(device: str, float_ns: tuple[float, ...], every: int = 1) -> list[Row]:
    return [
        make_row(
            device=device,
            recipe=f"net{number}",
            recipe_sha256=sha256,
            model_sha256=sha256,
            format=work.kind,
            latency_ms_median=time_ms(work, PACKED_NS if work.kind == "packed" else float_ns),
        )
        for number, (sha256, work) in enumerate(WORKS.items())
        if number % every == 0
    ]


DESKTOP, BOARD = rows("desktop", FLOAT_NS), rows("board", SLOW_FLOAT_NS)
FEW = rows("board", SLOW_FLOAT_NS, every=3)


def test_learns_that_one_kind_is_slow() -> None:
    found = adapt_rows(DESKTOP + FEW, WORKS, "desktop", "board")
    assert (found.proxy, found.device, found.samples) == ("desktop", "board", len(FEW))
    assert found.rank_correlation is not None
    assert found.rank_correlation_left_out is not None
    assert found.rank_correlation < 0.9 < found.rank_correlation_left_out
    true_ms = {row.recipe: row.latency_ms_median for row in BOARD}
    assert {row.recipe for row, _ in found.predicted} == true_ms.keys() - {row.recipe for row in FEW}
    slow = [ms / (true_ms[row.recipe] or 0) for row, ms in found.predicted if row.format == "float32"]
    # The proxy itself is off by a factor of 10.
    assert sorted(slow)[len(slow) // 2] == pytest.approx(1, rel=0.5)


def test_what_was_measured_anywhere_else_changes_nothing() -> None:
    third = rows("third", FLOAT_NS)
    alone = adapt_rows(DESKTOP + FEW, WORKS, "desktop", "board")
    assert adapt_rows(third + DESKTOP + FEW, WORKS, "desktop", "board") == alone


def test_refuses_an_order_that_is_transferable() -> None:
    with pytest.raises(EdgehybridError, match="transferable as it is") as caught:
        adapt_rows(DESKTOP + rows("board", FLOAT_NS), WORKS, "desktop", "board")
    assert caught.value.received == f"rank correlation 1.000 of {2 * COUNT} networks"


def test_refuses_too_few_samples() -> None:
    # Of the four slowest, the order is turned.
    few = [row.model_copy(update={"latency_ms_median": 1 / (row.latency_ms_median or 1)}) for row in BOARD[:4]]
    with pytest.raises(EdgehybridError, match="too few networks to adapt") as caught:
        adapt_rows(DESKTOP + few, WORKS, "desktop", "board")
    assert (caught.value.received, caught.value.allowed) == ("4", f"at least {LEAST_SAMPLES}")


@pytest.mark.parametrize("names", [("laptop", "board"), ("desktop", "laptop")])
def test_refuses_a_device_without_rows(names: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="no rows of such a device") as caught:
        adapt_rows(DESKTOP + FEW, WORKS, *names)
    assert (caught.value.received, caught.value.allowed) == ("laptop", "board, desktop")


def test_the_work_of_rows_is_found_in_the_folder_of_runs(converted_run: RunFolder) -> None:
    model = converted_run.path / "model.packed.x86_64.tflite"
    sha256 = json.loads(model.with_suffix(".json").read_text())["model_sha256"]
    here = make_row(run=converted_run.name, model=model.name, model_sha256=sha256)
    other = make_row(run=converted_run.name, model=model.name, model_sha256="2" * 64, recipe="other")
    gone = make_row(run="gone", model_sha256="3" * 64, recipe="gone")
    found, absent = works_in(converted_run.path.parent, [here, other, gone, here])
    assert found.keys() == {sha256}
    assert found[sha256].kind == "packed"
    assert absent == ["other (packed)", "gone (packed)"]
