"""Lines of metrics.jsonl."""

import json
import math
from pathlib import Path

import pytest
from epoch_lines import health_of, line_of
from pydantic import ValidationError

from edgehybrid.runs.epoch_line import Curvature, EpochLine

COMMITTED = sorted(Path(__file__).parents[2].glob("benchmarks/**/metrics.jsonl"))


def test_what_is_written_is_read() -> None:
    line = line_of(3, top1_validation_percent=61.5, left_out_images=2, health={"conv2": health_of()}, hints=("a", "b"))
    assert EpochLine.model_validate_json(line.to_json()) == line


def test_measurements_of_curvature_are_read_as_they_were_written() -> None:
    sharp = Curvature(step=40, seconds=1.5, stable_line=math.inf, sharpness=19.5)
    smooth = Curvature(step=80, seconds=1.5, stable_line=20.0, preconditioned=True, surrogate_sharpness=3.0)
    line = line_of(1, curvature=(sharp, smooth))
    assert EpochLine.model_validate_json(line.to_json()) == line
    assert "straight_through" not in line.to_json()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_figure_that_is_not_finite_is_read_as_it_was_written(value: float) -> None:
    line = line_of(1, health={"conv2": health_of(alpha_drift_percent=value)})
    read = EpochLine.model_validate_json(line.to_json()).health["conv2"].alpha_drift_percent
    assert read == pytest.approx(value, nan_ok=True)


def test_a_line_leaves_out_what_its_training_does_not_have() -> None:
    found = json.loads(line_of(1).to_json())
    assert not {"top1_validation_percent", "left_out_images", "health", "hints", "curvature"} & found.keys()


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_lines_of_earlier_versions_are_read(path: Path) -> None:
    lines = [EpochLine.model_validate_json(text) for text in path.read_text().splitlines()]
    assert [line.epoch for line in lines] == list(range(1, len(lines) + 1))


@pytest.mark.parametrize(
    "changes", [{"epoch": "1"}, {"loss": None}, {"health": {"conv2": {"alpha": 1.0}}}, {"hints": [1]}, {"more": 1}]
)
def test_refuses_what_is_no_line(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EpochLine.model_validate_json(json.dumps(json.loads(line_of(1).to_json()) | changes))
