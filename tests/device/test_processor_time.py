"""What others took of the processor."""

import time
from pathlib import Path

import pytest

from edgehybrid.device import processor_time as module
from edgehybrid.device.processor_time import ProcessorTime, processor_time, share_meanwhile, share_of_others


@pytest.mark.parametrize(
    ("busy", "own", "share"),
    [
        (3.0, 1.0, 0.5),  # 2 of 4 seconds of two cores
        (1.0, 1.0, 0.0),
        (0.99, 1.0, 0.0),  # a tick too few
        (9.0, 1.0, 1.0),
    ],
)
def test_the_share_is_what_was_busy_and_not_our_own(busy: float, own: float, share: float) -> None:
    began = ProcessorTime(100.0, 10.0, 1000.0)
    assert share_of_others(began, ProcessorTime(100 + busy, 10 + own, 1002.0), cores=2) == pytest.approx(share)


@pytest.mark.parametrize(
    ("warm_wall", "share"),
    [
        (1001.0, 0.75),  # 1.5 of 2 seconds of two cores, while all of it was 2 of 4
        (1001.6, 0.5),  # too short to tell
        (None, 0.5),
    ],
)
def test_who_comes_after_the_warm_up_is_not_thinned_out(warm_wall: float | None, share: float) -> None:
    began, ended = ProcessorTime(100.0, 10.0, 1000.0), ProcessorTime(103.0, 11.0, 1002.0)
    warm = None if warm_wall is None else ProcessorTime(101.0, 10.5, warm_wall)
    assert share_meanwhile(began, warm, ended, cores=2) == pytest.approx(share)


def test_without_counters_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STAT", tmp_path / "absent")
    assert processor_time() is None
    assert share_of_others(None, ProcessorTime(1, 1, 1), 1) is None


@pytest.mark.parametrize("text", ["", "intr 1 2 3", "cpu 1 2 3"])
def test_a_file_of_another_form_tells_nothing(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stat").write_text(text)
    monkeypatch.setattr(module, "STAT", tmp_path / "stat")
    assert processor_time() is None


def test_waiting_and_idling_are_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice, in ticks of 10 ms.
    (tmp_path / "stat").write_text("cpu  100 200 300 9999 9999 10 20 30 7 7\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    monkeypatch.setattr(module, "STAT", tmp_path / "stat")
    monkeypatch.setattr("os.sysconf", lambda _: 100)
    found = processor_time()
    assert found is not None
    assert found.busy == pytest.approx(6.6)


def test_our_own_work_is_not_that_of_others() -> None:
    began = processor_time()
    if began is None:
        pytest.skip("needs /proc/stat")
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    ended = processor_time()
    assert ended is not None
    # Whatever else runs here, at least a tick or two less than all of it is ours.
    assert ended.own - began.own >= 0.29
