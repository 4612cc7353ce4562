"""Many models on many devices: what fails costs the rest nothing."""

from pathlib import Path
from typing import Any

import pytest

from edgehybrid import results
from edgehybrid.device import campaign as module
from edgehybrid.device.bench import Benchmark
from edgehybrid.device.campaign import Outcome, Plan, Settings, campaign
from edgehybrid.device.transport import TransportError
from edgehybrid.errors import EdgehybridError
from edgehybrid.runs.artefact import Artefact


@pytest.fixture
def plan(artefact: Artefact, tmp_path: Path) -> Plan:
    """The same flatbuffer as two models."""
    models = [(name, lambda _: artefact) for name in "ab"]
    return Plan(models, lambda _: [], Settings(threads=1, sessions=1, runs=3), tmp_path / "results.sqlite")


def test_rows_are_appended_as_soon_as_they_are_made(plan: Plan) -> None:
    counts: list[int] = []
    outcomes = campaign(plan, ["local"], lambda _: counts.append(len(results.read(plan.store))))
    assert counts == [1, 2]
    assert [outcome.model for outcome in outcomes] == ["a", "b"]


def test_what_was_measured_before_is_left_out_if_told_and_no_twin_is_made_for_it(plan: Plan) -> None:
    campaign(plan._replace(models=plan.models[:1]), ["local"])
    again = plan._replace(resume=True, rivals=lambda _: pytest.fail("a twin was asked for"))
    assert campaign(again, ["local"]) == [Outcome("local", name, is_known=True) for name in "ab"]
    (other,) = campaign(plan._replace(models=plan.models[:1], settings=Settings(1, 1, 4), resume=True), ["local"])
    assert not other.is_known


def test_rivals_are_measured_in_turns_with_a_model(plan: Plan, artefact: Artefact) -> None:
    (outcome,) = campaign(plan._replace(models=plan.models[:1], rivals=lambda _: [artefact]), ["local"])
    assert outcome.benchmark is not None
    assert (len(outcome.benchmark.rows), len(outcome.benchmark.ratios)) == (2, 1)


def test_a_model_that_fails_leaves_the_others(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.benchmark_together
    calls = iter([EdgehybridError("no"), None])

    def measured(*arguments: Any) -> Benchmark:
        if error := next(calls):
            raise error
        return real(*arguments)

    monkeypatch.setattr(module, "benchmark_together", measured)
    bad, good = campaign(plan, ["local"])
    assert bad.error is not None
    assert good.benchmark is not None


def test_what_is_interrupted_begins_nothing_more(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches the main thread while a device's thread measures."""
    begun: list[str] = []

    def measured(*_: Any) -> Benchmark:
        begun.append("x")
        return Benchmark([], [])

    def interrupt(_: Outcome) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "benchmark_together", measured)
    with pytest.raises(KeyboardInterrupt):
        campaign(plan, ["local"], interrupt)
    assert begun == ["x"]


def test_a_device_that_is_lost_keeps_its_rows_and_leaves_the_other_devices(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first device is lost at its second model; another was never there."""
    real_reached, real = module.reached, module.benchmark_together
    calls: list[str] = []

    def reached(device: str) -> Any:
        return real_reached("nobody" if device == "gone" else "local")

    def measured(machine: Any, *arguments: Any) -> Benchmark:
        calls.append("x")
        if len(calls) == 2:
            raise TransportError("The connection to the board was lost.")
        return real(machine, *arguments)

    monkeypatch.setattr(module, "reached", reached)
    monkeypatch.setattr(module, "benchmark_together", measured)
    lost, others = campaign(plan, ["lost"]), campaign(plan, ["gone", "well"])
    assert [(each.model, each.error is None) for each in lost] == [("a", True), (None, False)]
    assert [(each.device, each.model, each.error is None) for each in others] == [
        ("gone", None, False),
        ("local", "a", True),
        ("local", "b", True),
    ]
    assert len(results.read(plan.store)) == 3
